// SPDX-License-Identifier: Apache-2.0
//
// Pauses between attempts: they double, with jitter, so that hosts that lost each other at the same
// moment do not meet at the same moment again and again.
package dev.svr2.host.peer;

import java.time.Duration;
import java.util.function.DoubleSupplier;

/** Not thread-safe. */
final class Backoff {
  private final long minNanos;
  private final long maxNanos;
  private final DoubleSupplier random;
  private long pauseNanos;

  /**
   * @param random from 0 to 1
   */
  Backoff(Duration min, Duration max, DoubleSupplier random) {
    this.minNanos = min.toNanos();
    this.maxNanos = max.toNanos();
    this.random = random;
    succeeded();
  }

  /** From the beginning again. */
  void succeeded() {
    pauseNanos = minNanos;
  }

  /** The pause after a failure: between the half and the whole of what has doubled so far. */
  long failed() {
    long pause = pauseNanos;
    pauseNanos = Math.min(maxNanos, pauseNanos * 2);
    return pause / 2 + (long) (random.getAsDouble() * (pause / 2.0));
  }
}
