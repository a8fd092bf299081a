// SPDX-License-Identifier: Apache-2.0
//
// The launcher and its commands as processes, as a person uses them: what `make run` prints is run
// as it stands, and exit codes and streams are what cli.md says. Runs after packaging, since the
// launcher starts what was packaged.
package dev.svr2.host.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.enclave.Platform;
import dev.svr2.enclave.SignedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One group for all tests; none of them ends a replica. */
class ProcessIT {
  @TempDir private static Path folder;
  private static Launcher launcher;

  @BeforeAll
  static void startWhatMakeRunStarts() throws IOException {
    launcher = new Launcher(folder);
    launcher.startCluster();
  }

  @AfterAll
  static void stop() {
    launcher.close();
  }

  @Test
  void thePrintedCommandsWorkAsTheyStand() throws Exception {
    assertEquals(1, launcher.readyLines().size());
    String ready = launcher.readyLines().get(0);
    assertTrue(
        ready.matches(
            "READY client=127\\.0\\.0\\.1:\\d+ control=127\\.0\\.0\\.1:\\d+"
                + " replicas=(127\\.0\\.0\\.1:\\d+,){2}127\\.0\\.0\\.1:\\d+ NOT PROTECTED"),
        ready);
    assertEquals(launcher.ready("client"), launcher.replica(1));
    List<String> commands =
        launcher.clusterOut().lines().filter(line -> line.startsWith("./svr2 ")).toList();
    assertTrue(commands.size() >= 7, launcher.clusterOut());
    for (String command : commands) {
      Launcher.Result result = launcher.shell(command);
      int expected = command.contains("--pin 9999") ? 3 : 0;
      assertEquals(expected, result.exit(), () -> command + "\n" + result.err());
    }
    assertEquals(1, launcher.readyLines().size());
  }

  @Test
  void theGuessCountHoldsThroughTheCommandLineAndAnyReplica() throws Exception {
    String secret = "c0ffee5d7e9fa0b2c4d6e8f00112a3b4";
    Launcher.Result stored =
        launcher.client(1, "backup", "--data", secret, "--tries", "2", "--pin", " 48٢1 ");
    assertEquals(0, stored.exit(), stored.err());
    Launcher.Result restored = launcher.client(2, "restore", "--pin", "4821");
    assertEquals(0, restored.exit(), restored.err());
    assertEquals(secret, restored.out().strip());
    Launcher.Result wrong = launcher.client(3, "restore", "--pin", "0000");
    assertEquals(3, wrong.exit());
    assertTrue(wrong.err().contains("1"), wrong.err());
    assertEquals("", wrong.out());
    assertEquals(4, launcher.client(1, "restore", "--pin", "0001").exit());
    assertEquals(4, launcher.client(2, "restore", "--pin", "4821").exit());
    String authSecret = Files.readString(launcher.runDir().resolve("auth-secret")).strip();
    String everything = launcher.clusterOut() + launcher.clusterErr();
    for (int replica = 1; replica <= 3; replica++) {
      everything += launcher.replicaLog(replica);
    }
    assertFalse(everything.contains(secret), "a host printed a client's secret");
    assertFalse(everything.contains(authSecret), "a host printed the secret of credentials");
  }

  @Test
  void refusalsHaveExitCodesOfTheirOwn() throws Exception {
    assertEquals(
        "rw-------",
        PosixFilePermissions.toString(
            Files.getPosixFilePermissions(launcher.runDir().resolve("auth-secret"))));
    String target = launcher.ready("client");
    String user = "00112233445566778899aabbccddeeff";
    Launcher.Result usage =
        launcher.run(
            "client", "tries", "--target", target, "--user", user, "--credentials", user + ":1:ab");
    assertEquals(2, usage.exit(), usage.err());
    Launcher.Result badCredentials =
        launcher.run(
            "client",
            "tries",
            "--target",
            target,
            "--user",
            user,
            "--credentials",
            user + ":1:00112233445566778899",
            "--allow-simulated");
    assertEquals(8, badCredentials.exit(), badCredentials.err());
    Path pins = folder.resolve("other-pins.json");
    String text = Files.readString(launcher.runDir().resolve("pins.json"));
    Files.writeString(
        pins, text.replaceFirst("\"attestation_timeout\": \\d+", "\"attestation_timeout\": 5"));
    Launcher.Result otherPins =
        launcher.run(
            "pin-block",
            "--control",
            launcher.ready("control"),
            "--pins",
            pins.toString(),
            "--allow-simulated");
    assertEquals(7, otherPins.exit(), otherPins.err());
    assertTrue(otherPins.err().contains("attestation_timeout"), otherPins.err());
  }

