// SPDX-License-Identifier: Apache-2.0
//
// Client credentials (protocol.md §3): user = 32 lower-case hex digits, password = TS:HEX, where TS
// is unix
// seconds in decimal and HEX the first 10 bytes of HMAC-SHA256(secret, "user:TS") in hex.
package dev.svr2.host.auth;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * A user name with a password. Shows no password in text.
 *
 * @param user 32 lower-case hex digits
 */
public record Credentials(String user, String password) {
  private static final int MAC_BYTES = 10;

  /**
   * Makes credentials with the first secret.
   *
   * @param user 32 lower-case hex digits
   * @throws IllegalArgumentException for any other user
   */
  public static Credentials create(AuthSecrets secrets, String user, Instant now) {
    if (!isUser(user)) {
      throw new IllegalArgumentException("a user is 32 lower-case hex digits");
    }
    String time = Long.toString(now.getEpochSecond());
    String mac = HexFormat.of().formatHex(mac(secrets.keys().get(0), user, time));
    return new Credentials(user, time + ":" + mac);
  }

  /** {@code USER:PASSWORD}, as `svr2 token` prints it. */
  public String userAndPassword() {
    return user + ":" + password;
  }

  static boolean isUser(String user) {
    return user.length() == 32
        && user.chars().allMatch(c -> (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
  }

  static byte[] mac(byte[] key, String user, String time) {
    try {
      Mac hmac = Mac.getInstance("HmacSHA256");
      hmac.init(new SecretKeySpec(key, "HmacSHA256"));
      byte[] text = (user + ":" + time).getBytes(StandardCharsets.UTF_8);
      return Arrays.copyOf(hmac.doFinal(text), MAC_BYTES);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every JDK has HmacSHA256", e);
    }
  }

  @Override
  public String toString() {
    return "Credentials[" + user.length() + " characters of user]";
  }
}
