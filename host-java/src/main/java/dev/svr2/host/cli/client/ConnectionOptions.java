// SPDX-License-Identifier: Apache-2.0
//
// Options that every client command shares: where the server is, who asks, what is pinned.
// Source: cli.md.
package dev.svr2.host.cli.client;

import dev.svr2.client.Credentials;
import dev.svr2.client.Handshake;
import dev.svr2.client.Pins;
import dev.svr2.client.PinsException;
import dev.svr2.host.config.HostPort;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Filled by picocli; read by the commands. */
final class ConnectionOptions {
  private static final long FILE_MAX_BYTES = 1024 * 1024;

  @Option(
      names = "--user",
      paramLabel = "HEX32",
      description = "Whose secret: 32 hexadecimal digits, put in lower case.")
  String user;

  @Option(names = "--pins", paramLabel = "FILE", description = "What the server must prove.")
  Path pinsFile;

  @Option(
      names = "--allow-simulated",
      description = "Accept a group that protects nothing (platforms local and oe-simulation).")
  boolean allowSimulated;

  @Option(
      names = "--tls",
      description = "Connect with TLS, to a certificate that this machine trusts.")
  boolean tls;

  @Option(
      names = "--tls-ca",
      paramLabel = "FILE",
      description = "Connect with TLS, to a certificate signed by one of these (PEM).")
  Path tlsAuthorities;

  @Option(
      names = "--handshake",
      paramLabel = "NK|NKhfs",
      description =
          "The handshake that the group offers (client_pq in its configuration); pins name it, and"
              + " without them it is NKhfs unless given here.")
  String handshake;

  @Option(
      names = "--credentials",
      paramLabel = "USER:PASSWORD",
      description = "Credentials as `svr2 token` prints them.")
  String credentials;

  @Option(
      names = "--auth-secret-file",
      paramLabel = "FILE",
      description =
          "Make credentials with the secret in this file, or else with that in the environment"
              + " variable AUTH_SECRET.")
  Path authSecretFile;

  @Option(
      names = "--json",
      description =
          "Print the outcome as one JSON object: {\"result\", \"exit_code\", …, \"text\"}.")
  boolean json;

  /** A checked HOST:PORT. */
  static String hostPort(String option, String value) throws CliException {
    try {
      return HostPort.parseTarget(value).toString();
    } catch (IllegalArgumentException e) {
      throw new CliException(option + " must be HOST:PORT: " + e.getMessage());
    }
  }

  /** The client plane at a checked HOST:PORT, with TLS where it was asked for. */
  ClientIo.Way way(ClientIo io, String address) throws CliException {
    if (!tls && tlsAuthorities == null) {
      return () -> io.transport(address);
    }
    Optional<Tls> trust = tls();
    return () -> io.tlsTransport(address, trust);
  }

  /** The authorities that are trusted; empty for the machine's. */
  Optional<Tls> tls() throws CliException {
    try {
      return tlsAuthorities == null
          ? Optional.empty()
          : Optional.of(Tls.of(readFile("--tls-ca", tlsAuthorities, FILE_MAX_BYTES)));
    } catch (GeneralSecurityException e) {
      throw new CliException("--tls-ca: " + tlsAuthorities + " holds no certificate in PEM form");
    }
  }

  /** The pins, or null when no file is named. */
  Pins pins() throws CliException {
    if (pinsFile == null) {
      return null;
    }
    try {
      return Pins.parse(readText("--pins", pinsFile));
    } catch (PinsException e) {
      throw new CliException(pinsFile + ": " + e.getMessage());
    }
  }

  /** The handshake to speak: the pins', or the one given, or NKhfs. */
  Handshake handshake(Pins pins) throws CliException {
    Handshake asked = askedHandshake(pins);
    return asked == null ? Handshake.NKHFS : asked;
  }

  /** The pins' handshake, or the one given; null when neither is there. */
  Handshake askedHandshake(Pins pins) throws CliException {
    if (handshake == null) {
      return pins == null ? null : pins.handshake();
    }
    Handshake given;
    try {
      given = Handshake.of(handshake);
    } catch (IllegalArgumentException e) {
      throw new CliException("--handshake must be NK or NKhfs");
    }
    if (pins != null && pins.handshake() != given) {
      throw new CliException("--handshake differs from the pins, which name " + pins.handshake());
    }
    return given;
  }

  /** Given credentials, or credentials made with the secret of the file or the environment. */
  Credentials credentials(ClientIo io) throws CliException {
    try {
      if (credentials != null) {
        Credentials given = Credentials.parse(credentials);
        if (user != null && !given.user().equals(user.toLowerCase(Locale.ROOT))) {
          throw new CliException("--user and --credentials name different users");
        }
        return given;
      }
      if (user == null) {
        throw new CliException("--user is missing (or --credentials)");
      }
      return Credentials.make(secret(io), user, io.clock());
    } catch (IllegalArgumentException e) {
      throw new CliException(e.getMessage());
    }
  }

  private String secret(ClientIo io) throws CliException {
    if (authSecretFile != null) {
      return readText("--auth-secret-file", authSecretFile).strip();
    }
    String secret = io.environment("AUTH_SECRET");
    if (secret == null || secret.isEmpty()) {
      throw new CliException(
          "no credentials: give --credentials, --auth-secret-file or AUTH_SECRET");
    }
    return secret;
  }

  private static String readText(String option, Path file) throws CliException {
    return new String(readFile(option, file, FILE_MAX_BYTES), StandardCharsets.UTF_8);
  }

  /** All bytes of a file that has at most {@code maxBytes}. */
  static byte[] readFile(String option, Path file, long maxBytes) throws CliException {
    try (var in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes((int) maxBytes + 1);
      if (bytes.length > maxBytes) {
        throw new CliException(option + ": " + file + " has more than " + maxBytes + " bytes");
      }
      return bytes;
    } catch (IOException e) {
      throw new CliException(option + ": cannot read " + file);
    }
  }
}
