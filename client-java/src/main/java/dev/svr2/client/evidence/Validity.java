// SPDX-License-Identifier: Apache-2.0
package dev.svr2.client.evidence;

import java.security.cert.X509Certificate;
import java.time.Instant;

/** When something that was verified holds, both ends included. Immutable. */
final class Validity {
  static final Validity ALWAYS = new Validity(Instant.MIN, Instant.MAX);

  final Instant from;
  final Instant to;

  Validity(Instant from, Instant to) {
    this.from = from;
    this.to = to;
  }

  static Validity of(X509Certificate certificate) {
    return new Validity(
        certificate.getNotBefore().toInstant(), certificate.getNotAfter().toInstant());
  }

  boolean holds(Instant now) {
    return !now.isBefore(from) && !now.isAfter(to);
  }

  /** Both at once. */
  Validity and(Validity other) {
    return new Validity(
        from.isAfter(other.from) ? from : other.from, to.isBefore(other.to) ? to : other.to);
  }

  /**
   * Checks one part's dates.
   *
   * @param what the part, for the message
   */
  Validity check(String what, Instant now) throws EvidenceException {
    if (now.isBefore(from)) {
      throw new EvidenceException(
          EvidenceRefusal.NOT_YET_VALID,
          what + " is valid from " + from + " on, and here it is " + now + "; is the clock right?");
    }
    if (now.isAfter(to)) {
      throw new EvidenceException(
          EvidenceRefusal.EXPIRED,
          what + " was valid until " + to + ", and here it is " + now + "; is the clock right?");
    }
    return this;
  }
}
