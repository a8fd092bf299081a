// SPDX-License-Identifier: Apache-2.0
//
// Starting, watching, replacing and ending host processes, with stubs in their place.
package dev.svr2.host.cluster;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.enclave.Platform;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClusterTest {
  private static final ClusterSettings.Group GROUP = new ClusterSettings.Group(2, 3, 0, 604_800);

  @TempDir private Path directory;

  @BeforeAll
  static void patience() {
    Awaitility.setDefaultTimeout(Duration.ofMinutes(1));
  }

  private static List<String> stub(String behavior) {
    return List.of(java(), "-cp", classPath(), StubHost.class.getName(), behavior);
  }

  private static String java() {
    return ProcessHandle.current().info().command().orElseThrow();
  }

  private static String classPath() {
    return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
  }

  private static ClusterSettings settings(int replicas, String behavior, Duration stopDeadline) {
    return new ClusterSettings(
        replicas,
        Platform.LOCAL,
        Path.of("/image"),
        GROUP,
        stub(behavior),
        Map.of(),
        List.of(),
        ClusterSettings.Routes.DIRECT,
        stopDeadline);
  }

  private static Cluster start(RunFolder folder, String behavior) throws IOException {
    ClusterSettings settings = settings(2, behavior, Duration.ofSeconds(30));
    return Cluster.start(settings, folder, ReplicaAddresses.choose(2));
  }

  private static void kill(ReplicaView replica) {
    ProcessHandle.of(replica.pid()).orElseThrow().destroyForcibly();
  }

  @Test
  void oneThatEndsIsStartedAgainAsANewReplicaAtTheSameAddresses() throws Exception {
    try (RunFolder folder = RunFolder.open(directory);
        Cluster cluster = start(folder, "good")) {
      assertTrue(Files.readString(folder.config(1)).contains("on_start: wait"));
      assertTrue(Files.readString(folder.config(2)).contains("on_start: join"));
      await().until(cluster::complete);
      assertTrue(Files.readString(folder.pins()).contains("\"protected\": false"));
      assertEquals(2, cluster.fullVoters());
      String addresses = cluster.clientAddresses().toString();
      ReplicaView before = cluster.views().get(0);
      assertEquals(before.pid() + "\n", Files.readString(folder.pid(1)));
      kill(before);
      await().until(() -> cluster.views().get(0).starts() == 2 && cluster.complete());
      ReplicaView after = cluster.views().get(0);
      assertNotEquals(before.shortId(), after.shortId());
      assertNotEquals(before.pid(), after.pid());
      assertEquals("by signal 9", after.ended());
      assertEquals(addresses, cluster.clientAddresses().toString());
      assertTrue(
          Files.readString(folder.config(1)).contains("on_start: join"),
          "a second group would be created");
      assertEquals(1, cluster.views().get(1).starts());
    }
  }

  @Test
  void allEndWhenItIsClosedTheStubbornOnesByForce() throws Exception {
    try (RunFolder folder = RunFolder.open(directory)) {
      Cluster cluster =
          Cluster.start(
              settings(2, "stubborn", Duration.ofMillis(300)), folder, ReplicaAddresses.choose(2));
      await().until(cluster::complete);
      List<Long> pids = cluster.views().stream().map(ReplicaView::pid).toList();
      List<String> report = new ArrayList<>();
      cluster.stop(report::add);
      assertEquals(2, report.size());
      assertEquals("replica 1: killed, since it did not end in time", report.get(0));
      pids.forEach(
          pid -> assertFalse(ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false)));
      cluster.close();
    }
  }

  @Test
  void aHostThatCannotStartIsSaidWithItsOwnWords() throws Exception {
    try (RunFolder folder = RunFolder.open(directory);
        Cluster cluster = start(folder, "fails")) {
      await().until(() -> !cluster.failure().isEmpty());
      assertTrue(cluster.failure().contains("exit code 1"), cluster.failure());
      assertTrue(cluster.failure().contains("replica-"), cluster.failure());
      assertFalse(Files.exists(folder.pins()));
    }
  }

  @Test
  void fewerReplicasThanTheGroupNeedsAreRefused() throws Exception {
    try (RunFolder folder = RunFolder.open(directory)) {
      assertThrows(
          IllegalArgumentException.class,
          () ->
              Cluster.start(
                  settings(1, "good", Duration.ZERO), folder, ReplicaAddresses.choose(1)));
    }
  }

  /** Runs a group until it is killed; for {@link #noHostOutlivesAProcessThatIsKilled}. */
  static final class Runner {
    public static void main(String[] args) throws Exception {
      try (RunFolder folder = RunFolder.open(Path.of(args[0]));
          Cluster cluster = start(folder, "good")) {
        await().forever().until(cluster::complete);
        Files.writeString(Path.of(args[0]).resolve("complete"), "");
        await().forever().until(() -> false);
      }
    }
  }

  @Test
  void noHostOutlivesAProcessThatIsKilled() throws Exception {
    Process runner =
        new ProcessBuilder(java(), "-cp", classPath(), Runner.class.getName(), directory.toString())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("runner.out").toFile())
            .start();
    await().until(() -> Files.exists(directory.resolve("complete")));
    List<ProcessHandle> hosts = runner.children().toList();
    assertEquals(2, hosts.size());
    runner.destroyForcibly();
    await().until(() -> hosts.stream().noneMatch(ProcessHandle::isAlive));
    // The lock went with the process.
    RunFolder.open(directory).close();
  }
}
