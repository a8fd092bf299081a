// SPDX-License-Identifier: Apache-2.0
//
// What one client saw of one id, and whether any group that keeps its word could have shown that.
package dev.svr2.host.chaos;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * One operation at a time, each answered, not applied or unknown. An operation whose outcome is
 * unknown may take effect at any later moment, once, or never: a replica that was held up may still
 * pass it on. Kept is every state the row can be in; an answer that fits none of them is a
 * violation. For one thread at a time.
 */
final class History {
  /** The answer is one that no group may give. */
  static final class Violation extends RuntimeException {
    private static final long serialVersionUID = 1;

    Violation(String text) {
      super(text);
    }
  }

  /**
   * @param pending bit i: operation i of {@link #unknown} has not taken effect
   */
  private record State(Model.Row row, long pending) {}

  private static final int UNKNOWN_MAX = 6;
  private static final int SHOWN_MAX = 60;

  private final String name;
  private final List<Model.Operation> unknown = new ArrayList<>();
  private final Deque<String> shown = new ArrayDeque<>();
  private Set<State> states = Set.of(new State(null, 0));
  private int guessesAllowed;
  private int guessesTold;

  History(String name) {
    this.name = name;
  }

  /** So many outcomes are unknown that answers tell little: the client takes another id. */
  boolean isBlurred() {
    return unknown.size() >= UNKNOWN_MAX;
  }

  /** An answer came. */
  void answered(Model.Operation operation, Model.Answer answer) {
    show(operation + " -> " + answer);
    Set<State> next = new HashSet<>();
    for (State state : reachable()) {
      Model.Effect effect = operation.on(state.row());
      if (effect.answer().equals(answer)) {
        next.add(new State(effect.row(), state.pending()));
      }
    }
    if (next.isEmpty()) {
      throw violation("no group that keeps its word gives this answer");
    }
    states = next;
    audit(operation, answer);
  }

  /** The client was told that nothing was applied. */
  void notApplied(Model.Operation operation, String why) {
    show(operation + " -> not applied: " + why);
  }

  /** The client was told nothing for certain. */
  void unknown(Model.Operation operation, String why) {
    show(operation + " -> unknown: " + why);
    if (operation instanceof Model.Backup backup) {
      guessesAllowed += backup.maxTries();
    }
    if (!operation.changes()) {
      return;
    }
    if (unknown.size() == Long.SIZE - 1) {
      throw violation("too much is unknown");
    }
    long bit = 1L << unknown.size();
    unknown.add(operation);
    Set<State> next = new HashSet<>();
    for (State state : states) {
      next.add(new State(state.row(), state.pending() | bit));
    }
    states = next;
  }

  /** What happened that a client cannot explain, an answer that is no answer for example. */
  Violation violation(String text) {
    return new Violation(
        "id %s: %s%npossible before the last: %s%n%s"
            .formatted(name, text, states, String.join("\n", shown)));
  }

  /** States after any of the pending operations took effect, in any order. */
  private Set<State> reachable() {
    Set<State> seen = new HashSet<>(states);
    Deque<State> work = new ArrayDeque<>(states);
    while (!work.isEmpty()) {
      State state = work.pop();
      for (int i = 0; i < unknown.size(); i++) {
        long bit = 1L << i;
        if ((state.pending() & bit) != 0) {
          Model.Row row = unknown.get(i).on(state.row()).row();
          State after = new State(row, state.pending() & ~bit);
          if (seen.add(after)) {
            work.push(after);
          }
        }
      }
    }
    return seen;
  }

  /**
   * design.md §7, 1, counted without the model: between two backups no more wrong guesses are told
   * than the first one allows, those of backups in doubt included.
   */
  private void audit(Model.Operation operation, Model.Answer answer) {
    if (operation instanceof Model.Backup backup) {
      // What backups in doubt allow stays allowed: they may take effect after this one.
      guessesTold = 0;
      guessesAllowed = backup.maxTries() + inDoubt();
    }
    if (answer.word() == Model.Word.WRONG_PIN && ++guessesTold >= Math.max(1, guessesAllowed)) {
      throw violation(
          "%d wrong guesses were told where backups allow fewer than %d"
              .formatted(guessesTold, guessesAllowed));
    }
  }

  private int inDoubt() {
    return unknown.stream()
        .filter(Model.Backup.class::isInstance)
        .mapToInt(operation -> ((Model.Backup) operation).maxTries())
        .sum();
  }

  private void show(String line) {
    shown.add(line);
    if (shown.size() > SHOWN_MAX) {
      shown.remove();
    }
  }

  /** The row is surely this and nothing is pending. Null: not sure, or nothing there. */
  Model.Row certainRow() {
    if (states.size() != 1) {
      return null;
    }
    State only = states.iterator().next();
    return only.pending() == 0 ? only.row() : null;
  }
}
