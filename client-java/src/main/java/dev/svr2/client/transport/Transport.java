// SPDX-License-Identifier: Apache-2.0
//
// How a client reaches a server: gRPC now, WebSocket another day. Items are opaque here.
package dev.svr2.client.transport;

import dev.svr2.client.Credentials;
import java.time.Duration;

/** A way to one server. Thread-safe. */
public interface Transport extends AutoCloseable {
  /** Largest item either way, in bytes (protocol.md §1). */
  int ITEM_MAX_BYTES = 128 * 1024;

  /**
   * Starts a session's stream. May return before the server was reached; the first {@link
   * Stream#receive} tells.
   */
  Stream open(Credentials credentials);

  /**
   * Erases the caller's backup without a session. Returning normally means that the server says it
   * is done; nothing but the host's word stands behind that.
   *
   * @throws TransportException with applied NO when the call never left or the server says so
   */
  void deleteBackup(Credentials credentials, Duration timeout) throws TransportException;

  /** Ends what this object started itself. May be called twice. */
  @Override
  void close();

  /** One session's items, in order. For one thread at a time. */
  interface Stream extends AutoCloseable {
    /**
     * Sends one item.
     *
     * @throws TransportException when the stream had ended before: then it was not sent. When this
     *     returns, the item may have been sent.
     */
    void send(byte[] item) throws TransportException;

    /**
     * Waits for one item of at most {@link #ITEM_MAX_BYTES}.
     *
     * @throws TransportException when none comes in time or the stream ends. Nothing may be
     *     received afterwards.
     */
    byte[] receive(Duration timeout) throws TransportException;

    /** Ends the stream without waiting. May be called twice. */
    @Override
    void close();
  }
}
