// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.chaos;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Waits for conditions; a time is only what is too long. */
public final class Waiting {
  private static final long POLL_MS = 20;

  private Waiting() {}

  /** A condition that may throw to end the wait. */
  @FunctionalInterface
  public interface Condition {
    boolean holds() throws Exception;
  }

  /**
   * Returns when the condition holds.
   *
   * @param what for the failure
   * @param details asked when it took too long
   */
  public static void until(
      String what, Duration limit, Supplier<String> details, Condition condition) throws Exception {
    long end = System.nanoTime() + limit.toNanos();
    while (!condition.holds()) {
      if (System.nanoTime() - end > 0) {
        throw new AssertionError(
            "not within %d s: %s%n%s".formatted(limit.toSeconds(), what, details.get()));
      }
      TimeUnit.MILLISECONDS.sleep(POLL_MS);
    }
  }
}
