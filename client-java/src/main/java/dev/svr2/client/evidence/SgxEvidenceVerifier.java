// SPDX-License-Identifier: Apache-2.0
//
// Evidence of SGX hardware: a quote that an enclave of Intel signed, with Intel's word on the
// platform. Source: protocol.md §6.
package dev.svr2.client.evidence;

import dev.svr2.client.internal.Hex;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.PublicKey;
import java.time.Clock;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Verifies SGX ECDSA evidence, format of Open Enclave, without asking anyone: the endorsements come
 * with it. What costs most, certificates, what Intel signed and the quoting enclave's report, is
 * remembered by hash until the first of its parts expires; at most {@value #CACHED_PLATFORMS}
 * platforms, about 10 KB each. Thread-safe.
 *
 * <p>Every check is made, in the order of {@link EvidenceRefusal}, before anything in the evidence
 * is believed. Whether the platform's status, the measurement and the group are acceptable is the
 * pins' matter: {@link dev.svr2.client.PinPolicy#check}.
 *
 * @since 0.1
 */
public final class SgxEvidenceVerifier implements EvidenceVerifier {
  /** Platforms whose verified collateral is remembered. */
  public static final int CACHED_PLATFORMS = 32;

  /** x ‖ y of Intel's "SGX Root CA" certificate of 2018 and 2019. */
  private static final byte[] INTEL_ROOT_KEY =
      Hex.decode(
          "0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5"
              + "67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394");

  private static final byte[] INTEL_QE_VENDOR = Hex.decode("939a7233f79c4ca9940a0db3957f0607");

  /** A verified quoting enclave on a verified platform. */
  private static final class Signer {
    final PublicKey key;
    final Collateral collateral;

    Signer(PublicKey key, Collateral collateral) {
      this.key = key;
      this.collateral = collateral;
    }
  }

  private final Clock clock;
  private final byte[] rootKey;
  private final Map<ByteBuffer, Signer> cache =
      new LinkedHashMap<ByteBuffer, Signer>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<ByteBuffer, Signer> eldest) {
          return size() > CACHED_PLATFORMS;
        }
      };

  /** With the system's clock. */
  public SgxEvidenceVerifier() {
    this(Clock.systemUTC());
  }

  /**
   * With another clock, which dates are compared with.
   *
   * @param clock a wrong one accepts what has expired, or refuses what is valid
   */
  public SgxEvidenceVerifier(Clock clock) {
    this(clock, INTEL_ROOT_KEY);
  }

  /** For tests, with another root than Intel's. */
  SgxEvidenceVerifier(Clock clock, byte[] rootKey) {
    this.clock = clock;
    this.rootKey = rootKey.clone();
  }

  @Override
  public boolean recognizes(byte[] evidence) {
    // Version 3 and its key type. Simulated evidence begins with letters.
    return evidence.length >= 4
        && evidence[0] == 3
        && evidence[1] == 0
        && evidence[2] == 2
        && evidence[3] == 0;
  }

  @Override
  public VerifiedEvidence verify(byte[] evidence, byte[] endorsement) throws EvidenceException {
    if (!recognizes(evidence)) {
      throw new EvidenceException(EvidenceRefusal.UNSUPPORTED_FORMAT);
    }
    SgxQuote quote = SgxQuote.parse(evidence);
    Collateral collateral = verifyQuote(quote, endorsement);
    ClaimsBlock claims = ClaimsBlock.parse(ByteBuffer.wrap(quote.claims));
    return new VerifiedEvidence(quote.report, claims, collateral);
  }

  /** All but what the claims say. */
  Collateral verifyQuote(SgxQuote quote, byte[] endorsement) throws EvidenceException {
    if (!Arrays.equals(quote.vendor, INTEL_QE_VENDOR)) {
      throw new EvidenceException(EvidenceRefusal.QE_VENDOR);
    }
    Signer signer = signer(quote, endorsement);
    if (!P256.verify(signer.key, quote.signedBytes, quote.signature)) {
      throw new EvidenceException(EvidenceRefusal.QUOTE_SIGNATURE);
    }
    // A hash of anything is never all zero: report data that nobody set binds nothing.
    if (!quote.report.binds(sha256(quote.claims)) || quote.report.binds(new byte[32])) {
      throw new EvidenceException(EvidenceRefusal.CLAIMS_HASH);
    }
    return signer.collateral;
  }

  /** Who signed the quote, out of memory or verified now. */
  private Signer signer(SgxQuote quote, byte[] endorsement) throws EvidenceException {
    Instant now = clock.instant();
    ByteBuffer name =
        ByteBuffer.wrap(
            sha256(
                sha256(quote.certificates),
                sha256(endorsement),
                sha256(quote.qeAuthenticationData),
                quote.attestationKey,
                quote.qeReport.bytes,
                quote.qeReportSignature));
    synchronized (cache) {
      Signer known = cache.get(name);
      if (known != null && known.collateral.validity.holds(now)) {
        return known;
      }
    }
    // Outside the lock: two threads that meet the same platform at once both verify it.
    Signer fresh = verifySigner(quote, endorsement, now);
    synchronized (cache) {
      cache.put(name, fresh);
    }
    return fresh;
  }

  private Signer verifySigner(SgxQuote quote, byte[] endorsement, Instant now)
      throws EvidenceException {
    byte[] chain = quote.certificates;
    if (chain.length == 0 || chain[chain.length - 1] != 0) {
      throw new EvidenceException(
          EvidenceRefusal.CERTIFICATES, "the platform's certificate chain does not end in NUL");
    }
    Collateral collateral =
        Collateral.verify(
            Arrays.copyOf(chain, chain.length - 1),
            SgxEndorsements.parse(endorsement),
            rootKey,
            now);
    if (!P256.verify(collateral.platformKey, quote.qeReport.bytes, quote.qeReportSignature)) {
      throw new EvidenceException(EvidenceRefusal.QE_REPORT_SIGNATURE);
    }
    collateral.qeIdentity.check(quote.qeReport);
    if (!quote.qeReport.binds(sha256(quote.attestationKey, quote.qeAuthenticationData))) {
      throw new EvidenceException(EvidenceRefusal.ATTESTATION_KEY);
    }
    try {
      return new Signer(P256.publicKey(quote.attestationKey), collateral);
    } catch (GeneralSecurityException e) {
      throw new EvidenceException(EvidenceRefusal.ATTESTATION_KEY, "not a key of P-256");
    }
  }

  private static byte[] sha256(byte[]... parts) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (byte[] part : parts) {
        digest.update(part);
      }
      return digest.digest();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every platform has SHA-256", e);
    }
  }
}
