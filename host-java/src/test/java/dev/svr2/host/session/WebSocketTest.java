// SPDX-License-Identifier: Apache-2.0
//
// The client plane over HTTP: paths, statuses, close codes and limits of protocol.md §3, with an
// enclave that does as it is told.
package dev.svr2.host.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.svr2.host.FakeEnclave;
import dev.svr2.host.HostFixture;
import dev.svr2.proto.CloseReason;
import dev.svr2.proto.Error;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WebSocketTest {
  private static final String LISTEN = "client.websocket_listen: 127.0.0.1:0\n";
  private static final int TIMEOUT_SECONDS = 20;

  private final FakeEnclave.Loader loader = new FakeEnclave.Loader();
  private final HttpClient http = HttpClient.newHttpClient();

  private HostFixture start(String more) throws Exception {
    return HostFixture.start(LISTEN + more, loader);
  }

  private String path() {
    return "/v1/" + HexFormat.of().formatHex(loader.enclave.measurement());
  }

  private static URI uri(String scheme, HostFixture fixture, String path) {
    return URI.create(scheme + "://" + fixture.host.webSocketAddress().orElseThrow() + path);
  }

  /** A client whose every event a test can wait for. */
  private static final class Client implements WebSocket.Listener {
    private final BlockingQueue<String> items = new LinkedBlockingQueue<>();
    private final CompletableFuture<String> end = new CompletableFuture<>();
    private final CompletableFuture<String> pong = new CompletableFuture<>();
    private WebSocket socket;

    @Override
    public CompletionStage<?> onBinary(WebSocket from, ByteBuffer data, boolean last) {
      items.add(StandardCharsets.UTF_8.decode(data).toString());
      from.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onPong(WebSocket from, ByteBuffer data) {
      pong.complete(StandardCharsets.UTF_8.decode(data).toString());
      from.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket from, int code, String reason) {
      end.complete(code + " " + reason);
      return null;
    }

    @Override
    public void onError(WebSocket from, Throwable failure) {
      end.completeExceptionally(failure);
    }

    String next() throws InterruptedException {
      String item = items.poll(TIMEOUT_SECONDS, TimeUnit.SECONDS);
      assertNotNull(item, "no item came; the end: " + end);
      return item;
    }

    void send(String item) {
      socket.sendBinary(ByteBuffer.wrap(item.getBytes(StandardCharsets.UTF_8)), true).join();
    }

    String end() throws Exception {
      return end.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    }
  }

  private Client connect(HostFixture fixture) {
    return connect(fixture, path(), HostFixture.authorization());
  }

  private Client connect(HostFixture fixture, String path, String authorization) {
    Client client = new Client();
    client.socket =
        http.newWebSocketBuilder()
            .header("Authorization", authorization)
            .buildAsync(uri("ws", fixture, path), client)
            .join();
    return client;
  }

  private HttpResponse<String> refused(HostFixture fixture, String path, String authorization) {
    CompletionException failure =
        assertThrows(CompletionException.class, () -> connect(fixture, path, authorization));
    @SuppressWarnings("unchecked")
    HttpResponse<String> response =
        (HttpResponse<String>) ((WebSocketHandshakeException) failure.getCause()).getResponse();
    return response;
  }

  private HttpResponse<String> ask(HostFixture fixture, String method, String path)
      throws Exception {
    return http.send(
        HttpRequest.newBuilder(uri("http", fixture, path))
            .header("Authorization", HostFixture.authorization())
            .method(method, HttpRequest.BodyPublishers.noBody())
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void aSessionCarriesItemsInOrderAndEndsWithTheClient() throws Exception {
    try (HostFixture fixture = start("")) {
      Client client = connect(fixture);
      assertEquals("handshake start", client.next());
      for (int i = 0; i < 200; i++) {
        client.send("item " + i);
      }
      for (int i = 0; i < 200; i++) {
        assertEquals("item " + i, client.next());
      }
      client
          .socket
          .sendPing(ByteBuffer.wrap("are you there".getBytes(StandardCharsets.UTF_8)))
          .join();
      assertEquals("are you there", client.pong.get(TIMEOUT_SECONDS, TimeUnit.SECONDS));
      client.socket.sendClose(WebSocket.NORMAL_CLOSURE, "").join();
      assertEquals("1000 ", client.end());
      Awaitility.await().until(() -> fixture.host.metrics().sessions.get() == 0);
    }
  }

  /** protocol.md §3: the close codes. */
  @ParameterizedTest
  @CsvSource({
    "CLOSE_REASON_NORMAL,           OK,                         1000",
    "CLOSE_REASON_INVALID_ARGUMENT, ERROR_DB_BAD_SIZE,          4003",
    "CLOSE_REASON_NOT_APPLIED,      ERROR_RAFT_LOG_FULL,        4014",
    "CLOSE_REASON_UNKNOWN,          ERROR_CORE_REQUEST_TIMEOUT, 4013",
  })
  void aFinalItemIsSentAndThenTheReasonIsTheCloseCode(CloseReason reason, Error error, int code)
      throws Exception {
    try (HostFixture fixture = start("")) {
      loader.enclave.onClient =
          (enclave, input) ->
              enclave.end(
                  input.getClientId(), ByteString.copyFromUtf8("last words"), reason, error);
      Client client = connect(fixture);
      client.next();
      client.send("request");
      assertEquals("last words", client.next());
      String end = client.end();
      assertEquals(String.valueOf(code), end.substring(0, 4));
      assertTrue(code == 1000 || end.startsWith(code + " " + error + ": "), end);
      assertTrue(end.length() <= 5 + 123, end);
    }
  }

  @Test
  void whatIsNotServedIsRefusedBeforeItIsASession() throws Exception {
    try (HostFixture fixture = start("")) {
      String good = HostFixture.authorization();
      assertEquals(404, refused(fixture, "/v1/" + "00".repeat(32), good).statusCode());
      assertEquals(404, refused(fixture, "/", good).statusCode());
      assertEquals(404, refused(fixture, path() + "/", good).statusCode());
      assertEquals(404, refused(fixture, path() + "?x=1", good).statusCode());
      assertEquals(401, refused(fixture, path(), "Basic bm90OnJpZ2h0").statusCode());
      assertEquals(405, ask(fixture, "POST", path()).statusCode());
      assertEquals(405, ask(fixture, "GET", "/v1/delete").statusCode());
      HttpResponse<String> plain = ask(fixture, "GET", path());
      assertEquals(426, plain.statusCode());
      assertEquals("13", plain.headers().firstValue("sec-websocket-version").orElseThrow());
      assertTrue(
          loader.enclave.items().stream().noneMatch(item -> item.getRequest().hasNewClient()));
    }
  }

  @Test
  void moreSessionsThanThereMayBeAreTooMany() throws Exception {
    try (HostFixture fixture = start("client.max_sessions: 2\n")) {
      List<Client> open = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        open.add(connect(fixture));
        open.get(i).next();
      }
      HttpResponse<String> response = refused(fixture, path(), HostFixture.authorization());
      assertEquals(429, response.statusCode());
      assertEquals("1", response.headers().firstValue("Retry-After").orElseThrow());
      open.get(0).socket.abort();
      Awaitility.await().until(() -> fixture.host.metrics().sessions.get() == 1);
      assertEquals("handshake start", connect(fixture).next());
    }
  }

  @Test
  void itemsThatAreTooLargeOrTextAreBadArguments() throws Exception {
    try (HostFixture fixture = start("client.item_max_bytes: 4 KiB\n")) {
      Client large = connect(fixture);
      large.next();
      large.send("x".repeat(4097));
      assertTrue(large.end().startsWith("4003 ERROR_CLIENT_ITEM_TOO_LARGE"), large.end());
      Client text = connect(fixture);
      text.next();
      text.socket.sendText("text", true).join();
      assertTrue(text.end().startsWith("4003 ERROR_CLIENT_MALFORMED_REQUEST"), text.end());
      // Beyond twice the limit nothing is kept that could be answered.
      Client huge = connect(fixture);
      huge.next();
      huge.send("x".repeat(9000));
      assertTrue(huge.end().startsWith("1009"), huge.end());
      Awaitility.await().until(() -> fixture.host.metrics().sessions.get() == 0);
    }
  }

  @Test
  void aSessionWithoutAReadOrWriteIsClosed() throws Exception {
    try (HostFixture fixture = start("client.session_idle_seconds: 1\n")) {
      Client client = connect(fixture);
      client.next();
      assertTrue(client.end().startsWith("4014 ERROR_CLIENT_IDLE"), client.end());
    }
  }

  @Test
  void deleteSaysWhetherItWasApplied() throws Exception {
    try (HostFixture fixture = start("")) {
      assertEquals(200, ask(fixture, "DELETE", "/v1/delete").statusCode());
      assertEquals(1, fixture.host.metrics().deletes.count());
      assertEquals(
          401,
          http.send(
                  HttpRequest.newBuilder(uri("http", fixture, "/v1/delete")).DELETE().build(),
                  HttpResponse.BodyHandlers.discarding())
              .statusCode());
    }
  }

  @Test
  void aHostThatShutsDownEndsItsSessionsAndListensNoMore() throws Exception {
    Client client;
    try (HostFixture fixture = start("")) {
      client = connect(fixture);
      client.next();
    }
    assertTrue(client.end().startsWith("4014 ERROR_BRIDGE_CLOSED"), client.end());
  }
}
