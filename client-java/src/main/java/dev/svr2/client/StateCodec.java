// SPDX-License-Identifier: Apache-2.0
//
// The bytes of saved state: "SVR2", version (1), kind, fields, then the first 16 bytes of the
// SHA-256 of all before. Integers are big-endian; a byte string is its length (u16) and its bytes.
// The digest finds damage, not malice: whoever can alter the state can read the secrets in it, too.
// Against that there is SealedState.
package dev.svr2.client;

import dev.svr2.client.internal.Secrets;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.bouncycastle.crypto.digests.SHA256Digest;

/** Writing and reading. Stateless but for its two helpers. */
final class StateCodec {
  static final int VERSION = 1;

  /** Kinds of state. */
  static final int BACKUP = 1;

  static final int MIGRATION = 2;

  /** Longest state in bytes; a migration holds a backup. */
  static final int MAX_BYTES = 1024;

  private static final byte[] MAGIC = "SVR2".getBytes(StandardCharsets.US_ASCII);
  private static final int DIGEST_BYTES = 16;
  private static final int HEAD_BYTES = MAGIC.length + 2;

  private StateCodec() {}

  /** Collects the fields of one state. Wipes what it holds when done. */
  static final class Writer {
    private final ByteBuffer out = ByteBuffer.allocate(MAX_BYTES);

    Writer(int kind) {
      out.put(MAGIC).put((byte) VERSION).put((byte) kind);
    }

    Writer number(int value) {
      out.put((byte) value);
      return this;
    }

    Writer number(long value) {
      out.putLong(value);
      return this;
    }

    Writer bytes(byte[] value) {
      out.putShort((short) value.length).put(value);
      return this;
    }

    byte[] done() {
      byte[] digest = sha256(out.array(), out.position());
      out.put(digest, 0, DIGEST_BYTES);
      byte[] state = Arrays.copyOf(out.array(), out.position());
      Secrets.wipe(out.array());
      return state;
    }
  }

  /** Hands out the fields of one state, in the order in which they were written. */
  static final class Reader {
    private final ByteBuffer in;

    Reader(byte[] state, int kind) throws StateException {
      if (state.length > MAX_BYTES || !startsWithMagic(state)) {
        throw new StateException("this is no saved state of this library");
      }
      if (state.length < HEAD_BYTES + DIGEST_BYTES) {
        throw new StateException("the saved state is truncated");
      }
      int version = state[MAGIC.length] & 0xff;
      if (version != VERSION) {
        throw new StateException(
            "the saved state has version " + version + "; this library reads version " + VERSION);
      }
      int end = state.length - DIGEST_BYTES;
      byte[] digest = Arrays.copyOf(sha256(state, end), DIGEST_BYTES);
      if (!Arrays.equals(digest, Arrays.copyOfRange(state, end, state.length))) {
        throw new StateException("the saved state is truncated or altered");
      }
      int found = state[MAGIC.length + 1];
      if (found != kind) {
        throw new StateException("the saved state is of " + name(found) + ", not of " + name(kind));
      }
      in = ByteBuffer.wrap(state, HEAD_BYTES, end - HEAD_BYTES);
    }

    private static boolean startsWithMagic(byte[] state) {
      return state.length >= MAGIC.length
          && Arrays.equals(MAGIC, Arrays.copyOf(state, MAGIC.length));
    }

    int number() throws StateException {
      try {
        return in.get() & 0xff;
      } catch (BufferUnderflowException e) {
        throw malformed();
      }
    }

    long longNumber() throws StateException {
      try {
        return in.getLong();
      } catch (BufferUnderflowException e) {
        throw malformed();
      }
    }

    /** A byte string with a length within these limits. */
    byte[] bytes(int min, int max) throws StateException {
      try {
        int length = in.getShort() & 0xffff;
        if (length < min || length > max || length > in.remaining()) {
          throw malformed();
        }
        byte[] value = new byte[length];
        in.get(value);
        return value;
      } catch (BufferUnderflowException e) {
        throw malformed();
      }
    }

    /** Nothing may follow. */
    void end() throws StateException {
      if (in.hasRemaining()) {
        throw malformed();
      }
    }
  }

  static StateException malformed() {
    return new StateException("the saved state is malformed");
  }

  private static String name(int kind) {
    return kind == BACKUP ? "a backup" : kind == MIGRATION ? "a migration" : "kind " + kind;
  }

  private static byte[] sha256(byte[] data, int length) {
    SHA256Digest digest = new SHA256Digest();
    digest.update(data, 0, length);
    byte[] out = new byte[digest.getDigestSize()];
    digest.doFinal(out, 0);
    return out;
  }

  /** A fingerprint that tells owners apart without naming them. */
  static byte[] fingerprint(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return sha256(bytes, bytes.length);
  }
}
