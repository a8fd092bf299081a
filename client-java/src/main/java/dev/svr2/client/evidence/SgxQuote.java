// SPDX-License-Identifier: Apache-2.0
//
// SGX quote of version 3 with an ECDSA P-256 attestation key, and what stands behind it. Layout:
// Intel SGX ECDSA QuoteGenReference, Appendix A.4 (little-endian); protocol.md §6.
package dev.svr2.client.evidence;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** The parts of one quote, copied; nothing in it is verified. Immutable by convention. */
final class SgxQuote {
  private static final int HEADER_BYTES = 48;
  private static final int SIGNED_BYTES = HEADER_BYTES + Report.BYTES;
  private static final int VERSION = 3;
  private static final int KEY_ECDSA_P256 = 2;
  private static final int CERTIFICATES_PCK_CHAIN = 5;
  private static final int VENDOR_OFFSET = 12;
  private static final int VENDOR_BYTES = 16;
  private static final int CERTIFICATES_MAX_BYTES = 64 * 1024;

  /** The body of a report: 384 bytes. */
  static final class Report {
    static final int BYTES = 384;
    private static final int MISC_SELECT = 16;
    private static final int ATTRIBUTES = 48;
    private static final int ATTRIBUTES_BYTES = 16;
    private static final int MRENCLAVE = 64;
    private static final int MRSIGNER = 128;
    private static final int PRODUCT_ID = 256;
    private static final int SVN = 258;
    private static final int REPORT_DATA = 320;
    private static final int REPORT_DATA_BYTES = 64;
    private static final long ATTRIBUTE_DEBUG = 1L << 1;

    final byte[] bytes;

    Report(byte[] bytes) {
      this.bytes = bytes;
    }

    private byte[] part(int offset, int length) {
      return Arrays.copyOfRange(bytes, offset, offset + length);
    }

    private ByteBuffer buffer() {
      return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    byte[] miscSelect() {
      return part(MISC_SELECT, 4);
    }

    byte[] attributes() {
      return part(ATTRIBUTES, ATTRIBUTES_BYTES);
    }

    boolean debug() {
      return (buffer().getLong(ATTRIBUTES) & ATTRIBUTE_DEBUG) != 0;
    }

    byte[] mrenclave() {
      return part(MRENCLAVE, 32);
    }

    byte[] mrsigner() {
      return part(MRSIGNER, 32);
    }

    int productId() {
      return buffer().getShort(PRODUCT_ID) & 0xffff;
    }

    int securityVersion() {
      return buffer().getShort(SVN) & 0xffff;
    }

    /** Whether its report data are a hash and 32 zeros. */
    boolean binds(byte[] hash) {
      byte[] expected = Arrays.copyOf(hash, REPORT_DATA_BYTES);
      return Arrays.equals(part(REPORT_DATA, REPORT_DATA_BYTES), expected);
    }
  }

  /** Header and report of the enclave: what the attestation key signs. */
  final byte[] signedBytes;

  final byte[] vendor;
  final Report report;
  final byte[] signature;
  final byte[] attestationKey;
  final Report qeReport;
  final byte[] qeReportSignature;
  final byte[] qeAuthenticationData;

  /** The chain of the platform's key: PEM, with a NUL at the end. */
  final byte[] certificates;

  /** What follows the quote: the claims block. */
  final byte[] claims;

  private SgxQuote(ByteBuffer in) throws EvidenceException {
    signedBytes = take(in, SIGNED_BYTES);
    ByteBuffer header = ByteBuffer.wrap(signedBytes).order(ByteOrder.LITTLE_ENDIAN);
    if (header.getShort(0) != VERSION) {
      throw malformed("not a quote of version 3");
    }
    if (header.getShort(2) != KEY_ECDSA_P256 || header.getInt(4) != 0) {
      throw malformed("not signed with an ECDSA P-256 key of SGX");
    }
    vendor = Arrays.copyOfRange(signedBytes, VENDOR_OFFSET, VENDOR_OFFSET + VENDOR_BYTES);
    report = new Report(Arrays.copyOfRange(signedBytes, HEADER_BYTES, SIGNED_BYTES));
    int signatureBytes = in.getInt();
    if (signatureBytes < 0 || signatureBytes > in.remaining()) {
      throw malformed("the signature's size is out of range");
    }
    int end = in.position() + signatureBytes;
    signature = take(in, P256.SIGNATURE_BYTES);
    attestationKey = take(in, P256.POINT_BYTES);
    qeReport = new Report(take(in, Report.BYTES));
    qeReportSignature = take(in, P256.SIGNATURE_BYTES);
    qeAuthenticationData = take(in, in.getShort() & 0xffff);
    if (in.getShort() != CERTIFICATES_PCK_CHAIN) {
      throw malformed("it does not come with the certificates of the platform's key");
    }
    int size = in.getInt();
    if (size < 0 || size > CERTIFICATES_MAX_BYTES) {
      throw malformed("the size of its certificates is out of range");
    }
    certificates = take(in, size);
    if (in.position() != end) {
      throw malformed("the signature's size is not that of its parts");
    }
    claims = take(in, in.remaining());
  }

  /** Splits evidence. */
  static SgxQuote parse(byte[] evidence) throws EvidenceException {
    try {
      return new SgxQuote(ByteBuffer.wrap(evidence).order(ByteOrder.LITTLE_ENDIAN));
    } catch (BufferUnderflowException e) {
      throw malformed("too short");
    }
  }

  private static byte[] take(ByteBuffer in, int length) {
    if (length > in.remaining()) {
      throw new BufferUnderflowException();
    }
    byte[] out = new byte[length];
    in.get(out);
    return out;
  }

  private static EvidenceException malformed(String detail) {
    return new EvidenceException(EvidenceRefusal.MALFORMED_EVIDENCE, detail);
  }
}
