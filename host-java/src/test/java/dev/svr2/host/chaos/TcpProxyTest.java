// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.chaos;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.host.config.HostPort;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TcpProxyTest {
  private static final int SHORT_MS = 100;

  private ServerSocket server;
  private TcpProxy proxy;
  private Socket dialed;
  private Socket accepted;

  @BeforeEach
  void connect() throws IOException {
    server = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
    proxy = new TcpProxy(new HostPort("127.0.0.1", server.getLocalPort()));
    dialed = dial();
    accepted = server.accept();
    accepted.setSoTimeout(10_000);
  }

  private Socket dial() throws IOException {
    Socket socket = new Socket(proxy.address().host(), proxy.address().port());
    socket.setSoTimeout(10_000);
    return socket;
  }

  @AfterEach
  void close() throws IOException {
    dialed.close();
    accepted.close();
    proxy.close();
    server.close();
  }

  private static void assertSilent(Socket socket) throws IOException {
    socket.setSoTimeout(SHORT_MS);
    assertThrows(SocketTimeoutException.class, () -> socket.getInputStream().read());
    socket.setSoTimeout(10_000);
  }

  @Test
  void bytesPassBothWays() throws IOException {
    dialed.getOutputStream().write(7);
    assertEquals(7, accepted.getInputStream().read());
    accepted.getOutputStream().write(8);
    assertEquals(8, dialed.getInputStream().read());
    accepted.close();
    assertEquals(-1, dialed.getInputStream().read());
  }

  @Test
  void oneWayIsHeldUpAndDeliveredLater() throws IOException {
    proxy.set(TcpProxy.Mode.HOLD_REQUESTS);
    dialed.getOutputStream().write(7);
    accepted.getOutputStream().write(8);
    assertEquals(8, dialed.getInputStream().read());
    assertSilent(accepted);
    proxy.set(TcpProxy.Mode.PASS);
    assertEquals(7, accepted.getInputStream().read());
  }

  @Test
  void bothWaysAreHeldUpAndNewConnectionsToo() throws IOException {
    proxy.set(TcpProxy.Mode.HOLD_BOTH);
    dialed.getOutputStream().write(7);
    accepted.getOutputStream().write(8);
    assertSilent(accepted);
    assertSilent(dialed);
    try (Socket late = dial()) {
      late.getOutputStream().write(9);
      proxy.set(TcpProxy.Mode.PASS);
      try (Socket lateAccepted = server.accept()) {
        assertEquals(9, lateAccepted.getInputStream().read());
      }
    }
    assertEquals(7, accepted.getInputStream().read());
    assertEquals(8, dialed.getInputStream().read());
  }

  @Test
  void brokenConnectionsStayBrokenAndNewOnesAreRefusedUntilHealed() throws IOException {
    proxy.set(TcpProxy.Mode.BREAK);
    assertEquals(-1, dialed.getInputStream().read());
    try (Socket refused = dial()) {
      assertEquals(-1, refused.getInputStream().read());
    }
    proxy.set(TcpProxy.Mode.PASS);
    try (Socket again = dial();
        Socket againAccepted = server.accept()) {
      again.getOutputStream().write(1);
      assertEquals(1, againAccepted.getInputStream().read());
    }
  }

  @Test
  void bytesAreDelayed() throws IOException {
    proxy.delay(Duration.ofMillis(200));
    long begin = System.nanoTime();
    dialed.getOutputStream().write(7);
    assertEquals(7, accepted.getInputStream().read());
    assertTrue(System.nanoTime() - begin >= 200_000_000L);
  }

  @Test
  void whenTheTargetIsGoneTheConnectionEnds() throws IOException {
    server.close();
    try (Socket hopeless = dial()) {
      await().until(() -> hopeless.getInputStream().read() == -1);
    }
  }
}
