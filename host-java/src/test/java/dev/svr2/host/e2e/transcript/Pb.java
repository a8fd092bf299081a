// SPDX-License-Identifier: Apache-2.0
//
// As much of protobuf's encoding as protocol.md §1 and §2 need, written from its description.
package dev.svr2.host.e2e.transcript;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;

/** Field by field. Stateless. */
final class Pb {
  private Pb() {}

  /** A field with bytes: tag, length, bytes. */
  static byte[] bytes(int field, byte[] value) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    varint(out, (field << 3) | 2);
    varint(out, value.length);
    out.writeBytes(value);
    return out.toByteArray();
  }

  /** A field with a number. */
  static byte[] number(int field, long value) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    varint(out, field << 3);
    varint(out, value);
    return out.toByteArray();
  }

  static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  private static void varint(ByteArrayOutputStream out, long value) {
    for (long rest = value; ; rest >>>= 7) {
      if (rest < 0x80) {
        out.write((int) rest);
        return;
      }
      out.write((int) ((rest & 0x7f) | 0x80));
    }
  }

  /** The bytes of that field; null when there is none. */
  static byte[] find(byte[] message, int field) {
    for (int[] at = {0}; at[0] < message.length; ) {
      long tag = read(message, at);
      if ((tag & 7) == 0) {
        read(message, at);
        continue;
      }
      if ((tag & 7) != 2) {
        throw new AssertionError("a wire type that no message here has: " + tag);
      }
      int length = (int) read(message, at);
      if (tag >>> 3 == field) {
        return Arrays.copyOfRange(message, at[0], at[0] + length);
      }
      at[0] += length;
    }
    return null;
  }

  private static long read(byte[] message, int[] at) {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      byte b = message[at[0]++];
      value |= (long) (b & 0x7f) << shift;
      if (b >= 0) {
        return value;
      }
    }
  }
}
