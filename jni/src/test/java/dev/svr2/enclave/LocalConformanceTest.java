// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import java.nio.file.Path;

/** The suite on platform {@code local}. */
final class LocalConformanceTest extends CoreConformance {
  @Override
  protected Platform platform() {
    return Platform.LOCAL;
  }

  @Override
  protected Path image() {
    return testImage("enclave_test.signed.local");
  }
}
