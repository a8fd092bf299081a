// SPDX-License-Identifier: Apache-2.0
//
// What one peer was sent and has not acknowledged, and what waits to be sent: the memory that makes
// a
// broken connection no loss.
package dev.svr2.host.peer;

import com.google.protobuf.ByteString;
import java.util.ArrayDeque;
import java.util.function.LongSupplier;

/** Bounded in messages and bytes. Not thread-safe: its link's lock guards it. */
final class SendBuffer {
  /** A message with its number in the epoch. */
  record Numbered(long sequence, ByteString payload) {}

  /** What the other side's hello says about this buffer. */
  enum Resumption {
    /** What it has not got is to be sent now. */
    RESUMED,
    /** It knows nothing of messages that it acknowledged: start over in a new epoch. */
    FORGOTTEN,
    /** It names a message that was never sent. */
    IMPOSSIBLE
  }

  private final int maxItems;
  private final long maxBytes;
  private final LongSupplier epochs;
  private final ArrayDeque<Numbered> sent = new ArrayDeque<>();
  private final ArrayDeque<Numbered> unsent = new ArrayDeque<>();
  private long epoch;
  private long lastSequence;
  private long highestSent;
  private long acknowledged;
  private long bytes;

  /**
   * @param epochs random numbers; zeros are skipped
   */
  SendBuffer(int maxItems, long maxBytes, LongSupplier epochs) {
    this.maxItems = maxItems;
    this.maxBytes = maxBytes;
    this.epochs = epochs;
    restart();
  }

  /** Drops everything and begins a new epoch. */
  void restart() {
    long before = epoch;
    while (epoch == 0 || epoch == before) {
      epoch = epochs.getAsLong();
    }
    sent.clear();
    unsent.clear();
    lastSequence = 0;
    highestSent = 0;
    acknowledged = 0;
    bytes = 0;
  }

  /** False when there is no room; nothing was kept. A message alone always has room. */
  boolean add(ByteString payload) {
    boolean fits = items() < maxItems && bytes + payload.size() <= maxBytes;
    if (!fits && items() > 0) {
      return false;
    }
    lastSequence++;
    bytes += payload.size();
    unsent.addLast(new Numbered(lastSequence, payload));
    return true;
  }

  /** The next message to send, or null. */
  Numbered next() {
    Numbered next = unsent.pollFirst();
    if (next != null) {
      sent.addLast(next);
      highestSent = Math.max(highestSent, next.sequence());
    }
    return next;
  }

  /** Frees what was received. False when that was never sent. */
  boolean acknowledge(long sequence) {
    if (sequence > highestSent || sequence < 0) {
      return false;
    }
    acknowledged = Math.max(acknowledged, sequence);
    free(sent);
    free(unsent); // Sent on an earlier connection, and put back to be sent again.
    return true;
  }

  private void free(ArrayDeque<Numbered> messages) {
    while (!messages.isEmpty() && messages.peekFirst().sequence() <= acknowledged) {
      bytes -= messages.removeFirst().payload().size();
    }
  }

  /** A new connection stands, and the other side says what it has received, of which epoch. */
  Resumption resume(long received, long receivedEpoch) {
    if (receivedEpoch != epoch) {
      if (acknowledged > 0) {
        return Resumption.FORGOTTEN;
      }
    } else if (received < acknowledged) {
      return Resumption.FORGOTTEN;
    } else if (!acknowledge(received)) {
      return Resumption.IMPOSSIBLE;
    }
    while (!sent.isEmpty()) {
      unsent.addFirst(sent.removeLast());
    }
    return Resumption.RESUMED;
  }

  long epoch() {
    return epoch;
  }

  int items() {
    return sent.size() + unsent.size();
  }

  long bytes() {
    return bytes;
  }

  /** How many of the messages that wait were on a connection before. */
  int itemsToRepeat() {
    int items = 0;
    for (Numbered message : unsent) {
      if (message.sequence() > highestSent) {
        break;
      }
      items++;
    }
    return items;
  }

  /** Nothing was ever acknowledged in this epoch, and nothing waits. */
  boolean isUnused() {
    return lastSequence == 0;
  }
}
