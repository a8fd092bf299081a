// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.enclave;

import dev.svr2.enclave.Enclave;
import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.Platform;
import java.nio.file.Path;
import java.util.Set;

/** Stateless. */
public final class ImagePages {
  private ImagePages() {}

  /**
   * Has the SDK's loader lay out the pages of an Open Enclave image, in simulation, and compares
   * what they amount to with the measurement that was signed. Nothing of the image runs.
   *
   * @throws EnclaveException when they differ, or ERROR_BRIDGE_UNKNOWN_PLATFORM when this bridge
   *     was built without the SDK
   */
  public static void check(Path image) throws EnclaveException {
    Enclave.load(Platform.OE_SIMULATION, image, Set.of(), output -> {}).close();
  }
}
