// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * Where an enclave runs (design.md §3). Only {@link #SGX} protects anything; a host may run the
 * others only when its configuration names the platform and says {@code simulated: true}.
 */
public enum Platform {
  /** The enclave's sources as a shared object in this process: no isolation, simulated evidence. */
  LOCAL("local", 1, false),
  /** The signed Open Enclave image in the SDK's simulation mode: no protection either. */
  OE_SIMULATION("oe-simulation", 2, false),
  /** Open Enclave on SGX hardware. */
  SGX("sgx", 3, true);

  private final String configName;
  private final int nativeNumber;
  private final boolean isProtected;

  Platform(String configName, int nativeNumber, boolean isProtected) {
    this.configName = configName;
    this.nativeNumber = nativeNumber;
    this.isProtected = isProtected;
  }

  /** The name in configuration files and on command lines. */
  public String configName() {
    return configName;
  }

  /** True where hardware keeps the operator out; false means NOT PROTECTED. */
  public boolean isProtected() {
    return isProtected;
  }

  /** The number of this platform in {@code svr2_bridge.h}. */
  int nativeNumber() {
    return nativeNumber;
  }

  /**
   * Finds a platform by its {@link #configName()}, exactly as written.
   *
   * @throws IllegalArgumentException when there is none of that name; the text lists those there
   *     are
   */
  public static Platform parse(String name) {
    for (Platform platform : values()) {
      if (platform.configName.equals(name)) {
        return platform;
      }
    }
    throw new IllegalArgumentException(
        "no platform \""
            + name
            + "\"; choose one of "
            + Arrays.stream(values()).map(Platform::configName).collect(Collectors.joining(", ")));
  }

  @Override
  public String toString() {
    return configName;
  }
}
