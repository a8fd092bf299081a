// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import java.nio.file.Path;

/** The suite on platform {@code oe-simulation}; skipped where it is not asked for. */
final class OeSimulationConformanceTest extends CoreConformance {
  @Override
  protected Platform platform() {
    return Platform.OE_SIMULATION;
  }

  @Override
  protected Path image() {
    return testImage("enclave_test.signed");
  }
}
