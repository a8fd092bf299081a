// SPDX-License-Identifier: Apache-2.0
//
// Whether verified evidence is what the caller wants: every check of protocol.md §6 that concerns
// a client, each with its own refusal.
package dev.svr2.client;

import dev.svr2.client.evidence.EvidenceException;
import dev.svr2.client.evidence.EvidenceRefusal;
import dev.svr2.client.evidence.EvidenceVerifier;
import dev.svr2.client.evidence.GroupConfig;
import dev.svr2.client.evidence.TcbStatus;
import dev.svr2.client.evidence.VerifiedEvidence;
import dev.svr2.client.internal.Hex;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * The rules by which a client accepts evidence. Immutable and thread-safe.
 *
 * @since 0.1
 */
public final class PinPolicy {
  /** The minimum that every group on hardware has (protocol.md §6). */
  private static final String EVALUATION_NUMBER = "sgx_tcb_evaluation_data_number";

  private final Pins pins;
  private final boolean allowSimulated;
  private final EvidenceVerifier hardware;

  private PinPolicy(Pins pins, boolean allowSimulated, EvidenceVerifier hardware) {
    this.pins = pins;
    this.allowSimulated = allowSimulated;
    this.hardware = hardware;
  }

  /**
   * A policy.
   *
   * @param pins null when nothing is pinned: possible only with {@code allowSimulated}, and then
   *     only simulated evidence is accepted
   * @param allowSimulated the caller's opt-in to evidence that proves nothing
   * @throws EvidenceException when no evidence could ever satisfy it: nothing pinned and simulated
   *     not allowed
   */
  public static PinPolicy of(Pins pins, boolean allowSimulated) throws EvidenceException {
    return of(pins, allowSimulated, EvidenceVerifier.hardware());
  }

  /** As above, with another verifier for evidence of hardware. */
  static PinPolicy of(Pins pins, boolean allowSimulated, EvidenceVerifier hardware)
      throws EvidenceException {
    if (pins == null && !allowSimulated) {
      throw new EvidenceException(EvidenceRefusal.NOTHING_PINNED);
    }
    return new PinPolicy(pins, allowSimulated, hardware);
  }

  /** Verifies the evidence in the first item of a session and checks what it says. */
  VerifiedEvidence verify(byte[] handshakeStart) throws EvidenceException {
    VerifiedEvidence evidence = PinBlock.verifyHandshakeStart(handshakeStart, hardware);
    check(evidence);
    return evidence;
  }

  /** The pins, or null. */
  public Pins pins() {
    return pins;
  }

  /**
   * Accepts the evidence or says which check it fails.
   *
   * @throws EvidenceException with the first failing check
   */
  public void check(VerifiedEvidence evidence) throws EvidenceException {
    if (evidence.simulated() && !allowSimulated) {
      throw new EvidenceException(EvidenceRefusal.SIMULATED_NOT_ALLOWED);
    }
    if (evidence.simulated() != evidence.group().simulated()) {
      throw new EvidenceException(
          evidence.simulated() ? EvidenceRefusal.SIMULATED_CLAIM : EvidenceRefusal.HARDWARE_CLAIM);
    }
    if (evidence.tcbStatus().isPresent() == evidence.simulated()) {
      throw new IllegalStateException("evidence of hardware has a status, and no other");
    }
    if (evidence.debug()) {
      throw new EvidenceException(EvidenceRefusal.DEBUG);
    }
    if (pins == null) {
      if (!evidence.simulated()) {
        throw new EvidenceException(EvidenceRefusal.NOTHING_PINNED);
      }
      return;
    }
    if (pins.isProtected() == evidence.simulated()) {
      throw new EvidenceException(EvidenceRefusal.PROTECTION);
    }
    byte[] measurement = evidence.measurement();
    if (!Arrays.equals(measurement, pins.measurement())) {
      throw differs(
          EvidenceRefusal.MEASUREMENT, Hex.encode(measurement), Hex.encode(pins.measurement()));
    }
    checkGroup(evidence.group(), pins.group());
    if (!evidence.simulated()) {
      checkPlatform(evidence, pins.advisories());
    }
    checkMinimums(evidence.minimums(), pins.minimums());
  }

