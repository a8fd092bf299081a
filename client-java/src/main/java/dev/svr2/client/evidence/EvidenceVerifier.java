// SPDX-License-Identifier: Apache-2.0
//
// One format of evidence: simulated, or of SGX hardware.
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

  /** The process's verifier for evidence of hardware, with the system's clock. */
  static EvidenceVerifier hardware() {
    return DefaultVerifiers.SGX;
  }

  /**
   * Verifies a session's evidence with the one verifier that knows its format, at the system's
   * time.
   *
   * @throws EvidenceException with UNSUPPORTED_FORMAT when none does
   */
  static VerifiedEvidence verifyAny(byte[] evidence, byte[] endorsement) throws EvidenceException {
    return verifyAny(evidence, endorsement, hardware());
  }

  /** The same with another verifier for evidence of hardware. */
  static VerifiedEvidence verifyAny(byte[] evidence, byte[] endorsement, EvidenceVerifier hardware)
      throws EvidenceException {
    if (DefaultVerifiers.SIMULATED.recognizes(evidence)) {
      return DefaultVerifiers.SIMULATED.verify(evidence, endorsement);
    }
    if (hardware.recognizes(evidence)) {
      return hardware.verify(evidence, endorsement);
    }
    throw new EvidenceException(EvidenceRefusal.UNSUPPORTED_FORMAT);
  }
}
