// SPDX-License-Identifier: Apache-2.0
//
// The transcript over WebSocket against a real enclave, with both handshakes, and what only a
// WebSocket has: fragments, pings, close codes, a connection that breaks.
package dev.svr2.host.e2e.transcript;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.svr2.client.Credentials;
import dev.svr2.enclave.Enclave;
import dev.svr2.enclave.Platform;
import dev.svr2.enclave.SignedImage;
import dev.svr2.host.HostFixture;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.GetStatusRequest;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.util.HexFormat;
import java.util.Set;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

@ParameterizedClass
@ValueSource(booleans = {true, false})
class WebSocketTranscriptTest extends Transcript {
  private static final Path IMAGE =
      Path.of(System.getProperty("svr2.root"), "build", "enclave_test.signed.local");

  private final boolean hybrid;
  private HostFixture fixture;

  WebSocketTranscriptTest(boolean hybrid) {
    this.hybrid = hybrid;
  }

  @BeforeEach
  void start() throws Exception {
    fixture =
        HostFixture.start(
            "client.websocket_listen: 127.0.0.1:0\nenclave.client_pq: " + hybrid + "\n",
            output -> Enclave.load(Platform.LOCAL, IMAGE, Set.of(), output));
    var unused = fixture.control().createGroup(CreateGroupCall.getDefaultInstance());
    Awaitility.await().until(() -> status().getReady());
  }

  private dev.svr2.proto.GetStatusResponse status() {
    return fixture.control().getStatus(GetStatusRequest.getDefaultInstance());
  }

  @AfterEach
  void stop() {
    fixture.close();
  }

  @Override
  WebSocketWire connect(int user) throws Exception {
    String measurement = HexFormat.of().formatHex(SignedImage.inspect(IMAGE).measurement());
    return WebSocketWire.open(
        URI.create("ws://" + fixture.host.webSocketAddress().orElseThrow()),
        "/v1/" + measurement,
        Credentials.make(HostFixture.SECRET, "%032x".formatted(user), Clock.systemUTC())
            .authorization());
  }

  @Override
  boolean hybrid() {
    return hybrid;
  }

  @Test
  void aCutMessageAndPingsBetweenItsPieces() throws Exception {
    try (WebSocketWire wire = connect(8)) {
      wire.fragmentBytes = 7;
      wire.ping(new byte[] {1, 2, 3});
      Session session = Session.open(wire, hybrid);
      assertArrayEquals(new byte[] {1, 2, 3}, wire.pong);
      assertArrayEquals(hex("2a020802"), session.ask(hex("3200")));
    }
    Awaitility.await().until(() -> status().getEnclave().getClientSessions() == 0);
  }

  @Test
  void whatIsNoHandshakeIsABadArgument() throws Exception {
    WebSocketWire wire = connect(9);
    wire.receive();
    wire.send(new byte[] {1, 2, 3});
    assertNull(wire.receive());
    assertEquals(4003, wire.closeCode);
    wire.drop();
  }

  @Test
  void anAbruptEndLeavesNoSession() throws Exception {
    Session.open(connect(10), hybrid);
    WebSocketWire unfinished = connect(11);
    Awaitility.await().until(() -> status().getEnclave().getClientSessions() == 2);
    unfinished.drop();
    Awaitility.await().until(() -> status().getEnclave().getClientSessions() == 1);
  }
}
