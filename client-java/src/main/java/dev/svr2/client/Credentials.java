// SPDX-License-Identifier: Apache-2.0
//
// Basic credentials: user = 32 lowercase hex digits (the 16-byte id), password = TS:HEX, TS = unix
// seconds in decimal, HEX = the first 10 bytes of HMAC-SHA256(secret, "user:TS") in hex.
// Source: protocol.md §3.
package dev.svr2.client;

import dev.svr2.client.internal.Hex;
import dev.svr2.client.internal.Secrets;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.Arrays;
import java.util.Base64;
import java.util.Locale;
import java.util.regex.Pattern;
import org.bouncycastle.crypto.digests.SHA256Digest;
import org.bouncycastle.crypto.macs.HMac;
import org.bouncycastle.crypto.params.KeyParameter;

/**
 * A user and the password that lets them in for a while. Immutable and thread-safe. The password is
 * in no text but {@link #password()} and {@link #authorization()}.
 *
 * @since 0.1
 */
public final class Credentials {
  private static final Pattern USER = Pattern.compile("[0-9a-f]{32}");
  private static final Pattern PASSWORD = Pattern.compile("[\\x21-\\x7e]{1,256}");
  private static final int MAC_BYTES = 10;

  private final String user;
  private final String password;

  private Credentials(String user, String password) {
    this.user = user;
    this.password = password;
  }

  /**
   * Credentials that someone else made.
   *
   * @param user 32 hexadecimal digits, put in lower case
   * @param password 1 to 256 printable ASCII characters; whether it is right only the server knows
   * @throws IllegalArgumentException otherwise
   */
  public static Credentials of(String user, String password) {
    if (!PASSWORD.matcher(password).matches()) {
      throw new IllegalArgumentException("the password has a form that no server made");
    }
    return new Credentials(checkUser(user), password);
  }

  /**
   * Reads {@code USER:PASSWORD}.
   *
   * @throws IllegalArgumentException when there is no colon or a part is malformed
   */
  public static Credentials parse(String text) {
    int colon = text.indexOf(':');
    if (colon < 0) {
      throw new IllegalArgumentException("credentials have the form USER:PASSWORD");
    }
    return of(text.substring(0, colon), text.substring(colon + 1));
  }

  /**
   * Makes credentials with the secret that the servers know, valid from the clock's now.
   *
   * @param secrets the value of AUTH_SECRET: base64, several separated by commas; the first signs
   * @param user 32 hexadecimal digits, put in lower case
   * @throws IllegalArgumentException when the user or the first secret is malformed
   */
  public static Credentials make(String secrets, String user, Clock clock) {
    String name = checkUser(user);
    byte[] secret;
    try {
      secret = Base64.getDecoder().decode(secrets.split(",", -1)[0].trim());
    } catch (IllegalArgumentException e) {
      // The decoder's own message would quote a character of the secret.
      throw new IllegalArgumentException("the authentication secret is not base64");
    }
    if (secret.length == 0) {
      throw new IllegalArgumentException("the authentication secret is empty");
    }
    String seconds = Long.toString(clock.instant().getEpochSecond());
    HMac mac = new HMac(new SHA256Digest());
    mac.init(new KeyParameter(secret));
    byte[] signed = (name + ":" + seconds).getBytes(StandardCharsets.US_ASCII);
    mac.update(signed, 0, signed.length);
    byte[] full = new byte[mac.getMacSize()];
    mac.doFinal(full, 0);
    Secrets.wipe(secret);
    return new Credentials(name, seconds + ":" + Hex.encode(Arrays.copyOf(full, MAC_BYTES)));
  }

  private static String checkUser(String user) {
    String name = user.toLowerCase(Locale.ROOT);
    if (!USER.matcher(name).matches()) {
      throw new IllegalArgumentException("the user must be 32 hexadecimal digits");
    }
    return name;
  }

  /** 32 lowercase hexadecimal digits. */
  public String user() {
    return user;
  }

  /** {@code TS:HEX}. */
  public String password() {
    return password;
  }

  /** The value of the {@code authorization} metadata or header. */
  public String authorization() {
    byte[] pair = (user + ":" + password).getBytes(StandardCharsets.US_ASCII);
    return "Basic " + Base64.getEncoder().encodeToString(pair);
  }

  @Override
  public String toString() {
    return "credentials";
  }
}
