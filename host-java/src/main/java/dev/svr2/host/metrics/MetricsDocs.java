// SPDX-License-Identifier: Apache-2.0
//
// docs/metrics.md, made from the meters themselves.
package dev.svr2.host.metrics;

import dev.svr2.proto.Error;
import dev.svr2.proto.ErrorCount;
import dev.svr2.proto.MetricsReply;
import io.grpc.Status;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tag;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Writes the reference of all meters. */
public final class MetricsDocs {
  private MetricsDocs() {}

  private static final String HEADER =
      """
      # Metrics

      <!-- Made from the meters of HostMetrics and EnclaveMeters; MetricsDocsTest compares, and writes it anew
           when run with -Dsvr2.record=true. -->

      `svr2 admin metrics` prints all of them in Prometheus text format. No tag holds an id of a client. Beside
      these there are Micrometer's own of the Java process: `jvm_*`, `process_*`, `system_*`.
      """;

  /** The whole page. */
  public static String markdown() {
    try (HostMetrics metrics = new HostMetrics()) {
      registerWhatComesLater(metrics);
      return HEADER
          + section("The host", "svr2.host.", metrics.registry())
          + section("The enclave, as it last reported", "svr2.enclave.", metrics.registry())
          + section("Both", "svr2.unprotected", metrics.registry());
    }
  }

  /** Meters that appear when what they count first happens; one value shows their tags. */
  private static void registerWhatComesLater(HostMetrics metrics) {
    metrics.unprotected(true);
    metrics.sessionClosed(Status.Code.OK.name());
    metrics.peers.reset("overflow");
    metrics.certificate("client", () -> 0, () -> 0);
    metrics.enclaveStopped("stopped", Error.ERROR_INTERNAL.name());
    ErrorCount.Builder error = ErrorCount.newBuilder().setError(Error.ERROR_INTERNAL);
    new EnclaveMeters(metrics.registry())
        .update(MetricsReply.newBuilder().addErrors(error).build());
  }

  private static String section(String title, String prefix, PrometheusMeterRegistry registry) {
    SortedMap<String, String> rows = new TreeMap<>();
    for (Meter meter : registry.getMeters()) {
      Meter.Id id = meter.getId();
      if (id.getName().startsWith(prefix)) {
        String name = id.getConventionName(registry.config().namingConvention());
        String kind = id.getType().name().toLowerCase(Locale.ROOT).replace('_', ' ');
        String suffix =
            id.getType() == Meter.Type.COUNTER && !name.endsWith("_total") ? "_total" : "";
        String tags =
            id.getTags().stream()
                .map(Tag::getKey)
                .map(key -> "`" + key + "`")
                .collect(Collectors.joining(", "));
        rows.put(
            name,
            "| `%s%s` | %s | %s | %s |\n".formatted(name, suffix, kind, tags, id.getDescription()));
      }
    }
    return "\n## %s\n\n| name | kind | tags | meaning |\n|---|---|---|---|\n%s"
        .formatted(title, String.join("", rows.values()));
  }
}
