// SPDX-License-Identifier: Apache-2.0
//
// docs/metrics.md is what the meters say. With -Dsvr2.test.argLine=-Dsvr2.record=true it is written
// anew.
package dev.svr2.host.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.host.FakeEnclave;
import dev.svr2.host.HostFixture;
import dev.svr2.proto.GetMetricsRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class MetricsDocsTest {
  private static final Path DOCS = Path.of("..", "docs", "metrics.md");

  @Test
  void theDocumentedMetersAreTheRegisteredOnes() throws IOException {
    if (Boolean.getBoolean("svr2.record")) {
      Files.writeString(DOCS, MetricsDocs.markdown());
    }
    assertEquals(MetricsDocs.markdown(), Files.readString(DOCS));
    assertFalse(MetricsDocs.markdown().contains("null"), "a meter has no description");
  }

  @Test
  void everyMeterThatAHostPrintsIsDocumentedUnderItsName() throws Exception {
    String page = MetricsDocs.markdown();
    try (HostFixture fixture = HostFixture.start("", new FakeEnclave.Loader())) {
      String text = fixture.control().getMetrics(GetMetricsRequest.getDefaultInstance()).getText();
      text.lines()
          .filter(line -> line.startsWith("# TYPE svr2_") && !line.contains("_max gauge"))
          .map(line -> line.replaceAll("# TYPE (\\S+) .*", "$1"))
          .forEach(
              name ->
                  assertTrue(
                      page.contains("`" + name + "`") || page.contains("`" + name + "_total`"),
                      name));
    }
  }
}
