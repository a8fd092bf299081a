// SPDX-License-Identifier: Apache-2.0
//
// One link between two hosts, which a test can hold up, slow down and break.
package dev.svr2.host.chaos;

import dev.svr2.host.config.HostPort;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Listens on a port of its own and passes bytes on to a target, as TCP does: what is held up is
 * delivered later, in order, or the connection breaks. Two threads a connection. Thread-safe.
 */
final class TcpProxy implements AutoCloseable {
  /** What happens to bytes. */
  enum Mode {
    PASS,
    /** What the side that dialed says is held up; answers pass. */
    HOLD_REQUESTS,
    HOLD_BOTH,
    /** Connections are closed, old and new ones. */
    BREAK
  }

  private static final int CHUNK_BYTES = 64 * 1024;
  private static final int CONNECT_TIMEOUT_MS = 5_000;
  private static final int BACKLOG = 64;

  private final InetSocketAddress target;
  private final ServerSocket listener;
  private final Set<Socket> sockets = new HashSet<>();
  private Mode mode = Mode.PASS;
  private Duration delay = Duration.ZERO;
  private boolean closed;

  TcpProxy(HostPort target) throws IOException {
    this.target = target.toSocketAddress();
    listener = new ServerSocket(0, BACKLOG, InetAddress.getLoopbackAddress());
    start("svr2-proxy-accept", this::accept);
  }

  HostPort address() {
    return new HostPort(listener.getInetAddress().getHostAddress(), listener.getLocalPort());
  }

  /** From now on. */
  synchronized void set(Mode value) {
    mode = value;
    if (mode == Mode.BREAK) {
      closeAll();
    }
    notifyAll();
  }

  /** Each chunk waits this long, either way. */
  synchronized void delay(Duration value) {
    delay = value;
  }

  private static void start(String name, Runnable task) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    thread.start();
  }

  private void accept() {
    while (true) {
      Socket dialed;
      try {
        dialed = listener.accept();
      } catch (IOException e) {
        return; // Closed.
      }
      if (keep(dialed)) {
        start("svr2-proxy-connect", () -> connect(dialed));
      }
    }
  }

  private void connect(Socket dialed) {
    Socket onward = new Socket();
    try {
      awaitPass(true);
      onward.connect(target, CONNECT_TIMEOUT_MS);
      if (!keep(onward)) {
        drop(dialed);
        return;
      }
      dialed.setTcpNoDelay(true);
      onward.setTcpNoDelay(true);
      start("svr2-proxy-requests", () -> pump(dialed, onward, true));
      pump(onward, dialed, false);
    } catch (IOException e) {
      drop(dialed);
      drop(onward);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void pump(Socket from, Socket to, boolean requests) {
    byte[] chunk = new byte[CHUNK_BYTES];
    try {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      int length = in.read(chunk);
      while (length >= 0) {
        awaitDelay();
        awaitPass(requests);
        out.write(chunk, 0, length);
        length = in.read(chunk);
      }
    } catch (IOException e) {
      // Either side has gone; the other is told below.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      drop(from);
      drop(to);
    }
  }

  private synchronized void awaitPass(boolean requests) throws InterruptedException {
    while (mode == Mode.HOLD_BOTH || (mode == Mode.HOLD_REQUESTS && requests)) {
      wait();
    }
  }

  private synchronized void awaitDelay() throws InterruptedException {
    long end = System.nanoTime() + delay.toNanos();
    long left = delay.toNanos();
    while (left > 0) {
      TimeUnit.NANOSECONDS.timedWait(this, left);
      left = end - System.nanoTime();
    }
  }

  private synchronized boolean keep(Socket socket) {
    if (closed || mode == Mode.BREAK) {
      closeQuietly(socket);
      return false;
    }
    sockets.add(socket);
    return true;
  }

  private synchronized void drop(Socket socket) {
    sockets.remove(socket);
    closeQuietly(socket);
  }

  private void closeAll() {
    sockets.forEach(TcpProxy::closeQuietly);
    sockets.clear();
  }

  private static void closeQuietly(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // It is of no more use either way.
    }
  }

  @Override
  public synchronized void close() throws IOException {
    closed = true;
    mode = Mode.PASS;
    notifyAll();
    closeAll();
    listener.close();
  }
}
