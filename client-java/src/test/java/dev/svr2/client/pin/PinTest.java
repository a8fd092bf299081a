// SPDX-License-Identifier: Apache-2.0
//
// Normalization of PINs (protocol.md §7): trimmed; all-digit PINs with digits mapped to ASCII;
// NFKD; UTF-8.
package dev.svr2.client.pin;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class PinTest {
  private static String normalized(String text) {
    try (Pin pin = Pin.of(text.toCharArray())) {
      return new String(pin.normalized(), StandardCharsets.UTF_8);
    }
  }

  @Test
  void trimmed() {
    assertEquals("1234", normalized("  1234\t\r\n"));
    assertEquals("1234", normalized("\u00a0\u2003\u30001234\u0085\u202f"));
    assertEquals("pass word", normalized(" pass word "));
  }

  @Test
  void digitsOfEveryScriptBecomeAscii() {
    assertEquals("0123456789", normalized("٠١٢٣٤٥٦٧٨٩")); // Arabic-Indic
    assertEquals("0123456789", normalized("۰۱۲۳۴۵۶۷۸۹")); // Persian
    assertEquals("0123456789", normalized("०१२३४५६७८९")); // Devanagari
    assertEquals("0123456789", normalized("０１２３４５６７８９")); // full width
    assertEquals("19", normalized("\ud835\udfcf\ud835\udfd7")); // mathematical bold, two chars each
    assertEquals("1234", normalized("1٢३４")); // mixed
  }

  @Test
  void digitsAmongLettersStayButForTheirCompatibilityForm() {
    assertEquals("a٣", normalized("a٣"));
    assertEquals("a3", normalized("a３")); // NFKD maps full width
  }

  @Test
  void decomposedByCompatibility() {
    assertEquals("e\u0301", normalized("\u00e9"));
    assertEquals("e\u0301", normalized("e\u0301"));
    assertEquals("fi", normalized("\ufb01"));
    assertEquals("\ud83d\udd11", normalized("\ud83d\udd11"));
  }

  @Test
  void superscriptsAreNotDigits() {
    // U+00B2 is no decimal digit, but its compatibility form is.
    assertEquals("2", normalized("\u00b2"));
  }

  @Test
  void nothingLeftIsRefused() {
    for (String text : new String[] {"", " ", "\t\n", "\u3000\u00a0"}) {
      assertThrows(IllegalArgumentException.class, () -> Pin.of(text.toCharArray()));
    }
  }

  @Test
  void halfACharacterIsRefused() {
    for (String text : new String[] {"\ud83d", "ab\udd11", "\udd11\ud83d"}) {
      assertThrows(IllegalArgumentException.class, () -> Pin.of(text.toCharArray()));
    }
  }

  @Test
  void erased() {
    char[] text = "12345".toCharArray();
    Pin pin = Pin.of(text);
    assertArrayEquals("12345".toCharArray(), text); // the caller's
    byte[] inside = pin.normalized();
    pin.close();
    pin.close();
    assertArrayEquals(new byte[5], inside);
    assertThrows(IllegalStateException.class, pin::normalized);
    assertFalse(pin.toString().contains("12345"));
  }
}
