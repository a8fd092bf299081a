// SPDX-License-Identifier: Apache-2.0
//
// Between a network's callbacks and the one who awaits the next item of a stream.
package dev.svr2.client.internal;

import dev.svr2.client.transport.TransportException;
import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;

/**
 * Items in order, then the end. What came before the end is handed out before it. How many items
 * can wait is bounded by whoever asks the network for them. Thread-safe; not API of the library.
 */
public final class Inbox {
  private final ArrayDeque<byte[]> items = new ArrayDeque<>();
  private CompletableFuture<byte[]> waiting;
  private TransportException end;

  /** An item came. After the end it is dropped. False when it must wait to be taken. */
  public boolean put(byte[] item) {
    CompletableFuture<byte[]> receiver;
    synchronized (this) {
      if (end != null) {
        return false;
      }
      receiver = waiting;
      waiting = null;
      if (receiver == null) {
        items.add(item);
      }
    }
    if (receiver != null) {
      receiver.complete(item);
    }
    return receiver != null;
  }

  /** The stream ended. Only the first end counts. */
  public void end(TransportException how) {
    CompletableFuture<byte[]> receiver;
    synchronized (this) {
      if (end != null) {
        return;
      }
      end = how;
      receiver = waiting;
      waiting = null;
    }
    if (receiver != null) {
      receiver.completeExceptionally(how);
    }
  }

  /** True when an item came that was not taken yet. */
  public synchronized boolean holdsItem() {
    return !items.isEmpty();
  }

  /** How the stream ended, or null. */
  public synchronized TransportException ended() {
    return end;
  }

  /**
   * The next item, or the end.
   *
   * @throws IllegalStateException when the last one asked for is still awaited
   */
  public CompletableFuture<byte[]> take() {
    CompletableFuture<byte[]> receiver = new CompletableFuture<>();
    byte[] item;
    TransportException how;
    synchronized (this) {
      if (waiting != null) {
        throw new IllegalStateException("one item at a time");
      }
      item = items.poll();
      how = end;
      if (item == null && how == null) {
        waiting = receiver;
        return receiver;
      }
    }
    if (item != null) {
      receiver.complete(item);
    } else {
      receiver.completeExceptionally(how);
    }
    return receiver;
  }
}
