// SPDX-License-Identifier: Apache-2.0
//
// The ids of enclaves: public keys, which any log may show.
package dev.svr2.host.peer;

import com.google.protobuf.ByteString;
import java.util.HexFormat;

/** Stateless. */
final class PeerIds {
  static final int BYTES = 32;

  /** Enough to tell the members of a group apart. */
  private static final int SHORT_BYTES = 6;

  private PeerIds() {}

  static boolean isWellFormed(ByteString id) {
    return id.size() == BYTES;
  }

  /** In lower-case hex. */
  static String hex(ByteString id) {
    return HexFormat.of().formatHex(id.toByteArray());
  }

  /** For log lines. */
  static String brief(ByteString id) {
    return HexFormat.of()
        .formatHex(id.substring(0, Math.min(SHORT_BYTES, id.size())).toByteArray());
  }

  /** Which of two is the lower: its dial comes first. */
  static boolean isLower(ByteString one, ByteString other) {
    return ByteString.unsignedLexicographicalComparator().compare(one, other) < 0;
  }
}
