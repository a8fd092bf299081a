// SPDX-License-Identifier: Apache-2.0
//
// What a client's pins say to verified evidence of hardware.
package dev.svr2.client.evidence;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.client.Handshake;
import dev.svr2.client.PinBlock;
import dev.svr2.client.PinPolicy;
import dev.svr2.client.Pins;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class SgxPolicyTest {
  private static final String NUMBER = "sgx_tcb_evaluation_data_number";

  private static Pins pins(List<String> advisories, int floor) throws EvidenceException {
    byte[] value = {0, 0, 0, 0, 0, 0, 0, (byte) floor};
    return new Pins(
        new SyntheticSgx().measurement,
        verify(new SyntheticSgx()).group(),
        Handshake.NKHFS,
        Map.of(NUMBER, value),
        advisories,
        true);
  }

  private static VerifiedEvidence verify(SyntheticSgx sgx) throws EvidenceException {
    SyntheticSgx.Built built;
    try {
      built = sgx.build();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
    return new SgxEvidenceVerifier(SgxVectors.at(SyntheticSgx.NOW), SyntheticSgx.rootPoint())
        .verify(built.evidence, built.endorsement);
  }

  private static EvidenceRefusal refusal(Pins pins, SyntheticSgx sgx) throws EvidenceException {
    PinPolicy policy = PinPolicy.of(pins, false);
    VerifiedEvidence evidence = verify(sgx);
    return assertThrows(EvidenceException.class, () -> policy.check(evidence)).reason();
  }

  private static Arguments of(
      String what, EvidenceRefusal expected, Consumer<SyntheticSgx> alteration) {
    return Arguments.of(what, expected, alteration);
  }

  static Stream<Arguments> others() {
    EvidenceRefusal short8 = EvidenceRefusal.MINIMUM_LENGTH;
    return Stream.of(
        of("measurement", EvidenceRefusal.MEASUREMENT, s -> s.measurement[31] ^= 1),
        of("group id", EvidenceRefusal.GROUP_ID, s -> s.group.setGroupId(1)),
        of("min", EvidenceRefusal.MIN_VOTING_REPLICAS, s -> s.group.setMinVotingReplicas(2)),
        of("max", EvidenceRefusal.MAX_VOTING_REPLICAS, s -> s.group.setMaxVotingReplicas(6)),
        of("super", EvidenceRefusal.SUPER_MAJORITY, s -> s.group.setSuperMajority(0)),
        of("version", EvidenceRefusal.DB_VERSION, s -> s.group.setDbVersion(1)),
        of("timeout", EvidenceRefusal.ATTESTATION_TIMEOUT, s -> s.group.setAttestationTimeout(1)),
        of("simulated", EvidenceRefusal.HARDWARE_CLAIM, s -> s.group.setSimulated(true)),
        of("debug", EvidenceRefusal.DEBUG, s -> s.report = b -> b[48] |= 2),
        of("no minimum", EvidenceRefusal.MINIMUM_MISSING, s -> s.minimum = null),
        of("short minimum", short8, s -> s.minimum = new byte[7]),
        of("long minimum", short8, s -> s.minimum = new byte[9]),
        of("low minimum", EvidenceRefusal.MINIMUM_TOO_LOW, s -> s.minimum[7] = 15),
        of("data before the minimum", EvidenceRefusal.EVALUATION_NUMBER, s -> s.minimum[7] = 18),
        of("a minimum beyond all", EvidenceRefusal.EVALUATION_NUMBER, s -> s.minimum[0] = -1),
        of(
            "older QE identity",
            EvidenceRefusal.EVALUATION_NUMBER,
            s -> s.qeIdentity = text -> text.replace(":17,", ":16,")),
        of(
            "older TCB info",
            EvidenceRefusal.EVALUATION_NUMBER,
            s -> s.tcbInfo = text -> text.replace(":17,", ":16,")));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("others")
  void anotherIsRefused(String what, EvidenceRefusal expected, Consumer<SyntheticSgx> alteration)
      throws Exception {
    Pins pins = pins(Collections.emptyList(), 16);
    PinPolicy.of(pins, false).check(verify(new SyntheticSgx()));
    SyntheticSgx sgx = new SyntheticSgx();
    alteration.accept(sgx);
    assertEquals(expected, refusal(pins, sgx), what);
  }

  @ParameterizedTest
  @EnumSource(TcbStatus.class)
  void onlyTwoStatusesAreAccepted(TcbStatus status) throws Exception {
    SyntheticSgx sgx = new SyntheticSgx();
    sgx.tcbStatus = status.wireName();
    Pins pins = pins(Collections.emptyList(), 16);
    if (status == TcbStatus.UP_TO_DATE || status == TcbStatus.SW_HARDENING_NEEDED) {
      PinPolicy.of(pins, false).check(verify(sgx));
    } else {
      assertEquals(EvidenceRefusal.TCB_STATUS, refusal(pins, sgx));
    }
  }

  @Test
  void hardeningNeedsEveryAdvisoryAccepted() throws Exception {
    SyntheticSgx sgx = new SyntheticSgx();
    sgx.tcbStatus = "SWHardeningNeeded";
    sgx.advisories = "\"INTEL-SA-00615\",\"INTEL-SA-00657\"";
    VerifiedEvidence evidence = verify(sgx);
    PinPolicy.of(pins(List.of("INTEL-SA-00657", "INTEL-SA-00615", "INTEL-SA-1"), 16), false)
        .check(evidence);
    assertEquals(EvidenceRefusal.ADVISORY, refusal(pins(List.of("INTEL-SA-00615"), 16), sgx));
    assertEquals(EvidenceRefusal.ADVISORY, refusal(pins(List.of("INTEL-SA-00657"), 16), sgx));
    assertEquals(EvidenceRefusal.ADVISORY, refusal(pins(List.of(), 16), sgx));
    // An up-to-date platform may have some, which ask for nothing.
    sgx.tcbStatus = "UpToDate";
    PinPolicy.of(pins(List.of(), 16), false).check(verify(sgx));
  }

  @Test
  void theFloorIsInclusive() throws Exception {
    VerifiedEvidence evidence = verify(new SyntheticSgx());
    PinPolicy.of(pins(List.of(), 17), false).check(evidence);
    assertEquals(EvidenceRefusal.MINIMUM_TOO_LOW, refusal(pins(List.of(), 18), new SyntheticSgx()));
  }

  @Test
  void withoutPinsHardwareIsNeverAccepted() throws Exception {
    VerifiedEvidence evidence = verify(new SyntheticSgx());
    PinPolicy policy = PinPolicy.of(null, true);
    EvidenceException e = assertThrows(EvidenceException.class, () -> policy.check(evidence));
    assertEquals(EvidenceRefusal.NOTHING_PINNED, e.reason());
    assertFalse(evidence.simulated());
  }

  /** The real evidence, from the first item of its session to its pins. */
  @Test
  void realEvidenceIsAcceptedByItsPins() throws Exception {
    byte[] start = SgxVectors.handshakeStart();
    SgxEvidenceVerifier verifier = new SgxEvidenceVerifier(SgxVectors.at(SgxVectors.time()));
    VerifiedEvidence evidence = PinBlock.verifyHandshakeStart(start, verifier);
    Pins pins = SgxVectors.pins();
    PinPolicy.of(pins, false).check(evidence);
    assertArrayEquals(SgxVectors.file("svr2.pubkey"), evidence.publicKey());
    assertFalse(evidence.advisories().isEmpty());
    for (String missing : evidence.advisories()) {
      List<String> others = new ArrayList<>(pins.advisories());
      assertTrue(others.remove(missing));
      Pins fewer =
          new Pins(
              pins.measurement(), pins.group(), pins.handshake(), pins.minimums(), others, true);
      EvidenceException e =
          assertThrows(EvidenceException.class, () -> PinPolicy.of(fewer, false).check(evidence));
      assertEquals(EvidenceRefusal.ADVISORY, e.reason());
    }
    // With the system's clock its time is over, or not there yet.
    EvidenceException now =
        assertThrows(EvidenceException.class, () -> PinBlock.verifyHandshakeStart(start));
    assertTrue(
        now.reason() == EvidenceRefusal.EXPIRED || now.reason() == EvidenceRefusal.NOT_YET_VALID,
        now.getMessage());
  }
}
