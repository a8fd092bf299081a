// SPDX-License-Identifier: Apache-2.0
//
// The server's side of both handshakes, for tests only. Written on the JDK's own cryptography, so
// that it shares no code and, but for ML-KEM, no primitive with the initiator that it tests. For
// ML-KEM see HfsVectorsTest: sessions that the enclave's code made.
package dev.svr2.client.testing;

import dev.svr2.client.Handshake;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.Mac;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.crypto.SecretWithEncapsulation;
import org.bouncycastle.crypto.kems.MLKEMGenerator;
import org.bouncycastle.crypto.params.MLKEMParameters;
import org.bouncycastle.crypto.params.MLKEMPublicKeyParameters;

/** One handshake and its transport, straight down the specification's text. */
public final class NoiseResponder {
  private static final String NK = "Noise_NK_25519_ChaChaPoly_SHA256";
  private static final String NK_HFS = "Noise_NKhfs_25519+Kyber1024_ChaChaPoly_SHA256";
  private static final int KEM_BYTES = 1568;
  private static final int PIECE = 65_535;

  private final byte[] staticPrivate;
  private final byte[] ephemeralPrivate;
  private final boolean hybrid;
  private byte[] hash;
  private byte[] chainingKey;
  private byte[] key;
  private long nonce;
  private byte[] receiveKey;
  private byte[] sendKey;
  private long received;
  private long sent;

  public NoiseResponder(Handshake handshake, byte[] staticPrivate, byte[] ephemeralPrivate) {
    hybrid = handshake == Handshake.NKHFS;
    byte[] name = (hybrid ? NK_HFS : NK).getBytes(StandardCharsets.US_ASCII);
    hash = name;
    if (hybrid) {
      hash = new byte[0];
      mixHash(name); // A name above 32 bytes is hashed.
    }
    chainingKey = hash;
    this.staticPrivate = staticPrivate.clone();
    this.ephemeralPrivate = ephemeralPrivate.clone();
    mixHash(new byte[0]);
    mixHash(publicKey(staticPrivate));
  }

  /** The public key for a private one. */
  public static byte[] publicKey(byte[] privateKey) {
    byte[] base = new byte[32];
    base[0] = 9;
    return agree(privateKey, base);
  }

  /** Takes the first handshake message and gives the second. */
  public byte[] answer(byte[] first) throws GeneralSecurityException {
    byte[] remote = Arrays.copyOf(first, 32);
    mixHash(remote);
    mixKey(agree(staticPrivate, remote));
    int kemEnd = hybrid ? 32 + KEM_BYTES + 16 : 32;
    byte[] kemKey = hybrid ? open(Arrays.copyOfRange(first, 32, kemEnd)) : null;
    if (open(Arrays.copyOfRange(first, kemEnd, Math.max(kemEnd, first.length))).length != 0) {
      throw new GeneralSecurityException("payload");
    }
    byte[] ephemeral = publicKey(ephemeralPrivate);
    mixHash(ephemeral);
    mixKey(agree(ephemeralPrivate, remote));
    byte[] sealed = new byte[0];
    if (hybrid) {
      SecretWithEncapsulation kem =
          new MLKEMGenerator(new SecureRandom())
              .generateEncapsulated(
                  new MLKEMPublicKeyParameters(MLKEMParameters.ml_kem_1024, kemKey));
      sealed = seal(kem.getEncapsulation());
      mixKey(kem.getSecret());
    }
    byte[] tag = seal(new byte[0]);
    byte[][] keys = hkdf(chainingKey, new byte[0]);
    receiveKey = keys[0];
    sendKey = keys[1];
    return ByteBuffer.allocate(48 + sealed.length).put(ephemeral).put(sealed).put(tag).array();
  }

  /** Size of either handshake message. */
  public static int messageBytes(Handshake handshake) {
    return handshake == Handshake.NKHFS ? 48 + KEM_BYTES + 16 : 48;
  }

  private byte[] open(byte[] in) throws GeneralSecurityException {
    byte[] out = aead(false, key, nonce++, hash, in);
    mixHash(in);
    return out;
  }

  private byte[] seal(byte[] in) throws GeneralSecurityException {
    byte[] out = aead(true, key, nonce++, hash, in);
    mixHash(out);
    return out;
  }

  /** Decrypts one client message. */
  public byte[] decrypt(byte[] message) throws GeneralSecurityException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int i = 0; i < message.length; i += PIECE) {
      byte[] piece = Arrays.copyOfRange(message, i, Math.min(message.length, i + PIECE));
      out.writeBytes(aead(false, receiveKey, received++, new byte[0], piece));
    }
    return out.toByteArray();
  }

  /** Encrypts one server message. */
  public byte[] encrypt(byte[] plaintext) throws GeneralSecurityException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int step = PIECE - 16;
    for (int i = 0; i == 0 || i < plaintext.length; i += step) {
      byte[] piece = Arrays.copyOfRange(plaintext, i, Math.min(plaintext.length, i + step));
      out.writeBytes(aead(true, sendKey, sent++, new byte[0], piece));
    }
    return out.toByteArray();
  }

  private void mixHash(byte[] data) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(hash);
      hash = digest.digest(data);
    } catch (GeneralSecurityException e) {
      throw new AssertionError(e);
    }
  }

  private void mixKey(byte[] material) throws GeneralSecurityException {
    byte[][] out = hkdf(chainingKey, material);
    chainingKey = out[0];
    key = out[1];
    nonce = 0;
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

  private static byte[] aead(boolean encrypt, byte[] key, long nonce, byte[] ad, byte[] in)
      throws GeneralSecurityException {
    byte[] iv =
        ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN).putInt(0).putLong(nonce).array();
    Cipher cipher = Cipher.getInstance("ChaCha20-Poly1305");
    cipher.init(
        encrypt ? Cipher.ENCRYPT_MODE : Cipher.DECRYPT_MODE,
        new SecretKeySpec(key, "ChaCha20"),
        new IvParameterSpec(iv));
    cipher.updateAAD(ad);
    return cipher.doFinal(in);
  }

  /** X25519. */
  public static byte[] agree(byte[] privateKey, byte[] publicKey) {
    try {
      KeyFactory factory = KeyFactory.getInstance("X25519");
      PrivateKey own =
          factory.generatePrivate(
              new PKCS8EncodedKeySpec(der("302e020100300506032b656e04220420", privateKey)));
      PublicKey other =
          factory.generatePublic(
              new X509EncodedKeySpec(der("302a300506032b656e032100", publicKey)));
      KeyAgreement agreement = KeyAgreement.getInstance("X25519");
      agreement.init(own);
      agreement.doPhase(other, true);
      return agreement.generateSecret();
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException(e);
    }
  }

  private static byte[] der(String prefix, byte[] key) {
    byte[] head = dev.svr2.client.internal.Hex.decode(prefix);
    byte[] out = Arrays.copyOf(head, head.length + 32);
    System.arraycopy(key, 0, out, head.length, 32);
    return out;
  }
}
