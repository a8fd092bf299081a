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
  /** The endorsements do not have their format's layout. */
  MALFORMED_ENDORSEMENT("the endorsements are malformed"),
  /** The quote names another vendor's quoting enclave. */
  QE_VENDOR("the quoting enclave is not Intel's"),
  /** A chain of certificates is malformed, is not a chain, or is not for its purpose. */
  CERTIFICATES("a certificate chain does not verify"),
  /** A chain leads to another root than Intel's. */
  ROOT_KEY("a certificate chain does not lead to Intel's root key"),
  /** A certificate, a list, the TCB info or the QE identity is from the future. */
  NOT_YET_VALID("a part of the evidence is not valid yet"),
  /** A certificate, a list, the TCB info or the QE identity has had its time. */
  EXPIRED("a part of the evidence has expired"),
  /** A revocation list is malformed, or not its authority's. */
  REVOCATION_LIST("a revocation list does not verify"),
  /** A certificate was revoked. */
  REVOKED("a certificate was revoked"),
  /** The TCB info is not the JSON that it should be. */
  MALFORMED_TCB_INFO("the TCB info is malformed"),
  /** The TCB info is not signed by Intel. */
  TCB_INFO_SIGNATURE("the TCB info's signature does not verify"),
  /** The TCB info is of a type that is compared in another way. */
  TCB_TYPE("the TCB info is of a type that is not known here"),
  /** The QE identity is not the JSON that it should be. */
  MALFORMED_QE_IDENTITY("the quoting enclave's identity is malformed"),
  /** The QE identity is not signed by Intel. */
  QE_IDENTITY_SIGNATURE("the signature of the quoting enclave's identity does not verify"),
  /** The platform's certificate does not say what it should of the platform. */
  MALFORMED_PCK_CERTIFICATE("the platform's certificate is malformed"),
  /** The TCB info is of another kind of platform. */
  PLATFORM("the TCB info is not of this kind of platform"),
  /** The platform is older than every level that Intel knows. */
  TCB_LEVEL("no TCB level matches the platform"),
  /** The quoting enclave's report is not signed by the platform's key. */
  QE_REPORT_SIGNATURE("the signature of the quoting enclave's report does not verify"),
  /** The report is of another enclave than Intel's quoting enclave. */
  QE_IDENTITY("the quoting enclave is not the one that Intel names"),
  /** The quoting enclave is not up to date. */
  QE_OUT_OF_DATE("the quoting enclave is not up to date"),
  /** The key that signed the quote is not the quoting enclave's. */
  ATTESTATION_KEY("the attestation key is not the quoting enclave's"),
  /** The quote is not signed by the attestation key. */
  QUOTE_SIGNATURE("the quote's signature does not verify"),
  /** The claims are not those that the enclave had put into the quote. */
  CLAIMS_HASH("the claims are not those that the quote binds"),
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
  /** Evidence of hardware whose configuration claims that the group protects nothing. */
  HARDWARE_CLAIM("evidence of hardware must not say simulated in its configuration"),
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
  /** The platform is neither up to date nor only in need of hardening. */
  TCB_STATUS("the platform is not up to date"),
  /** An advisory applies to the platform that the pins do not accept. */
  ADVISORY("an advisory applies that the pins do not accept"),
  /** Intel's data are older than the group's minimum. */
  EVALUATION_NUMBER("Intel's data on the platform are older than the group's minimum"),
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
