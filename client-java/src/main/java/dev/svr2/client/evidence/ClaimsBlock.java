// SPDX-License-Identifier: Apache-2.0
//
// The block of custom claims at the end of evidence. Little-endian: u64 version (1), u64 count,
// then per claim u64 name_size, u64 value_size, name, value; name_size counts a trailing NUL.
// Source: protocol.md §6, "Layouts".
package dev.svr2.client.evidence;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.svr2.proto.MinimumLimits;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** Strict reader of the claims {@code pk}, {@code config} and {@code minimum_limits}. */
final class ClaimsBlock {
  private static final long VERSION = 1;
  private static final long CLAIMS = 3;
  private static final long NAME_MAX_BYTES = 64;
  private static final long VALUE_MAX_BYTES = 64 * 1024;
  private static final int PUBLIC_KEY_BYTES = 32;

  final byte[] publicKey;
  final GroupConfig group;
  final SortedMap<String, byte[]> minimums;

  private ClaimsBlock(byte[] publicKey, GroupConfig group, SortedMap<String, byte[]> minimums) {
    this.publicKey = publicKey;
    this.group = group;
    this.minimums = minimums;
  }

  /** Reads all that remains in {@code in}; the three claims must be all there is, each once. */
  static ClaimsBlock parse(ByteBuffer in) throws EvidenceException {
    Map<String, byte[]> claims = split(in.order(ByteOrder.LITTLE_ENDIAN));
    byte[] publicKey = claims.get("pk");
    byte[] config = claims.get("config");
    byte[] minimums = claims.get("minimum_limits");
    if (publicKey == null || config == null || minimums == null) {
      throw malformed("not the claims pk, config and minimum_limits");
    }
    if (publicKey.length != PUBLIC_KEY_BYTES) {
      throw new EvidenceException(
          EvidenceRefusal.MALFORMED_PUBLIC_KEY, publicKey.length + " bytes instead of 32");
    }
    GroupConfig group;
    try {
      group = GroupConfig.parse(config);
    } catch (InvalidProtocolBufferException e) {
      throw new EvidenceException(EvidenceRefusal.MALFORMED_GROUP_CONFIG);
    }
    return new ClaimsBlock(publicKey, group, parseMinimums(minimums));
  }

  private static Map<String, byte[]> split(ByteBuffer in) throws EvidenceException {
    if (in.remaining() < 16) {
      throw malformed("too short");
    }
    if (in.getLong() != VERSION) {
      throw malformed("not version 1");
    }
    if (in.getLong() != CLAIMS) {
      throw malformed("not three claims");
    }
    Map<String, byte[]> claims = new HashMap<>();
    for (int i = 0; i < CLAIMS; i++) {
      if (in.remaining() < 16) {
        throw malformed("too short");
      }
      String name;
      long nameSize = in.getLong();
      long valueSize = in.getLong();
      // Sizes are unsigned on the wire: one above the signed range reads as negative here.
      if (nameSize < 2 || nameSize > NAME_MAX_BYTES) {
        throw malformed("a name's size is out of range");
      }
      if (valueSize < 0 || valueSize > VALUE_MAX_BYTES) {
        throw malformed("a value's size is out of range");
      }
      if (in.remaining() < nameSize + valueSize) {
        throw malformed("too short");
      }
      name = readName(in, (int) nameSize);
      byte[] value = new byte[(int) valueSize];
      in.get(value);
      if (claims.put(name, value) != null) {
        throw malformed("a claim that stands there twice");
      }
    }
    if (in.hasRemaining()) {
      throw malformed("bytes behind the last claim");
    }
    return claims;
  }

  private static String readName(ByteBuffer in, int size) throws EvidenceException {
    byte[] name = new byte[size];
    in.get(name);
    for (int i = 0; i < size; i++) {
      if ((name[i] == 0) != (i == size - 1)) {
        throw malformed("a name without its NUL at the end");
      }
    }
    return new String(name, 0, size - 1, StandardCharsets.ISO_8859_1);
  }

  private static SortedMap<String, byte[]> parseMinimums(byte[] serialized)
      throws EvidenceException {
    SortedMap<String, byte[]> out = new TreeMap<>();
    try {
      MinimumLimits proto = MinimumLimits.parseFrom(serialized);
      if (proto.getUnknownFields().getSerializedSize() != 0) {
        throw new EvidenceException(EvidenceRefusal.MALFORMED_MINIMUMS, "an unknown field");
      }
      proto.getLimMap().forEach((name, value) -> out.put(name, value.toByteArray()));
    } catch (InvalidProtocolBufferException e) {
      throw new EvidenceException(EvidenceRefusal.MALFORMED_MINIMUMS);
    }
    return out;
  }

  private static EvidenceException malformed(String detail) {
    return new EvidenceException(EvidenceRefusal.MALFORMED_CLAIMS, detail);
  }
}
