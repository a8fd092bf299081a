// SPDX-License-Identifier: Apache-2.0
//
// The client plane over WebSocket: GET /v1/{measurement} for sessions, DELETE /v1/delete. Source:
// protocol.md §3.
package dev.svr2.client.websocket;

import dev.svr2.client.Credentials;
import dev.svr2.client.Pins;
import dev.svr2.client.internal.Futures;
import dev.svr2.client.internal.Hex;
import dev.svr2.client.transport.Transport;
import dev.svr2.client.transport.TransportException;
import dev.svr2.client.transport.TransportException.Applied;
import dev.svr2.client.transport.TransportException.Kind;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Transport over WebSocket. Thread-safe. The threads are those of the JDK's HTTP client: one that
 * waits for all connections and those of its executor; none belongs to a session.
 *
 * @since 0.1
 */
public final class WebSocketTransport implements Transport {
  private final HttpClient http;
  private final URI session;
  private final URI delete;
  private final Set<WebSocketStream> open = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  private WebSocketTransport(HttpClient http, URI base, String measurement) {
    String scheme = String.valueOf(base.getScheme()).toLowerCase(Locale.ROOT);
    if (!scheme.equals("ws") && !scheme.equals("wss")) {
      throw new IllegalArgumentException("the address must start with ws:// or wss://");
    }
    if (base.getHost() == null || base.getQuery() != null || base.getFragment() != null) {
      throw new IllegalArgumentException("the address must be ws://HOST:PORT or wss://HOST:PORT");
    }
    String prefix = base.getRawAuthority() + base.getRawPath().replaceAll("/+$", "");
    this.http = http;
    session = URI.create(scheme + "://" + prefix + "/v1/" + measurement);
    delete = URI.create((scheme.equals("ws") ? "http" : "https") + "://" + prefix + "/v1/delete");
  }

  /**
   * To a server of the pinned program. With {@code ws} requests are encrypted to the enclave all
   * the same; the credentials are not, so use it on loopback or behind a proxy that ends TLS.
   *
   * @param base ws://HOST:PORT or wss://HOST:PORT, with a path when a proxy wants one
   * @throws IllegalArgumentException when it is something else
   */
  public static WebSocketTransport to(URI base, Pins pins) {
    return to(base, pins.measurement());
  }

  /** The same with the program's measurement, 32 bytes. */
  public static WebSocketTransport to(URI base, byte[] measurement) {
    HttpClient http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();
    return over(http, base, measurement);
  }

  /** Over a client that the caller made: for a proxy, other trusted certificates, an executor. */
  public static WebSocketTransport over(HttpClient http, URI base, byte[] measurement) {
    if (measurement.length != Pins.MEASUREMENT_BYTES) {
      throw new IllegalArgumentException("a measurement has 32 bytes");
    }
    return new WebSocketTransport(http, base, Hex.encode(measurement));
  }

  @Override
  public Stream open(Credentials credentials) {
    WebSocketStream[] self = new WebSocketStream[1];
    WebSocketStream stream = new WebSocketStream(() -> open.remove(self[0]));
    self[0] = stream;
    open.add(stream);
    stream.connecting(
        closed
            ? Futures.failed(new IllegalStateException("the transport is closed"))
            : http.newWebSocketBuilder()
                .header("Authorization", credentials.authorization())
                .buildAsync(session, stream));
    return stream;
  }

  @Override
  public CompletableFuture<Void> deleteBackup(Credentials credentials, Duration timeout) {
    if (closed) {
      return Futures.failed(
          new TransportException(Kind.UNAVAILABLE, Applied.NO, "the transport is closed"));
    }
    HttpRequest request =
        HttpRequest.newBuilder(delete)
            .timeout(timeout)
            .header("Authorization", credentials.authorization())
            .DELETE()
            .build();
    return http.sendAsync(request, HttpResponse.BodyHandlers.discarding())
        .handle(
            (response, failure) -> {
              if (failure != null) {
                throw new CompletionException(Endings.deleteFailed(failure));
              }
              if (response.statusCode() != 200) {
                throw new CompletionException(
                    Endings.answered(response.statusCode(), response.headers()));
              }
              return null;
            });
  }

  /** Ends the sessions in use. The JDK's client ends its threads when nothing uses it any more. */
  @Override
  public void close() {
    closed = true;
    open.forEach(WebSocketStream::close);
  }
}
