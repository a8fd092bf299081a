// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.chaos;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** A short {@link ClientChaos}: every step once if the machine is quick, ten at the least. */
class ClientChaosTest {
  private static final int KILLS_MIN = 10;
  private static final long SECONDS = 15;

  @Test
  void everyResultIsTrue() throws Exception {
    long seed = Long.getLong("svr2.seed", new Random().nextLong());
    int kills = ClientChaos.run(KILLS_MIN, TimeUnit.SECONDS.toNanos(SECONDS), seed, System.out);
    assertTrue(kills > 0, "no replica was killed");
  }
}
