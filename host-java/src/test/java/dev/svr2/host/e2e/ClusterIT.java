// SPDX-License-Identifier: Apache-2.0
//
// `svr2 cluster` when replicas die and when it ends: as a person sees it. What clients are told
// under load is the chaos run's matter.
package dev.svr2.host.e2e;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.svr2.enclave.Platform;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ClusterIT {
  private static final int NOT_APPLIED = 5;
  private static final int RETRIES = 20;

  @TempDir private Path folder;
  private Launcher launcher;

  @BeforeEach
  void prepare() {
    launcher = new Launcher(folder);
  }

  @AfterEach
  void stop() {
    launcher.close();
  }

  private static boolean isAlive(long pid) {
    return ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false);
  }

  private long pid(int replica) throws Exception {
    Path file = launcher.runDir().resolve("replica-%d.pid".formatted(replica));
    return Long.parseLong(Files.readString(file).strip());
  }

  /** Every command of the README's tour, with its exit code and what it says it prints. */
  @ParameterizedTest
  @EnumSource(names = {"LOCAL", "OE_SIMULATION"})
  void theTourOfTheReadmeIsWhatHappens(Platform platform) throws Exception {
    TestPlatforms.require(platform);
    launcher.startCluster("--platform", platform.configName());
    Map<String, String> places =
        Map.of(
            "127.0.0.1:37611",
            launcher.ready("client"),
            "127.0.0.1:46613",
            launcher.ready("control"),
            "127.0.0.1:41055",
            launcher.replica(2),
            "platform             local",
            "platform             " + platform,
            "enclave.signed.local",
            "enclave" + TestPlatforms.suffix(platform),
            ".run/",
            launcher.runDir() + "/");
    List<ReadmeTour.Step> steps = ReadmeTour.read(Launcher.ROOT.resolve("README.md"), places);
    assertTrue(steps.size() >= 8, () -> steps.size() + " commands in the tour");
    assertTrue(steps.stream().anyMatch(step -> step.command().contains("kill -9")));
    for (ReadmeTour.Step step : steps) {
      Launcher.Result result = launcher.shell(step.command());
      // As the page says: while there is no leader.
      for (int i = 0; result.exit() == NOT_APPLIED && step.exit() == 0 && i < RETRIES; i++) {
        result = launcher.shell(step.command());
      }
      step.check(result.exit(), result.out(), result.err());
    }
  }

  @Test
  void endsCleanlyOnATermSignalAndStartsAgainWithSeededRows() throws Exception {
    launcher.startCluster();
    String clientTarget = launcher.ready("client");
    List<ProcessHandle> hosts = launcher.cluster().children().toList();
    assertEquals(3, hosts.size());
    launcher.cluster().destroy();
    assertTrue(launcher.cluster().waitFor(Launcher.START_LIMIT.toSeconds(), TimeUnit.SECONDS));
    assertEquals(0, launcher.cluster().exitValue(), launcher.clusterErr());
    assertTrue(hosts.stream().noneMatch(ProcessHandle::isAlive));
    for (int replica = 1; replica <= 3; replica++) {
      String line = "replica %d: exit code 0".formatted(replica);
      assertTrue(launcher.clusterErr().contains(line), launcher.clusterErr());
    }
    Launcher.Result unreachable =
        launcher.run(
            "client",
            "tries",
            "--target",
            clientTarget,
            "--user",
            Launcher.USER,
            "--pins",
            launcher.runDir().resolve("pins.json").toString(),
            "--auth-secret-file",
            launcher.runDir().resolve("auth-secret").toString(),
            "--allow-simulated");
    assertEquals(NOT_APPLIED, unreachable.exit(), unreachable.err());

    launcher.startCluster("--seed-rows", "40");
    assertEquals(4, launcher.client(1, "tries").exit(), "the new group knows nothing of the old");
    assertEquals(40, status().getAsJsonObject("replica").get("rows").getAsLong());
  }

  @Test
  void aCommandThatIsKilledLeavesNoHostBehind() throws Exception {
    launcher.startCluster();
    List<ProcessHandle> hosts = launcher.cluster().children().toList();
    launcher.cluster().destroyForcibly();
    await()
        .atMost(Launcher.START_LIMIT)
        .until(() -> hosts.stream().noneMatch(ProcessHandle::isAlive));
  }

  @Test
  void eachReplicaInTurnIsKilledAndNothingIsLost() throws Exception {
    launcher.startCluster();
    String secret = "c0ffee5d7e9fa0b2c4d6e8f00112a3b4";
    Launcher.Result stored =
        launcher.client(1, "backup", "--data", secret, "--tries", "9", "--pin", "4821");
    assertEquals(0, stored.exit(), stored.err());
    for (int replica = 1; replica <= 3; replica++) {
      long killed = pid(replica);
      String before = launcher.clusterErr();
      assertEquals(0, launcher.shell("kill -9 " + killed).exit());
      int number = replica;
      await()
          .atMost(Launcher.START_LIMIT)
          .until(
              () -> {
                String news = launcher.clusterErr().substring(before.length());
                return news.lines()
                    .anyMatch(
                        line ->
                            line.startsWith("replica %d, ".formatted(number))
                                && line.endsWith("voting"));
              });
      assertFalse(isAlive(killed));
      assertTrue(pid(replica) != killed);
      // Until the dead voter is forgotten the next must not be killed.
      String id = id(replica);
      await()
          .atMost(Launcher.START_LIMIT)
          .until(
              () -> {
                Set<String> voters = voters();
                return voters.size() == 3 && voters.contains(id);
              });
      // Through the new one.
      Launcher.Result restored = launcher.client(replica, "restore", "--pin", "4821");
      for (int i = 0; restored.exit() == NOT_APPLIED && i < RETRIES; i++) {
        restored = launcher.client(replica, "restore", "--pin", "4821");
      }
      assertEquals(0, restored.exit(), restored.err());
      assertEquals(secret, restored.out().strip());
      assertTrue(restored.err().contains("9 tries left"), restored.err());
    }
    assertEquals(1, launcher.readyLines().size());
  }

  private JsonObject status() throws Exception {
    Launcher.Result status =
        launcher.run("admin", "status", "--json", "--control", launcher.ready("control"));
    assertEquals(0, status.exit(), status.err());
    return JsonParser.parseString(status.out()).getAsJsonObject();
  }

  /** In the membership that the first replica knows. */
  private Set<String> voters() throws Exception {
    Set<String> voters = new HashSet<>();
    for (var member : status().getAsJsonObject("replica").getAsJsonArray("members")) {
      if (member.getAsJsonObject().get("voting").getAsBoolean()) {
        voters.add(member.getAsJsonObject().get("id").getAsString());
      }
    }
    return voters;
  }

  /** Of the enclave that runs there now: the last that its log names. */
  private String id(int replica) throws Exception {
    Path log = launcher.runDir().resolve("replica-%d.log".formatted(replica));
    return Pattern.compile("; replica ([0-9a-f]{64})")
        .matcher(Files.readString(log))
        .results()
        .map(match -> match.group(1))
        .reduce((first, second) -> second)
        .orElseThrow();
  }
}
