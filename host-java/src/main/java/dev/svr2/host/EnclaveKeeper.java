// SPDX-License-Identifier: Apache-2.0
//
// Keeps an enclave running in this process: one that stopped for good is replaced by a new one with
// another id (design.md §5).
package dev.svr2.host;

import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.ErrorText;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.host.metrics.HostMetrics;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe. Started once, closed once. */
final class EnclaveKeeper implements AutoCloseable {
  /** Starts one enclave. */
  @FunctionalInterface
  interface Starter {
    EnclaveRuntime start() throws EnclaveException;
  }

  /** Told of each enclave's life, one call at a time; may block. */
  interface Listener {
    void onStarted(EnclaveRuntime runtime);

    /** It stopped for good; it is closed after this, and then another starts. */
    void onStopped();
  }

  /** An enclave that lived this long ended for reasons of its own; its successor starts at once. */
  private static final Duration LONG_LIFE = Duration.ofMinutes(1);

  /** Pauses between enclaves that end soon: none at first, then these. */
  private static final Duration PAUSE_MIN = Duration.ofMillis(500);

  private static final Duration PAUSE_MAX = Duration.ofSeconds(30);

  private static final Logger LOG = LoggerFactory.getLogger(EnclaveKeeper.class);

  private final Starter starter;
  private final HostMetrics metrics;
  private final Listener listener;
  private final CompletableFuture<EnclaveRuntime.Termination> termination =
      new CompletableFuture<>();
  private final AtomicInteger started = new AtomicInteger();
  private final ScheduledExecutorService executor =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "svr2-keeper");
            thread.setDaemon(true);
            return thread;
          });
  private volatile EnclaveRuntime current;
  private volatile boolean leaving;
  private volatile long startedNanos;
  private Duration pause = Duration.ZERO;

  EnclaveKeeper(Starter starter, HostMetrics metrics, Listener listener) {
    this.starter = starter;
    this.metrics = metrics;
    this.listener = listener;
  }

  /**
   * Starts the first enclave. The listener is not called for it.
   *
   * @throws EnclaveException when it does not start
   */
  EnclaveRuntime start() throws EnclaveException {
    return startOne();
  }

  /** From now on the enclave is replaced when it stops, and the listener told. */
  void watch() {
    watch(current);
  }

  private EnclaveRuntime startOne() throws EnclaveException {
    EnclaveRuntime runtime = starter.start();
    startedNanos = System.nanoTime();
    current = runtime;
    started.incrementAndGet();
    metrics.enclavesStarted.increment();
    return runtime;
  }

  private void watch(EnclaveRuntime runtime) {
    var unused = runtime.termination().thenAccept(why -> endedLater(runtime, why));
  }

  private void endedLater(EnclaveRuntime runtime, EnclaveRuntime.Termination why) {
    try {
      executor.execute(() -> ended(runtime, why)); // This thread may be inside the enclave.
    } catch (RejectedExecutionException e) {
      LOG.debug("an enclave ended while the host does");
    }
  }

  /** The enclave that runs, or the last one that did. */
  EnclaveRuntime current() {
    return current;
  }

  /** How many were started. */
  int started() {
    return started.get();
  }

  /** Why there is none at present. */
  Optional<EnclaveRuntime.Termination> absence() {
    return Optional.ofNullable(current.termination().getNow(null));
  }

  /**
   * Completed when the process should end: the enclave aborted, or no other could be started in
   * place of one that stopped.
   */
  CompletableFuture<EnclaveRuntime.Termination> termination() {
    return termination;
  }

  private void ended(EnclaveRuntime runtime, EnclaveRuntime.Termination why) {
    if (leaving) {
      return;
    }
    if (why.end() == EnclaveRuntime.End.ABORTED) {
      termination.complete(why);
      return;
    }
    Duration wait = nextPause();
    LOG.warn(
        "replica {} is replaced {}: {}",
        runtime.peerIdHex(),
        wait.isZero() ? "now" : "in " + wait.toMillis() + " ms",
        ErrorText.of(why.error()));
    listener.onStopped();
    runtime.close();
    var unused = executor.schedule(() -> replace(why), wait.toMillis(), TimeUnit.MILLISECONDS);
  }

  private Duration nextPause() {
    if (System.nanoTime() - startedNanos >= LONG_LIFE.toNanos()) {
      pause = Duration.ZERO;
    }
    Duration now = pause;
    Duration doubled = pause.multipliedBy(2);
    pause = pause.isZero() ? PAUSE_MIN : doubled.compareTo(PAUSE_MAX) > 0 ? PAUSE_MAX : doubled;
    return now;
  }

  private void replace(EnclaveRuntime.Termination why) {
    if (leaving) {
      return;
    }
    try {
      EnclaveRuntime fresh = startOne();
      listener.onStarted(fresh);
      watch(fresh);
      LOG.info("a new replica started: {}", fresh.peerIdHex());
    } catch (EnclaveException | RuntimeException e) {
      LOG.error("no enclave could be started in place of the one that stopped", e);
      termination.complete(why);
    }
  }

  /** From now on an enclave that stops is not replaced. */
  void leave() {
    leaving = true;
  }

  /** Closes the enclave. Blocks while calls are inside. Idempotent. */
  @Override
  public void close() {
    leaving = true;
    executor.shutdown();
    try {
      // What is being started must be closed, too.
      boolean unused = executor.awaitTermination(5, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (current != null) {
      current.close();
    }
  }
}
