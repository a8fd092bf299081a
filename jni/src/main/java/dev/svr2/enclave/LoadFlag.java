// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

/** Choices at {@link Enclave#load}. */
public enum LoadFlag {
  /**
   * Sets the DEBUG attribute, which lets a debugger read the enclave. Peers and clients refuse such
   * an enclave, and the loader refuses the flag where the image's {@code Debug} property is 0.
   */
  DEBUG(1);

  private final int nativeBit;

  LoadFlag(int nativeBit) {
    this.nativeBit = nativeBit;
  }

  /** The bit of this flag in {@code svr2_bridge.h}. */
  int nativeBit() {
    return nativeBit;
  }
}
