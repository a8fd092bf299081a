// SPDX-License-Identifier: Apache-2.0
//
// What a PIN is hashed to, and the wrapping of a master key under it. Salt = HKDF-SHA256(ikm = user
// name of the credentials, salt = group_id as 8 bytes big-endian, info empty, 32 bytes). Argon2id
// v1.3, 16 MiB, 32 passes, 1 lane, 64 bytes out: first 32 = encryption key, last 32 = the `pin` of
// the requests. Source: protocol.md §7.
package dev.svr2.client.pin;

import dev.svr2.client.internal.Secrets;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import org.bouncycastle.crypto.digests.SHA256Digest;
import org.bouncycastle.crypto.generators.Argon2BytesGenerator;
import org.bouncycastle.crypto.generators.HKDFBytesGenerator;
import org.bouncycastle.crypto.macs.HMac;
import org.bouncycastle.crypto.params.Argon2Parameters;
import org.bouncycastle.crypto.params.HKDFParameters;
import org.bouncycastle.crypto.params.KeyParameter;

/**
 * The two keys of a PIN for one user and one group. Close it to erase them. Thread-safe but for
 * {@link #close}.
 *
 * @since 0.1
 */
public final class PinKeys implements AutoCloseable {
  /** Size of either key in bytes. */
  public static final int KEY_BYTES = 32;

  /** Size of a master key in bytes. */
  public static final int MASTER_KEY_BYTES = 32;

  /** Size of a wrapped master key in bytes. */
  public static final int WRAPPED_BYTES = 48;

  private static final int IV_BYTES = 16;
  private static final int MEMORY_KIB = 16 * 1024;
  private static final int PASSES = 32;
  private static final int LANES = 1;

  private final byte[] encryptionKey;
  private final byte[] accessKey;
  private volatile boolean closed;

  private PinKeys(byte[] encryptionKey, byte[] accessKey) {
    this.encryptionKey = encryptionKey;
    this.accessKey = accessKey;
  }

  /**
   * Hashes a PIN: about a second of one core, and 16 MiB.
   *
   * @param user the user name of the credentials, 32 lowercase hexadecimal digits
   * @param groupId of the group that will hold the secret
   */
  public static PinKeys derive(Pin pin, String user, long groupId) {
    byte[] salt =
        hkdf(
            user.getBytes(StandardCharsets.UTF_8),
            ByteBuffer.allocate(8).putLong(groupId).array(),
            new byte[0],
            32);
    byte[] out = new byte[2 * KEY_BYTES];
    Argon2BytesGenerator argon2 = new Argon2BytesGenerator();
    argon2.init(
        new Argon2Parameters.Builder(Argon2Parameters.ARGON2_id)
            .withVersion(Argon2Parameters.ARGON2_VERSION_13)
            .withMemoryAsKB(MEMORY_KIB)
            .withIterations(PASSES)
            .withParallelism(LANES)
            .withSalt(salt)
            .build());
    argon2.generateBytes(pin.normalized(), out);
    PinKeys keys =
        new PinKeys(
            Arrays.copyOf(out, KEY_BYTES), Arrays.copyOfRange(out, KEY_BYTES, 2 * KEY_BYTES));
    Secrets.wipe(out);
    return keys;
  }

  /** Keys that were derived elsewhere, 32 bytes each, copied. */
  public static PinKeys of(byte[] encryptionKey, byte[] accessKey) {
    if (encryptionKey.length != KEY_BYTES || accessKey.length != KEY_BYTES) {
      throw new IllegalArgumentException("each key has 32 bytes");
    }
    return new PinKeys(encryptionKey.clone(), accessKey.clone());
  }

  /**
   * Another object with the same keys, to be closed by itself.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public PinKeys copy() {
    requireOpen();
    return of(encryptionKey, accessKey);
  }

  /** What the server compares: the {@code pin} of the requests, 32 bytes, a copy. */
  public byte[] accessKey() {
    requireOpen();
    return accessKey.clone();
  }

  /**
   * Wraps a master key: IV ‖ C, 48 bytes, fit to be stored whatever its entropy. The same key and
   * PIN give the same bytes.
   *
   * @param masterKey 32 bytes
   */
  public byte[] wrap(byte[] masterKey) {
    requireOpen();
    if (masterKey.length != MASTER_KEY_BYTES) {
      throw new IllegalArgumentException("a master key has 32 bytes");
    }
    byte[] iv = iv(masterKey);
    byte[] body = mask(iv, masterKey);
    byte[] out = Arrays.copyOf(iv, WRAPPED_BYTES);
    System.arraycopy(body, 0, out, IV_BYTES, MASTER_KEY_BYTES);
    Secrets.wipe(body);
    return out;
  }

  /**
   * Unwraps what {@link #wrap} made; the IV is compared in constant time.
   *
   * @return the master key, 32 bytes, or null when the bytes were not wrapped with these keys
   */
  public byte[] unwrap(byte[] wrapped) {
    requireOpen();
    if (wrapped.length != WRAPPED_BYTES) {
      return null;
    }
    byte[] iv = Arrays.copyOf(wrapped, IV_BYTES);
    byte[] masterKey = mask(iv, Arrays.copyOfRange(wrapped, IV_BYTES, WRAPPED_BYTES));
    if (!MessageDigest.isEqual(iv, iv(masterKey))) {
      Secrets.wipe(masterKey);
      return null;
    }
    return masterKey;
  }

  /** Keys of zeros must never wrap anything. */
  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the keys were erased");
    }
  }

  private byte[] iv(byte[] masterKey) {
    byte[] ka = hmac(encryptionKey, "auth".getBytes(StandardCharsets.US_ASCII));
    byte[] full = hmac(ka, masterKey);
    byte[] iv = Arrays.copyOf(full, IV_BYTES);
    Secrets.wipe(ka, full);
    return iv;
  }

  private byte[] mask(byte[] iv, byte[] in) {
    byte[] ke = hmac(encryptionKey, "enc".getBytes(StandardCharsets.US_ASCII));
    byte[] out = hmac(ke, iv);
    for (int i = 0; i < out.length; i++) {
      out[i] ^= in[i];
    }
    Secrets.wipe(ke);
    return out;
  }

  static byte[] hkdf(byte[] inputKeyMaterial, byte[] salt, byte[] info, int length) {
    HKDFBytesGenerator generator = new HKDFBytesGenerator(new SHA256Digest());
    generator.init(new HKDFParameters(inputKeyMaterial, salt, info));
    byte[] out = new byte[length];
    generator.generateBytes(out, 0, length);
    return out;
  }

  private static byte[] hmac(byte[] key, byte[] data) {
    HMac mac = new HMac(new SHA256Digest());
    mac.init(new KeyParameter(key));
    mac.update(data, 0, data.length);
    byte[] out = new byte[mac.getMacSize()];
    mac.doFinal(out, 0);
    return out;
  }

  /** Erases the keys. May be called twice. */
  @Override
  public void close() {
    closed = true;
    Secrets.wipe(encryptionKey, accessKey);
  }

  @Override
  public String toString() {
    return "PIN keys";
  }
}
