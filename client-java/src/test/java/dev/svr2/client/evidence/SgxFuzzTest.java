// SPDX-License-Identifier: Apache-2.0
//
// Bytes that nobody chose: whatever comes, the answer is evidence or a refusal, and what was
// signed otherwise is refused. The seed is printed; -Dsvr2.seed=N repeats a run.
package dev.svr2.client.evidence;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class SgxFuzzTest {
  private static final int RUNS = 3_000;

  private static SgxEvidenceVerifier verifier(Clock clock) {
    return new SgxEvidenceVerifier(clock, SyntheticSgx.rootPoint());
  }

  private static byte[] mutate(byte[] bytes, Random random) {
    byte[] out = bytes.clone();
    int edits = 1 + random.nextInt(4);
    for (int i = 0; i < edits && out.length > 0; i++) {
      int at = random.nextInt(out.length);
      switch (random.nextInt(5)) {
        case 0:
          out[at] ^= (byte) (1 << random.nextInt(8));
          break;
        case 1:
          out[at] = (byte) random.nextInt();
          break;
        case 2:
          out = Arrays.copyOf(out, at);
          break;
        case 3:
          out = Arrays.copyOf(out, out.length + random.nextInt(40));
          break;
        default:
          int from = random.nextInt(out.length);
          System.arraycopy(
              out, from, out, at, Math.min(random.nextInt(64), out.length - Math.max(at, from)));
          break;
      }
    }
    return out;
  }

  @Test
  void anythingIsReadOrRefused() throws Exception {
    long seed = Long.getLong("svr2.seed", System.nanoTime());
    System.out.println("SgxFuzzTest seed " + seed);
    Random random = new Random(seed);
    SyntheticSgx.Built good = new SyntheticSgx().build();
    SgxEvidenceVerifier verifier = verifier(SgxVectors.at(SyntheticSgx.NOW));
    VerifiedEvidence expected = verifier.verify(good.evidence, good.endorsement);
    int created = good.endorsement.length - 21;
    int refused = 0;
    for (int i = 0; i < RUNS; i++) {
      byte[] evidence = random.nextInt(3) == 0 ? good.evidence : mutate(good.evidence, random);
      byte[] endorsement =
          random.nextBoolean() ? good.endorsement : mutate(good.endorsement, random);
      try {
        VerifiedEvidence verified = verifier.verify(evidence, endorsement);
        // Nothing but the time of collection can be another without anybody noticing.
        assertArrayEquals(good.evidence, evidence, "seed " + seed + ", run " + i);
        assertArrayEquals(
            Arrays.copyOf(good.endorsement, created),
            Arrays.copyOf(endorsement, created),
            "seed " + seed + ", run " + i);
        assertEquals(expected.group(), verified.group());
      } catch (EvidenceException e) {
        refused++;
      } catch (RuntimeException | Error e) {
        throw new AssertionError("seed " + seed + ", run " + i, e);
      }
    }
    assertTrue(refused > RUNS / 2, refused + " refused");
  }

  /** A clock that a test moves. */
  private static final class Moving extends Clock {
    final AtomicReference<Instant> now = new AtomicReference<>(SyntheticSgx.NOW);

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }

    @Override
    public Instant instant() {
      return now.get();
    }
  }

  @Test
  void whatWasVerifiedIsRememberedUntilItExpires() throws Exception {
    Moving clock = new Moving();
    SgxEvidenceVerifier verifier = verifier(clock);
    SyntheticSgx.Built built = new SyntheticSgx().build();
    SgxQuote quote = SgxQuote.parse(built.evidence);
    Collateral first = verifier.verifyQuote(quote, built.endorsement);
    assertSame(first, verifier.verifyQuote(quote, built.endorsement));
    // Not by anyone else's.
    SyntheticSgx.Built other = new SyntheticSgx().build();
    Collateral second = verifier.verifyQuote(SgxQuote.parse(other.evidence), other.endorsement);
    assertTrue(first != second);
    clock.now.set(first.validity.to);
    assertSame(first, verifier.verifyQuote(quote, built.endorsement));
    clock.now.set(first.validity.to.plus(Duration.ofMillis(1)));
    assertEquals(
        EvidenceRefusal.EXPIRED,
        assertThrows(EvidenceException.class, () -> verifier.verifyQuote(quote, built.endorsement))
            .reason());
    clock.now.set(first.validity.from.minus(Duration.ofMillis(1)));
    assertEquals(
        EvidenceRefusal.NOT_YET_VALID,
        assertThrows(EvidenceException.class, () -> verifier.verifyQuote(quote, built.endorsement))
            .reason());
  }

  @Test
  void atMostSoManyPlatformsAreRemembered() throws Exception {
    SgxEvidenceVerifier verifier = verifier(SgxVectors.at(SyntheticSgx.NOW));
    SyntheticSgx.Built first = new SyntheticSgx().build();
    SgxQuote quote = SgxQuote.parse(first.evidence);
    Collateral collateral = verifier.verifyQuote(quote, first.endorsement);
    for (int i = 0; i < SgxEvidenceVerifier.CACHED_PLATFORMS; i++) {
      SyntheticSgx sgx = new SyntheticSgx();
      sgx.created = SyntheticSgx.NOW.minusSeconds(i + 10).toString();
      SyntheticSgx.Built built = sgx.build();
      Collateral unused = verifier.verifyQuote(SgxQuote.parse(built.evidence), built.endorsement);
    }
    assertTrue(collateral != verifier.verifyQuote(quote, first.endorsement));
  }
}
