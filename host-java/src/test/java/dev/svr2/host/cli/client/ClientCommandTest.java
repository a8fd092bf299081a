// SPDX-License-Identifier: Apache-2.0
//
// The client commands: each row of cli.md's table of exit codes, what goes to which stream, --json.
package dev.svr2.host.cli.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.Code;
import dev.svr2.client.Credentials;
import dev.svr2.client.Handshake;
import dev.svr2.client.testing.FakeServer;
import dev.svr2.proto.Response;
import dev.svr2.proto.RestoreResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClientCommandTest {
  private static final String DATA = "8f1d2c3b4a5968778695a4b3c2d1e0ff";

  private final CliFixture cli = new CliFixture();
  @TempDir Path folder;

  @AfterEach
  void close() {
    cli.close();
  }

  private void ok(int code) {
    assertEquals(0, code, cli.err);
  }

  private void store() {
    ok(cli.client("backup", "--data", DATA, "--pin", "1234", "--tries", "2"));
  }

  @Test
  void code0Done() {
    store();
    assertEquals("", cli.out);
    assertTrue(cli.err.contains("stored and exposed"), cli.err);
    assertTrue(cli.err.contains("warning: nothing is pinned"), cli.err);
    assertTrue(cli.err.contains("NOT PROTECTED"), cli.err);
    assertFalse(cli.err.contains("guessable"), cli.err);
    ok(cli.client("restore", "--pin", "1234"));
    assertEquals(DATA + System.lineSeparator(), cli.out);
    assertFalse(cli.err.contains(DATA));
    ok(cli.client("tries"));
    assertEquals("2" + System.lineSeparator(), cli.out);
    ok(cli.client("delete"));
    assertEquals("", cli.out);
    assertEquals("localhost:1", cli.address);
  }

  @Test
  void code1RestoreError() {
    store();
    cli.server.onPlainAnswer =
        (request, answer) ->
            Response.newBuilder()
                .setRestore(RestoreResponse.newBuilder().setStatus(RestoreResponse.Status.ERROR))
                .build()
                .toByteArray();
    assertEquals(1, cli.client("restore", "--pin", "1234"));
    assertEquals("", cli.out);
  }

  @Test
  void code1ProtocolViolationAndNotUnwrappable() {
    store();
    assertEquals(1, cli.client("restore", "--pin", "1234", "--master-key"));
    assertTrue(cli.err.contains("not a master key"), cli.err);
    cli.server.onHandshake = item -> new byte[3];
    assertEquals(1, cli.client("restore", "--pin", "1234"));
    cli.server.onHandshake =
        item -> {
          throw FakeServer.failure(Code.INVALID_ARGUMENT, "no");
        };
    assertEquals(1, cli.client("tries"));
  }

  @Test
  void code2Usage() throws Exception {
    assertEquals(2, cli.bare());
    assertEquals(2, cli.bare("restore"));
    assertEquals(2, cli.bare("restore", "--target=h:1", "--pin=1"), "neither pins nor simulated");
    assertEquals(2, cli.bare("tries", "--target=h:1", "--allow-simulated"), "no user");
    String[] user = {"tries", "--target=h:1", "--allow-simulated", "--user=" + CliFixture.USER};
    assertEquals(2, cli.bare(user), "no credentials");
    assertTrue(cli.err.contains("AUTH_SECRET"), cli.err);
    cli.environment.put("AUTH_SECRET", "~not base64~");
    assertEquals(2, cli.bare(user));
    assertFalse(cli.err.contains("~not"), cli.err);
    assertEquals(2, cli.client("tries", "--user", "ff".repeat(16)), "two users");
    assertEquals(2, cli.client("restore", "--pin", " "), "empty PIN");
    assertEquals(2, cli.client("backup", "--pin=1"), "no data");
    assertEquals(2, cli.client("backup", "--pin=1", "--data", DATA, "--master-key", DATA));
    for (String bad : new String[] {"", "xx", "00", "00".repeat(49), "@/nowhere"}) {
      assertEquals(2, cli.client("backup", "--pin=1", "--data=" + bad), bad);
    }
    assertEquals(2, cli.client("backup", "--pin=1", "--master-key", DATA), "16 bytes");
    for (String tries : new String[] {"0", "256", "-1", "x"}) {
      assertEquals(2, cli.client("backup", "--pin=1", "--data", DATA, "--tries=" + tries));
    }
    for (String target : new String[] {"h", "h:", "h:0", "h:65536", "h:999999", "a b:1", ":1"}) {
      assertEquals(2, cli.client("tries", "--target=" + target), target);
    }
    Path bad = Files.writeString(folder.resolve("bad.json"), "{}");
    assertEquals(2, cli.client("tries", "--pins", bad.toString()));
    assertTrue(cli.err.contains("measurement is missing"), cli.err);
    assertEquals(2, cli.client("tries", "--pins", folder.resolve("none").toString()));
    assertEquals(0, cli.server.sessions.get());
  }

  @Test
  void code3WrongPin() {
    store();
    assertEquals(3, cli.client("restore", "--pin", "0000"));
    assertTrue(cli.err.contains("1 try left"), cli.err);
    assertEquals("", cli.out);
  }

  @Test
  void code4NothingThere() {
    assertEquals(4, cli.client("tries"));
    assertEquals(4, cli.client("restore", "--pin", "1"));
    store();
    cli.server.exposed = false;
    assertEquals(4, cli.client("restore", "--pin", "1234"));
    assertTrue(cli.err.contains("never exposed"), cli.err);
    ok(cli.client("tries"));
    assertTrue(cli.err.contains("not exposed"), cli.err);
    cli.server.exposed = true;
    assertEquals(3, cli.client("restore", "--pin", "x"));
    assertEquals(4, cli.client("restore", "--pin", "x"));
  }

  @Test
  void code5NotApplied() {
    cli.server.onStart =
        item -> {
          throw FakeServer.failure(Code.RESOURCE_EXHAUSTED, "no");
        };
    assertEquals(5, cli.client("restore", "--pin", "1"));
    assertEquals(5, cli.client("delete"));
    assertEquals(5, cli.client("tries"));
    assertEquals(5, cli.client("backup", "--pin", "1", "--data", DATA));
    assertTrue(cli.err.contains("not applied, safe to retry"), cli.err);
  }

  @Test
  void code6Unknown() {
    cli.server.onAnswer =
        item -> {
          throw FakeServer.failure(Code.INTERNAL, "unknown");
        };
    assertEquals(6, cli.client("restore", "--pin", "1"));
    assertEquals(6, cli.client("delete"));
    assertEquals(6, cli.client("backup", "--pin", "1", "--data", DATA));
    cli.timeout = Duration.ofMillis(100);
    cli.server.onAnswer = item -> null;
    assertEquals(6, cli.client("restore", "--pin", "1"));
    assertTrue(cli.err.contains("no answer within 100 ms"), cli.err);
  }

  @Test
  void code6AnUnansweredExpose() {
    cli.server.onAnswer =
        item -> {
          if (cli.server.requests.stream().anyMatch(request -> request.hasExpose())) {
            throw FakeServer.failure(Code.UNAVAILABLE, "no");
          }
          return item;
        };
    assertEquals(6, cli.client("backup", "--json", "--pin", "1", "--data", DATA));
    assertEquals("expose-unknown", cli.json().get("result").getAsString());
    assertEquals(1, cli.server.requests.stream().filter(r -> r.hasBackup()).count());
  }

  @Test
  void code7Refused() throws Exception {
    String pins = cli.pins(folder).toString();
    ok(cli.client("delete", "--pins", pins));
    assertFalse(cli.err.contains("nothing is pinned"), cli.err);
    cli.server.evidence.measurement[3] ^= 1;
    assertEquals(7, cli.client("delete", "--pins", pins));
    assertTrue(cli.err.contains("measurement differs from the pins"), cli.err);
    assertEquals(7, cli.client("backup", "--json", "--pins", pins, "--pin=1", "--data", DATA));
    assertEquals("MEASUREMENT", cli.json().get("reason").getAsString());
    assertEquals(
        7,
        cli.bare("tries", "--target=h:1", "--pins", pins, "--credentials", CliFixture.CREDENTIALS),
        "simulated evidence without --allow-simulated");
  }

  @Test
  void code7AnotherHandshake() throws Exception {
    String pins = cli.pins(folder).toString();
    cli.server.handshake = Handshake.NK;
    for (String[] more : new String[][] {{"--pins", pins}, {}, {"--handshake", "NKhfs"}}) {
      List<String> arguments = new ArrayList<>(List.of("--json"));
      arguments.addAll(List.of(more));
      assertEquals(7, cli.client("tries", arguments.toArray(new String[0])));
      assertEquals("HANDSHAKE_NOT_OFFERED", cli.json().get("reason").getAsString());
      assertTrue(cli.json().get("text").getAsString().contains("client_pq"), cli.out);
    }
    assertEquals(4, cli.client("tries", "--handshake", "NK"), cli.err);
    assertEquals(2, cli.client("tries", "--handshake", "XX"));
    assertEquals(2, cli.client("tries", "--pins", pins, "--handshake", "NK"));
    assertTrue(cli.err.contains("differs from the pins"), cli.err);
  }

  @Test
  void code8CredentialsRefused() {
    cli.server.credentialsRefusal = FakeServer.failure(Code.UNAUTHENTICATED, "no");
    assertEquals(8, cli.client("tries"));
    assertEquals(8, cli.client("restore", "--pin", "1"));
    assertEquals(8, cli.client("backup", "--pin", "1", "--data", DATA));
  }

  @Test
  void code9ExposeRefused() {
    cli.server.onAnswer =
        item -> {
          cli.server.data = new byte[16];
          return item;
        };
    assertEquals(9, cli.client("backup", "--pin", "1", "--data", DATA));
  }

  @Test
  void jsonIsOneObjectOnStandardOutput() {
    ok(cli.client("backup", "--json", "--data", DATA, "--pin", "1234", "--tries", "2"));
    assertEquals("stored", cli.json().get("result").getAsString());
    ok(cli.client("restore", "--json", "--pin", "1234"));
    assertEquals(DATA, cli.json().get("data").getAsString());
    assertEquals(2, cli.json().get("tries").getAsInt());
    ok(cli.client("tries", "--json"));
    assertTrue(cli.json().get("exposed").getAsBoolean());
    assertEquals(3, cli.client("restore", "--json", "--pin", "x"));
    assertEquals("wrong-pin", cli.json().get("result").getAsString());
    assertEquals(3, cli.json().get("exit_code").getAsInt());
    assertEquals(4, cli.client("restore", "--json", "--pin", "x"));
    assertEquals("GONE_OR_NEVER_STORED", cli.json().get("why").getAsString());
    ok(cli.client("delete", "--json"));
    assertEquals("deleted", cli.json().get("result").getAsString());
    assertEquals(2, cli.client("restore", "--json", "--pin", " "));
    assertEquals("usage", cli.json().get("result").getAsString());
  }

  @Test
  void masterKeysAreWrapped() {
    String key = "a1".repeat(16) + "b2".repeat(16);
    ok(cli.client("backup", "--master-key", key, "--pin", "1234"));
    assertEquals(48, cli.server.data.length);
    assertEquals(10, cli.server.tries);
    ok(cli.client("restore", "--master-key", "--pin", " ١٢٣٤ "));
    assertEquals(key + System.lineSeparator(), cli.out);
  }

  @Test
  void filesAndStandardInputAreRawBytes() throws Exception {
    byte[] raw = HexFormat.of().parseHex(DATA);
    Path file = Files.write(folder.resolve("data"), raw);
    ok(cli.client("backup", "--data", "@" + file, "--pin", "1"));
    assertArrayEquals(raw, cli.server.data);
    cli.server.data = null;
    cli.input = raw;
    ok(cli.client("backup", "--data", "-", "--pin", "1"));
    assertArrayEquals(raw, cli.server.data);
    assertEquals(2, cli.client("backup", "--data", "-"), "no PIN left to read");
    cli.input = new byte[49];
    assertEquals(2, cli.client("backup", "--data", "-", "--pin", "1"));
  }

  @Test
  void guessableDataIsWarnedOf() {
    String[] guessable = {
      "00".repeat(16),
      HexFormat.of().formatHex(CliFixture.utf8("correct horse battery")),
      "0102".repeat(10),
      "000102030405060708090a0b0c0d0e0f"
    };
    for (String data : guessable) {
      ok(cli.client("backup", "--data", data, "--pin", "1"));
      assertTrue(cli.err.contains("guessable"), data);
    }
  }

  @Test
  void thePinIsAskedForWithoutEcho() {
    cli.hasConsole = true;
    cli.console.add("1234");
    cli.console.add("1234");
    ok(cli.client("backup", "--data", DATA));
    cli.console.add("1234");
    ok(cli.client("restore"));
    cli.console.add("1234");
    cli.console.add("1235");
    assertEquals(2, cli.client("backup", "--data", DATA), "two different PINs");
    assertEquals(2, cli.client("restore"), "end of input");
  }

  @Test
  void thePinIsALineOfStandardInputWithoutAConsole() {
    store();
    cli.input = CliFixture.utf8("1234\nmore");
    ok(cli.client("restore"));
    cli.input = new byte[] {(byte) 0xff, '\n'};
    assertEquals(2, cli.client("restore"));
    cli.input = new byte[5000];
    assertEquals(2, cli.client("restore"));
  }

  @Test
  void credentialsAreMadeWithTheSecretAndTheFileWins() throws Exception {
    String upper = "--user=000102030405060708090A0B0C0D0E0F";
    cli.environment.put("AUTH_SECRET", "c2VjcmV0");
    String[] bare = {"tries", "--target=h:1", "--allow-simulated", upper};
    assertEquals(4, cli.bare(bare), cli.err);
    String expected =
        Credentials.make("c2VjcmV0", CliFixture.USER, CliFixture.CLOCK).authorization();
    assertEquals(expected, cli.server.authorization);
    cli.environment.put("AUTH_SECRET", "b3RoZXI=");
    Path file = Files.writeString(folder.resolve("auth-secret"), "c2VjcmV0\n");
    String[] withFile = {
      "tries", "--target=h:1", "--allow-simulated", upper, "--auth-secret-file=" + file
    };
    assertEquals(4, cli.bare(withFile), cli.err);
    assertEquals(expected, cli.server.authorization);
  }
}
