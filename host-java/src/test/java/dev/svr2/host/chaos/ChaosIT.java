// SPDX-License-Identifier: Apache-2.0
//
// Three real hosts as processes, under load, while things go wrong. A short run by default;
// -Dsvr2.chaos.seconds and -Dsvr2.seed choose another. `make chaos` is the long one.
package dev.svr2.host.chaos;

import dev.svr2.host.log.Logs;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ChaosIT {
  private static final int DEFAULT_SECONDS = 15;

  @Test
  void nothingIsLostAndNoGuessIsGained() throws Exception {
    var unused = Logs.quiet();
    int seconds = Integer.getInteger("svr2.chaos.seconds", DEFAULT_SECONDS);
    long seed = Long.getLong("svr2.seed", new Random().nextLong());
    Path directory = Path.of(System.getProperty("svr2.root"), "host-java/target/chaos");
    Files.createDirectories(directory);
    try (PrintStream report =
        new PrintStream(
            Files.newOutputStream(directory.resolve("report.txt")), true, StandardCharsets.UTF_8)) {
      ChaosRun.run(directory, Duration.ofSeconds(seconds), seed, report);
    }
  }
}
