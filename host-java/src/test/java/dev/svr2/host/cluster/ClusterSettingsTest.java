// SPDX-License-Identifier: Apache-2.0
//
// What is written for a host is what the host reads.
package dev.svr2.host.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.enclave.Platform;
import dev.svr2.host.config.ConfigLoader;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.config.HostPort;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClusterSettingsTest {
  @TempDir private Path directory;

  private static ReplicaAddresses addresses(int replica) {
    int base = 1000 * replica;
    return new ReplicaAddresses(
        new HostPort("127.0.0.1", base + 1),
        new HostPort("127.0.0.1", base + 2),
        new HostPort("127.0.0.1", base + 3));
  }

  @Test
  void theConfigurationIsOneThatAHostTakes() throws Exception {
    ClusterSettings settings =
        new ClusterSettings(
            3,
            Platform.LOCAL,
            Path.of("/an \"odd\" ${folder}/image"),
            ClusterSettings.Group.DEMO,
            List.of(),
            Map.of(),
            List.of("enclave.replica_voting_timeout_ticks: 50"),
            (from, to, listening) -> new HostPort(listening.host(), listening.port() + from),
            Duration.ofSeconds(1));
    try (RunFolder folder = RunFolder.open(directory)) {
      folder.writeSecret(null);
      List<ReplicaAddresses> all = List.of(addresses(1), addresses(2), addresses(3));
      Files.writeString(folder.config(2), settings.config(2, all, true));
      HostConfig config = ConfigLoader.load(folder.config(2), Map.of());
      assertEquals(Path.of("/an \"odd\" ${folder}/image"), config.imagePath());
      assertEquals(addresses(2).client(), config.client().listen());
      assertEquals(addresses(2).control(), config.control().listen());
      assertTrue(config.simulated());
      assertTrue(config.joinOnStart());
      assertEquals(addresses(2).peer(), config.peer().listen().orElseThrow());
      // Not itself; the others as it reaches them.
      assertEquals(
          List.of(new HostPort("127.0.0.1", 1005), new HostPort("127.0.0.1", 3005)),
          config.peer().addresses());
      assertEquals(50, config.enclave().getReplicaVotingTimeoutTicks());
      assertEquals(3, config.enclave().getGroup().getMinVotingReplicas());
      assertEquals(5, config.enclave().getGroup().getMaxVotingReplicas());
    }
  }
}
