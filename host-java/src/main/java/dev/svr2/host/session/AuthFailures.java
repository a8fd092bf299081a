// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.session;

import dev.svr2.host.log.Throttle;
import dev.svr2.host.metrics.HostMetrics;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Counts calls with bad credentials, and logs them now and then. Thread-safe. */
final class AuthFailures {
  private static final Logger LOG = LoggerFactory.getLogger(AuthFailures.class);

  private final Throttle lines = new Throttle(Throttle.INTERVAL, System::nanoTime);
  private final HostMetrics metrics;

  AuthFailures(HostMetrics metrics) {
    this.metrics = metrics;
  }

  void note() {
    metrics.authFailures.increment();
    long refused = lines.note();
    if (refused > 0) {
      // Neither who nor with what: the log must not hold ids, nor guesses at credentials.
      LOG.warn("credentials refused: {} calls since the last such line", refused);
    }
  }
}
