// SPDX-License-Identifier: Apache-2.0
//
// Secrets on the command line: HEX is a literal, @FILE and - (standard input) are raw bytes.
// Source: cli.md.
package dev.svr2.host.cli.client;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;

/** Reads and judges secrets. Stateless. */
final class SecretArgument {
  private SecretArgument() {}

  /** True when the argument takes standard input for itself. */
  static boolean readsInput(String argument) {
    return argument.equals("-");
  }

  /**
   * The bytes that an argument names; the caller wipes them.
   *
   * @throws CliException when they cannot be read or their number is out of range. The text never
   *     holds any of them.
   */
  static byte[] read(String option, String argument, int minBytes, int maxBytes, ClientIo io)
      throws CliException {
    byte[] bytes;
    if (readsInput(argument)) {
      try {
        bytes = io.input().readNBytes(maxBytes + 1);
      } catch (IOException e) {
        throw new CliException(option + ": cannot read standard input");
      }
    } else if (argument.startsWith("@")) {
      bytes = ConnectionOptions.readFile(option, Path.of(argument.substring(1)), maxBytes);
    } else {
      bytes = hex(option, argument);
    }
    if (bytes.length < minBytes || bytes.length > maxBytes) {
      Arrays.fill(bytes, (byte) 0);
      String size = minBytes == maxBytes ? "" + minBytes : minBytes + " to " + maxBytes;
      throw new CliException(option + " must have " + size + " bytes");
    }
    return bytes;
  }

  private static byte[] hex(String option, String digits) throws CliException {
    try {
      return HexFormat.of().parseHex(digits);
    } catch (IllegalArgumentException e) {
      throw new CliException(option + " must be hexadecimal digits, @FILE or -");
    }
  }

  /**
   * True for what random bytes practically never look like: text, few different bytes, or equal
   * steps. False proves nothing.
   */
  static boolean looksGuessable(byte[] data) {
    boolean[] seen = new boolean[256];
    int different = 0;
    boolean printable = true;
    boolean equalSteps = true;
    for (int i = 0; i < data.length; i++) {
      int b = data[i] & 0xff;
      if (!seen[b]) {
        seen[b] = true;
        different++;
      }
      printable &= (b >= 0x20 && b < 0x7f) || b == '\n' || b == '\r' || b == '\t';
      equalSteps &= i < 2 || (byte) (data[i] - data[i - 1]) == (byte) (data[1] - data[0]);
    }
    return printable || equalSteps || different < Math.min(8, data.length);
  }
}
