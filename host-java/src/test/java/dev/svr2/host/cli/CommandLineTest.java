// SPDX-License-Identifier: Apache-2.0
//
// The command line in process: exit codes of cli.md, what goes to which stream, --json, help for
// every command.
package dev.svr2.host.cli;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.svr2.enclave.EnclaveException;
import dev.svr2.host.FakeEnclave;
import dev.svr2.host.Host;
import dev.svr2.host.HostFixture;
import dev.svr2.host.auth.AuthSecrets;
import dev.svr2.host.auth.Authenticator;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class CommandLineTest {
  private static final String USER = "00112233445566778899AABBCCDDEEFF";

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @TempDir private Path directory;
  private Path secretFile;

  @BeforeEach
  void writeSecret() throws IOException {
    secretFile = directory.resolve("secret");
    Files.writeString(secretFile, HostFixture.SECRET);
    Files.setPosixFilePermissions(secretFile, PosixFilePermissions.fromString("rw-------"));
  }

  private int run(String... args) {
    CommandLine commandLine = Main.commandLine();
    commandLine.setOut(new PrintWriter(out, true));
    commandLine.setErr(new PrintWriter(err, true));
    return commandLine.execute(args);
  }

  private JsonObject json() {
    return JsonParser.parseString(out.toString()).getAsJsonObject();
  }

  @Test
  void everyCommandHasHelpWithADescription() {
    List<CommandLine> commands = new ArrayList<>(List.of(Main.commandLine()));
    for (int i = 0; i < commands.size(); i++) {
      CommandLine command = commands.get(i);
      commands.addAll(command.getSubcommands().values());
      String name = command.getCommandSpec().qualifiedName();
      assertTrue(command.getCommandSpec().usageMessage().description().length > 0, name);
      assertTrue(command.getCommandSpec().mixinStandardHelpOptions(), name);
      command
          .getCommandSpec()
          .options()
          .forEach(option -> assertTrue(option.description().length > 0, name + option));
    }
    assertTrue(commands.size() >= 18, () -> commands.size() + " commands");
    assertEquals(0, run("admin", "create-group", "--help"));
    assertTrue(out.toString().contains("Founds a group of one"), out.toString());
    assertEquals(0, run("--version"));
    assertTrue(out.toString().contains("svr2 "));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "nonsense",
        "host",
        "admin",
        "image",
        "client",
        "token --user",
        "admin status --x",
        "admin status --control nowhere",
        "admin log-level loud",
        "cluster",
        "cluster --replicas many",
        "cluster --replicas 1",
        "cluster --replicas 17",
        "cluster --replicas 3 --seed-rows -1",
        "cluster --replicas 3 --platform moon"
      })
  void usageErrorsEndWith2AndOneReason(String args) {
    assertEquals(2, run(args.isEmpty() ? new String[0] : args.split(" ")));
    assertEquals("", out.toString());
    assertFalse(err.toString().isBlank());
    assertFalse(err.toString().contains("\tat "), err.toString());
  }

  @Test
  void aTokenIsAcceptedByTheHostAndTheUserIsPutInLowerCase() {
    assertEquals(0, run("token", "--user", USER, "--auth-secret-file", secretFile.toString()));
    String token = out.toString().strip();
    assertTrue(token.startsWith("00112233445566778899aabbccddeeff:"), token);
    Authenticator authenticator =
        new Authenticator(
            AuthSecrets.parse(HostFixture.SECRET), Duration.ofDays(120), InstantSource.system());
    byte[] bytes = token.getBytes(StandardCharsets.UTF_8);
    String header = "Basic " + Base64.getEncoder().encodeToString(bytes);
    assertTrue(authenticator.authenticate(header).isPresent());
    assertEquals("", err.toString());
  }

  @Test
  void aTokenInJson() {
    assertEquals(
        0, run("token", "--json", "--user", USER, "--auth-secret-file", secretFile.toString()));
    assertEquals("00112233445566778899aabbccddeeff", json().get("user").getAsString());
    assertTrue(json().get("password").getAsString().matches("\\d+:[0-9a-f]{20}"));
  }

  @Test
  void badUsersAndSecretsOfATokenAreUsageErrors() throws IOException {
    assertEquals(2, run("token", "--user", "xyz", "--auth-secret-file", secretFile.toString()));
    assertEquals(2, run("token", "--user", USER, "--auth-secret-file", directory + "/none"));
    Files.writeString(secretFile, "not/base64!");
    assertEquals(2, run("token", "--user", USER, "--auth-secret-file", secretFile.toString()));
    assertFalse(err.toString().contains("not/base64!"), err.toString());
    assertEquals(3, err.toString().lines().count(), err.toString());
  }

  @Test
  void aBadConfigurationEndsWith2AndAllItsProblems() throws IOException {
    Path file = directory.resolve("host.yaml");
    Files.writeString(file, HostFixture.CONFIG + "tick_intervall_ms: 3\nclient.max_sessions: 0\n");
    assertEquals(2, run("host", "--config", file.toString()));
    String text = err.toString();
    assertTrue(
        text.contains(
            "host.yaml:14: unknown key 'tick_intervall_ms'; did you mean 'runtime.tick_interval_ms'?"),
        text);
    assertTrue(text.contains("host.yaml:15: client.max_sessions: 0 is outside"), text);
    assertEquals("", out.toString());
  }

  @Test
  void aMissingImageEndsWith1AndALine() {
    assertEquals(1, run("image", "verify", directory.resolve("none").toString()));
    assertEquals(1, err.toString().lines().count(), err.toString());
    assertTrue(err.toString().startsWith("error: "), err.toString());
    err.getBuffer().setLength(0);
    assertEquals(1, run("--debug", "image", "info", directory.resolve("none").toString()));
    assertTrue(err.toString().contains("\tat "), "--debug shows where");
  }

  @Test
  void adminCommandsAgainstARunningHost() throws Exception {
    FakeEnclave.Loader loader = new FakeEnclave.Loader();
    try (HostFixture fixture = HostFixture.start("", loader)) {
      String control = fixture.host.controlAddress().toString();
      assertEquals(0, run("admin", "status", "--control", control));
      assertTrue(out.toString().contains("NOT PROTECTED"), out.toString());
      assertTrue(out.toString().contains("belongs to no group"), out.toString());
      out.getBuffer().setLength(0);
      assertEquals(0, run("admin", "create-group", "--json", "--control", control));
      assertEquals("fedcba9876543210", json().get("group_id").getAsString());
      assertEquals(1, run("admin", "create-group", "--control", control));
      out.getBuffer().setLength(0);
      assertEquals(0, run("admin", "--control", control, "status", "--json"));
      assertTrue(json().get("ready").getAsBoolean());
      assertEquals("NOT PROTECTED", json().get("protection").getAsString());
      assertEquals(1, json().getAsJsonObject("replica").getAsJsonArray("members").size());
      out.getBuffer().setLength(0);
      assertEquals(0, run("admin", "metrics", "--control", control));
      assertTrue(out.toString().contains("svr2_unprotected 1.0"));
      assertEquals(0, run("admin", "log-level", "debug", "--control", control));
      assertEquals("LOG_LEVEL_DEBUG", loader.enclave.logLevel.name());
      out.getBuffer().setLength(0);
      assertEquals(0, run("admin", "evidence", "--control", control));
      assertEquals(2 * FakeEnclave.HANDSHAKE_START.size(), out.toString().strip().length());
    }
  }

  @Test
  void aFullQueueIsSaidByTheHostAndEndsWith5() throws Exception {
    FakeEnclave.Loader loader = new FakeEnclave.Loader();
    Semaphore calls = new Semaphore(0);
    try (HostFixture fixture =
        HostFixture.start("runtime.queue_max_items: 1\nruntime.enclave_threads: 1\n", loader)) {
      loader.enclave.gate =
          message -> {
            if (!message.getItems(0).hasTick()) {
              calls.acquireUninterruptibly();
            }
          };
      var inside = fixture.host.operations().evidence();
      await().until(() -> fixture.host.metrics().queueItems.get() == 0);
      var waiting = fixture.host.operations().evidence();
      String control = fixture.host.controlAddress().toString();
      assertEquals(5, run("admin", "create-group", "--json", "--control", control));
      assertEquals(
          "error: the host's queue is full; nothing was applied, try again later",
          err.toString().strip());
      assertEquals("not-applied", json().get("result").getAsString());
      assertEquals(5, json().get("exit_code").getAsInt());
      calls.release(1_000);
      assertTrue(inside.get().hasEvidence() && waiting.get().hasEvidence());
    } finally {
      calls.release(1_000_000);
    }
  }

  @Test
  void failuresInJsonAreOneObjectOnStandardOutput() {
    String none = directory.resolve("none").toString();
    assertEquals(1, run("image", "verify", "--json", none));
    assertEquals("failed", json().get("result").getAsString());
    assertTrue(err.toString().contains(json().get("text").getAsString()), err.toString());
    out.getBuffer().setLength(0);
    assertEquals(2, run("token", "--json", "--user", USER, "--auth-secret-file", none));
    assertEquals("usage", json().get("result").getAsString());
    out.getBuffer().setLength(0);
    assertEquals(2, run("admin", "status", "--json", "--control", "nowhere"));
    assertEquals(2, json().get("exit_code").getAsInt());
    out.getBuffer().setLength(0);
    assertEquals(0, run("token", "--help"));
    assertTrue(out.toString().replaceAll("\\s+", " ").contains("after a failure"), out.toString());
  }

  @Test
  void tooFewReplicasAreAUsageErrorThatSaysHowManyAreNeeded() {
    assertEquals(2, run("cluster", "--replicas", "2", "--dir", directory.toString()));
    assertEquals(
        "error: --replicas 2: the group answers nobody with fewer than 3 voting replicas;"
            + " give 3 or more",
        err.toString().strip());
    assertFalse(Files.exists(directory.resolve("auth-secret")));
  }

  @Test
  void noHostAtTheControlAddressEndsWith5() throws IOException {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    assertEquals(5, run("admin", "status", "--control", "127.0.0.1:" + port));
    assertTrue(err.toString().startsWith("error: no host answers at 127.0.0.1:"), err.toString());
  }

  @Test
  void theReadyLineComesWhenAClientCanBeServedAndNotBefore() throws Exception {
    FakeEnclave.Loader loader = new FakeEnclave.Loader();
    try (HostFixture fixture = HostFixture.start("", loader)) {
      Host host = fixture.host;
      Foreground foreground = new Foreground(host, Duration.ofSeconds(10));
      Thread waiting =
          new Thread(
              () -> {
                try {
                  if (foreground.awaitReady()) {
                    foreground.printReady(new PrintWriter(out, true));
                  }
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              });
      waiting.start();
      waiting.join(300);
      assertTrue(waiting.isAlive());
      assertEquals("", out.toString());
      var unused = host.operations().createGroup().get();
      waiting.join();
      assertEquals(
          "READY client=%s control=%s NOT PROTECTED%n"
              .formatted(host.clientAddress(), host.controlAddress()),
          out.toString());
    }
  }

  private static void abort(FakeEnclave enclave) {
    enclave.gate =
        message -> {
          throw new EnclaveException(dev.svr2.proto.Error.ERROR_BRIDGE_ABORTED);
        };
  }

  @Test
  void anEnclaveThatStoppedAndCannotBeReplacedHasAnExitCodeOfItsOwn() throws Exception {
    FakeEnclave.Loader loader = new FakeEnclave.Loader();
    try (HostFixture fixture = HostFixture.start("", loader)) {
      Foreground foreground = new Foreground(fixture.host, Duration.ofMinutes(10));
      loader.prepare =
          fresh -> {
            throw new IllegalStateException("no second enclave");
          };
      loader.enclave.stop(dev.svr2.proto.Error.ERROR_INTEGRITY_MISMATCH);
      assertEquals(10, foreground.untilEnd());
    }
  }

  @Test
  void theEndOfTheEnclaveHasExitCodesOfItsOwn() throws Exception {
    FakeEnclave.Loader loader = new FakeEnclave.Loader();
    try (HostFixture fixture = HostFixture.start("", loader)) {
      Foreground foreground = new Foreground(fixture.host, Duration.ofMinutes(10));
      abort(loader.enclave);
      assertEquals(11, foreground.untilEnd());
    }
  }

  @Test
  void theEnclavesOwnEndIsNoFirstSignal() throws Exception {
    FakeEnclave.Loader loader = new FakeEnclave.Loader();
    AtomicInteger halts = new AtomicInteger();
    try (HostFixture fixture = HostFixture.start("", loader)) {
      Foreground foreground =
          new Foreground(fixture.host, Duration.ofMinutes(10), halts::incrementAndGet);
      abort(loader.enclave);
      assertEquals(11, foreground.untilEnd());
      foreground.stopOrHalt();
      assertEquals(0, halts.get());
      foreground.stopOrHalt();
      assertEquals(1, halts.get());
    }
  }

  @Test
  void theCompletionScriptKnowsTheCommands() {
    assertEquals(0, run("completion"));
    assertTrue(out.toString().contains("create-group"));
    assertTrue(out.toString().contains("--master-key"));
  }
}
