// SPDX-License-Identifier: Apache-2.0
//
// A real Redis server on a free port of loopback, for one test.
package dev.svr2.host.redis;

import dev.svr2.host.config.HostPort;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Assumptions;

/** Stops and starts again on the same port. Not thread-safe. */
public final class RedisServer implements AutoCloseable {
  private static final Path PROGRAM = Path.of("/usr/bin/redis-server");

  private final Path folder;
  private final int port;
  private final List<String> more;
  private Process process;

  private RedisServer(Path folder, int port, List<String> more) {
    this.folder = folder;
    this.port = port;
    this.more = more;
  }

  /** Starts one; the test is skipped where Redis is not installed. */
  public static RedisServer start(Path folder, String... more) throws IOException {
    Assumptions.assumeTrue(Files.isExecutable(PROGRAM), "no Redis: " + PROGRAM + " is not there");
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    RedisServer server = new RedisServer(folder, port, List.of(more));
    server.start();
    return server;
  }

  public void start() throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                PROGRAM.toString(),
                "--bind",
                "127.0.0.1",
                "--port",
                Integer.toString(port),
                "--save",
                "",
                "--dir",
                folder.toString()));
    command.addAll(more);
    process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("redis.log").toFile())
            .start();
    Awaitility.await().until(this::answers);
  }

  private boolean answers() {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 500);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  public HostPort address() {
    return new HostPort("127.0.0.1", port);
  }

  /** At once, as in a crash. */
  public void stop() {
    process.destroyForcibly();
    Awaitility.await().until(() -> !process.isAlive());
  }

  @Override
  public void close() {
    stop();
  }
}
