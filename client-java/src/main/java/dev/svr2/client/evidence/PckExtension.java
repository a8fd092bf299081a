// SPDX-License-Identifier: Apache-2.0
//
// What a platform's certificate says of the platform: the SGX extension, OID 1.2.840.113741.1.13.1.
// Source: Intel SGX PCK Certificate and CRL Profile Specification, section 1.3.5.
package dev.svr2.client.evidence;

import java.io.IOException;
import java.math.BigInteger;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1Encoding;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.ASN1Primitive;
import org.bouncycastle.asn1.ASN1Sequence;

/** Immutable by convention. */
final class PckExtension {
  static final String OID = "1.2.840.113741.1.13.1";
  static final int COMPONENTS = 16;
  private static final String TCB = OID + ".2";
  private static final String PCE_SVN = TCB + ".17";
  private static final String CPU_SVN = TCB + ".18";
  private static final String PCE_ID = OID + ".3";
  private static final String FMSPC = OID + ".4";

  final int[] componentSvns = new int[COMPONENTS];
  final int pceSvn;
  final byte[] pceId;
  final byte[] fmspc;

  private PckExtension(byte[] der) throws EvidenceException {
    Map<String, ASN1Encodable> all = fields(sequence(decode(der)));
    Map<String, ASN1Encodable> tcb = fields(sequence(need(all, TCB)));
    for (int i = 0; i < COMPONENTS; i++) {
      componentSvns[i] = number(need(tcb, TCB + "." + (i + 1)), 0xff);
    }
    pceSvn = number(need(tcb, PCE_SVN), 0xffff);
    octets(need(tcb, CPU_SVN), 16);
    pceId = octets(need(all, PCE_ID), 2);
    fmspc = octets(need(all, FMSPC), 6);
  }

  /** Reads it from a certificate. */
  static PckExtension of(X509Certificate certificate) throws EvidenceException {
    byte[] wrapped = certificate.getExtensionValue(OID);
    if (wrapped == null) {
      throw malformed("it is not there");
    }
    return parse(octets(decode(wrapped), -1));
  }

  /** Reads its value. */
  static PckExtension parse(byte[] der) throws EvidenceException {
    return new PckExtension(der);
  }

  private static ASN1Primitive decode(byte[] der) throws EvidenceException {
    try {
      ASN1Primitive out = ASN1Primitive.fromByteArray(der);
      if (out != null && Arrays.equals(out.getEncoded(ASN1Encoding.DER), der)) {
        return out;
      }
    } catch (IOException | RuntimeException e) {
      // Bouncy Castle reads some of the structure late and complains with unchecked exceptions.
      throw malformed("not DER");
    }
    throw malformed("not DER");
  }

  private static ASN1Sequence sequence(ASN1Encodable value) throws EvidenceException {
    if (!(value instanceof ASN1Sequence)) {
      throw malformed("not a sequence");
    }
    return (ASN1Sequence) value;
  }

  private static Map<String, ASN1Encodable> fields(ASN1Sequence sequence) throws EvidenceException {
    Map<String, ASN1Encodable> out = new HashMap<>();
    for (ASN1Encodable element : sequence) {
      ASN1Sequence pair = sequence(element);
      if (pair.size() != 2 || !(pair.getObjectAt(0) instanceof ASN1ObjectIdentifier)) {
        throw malformed("not pairs of a name and a value");
      }
      String name = ((ASN1ObjectIdentifier) pair.getObjectAt(0)).getId();
      if (out.put(name, pair.getObjectAt(1)) != null) {
        throw malformed(name + " stands there twice");
      }
    }
    return out;
  }

  private static ASN1Encodable need(Map<String, ASN1Encodable> fields, String name)
      throws EvidenceException {
    ASN1Encodable value = fields.get(name);
    if (value == null) {
      throw malformed(name + " is missing");
    }
    return value;
  }

  private static int number(ASN1Encodable value, int max) throws EvidenceException {
    if (value instanceof ASN1Integer) {
      BigInteger number = ((ASN1Integer) value).getValue();
      if (number.signum() >= 0 && number.compareTo(BigInteger.valueOf(max)) <= 0) {
        return number.intValue();
      }
    }
    throw malformed("a security version is out of range");
  }

  /**
   * @param length -1 for any
   */
  private static byte[] octets(ASN1Encodable value, int length) throws EvidenceException {
    if (value instanceof ASN1OctetString) {
      byte[] octets = ((ASN1OctetString) value).getOctets();
      if (length < 0 || octets.length == length) {
        return octets;
      }
    }
    throw malformed("a field is not " + length + " bytes");
  }

  private static EvidenceException malformed(String detail) {
    return new EvidenceException(EvidenceRefusal.MALFORMED_PCK_CERTIFICATE, detail);
  }
}
