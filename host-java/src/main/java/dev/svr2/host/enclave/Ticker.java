// SPDX-License-Identifier: Apache-2.0
//
// Time for the enclave: one tick item at each multiple of the interval, on a thread and an enclave
// slot of its
// own, so that load never makes time stand still.
package dev.svr2.host.enclave;

import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.EnclaveHandle;
import dev.svr2.host.metrics.HostMetrics;
import dev.svr2.proto.HostItem;
import dev.svr2.proto.HostToEnclaveMessage;
import dev.svr2.proto.Tick;
import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/** Started once, closed once. */
final class Ticker implements AutoCloseable {
  private final EnclaveHandle enclave;
  private final long intervalNanos;
  private final InstantSource clock;
  private final HostMetrics metrics;
  private final Consumer<EnclaveException> onCallFailed;
  private final Thread thread = new Thread(this::run, "svr2-ticks");
  private volatile boolean closed;

  Ticker(
      EnclaveHandle enclave,
      Duration interval,
      InstantSource clock,
      HostMetrics metrics,
      Consumer<EnclaveException> onCallFailed) {
    this.enclave = enclave;
    this.intervalNanos = interval.toNanos();
    this.clock = clock;
    this.metrics = metrics;
    this.onCallFailed = onCallFailed;
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  private void run() {
    // The schedule is a multiple of the interval since the start: a late tick does not shift later
    // ones.
    long next = System.nanoTime();
    while (!closed) {
      long wait = next - System.nanoTime();
      if (wait > 0) {
        LockSupport.parkNanos(wait);
        continue;
      }
      tick();
      next += intervalNanos;
      long behind = (System.nanoTime() - next) / intervalNanos;
      if (behind > 0) {
        // Not made up for: a burst of ticks would end sessions and terms that had no time to act.
        metrics.ticksSkipped.increment((double) behind);
        next += behind * intervalNanos;
      }
    }
  }

  private void tick() {
    Tick tick = Tick.newBuilder().setUnixTimeMs(clock.millis()).build();
    byte[] message =
        HostToEnclaveMessage.newBuilder()
            .addItems(HostItem.newBuilder().setTick(tick))
            .build()
            .toByteArray();
    long start = System.nanoTime();
    metrics.callsInFlight.incrementAndGet();
    try {
      enclave.input(message);
    } catch (EnclaveException e) {
      metrics.callsFailed.increment();
      onCallFailed.accept(e);
    } finally {
      metrics.callsInFlight.decrementAndGet();
      metrics.ticks.record(System.nanoTime() - start, TimeUnit.NANOSECONDS);
    }
  }

  /**
   * Ends after the tick that is inside. Must not be called from the output callback. Idempotent.
   */
  @Override
  public void close() {
    closed = true;
    LockSupport.unpark(thread);
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
