// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import dev.svr2.proto.Error;
import java.nio.file.Path;
import java.util.Set;

/** An enclave in this process. Work in progress: the native part is not wired up yet. */
@SuppressWarnings("DoNotCallSuggester")
public final class Enclave implements EnclaveHandle {
  private Enclave() {}

  /** Loads, checks and starts a signed image. */
  public static Enclave load(
      Platform platform, Path image, Set<LoadFlag> flags, OutputHandler output)
      throws EnclaveException {
    throw new EnclaveException(Error.ERROR_BRIDGE_UNKNOWN_PLATFORM, platform + ", " + image);
  }

  static SignedImage inspect(Path image) throws EnclaveException {
    throw new EnclaveException(Error.ERROR_BRIDGE_UNKNOWN_PLATFORM, image.toString());
  }

  @Override
  public byte[] init(byte[] enclaveConfig) throws EnclaveException {
    throw new EnclaveException(Error.ERROR_BRIDGE_CLOSED);
  }

  @Override
  public void input(byte[] hostToEnclaveMessage) throws EnclaveException {
    throw new EnclaveException(Error.ERROR_BRIDGE_CLOSED);
  }

  @Override
  public byte[] measurement() {
    return new byte[32];
  }

  @Override
  public int maxThreads() {
    return 1;
  }

  @Override
  public void close() {}
}
