// SPDX-License-Identifier: Apache-2.0
//
// Certificates that lead to Intel's root key, which is pinned: no store of trusted authorities is
// asked. Paths are validated by the platform's PKIX implementation (RFC 5280).
package dev.svr2.client.evidence;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.PublicKey;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.security.auth.x500.X500Principal;

/** A verified chain, the end certificate first, the root last. Immutable. */
final class Chain {
  private static final Pattern PEM =
      Pattern.compile(
          "-----BEGIN CERTIFICATE-----\\n((?:[A-Za-z0-9+/]{1,76}={0,2}\\n)+)"
              + "-----END CERTIFICATE-----(?:\\n|$)");

  final List<X509Certificate> certificates;
  final Validity validity;

  private Chain(List<X509Certificate> certificates, Validity validity) {
    this.certificates = certificates;
    this.validity = validity;
  }

  X509Certificate end() {
    return certificates.get(0);
  }

  /** The one that signed the end certificate. */
  X509Certificate issuer() {
    return certificates.get(1);
  }

  /**
   * Verifies a chain at a time.
   *
   * @param what the chain, for messages
   * @param pem its certificates, the end first, the root last
   * @param length how many there must be
   * @param endName common name that the end certificate must have: Intel's root signs others, too
   * @param rootKey the pinned point, x ‖ y
   */
  static Chain verify(
      String what, byte[] pem, int length, Pattern endName, byte[] rootKey, Instant now)
      throws EvidenceException {
    List<X509Certificate> all = parse(what, pem);
    if (all.size() != length) {
      throw refused(what + " has not " + length + " certificates");
    }
    X509Certificate root = all.get(length - 1);
    if (!Arrays.equals(P256.point(root.getPublicKey()), rootKey)) {
      throw new EvidenceException(EvidenceRefusal.ROOT_KEY, what);
    }
    Validity validity = Validity.ALWAYS;
    for (X509Certificate one : all) {
      validity = validity.and(Validity.of(one).check("a certificate of " + what, now));
    }
    try {
      root.verify(root.getPublicKey());
      if (root.getBasicConstraints() < 0) {
        throw refused(what + ": its root is no authority");
      }
      validate(all.subList(0, length - 1), root, now);
    } catch (GeneralSecurityException e) {
      throw refused(what + ": " + e.getMessage());
    }
    if (!endName.matcher(commonName(all.get(0))).matches()) {
      throw refused(what + " is not of " + endName.pattern());
    }
    return new Chain(Collections.unmodifiableList(all), validity);
  }

  private static void validate(List<X509Certificate> path, X509Certificate root, Instant now)
      throws GeneralSecurityException {
    CertPath certPath = CertificateFactory.getInstance("X.509").generateCertPath(path);
    PublicKey key = root.getPublicKey();
    X500Principal name = root.getSubjectX500Principal();
    PKIXParameters parameters =
        new PKIXParameters(Collections.singleton(new TrustAnchor(name, key, null)));
    parameters.setRevocationEnabled(false); // Against the lists that come along, elsewhere.
    parameters.setDate(Date.from(now));
    CertPathValidator.getInstance("PKIX").validate(certPath, parameters);
  }

  private static List<X509Certificate> parse(String what, byte[] pem) throws EvidenceException {
    String text = new String(pem, StandardCharsets.ISO_8859_1);
    Matcher matcher = PEM.matcher(text);
    List<X509Certificate> out = new ArrayList<>();
    int end = 0;
    while (matcher.find() && matcher.start() == end) {
      end = matcher.end();
      out.add(certificate(what, matcher.group(1)));
    }
    if (end != text.length()) {
      throw malformed(what);
    }
    return out;
  }

  private static X509Certificate certificate(String what, String base64) throws EvidenceException {
    try {
      byte[] der = Base64.getDecoder().decode(base64.replace("\n", ""));
      if (!Base64.getEncoder().encodeToString(der).equals(base64.replace("\n", ""))) {
        throw malformed(what);
      }
      ByteArrayInputStream in = new ByteArrayInputStream(der);
      X509Certificate out =
          (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
      if (in.available() > 0 || !Arrays.equals(out.getEncoded(), der)) {
        throw malformed(what);
      }
      return out;
    } catch (IllegalArgumentException | CertificateException e) {
      throw malformed(what);
    }
  }

  private static final Pattern COMMON_NAME = Pattern.compile("(?:^|,)CN=([^,=+\"\\\\]*)(?:,|$)");

  private static String commonName(X509Certificate certificate) {
    Matcher matcher =
        COMMON_NAME.matcher(certificate.getSubjectX500Principal().getName(X500Principal.RFC2253));
    return matcher.find() ? matcher.group(1) : "";
  }

  private static EvidenceException malformed(String what) {
    return new EvidenceException(
        EvidenceRefusal.CERTIFICATES, what + " is not certificates in PEM form");
  }

  private static EvidenceException refused(String detail) {
    return new EvidenceException(EvidenceRefusal.CERTIFICATES, detail);
  }
}
