// SPDX-License-Identifier: Apache-2.0
//
// What Intel says about platforms, as Open Enclave packs it. Little-endian: u32 version (1), u32
// type (2 = SGX), u32 size of what follows the count, u32 count (9), offsets, data. Source:
// protocol.md §6, "Layouts".
package dev.svr2.client.evidence;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Arrays;

/** The parts, copied; nothing in it is verified. Immutable by convention. */
final class SgxEndorsements {
  private static final int VERSION = 1;
  private static final int TYPE_SGX = 2;
  private static final int COUNT = 9;
  private static final int HEADER_BYTES = 16;
  private static final int DATA = HEADER_BYTES + 4 * COUNT;
  private static final int MAX_BYTES = 128 * 1024;

  final byte[] tcbInfo;
  final byte[] tcbInfoIssuers;
  final byte[] pckCrl;
  final byte[] rootCrl;
  final byte[] pckCrlIssuers;
  final byte[] qeIdentity;
  final byte[] qeIdentityIssuers;

  /** When they were collected, as whoever collected them says; nobody signs it. */
  final Instant created;

  private SgxEndorsements(byte[][] items) throws EvidenceException {
    if (!Arrays.equals(items[0], new byte[] {VERSION, 0, 0, 0})) {
      throw malformed("not of version 1");
    }
    tcbInfo = withoutNul(items[1], "TCB info");
    tcbInfoIssuers = withoutNul(items[2], "TCB info issuers");
    pckCrl = withoutNul(items[3], "PCK CRL");
    rootCrl = withoutNul(items[4], "root CRL");
    pckCrlIssuers = withoutNul(items[5], "PCK CRL issuers");
    qeIdentity = withoutNul(items[6], "QE identity");
    qeIdentityIssuers = withoutNul(items[7], "QE identity issuers");
    String time = new String(withoutNul(items[8], "creation time"), StandardCharsets.US_ASCII);
    try {
      created = Instant.parse(time);
    } catch (DateTimeParseException e) {
      throw malformed("the creation time is none");
    }
  }

  /** Splits endorsements. */
  static SgxEndorsements parse(byte[] bytes) throws EvidenceException {
    if (bytes.length == 0) {
      throw new EvidenceException(
          EvidenceRefusal.MALFORMED_ENDORSEMENT,
          "there are none; SGX evidence is verified with the endorsements that come with it");
    }
    if (bytes.length < DATA || bytes.length > MAX_BYTES) {
      throw malformed("too short or too long");
    }
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (in.getInt() != VERSION || in.getInt() != TYPE_SGX) {
      throw malformed("not SGX endorsements of version 1");
    }
    if (in.getInt() != bytes.length - HEADER_BYTES || in.getInt() != COUNT) {
      throw malformed("its sizes are not those of nine parts");
    }
    int[] offsets = new int[COUNT + 1];
    for (int i = 0; i < COUNT; i++) {
      offsets[i] = in.getInt();
    }
    offsets[COUNT] = bytes.length - DATA;
    byte[][] items = new byte[COUNT][];
    for (int i = 0; i < COUNT; i++) {
      if (offsets[0] != 0 || offsets[i] < 0 || offsets[i + 1] < offsets[i]) {
        throw malformed("its parts are not in order");
      }
      if (offsets[i + 1] > bytes.length - DATA) {
        throw malformed("too short");
      }
      items[i] = Arrays.copyOfRange(bytes, DATA + offsets[i], DATA + offsets[i + 1]);
    }
    return new SgxEndorsements(items);
  }

  private static byte[] withoutNul(byte[] item, String what) throws EvidenceException {
    if (item.length < 2 || item[item.length - 1] != 0) {
      throw malformed(what + " is empty or does not end in NUL");
    }
    return Arrays.copyOf(item, item.length - 1);
  }

  private static EvidenceException malformed(String detail) {
    return new EvidenceException(EvidenceRefusal.MALFORMED_ENDORSEMENT, detail);
  }
}
