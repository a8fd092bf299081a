// SPDX-License-Identifier: Apache-2.0
//
// Erasing secrets from arrays when they are no longer needed.
package dev.svr2.client.internal;

import java.util.Arrays;

/** Wiping of byte and char arrays. Stateless; not API of the library. */
public final class Secrets {
  private Secrets() {}

  /** Fills each array with zeros; null stands for nothing to wipe. */
  public static void wipe(byte[]... arrays) {
    for (byte[] array : arrays) {
      if (array != null) {
        Arrays.fill(array, (byte) 0);
      }
    }
  }

  /** Fills the array with zeros; null stands for nothing to wipe. */
  public static void wipe(char[] array) {
    if (array != null) {
      Arrays.fill(array, '\0');
    }
  }
}
