// SPDX-License-Identifier: Apache-2.0
//
// What an operator does at each upgrade of the host: every replica is ended by SIGTERM and
// replaced,
// one after the other, under load. Clients repeat some operations, and lose none.
package dev.svr2.host.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.host.cluster.ReplicaView;
import dev.svr2.host.log.Logs;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RollingRestartIT {
  private static final int PARALLEL = 4;

  @Test
  void everyReplicaIsReplacedAndNoOperationIsLost() throws Exception {
    var unused = Logs.quiet();
    long seed = Long.getLong("svr2.seed", new Random().nextLong());
    System.out.println("RollingRestartIT seed " + seed);
    Path directory = Path.of(System.getProperty("svr2.root"), "host-java/target/rolling");
    Files.createDirectories(directory);
    try (Rig rig = new Rig(directory, ChaosRun.CONFIG)) {
      rig.awaitHealed();
      try (Load load = rig.startLoad(PARALLEL, seed)) {
        for (int number = 1; number <= 3; number++) {
          long before = load.answered();
          ReplicaView victim = rig.cluster().views().get(number - 1);
          Rig.signal(victim, "TERM");
          rig.awaitReplaced(victim, load::check);
          rig.awaitHealed(load::check);
          assertTrue(load.answered() > before, "clients were answered meanwhile");
        }
        load.finish();
        rig.checkHashes();
        System.out.println(load);
        assertEquals(0, load.unknown(), "operations that nobody knows the end of: " + load);
      }
    }
  }
}
