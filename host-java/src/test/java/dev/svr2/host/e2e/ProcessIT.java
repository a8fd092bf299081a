// SPDX-License-Identifier: Apache-2.0
//
// The launcher and its commands as processes, as a person uses them: what `make run` prints is run
// as it stands, and exit codes and streams are what cli.md says. Runs after packaging, since the
// launcher starts what was packaged.
package dev.svr2.host.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProcessIT {
  private static final Path ROOT = Path.of(System.getProperty("svr2.root"));
  private static final Duration START_LIMIT = Duration.ofSeconds(90);

  @TempDir Path folder;
  private Process host;

  private record Result(int exit, String out, String err) {}

  @BeforeEach
  void startWhatMakeRunStarts() throws IOException {
    host = start(folder.resolve("host"), "run", "--dir", runDir().toString());
    Awaitility.await().atMost(START_LIMIT).until(() -> !host.isAlive() || !readyLines().isEmpty());
    assertTrue(host.isAlive(), () -> read("host.err"));
  }

  @AfterEach
  void stop() throws InterruptedException {
    host.destroyForcibly();
    host.waitFor();
  }

  private Path runDir() {
    return folder.resolve("run");
  }

  private String read(String name) {
    try {
      return Files.readString(folder.resolve(name));
    } catch (IOException e) {
      return "";
    }
  }

  private List<String> readyLines() {
    return read("host.out").lines().filter(line -> line.startsWith("READY")).toList();
  }

  private String address(String plane) {
    return Stream.of(readyLines().get(0).split(" "))
        .filter(word -> word.startsWith(plane + "="))
        .findFirst()
        .orElseThrow()
        .substring(plane.length() + 1);
  }

  /** Starts the launcher; its output goes to files named like {@code files}. */
  private static Process start(Path files, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of(ROOT.resolve("svr2").toString()));
    command.addAll(List.of(arguments));
    return start(files, command);
  }

  private static Process start(Path files, List<String> command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.directory(ROOT.toFile());
    builder.environment().remove("AUTH_SECRET");
    builder.environment().put("SVR2_JAVA", ProcessHandle.current().info().command().orElseThrow());
    builder.redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
    builder.redirectOutput(Path.of(files + ".out").toFile());
    builder.redirectError(Path.of(files + ".err").toFile());
    return builder.start();
  }

  private Result finish(Process process, Path files) throws Exception {
    assertTrue(process.waitFor(START_LIMIT.toSeconds(), TimeUnit.SECONDS), "does not end");
    return new Result(
        process.exitValue(),
        Files.readString(Path.of(files + ".out")),
        Files.readString(Path.of(files + ".err")));
  }

  private Result run(String... arguments) throws Exception {
    Path files = Files.createTempDirectory(folder, "command").resolve("io");
    return finish(start(files, arguments), files);
  }

  private Result shell(String line) throws Exception {
    Path files = Files.createTempDirectory(folder, "command").resolve("io");
    return finish(start(files, List.of("bash", "-c", line)), files);
  }

  private Result client(String... arguments) throws Exception {
    List<String> all = new ArrayList<>(List.of("client"));
    all.addAll(List.of(arguments));
    all.addAll(
        List.of(
            "--target",
            address("client"),
            "--user",
            "00112233445566778899AABBCCDDEEFF",
            "--pins",
            runDir().resolve("pins.json").toString(),
            "--auth-secret-file",
            runDir().resolve("auth-secret").toString(),
            "--allow-simulated"));
    return run(all.toArray(String[]::new));
  }

  @Test
  void thePrintedCommandsWorkAsTheyStand() throws Exception {
    assertEquals(1, readyLines().size());
    assertTrue(readyLines().get(0).endsWith("NOT PROTECTED"), readyLines().get(0));
    List<String> commands =
        read("host.out").lines().filter(line -> line.startsWith("./svr2 ")).toList();
    assertTrue(commands.size() >= 7, () -> read("host.out"));
    for (String command : commands) {
      Result result = shell(command);
      int expected = command.contains("--pin 9999") ? 3 : 0;
      assertEquals(expected, result.exit(), () -> command + "\n" + result.err());
    }
    assertEquals(1, readyLines().size());
  }

  /** Every command of the README's tour, with its exit code and what it says it prints. */
  @Test
  void theTourOfTheReadmeIsWhatHappens() throws Exception {
    Map<String, String> places =
        Map.of(
            "127.0.0.1:37611", address("client"),
            "127.0.0.1:46613", address("control"),
            ".run/", runDir() + "/");
    List<ReadmeTour.Step> steps = ReadmeTour.read(ROOT.resolve("README.md"), places);
    assertTrue(steps.size() >= 5, () -> steps.size() + " commands in the tour");
    for (ReadmeTour.Step step : steps) {
      Result result = shell(step.command());
      step.check(result.exit(), result.out(), result.err());
    }
  }

  @Test
  void theGuessCountHoldsThroughTheCommandLine() throws Exception {
    String secret = "c0ffee5d7e9fa0b2c4d6e8f00112a3b4";
    Result stored = client("backup", "--data", secret, "--tries", "2", "--pin", " 48٢1 ");
    assertEquals(0, stored.exit(), stored.err());
    Result restored = client("restore", "--pin", "4821");
    assertEquals(0, restored.exit(), restored.err());
    assertEquals(secret, restored.out().strip());
    Result wrong = client("restore", "--pin", "0000");
    assertEquals(3, wrong.exit());
    assertTrue(wrong.err().contains("1"), wrong.err());
    assertEquals("", wrong.out());
    assertEquals(4, client("restore", "--pin", "0001").exit());
    assertEquals(4, client("restore", "--pin", "4821").exit());
    String everything = read("host.out") + read("host.err");
    assertFalse(everything.contains(secret), "the host printed a client's secret");
    String authSecret = Files.readString(runDir().resolve("auth-secret")).strip();
    assertFalse(everything.contains(authSecret), "the host printed the secret of credentials");
  }

  @Test
  void refusalsHaveExitCodesOfTheirOwn() throws Exception {
    assertEquals(
        "rw-------",
        PosixFilePermissions.toString(
            Files.getPosixFilePermissions(runDir().resolve("auth-secret"))));
    String target = address("client");
    String user = "00112233445566778899aabbccddeeff";
    Result usage =
        run("client", "tries", "--target", target, "--user", user, "--credentials", user + ":1:ab");
    assertEquals(2, usage.exit(), usage.err());
    Result badCredentials =
        run(
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
    String text = Files.readString(runDir().resolve("pins.json"));
    Files.writeString(
        pins, text.replaceFirst("\"attestation_timeout\": \\d+", "\"attestation_timeout\": 5"));
    Result otherPins =
        run(
            "pin-block",
            "--control",
            address("control"),
            "--pins",
            pins.toString(),
            "--allow-simulated");
    assertEquals(7, otherPins.exit(), otherPins.err());
    assertTrue(otherPins.err().contains("attestation_timeout"), otherPins.err());
  }

  @Test
  void endsCleanlyOnATermSignalAndStartsAgain() throws Exception {
    String clientTarget = address("client");
    host.destroy();
    assertTrue(host.waitFor(START_LIMIT.toSeconds(), TimeUnit.SECONDS));
    assertEquals(0, host.exitValue(), () -> read("host.err"));
    assertTrue(read("host.err").contains("secrets are gone"), read("host.err"));
    Result unreachable =
        run(
            "client",
            "tries",
            "--target",
            clientTarget,
            "--user",
            "00112233445566778899aabbccddeeff",
            "--pins",
            runDir().resolve("pins.json").toString(),
            "--auth-secret-file",
            runDir().resolve("auth-secret").toString(),
            "--allow-simulated");
    assertEquals(5, unreachable.exit(), unreachable.err());
    startWhatMakeRunStarts();
    assertEquals(4, client("tries").exit());
  }

  @Test
  void aTypoInTheConfigurationIsNamedWithItsLineAndTheNearestKey() throws Exception {
    Path config = folder.resolve("typo.yaml");
    Files.writeString(
        config,
        Files.readString(runDir().resolve("host.yaml")).replace("super_majority", "super_majorty"));
    Result result = run("host", "--config", config.toString());
    assertEquals(2, result.exit());
    assertTrue(result.err().contains("super_majorty"), result.err());
    assertTrue(result.err().contains("super_majority"), result.err());
    assertTrue(result.err().matches("(?s).*typo\\.yaml:\\d+.*"), result.err());
    assertEquals("", result.out());
  }

  @Test
  void anAlteredImageIsRefusedByEveryCommandThatReadsIt() throws Exception {
    byte[] image = Files.readAllBytes(ROOT.resolve("build/enclave.signed.local"));
    image[image.length / 3] ^= 4;
    Path altered = folder.resolve("altered.signed.local");
    Files.write(altered, image);
    Result verify = run("image", "verify", altered.toString());
    assertEquals(1, verify.exit());
    assertTrue(verify.err().contains("altered.signed.local"), verify.err());
    Result run =
        run("run", "--dir", folder.resolve("run2").toString(), "--image", altered.toString());
    assertEquals(1, run.exit());
    assertTrue(run.err().contains("altered.signed.local"), run.err());
    assertEquals("", run.out());
    Result good = run("image", "verify", ROOT.resolve("build/enclave.signed.local").toString());
    assertEquals(0, good.exit(), good.err());
  }
}
