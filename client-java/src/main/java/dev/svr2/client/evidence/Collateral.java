// SPDX-License-Identifier: Apache-2.0
//
// All about a platform that does not change from quote to quote: its certificate, what revokes it,
// and what Intel says of it and of the quoting enclave. Verified in one go.
package dev.svr2.client.evidence;

import java.security.PublicKey;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Arrays;
import java.util.regex.Pattern;

/** Verified. Immutable. */
final class Collateral {
  private static final Pattern PCK_NAME = Pattern.compile("Intel SGX PCK Certificate");
  private static final Pattern CA_NAME = Pattern.compile("Intel SGX PCK (Platform|Processor) CA");
  private static final Pattern TCB_NAME = Pattern.compile("Intel SGX TCB Signing");

  /** The platform's key, which signs the quoting enclave's report. */
  final PublicKey platformKey;

  final TcbInfo.Level level;
  final QeIdentity qeIdentity;

  /** The lower of those of TCB info and QE identity. */
  final long evaluationNumber;

  final Validity validity;

  private Collateral(byte[] pckChain, SgxEndorsements endorsements, byte[] rootKey, Instant now)
      throws EvidenceException {
    Chain pck =
        Chain.verify("the platform's certificate chain", pckChain, 3, PCK_NAME, rootKey, now);
    Chain crlIssuers =
        Chain.verify(
            "the PCK CRL's issuer chain", endorsements.pckCrlIssuers, 2, CA_NAME, rootKey, now);
    Chain tcbIssuers =
        Chain.verify(
            "the TCB info's issuer chain", endorsements.tcbInfoIssuers, 2, TCB_NAME, rootKey, now);
    Chain qeIssuers =
        Chain.verify(
            "the QE identity's issuer chain",
            endorsements.qeIdentityIssuers,
            2,
            TCB_NAME,
            rootKey,
            now);
    X509Certificate root = pck.certificates.get(2);
    Crl rootCrl = Crl.verify("root CRL", endorsements.rootCrl, root, now);
    rootCrl.check(pck.issuer());
    rootCrl.check(crlIssuers.end());
    rootCrl.check(tcbIssuers.end());
    rootCrl.check(qeIssuers.end());
    if (!sameAuthority(pck.issuer(), crlIssuers.end())) {
      throw new EvidenceException(
          EvidenceRefusal.REVOCATION_LIST,
          "the PCK CRL is not of the authority that signed the platform's certificate");
    }
    Crl pckCrl = Crl.verify("PCK CRL", endorsements.pckCrl, pck.issuer(), now);
    pckCrl.check(pck.end());
    TcbInfo tcbInfo =
        TcbInfo.read(
            SignedJson.verify(
                "tcbInfo",
                endorsements.tcbInfo,
                tcbIssuers.end().getPublicKey(),
                EvidenceRefusal.MALFORMED_TCB_INFO,
                EvidenceRefusal.TCB_INFO_SIGNATURE),
            now);
    qeIdentity =
        QeIdentity.read(
            SignedJson.verify(
                "enclaveIdentity",
                endorsements.qeIdentity,
                qeIssuers.end().getPublicKey(),
                EvidenceRefusal.MALFORMED_QE_IDENTITY,
                EvidenceRefusal.QE_IDENTITY_SIGNATURE),
            now);
    platformKey = pck.end().getPublicKey();
    if (P256.point(platformKey) == null) {
      throw new EvidenceException(EvidenceRefusal.MALFORMED_PCK_CERTIFICATE, "not a P-256 key");
    }
    level = tcbInfo.levelOf(PckExtension.of(pck.end()));
    evaluationNumber = Math.min(tcbInfo.evaluationNumber, qeIdentity.evaluationNumber);
    validity =
        pck.validity
            .and(crlIssuers.validity)
            .and(tcbIssuers.validity)
            .and(qeIssuers.validity)
            .and(rootCrl.validity)
            .and(pckCrl.validity)
            .and(tcbInfo.validity)
            .and(qeIdentity.validity);
    // Nobody signs it; but no honest collector was there before its parts, or comes from later.
    if (endorsements.created.isBefore(validity.from) || endorsements.created.isAfter(now)) {
      throw new EvidenceException(
          EvidenceRefusal.MALFORMED_ENDORSEMENT,
          "collected at " + endorsements.created + ", which its parts or the clock deny");
    }
  }

  private static boolean sameAuthority(X509Certificate a, X509Certificate b) {
    return a.getSubjectX500Principal().equals(b.getSubjectX500Principal())
        && Arrays.equals(a.getPublicKey().getEncoded(), b.getPublicKey().getEncoded());
  }

  /**
   * Verifies all of it at a time.
   *
   * @param pckChain PEM, the platform's certificate first
   * @param rootKey the pinned point, x ‖ y
   */
  static Collateral verify(
      byte[] pckChain, SgxEndorsements endorsements, byte[] rootKey, Instant now)
      throws EvidenceException {
    return new Collateral(pckChain, endorsements, rootKey, now);
  }
}
