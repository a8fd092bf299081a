// SPDX-License-Identifier: Apache-2.0
//
// The client plane over HTTP (protocol.md §3): WebSocket sessions with the bytes of the gRPC
// stream, and DELETE.
package dev.svr2.host.session;

import dev.svr2.host.config.HostPort;
import dev.svr2.host.http.HttpListener;
import io.netty.handler.ssl.SslContext;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;

/** Thread-safe. Nothing blocks its threads, which are as many as processors. */
final class WebSocketPlane {
  /** Connections that are not sessions: those that come, and those that only delete. */
  private static final int CONNECTIONS_BESIDE_SESSIONS = 1024;

  private final HttpListener listener;

  /**
   * Listens.
   *
   * @param tls empty: in clear
   * @throws IOException when the address is in use or not of this machine
   */
  WebSocketPlane(
      HostPort listen,
      Optional<SslContext> tls,
      ClientPlane clients,
      int itemMaxBytes,
      int maxSessions)
      throws IOException {
    listener =
        new HttpListener(
            listen,
            tls,
            maxSessions + CONNECTIONS_BESIDE_SESSIONS,
            Runtime.getRuntime().availableProcessors(),
            () -> new HttpRequests(clients, itemMaxBytes));
  }

  InetSocketAddress address() {
    return listener.address();
  }

  /** Takes no new connections; those that are there go on. */
  void stopListening() {
    listener.stopListening();
  }

  /** Ends everything, after {@code timeout} at the latest. */
  void close(Duration timeout) throws InterruptedException {
    listener.close(timeout);
  }
}
