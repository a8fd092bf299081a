// SPDX-License-Identifier: Apache-2.0
//
// Holds back log lines of events that others can cause as often as they like, and counts them.
package dev.svr2.host.log;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/** Lets one line pass in each interval. Thread-safe, without locks. */
public final class Throttle {
  /** Often enough to see an attack while it lasts, too rarely to fill a disk. */
  public static final Duration INTERVAL = Duration.ofSeconds(10);

  private final long intervalNanos;
  private final LongSupplier nanoTime;
  private final AtomicLong events = new AtomicLong();
  private final AtomicLong nextNanos;

  /**
   * The first event passes.
   *
   * @param nanoTime a clock such as {@link System#nanoTime}
   */
  public Throttle(Duration interval, LongSupplier nanoTime) {
    this.intervalNanos = interval.toNanos();
    this.nanoTime = nanoTime;
    this.nextNanos = new AtomicLong(nanoTime.getAsLong());
  }

  /**
   * Notes an event.
   *
   * @return 0 when nothing is to be logged now, else the number of events since the last line, this
   *     one included
   */
  public long note() {
    events.incrementAndGet();
    long now = nanoTime.getAsLong();
    long next = nextNanos.get();
    if (now - next < 0 || !nextNanos.compareAndSet(next, now + intervalNanos)) {
      return 0;
    }
    return events.getAndSet(0);
  }
}
