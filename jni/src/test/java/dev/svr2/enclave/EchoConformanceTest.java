// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import java.nio.file.Path;
import java.util.Random;

/** The suite against the echo image: proves the suite and the bridge without the core. */
final class EchoConformanceTest extends EnclaveConformance {
  @Override
  protected Platform platform() {
    return Platform.LOCAL;
  }

  @Override
  protected Path image() {
    return EchoEnclave.IMAGE;
  }

  @Override
  protected byte[] goodConfig() {
    return EchoEnclave.CONFIG;
  }

  @Override
  protected byte[] goodMessage() {
    return new byte[] {'e', 'c', 'h', 'o'};
  }

  /** Every letter is a command here, some of which stop the enclave; the rest is garbage. */
  @Override
  protected byte[] garbage(Random random) {
    byte[] bytes = super.garbage(random);
    if (bytes.length > 0) {
      bytes[0] |= (byte) 0x80;
    }
    return bytes;
  }
}
