// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.peer;

import dev.svr2.host.config.HostPort;
import dev.svr2.host.log.Throttle;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A directory that asks somebody else, again and again, on a thread of its own. While nobody
 * answers what was known before stays known: a directory that is down must not take a group down.
 * Thread-safe.
 */
abstract class RefreshedDirectory implements PeerDirectory {
  private static final Logger LOG = LoggerFactory.getLogger(RefreshedDirectory.class);

  private final String name;
  private final Throttle failures = new Throttle(Throttle.INTERVAL, System::nanoTime);
  private final ScheduledExecutorService executor =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "svr2-directory");
            thread.setDaemon(true);
            return thread;
          });
  private volatile Set<HostPort> known = Set.of();

  /**
   * @param name of the directory, for log lines
   */
  RefreshedDirectory(String name) {
    this.name = name;
  }

  /** Begins to ask. Once, at the end of construction. */
  final void start(Duration interval) {
    var unused =
        executor.scheduleWithFixedDelay(
            this::refresh, 0, interval.toMillis(), TimeUnit.MILLISECONDS);
  }

  private void refresh() {
    try {
      Set<HostPort> fresh = Collections.unmodifiableSet(new LinkedHashSet<>(ask()));
      if (!fresh.equals(known)) {
        LOG.debug("{} knows {} addresses", name, fresh.size());
        known = fresh;
      }
    } catch (Exception e) { // Whatever it is, the next time may be better.
      long times = failures.note();
      if (times > 0) {
        LOG.warn(
            "{} could not be asked ({} times since the last such line), what was known stays: {}",
            name,
            times,
            String.valueOf(e.getMessage()));
      }
    }
  }

  /** Asks; may block. */
  abstract Set<HostPort> ask() throws Exception;

  /** The thread that asks, for other periodic work. */
  final ScheduledExecutorService executor() {
    return executor;
  }

  @Override
  public final Set<HostPort> addresses() {
    return known;
  }

  @Override
  public void close() {
    executor.shutdownNow();
  }
}
