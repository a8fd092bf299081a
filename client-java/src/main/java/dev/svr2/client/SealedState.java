// SPDX-License-Identifier: Apache-2.0
//
// Saved state under a key of the application: ChaCha20-Poly1305 (RFC 8439) with a random nonce,
// "SVR2" and version as associated data. Form: "SVR2", version 0x81, nonce (12 bytes), ciphertext.
package dev.svr2.client;

import dev.svr2.client.internal.Secrets;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Arrays;
import org.bouncycastle.crypto.InvalidCipherTextException;
import org.bouncycastle.crypto.modes.ChaCha20Poly1305;
import org.bouncycastle.crypto.params.KeyParameter;
import org.bouncycastle.crypto.params.ParametersWithIV;

/**
 * Encrypts and authenticates saved state, for storage that others can read or write. The key comes
 * from where the platform keeps keys (Android: one that the Keystore wraps). An older sealed state
 * put back in the place of a newer one cannot be noticed here. Stateless.
 *
 * @since 0.1
 */
public final class SealedState {
  /** Size of the key in bytes. */
  public static final int KEY_BYTES = 32;

  private static final byte[] HEAD = {'S', 'V', 'R', '2', (byte) 0x81};
  private static final int NONCE_BYTES = 12;
  private static final int TAG_BYTES = 16;

  private SealedState() {}

  /**
   * A saver that seals what the other one then keeps.
   *
   * @param key 32 bytes, copied
   */
  public static StateSaver saver(byte[] key, StateSaver to) {
    byte[] copy = checked(key).clone();
    return state -> to.save(seal(state, copy));
  }

  /**
   * Seals a state.
   *
   * @param key 32 bytes, which seal fewer than 2^32 states
   */
  public static byte[] seal(byte[] state, byte[] key) {
    byte[] nonce = new byte[NONCE_BYTES];
    new SecureRandom().nextBytes(nonce);
    byte[] out = new byte[state.length + TAG_BYTES];
    try {
      crypt(true, checked(key), nonce, state, out);
    } catch (InvalidCipherTextException e) {
      throw new IllegalStateException("encryption does not authenticate anything", e);
    }
    return ByteBuffer.allocate(HEAD.length + NONCE_BYTES + out.length)
        .put(HEAD)
        .put(nonce)
        .put(out)
        .array();
  }

  /**
   * Opens what {@link #seal} made.
   *
   * @return the state, which the caller wipes
   * @throws StateException when it was not sealed with that key, or altered since
   */
  public static byte[] open(byte[] sealed, byte[] key) throws StateException {
    checked(key);
    int head = HEAD.length + NONCE_BYTES;
    String magic = new String(Arrays.copyOf(HEAD, 4), StandardCharsets.US_ASCII);
    if (sealed.length < 4
        || !magic.equals(new String(sealed, 0, 4, StandardCharsets.US_ASCII))
        || sealed.length > head + TAG_BYTES + StateCodec.MAX_BYTES) {
      throw new StateException("this is no sealed state of this library");
    }
    if (sealed.length < head + TAG_BYTES) {
      throw new StateException("the sealed state is truncated");
    }
    if (sealed[4] != HEAD[4]) {
      throw new StateException(
          "this state is not sealed, or in another way (version " + (sealed[4] & 0xff) + ")");
    }
    byte[] out = new byte[sealed.length - head - TAG_BYTES];
    try {
      crypt(
          false,
          key,
          Arrays.copyOfRange(sealed, HEAD.length, head),
          Arrays.copyOfRange(sealed, head, sealed.length),
          out);
    } catch (InvalidCipherTextException e) {
      Secrets.wipe(out);
      throw new StateException("the sealed state was altered, or sealed with another key");
    }
    return out;
  }

  private static void crypt(boolean seal, byte[] key, byte[] nonce, byte[] in, byte[] out)
      throws InvalidCipherTextException {
    ChaCha20Poly1305 cipher = new ChaCha20Poly1305();
    cipher.init(seal, new ParametersWithIV(new KeyParameter(key), nonce));
    cipher.processAADBytes(HEAD, 0, HEAD.length);
    int done = cipher.processBytes(in, 0, in.length, out, 0);
    cipher.doFinal(out, done);
  }

  private static byte[] checked(byte[] key) {
    if (key.length != KEY_BYTES) {
      throw new IllegalArgumentException("the key has 32 bytes");
    }
    return key;
  }
}
