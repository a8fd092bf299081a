// SPDX-License-Identifier: Apache-2.0
//
// Evidence of the platforms that protect nothing: the 8 ASCII bytes SVR2SIM1, measurement (32
// bytes), attributes (u64, little-endian, bit 1 = DEBUG), claims block; no signature, no
// endorsement. Source: protocol.md §6.
package dev.svr2.client.evidence;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads simulated evidence. That it is accepted at all is the caller's decision: the result says
 * {@link VerifiedEvidence#simulated()}. Thread-safe.
 *
 * @since 0.1
 */
public final class SimulatedEvidenceVerifier implements EvidenceVerifier {
  private static final byte[] MAGIC = "SVR2SIM1".getBytes(StandardCharsets.US_ASCII);
  private static final int MEASUREMENT_BYTES = 32;
  private static final int HEADER_BYTES = MAGIC.length + MEASUREMENT_BYTES + 8;
  private static final long ATTRIBUTE_DEBUG = 1L << 1;

  @Override
  public boolean recognizes(byte[] evidence) {
    return evidence.length >= MAGIC.length
        && Arrays.equals(Arrays.copyOf(evidence, MAGIC.length), MAGIC);
  }

  @Override
  public VerifiedEvidence verify(byte[] evidence, byte[] endorsement) throws EvidenceException {
    if (!recognizes(evidence)) {
      throw new EvidenceException(EvidenceRefusal.UNSUPPORTED_FORMAT);
    }
    if (evidence.length < HEADER_BYTES) {
      throw new EvidenceException(EvidenceRefusal.MALFORMED_EVIDENCE, "too short");
    }
    if (endorsement.length != 0) {
      throw new EvidenceException(EvidenceRefusal.UNEXPECTED_ENDORSEMENT);
    }
    ByteBuffer in = ByteBuffer.wrap(evidence).order(ByteOrder.LITTLE_ENDIAN);
    in.get(new byte[MAGIC.length]);
    byte[] measurement = new byte[MEASUREMENT_BYTES];
    in.get(measurement);
    boolean debug = (in.getLong() & ATTRIBUTE_DEBUG) != 0;
    ClaimsBlock claims = ClaimsBlock.parse(in);
    if (!claims.group.simulated()) {
      throw new EvidenceException(EvidenceRefusal.SIMULATED_CLAIM);
    }
    return new VerifiedEvidence(true, debug, measurement, claims);
  }
}
