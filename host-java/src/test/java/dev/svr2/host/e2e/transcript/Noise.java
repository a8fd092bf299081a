// SPDX-License-Identifier: Apache-2.0
//
// The client's side of both handshakes and of the chunks behind them, straight from protocol.md §1
// and the Noise specification (revision 34) on the JDK's cryptography; ML-KEM is Bouncy Castle's.
package dev.svr2.host.e2e.transcript;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.HexFormat;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.Mac;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.crypto.kems.MLKEMExtractor;
import org.bouncycastle.crypto.params.MLKEMParameters;
import org.bouncycastle.crypto.params.MLKEMPrivateKeyParameters;

/** One session's keys. For one thread. */
final class Noise {
  static final int PIECE_BYTES = 65_519;
  private static final int CIPHERTEXT_BYTES = PIECE_BYTES + 16;
  private static final int KEM_BYTES = 1568;
  private static final byte[] NOTHING = new byte[0];

  private final boolean hybrid;
  private final byte[] server;
  private final byte[] ephemeral = random(32);
  private MLKEMPrivateKeyParameters kem;
  private byte[] hash;
  private byte[] chainingKey;
  private byte[] key;
  private long nonce;
  private byte[] sendKey;
  private byte[] receiveKey;
  private long sent;
  private long received;

  Noise(boolean hybrid, byte[] server) throws GeneralSecurityException {
    this.hybrid = hybrid;
    this.server = server;
    byte[] name =
        (hybrid
                ? "Noise_NKhfs_25519+Kyber1024_ChaChaPoly_SHA256"
                : "Noise_NK_25519_ChaChaPoly_SHA256")
            .getBytes(StandardCharsets.US_ASCII);
    hash = name.length <= 32 ? Arrays.copyOf(name, 32) : sha256(name);
    chainingKey = hash;
    mixHash(NOTHING); // The empty prologue.
    mixHash(server);
  }

  /** {@code -> e, es (, e1)}. */
  byte[] first() throws GeneralSecurityException {
    byte[] base = new byte[32];
    base[0] = 9;
    byte[] e = agree(ephemeral, base);
    mixHash(e);
    mixKey(agree(ephemeral, server));
    byte[] e1 = NOTHING;
    if (hybrid) {
      kem = new MLKEMPrivateKeyParameters(MLKEMParameters.ml_kem_1024, random(64));
      e1 = seal(kem.getPublicKey());
    }
    return Pb.join(e, e1, seal(NOTHING));
  }

  /** {@code <- e, ee (, ekem1)}. */
  void second(byte[] message) throws GeneralSecurityException {
    byte[] re = Arrays.copyOf(message, 32);
    mixHash(re);
    mixKey(agree(ephemeral, re));
    int at = 32;
    if (hybrid) {
      at += KEM_BYTES + 16;
      mixKey(new MLKEMExtractor(kem).extractSecret(open(Arrays.copyOfRange(message, 32, at))));
    }
    byte[] payload = open(Arrays.copyOfRange(message, at, message.length));
    if (payload.length != 0) {
      throw new AssertionError("a handshake message with a payload");
    }
    byte[][] keys = hkdf(NOTHING);
    sendKey = keys[0];
    receiveKey = keys[1];
  }

  /** Pieces of at most 65,519 bytes, each sealed, one behind the other. */
  byte[] encrypt(byte[] plain) throws GeneralSecurityException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int i = 0; i == 0 || i < plain.length; i += PIECE_BYTES) {
      byte[] piece = Arrays.copyOfRange(plain, i, Math.min(plain.length, i + PIECE_BYTES));
      out.writeBytes(aead(true, sendKey, sent++, NOTHING, piece));
    }
    return out.toByteArray();
  }

  byte[] decrypt(byte[] item) throws GeneralSecurityException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int i = 0; i < item.length; i += CIPHERTEXT_BYTES) {
      byte[] piece = Arrays.copyOfRange(item, i, Math.min(item.length, i + CIPHERTEXT_BYTES));
      out.writeBytes(aead(false, receiveKey, received++, NOTHING, piece));
    }
    return out.toByteArray();
  }

  private byte[] seal(byte[] plain) throws GeneralSecurityException {
    byte[] out = aead(true, key, nonce++, hash, plain);
    mixHash(out);
    return out;
  }

  private byte[] open(byte[] sealed) throws GeneralSecurityException {
    byte[] out = aead(false, key, nonce++, hash, sealed);
    mixHash(sealed);
    return out;
  }

  private void mixHash(byte[] data) throws GeneralSecurityException {
    hash = sha256(hash, data);
  }

  private void mixKey(byte[] material) throws GeneralSecurityException {
    byte[][] out = hkdf(material);
    chainingKey = out[0];
    key = out[1];
    nonce = 0;
  }

  private byte[][] hkdf(byte[] material) throws GeneralSecurityException {
    byte[] temp = hmac(chainingKey, material);
    byte[] one = hmac(temp, new byte[] {1});
    return new byte[][] {one, hmac(temp, Pb.join(one, new byte[] {2}))};
  }

  private static byte[] random(int size) {
    byte[] out = new byte[size];
    new SecureRandom().nextBytes(out);
    return out;
  }

  private static byte[] sha256(byte[]... parts) throws GeneralSecurityException {
    return MessageDigest.getInstance("SHA-256").digest(Pb.join(parts));
  }

  private static byte[] hmac(byte[] key, byte[] data) throws GeneralSecurityException {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(key, "HmacSHA256"));
    return mac.doFinal(data);
  }

  private static byte[] aead(boolean seal, byte[] key, long nonce, byte[] associated, byte[] in)
      throws GeneralSecurityException {
    byte[] iv =
        ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN).putInt(0).putLong(nonce).array();
    Cipher cipher = Cipher.getInstance("ChaCha20-Poly1305");
    cipher.init(
        seal ? Cipher.ENCRYPT_MODE : Cipher.DECRYPT_MODE,
        new SecretKeySpec(key, "ChaCha20"),
        new IvParameterSpec(iv));
    cipher.updateAAD(associated);
    return cipher.doFinal(in);
  }

  private static byte[] agree(byte[] own, byte[] other) throws GeneralSecurityException {
    KeyFactory factory = KeyFactory.getInstance("X25519");
    HexFormat hex = HexFormat.of();
    KeyAgreement agreement = KeyAgreement.getInstance("X25519");
    agreement.init(
        factory.generatePrivate(
            new PKCS8EncodedKeySpec(
                Pb.join(hex.parseHex("302e020100300506032b656e04220420"), own))));
    agreement.doPhase(
        factory.generatePublic(
            new X509EncodedKeySpec(Pb.join(hex.parseHex("302a300506032b656e032100"), other))),
        true);
    return agreement.generateSecret();
  }
}
