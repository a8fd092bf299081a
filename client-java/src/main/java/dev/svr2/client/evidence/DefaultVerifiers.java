// SPDX-License-Identifier: Apache-2.0
package dev.svr2.client.evidence;

/** One of each for the whole process, so that what was verified once is remembered. */
final class DefaultVerifiers {
  static final EvidenceVerifier SIMULATED = new SimulatedEvidenceVerifier();
  static final EvidenceVerifier SGX = new SgxEvidenceVerifier();

  private DefaultVerifiers() {}
}
