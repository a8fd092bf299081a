// SPDX-License-Identifier: Apache-2.0
//
// Credentials (protocol.md §3).
package dev.svr2.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Base64;
import org.junit.jupiter.api.Test;

class CredentialsTest {
  private static final String USER = "000102030405060708090a0b0c0d0e0f";
  private static final String SECRET = "c2VjcmV0LW9mLTMyLWJ5dGVzLWZvci10aGUtdGVzdHM=";
  private static final Clock CLOCK =
      Clock.fixed(Instant.ofEpochSecond(1_700_000_000L), ZoneOffset.UTC);

  // printf '000102030405060708090a0b0c0d0e0f:1700000000' | openssl dgst -sha256 -mac HMAC
  // -macopt key:secret-of-32-bytes-for-the-tests | cut -c-20 (after the label)
  @Test
  void opensslMakesTheSame() {
    Credentials made = Credentials.make(SECRET, USER, CLOCK);
    assertEquals(USER, made.user());
    assertEquals("1700000000:1cc7aba0d2ce90c2f197", made.password());
    String basic = USER + ":1700000000:1cc7aba0d2ce90c2f197";
    assertEquals(
        "Basic " + Base64.getEncoder().encodeToString(basic.getBytes(StandardCharsets.US_ASCII)),
        made.authorization());
  }

  @Test
  void theFirstOfSeveralSecretsSigns() {
    assertEquals(
        Credentials.make(SECRET, USER, CLOCK).password(),
        Credentials.make(SECRET + ",b3RoZXI=", USER, CLOCK).password());
  }

  @Test
  void usersArePutInLowerCase() {
    String upper = "000102030405060708090A0B0C0D0E0F";
    assertEquals(USER, Credentials.make(SECRET, upper, CLOCK).user());
    assertEquals(USER, Credentials.parse(upper + ":1:aa").user());
    assertEquals("1:aa", Credentials.parse(upper + ":1:aa").password());
  }

  @Test
  void malformedPartsAreRefusedWithoutQuotingThem() {
    String[] bad = {"", "no colon", USER, USER + ":", "00:1:aa", USER + "0:1:aa", USER + ":a\nb"};
    for (String text : bad) {
      assertThrows(IllegalArgumentException.class, () -> Credentials.parse(text), text);
    }
    for (String secret : new String[] {"", ",", "not base64!", "Zm9v~"}) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> Credentials.make(secret, USER, CLOCK));
      assertFalse(secret.length() > 1 && e.getMessage().contains(secret), e.getMessage());
    }
  }

  @Test
  void thePasswordIsInNoText() {
    assertFalse(Credentials.parse(USER + ":1:aabb").toString().contains("aabb"));
  }
}
