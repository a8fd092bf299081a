// SPDX-License-Identifier: Apache-2.0
//
// One format of evidence. Real SGX evidence becomes a second implementation.
package dev.svr2.client.evidence;

/**
 * Verifies evidence of one format. Implementations are thread-safe.
 *
 * @since 0.1
 */
public interface EvidenceVerifier {
  /** True when the evidence is of this verifier's format, going by its first bytes alone. */
  boolean recognizes(byte[] evidence);

  /**
   * Verifies all that can be verified without knowing which enclave and group is expected.
   *
   * @param evidence as the server sent it; any bytes
   * @param endorsement as the server sent it; any bytes
   * @throws EvidenceException naming the check that failed
   */
  VerifiedEvidence verify(byte[] evidence, byte[] endorsement) throws EvidenceException;

  /**
   * Verifies a session's evidence with the one verifier that knows its format.
   *
   * @throws EvidenceException with UNSUPPORTED_FORMAT when none does
   */
  static VerifiedEvidence verifyAny(byte[] evidence, byte[] endorsement) throws EvidenceException {
    EvidenceVerifier simulated = new SimulatedEvidenceVerifier();
    if (simulated.recognizes(evidence)) {
      return simulated.verify(evidence, endorsement);
    }
    throw new EvidenceException(EvidenceRefusal.UNSUPPORTED_FORMAT);
  }
}
