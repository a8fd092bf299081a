// SPDX-License-Identifier: Apache-2.0
//
// A client and a fake server for the tests of the client.
package dev.svr2.client;

import dev.svr2.client.evidence.EvidenceException;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.client.testing.FakeServer;
import dev.svr2.client.testing.FakeWebSocketServer;
import dev.svr2.client.transport.Transport;
import dev.svr2.client.websocket.WebSocketTransport;
import io.grpc.ManagedChannel;
import java.time.Duration;
import java.util.Arrays;

/** Close it after the test. */
final class ClientFixture implements AutoCloseable {
  static final String USER = "000102030405060708090a0b0c0d0e0f";
  static final PinKeys RIGHT = PinKeys.of(filled(1, 32), filled(2, 32));
  static final PinKeys WRONG = PinKeys.of(filled(1, 32), filled(3, 32));
  static final byte[] DATA = filled(0x77, 32);

  final FakeServer server = new FakeServer();

  /** Null over gRPC. */
  final FakeWebSocketServer webSocket;

  private final ManagedChannel channel = server.channel();
  private final Transport transport;

  /** Over gRPC, within the process. */
  ClientFixture() {
    this(false);
  }

  /** Over gRPC, or over WebSocket on loopback. */
  ClientFixture(boolean overWebSocket) {
    webSocket = overWebSocket ? new FakeWebSocketServer(server) : null;
    transport =
        overWebSocket
            ? WebSocketTransport.to(webSocket.uri(), server.evidence.measurement)
            : GrpcTransport.over(channel);
  }

  static byte[] filled(int value, int size) {
    byte[] out = new byte[size];
    Arrays.fill(out, (byte) value);
    return out;
  }

  Pins pins() {
    try {
      return PinBlock.fromHandshakeStart(server.evidence.handshakeStart(), true);
    } catch (EvidenceException e) {
      throw new AssertionError(e);
    }
  }

  Svr2Client.Builder builder() {
    return Svr2Client.builder()
        .transport(transport)
        .credentials(Credentials.of(USER, "1:aa"))
        .pins(pins())
        .allowSimulated(true)
        .attempts(2)
        .retryPause(Duration.ZERO)
        .timeout(Duration.ofSeconds(5));
  }

  Svr2Client client() {
    return builder().build();
  }

  /** For servers that stay silent. */
  Svr2Client impatient() {
    return builder().timeout(Duration.ofMillis(50)).build();
  }

  void store(int tries) {
    server.data = DATA.clone();
    server.pin = RIGHT.accessKey();
    server.tries = tries;
    server.exposed = true;
  }

  @Override
  public void close() {
    transport.close();
    channel.shutdownNow();
    if (webSocket != null) {
      webSocket.close();
    }
    server.close();
  }
}
