// SPDX-License-Identifier: Apache-2.0
//
// Checks the credentials of a client (protocol.md §3). One class for gRPC and, later, HTTP: both
// carry the same `Basic` value. dev.svr2.client.Credentials makes what this class checks.
package dev.svr2.host.auth;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Optional;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Immutable and thread-safe. */
public final class Authenticator {
  private static final String SCHEME = "basic ";

  /** Longer than any valid value, so that hostile ones cost nothing. */
  private static final int MAX_HEADER_CHARS = 256;

  private static final int MAC_HEX_CHARS = 20;
  private static final Pattern USER = Pattern.compile("[0-9a-f]{32}");

  private final AuthSecrets secrets;
  private final Duration validity;
  private final InstantSource clock;

  /**
   * Checks against these secrets.
   *
   * @param validity credentials are taken while |now − TS| is no more than this
   */
  public Authenticator(AuthSecrets secrets, Duration validity, InstantSource clock) {
    this.secrets = secrets;
    this.validity = validity;
    this.clock = clock;
  }

  /**
   * Checks the value of an {@code authorization} header.
   *
   * @param authorization null when there is none
   * @return the client's 16-byte id; empty for anything that is not right, without saying what,
   *     since the difference would only help one who guesses
   */
  public Optional<byte[]> authenticate(String authorization) {
    if (authorization == null
        || authorization.length() > MAX_HEADER_CHARS
        || !authorization.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
      return Optional.empty();
    }
    String decoded;
    try {
      byte[] bytes = Base64.getDecoder().decode(authorization.substring(SCHEME.length()).strip());
      decoded = new String(bytes, StandardCharsets.ISO_8859_1);
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
    int first = decoded.indexOf(':');
    int second = decoded.indexOf(':', first + 1);
    if (first < 0 || second < 0) {
      return Optional.empty();
    }
    return check(
        decoded.substring(0, first),
        decoded.substring(first + 1, second),
        decoded.substring(second + 1));
  }

  private Optional<byte[]> check(String user, String time, String mac) {
    if (!USER.matcher(user).matches()
        || !time.matches("[0-9]{1,15}")
        || mac.length() != MAC_HEX_CHARS) {
      return Optional.empty();
    }
    byte[] given = mac.getBytes(StandardCharsets.ISO_8859_1);
    boolean matches = false;
    // All secrets, whatever matches: the time taken tells nothing about which one it was.
    for (byte[] key : secrets.keys()) {
      String expected = HexFormat.of().formatHex(mac(key, user, time));
      matches |= MessageDigest.isEqual(expected.getBytes(StandardCharsets.ISO_8859_1), given);
    }
    long age = Math.abs(clock.instant().getEpochSecond() - Long.parseLong(time));
    if (!matches || age > validity.toSeconds()) {
      return Optional.empty();
    }
    return Optional.of(HexFormat.of().parseHex(user));
  }

  /**
   * A name of a user for places outside this process: the same on every host with the same secrets,
   * and of no use to whoever does not know them. It changes when the first secret does.
   *
   * @return 32 bytes
   */
  public byte[] pseudonym(byte[] backupId) {
    return hmac(secrets.keys().get(0), "pseudonym:" + HexFormat.of().formatHex(backupId));
  }

  /** The first 10 bytes of HMAC-SHA256(key, "user:time"). */
  private static byte[] mac(byte[] key, String user, String time) {
    return Arrays.copyOf(hmac(key, user + ":" + time), MAC_HEX_CHARS / 2);
  }

  private static byte[] hmac(byte[] key, String text) {
    try {
      Mac hmac = Mac.getInstance("HmacSHA256");
      hmac.init(new SecretKeySpec(key, "HmacSHA256"));
      return hmac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every JDK has HmacSHA256", e);
    }
  }
}
