// SPDX-License-Identifier: Apache-2.0
//
// Hexadecimal text, for the pin file, user names and credentials. Java 11 has no HexFormat.
package dev.svr2.client.internal;

/** Lowercase hexadecimal text. Stateless; not API of the library. */
public final class Hex {
  private static final String DIGITS = "0123456789abcdef";

  private Hex() {}

  /** The bytes as lowercase hexadecimal digits, two a byte. */
  public static String encode(byte[] bytes) {
    StringBuilder out = new StringBuilder(bytes.length * 2);
    for (byte b : bytes) {
      out.append(DIGITS.charAt((b >> 4) & 0xf)).append(DIGITS.charAt(b & 0xf));
    }
    return out.toString();
  }

  /**
   * The bytes of hexadecimal digits in either case; nothing else may stand in the text.
   *
   * @throws IllegalArgumentException on an odd length or another character. The text itself is
   *     never in the message: it may be a secret.
   */
  public static byte[] decode(CharSequence text) {
    if (text.length() % 2 != 0) {
      throw new IllegalArgumentException("an odd number of hexadecimal digits");
    }
    byte[] out = new byte[text.length() / 2];
    for (int i = 0; i < out.length; i++) {
      out[i] = (byte) (digit(text.charAt(2 * i)) << 4 | digit(text.charAt(2 * i + 1)));
    }
    return out;
  }

  private static int digit(char c) {
    if (c >= '0' && c <= '9') {
      return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
      return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
      return c - 'A' + 10;
    }
    throw new IllegalArgumentException("a character that is not a hexadecimal digit");
  }
}
