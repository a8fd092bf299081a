// SPDX-License-Identifier: Apache-2.0
//
// The enclave's questions for a way to one peer that have no answer yet.
package dev.svr2.host.peer;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Consumer;

/** Not thread-safe: its link's lock guards it. Answers are given outside of that lock. */
final class RouteQuestions {
  /** Those that wait at most; an enclave asks once for each source that it tries. */
  private static final int MAX_WAITING = 64;

  private record Question(Consumer<Boolean> asker, long deadlineNanos) {}

  /** Who is to be answered. */
  record Answer(List<Consumer<Boolean>> askers) {
    void give(boolean reachable) {
      askers.forEach(asker -> asker.accept(reachable));
    }
  }

  private final List<Question> waiting = new ArrayList<>();

  /** False when too many wait. */
  boolean add(Consumer<Boolean> asker, long deadlineNanos) {
    return waiting.size() < MAX_WAITING && waiting.add(new Question(asker, deadlineNanos));
  }

  boolean isEmpty() {
    return waiting.isEmpty();
  }

  Answer takeAll() {
    Answer all = new Answer(waiting.stream().map(Question::asker).toList());
    waiting.clear();
    return all;
  }

  Answer takeLate(long now) {
    List<Consumer<Boolean>> late = new ArrayList<>();
    for (Iterator<Question> it = waiting.iterator(); it.hasNext(); ) {
      Question question = it.next();
      if (question.deadlineNanos() - now <= 0) {
        it.remove();
        late.add(question.asker());
      }
    }
    return new Answer(late);
  }
}
