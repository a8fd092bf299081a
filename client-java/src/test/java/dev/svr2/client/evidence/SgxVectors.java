// SPDX-License-Identifier: Apache-2.0
//
// Real evidence of real platforms (../shared/vectors/sgx); tests that want it are skipped where it
// is absent.
package dev.svr2.client.evidence;

import dev.svr2.client.Handshake;
import dev.svr2.client.Pins;
import dev.svr2.client.internal.Hex;
import dev.svr2.proto.ClientHandshakeStart;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/** Stateless. */
final class SgxVectors {
  static final Instant DCAP_TIME = Instant.parse("2023-01-25T00:00:00Z");

  private SgxVectors() {}

  static byte[] file(String name) {
    String given = System.getenv("SVR2_VECTORS");
    Path folder =
        given != null
            ? Path.of(given)
            : Path.of(System.getProperty("svr2.root", "..")).resolve("../shared/vectors");
    Path file = folder.resolve("sgx").resolve(name);
    if (!Files.exists(file)) {
      // Only here: benchmarks run without JUnit.
      Assumptions.abort("no vectors: " + file + " is not there");
    }
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static byte[] handshakeStart() {
    return file("svr2.handshakestart");
  }

  private static ClientHandshakeStart start() {
    try {
      return ClientHandshakeStart.parseFrom(handshakeStart());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static byte[] evidence() {
    return start().getEvidence().toByteArray();
  }

  static byte[] endorsement() {
    return start().getEndorsement().toByteArray();
  }

  /** When the evidence of the SVR2 enclave is valid. */
  static Instant time() {
    return Instant.ofEpochSecond(ByteBuffer.wrap(file("svr2.timestamp")).getLong());
  }

  static List<String> advisories() {
    return Arrays.asList(
        new String(file("svr2.advisories"), StandardCharsets.US_ASCII).trim().split("\\s+"));
  }

  /** The pins with which it is to be accepted. */
  static Pins pins() {
    try {
      return new Pins(
          file("svr2.mrenclave"),
          GroupConfig.parse(file("svr2.group_config")),
          Handshake.NK,
          Collections.singletonMap(
              "sgx_tcb_evaluation_data_number", Hex.decode("0000000000000011")),
          advisories(),
          true);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Clock at(Instant time) {
    return Clock.fixed(time, ZoneOffset.UTC);
  }
}
