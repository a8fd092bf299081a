// SPDX-License-Identifier: Apache-2.0
//
// Whether verified evidence is what the caller wants: every check of protocol.md §6 that concerns
// a client, each with its own refusal.
package dev.svr2.client;

import dev.svr2.client.evidence.EvidenceException;
import dev.svr2.client.evidence.EvidenceRefusal;
import dev.svr2.client.evidence.GroupConfig;
import dev.svr2.client.evidence.VerifiedEvidence;
import dev.svr2.client.internal.Hex;
import java.util.Arrays;
import java.util.Map;

/**
 * The rules by which a client accepts evidence. Immutable and thread-safe.
 *
 * @since 0.1
 */
public final class PinPolicy {
  private final Pins pins;
  private final boolean allowSimulated;

  private PinPolicy(Pins pins, boolean allowSimulated) {
    this.pins = pins;
    this.allowSimulated = allowSimulated;
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
    if (pins == null && !allowSimulated) {
      throw new EvidenceException(EvidenceRefusal.NOTHING_PINNED);
    }
    return new PinPolicy(pins, allowSimulated);
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
      throw new EvidenceException(EvidenceRefusal.SIMULATED_CLAIM);
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
    checkMinimums(evidence.minimums(), pins.minimums());
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
