// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.control;

import dev.svr2.host.auth.AuthSecrets;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Optional;

/** Who may use the control plane: everybody who connects, or who knows the token. Immutable. */
public final class ControlAccess {
  private static final int TOKEN_MIN_CHARS = 16;
  private static final String BEARER = "Bearer ";
  private static final String BASIC = "Basic ";

  private final Optional<byte[]> token;

  private ControlAccess(Optional<byte[]> token) {
    this.token = token;
  }

  /** No token: for loopback, and for mutual TLS. */
  public static ControlAccess open() {
    return new ControlAccess(Optional.empty());
  }

  /**
   * With the token in a file, as its only line.
   *
   * @throws IOException when it cannot be read, can be read by everyone, or is short
   */
  public static ControlAccess ofFile(Path file) throws IOException {
    String text = AuthSecrets.readText(file);
    if (text.length() < TOKEN_MIN_CHARS || !text.matches("[\\x21-\\x7e]+")) {
      throw new IOException(
          file
              + " must hold one line of at least 16 printable characters without spaces;"
              + " 'openssl rand -hex 32' makes one");
    }
    return new ControlAccess(Optional.of(text.getBytes(StandardCharsets.US_ASCII)));
  }

  /** Whether a token is asked for. */
  public boolean isGuarded() {
    return token.isPresent();
  }

  /**
   * Whether a caller may.
   *
   * @param authorization the header's value, null when there is none: {@code Bearer TOKEN}, or
   *     {@code Basic} with the token as the password, which browsers ask for
   */
  public boolean allows(String authorization) {
    if (token.isEmpty()) {
      return true;
    }
    if (authorization == null) {
      return false;
    }
    if (authorization.startsWith(BEARER)) {
      return matches(authorization.substring(BEARER.length()).strip());
    }
    if (!authorization.startsWith(BASIC)) {
      return false;
    }
    try {
      byte[] decoded = Base64.getDecoder().decode(authorization.substring(BASIC.length()).strip());
      String pair = new String(decoded, StandardCharsets.ISO_8859_1);
      return matches(pair.substring(pair.indexOf(':') + 1));
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private boolean matches(String given) {
    return MessageDigest.isEqual(given.getBytes(StandardCharsets.ISO_8859_1), token.get());
  }
}
