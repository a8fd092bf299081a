// SPDX-License-Identifier: Apache-2.0
//
// Stands between two ends of a TCP connection, so that a test can cut it.
package dev.svr2.host.peer;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Thread-safe. */
public final class TcpProxy implements AutoCloseable {
  private final ServerSocket server;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private volatile InetSocketAddress target;

  /** Listens on a free loopback port; refuses everybody until there is a target. */
  public TcpProxy() throws IOException {
    server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    start("proxy-accept", this::acceptAll);
  }

  public InetSocketAddress address() {
    return (InetSocketAddress) server.getLocalSocketAddress();
  }

  /** Where new connections lead; null for nowhere. */
  public void lead(InetSocketAddress newTarget) {
    target = newTarget;
  }

  /** Breaks what stands. */
  public void cut() {
    sockets.forEach(TcpProxy::closeQuietly);
    sockets.clear();
  }

  private void acceptAll() {
    while (!server.isClosed()) {
      try {
        connect(server.accept());
      } catch (IOException e) {
        // The server is closed, or this one client is not served.
      }
    }
  }

  private void connect(Socket client) throws IOException {
    InetSocketAddress to = target;
    if (to == null) {
      client.close();
      return;
    }
    Socket backend = new Socket();
    sockets.add(client);
    sockets.add(backend);
    try {
      backend.connect(to);
    } catch (IOException e) {
      closeQuietly(client);
      throw e;
    }
    start("proxy-up", () -> copy(client, backend));
    start("proxy-down", () -> copy(backend, client));
  }

  private void copy(Socket from, Socket to) {
    byte[] buffer = new byte[1 << 16];
    try (InputStream in = from.getInputStream();
        OutputStream out = to.getOutputStream()) {
      for (int size = in.read(buffer); size >= 0; size = in.read(buffer)) {
        out.write(buffer, 0, size);
      }
    } catch (IOException e) {
      // Cut, or either side is done.
    } finally {
      closeQuietly(from);
      closeQuietly(to);
      sockets.remove(from);
      sockets.remove(to);
    }
  }

  private static void closeQuietly(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // It is of no use any more in any case.
    }
  }

  private static void start(String name, Runnable task) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void close() {
    try {
      server.close();
    } catch (IOException e) {
      // Ends all the same.
    }
    cut();
  }
}
