// SPDX-License-Identifier: Apache-2.0
//
// The vectors of docs/vectors, which the enclave's code made, computed anew from their keys: by the
// library's initiator where it knows the pattern (NKhfs), and for both patterns and both sides by a
// straight transcription of the specification onto the JDK's cryptography and Bouncy Castle's
// ML-KEM. No code is shared with the side that made them.
package dev.svr2.client.noise;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.svr2.client.internal.Hex;
import dev.svr2.client.testing.NoiseResponder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.crypto.SecretWithEncapsulation;
import org.bouncycastle.crypto.kems.MLKEMExtractor;
import org.bouncycastle.crypto.kems.MLKEMGenerator;
import org.bouncycastle.crypto.params.MLKEMParameters;
import org.bouncycastle.crypto.params.MLKEMPrivateKeyParameters;
import org.bouncycastle.crypto.params.MLKEMPublicKeyParameters;
import org.junit.jupiter.api.Test;

class HfsVectorsTest {
  private static JsonArray vectors(String file) throws Exception {
    Path root = Path.of(System.getProperty("svr2.root", ".."));
    String json = Files.readString(root.resolve("docs/vectors").resolve(file));
    JsonArray vectors = JsonParser.parseString(json).getAsJsonObject().getAsJsonArray("vectors");
    assertEquals(2, vectors.size());
    return vectors;
  }

  private static byte[] hex(JsonObject object, String name) {
    return object.has(name) ? Hex.decode(object.get(name).getAsString()) : null;
  }

  @Test
  void theLibrarysInitiatorMakesNkHfs() throws Exception {
    for (JsonElement element : vectors("noise-nkhfs-mlkem1024.json")) {
      JsonObject vector = element.getAsJsonObject();
      assertEquals(HandshakePattern.NK_HFS.protocolName, vector.get("protocol_name").getAsString());
      NoiseInitiator initiator =
          NoiseInitiator.withKeys(
              HandshakePattern.NK_HFS,
              hex(vector, "init_prologue"),
              hex(vector, "init_remote_static"),
              hex(vector, "init_ephemeral"),
              hex(vector, "init_kem_seed"));
      JsonArray messages = vector.getAsJsonArray("messages");
      JsonObject first = messages.get(0).getAsJsonObject();
      JsonObject second = messages.get(1).getAsJsonObject();
      assertArrayEquals(hex(first, "ciphertext"), initiator.writeFirst(hex(first, "payload")));
      assertArrayEquals(
          hex(second, "payload"), initiator.readSecondPayload(hex(second, "ciphertext")));
      assertArrayEquals(hex(vector, "handshake_hash"), initiator.handshakeHash());
      try (NoiseTransport transport = initiator.transport()) {
        for (int i = 2; i < messages.size(); i++) {
          JsonObject message = messages.get(i).getAsJsonObject();
          byte[] plain = hex(message, "payload");
          byte[] sealed = hex(message, "ciphertext");
          if (i % 2 == 0) {
            assertArrayEquals(sealed, transport.encrypt(plain));
          } else {
            assertArrayEquals(plain, transport.decrypt(sealed));
          }
        }
      }
    }
  }

  @Test
  void bothSidesOfNkHfs() throws Exception {
    for (JsonElement vector : vectors("noise-nkhfs-mlkem1024.json")) {
      new Computation(vector.getAsJsonObject(), false).check();
    }
  }

  @Test
  void bothSidesOfKkHfs() throws Exception {
    for (JsonElement vector : vectors("noise-kkhfs-mlkem1024.json")) {
      new Computation(vector.getAsJsonObject(), true).check();
    }
  }

  /** A generator that gives out the vector's coins. */
  private static final class Coins extends SecureRandom {
    private final byte[] coins;

    Coins(byte[] coins) {
      this.coins = coins;
    }

    @Override
    public void nextBytes(byte[] out) {
      assertEquals(coins.length, out.length);
      System.arraycopy(coins, 0, out, 0, out.length);
    }
  }

  /** What both sides compute, message by message; the keys of both are known here. */
  private static final class Computation {
    private final JsonObject vector;
    private final boolean mutual;
    private final boolean gcm;
    private byte[] hash;
    private byte[] chainingKey;
    private byte[] key;
    private long nonce;

    Computation(JsonObject vector, boolean mutual) throws GeneralSecurityException {
      this.vector = vector;
      this.mutual = mutual;
      String name = vector.get("protocol_name").getAsString();
      gcm = name.contains("_AESGCM_");
      // A name above 32 bytes is hashed.
      hash = sha256(name.getBytes(StandardCharsets.US_ASCII), new byte[0]);
      chainingKey = hash;
    }

