// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.e2e;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.svr2.enclave.Platform;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Where the end-to-end tests run: on the platforms that {@code -Dsvr2.platforms} names (a list with
 * commas, default {@code local}). `make test` names oe-simulation where an SDK is.
 */
final class TestPlatforms {
  private TestPlatforms() {}

  /** Skips what was not asked for. What was asked for must be there. */
  static void require(Platform platform) {
    List<String> asked =
        Arrays.asList(System.getProperty("svr2.platforms", "local").split(",", -1));
    assumeTrue(
        asked.contains(platform.configName()),
        () -> platform + " is not in -Dsvr2.platforms=" + asked);
    assertTrue(
        Files.exists(image(platform)), () -> image(platform) + " is missing: make enclave-oe");
  }

  /** The signed image with the properties for tests. */
  static Path image(Platform platform) {
    return Path.of(System.getProperty("svr2.root"), "build", "enclave_test" + suffix(platform));
  }

  /** The same with a heap that tests can fill: {@code make -C jni small-images}. */
  static Path smallImage(Platform platform) {
    return Path.of(System.getProperty("svr2.root"), "build", "enclave_small" + suffix(platform));
  }

  /** How the names of a platform's images end. */
  static String suffix(Platform platform) {
    return platform == Platform.LOCAL ? ".signed.local" : ".signed";
  }
}
