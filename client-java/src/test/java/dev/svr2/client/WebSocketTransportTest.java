// SPDX-License-Identifier: Apache-2.0
//
// HTTP statuses, close codes, frames and abrupt ends of the WebSocket plane (protocol.md §3).
package dev.svr2.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.Code;
import dev.svr2.client.testing.Describe;
import dev.svr2.client.testing.FakeServer;
import dev.svr2.client.testing.FakeWebSocketServer;
import dev.svr2.client.transport.Transport;
import dev.svr2.client.transport.TransportException;
import dev.svr2.client.websocket.WebSocketTransport;
import java.net.URI;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class WebSocketTransportTest {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final Credentials CREDENTIALS = Credentials.of(ClientFixture.USER, "1:aa");

  private final ClientFixture fixture = new ClientFixture(true);
  private final FakeServer server = fixture.server;
  private final FakeWebSocketServer web = fixture.webSocket;
  private final Svr2Client client = fixture.builder().attempts(1).build();

  @BeforeEach
  void store() {
    fixture.store(5);
  }

  @AfterEach
  void close() {
    fixture.close();
  }

  private String restore() {
    return Describe.of(client.restoreRaw(ClientFixture.RIGHT));
  }

  private static FakeServer.Step dies(Code code) {
    return item -> {
      throw FakeServer.failure(code, null);
    };
  }

  @Test
  void statusesBeforeTheSession() {
    int[] statuses = {401, 403, 404, 429, 503, 500, 302};
    String[] words = {
      "CredentialsRefused",
      "CredentialsRefused",
      "Rejected",
      "NotApplied",
      "NotApplied",
      "NotApplied",
      "NotApplied"
    };
    for (int i = 0; i < statuses.length; i++) {
      web.httpStatus = statuses[i];
      assertEquals(words[i], restore(), "status " + statuses[i]);
    }
    web.httpStatus = 429;
    RestoreResult.Failed failed = (RestoreResult.Failed) client.restoreRaw(ClientFixture.RIGHT);
    assertTrue(failed.failure().text().contains("again after 7"), failed.failure().text());
    assertEquals(0, server.requests.size());
  }

  @Test
  void aProgramThatIsNotServedHereIsRejected() {
    server.evidence.measurement[0] ^= 1;
    RestoreResult.Failed failed = (RestoreResult.Failed) client.restoreRaw(ClientFixture.RIGHT);
    assertEquals("Rejected", Describe.of(failed.failure()));
    assertTrue(failed.failure().text().contains("404"), failed.failure().text());
  }

  @Test
  void closeCodesAfterTheRequest() {
    int[] codes = {4003, 4014, 4013, 1001, 1013, 1002, 1009, 1011, 4999};
    String[] words = {
      "Rejected",
      "NotApplied",
      "Unknown",
      "Unknown",
      "Unknown",
      "Unknown",
      "Unknown",
      "Unknown",
      "Unknown"
    };
    server.onAnswer = dies(Code.INTERNAL);
    for (int i = 0; i < codes.length; i++) {
      web.closeCode = codes[i];
      assertEquals(words[i], restore(), "code " + codes[i]);
    }
    server.onAnswer =
        item -> {
          throw new FakeServer.End();
        };
    assertEquals("Unknown", restore());
  }

  @Test
  void anAbruptEndIsUnknownOnceARequestLeft() {
    web.dropsInsteadOfClosing = true;
    server.onHandshake = dies(Code.INTERNAL);
    assertEquals("NotApplied", restore());
    server.onHandshake = item -> item;
    server.onAnswer = dies(Code.INTERNAL);
    assertEquals("Unknown", restore());
  }

  @Test
  void theOtherHandshakeIsNamed() {
    server.handshake = Handshake.NK;
    RestoreResult.Failed failed = (RestoreResult.Failed) client.restoreRaw(ClientFixture.RIGHT);
    assertEquals("Refused", Describe.of(failed.failure()));
    assertTrue(failed.failure().text().contains("client_pq"), failed.failure().text());
  }

  @Test
  void pingsAndFragmentsAreNoItems() {
    web.pings = true;
    web.fragmentBytes = 100;
    assertEquals("Restored(32,5)", restore());
    Awaitility.await().until(() -> web.pongs.get() >= 2);
  }

  @Test
  void textAndTooLongItemsAreViolations() {
    web.text = true;
    assertEquals("ProtocolViolation", restore());
    web.text = false;
    server.onStart = item -> new byte[128 * 1024 + 1];
    assertEquals("ProtocolViolation", restore());
    web.fragmentBytes = 5_000;
    assertEquals("ProtocolViolation", restore());
    // The limit itself is allowed; it is no evidence, though.
    server.onStart = item -> new byte[128 * 1024];
    assertEquals("Refused", restore());
  }

  @Test
  void deleteWithoutSession() {
    assertEquals("Deleted", Describe.of(client.deleteWithoutSession()));
    server.deleteFailure = FakeServer.failure(Code.UNAVAILABLE, "no");
    assertEquals("NotApplied", Describe.of(client.deleteWithoutSession()));
    server.deleteFailure = FakeServer.failure(Code.INTERNAL, "unknown");
    assertEquals("Unknown", Describe.of(client.deleteWithoutSession()));
    web.httpStatus = 401;
    assertEquals("CredentialsRefused", Describe.of(client.deleteWithoutSession()));
    web.httpStatus = 429;
    assertEquals("NotApplied", Describe.of(client.deleteWithoutSession()));
  }

  @Test
  void aServerThatIsNotThere() {
    try (WebSocketTransport nowhere =
        WebSocketTransport.to(URI.create("ws://127.0.0.1:1"), fixture.pins())) {
      Svr2Client lost = fixture.builder().transport(nowhere).build();
      assertEquals("NotApplied", Describe.of(lost.restoreRaw(ClientFixture.RIGHT)));
      assertEquals("NotApplied", Describe.of(lost.deleteWithoutSession()));
    }
  }

  @Test
  void aClosedTransportConnectsNoMore() throws Exception {
    WebSocketTransport transport = WebSocketTransport.to(web.uri(), fixture.pins());
    Transport.Stream stream = transport.open(CREDENTIALS);
    stream.receive(PATIENCE);
    var next = stream.receive();
    transport.close();
    transport.close();
    ExecutionException e = assertThrows(ExecutionException.class, next::get);
    assertEquals(TransportException.Kind.CLOSED, ((TransportException) e.getCause()).kind());
    assertThrows(TransportException.class, () -> stream.send(new byte[1]));
    assertThrows(TransportException.class, () -> transport.open(CREDENTIALS).receive(PATIENCE));
    assertThrows(
        ExecutionException.class, () -> transport.deleteBackup(CREDENTIALS, PATIENCE).get());
  }

  @Test
  void addressesThatAreNone() {
    for (String text :
        new String[] {"http://a:1", "a:1", "ws:///x", "ws://a:1/?q", "ws://a:1/#f", "wss:a"}) {
      assertThrows(
          IllegalArgumentException.class,
          () -> WebSocketTransport.to(URI.create(text), fixture.pins()),
          text);
    }
    assertThrows(
        IllegalArgumentException.class, () -> WebSocketTransport.to(web.uri(), new byte[31]));
  }
}
