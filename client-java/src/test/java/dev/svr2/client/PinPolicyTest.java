// SPDX-License-Identifier: Apache-2.0
//
// Evidence against pins (protocol.md §6): each pinned thing alone makes a refusal of its own.
package dev.svr2.client;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.protobuf.ByteString;
import dev.svr2.client.evidence.EvidenceException;
import dev.svr2.client.evidence.EvidenceRefusal;
import dev.svr2.client.testing.EvidenceBuilder;
import dev.svr2.proto.ClientHandshakeStart;
import dev.svr2.proto.MinimumLimits;
import dev.svr2.proto.RaftGroupConfig;
import java.util.Collections;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class PinPolicyTest {
  private final EvidenceBuilder builder = new EvidenceBuilder(new byte[32]);
  private final Pins pins = pins(builder);

  private static Pins pins(EvidenceBuilder from) {
    try {
      return PinBlock.fromHandshakeStart(from.handshakeStart(), true);
    } catch (EvidenceException e) {
      throw new AssertionError(e);
    }
  }

  private static void check(Pins pins, boolean allowSimulated, EvidenceBuilder evidence)
      throws EvidenceException {
    PinPolicy.of(pins, allowSimulated)
        .check(PinBlock.verifyHandshakeStart(evidence.handshakeStart()));
  }

  private void refused(EvidenceRefusal reason, Pins by, EvidenceBuilder evidence) {
    EvidenceException e = assertThrows(EvidenceException.class, () -> check(by, true, evidence));
    assertEquals(reason, e.reason(), e.getMessage());
    assertFalse(e.getMessage().isEmpty());
  }

  @Test
  void pinsOfAGroupAcceptIt() throws Exception {
    check(pins, true, builder);
    check(null, true, builder);
    assertFalse(pins.isProtected());
    assertEquals(Handshake.NKHFS, pins.handshake());
    assertArrayEquals(builder.measurement, pins.measurement());
  }

  @Test
  void simulatedNeedsTheCallersConsent() {
    EvidenceException e = assertThrows(EvidenceException.class, () -> check(pins, false, builder));
    assertEquals(EvidenceRefusal.SIMULATED_NOT_ALLOWED, e.reason());
    e =
        assertThrows(
            EvidenceException.class,
            () -> PinBlock.fromHandshakeStart(builder.handshakeStart(), false));
    assertEquals(EvidenceRefusal.SIMULATED_NOT_ALLOWED, e.reason());
  }

  @Test
  void nothingPinnedNeedsTheCallersConsent() {
    EvidenceException e = assertThrows(EvidenceException.class, () -> PinPolicy.of(null, false));
    assertEquals(EvidenceRefusal.NOTHING_PINNED, e.reason());
  }

  @Test
  void debugIsRefusedPinnedOrNot() {
    builder.attributes = 2;
    refused(EvidenceRefusal.DEBUG, pins, builder);
    refused(EvidenceRefusal.DEBUG, null, builder);
    EvidenceException e =
        assertThrows(
            EvidenceException.class,
            () -> PinBlock.fromHandshakeStart(builder.handshakeStart(), true));
    assertEquals(EvidenceRefusal.DEBUG, e.reason());
  }

  @Test
  void everyByteOfTheMeasurementCounts() {
    for (int i = 0; i < 32; i++) {
      EvidenceBuilder other = new EvidenceBuilder(new byte[32]);
      other.measurement[i] ^= 1;
      refused(EvidenceRefusal.MEASUREMENT, pins, other);
    }
  }

  @Test
  void everyFieldOfTheGroupCounts() {
    group(EvidenceRefusal.GROUP_ID, g -> g.setGroupId(0x0123456789abcdeeL));
    group(EvidenceRefusal.MIN_VOTING_REPLICAS, g -> g.setMinVotingReplicas(2));
    group(EvidenceRefusal.MAX_VOTING_REPLICAS, g -> g.setMaxVotingReplicas(2));
    group(EvidenceRefusal.SUPER_MAJORITY, g -> g.setSuperMajority(1));
    group(EvidenceRefusal.DB_VERSION, g -> g.setDbVersion(3));
    group(EvidenceRefusal.ATTESTATION_TIMEOUT, g -> g.setAttestationTimeout(-1));
    // Each field of the message is covered: a new one must be pinned, too.
    assertEquals(7, RaftGroupConfig.getDescriptor().getFields().size());
  }

  private void group(EvidenceRefusal reason, Consumer<RaftGroupConfig.Builder> change) {
    RaftGroupConfig.Builder group = RaftGroupConfig.newBuilder(EvidenceBuilder.GROUP);
    change.accept(group);
    refused(reason, pins, new EvidenceBuilder(new byte[32]).group(group));
  }

  @Test
  void pinsOfAProtectedGroupRefuseSimulatedEvidence() throws Exception {
    Pins real =
        Pins.parse(
            pins.toJson()
                .replace("\"simulated\": true", "\"simulated\": false")
                .replace("\"protected\": false", "\"protected\": true"));
    refused(EvidenceRefusal.PROTECTION, real, builder);
  }

  @Test
  void minimumsAreAFloor() throws Exception {
    Pins floor =
        new Pins(
            pins.measurement(),
            pins.group(),
            Handshake.NK,
            Map.of("number", new byte[] {1, 0}),
            Collections.emptyList(),
            false);
    refused(EvidenceRefusal.MINIMUM_MISSING, floor, builder);
    refused(EvidenceRefusal.MINIMUM_LENGTH, floor, minimum(1));
    refused(EvidenceRefusal.MINIMUM_LENGTH, floor, minimum(9, 9, 9));
    refused(EvidenceRefusal.MINIMUM_TOO_LOW, floor, minimum(0, 255));
    check(floor, true, minimum(1, 0));
    check(floor, true, minimum(200, 0)); // Bytes are unsigned.
  }

  private static EvidenceBuilder minimum(int... value) {
    byte[] bytes = new byte[value.length];
    for (int i = 0; i < value.length; i++) {
      bytes[i] = (byte) value[i];
    }
    return new EvidenceBuilder(new byte[32])
        .claim(
            "minimum_limits\0",
            MinimumLimits.newBuilder()
                .putLim("number", ByteString.copyFrom(bytes))
                .build()
                .toByteArray());
  }

  @Test
  void handshakeStartsOutsideTheLimitsAreRefused() {
    for (byte[] start : new byte[][] {{(byte) 0xff}, new byte[128 * 1024 + 1], {10, 5}}) {
      EvidenceException e =
          assertThrows(EvidenceException.class, () -> PinBlock.fromHandshakeStart(start, true));
      assertEquals(EvidenceRefusal.MALFORMED_HANDSHAKE_START, e.reason());
    }
    EvidenceException e =
        assertThrows(EvidenceException.class, () -> PinBlock.fromHandshakeStart(new byte[0], true));
    assertEquals(EvidenceRefusal.UNSUPPORTED_FORMAT, e.reason());
  }

  @Test
  void theTestOnlyKeyIsIgnored() throws Exception {
    ClientHandshakeStart.Builder start = ClientHandshakeStart.newBuilder();
    start.mergeFrom(builder.handshakeStart());
    start.setTestOnlyPubkey(ByteString.copyFromUtf8("not even a key"));
    assertArrayEquals(
        new byte[32], PinBlock.verifyHandshakeStart(start.build().toByteArray()).publicKey());
  }

  @Test
  void minimumsOfTheEvidenceArePinned() throws Exception {
    assertArrayEquals(new byte[] {7}, pins(minimum(7)).minimums().get("number"));
  }
}
