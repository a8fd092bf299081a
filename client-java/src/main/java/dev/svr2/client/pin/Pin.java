// SPDX-License-Identifier: Apache-2.0
//
// A PIN as people type it, brought into the one form that is hashed: trimmed; all-digit PINs with
// digits mapped to ASCII; NFKD; UTF-8. Source: protocol.md §7.
package dev.svr2.client.pin;

import dev.svr2.client.internal.Secrets;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.Arrays;

/**
 * A normalized PIN. Close it to erase it. Not thread-safe against its own {@link #close}.
 *
 * <p>Limit: the platform's normalizer makes a String on the way, which only the garbage collector
 * erases, except for PINs of digits and other ASCII characters, which never become a String.
 *
 * @since 0.1
 */
public final class Pin implements AutoCloseable {
  private final byte[] normalized;
  private boolean closed;

  private Pin(byte[] normalized) {
    this.normalized = normalized;
  }

  /**
   * Normalizes a PIN. White space at both ends is what Unicode calls so, no-break spaces and the
   * controls U+0009 to U+000D, U+001C to U+001F and U+0085 included.
   *
   * @param text the caller keeps and wipes it
   * @throws IllegalArgumentException when nothing is left after trimming, or the text is not valid
   *     UTF-16
   */
  public static Pin of(char[] text) {
    int start = 0;
    int end = text.length;
    while (start < end && isSpace(text[start])) {
      start++;
    }
    while (end > start && isSpace(text[end - 1])) {
      end--;
    }
    if (start == end) {
      throw new IllegalArgumentException("the PIN is empty");
    }
    char[] trimmed = Arrays.copyOfRange(text, start, end);
    char[] digits = asciiDigits(trimmed);
    try {
      return new Pin(normalize(digits != null ? digits : trimmed));
    } finally {
      Secrets.wipe(trimmed);
      Secrets.wipe(digits);
    }
  }

  /** All white space is in the basic plane, so single chars suffice. */
  private static boolean isSpace(char c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
  }

  /** The same number in ASCII digits, or null when a character is not a decimal digit. */
  private static char[] asciiDigits(char[] text) {
    char[] out = new char[text.length];
    int length = 0;
    for (int i = 0; i < text.length; i += Character.charCount(Character.codePointAt(text, i))) {
      int codePoint = Character.codePointAt(text, i);
      if (!Character.isDigit(codePoint)) {
        Secrets.wipe(out);
        return null;
      }
      out[length++] = (char) ('0' + Character.digit(codePoint, 10));
    }
    char[] digits = Arrays.copyOf(out, length);
    Secrets.wipe(out);
    return digits;
  }

  private static byte[] normalize(char[] text) {
    // ASCII is its own NFKD; so the usual PINs never become a String.
    boolean ascii = true;
    for (char c : text) {
      ascii &= c < 0x80;
    }
    char[] chars =
        ascii
            ? text
            : Normalizer.normalize(CharBuffer.wrap(text), Normalizer.Form.NFKD).toCharArray();
    // Three bytes are enough for every char: one beyond the basic plane takes two chars, four
    // bytes.
    byte[] room = new byte[3 * chars.length];
    try {
      ByteBuffer utf8 = ByteBuffer.wrap(room);
      CharsetEncoder encoder = StandardCharsets.UTF_8.newEncoder();
      CoderResult result = encoder.encode(CharBuffer.wrap(chars), utf8, true);
      if (result.isError()) {
        throw new IllegalArgumentException("the PIN is not valid Unicode text");
      }
      return Arrays.copyOf(room, utf8.position());
    } finally {
      Secrets.wipe(room);
      if (!ascii) {
        Secrets.wipe(chars);
      }
    }
  }

  /**
   * Another object with the same PIN, to be closed by itself.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public Pin copy() {
    return new Pin(normalized().clone());
  }

  /** The bytes to hash; not a copy, gone after close. */
  byte[] normalized() {
    if (closed) {
      throw new IllegalStateException("the PIN was erased");
    }
    return normalized;
  }

  /** Erases the PIN. May be called twice. */
  @Override
  public void close() {
    closed = true;
    Secrets.wipe(normalized);
  }

  @Override
  public String toString() {
    return "PIN";
  }
}
