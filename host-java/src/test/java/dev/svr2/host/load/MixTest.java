// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.EnumMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MixTest {
  @Test
  void operationsComeAsOftenAsTheyWeigh() {
    Mix mix = Mix.parse("restore=9, backup=1");
    Random random = new Random(1);
    Map<Mix.Operation, Integer> counts = new EnumMap<>(Mix.Operation.class);
    for (int i = 0; i < 10_000; i++) {
      counts.merge(mix.choose(random), 1, Integer::sum);
    }
    assertEquals(2, counts.size());
    assertTrue(Math.abs(counts.get(Mix.Operation.RESTORE) - 9_000) < 200, counts::toString);
    assertEquals(Mix.Operation.TRIES, Mix.parse("tries").choose(random));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "restore=0", "restore=x", "steal=1", "backup=1,backup=2", "backup=-1"})
  void whatIsNoMixIsRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> Mix.parse(text));
  }

  @Test
  void onlyWhatWasGoodCountsAsLatency() {
    Measurements measurements = new Measurements();
    measurements.note(Mix.Operation.RESTORE, "Restored", true, 2_000_000);
    measurements.note(Mix.Operation.RESTORE, "Failed", false, 9_000_000_000L);
    Map<String, Object> described = measurements.describe(2);
    assertEquals(2L, described.get("operations"));
    assertEquals(1L, described.get("good"));
    assertEquals(0.5, described.get("good_per_second"));
    Map<?, ?> times = (Map<?, ?>) ((Map<?, ?>) described.get("latency_micros")).get("restore");
    assertEquals(1L, times.get("count"));
    assertTrue((Long) times.get("max") < 2_100, times::toString);
    assertEquals("{restore: Failed=1, restore: Restored=1}", described.get("outcomes").toString());
  }
}
