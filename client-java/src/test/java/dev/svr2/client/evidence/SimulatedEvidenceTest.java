// SPDX-License-Identifier: Apache-2.0
//
// Layout of simulated evidence (protocol.md §6): what is right is read, all else is refused with
// the reason that fits.
package dev.svr2.client.evidence;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.svr2.client.testing.EvidenceBuilder;
import dev.svr2.proto.MinimumLimits;
import dev.svr2.proto.RaftGroupConfig;
import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class SimulatedEvidenceTest {
  private final EvidenceBuilder builder = new EvidenceBuilder(new byte[32]);

  private static VerifiedEvidence verify(byte[] evidence) throws EvidenceException {
    return EvidenceVerifier.verifyAny(evidence, new byte[0]);
  }

  private static void refused(EvidenceRefusal reason, byte[] evidence) {
    EvidenceException e = assertThrows(EvidenceException.class, () -> verify(evidence));
    assertEquals(reason, e.reason(), e.getMessage());
  }

  @Test
  void goodEvidenceIsRead() throws Exception {
    byte[] key = new byte[32];
    key[7] = 7;
    builder.claim("pk\0", key);
    builder.claim(
        "minimum_limits\0",
        MinimumLimits.newBuilder()
            .putLim("one", ByteString.copyFrom(new byte[] {0, 1}))
            .build()
            .toByteArray());
    VerifiedEvidence read = verify(builder.evidence());
    assertTrue(read.simulated());
    assertFalse(read.debug());
    assertArrayEquals(builder.measurement, read.measurement());
    assertArrayEquals(key, read.publicKey());
    assertEquals("0123456789abcdef", read.group().groupIdHex());
    assertEquals(604_800, read.group().attestationTimeoutSeconds());
    assertArrayEquals(new byte[] {0, 1}, read.minimums().get("one"));
  }

  @Test
  void theOrderOfClaimsIsFree() throws Exception {
    byte[] config = builder.claims.remove("config\0");
    builder.claim("config\0", config);
    assertEquals(2, verify(builder.evidence()).group().dbVersion());
  }

  @Test
  void debugIsBit1OfTheAttributes() throws Exception {
    builder.attributes = 2;
    assertTrue(verify(builder.evidence()).debug());
    builder.attributes = ~2L;
    assertFalse(verify(builder.evidence()).debug());
  }

  @Test
  void otherFormatsAreRefused() {
    refused(EvidenceRefusal.UNSUPPORTED_FORMAT, new byte[0]);
    refused(EvidenceRefusal.UNSUPPORTED_FORMAT, new byte[5000]); // An SGX quote starts with 3, 0.
    builder.magic = "SVR2SIM2";
    refused(EvidenceRefusal.UNSUPPORTED_FORMAT, builder.evidence());
    byte[] short7 = Arrays.copyOf(new EvidenceBuilder(new byte[32]).evidence(), 7);
    refused(EvidenceRefusal.UNSUPPORTED_FORMAT, short7);
  }

  @Test
  void endorsementsAreRefused() {
    EvidenceException e =
        assertThrows(
            EvidenceException.class,
            () -> EvidenceVerifier.verifyAny(builder.evidence(), new byte[1]));
    assertEquals(EvidenceRefusal.UNEXPECTED_ENDORSEMENT, e.reason());
  }

  @Test
  void everyTruncationIsRefused() {
    byte[] good = builder.evidence();
    for (int size = 8; size < good.length; size++) {
      refused(
          size < 48 ? EvidenceRefusal.MALFORMED_EVIDENCE : EvidenceRefusal.MALFORMED_CLAIMS,
          Arrays.copyOf(good, size));
    }
  }

  @Test
  void trailingBytesAreRefused() {
    builder.trailing = new byte[1];
    refused(EvidenceRefusal.MALFORMED_CLAIMS, builder.evidence());
  }

  @Test
  void anotherVersionOrCountIsRefused() {
    builder.version = 2;
    refused(EvidenceRefusal.MALFORMED_CLAIMS, builder.evidence());
    builder.version = 1;
    for (long count : new long[] {0, 2, 4, -1, Long.MIN_VALUE}) {
      builder.count = count;
      refused(EvidenceRefusal.MALFORMED_CLAIMS, builder.evidence());
    }
  }

  @Test
  void namesMustBeTheKnownOnesWithTheirNul() {
    byte[] value = builder.claims.remove("minimum_limits\0");
    for (String name : new String[] {"minimum_limits", "other\0", "a\0b\0", "\0", "pk\0\0"}) {
      EvidenceBuilder other = new EvidenceBuilder(new byte[32]);
      other.claims.remove("minimum_limits\0");
      other.claim(name, value);
      refused(EvidenceRefusal.MALFORMED_CLAIMS, other.evidence());
    }
    builder.count = 2L;
    refused(EvidenceRefusal.MALFORMED_CLAIMS, builder.evidence());
  }

  @Test
  void aClaimTwiceIsRefused() {
    byte[] once = builder.evidence();
    // Rename minimum_limits, which is empty, to a second pk of the right size.
    EvidenceBuilder two = new EvidenceBuilder(new byte[32]);
    two.claims.remove("minimum_limits\0");
    two.count = 3L;
    byte[] start = two.evidence();
    byte[] pk = Arrays.copyOfRange(once, 64, 64 + 16 + 3 + 32);
    byte[] twice = Arrays.copyOf(start, start.length + pk.length);
    System.arraycopy(pk, 0, twice, start.length, pk.length);
    refused(EvidenceRefusal.MALFORMED_CLAIMS, twice);
  }

  @Test
  void sizesThatOverflowAreRefused() {
    byte[] good = builder.evidence();
    for (int at : new int[] {64, 72}) { // name_size and value_size of the first claim
      for (long size : new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 32, 65_537}) {
        byte[] bad = good.clone();
        System.arraycopy(EvidenceBuilder.u64(size), 0, bad, at, 8);
        refused(EvidenceRefusal.MALFORMED_CLAIMS, bad);
      }
    }
  }

  @Test
  void publicKeysOfAnotherSizeAreRefused() {
    for (int size : new int[] {0, 31, 33, 64}) {
      builder.claim("pk\0", new byte[size]);
      refused(EvidenceRefusal.MALFORMED_PUBLIC_KEY, builder.evidence());
    }
  }

  @Test
  void malformedGroupConfigurationsAreRefused() {
    byte[] unknownField = Arrays.copyOf(EvidenceBuilder.GROUP.toByteArray(), 100);
    int size = EvidenceBuilder.GROUP.getSerializedSize();
    unknownField[size] = 8 << 3; // field 8, varint
    unknownField[size + 1] = 1;
    for (byte[] config :
        new byte[][] {{(byte) 0xff}, {9, 1}, Arrays.copyOf(unknownField, size + 2)}) {
      builder.claim("config\0", config);
      refused(EvidenceRefusal.MALFORMED_GROUP_CONFIG, builder.evidence());
    }
  }

  @Test
  void malformedMinimumsAreRefused() {
    for (byte[] minimums : new byte[][] {{(byte) 0xff}, {10, 5, 1}, {16, 1}}) {
      builder.claim("minimum_limits\0", minimums);
      refused(EvidenceRefusal.MALFORMED_MINIMUMS, builder.evidence());
    }
  }

  @Test
  void simulatedMustSaySo() {
    builder.group(RaftGroupConfig.newBuilder(EvidenceBuilder.GROUP).setSimulated(false));
    refused(EvidenceRefusal.SIMULATED_CLAIM, builder.evidence());
  }

  /** Any alteration is read or refused, never anything else. */
  @Property(tries = 20_000)
  void mutationsEndWell(@ForAll @IntRange(max = 400) int at, @ForAll byte value) {
    byte[] evidence = new EvidenceBuilder(new byte[32]).evidence();
    evidence[at % evidence.length] = value;
    endsWell(evidence);
    endsWell(Arrays.copyOf(evidence, at));
  }

  @Property(tries = 5_000)
  void garbageEndsWell(@ForAll byte[] tail) {
    byte[] head = Arrays.copyOf(new EvidenceBuilder(new byte[32]).evidence(), 48);
    byte[] evidence = Arrays.copyOf(head, head.length + tail.length);
    System.arraycopy(tail, 0, evidence, head.length, tail.length);
    endsWell(evidence);
  }

  private static void endsWell(byte[] evidence) {
    try {
      assertTrue(verify(evidence).simulated());
    } catch (EvidenceException e) {
      assertFalse(e.getMessage().isEmpty());
    }
  }
}