    void check() throws Exception {
      byte[] initiatorStatic = hex(vector, "init_static");
      byte[] responderStatic = hex(vector, "resp_static");
      byte[] initiatorEphemeral = hex(vector, "init_ephemeral");
      byte[] responderEphemeral = hex(vector, "resp_ephemeral");
      byte[] responderPublic = NoiseResponder.publicKey(responderStatic);
      assertArrayEquals(hex(vector, "init_remote_static"), responderPublic);
      mixHash(hex(vector, "init_prologue"));
      if (mutual) {
        byte[] initiatorPublic = NoiseResponder.publicKey(initiatorStatic);
        assertArrayEquals(hex(vector, "resp_remote_static"), initiatorPublic);
        mixHash(initiatorPublic);
      }
      mixHash(responderPublic);

      // -> e, es, e1 (, ss)
      byte[] e = NoiseResponder.publicKey(initiatorEphemeral);
      mixHash(e);
      mixKey(NoiseResponder.agree(initiatorEphemeral, responderPublic));
      MLKEMPrivateKeyParameters kem =
          new MLKEMPrivateKeyParameters(MLKEMParameters.ml_kem_1024, hex(vector, "init_kem_seed"));
      byte[] e1 = seal(kem.getPublicKey());
      if (mutual) {
        mixKey(NoiseResponder.agree(initiatorStatic, responderPublic));
      }
      assertMessage(0, e, e1, seal(payload(0)));

      // <- e, ee, ekem1 (, se)
      byte[] re = NoiseResponder.publicKey(responderEphemeral);
      mixHash(re);
      mixKey(NoiseResponder.agree(responderEphemeral, e));
      SecretWithEncapsulation secret =
          new MLKEMGenerator(new Coins(hex(vector, "resp_kem_coins")))
              .generateEncapsulated(
                  new MLKEMPublicKeyParameters(MLKEMParameters.ml_kem_1024, kem.getPublicKey()));
      byte[] ekem1 = seal(secret.getEncapsulation());
      assertArrayEquals(
          secret.getSecret(), new MLKEMExtractor(kem).extractSecret(secret.getEncapsulation()));
      mixKey(secret.getSecret());
      if (mutual) {
        mixKey(NoiseResponder.agree(responderEphemeral, NoiseResponder.publicKey(initiatorStatic)));
      }
      assertMessage(1, re, ekem1, seal(payload(1)));
      assertArrayEquals(hex(vector, "handshake_hash"), hash);

      byte[][] keys = hkdf(chainingKey, new byte[0]);
      JsonArray messages = vector.getAsJsonArray("messages");
      assertEquals(6, messages.size());
      for (int i = 2; i < messages.size(); i++) {
        assertMessage(i, aead(keys[i % 2], i / 2 - 1, new byte[0], payload(i)));
      }
    }

    private byte[] payload(int i) {
      return hex(vector.getAsJsonArray("messages").get(i).getAsJsonObject(), "payload");
    }

    private void assertMessage(int i, byte[]... parts) {
      StringBuilder made = new StringBuilder();
      for (byte[] part : parts) {
        made.append(Hex.encode(part));
      }
      JsonObject message = vector.getAsJsonArray("messages").get(i).getAsJsonObject();
      assertEquals(message.get("ciphertext").getAsString(), made.toString(), "message " + i);
    }

    private byte[] seal(byte[] plain) throws GeneralSecurityException {
      byte[] out = aead(key, nonce++, hash, plain);
      mixHash(out);
      return out;
    }

    private void mixHash(byte[] data) throws GeneralSecurityException {
      hash = sha256(hash, data);
    }

    private void mixKey(byte[] material) throws GeneralSecurityException {
      byte[][] out = hkdf(chainingKey, material);
      chainingKey = out[0];
      key = out[1];
      nonce = 0;
    }

    private byte[] aead(byte[] key, long nonce, byte[] associated, byte[] plain)
        throws GeneralSecurityException {
      // §12: the counter is little-endian for ChaChaPoly, big-endian for AESGCM.
      ByteBuffer iv = ByteBuffer.allocate(12);
      iv.order(gcm ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN).putInt(0).putLong(nonce);
      Cipher cipher = Cipher.getInstance(gcm ? "AES/GCM/NoPadding" : "ChaCha20-Poly1305");
      cipher.init(
          Cipher.ENCRYPT_MODE,
          new SecretKeySpec(key, gcm ? "AES" : "ChaCha20"),
          gcm ? new GCMParameterSpec(128, iv.array()) : new IvParameterSpec(iv.array()));
      cipher.updateAAD(associated);
      return cipher.doFinal(plain);
    }

    private static byte[] sha256(byte[] first, byte[] second) throws GeneralSecurityException {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(first);
      return digest.digest(second);
    }

    private static byte[][] hkdf(byte[] chainingKey, byte[] material)
        throws GeneralSecurityException {
      byte[] temp = hmac(chainingKey, material);
      byte[] first = hmac(temp, new byte[] {1});
      byte[] input = Arrays.copyOf(first, 33);
      input[32] = 2;
      return new byte[][] {first, hmac(temp, input)};
    }

    private static byte[] hmac(byte[] key, byte[] data) throws GeneralSecurityException {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(key, "HmacSHA256"));
      return mac.doFinal(data);
    }
  }
}
