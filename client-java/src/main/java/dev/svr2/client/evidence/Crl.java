// SPDX-License-Identifier: Apache-2.0
package dev.svr2.client.evidence;

import java.io.ByteArrayInputStream;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Arrays;

/** A verified list of revoked certificates (RFC 5280 §5). Immutable. */
final class Crl {
  private static final int VERSION_2 = 2;

  private final String what;
  private final X509CRL list;
  final Validity validity;

  private Crl(String what, X509CRL list, Validity validity) {
    this.what = what;
    this.list = list;
    this.validity = validity;
  }

  /**
   * Verifies a list at a time.
   *
   * @param what the list, for messages
   */
  static Crl verify(String what, byte[] der, X509Certificate issuer, Instant now)
      throws EvidenceException {
    X509CRL list;
    try {
      ByteArrayInputStream in = new ByteArrayInputStream(der);
      list = (X509CRL) CertificateFactory.getInstance("X.509").generateCRL(in);
      if (in.available() > 0 || !Arrays.equals(list.getEncoded(), der)) {
        throw refused(what + " is not one list in DER");
      }
    } catch (GeneralSecurityException e) {
      throw refused(what + " is not a list in DER");
    }
    if (list.getVersion() != VERSION_2 || list.hasUnsupportedCriticalExtension()) {
      throw refused(what + " is of a kind that is not known here");
    }
    if (!list.getIssuerX500Principal().equals(issuer.getSubjectX500Principal())) {
      throw refused(what + " is another authority's");
    }
    boolean[] usage = issuer.getKeyUsage();
    if (usage == null || usage.length < 7 || !usage[6]) {
      throw refused(what + ": its issuer may not sign lists");
    }
    try {
      list.verify(issuer.getPublicKey());
    } catch (GeneralSecurityException e) {
      throw refused(what + " is not signed by its authority");
    }
    if (list.getNextUpdate() == null) {
      throw refused(what + " does not say until when it is valid");
    }
    Validity validity =
        new Validity(list.getThisUpdate().toInstant(), list.getNextUpdate().toInstant())
            .check(what, now);
    return new Crl(what, list, validity);
  }

  /** Refuses a certificate that the list revokes. */
  void check(X509Certificate certificate) throws EvidenceException {
    if (list.isRevoked(certificate)) {
      throw new EvidenceException(
          EvidenceRefusal.REVOKED, certificate.getSubjectX500Principal() + " by the " + what);
    }
  }

  private static EvidenceException refused(String detail) {
    return new EvidenceException(EvidenceRefusal.REVOCATION_LIST, detail);
  }
}
