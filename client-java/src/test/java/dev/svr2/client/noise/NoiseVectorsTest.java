// SPDX-License-Identifier: Apache-2.0
//
// Published vectors of the NK initiator (cacophony), and one of our own that both this initiator
// and
// an independent responder on the JDK's cryptography make. For ML-KEM see HfsVectorsTest.
package dev.svr2.client.noise;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.svr2.client.Handshake;
import dev.svr2.client.internal.Hex;
import dev.svr2.client.testing.NoiseResponder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class NoiseVectorsTest {
  private static final byte[] NOTHING = new byte[0];

  private static Path vectors() {
    String given = System.getenv("SVR2_VECTORS");
    return given != null
        ? Path.of(given)
        : Path.of(System.getProperty("svr2.root", "..")).resolve("../shared/vectors");
  }

  @Test
  void cacophony() throws Exception {
    Path file = vectors().resolve("noise/cacophony-25519-sha256.json");
    assumeTrue(Files.exists(file), "no vectors at " + file);
    int found = 0;
    JsonObject all = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    for (JsonElement element : all.getAsJsonArray("vectors")) {
      JsonObject vector = element.getAsJsonObject();
      String name = vector.get("protocol_name").getAsString();
      if (name.equals(HandshakePattern.NK.protocolName)) {
        check(vector);
        found++;
      }
    }
    assertEquals(1, found);
  }

  private static void check(JsonObject vector) throws Exception {
    List<byte[]> payloads = new ArrayList<>();
    List<byte[]> ciphertexts = new ArrayList<>();
    for (JsonElement message : vector.getAsJsonArray("messages")) {
      payloads.add(Hex.decode(message.getAsJsonObject().get("payload").getAsString()));
      ciphertexts.add(Hex.decode(message.getAsJsonObject().get("ciphertext").getAsString()));
    }
    NoiseInitiator initiator =
        NoiseInitiator.withKeys(
            HandshakePattern.NK,
            hex(vector, "init_prologue"),
            hex(vector, "init_remote_static"),
            hex(vector, "init_ephemeral"),
            NOTHING);
    assertArrayEquals(ciphertexts.get(0), initiator.writeFirst(payloads.get(0)));
    assertArrayEquals(payloads.get(1), initiator.readSecondPayload(ciphertexts.get(1)));
    assertArrayEquals(hex(vector, "handshake_hash"), initiator.handshakeHash());
    NoiseTransport transport = initiator.transport();
    for (int i = 2; i < payloads.size(); i++) {
      if (i % 2 == 0) {
        assertArrayEquals(ciphertexts.get(i), transport.encrypt(payloads.get(i)));
      } else {
        assertArrayEquals(payloads.get(i), transport.decrypt(ciphertexts.get(i)));
      }
    }
  }

  private static byte[] hex(JsonObject vector, String name) {
    return Hex.decode(vector.get(name).getAsString());
  }

  @Test
  void theJdkMakesTheSameSession() throws Exception {
    byte[] serverKey = filled(0x31);
    NoiseResponder responder = new NoiseResponder(Handshake.NK, serverKey, filled(0x32));
    NoiseInitiator initiator =
        NoiseInitiator.withKeys(
            HandshakePattern.NK,
            NOTHING,
            NoiseResponder.publicKey(serverKey),
            filled(0x33),
            NOTHING);
    byte[] first = initiator.writeFirst();
    byte[] second = responder.answer(first);
    assertEquals("b1b6fb013747dae7405bd1872cb1fa06", Hex.encode(Arrays.copyOfRange(first, 32, 48)));
    NoiseTransport transport = initiator.readSecond(second);
    byte[] hello = "hello".getBytes(StandardCharsets.US_ASCII);
    assertArrayEquals(hello, responder.decrypt(transport.encrypt(hello)));
    assertArrayEquals(hello, transport.decrypt(responder.encrypt(hello)));
  }

  private static byte[] filled(int value) {
    byte[] out = new byte[32];
    Arrays.fill(out, (byte) value);
    return out;
  }
}
