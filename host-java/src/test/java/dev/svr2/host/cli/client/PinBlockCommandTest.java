// SPDX-License-Identifier: Apache-2.0
//
// pin-block: pins only from verified evidence, compared when asked for (cli.md).
package dev.svr2.host.cli.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.Code;
import dev.svr2.client.Handshake;
import dev.svr2.client.Pins;
import dev.svr2.client.testing.FakeServer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PinBlockCommandTest {
  private final CliFixture cli = new CliFixture();
  @TempDir Path folder;

  @AfterEach
  void close() {
    cli.close();
  }

  @Test
  void pinsFromEitherPlane() throws Exception {
    assertEquals(0, cli.pinBlock("--control=h:1", "--allow-simulated"), cli.err);
    Pins pins = Pins.parse(cli.out);
    assertEquals("0123456789abcdef", pins.group().groupIdHex());
    assertTrue(cli.err.contains("NOT PROTECTED"), cli.err);
    String control = cli.out;
    assertEquals(
        0,
        cli.pinBlock(
            "--target=h:1", "--allow-simulated", "--credentials=" + CliFixture.CREDENTIALS));
    assertEquals(control, cli.out);
  }

  @Test
  void comparedWithGivenPins() throws Exception {
    String pins = "--pins=" + cli.pins(folder);
    assertEquals(0, cli.pinBlock("--control=h:1", "--allow-simulated", pins), cli.err);
    cli.server.evidence.measurement[0] ^= 1;
    assertEquals(7, cli.pinBlock("--control=h:1", "--allow-simulated", pins));
    assertTrue(cli.err.contains("measurement differs"), cli.err);
    assertEquals("", cli.out);
    assertEquals(7, cli.pinBlock("--control=h:1", "--allow-simulated", "--json", pins));
    assertEquals("MEASUREMENT", cli.json().get("reason").getAsString());
  }

  @Test
  void theHandshakeIsTheReplicasWhicheverWayItIsAsked() throws Exception {
    String nkhfs = "--pins=" + cli.pins(folder);
    String[] ways = {"--control=h:1", "--target=h:1"};
    for (String way : ways) {
      cli.server.handshake = Handshake.NKHFS;
      assertEquals(0, pinBlock(way, nkhfs), cli.err);
      assertEquals(Handshake.NKHFS, Pins.parse(cli.out).handshake());
      assertEquals(7, pinBlock(way, "--handshake=NK"));
      assertTrue(cli.err.contains("client_pq"), cli.err);
      assertEquals("", cli.out);
      cli.server.handshake = Handshake.NK;
      assertEquals(0, pinBlock(way, "--handshake=NK"), cli.err);
      assertEquals(Handshake.NK, Pins.parse(cli.out).handshake());
      assertEquals(7, pinBlock(way, nkhfs));
      assertTrue(cli.err.contains("client_pq"), cli.err);
      assertEquals(2, pinBlock(way, nkhfs, "--handshake=NK"), "they differ");
    }
    // The replica says which one over the control plane; a session is tried with one or the other.
    assertEquals(0, pinBlock("--control=h:1"), cli.err);
    assertEquals(Handshake.NK, Pins.parse(cli.out).handshake());
    assertEquals(7, pinBlock("--target=h:1"));
    assertTrue(cli.err.contains("--handshake"), cli.err);
  }

  private int pinBlock(String... arguments) {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.add("--allow-simulated");
    all.add("--credentials=" + CliFixture.CREDENTIALS);
    return cli.pinBlock(all.toArray(new String[0]));
  }

  @Test
  void evidenceThatDoesNotVerifyGivesNoPins() {
    assertEquals(7, cli.pinBlock("--control=h:1"), "simulated, not allowed");
    cli.server.evidence.attributes = 2;
    assertEquals(7, cli.pinBlock("--control=h:1", "--allow-simulated"));
    assertTrue(cli.err.contains("debug"), cli.err);
    cli.server.evidence.attributes = 0;
    cli.server.evidence.magic = "SGXQUOTE";
    assertEquals(7, cli.pinBlock("--control=h:1", "--allow-simulated"));
    assertEquals("", cli.out);
  }

  @Test
  void failuresOfEitherPlane() {
    cli.evidenceFailure = FakeServer.failure(Code.UNAVAILABLE, null);
    assertEquals(5, cli.pinBlock("--control=h:1", "--allow-simulated"));
    cli.evidenceFailure = FakeServer.failure(Code.PERMISSION_DENIED, null);
    assertEquals(8, cli.pinBlock("--control=h:1", "--allow-simulated"));
    cli.evidenceFailure = FakeServer.failure(Code.FAILED_PRECONDITION, null);
    assertEquals(1, cli.pinBlock("--control=h:1", "--allow-simulated"));
    cli.server.credentialsRefusal = FakeServer.failure(Code.UNAUTHENTICATED, "no");
    String credentials = "--credentials=" + CliFixture.CREDENTIALS;
    assertEquals(8, cli.pinBlock("--target=h:1", "--allow-simulated", credentials));
  }

  @Test
  void usage() {
    assertEquals(2, cli.pinBlock());
    assertEquals(2, cli.pinBlock("--control=h:1", "--target=h:1"));
    assertEquals(2, cli.pinBlock("--control=h"));
    assertEquals(2, cli.pinBlock("--target=h:1", "--allow-simulated"), "no credentials");
    assertEquals(2, cli.pinBlock("--control=h:1", "--pins=" + folder.resolve("none")));
  }
}
