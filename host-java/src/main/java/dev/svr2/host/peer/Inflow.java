// SPDX-License-Identifier: Apache-2.0
//
// What came from one peer: which numbers, and how much of it is on its way into the enclave.
package dev.svr2.host.peer;

/** Not thread-safe: its link's lock guards it. */
final class Inflow {
  /** What to do with a message of some number. */
  enum Arrival {
    NEXT,
    /** Received before: sent again after a connection broke. */
    REPEATED,
    /** One before it is missing. */
    GAP
  }

  /**
   * Bytes of one peer on their way into the enclave, beside which there is always one message more.
   */
  private static final long MAX_BYTES = 16L << 20;

  private final int maxItems;
  private long epoch;
  private long received;
  private int items;
  private long bytes;

  Inflow(int maxItems) {
    this.maxItems = maxItems;
  }

  /**
   * The other side names its epoch.
   *
   * @return false when another was known before: messages may have been lost
   */
  boolean begin(long newEpoch) {
    boolean same = epoch == 0 || epoch == newEpoch;
    if (epoch != newEpoch) {
      epoch = newEpoch;
      received = 0;
    }
    return same;
  }

  Arrival arrive(long sequence, int size) {
    if (sequence <= received) {
      return sequence <= 0 ? Arrival.GAP : Arrival.REPEATED;
    }
    if (sequence != received + 1) {
      return Arrival.GAP;
    }
    received = sequence;
    items++;
    bytes += size;
    return Arrival.NEXT;
  }

  /** A message is in the enclave, or never will be. */
  void leave(int size) {
    items--;
    bytes -= size;
  }

  /** Another message may come. */
  boolean hasRoom() {
    return items < maxItems && bytes < MAX_BYTES;
  }

  long epoch() {
    return epoch;
  }

  long received() {
    return received;
  }
}
