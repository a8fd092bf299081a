// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import java.nio.file.Path;
import java.util.Map;

/**
 * What a signed enclave image says about itself, its signature checked, without starting it.
 * Immutable.
 */
public final class SignedImage {
  private final Platform platform;
  private final byte[] measurement;
  private final byte[] signerFingerprint;
  private final Map<String, Long> properties;

  SignedImage(
      Platform platform,
      byte[] measurement,
      byte[] signerFingerprint,
      Map<String, Long> properties) {
    this.platform = platform;
    this.measurement = measurement.clone();
    this.signerFingerprint = signerFingerprint.clone();
    this.properties = Map.copyOf(properties);
  }

  /**
   * Reads and checks an image: structure, signature and properties.
   *
   * @throws EnclaveException {@code ERROR_BRIDGE_IMAGE_…}, naming the file and what is wrong with
   *     it
   */
  public static SignedImage inspect(Path image) throws EnclaveException {
    return Enclave.inspect(image);
  }

  /** The platform that the image was made for. */
  public Platform platform() {
    return platform;
  }

  /** 32 bytes that name this very code with these very properties, whoever signed it; a copy. */
  public byte[] measurement() {
    return measurement.clone();
  }

  /** SHA-256 over the signer's public key (DER SubjectPublicKeyInfo), 32 bytes, a copy. */
  public byte[] signerFingerprint() {
    return signerFingerprint.clone();
  }

  /** The bound properties by oesign's names: Debug, NumHeapPages, NumStackPages, NumTCS, … */
  public Map<String, Long> properties() {
    return properties;
  }
}