  /** protocol.md §6: UpToDate, or SWHardeningNeeded with every advisory accepted. */
  private static void checkPlatform(VerifiedEvidence evidence, List<String> accepted)
      throws EvidenceException {
    TcbStatus status = evidence.tcbStatus().orElseThrow(IllegalStateException::new);
    if (status != TcbStatus.UP_TO_DATE && status != TcbStatus.SW_HARDENING_NEEDED) {
      throw new EvidenceException(
          EvidenceRefusal.TCB_STATUS, status.wireName() + " " + evidence.advisories());
    }
    for (String advisory : evidence.advisories()) {
      if (status == TcbStatus.SW_HARDENING_NEEDED && !accepted.contains(advisory)) {
        throw new EvidenceException(EvidenceRefusal.ADVISORY, advisory);
      }
    }
    byte[] minimum = evidence.minimums().get(EVALUATION_NUMBER);
    if (minimum == null) {
      throw new EvidenceException(EvidenceRefusal.MINIMUM_MISSING, EVALUATION_NUMBER);
    }
    if (minimum.length != Long.BYTES) {
      throw new EvidenceException(EvidenceRefusal.MINIMUM_LENGTH, EVALUATION_NUMBER);
    }
    long group = ByteBuffer.wrap(minimum).getLong();
    if (Long.compareUnsigned(evidence.evaluationNumber(), group) < 0) {
      throw new EvidenceException(
          EvidenceRefusal.EVALUATION_NUMBER,
          evidence.evaluationNumber() + " instead of " + Long.toUnsignedString(group));
    }
  }

  private static void checkGroup(GroupConfig seen, GroupConfig pinned) throws EvidenceException {
    if (seen.groupId() != pinned.groupId()) {
      throw differs(EvidenceRefusal.GROUP_ID, seen.groupIdHex(), pinned.groupIdHex());
    }
    same(EvidenceRefusal.MIN_VOTING_REPLICAS, seen.minVotingReplicas(), pinned.minVotingReplicas());
    same(EvidenceRefusal.MAX_VOTING_REPLICAS, seen.maxVotingReplicas(), pinned.maxVotingReplicas());
    same(EvidenceRefusal.SUPER_MAJORITY, seen.superMajority(), pinned.superMajority());
    same(EvidenceRefusal.DB_VERSION, seen.dbVersion(), pinned.dbVersion());
    same(
        EvidenceRefusal.ATTESTATION_TIMEOUT,
        seen.attestationTimeoutSeconds(),
        pinned.attestationTimeoutSeconds());
    if (!seen.equals(pinned)) {
      // All that is left is `simulated`; and a field added without a check ends here, too.
      throw differs(
          EvidenceRefusal.SIMULATED, "" + seen.simulated(), String.valueOf(pinned.simulated()));
    }
  }

  private static void checkMinimums(Map<String, byte[]> seen, Map<String, byte[]> floor)
      throws EvidenceException {
    for (Map.Entry<String, byte[]> pinned : floor.entrySet()) {
      byte[] value = seen.get(pinned.getKey());
      if (value == null) {
        throw new EvidenceException(EvidenceRefusal.MINIMUM_MISSING, pinned.getKey());
      }
      if (value.length != pinned.getValue().length) {
        throw new EvidenceException(EvidenceRefusal.MINIMUM_LENGTH, pinned.getKey());
      }
      if (isBelow(value, pinned.getValue())) {
        throw new EvidenceException(EvidenceRefusal.MINIMUM_TOO_LOW, pinned.getKey());
      }
    }
  }

  /** Big-endian numbers of equal length. */
  private static boolean isBelow(byte[] value, byte[] floor) {
    for (int i = 0; i < value.length; i++) {
      if (value[i] != floor[i]) {
        return (value[i] & 0xff) < (floor[i] & 0xff);
      }
    }
    return false;
  }

  private static void same(EvidenceRefusal reason, long seen, long pinned)
      throws EvidenceException {
    if (seen != pinned) {
      throw differs(reason, String.valueOf(seen), String.valueOf(pinned));
    }
  }

  private static EvidenceException differs(EvidenceRefusal reason, String seen, String pinned) {
    return new EvidenceException(reason, "it is " + seen + ", pinned is " + pinned);
  }
}