  @Test
  void aSecondGroupInTheSameFolderIsRefused() throws Exception {
    Launcher.Result second =
        launcher.run("cluster", "--replicas", "3", "--dir", launcher.runDir().toString());
    assertEquals(1, second.exit());
    assertTrue(second.err().contains("another group runs in"), second.err());
    assertEquals("", second.out());
  }

  @Test
  void aTypoInTheConfigurationIsNamedWithItsLineAndTheNearestKey() throws Exception {
    Path config = folder.resolve("typo.yaml");
    Files.writeString(
        config,
        Files.readString(launcher.runDir().resolve("replica-1.yaml"))
            .replace("super_majority", "super_majorty"));
    Launcher.Result result = launcher.run("host", "--config", config.toString());
    assertEquals(2, result.exit());
    assertTrue(result.err().contains("super_majorty"), result.err());
    assertTrue(result.err().contains("super_majority"), result.err());
    assertTrue(result.err().matches("(?s).*typo\\.yaml:\\d+.*"), result.err());
    assertEquals("", result.out());
  }

  @Test
  void anAlteredImageIsRefusedByEveryCommandThatReadsIt() throws Exception {
    byte[] image = Files.readAllBytes(Launcher.ROOT.resolve("build/enclave.signed.local"));
    image[image.length / 3] ^= 4;
    Path altered = folder.resolve("altered.signed.local");
    Files.write(altered, image);
    Launcher.Result verify = launcher.run("image", "verify", altered.toString());
    assertEquals(1, verify.exit());
    assertTrue(verify.err().contains("altered.signed.local"), verify.err());
    Launcher.Result run =
        launcher.run(
            "cluster",
            "--replicas",
            "3",
            "--dir",
            folder.resolve("run2").toString(),
            "--image",
            altered.toString());
    assertEquals(1, run.exit());
    assertTrue(run.err().contains("error: "), run.err());
    assertTrue(run.err().contains("altered.signed.local"), run.err());
    assertEquals("", run.out());
    Launcher.Result good =
        launcher.run(
            "image", "verify", Launcher.ROOT.resolve("build/enclave.signed.local").toString());
    assertEquals(0, good.exit(), good.err());
  }

  /** An HSM's part is openssl's; the rest is what the page says. */
  @Test
  void theStepsOfSigningForProductionWorkAsTheyStandInTheDocs() throws Exception {
    TestPlatforms.require(Platform.OE_SIMULATION);
    Path image = TestPlatforms.image(Platform.OE_SIMULATION);
    String page = Files.readString(Launcher.ROOT.resolve("docs/deploy-sgx.md"));
    int start = page.indexOf("```", page.indexOf("Digest out, signature in")) + 3;
    String steps = page.substring(start, page.indexOf("```", start));
    assertTrue(steps.contains(" digest ") && steps.contains(" attach "), steps);
    String measurement = HexFormat.of().formatHex(SignedImage.inspect(image).measurement());
    Launcher.Result result =
        launcher.shell(
            """
            set -eu
            cd '%s' && mkdir build && cp '%s' build/enclave.signed && ln -s '%s' svr2
            openssl genrsa -3 -out KEY 3072 && openssl rsa -in KEY -pubout -out PUBLIC.pem
            IMAGE_TOOL='%s/jni/target/native/g++/svr2-image'
            """
                    .formatted(
                        Files.createTempDirectory(folder, "signing"),
                        image,
                        Launcher.ROOT.resolve("svr2"),
                        Launcher.ROOT)
                + steps.replace("HEX64", measurement));
    assertEquals(0, result.exit(), () -> result.out() + result.err());
    assertTrue(result.out().contains("verified " + measurement), result.out());
  }
}
