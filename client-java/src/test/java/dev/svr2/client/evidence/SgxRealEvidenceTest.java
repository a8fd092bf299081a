// SPDX-License-Identifier: Apache-2.0
//
// Evidence that Intel's hardware made: accepted at its time, and refused when any byte that
// something signs or hashes is another. Every field stands in a table with the check that has to
// notice.
package dev.svr2.client.evidence;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.client.internal.Hex;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SgxRealEvidenceTest {
  private byte[] evidence;
  private byte[] endorsement;
  private SgxEvidenceVerifier verifier;

  @BeforeEach
  void read() {
    evidence = SgxVectors.evidence();
    endorsement = SgxVectors.endorsement();
    verifier = new SgxEvidenceVerifier(SgxVectors.at(SgxVectors.time()));
  }

  private EvidenceRefusal refusal(byte[] evidence, byte[] endorsement) {
    return assertThrows(EvidenceException.class, () -> verifier.verify(evidence, endorsement))
        .reason();
  }

  @Test
  void anSvr2EnclaveIsVerified() throws Exception {
    VerifiedEvidence verified = verifier.verify(evidence, endorsement);
    assertArrayEquals(SgxVectors.file("svr2.mrenclave"), verified.measurement());
    assertArrayEquals(SgxVectors.file("svr2.pubkey"), verified.publicKey());
    assertEquals(GroupConfig.parse(SgxVectors.file("svr2.group_config")), verified.group());
    assertEquals(21, verified.evaluationNumber());
    assertEquals(TcbStatus.SW_HARDENING_NEEDED, verified.tcbStatus().orElseThrow());
    assertTrue(SgxVectors.advisories().containsAll(verified.advisories()));
    assertArrayEquals(
        Hex.decode("0000000000000015"), verified.minimums().get("sgx_tcb_evaluation_data_number"));
    assertTrue(verified.validFrom().orElseThrow().isBefore(SgxVectors.time()));
    assertTrue(verified.validTo().orElseThrow().isAfter(SgxVectors.time()));
  }

  @Test
  void anotherEnclavesQuoteIsVerified() throws Exception {
    byte[] bytes = SgxVectors.file("dcap.evidence");
    SgxEvidenceVerifier at = new SgxEvidenceVerifier(SgxVectors.at(SgxVectors.DCAP_TIME));
    SgxQuote quote = SgxQuote.parse(bytes);
    Collateral collateral = at.verifyQuote(quote, SgxVectors.file("dcap.endorsements"));
    assertEquals(TcbStatus.SW_HARDENING_NEEDED, collateral.level.status);
    assertEquals(Arrays.asList("INTEL-SA-00615", "INTEL-SA-00657"), collateral.level.advisories);
    assertEquals(14, collateral.evaluationNumber);
    String key = new String(SgxVectors.file("dcap.pubkey"), StandardCharsets.US_ASCII).trim();
    assertTrue(Hex.encode(quote.claims).contains(key));
    // It is no SVR2 enclave's: of the three claims it has one.
    EvidenceException refusal =
        assertThrows(
            EvidenceException.class, () -> at.verify(bytes, SgxVectors.file("dcap.endorsements")));
    assertEquals(EvidenceRefusal.MALFORMED_CLAIMS, refusal.reason());
  }

  @Test
  void eachOfTwoPlatformsNeedsItsOwnEndorsements() {
    // At a time at which neither is valid, and with the other's endorsements.
    verifier = new SgxEvidenceVerifier(SgxVectors.at(SgxVectors.DCAP_TIME));
    assertEquals(EvidenceRefusal.NOT_YET_VALID, refusal(evidence, endorsement));
  }

  /** Offset of the field, what it is, which check notices that its first bit is another. */
  @ParameterizedTest
  @CsvSource({
    "0, version, UNSUPPORTED_FORMAT",
    "2, kind of attestation key, UNSUPPORTED_FORMAT",
    "4, kind of enclave, MALFORMED_EVIDENCE",
    "8, version of the quoting enclave, QUOTE_SIGNATURE",
    "10, version of the provisioning enclave, QUOTE_SIGNATURE",
    "12, vendor, QE_VENDOR",
    "27, end of the vendor, QE_VENDOR",
    "28, user data, QUOTE_SIGNATURE",
    "48, CPUSVN, QUOTE_SIGNATURE",
    "64, MISCSELECT, QUOTE_SIGNATURE",
    "68, reserved, QUOTE_SIGNATURE",
    "80, extended product id, QUOTE_SIGNATURE",
    "96, attributes, QUOTE_SIGNATURE",
    "104, XFRM, QUOTE_SIGNATURE",
    "112, MRENCLAVE, QUOTE_SIGNATURE",
    "144, reserved, QUOTE_SIGNATURE",
    "176, MRSIGNER, QUOTE_SIGNATURE",
    "208, reserved, QUOTE_SIGNATURE",
    "240, configuration id, QUOTE_SIGNATURE",
    "304, product id, QUOTE_SIGNATURE",
    "306, security version, QUOTE_SIGNATURE",
    "308, configuration's version, QUOTE_SIGNATURE",
    "310, reserved, QUOTE_SIGNATURE",
    "352, family id, QUOTE_SIGNATURE",
    "368, report data, QUOTE_SIGNATURE",
    "400, the other half of the report data, QUOTE_SIGNATURE",
    "432, size of the signature, MALFORMED_EVIDENCE",
    "436, r of the quote, QUOTE_SIGNATURE",
    "468, s of the quote, QUOTE_SIGNATURE",
    "500, x of the attestation key, ATTESTATION_KEY",
    "532, y of the attestation key, ATTESTATION_KEY",
    "564, CPUSVN of the quoting enclave, QE_REPORT_SIGNATURE",
    "580, its MISCSELECT, QE_REPORT_SIGNATURE",
    "612, its attributes, QE_REPORT_SIGNATURE",
    "628, its MRENCLAVE, QE_REPORT_SIGNATURE",
    "692, its MRSIGNER, QE_REPORT_SIGNATURE",
    "820, its product id, QE_REPORT_SIGNATURE",
    "822, its security version, QE_REPORT_SIGNATURE",
    "884, its report data, QE_REPORT_SIGNATURE",
    "916, the other half of them, QE_REPORT_SIGNATURE",
    "948, r of its report, QE_REPORT_SIGNATURE",
    "980, s of its report, QE_REPORT_SIGNATURE",
    "1012, size of its data, MALFORMED_EVIDENCE",
    "1014, its data, ATTESTATION_KEY",
    "1045, end of its data, ATTESTATION_KEY",
    "1046, kind of certificates, MALFORMED_EVIDENCE",
    "1048, size of the certificates, MALFORMED_EVIDENCE",
    "1052, first certificate's frame, CERTIFICATES",
  })
  void aFieldOfTheQuoteThatIsAnother(int offset, String what, EvidenceRefusal expected) {
    evidence[offset] ^= 1;
    assertEquals(expected, refusal(evidence, endorsement), what);
  }

  /** Every byte outside the certificates, which the next test is about. */
  @Test
  void noByteOfTheQuoteOrTheClaimsCanBeAnother() throws Exception {
    VerifiedEvidence unused = verifier.verify(evidence, endorsement); // And remembers the rest.
    SgxQuote quote = SgxQuote.parse(evidence);
    int certificates = 1052;
    int claims = evidence.length - quote.claims.length;
    assertEquals(certificates + quote.certificates.length, claims);
    for (int i = 0; i < evidence.length; i++) {
      if (i >= certificates && i < claims) {
        continue;
      }
      byte[] altered = evidence.clone();
      altered[i] ^= (byte) (1 << (i % 8));
      EvidenceRefusal reason = refusal(altered, endorsement);
      if (i >= claims) {
        assertEquals(EvidenceRefusal.CLAIMS_HASH, reason, "byte " + i);
      }
    }
  }

  @Test
  void noByteOfTheCertificatesCanBeAnother() {
    int certificates = 1052;
    int end = evidence.length - 184;
    for (int i = certificates; i < end; i += 23) {
      byte[] altered = evidence.clone();
      altered[i] ^= (byte) (1 << (i % 7));
      EvidenceRefusal unused = refusal(altered, endorsement);
    }
    evidence[end - 1] = '\n'; // The NUL.
    assertEquals(EvidenceRefusal.CERTIFICATES, refusal(evidence, endorsement));
  }

  /** Bytes between the parts of the endorsements, and how far into the part the altered one is. */
  @ParameterizedTest
  @CsvSource({
    "0, 0, MALFORMED_ENDORSEMENT",
    "1, 0, MALFORMED_TCB_INFO",
    "1, 20, TCB_INFO_SIGNATURE",
    "1, 110, TCB_INFO_SIGNATURE",
    "1, 250, TCB_INFO_SIGNATURE",
    "1, 9000, TCB_INFO_SIGNATURE",
    "1, 9300, TCB_INFO_SIGNATURE",
    "1, 9345, MALFORMED_TCB_INFO",
    "1, 9346, MALFORMED_ENDORSEMENT",
    "2, 0, CERTIFICATES",
    "2, 200, CERTIFICATES",
    "2, 400, CERTIFICATES",
    "2, 1892, MALFORMED_ENDORSEMENT",
    "3, 0, REVOCATION_LIST",
    "3, 70, REVOCATION_LIST",
    "3, 1500, REVOCATION_LIST",
    "3, 3340, REVOCATION_LIST",
    "3, 3354, MALFORMED_ENDORSEMENT",
    "4, 0, REVOCATION_LIST",
    "4, 60, REVOCATION_LIST",
    "4, 280, REVOCATION_LIST",
    "4, 294, MALFORMED_ENDORSEMENT",
    "5, 0, CERTIFICATES",
    "5, 300, CERTIFICATES",
    "5, 1904, MALFORMED_ENDORSEMENT",
    "6, 0, MALFORMED_QE_IDENTITY",
    "6, 40, QE_IDENTITY_SIGNATURE",
    "6, 700, QE_IDENTITY_SIGNATURE",
    "6, 1300, QE_IDENTITY_SIGNATURE",
    "6, 1380, MALFORMED_ENDORSEMENT",
    "7, 0, CERTIFICATES",
    "7, 300, CERTIFICATES",
    "7, 1892, MALFORMED_ENDORSEMENT",
    "8, 0, MALFORMED_ENDORSEMENT",
    "8, 3, MALFORMED_ENDORSEMENT",
    "8, 20, MALFORMED_ENDORSEMENT",
  })
  void aByteOfTheEndorsementsThatIsAnother(int part, int at, EvidenceRefusal expected) {
    int offset =
        52 + ByteBuffer.wrap(endorsement).order(ByteOrder.LITTLE_ENDIAN).getInt(16 + 4 * part);
    endorsement[offset + at] ^= 1;
    assertEquals(expected, refusal(evidence, endorsement));
  }

  /** Byte of the header. */
  @ParameterizedTest
  @CsvSource({
    "0", "4", "8", "11", "12", "16", "20", "24", "28", "32", "36", "40", "44", "48", "51"
  })
  void theLayoutOfTheEndorsements(int at) {
    endorsement[at] ^= 1;
    EvidenceRefusal reason = refusal(evidence, endorsement);
    if (at < 20) {
      assertEquals(EvidenceRefusal.MALFORMED_ENDORSEMENT, reason);
    }
  }

  @Test
  void noByteOfTheEndorsementsCanBeAnother() {
    int created = endorsement.length - 21; // Nobody signs that.
    for (int i = 0; i < created; i += 97) {
      byte[] altered = endorsement.clone();
      altered[i] ^= (byte) (1 << (i % 7));
      EvidenceRefusal unused = refusal(evidence, altered);
    }
  }

  @Test
  void everyTruncationIsRefused() {
    for (int size = 0; size < evidence.length; size += 13) {
      EvidenceRefusal reason = refusal(Arrays.copyOf(evidence, size), endorsement);
      assertTrue(
          reason == EvidenceRefusal.UNSUPPORTED_FORMAT
              || reason == EvidenceRefusal.MALFORMED_EVIDENCE
              || reason == EvidenceRefusal.CLAIMS_HASH,
          reason::name);
    }
    for (int size = 0; size < endorsement.length; size += 101) {
      assertEquals(
          EvidenceRefusal.MALFORMED_ENDORSEMENT,
          refusal(evidence, Arrays.copyOf(endorsement, size)));
    }
    byte[] longer = Arrays.copyOf(endorsement, endorsement.length + 1);
    assertEquals(EvidenceRefusal.MALFORMED_ENDORSEMENT, refusal(evidence, longer));
    longer = Arrays.copyOf(evidence, evidence.length + 1);
    assertEquals(EvidenceRefusal.CLAIMS_HASH, refusal(longer, endorsement));
  }

  @Test
  void itHasItsTime() throws Exception {
    VerifiedEvidence verified = verifier.verify(evidence, endorsement);
    Instant from = verified.validFrom().orElseThrow();
    Instant to = verified.validTo().orElseThrow();
    assertTrue(Duration.between(from, to).compareTo(Duration.ofDays(31)) < 0);
    verifier = new SgxEvidenceVerifier(SgxVectors.at(to));
    assertEquals(to, verifier.verify(evidence, endorsement).validTo().orElseThrow());
    verifier = new SgxEvidenceVerifier(SgxVectors.at(to.plusMillis(1)));
    assertEquals(EvidenceRefusal.EXPIRED, refusal(evidence, endorsement));
    verifier = new SgxEvidenceVerifier(SgxVectors.at(from.minusMillis(1)));
    assertEquals(EvidenceRefusal.NOT_YET_VALID, refusal(evidence, endorsement));
  }

  @Test
  void theExtensionOfAPlatformsCertificate() throws Exception {
    PckExtension extension = PckExtension.parse(SgxVectors.file("sgx_x509_extension.der"));
    assertEquals(2, extension.pceId.length);
    assertEquals(6, extension.fmspc.length);
    assertTrue(extension.pceSvn > 0);
    byte[] der = SgxVectors.file("sgx_x509_extension.der");
    for (int size = 0; size < der.length; size++) {
      byte[] cut = Arrays.copyOf(der, size);
      EvidenceException e = assertThrows(EvidenceException.class, () -> PckExtension.parse(cut));
      assertEquals(EvidenceRefusal.MALFORMED_PCK_CERTIFICATE, e.reason());
    }
  }

  @Test
  void nothingIsVerifiedWithoutEndorsements() {
    assertEquals(EvidenceRefusal.MALFORMED_ENDORSEMENT, refusal(evidence, new byte[0]));
  }
}
