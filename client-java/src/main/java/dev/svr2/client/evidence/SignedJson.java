// SPDX-License-Identifier: Apache-2.0
//
// {"NAME":{…},"signature":"…"}: the signature is over the bytes of the inner object as they stand.
// Source: Intel PCS API v4, "Get TCB Info" and "Get Quoting Enclave Identity".
package dev.svr2.client.evidence;

import dev.svr2.client.internal.Hex;
import java.nio.charset.StandardCharsets;
import java.security.PublicKey;
import java.util.Arrays;
import java.util.Locale;

/** Stateless. */
final class SignedJson {
  private static final String SIGNATURE = ",\"signature\":\"";
  private static final String END = "\"}";

  private SignedJson() {}

  /**
   * Verifies the signature and reads the inner object.
   *
   * @param name of the inner object
   * @param malformed for a form that is not this one
   * @param badSignature for a signature that is not the key's
   */
  static StrictJson verify(
      String name,
      byte[] bytes,
      PublicKey key,
      EvidenceRefusal malformed,
      EvidenceRefusal badSignature)
      throws EvidenceException {
    String text = new String(bytes, StandardCharsets.UTF_8);
    String begin = "{\"" + name + "\":";
    int tail = SIGNATURE.length() + 2 * P256.SIGNATURE_BYTES + END.length();
    int bodyEnd = text.length() - tail;
    if (!Arrays.equals(text.getBytes(StandardCharsets.UTF_8), bytes)
        || !text.startsWith(begin)
        || bodyEnd < begin.length()
        || !text.startsWith(SIGNATURE, bodyEnd)
        || !text.endsWith(END)) {
      throw new EvidenceException(malformed, "not one object with its signature behind it");
    }
    String body = text.substring(begin.length(), bodyEnd);
    String digits = text.substring(bodyEnd + SIGNATURE.length(), text.length() - END.length());
    byte[] signature;
    try {
      signature = Hex.decode(digits);
      // Either case, but one: so that no digit can be written in another way.
      String lower = Hex.encode(signature);
      if (!digits.equals(lower) && !digits.equals(lower.toUpperCase(Locale.ROOT))) {
        throw new IllegalArgumentException("mixed case");
      }
    } catch (IllegalArgumentException e) {
      throw new EvidenceException(malformed, "its signature is not in hexadecimal digits");
    }
    if (!P256.verify(key, body.getBytes(StandardCharsets.UTF_8), signature)) {
      throw new EvidenceException(badSignature);
    }
    return StrictJson.parse(name, malformed, body);
  }
}
