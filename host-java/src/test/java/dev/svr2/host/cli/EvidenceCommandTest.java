// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonParser;
import dev.svr2.client.testing.EvidenceBuilder;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvidenceCommandTest {
  @TempDir Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(String... arguments) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    return Main.commandLine()
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(arguments);
  }

  private Path file(String name, byte[] content) throws Exception {
    return Files.write(folder.resolve(name), content);
  }

  private static Path vectors() {
    String given = System.getenv("SVR2_VECTORS");
    Path folder =
        given != null
            ? Path.of(given)
            : Path.of(System.getProperty("svr2.root")).resolve("../shared/vectors");
    Assumptions.assumeTrue(Files.exists(folder), "no vectors: " + folder + " is not there");
    return folder.resolve("sgx");
  }

  @Test
  void simulatedEvidenceIsReadAndProvesNothing() throws Exception {
    Path evidence = file("evidence", new EvidenceBuilder(new byte[32]).evidence());
    assertEquals(0, run("evidence", "inspect", evidence.toString(), "--json"), err::toString);
    var fields = JsonParser.parseString(out.toString()).getAsJsonObject();
    assertEquals("0123456789abcdef", fields.get("group_id").getAsString());
    assertEquals(false, fields.get("protected").getAsBoolean());
    assertTrue(err.toString().contains("NOT PROTECTED"), err::toString);
    // The same out of a session's first item.
    Path start = file("start", new EvidenceBuilder(new byte[32]).handshakeStart());
    assertEquals(0, run("evidence", "inspect", start.toString()));
    assertTrue(
        out.toString().contains("group_id                     0123456789abcdef"), out::toString);
    assertEquals(
        2, run("evidence", "inspect", start.toString(), "--endorsements", evidence.toString()));
  }

  @Test
  void realEvidenceIsVerifiedAtItsTime() throws Exception {
    Path vectors = vectors();
    String start = vectors.resolve("svr2.handshakestart").toString();
    Instant time =
        Instant.ofEpochSecond(
            ByteBuffer.wrap(Files.readAllBytes(vectors.resolve("svr2.timestamp"))).getLong());
    assertEquals(0, run("evidence", "inspect", start, "--time", time.toString()), err::toString);
    assertTrue(out.toString().contains("SWHardeningNeeded"), out::toString);
    assertTrue(err.toString().isEmpty(), err::toString);
    assertEquals(7, run("evidence", "inspect", start, "--time", "2020-01-01T00:00:00Z"));
    assertTrue(err.toString().contains("refused (NOT_YET_VALID): "), err::toString);
    // Of another enclave: a quote that verifies, with other claims than ours.
    assertEquals(
        7,
        run(
            "evidence",
            "inspect",
            vectors.resolve("dcap.evidence").toString(),
            "--endorsements",
            vectors.resolve("dcap.endorsements").toString(),
            "--time",
            "2023-01-25T00:00:00Z"));
    assertTrue(err.toString().contains("refused (MALFORMED_CLAIMS): "), err::toString);
  }

  @Test
  void whatIsNoEvidenceIsSaid() throws Exception {
    assertEquals(2, run("evidence", "inspect", folder.resolve("none").toString()));
    assertTrue(err.toString().contains("cannot read "), err::toString);
    Path noise = file("noise", new byte[100]);
    assertEquals(2, run("evidence", "inspect", noise.toString()));
    assertTrue(err.toString().contains("neither evidence nor"), err::toString);
    assertEquals(2, run("evidence", "inspect", noise.toString(), "--time", "noon"));
    assertEquals(2, run("evidence"));
    Path cut = file("cut", new byte[] {3, 0, 2, 0});
    assertEquals(7, run("evidence", "inspect", cut.toString()));
    assertTrue(err.toString().contains("refused (MALFORMED_EVIDENCE): "), err::toString);
  }
}
