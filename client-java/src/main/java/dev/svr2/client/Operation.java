// SPDX-License-Identifier: Apache-2.0
//
// One operation under way: where its work runs, its clock, and whether it was given up. All waiting
// in the library goes through here, so that no thread belongs to a session.
package dev.svr2.client;

import dev.svr2.client.internal.Futures;
import dev.svr2.client.transport.TransportException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** Thread-safe; the steps of one operation run one after the other, on its executor. */
final class Operation {
  /** A step that can fail as a session can. */
  interface Step<A, B> {
    B apply(A in) throws FailureException, TransportException;
  }

  private final Executor executor;
  private final ScheduledExecutorService timer;

  /** The last future waited for; steps come one after the other, so one is enough. */
  private CompletableFuture<?> awaited;

  private TransportException givenUp;

  Operation(Executor executor, ScheduledExecutorService timer) {
    this.executor = executor;
    this.timer = timer;
  }

  /** Runs the first step on the executor. */
  <T> CompletableFuture<T> start(Step<Void, CompletableFuture<T>> step) {
    return CompletableFuture.<Void>completedFuture(null)
        .thenComposeAsync(nothing -> run(step, null), executor);
  }

  /** Goes on when the one before succeeded, on the thread where that became known. */
  static <A, B> CompletableFuture<B> then(
      CompletableFuture<A> before, Step<A, CompletableFuture<B>> step) {
    return before.thenCompose(value -> run(step, value));
  }

  /** The same for a step that does not wait. */
  static <A, B> CompletableFuture<B> map(CompletableFuture<A> before, Step<A, B> step) {
    return before.thenCompose(
        value -> run(in -> CompletableFuture.completedFuture(step.apply(in)), value));
  }

  /** Goes on in another way when the one before failed; the step gets the cause. */
  static <T> CompletableFuture<T> recover(
      CompletableFuture<T> before, Function<Throwable, CompletableFuture<T>> step) {
    CompletableFuture<T> result = new CompletableFuture<>();
    Futures.listen(
        before,
        (value, failure) -> {
          if (failure == null) {
            result.complete(value);
            return;
          }
          try {
            pass(step.apply(cause(failure)), result);
          } catch (RuntimeException e) {
            result.completeExceptionally(e);
          }
        });
    return result;
  }

  private static <T> void pass(CompletableFuture<T> from, CompletableFuture<T> to) {
    Futures.listen(
        from,
        (value, failure) -> {
          if (failure == null) {
            to.complete(value);
          } else {
            to.completeExceptionally(cause(failure));
          }
        });
  }

  private static <A, B> CompletableFuture<B> run(Step<A, CompletableFuture<B>> step, A in) {
    try {
      return step.apply(in);
    } catch (FailureException | TransportException e) {
      return Futures.failed(e);
    }
  }

  /**
   * What the transport promised, at the latest after that time; what follows runs on the executor.
   *
   * @return fails with a {@link TransportException}
   */
  <T> CompletableFuture<T> await(CompletableFuture<T> promised, Duration timeout) {
    CompletableFuture<T> result = awaited();
    ScheduledFuture<?> alarm =
        timer.schedule(
            () -> result.completeExceptionally(TransportException.timeout(timeout)),
            timeout.toNanos(),
            TimeUnit.NANOSECONDS);
    Futures.listen(
        promised,
        (value, failure) -> {
          if (failure == null) {
            result.complete(value);
          } else {
            result.completeExceptionally(TransportException.of(failure));
          }
        });
    return onExecutor(result, alarm);
  }

  /** Done after that time; what follows runs on the executor. Fails when given up. */
  CompletableFuture<Void> pause(Duration time) {
    CompletableFuture<Void> result = awaited();
    ScheduledFuture<?> alarm =
        timer.schedule(() -> result.complete(null), time.toNanos(), TimeUnit.NANOSECONDS);
    return onExecutor(result, alarm);
  }

  private <T> CompletableFuture<T> onExecutor(
      CompletableFuture<T> result, ScheduledFuture<?> alarm) {
    return result.whenCompleteAsync((value, failure) -> alarm.cancel(false), executor);
  }

  /** A future that {@link #giveUp} ends. */
  private <T> CompletableFuture<T> awaited() {
    CompletableFuture<T> future = new CompletableFuture<>();
    TransportException ended;
    synchronized (this) {
      awaited = future;
      ended = givenUp;
    }
    if (ended != null) {
      future.completeExceptionally(ended);
    }
    return future;
  }

  /** Ends all waiting, now and later: the operation ends soon, with what is known. */
  void giveUp() {
    TransportException how = TransportException.interrupted();
    CompletableFuture<?> now;
    synchronized (this) {
      if (givenUp != null) {
        return;
      }
      givenUp = how;
      now = awaited;
    }
    if (now != null) {
      now.completeExceptionally(how);
    }
  }

  synchronized boolean isGivenUp() {
    return givenUp != null;
  }

  /** What a step failed with, without the wrapping of futures. */
  static Throwable cause(Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }
}
