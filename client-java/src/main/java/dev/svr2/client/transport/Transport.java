// SPDX-License-Identifier: Apache-2.0
//
// How a client reaches a server: gRPC (package grpc), WebSocket (package websocket), or an
// application's own way. Items are opaque here.
package dev.svr2.client.transport;

import dev.svr2.client.Credentials;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A way to one server. Thread-safe.
 *
 * <p>Nothing here waits: answers come as futures, which an implementation may complete on any
 * thread of its own; the library goes on elsewhere (see Svr2Client.Builder.executor), so that
 * thread is never held up.
 *
 * @since 0.1
 */
public interface Transport extends AutoCloseable {
  /** Largest item either way, in bytes (protocol.md §1). */
  int ITEM_MAX_BYTES = 128 * 1024;

  /**
   * Starts a session's stream. May return before the server was reached; the first {@link
   * Stream#receive()} tells.
   */
  Stream open(Credentials credentials);

  /**
   * Erases the caller's backup without a session. Success means that the server says it is done;
   * nothing but the host's word stands behind that.
   *
   * @param timeout after which the implementation gives up with {@link
   *     TransportException.Kind#TIMEOUT}
   * @return fails with a {@link TransportException}, whose applied is NO when the call never left
   *     or the server says so
   */
  CompletableFuture<Void> deleteBackup(Credentials credentials, Duration timeout);

  /** Ends what this object started itself. May be called twice. */
  @Override
  void close();

  /** One session's items, in order. One call at a time, from any thread; close at any time. */
  interface Stream extends AutoCloseable {
    /**
     * Sends one item, without waiting until it left.
     *
     * @throws TransportException when the stream had ended before: then it was not sent. When this
     *     returns, the item may have been sent.
     */
    void send(byte[] item) throws TransportException;

    /**
     * The next item, of at most {@link #ITEM_MAX_BYTES}. Must not be called again before the last
     * one is done.
     *
     * @return fails with a {@link TransportException} when the stream ends, by {@link #close}, too;
     *     nothing may be received afterwards
     */
    CompletableFuture<byte[]> receive();

    /**
     * Waits for the next item on the calling thread; closes the stream when none comes in time or
     * the thread is interrupted.
     *
     * @throws TransportException when none comes in time or the stream ends
     */
    default byte[] receive(Duration timeout) throws TransportException {
      try {
        return receive().get(timeout.toNanos(), TimeUnit.NANOSECONDS);
      } catch (TimeoutException e) {
        close();
        throw TransportException.timeout(timeout);
      } catch (InterruptedException e) {
        close();
        Thread.currentThread().interrupt();
        throw TransportException.interrupted();
      } catch (ExecutionException e) {
        throw TransportException.of(e);
      }
    }

    /** Ends the stream without waiting. May be called twice. */
    @Override
    void close();
  }
}
