// SPDX-License-Identifier: Apache-2.0
//
// Malformed server bytes at every step: each operation ends in a result that is true, never in an
// exception. The truth is checked against what the fake server did.
package dev.svr2.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.client.testing.Describe;
import dev.svr2.client.testing.FakeServer;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterProperty;

class MalformedServerTest {
  private final ClientFixture fixture = new ClientFixture();
  private final Svr2Client client = fixture.builder().attempts(1).build();

  @AfterProperty
  void close() {
    fixture.close();
  }

  /** Flips, cuts, lengthens or replaces; may leave the bytes as they are. */
  private static byte[] mutate(byte[] item, Random random) {
    byte[] out = item.clone();
    switch (random.nextInt(5)) {
      case 0:
        return Arrays.copyOf(out, random.nextInt(out.length + 1));
      case 1:
        return Arrays.copyOf(out, out.length + 1 + random.nextInt(64));
      case 2:
        out = new byte[random.nextInt(300)];
        random.nextBytes(out);
        return out;
      default:
        for (int i = random.nextInt(4); i >= 0 && out.length > 0; i--) {
          out[random.nextInt(out.length)] ^= (byte) (1 << random.nextInt(8));
        }
        return out;
    }
  }

  private void arrange(int step, Random random) {
    fixture.store(5);
    fixture.server.requests.clear();
    FakeServer.Step alter = item -> mutate(item, random);
    FakeServer.Step pass = item -> item;
    fixture.server.onStart = step == 0 ? alter : pass;
    fixture.server.onHandshake = step == 1 ? alter : pass;
    fixture.server.onAnswer = step == 2 ? alter : pass;
    fixture.server.onPlainAnswer = (request, answer) -> step == 3 ? mutate(answer, random) : answer;
  }

  @Property(tries = 1_500)
  void restoreIsTruthful(@ForAll @IntRange(max = 3) int step, @ForAll long seed) {
    arrange(step, new Random(seed));
    RestoreResult result = client.restoreRaw(ClientFixture.RIGHT);
    String word = Describe.of(result);
    boolean asked = !fixture.server.requests.isEmpty();
    if (word.matches("NotApplied|Refused|Rejected|ProtocolViolation|CredentialsRefused")) {
      assertEquals(false, asked, word);
    } else {
      assertEquals(true, asked, word);
    }
    if (step < 3 && result instanceof RestoreResult.Restored) {
      // Only an authenticated answer can carry a secret, so it is the right one.
      assertTrue(Arrays.equals(ClientFixture.DATA, ((RestoreResult.Restored) result).data()));
    }
    if (step == 2 && !(result instanceof RestoreResult.Restored)) {
      assertEquals("Unknown", word);
    }
  }

  @Property(tries = 1_000)
  void backupIsTruthful(@ForAll @IntRange(max = 2) int step, @ForAll long seed) {
    arrange(step, new Random(seed));
    fixture.server.data = null;
    fixture.server.exposed = false;
    String word = Describe.of(client.backupRaw(ClientFixture.RIGHT, ClientFixture.DATA, 3));
    if (word.equals("Stored")) {
      assertTrue(fixture.server.exposed && fixture.server.data != null);
    } else if (word.matches("NotApplied|Refused|Rejected|ProtocolViolation")) {
      assertTrue(fixture.server.data == null, word);
    } else {
      assertTrue(word.matches("Unknown|ExposeUnknown\\(Unknown\\)"), word);
    }
  }

  @Property(tries = 500)
  void triesAndDeleteEndWell(@ForAll @IntRange(max = 3) int step, @ForAll long seed) {
    arrange(step, new Random(seed));
    assertTrue(!Describe.of(client.tries()).isEmpty());
    assertTrue(!Describe.of(client.delete()).isEmpty());
  }
}
