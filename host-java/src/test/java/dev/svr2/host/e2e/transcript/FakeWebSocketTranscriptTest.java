// SPDX-License-Identifier: Apache-2.0
//
// The transcript's WebSocket wire against the fake server that the client library is tested with:
// two programs written from the protocol alone must understand each other.
package dev.svr2.host.e2e.transcript;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.svr2.client.Handshake;
import dev.svr2.client.testing.FakeServer;
import dev.svr2.client.testing.FakeWebSocketServer;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(Handshake.class)
class FakeWebSocketTranscriptTest extends Transcript {
  private final Handshake handshake;

  /** The fake has one row, so each user has a fake. */
  private final Map<Integer, FakeServer> servers = new ConcurrentHashMap<>();

  private final Map<Integer, FakeWebSocketServer> webs = new ConcurrentHashMap<>();

  FakeWebSocketTranscriptTest(Handshake handshake) {
    this.handshake = handshake;
  }

  @AfterEach
  void stop() {
    webs.values().forEach(FakeWebSocketServer::close);
    servers.values().forEach(FakeServer::close);
  }

  @Override
  boolean hybrid() {
    return handshake == Handshake.NKHFS;
  }

  private FakeWebSocketServer web(int user) {
    FakeServer server = servers.computeIfAbsent(user, unused -> new FakeServer());
    server.handshake = handshake;
    return webs.computeIfAbsent(user, unused -> new FakeWebSocketServer(server));
  }

  private WebSocketWire open(int user, String path) throws Exception {
    return WebSocketWire.open(web(user).uri(), path, "Basic none");
  }

  @Override
  WebSocketWire connect(int user) throws Exception {
    FakeWebSocketServer unused = web(user);
    String measurement = HexFormat.of().formatHex(servers.get(user).evidence.measurement);
    return open(user, "/v1/" + measurement);
  }

  @Test
  void statuses() throws Exception {
    assertEquals(404, open(9, "/v1/" + "00".repeat(32)).status());
    web(9).httpStatus = 401;
    assertEquals(401, open(9, "/v1/" + "00".repeat(32)).status());
  }

  @Test
  void fragmentsOfTheServer() throws Exception {
    web(8).fragmentBytes = 333;
    web(8).pings = true;
    WebSocketWire wire = connect(8);
    Session session = Session.open(wire, hybrid());
    assertArrayEquals(hex("2a020802"), session.ask(hex("3200")));
    wire.close();
  }
}
