// SPDX-License-Identifier: Apache-2.0
//
// The threads of clients that were given none, shared by all of them, and the way in which a
// synchronous call uses the caller's own.
package dev.svr2.client;

import dev.svr2.client.internal.Futures;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/** Daemon threads that end when idle. Stateless but for the shared pools. */
final class Threads {
  private static final int POOL_MAX_THREADS = 4;
  private static final int IDLE_SECONDS = 10;

  /** Made when first used. */
  private static final class Pool {
    static final Executor INSTANCE = make();

    private static Executor make() {
      int threads = Math.min(POOL_MAX_THREADS, Runtime.getRuntime().availableProcessors());
      ThreadPoolExecutor pool =
          new ThreadPoolExecutor(
              threads,
              threads,
              IDLE_SECONDS,
              TimeUnit.SECONDS,
              new LinkedBlockingQueue<>(),
              named("svr2-client-"));
      pool.allowCoreThreadTimeOut(true);
      return pool;
    }
  }

  /** Made when first used. */
  private static final class Timer {
    static final ScheduledExecutorService INSTANCE = make();

    private static ScheduledExecutorService make() {
      ScheduledThreadPoolExecutor timer =
          new ScheduledThreadPoolExecutor(1, named("svr2-client-timer-"));
      timer.setRemoveOnCancelPolicy(true);
      timer.setKeepAliveTime(IDLE_SECONDS, TimeUnit.SECONDS);
      timer.allowCoreThreadTimeOut(true);
      return timer;
    }
  }

  private Threads() {}

  /** For work: at most four threads, fewer on fewer processors. */
  static Executor pool() {
    return Pool.INSTANCE;
  }

  /** For time that passes: one thread, which does no work. */
  static ScheduledExecutorService timer() {
    return Timer.INSTANCE;
  }

  private static ThreadFactory named(String prefix) {
    AtomicInteger numbers = new AtomicInteger();
    return work -> {
      Thread thread = new Thread(work, prefix + numbers.incrementAndGet());
      thread.setDaemon(true);
      return thread;
    };
  }

  /**
   * Does all of an operation's work on the calling thread and waits for its end. An interrupted
   * thread gives the operation up, gets its result, and stays interrupted.
   */
  static <T> T onCaller(
      ScheduledExecutorService timer, Function<Operation, CompletableFuture<T>> operation) {
    BlockingQueue<Runnable> work = new LinkedBlockingQueue<>();
    Operation context = new Operation(work::add, timer);
    CompletableFuture<T> result = operation.apply(context);
    Futures.listen(result, (value, failure) -> work.add(() -> {}));
    boolean interrupted = false;
    while (!result.isDone()) {
      try {
        work.take().run();
      } catch (InterruptedException e) {
        interrupted = true;
        context.giveUp();
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return result.join();
  }
}
