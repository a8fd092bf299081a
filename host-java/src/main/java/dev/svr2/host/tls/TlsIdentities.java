// SPDX-License-Identifier: Apache-2.0
//
// The certificates of all planes of a host, looked at again and again.
package dev.svr2.host.tls;

import dev.svr2.host.config.TlsFiles;
import dev.svr2.host.metrics.HostMetrics;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Thread-safe. One thread, and none where no plane has TLS. */
public final class TlsIdentities implements AutoCloseable {
  private final List<TlsIdentity> identities = new ArrayList<>();
  private final Duration interval;
  private final HostMetrics metrics;
  private final InstantSource clock;
  private ScheduledExecutorService executor;

  /**
   * Without identities yet.
   *
   * @param interval between two looks at the files
   */
  public TlsIdentities(Duration interval, HostMetrics metrics, InstantSource clock) {
    this.interval = interval;
    this.metrics = metrics;
    this.clock = clock;
  }

  /**
   * Reads a plane's files, where it has some.
   *
   * @throws IOException when they cannot be used
   */
  public synchronized Optional<TlsIdentity> load(String plane, Optional<TlsFiles> files)
      throws IOException {
    if (files.isEmpty()) {
      return Optional.empty();
    }
    TlsIdentity identity = TlsIdentity.load(plane, files.get(), clock);
    identities.add(identity);
    metrics.certificate(plane, identity::secondsLeft, identity::failures);
    return Optional.of(identity);
  }

  /** Begins to look at the files. Once, after all of them were loaded. */
  public synchronized void watch() {
    if (identities.isEmpty()) {
      return;
    }
    executor =
        Executors.newSingleThreadScheduledExecutor(
            task -> {
              Thread thread = new Thread(task, "svr2-certificates");
              thread.setDaemon(true);
              return thread;
            });
    List<TlsIdentity> all = List.copyOf(identities);
    var unused =
        executor.scheduleWithFixedDelay(
            () -> all.forEach(TlsIdentity::reload),
            interval.toMillis(),
            interval.toMillis(),
            TimeUnit.MILLISECONDS);
  }

  @Override
  public synchronized void close() {
    if (executor != null) {
      executor.shutdownNow();
    }
  }
}
