// SPDX-License-Identifier: Apache-2.0
//
// Why evidence was refused: one value per check, so that nobody has to guess which one failed.
package dev.svr2.client.evidence;

/**
 * The checks that evidence can fail, in the order in which they are made.
 *
 * @since 0.1
 */
public enum EvidenceRefusal {
  /** No pins were given, and the caller did not opt in to unpinned simulated groups. */
  NOTHING_PINNED("no pins are given"),
  /** The first item of the session is not a ClientHandshakeStart. */
  MALFORMED_HANDSHAKE_START("the server's first message is malformed"),
  /** Evidence of a format that this client cannot verify. */
  UNSUPPORTED_FORMAT("evidence of a format that this client cannot verify"),
  /** The evidence does not have its format's layout. */
  MALFORMED_EVIDENCE("the evidence is malformed"),
  /** Something stands where simulated evidence has nothing. */
  UNEXPECTED_ENDORSEMENT("simulated evidence comes without endorsements"),
  /** The claims block does not have its layout, or has not exactly the known claims. */
  MALFORMED_CLAIMS("the claims in the evidence are malformed"),
  /** The claim {@code pk} is not a usable X25519 key. */
  MALFORMED_PUBLIC_KEY("the public key in the evidence is malformed"),
  /** The claim {@code config} is not a RaftGroupConfig of known fields. */
  MALFORMED_GROUP_CONFIG("the group configuration in the evidence is malformed"),
  /** The claim {@code minimum_limits} is not a MinimumLimits of known fields. */
  MALFORMED_MINIMUMS("the minimums in the evidence are malformed"),
  /** Simulated evidence, and the caller did not opt in to it. */
  SIMULATED_NOT_ALLOWED("the evidence is simulated: nothing is protected"),
  /** Simulated evidence whose configuration claims that the group is protected. */
  SIMULATED_CLAIM("simulated evidence must say simulated in its configuration"),
  /** The enclave runs in debug mode: its operator can read its memory. */
  DEBUG("the enclave runs in debug mode"),
  /** Pins of a protected group, evidence of an unprotected one, or the reverse. */
  PROTECTION("protected differs from the pins"),
  /** Another program than the pinned one. */
  MEASUREMENT("measurement differs from the pins"),
  /** Another group than the pinned one. */
  GROUP_ID("group_id differs from the pins"),
  /** The pinned group has another value there. */
  MIN_VOTING_REPLICAS("min_voting_replicas differs from the pins"),
  /** The pinned group has another value there. */
  MAX_VOTING_REPLICAS("max_voting_replicas differs from the pins"),
  /** The pinned group has another value there. */
  SUPER_MAJORITY("super_majority differs from the pins"),
  /** The pinned group has another value there. */
  DB_VERSION("db_version differs from the pins"),
  /** The pinned group has another value there. */
  ATTESTATION_TIMEOUT("attestation_timeout differs from the pins"),
  /** The pinned group has another value there. */
  SIMULATED("simulated differs from the pins"),
  /** A minimum that the pins ask for is absent. */
  MINIMUM_MISSING("a pinned minimum is missing"),
  /** A minimum has another length than in the pins, so that they cannot be compared. */
  MINIMUM_LENGTH("a minimum has another length than in the pins"),
  /** A minimum is below the pinned floor. */
  MINIMUM_TOO_LOW("a minimum is below the pins"),
  /** NK where the server offers NKhfs, or the reverse; the server says so. */
  HANDSHAKE_NOT_OFFERED("the server does not offer the handshake that this client speaks");

  private final String text;

  EvidenceRefusal(String text) {
    this.text = text;
  }

  /** One clause for people. */
  public String text() {
    return text;
  }
}
