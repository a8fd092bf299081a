// SPDX-License-Identifier: Apache-2.0
//
// Client commands with a ws:// target.
package dev.svr2.host.cli.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.client.testing.FakeWebSocketServer;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WebSocketCommandTest {
  @TempDir private Path folder;
  private final CliFixture cli = new CliFixture();
  private final FakeWebSocketServer web = new FakeWebSocketServer(cli.server);
  private String pins;

  @BeforeEach
  void writePins() throws Exception {
    pins = cli.pins(folder).toString();
  }

  @AfterEach
  void close() {
    web.close();
    cli.close();
  }

  private int run(String command, String target, String... more) {
    String[] args = new String[4 + more.length];
    args[0] = command;
    args[1] = "--target=" + target;
    args[2] = "--credentials=" + CliFixture.CREDENTIALS;
    args[3] = "--allow-simulated";
    System.arraycopy(more, 0, args, 4, more.length);
    return cli.bare(args);
  }

  @Test
  void storesRestoresAndAsks() {
    String target = web.uri().toString();
    String[] secret = {"--pins=" + pins, "--pin=1234", "--data=" + "a1b2c3d4".repeat(4)};
    assertEquals(ExitCode.DONE, run("backup", target, secret), () -> cli.err);
    assertEquals(
        ExitCode.DONE, run("restore", target, "--pins=" + pins, "--pin=1234"), () -> cli.err);
    assertEquals("a1b2c3d4".repeat(4) + "\n", cli.out);
    assertEquals(ExitCode.DONE, run("tries", target, "--pins=" + pins), () -> cli.err);
    assertEquals(ExitCode.DONE, run("delete", target, "--pins=" + pins), () -> cli.err);
  }

  @Test
  void statusesAreExitCodes() {
    String target = web.uri().toString();
    web.httpStatus = 401;
    assertEquals(ExitCode.CREDENTIALS, run("tries", target, "--pins=" + pins));
    web.httpStatus = 429;
    assertEquals(ExitCode.NOT_APPLIED, run("tries", target, "--pins=" + pins));
    web.httpStatus = 404;
    assertEquals(ExitCode.FAILED, run("tries", target, "--pins=" + pins));
  }

  @Test
  void targetsThatAreNone() {
    assertEquals(ExitCode.USAGE, run("tries", "ws://127.0.0.1:1"));
    assertTrue(cli.err.contains("needs --pins"), cli.err);
    for (String target : new String[] {"ws://", "ws:///x", "wss://h:1/?a", "ws://a b:1"}) {
      assertEquals(ExitCode.USAGE, run("tries", target, "--pins=" + pins), target);
    }
    assertEquals(ExitCode.USAGE, run("tries", "http://h:1", "--pins=" + pins));
  }
}
