// SPDX-License-Identifier: Apache-2.0
//
// CipherState of the Noise specification (revision 34, §5.1) with ChaChaPoly (§12.3).
package dev.svr2.client.noise;

import dev.svr2.client.internal.Secrets;
import org.bouncycastle.crypto.InvalidCipherTextException;
import org.bouncycastle.crypto.modes.ChaCha20Poly1305;
import org.bouncycastle.crypto.params.KeyParameter;
import org.bouncycastle.crypto.params.ParametersWithIV;

/** One direction's key and counter. Not thread-safe. */
final class CipherState {
  static final int KEY_BYTES = 32;
  static final int TAG_BYTES = 16;
  private static final int NONCE_BYTES = 12;

  /** The largest nonce is reserved (§5.1). */
  private static final long NONCE_RESERVED = -1L;

  private final byte[] key = new byte[KEY_BYTES];
  private long nonce;
  private boolean hasKey;

  /** Takes over a copy of the key and starts at nonce 0. */
  void initializeKey(byte[] newKey) {
    System.arraycopy(newKey, 0, key, 0, KEY_BYTES);
    nonce = 0;
    hasKey = true;
  }

  boolean hasKey() {
    return hasKey;
  }

  /** For tests of the end of the counter. */
  void setNonce(long value) {
    nonce = value;
  }

  /**
   * Encrypts part of an array; the result is {@code length} + 16 bytes.
   *
   * @throws IllegalStateException when the key is missing or its nonces are used up
   */
  byte[] encrypt(byte[] associated, byte[] in, int offset, int length) {
    byte[] out = new byte[length + TAG_BYTES];
    try {
      crypt(true, associated, in, offset, length, out);
    } catch (InvalidCipherTextException e) {
      throw new IllegalStateException("encryption does not authenticate anything", e);
    }
    return out;
  }

  /**
   * Decrypts part of an array. A failed message leaves the nonce where it was.
   *
   * @throws NoiseException when it is shorter than a tag or does not verify
   */
  byte[] decrypt(byte[] associated, byte[] in, int offset, int length) throws NoiseException {
    if (length < TAG_BYTES) {
      throw new NoiseException("a message shorter than its tag");
    }
    byte[] out = new byte[length - TAG_BYTES];
    try {
      crypt(false, associated, in, offset, length, out);
    } catch (InvalidCipherTextException e) {
      Secrets.wipe(out);
      throw new NoiseException("a message does not verify");
    }
    return out;
  }

  private void crypt(
      boolean encrypt, byte[] associated, byte[] in, int offset, int length, byte[] out)
      throws InvalidCipherTextException {
    if (!hasKey) {
      throw new IllegalStateException("no key");
    }
    if (nonce == NONCE_RESERVED) {
      throw new IllegalStateException("the nonces of this key are used up");
    }
    ChaCha20Poly1305 cipher = new ChaCha20Poly1305();
    cipher.init(encrypt, new ParametersWithIV(new KeyParameter(key), nonceBytes()));
    cipher.processAADBytes(associated, 0, associated.length);
    int done = cipher.processBytes(in, offset, length, out, 0);
    cipher.doFinal(out, done);
    nonce++;
  }

  /** Four zero bytes, then the counter in little-endian order (§12.3). */
  private byte[] nonceBytes() {
    byte[] bytes = new byte[NONCE_BYTES];
    for (int i = 0; i < 8; i++) {
      bytes[4 + i] = (byte) (nonce >>> (8 * i));
    }
    return bytes;
  }

  /** Erases the key; nothing can be encrypted or decrypted any more. */
  void wipe() {
    Secrets.wipe(key);
    hasKey = false;
  }
}
