// SPDX-License-Identifier: Apache-2.0
//
// Everything that the host measures about itself, and the registry that all meters live in. Names
// follow Micrometer's conventions; tags have few, fixed values and never an id.
package dev.svr2.host.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.ClassLoaderMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/** One per host. Thread-safe. */
public final class HostMetrics implements AutoCloseable {
  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final JvmGcMetrics gcMetrics = new JvmGcMetrics();
  private final ConcurrentMap<String, Counter> sessionsClosed = new ConcurrentHashMap<>();

  /** Items and bytes that wait for the enclave. */
  public final AtomicLong queueItems =
      register("svr2.host.queue.items", "Items that wait for the enclave");

  public final AtomicLong queueBytes =
      register("svr2.host.queue.bytes", "Bytes that wait for the enclave");

  /** Calls inside the enclave now, ticks included. */
  public final AtomicLong callsInFlight =
      register("svr2.host.enclave.calls.active", "Calls inside the enclave");

  public final AtomicLong sessions = register("svr2.host.client.sessions", "Open client sessions");
  public final AtomicLong transactions =
      register("svr2.host.transactions.active", "Requests to the enclave that have no reply yet");

  /** Duration of one call into the enclave that carried a batch. */
  public final Timer calls =
      Timer.builder("svr2.host.enclave.calls")
          .description("Calls into the enclave that carry a batch")
          .publishPercentileHistogram()
          .minimumExpectedValue(Duration.ofNanos(10_000))
          .maximumExpectedValue(Duration.ofSeconds(2))
          .register(registry);

  public final Timer ticks =
      Timer.builder("svr2.host.enclave.ticks")
          .description("Ticks of the enclave")
          .register(registry);
  public final DistributionSummary batchItems =
      DistributionSummary.builder("svr2.host.enclave.batch.items")
          .description("Items that one call carried")
          .register(registry);
  public final Counter queueRefused =
      counter("svr2.host.queue.refused", "Items refused because the queue was full");
  public final Counter callsFailed =
      counter("svr2.host.enclave.calls.failed", "Calls into the enclave that returned an error");
  public final Counter ticksSkipped =
      counter(
          "svr2.host.enclave.ticks.skipped", "Ticks left out because the one before took too long");
  public final Counter unknownReplies =
      counter(
          "svr2.host.transactions.unknown", "Replies of the enclave to nothing asked, or too late");
  public final Counter transactionTimeouts =
      counter(
          "svr2.host.transactions.timeouts", "Requests that the enclave did not answer in time");
  public final Counter malformedOutputs =
      counter(
          "svr2.host.enclave.outputs.malformed", "Messages of the enclave that could not be read");
  public final Counter authFailures =
      counter("svr2.host.client.auth.failures", "Client calls with bad credentials");
  public final Counter sessionsOpened =
      counter("svr2.host.client.sessions.opened", "Client sessions that the enclave took");
  public final Counter rateRefused =
      counter("svr2.host.client.rate.refused", "Client calls above the user's limit");
  public final Counter rateFailures =
      counter("svr2.host.client.rate.failures", "Client calls whose limit could not be asked");
  public final Counter deletes =
      counter("svr2.host.client.deletes", "Backups erased without a session");

  public final Counter enclavesStarted =
      counter("svr2.host.enclaves.started", "Enclaves started by this process");

  public final PeerMetrics peers = new PeerMetrics(registry);

  public HostMetrics() {
    new JvmMemoryMetrics().bindTo(registry);
    gcMetrics.bindTo(registry);
    new JvmThreadMetrics().bindTo(registry);
    new ClassLoaderMetrics().bindTo(registry);
    new ProcessorMetrics().bindTo(registry);
    new UptimeMetrics().bindTo(registry);
  }

  /** For meters that belong to one feature only. */
  public PrometheusMeterRegistry registry() {
    return registry;
  }

  /** A gauge of a value that someone else keeps. */
  private void gauge(String name, String description, Supplier<Number> value) {
    Gauge.builder(name, value).description(description).register(registry);
  }

  /**
   * Counts the end of a session.
   *
   * @param status a gRPC status code's name: few values
   */
  public void sessionClosed(String status) {
    sessionsClosed
        .computeIfAbsent(
            status,
            name ->
                Counter.builder("svr2.host.client.sessions.closed")
                    .description("Client sessions that ended, by gRPC status")
                    .tag("status", name)
                    .register(registry))
        .increment();
  }

  /**
   * Counts an enclave that ended by itself.
   *
   * @param end {@code stopped} or {@code aborted}
   * @param error a name of error.proto
   */
  public void enclaveStopped(String end, String error) {
    Counter.builder("svr2.host.enclave.stops")
        .description("Enclaves that stopped for good or aborted, and why")
        .tag("end", end)
        .tag("error", error)
        .register(registry)
        .increment();
  }

  /**
   * Watches a plane's certificate.
   *
   * @param plane {@code client}, {@code peer} or {@code control}
   */
  public void certificate(String plane, Supplier<Number> secondsLeft, Supplier<Number> failures) {
    Gauge.builder("svr2.host.tls.certificate.left", secondsLeft)
        .description("Time until the plane's certificate expires")
        .baseUnit("seconds")
        .tag("plane", plane)
        .register(registry);
    FunctionCounter.builder("svr2.host.tls.reload.failures", failures, f -> f.get().doubleValue())
        .description("Looks at a plane's certificate files that found nothing usable")
        .tag("plane", plane)
        .register(registry);
  }

  /** Says whether the platform protects nothing. */
  public void unprotected(boolean unprotected) {
    gauge(
        "svr2.unprotected",
        "1 when this platform protects nothing: NOT PROTECTED",
        () -> unprotected ? 1 : 0);
  }

  /** All meters in Prometheus text format. */
  public String scrape() {
    return registry.scrape();
  }

  @Override
  public void close() {
    gcMetrics.close();
    registry.close();
  }

  private AtomicLong register(String name, String description) {
    AtomicLong value = new AtomicLong();
    Gauge.builder(name, value, AtomicLong::doubleValue).description(description).register(registry);
    return value;
  }

  private Counter counter(String name, String description) {
    return Counter.builder(name).description(description).register(registry);
  }
}
