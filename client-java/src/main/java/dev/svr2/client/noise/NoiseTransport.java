// SPDX-License-Identifier: Apache-2.0
//
// Messages after the handshake: a plaintext is cut into pieces of at most 65,519 bytes, each
// encrypted as one Noise transport message (+16 bytes), concatenated; no associated data.
// Source: protocol.md §1.
package dev.svr2.client.noise;

import dev.svr2.client.internal.Secrets;
import java.util.ArrayList;
import java.util.List;

/**
 * Both directions of an established session. Messages must be decrypted in the order in which they
 * were encrypted. After a NoiseException the transport is closed. Not thread-safe.
 *
 * @since 0.1
 */
public final class NoiseTransport implements AutoCloseable {
  /** Largest Noise message in bytes. */
  static final int MESSAGE_MAX_BYTES = 65_535;

  /** Largest piece of plaintext in bytes. */
  static final int PIECE_MAX_BYTES = MESSAGE_MAX_BYTES - CipherState.TAG_BYTES;

  private static final byte[] NOTHING = new byte[0];

  private final CipherState sending;
  private final CipherState receiving;

  NoiseTransport(CipherState sending, CipherState receiving) {
    this.sending = sending;
    this.receiving = receiving;
  }

  /**
   * Encrypts one message of any length; the caller wipes the plaintext.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public byte[] encrypt(byte[] plaintext) {
    int pieces = Math.max(1, (plaintext.length + PIECE_MAX_BYTES - 1) / PIECE_MAX_BYTES);
    byte[] out = new byte[plaintext.length + pieces * CipherState.TAG_BYTES];
    int written = 0;
    for (int i = 0; i < pieces; i++) {
      int offset = i * PIECE_MAX_BYTES;
      int length = Math.min(PIECE_MAX_BYTES, plaintext.length - offset);
      byte[] piece = sending.encrypt(NOTHING, plaintext, offset, length);
      System.arraycopy(piece, 0, out, written, piece.length);
      written += piece.length;
    }
    return out;
  }

  /**
   * Decrypts one message; the caller wipes the result.
   *
   * @throws NoiseException when it is empty, a piece is shorter than a tag, or one does not verify
   * @throws IllegalStateException after {@link #close}
   */
  public byte[] decrypt(byte[] message) throws NoiseException {
    List<byte[]> pieces = new ArrayList<>();
    int total = 0;
    try {
      if (message.length == 0) {
        throw new NoiseException("an empty message");
      }
      for (int offset = 0; offset < message.length; offset += MESSAGE_MAX_BYTES) {
        int length = Math.min(MESSAGE_MAX_BYTES, message.length - offset);
        byte[] piece = receiving.decrypt(NOTHING, message, offset, length);
        pieces.add(piece);
        total += piece.length;
      }
      byte[] out = new byte[total];
      int written = 0;
      for (byte[] piece : pieces) {
        System.arraycopy(piece, 0, out, written, piece.length);
        written += piece.length;
      }
      return out;
    } catch (NoiseException e) {
      close();
      throw e;
    } finally {
      pieces.forEach(Secrets::wipe);
    }
  }

  /** Erases the keys. May be called twice. */
  @Override
  public void close() {
    sending.wipe();
    receiving.wipe();
  }
}
