// SPDX-License-Identifier: Apache-2.0
//
// The addresses of one group, and in which order an operation asks them. Source: protocol.md §2:
// what was sent decides what may be asked elsewhere.
package dev.svr2.client;

import dev.svr2.client.internal.Futures;
import dev.svr2.client.transport.Transport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.function.Predicate;

/** Remembers which address answered last and starts there. Thread-safe. */
final class Addresses {
  private static final int DOUBLINGS_MAX = 6;

  private final List<Transport> all;
  private final int rounds;
  private final Duration pause;
  private volatile int preferred;

  /**
   * In the order given.
   *
   * @param rounds how often a repeatable operation goes through all of them
   * @param pause before the second round, doubled each time
   */
  Addresses(List<Transport> all, int rounds, Duration pause) {
    this.all = new ArrayList<>(all);
    this.rounds = rounds;
    this.pause = pause;
  }

  /** Whether something that failed so may be asked again elsewhere. */
  interface MayRepeat extends Predicate<FailureException> {}

  /** For what must not reach two replicas: goes on only as long as nothing was sent. */
  static final MayRepeat UNSENT = failure -> !failure.requestLeft();

  /** For what harms nobody when done twice. */
  static final MayRepeat ALWAYS = failure -> true;

  /** Asks each address until one answers; in several rounds. */
  <T> CompletableFuture<T> ask(
      Operation operation, MayRepeat mayRepeat, Function<Transport, CompletableFuture<T>> attempt) {
    return new Asking<>(operation, rounds, mayRepeat, attempt).next(0, 0);
  }

  /** Asks each address once at most, and goes on only as long as nothing was sent. */
  <T> CompletableFuture<T> askOnce(
      Operation operation, Function<Transport, CompletableFuture<T>> attempt) {
    return new Asking<>(operation, 1, UNSENT, attempt).next(0, 0);
  }

  /** One operation's way through the addresses. */
  private final class Asking<T> {
    private final Operation operation;
    private final int rounds;
    private final MayRepeat mayRepeat;
    private final Function<Transport, CompletableFuture<T>> attempt;

    /** Those not yet found unfit, as indexes, the preferred one first. */
    private final List<Integer> left = new ArrayList<>();

    Asking(
        Operation operation,
        int rounds,
        MayRepeat mayRepeat,
        Function<Transport, CompletableFuture<T>> attempt) {
      this.operation = operation;
      this.rounds = rounds;
      this.mayRepeat = mayRepeat;
      this.attempt = attempt;
      int first = preferred;
      for (int i = 0; i < all.size(); i++) {
        left.add((first + i) % all.size());
      }
    }

    CompletableFuture<T> next(int round, int position) {
      int address = left.get(position);
      CompletableFuture<T> answer =
          Operation.map(
              attempt.apply(all.get(address)),
              value -> {
                preferred = address;
                return value;
              });
      return Operation.recover(answer, cause -> failed(round, position, cause));
    }

    private CompletableFuture<T> failed(int round, int position, Throwable cause) {
      if (!(cause instanceof FailureException)) {
        return Futures.failed(cause);
      }
      FailureException failure = (FailureException) cause;
      int following = position + 1;
      if (isUnfit(failure)) {
        left.remove(position);
        following = position;
      } else if (!isPassing(failure.failure())) {
        return Futures.failed(failure);
      }
      if (!mayRepeat.test(failure) || left.isEmpty() || operation.isGivenUp()) {
        return Futures.failed(failure);
      }
      if (following < left.size()) {
        return next(round, following);
      }
      if (round + 1 == rounds) {
        return Futures.failed(failure);
      }
      Duration time = Duration.ofMillis(pause.toMillis() << Math.min(round, DOUBLINGS_MAX));
      return operation
          .pause(time)
          .handle((nothing, interrupted) -> interrupted == null)
          .thenCompose(passed -> passed ? next(round + 1, 0) : Futures.<T>failed(failure));
    }
  }

  /** Trouble that may be over when asked again. */
  private static boolean isPassing(Failure failure) {
    return failure instanceof Failure.NotApplied || failure instanceof Failure.Unknown;
  }

  /** Trouble of this address alone: another program, another group, no server of ours at all. */
  private static boolean isUnfit(FailureException failure) {
    return !failure.requestLeft()
        && (failure.failure() instanceof Failure.Refused
            || failure.failure() instanceof Failure.ProtocolViolation
            || failure.failure() instanceof Failure.Rejected);
  }
}
