// SPDX-License-Identifier: Apache-2.0
//
// Credentials (protocol.md §3): a table of good and bad ones against a fixed clock.
package dev.svr2.host.auth;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.client.Credentials;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.Base64;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AuthenticatorTest {
  private static final String USER = "0123456789abcdef0123456789abcdef";
  private static final long NOW = 1_700_000_000;
  private static final long VALIDITY = Duration.ofDays(120).toSeconds();

  // HMAC-SHA256 with the key "0123456789abcdef" over "USER:1700000000", by
  // printf %s USER:1700000000 | openssl dgst -sha256 -hmac 0123456789abcdef
  private static final String KEY = base64("0123456789abcdef");
  private static final String MAC = "3f8d8b7f305362229e1e";

  private static String base64(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  private static Authenticator at(long seconds, String secrets) {
    return new Authenticator(
        AuthSecrets.parse(secrets),
        Duration.ofDays(120),
        InstantSource.fixed(Instant.ofEpochSecond(seconds)));
  }

  private static boolean accepts(String userAndPassword) {
    return at(NOW, KEY).authenticate("Basic " + base64(userAndPassword)).isPresent();
  }

  private static String good() {
    return USER + ":" + NOW + ":" + MAC;
  }

  @Test
  void goodCredentialsGiveTheSixteenByteId() {
    assertArrayEquals(
        HexFormat.of().parseHex(USER),
        at(NOW, KEY).authenticate("Basic " + base64(good())).orElseThrow());
  }

  @Test
  void whatTheTokenCommandMakesIsAccepted() {
    Credentials made = Credentials.make(KEY, USER, clock());
    assertEquals(good(), made.user() + ":" + made.password());
    assertTrue(at(NOW, KEY).authenticate(made.authorization()).isPresent());
    assertFalse(made.toString().contains(MAC));
  }

  @ParameterizedTest
  @CsvSource({
    "0, true",
    "1, true",
    "-1, true",
    "10368000, true",
    "-10368000, true",
    "10368001, false",
    "-10368001, false"
  })
  void credentialsHoldFor120DaysBothWays(long age, boolean accepted) {
    assertEquals(10_368_000, VALIDITY);
    assertEquals(accepted, at(NOW + age, KEY).authenticate("Basic " + base64(good())).isPresent());
  }

  @Test
  void badCredentialsAreRefused() {
    assertTrue(accepts(good()));
    assertFalse(accepts(USER + ":" + NOW + ":" + MAC.substring(1)));
    assertFalse(accepts(USER + ":" + NOW + ":" + MAC + "0"));
    assertFalse(accepts(USER + ":" + NOW + ":" + "0".repeat(20)));
    assertFalse(accepts(USER + ":" + (NOW + 1) + ":" + MAC));
    assertFalse(accepts(USER + ":" + NOW + ":" + MAC.toUpperCase(java.util.Locale.ROOT)));
    assertFalse(accepts(USER.replace('0', '1') + ":" + NOW + ":" + MAC));
    assertFalse(accepts(USER + ":-" + NOW + ":" + MAC));
    assertFalse(accepts(USER + "::" + MAC));
    assertFalse(accepts(USER + ":9999999999999999999:" + MAC));
    assertFalse(accepts(USER));
    assertFalse(accepts(""));
  }

  /** Only 32 lower-case hex digits are a user, even with the right HMAC over another name. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "0123456789ABCDEF0123456789ABCDEF",
        "0123",
        "",
        "zz23456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      })
  void otherUsersAreRefusedWhateverTheirHmac(String user) throws GeneralSecurityException {
    Mac hmac = Mac.getInstance("HmacSHA256");
    hmac.init(new SecretKeySpec(Base64.getDecoder().decode(KEY), "HmacSHA256"));
    byte[] full = hmac.doFinal((user + ":" + NOW).getBytes(StandardCharsets.ISO_8859_1));
    String mac = HexFormat.of().formatHex(full).substring(0, 20);
    assertFalse(accepts(user + ":" + NOW + ":" + mac));
  }

  private static Clock clock() {
    return Clock.fixed(Instant.ofEpochSecond(NOW), ZoneOffset.UTC);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Basic", "Basic ", "Basic !!!!", "Bearer abc", "basic"})
  void otherHeadersAreRefused(String header) {
    assertFalse(at(NOW, KEY).authenticate(header).isPresent());
  }

  @Test
  void noHeaderAndALongOneAreRefusedAndTheSchemeHasNoCase() {
    assertFalse(at(NOW, KEY).authenticate(null).isPresent());
    assertFalse(at(NOW, KEY).authenticate("Basic " + "A".repeat(100_000)).isPresent());
    assertTrue(at(NOW, KEY).authenticate("bAsIc " + base64(good())).isPresent());
  }

  @Test
  void allSecretsVerifyAndTheFirstSigns() {
    String other = base64("another key, another key");
    assertTrue(at(NOW, other + ", " + KEY).authenticate("Basic " + base64(good())).isPresent());
    assertFalse(at(NOW, other).authenticate("Basic " + base64(good())).isPresent());
    assertEquals(
        Credentials.make(other, USER, clock()).password(),
        Credentials.make(other + "," + KEY, USER, clock()).password());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "se(ret", "QUJD,", ",QUJD", "QUJD,se(ret"})
  void badSecretsAreRefusedWithoutBeingShown(String text) {
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> AuthSecrets.parse(text));
    assertFalse(refusal.getMessage().contains("se(ret"), refusal.getMessage());
    assertFalse(refusal.getMessage().contains("QUJD"), refusal.getMessage());
    assertEquals(null, refusal.getCause());
  }

  @Test
  void shortSecretsAreWeakAndNoneShowsItself() {
    assertTrue(AuthSecrets.parse("QUJD").isWeak());
    assertFalse(AuthSecrets.parse(KEY).isWeak());
    assertEquals("AuthSecrets[1]", AuthSecrets.parse("QUJD").toString());
  }

  @Test
  void aFileThatEveryoneCanReadIsRefused(@TempDir Path directory) throws IOException {
    Path file = directory.resolve("secret");
    Files.writeString(file, KEY + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    String message = assertThrows(IOException.class, () -> AuthSecrets.readFile(file)).getMessage();
    assertTrue(message.contains("chmod 600"), message);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    assertFalse(AuthSecrets.readFile(file).isWeak());
    assertThrows(IOException.class, () -> AuthSecrets.readFile(directory.resolve("none")));
  }
}
