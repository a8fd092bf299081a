// SPDX-License-Identifier: Apache-2.0
//
// Evidence in which everything is signed as it should be and one thing is wrong. Each case names
// the check that has to notice.
package dev.svr2.client.evidence;

import static dev.svr2.client.evidence.SyntheticSgx.NOW;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.client.internal.Hex;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.bouncycastle.asn1.ASN1EncodableVector;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SgxSyntheticTest {
  private static final Instant PAST = NOW.minus(Duration.ofDays(1));
  private static final Instant FUTURE = NOW.plus(Duration.ofDays(1));

  private static VerifiedEvidence verify(SyntheticSgx sgx) throws Exception {
    SyntheticSgx.Built built = sgx.build();
    return new SgxEvidenceVerifier(SgxVectors.at(NOW), SyntheticSgx.rootPoint())
        .verify(built.evidence, built.endorsement);
  }

  @Test
  void whatIsRightIsVerified() throws Exception {
    VerifiedEvidence verified = verify(new SyntheticSgx());
    assertArrayEquals(SyntheticSgx.PUBLIC_KEY, verified.publicKey());
    assertEquals(TcbStatus.UP_TO_DATE, verified.tcbStatus().orElseThrow());
    assertEquals(17, verified.evaluationNumber());
    assertEquals("0123456789abcdef", verified.group().groupIdHex());
    assertEquals(Instant.parse("2026-08-19T00:00:00Z"), verified.validTo().orElseThrow());
    assertEquals(NOW.minus(Duration.ofDays(3)), verified.validFrom().orElseThrow());
  }

  @Test
  void debugIsSaid() throws Exception {
    SyntheticSgx sgx = new SyntheticSgx();
    sgx.report = bytes -> bytes[48] |= 2;
    assertTrue(verify(sgx).debug());
  }

  /** The first level that matches counts, in the order in which they stand. */
  @Test
  void levelsMatchInOrder() throws Exception {
    SyntheticSgx sgx = new SyntheticSgx();
    sgx.svns[6] = 0;
    assertEquals(TcbStatus.CONFIGURATION_NEEDED, verify(sgx).tcbStatus().orElseThrow());
    sgx = new SyntheticSgx();
    sgx.pceSvn = 12;
    VerifiedEvidence old = verify(sgx);
    assertEquals(TcbStatus.OUT_OF_DATE, old.tcbStatus().orElseThrow());
    assertEquals(List.of("INTEL-SA-1"), old.advisories());
    sgx = new SyntheticSgx();
    Arrays.fill(sgx.svns, 255);
    sgx.pceSvn = 65_535;
    assertEquals(TcbStatus.UP_TO_DATE, verify(sgx).tcbStatus().orElseThrow());
    for (TcbStatus status : TcbStatus.values()) {
      sgx = new SyntheticSgx();
      sgx.tcbStatus = status.wireName();
      assertEquals(status, verify(sgx).tcbStatus().orElseThrow());
    }
  }

  private static final List<Arguments> CASES = new ArrayList<>();

  private static void add(
      String what, EvidenceRefusal expected, Consumer<SyntheticSgx> alteration) {
    CASES.add(Arguments.of(what, expected, alteration));
  }

  private static void replaced(String part, String from, String to, EvidenceRefusal expected) {
    add(
        part + " " + from + " becomes " + to,
        expected,
        sgx -> {
          if (part.equals("TCB info")) {
            sgx.tcbInfo = text -> replace(text, from, to);
          } else {
            sgx.qeIdentity = text -> replace(text, from, to);
          }
        });
  }

  private static String replace(String text, String from, String to) {
    assertTrue(text.contains(from), from);
    return text.replace(from, to);
  }

  static {
    certificates();
    lists();
    tcbInfo();
    qeIdentity();
    platform();
    quote();
    claims();
    endorsements();
  }

  private interface Picks {
    SyntheticSgx.Cert of(SyntheticSgx sgx);
  }

  private static void certificates() {
    String[] names = {"root", "platform CA", "TCB signer", "platform's certificate"};
    Picks[] picks = {s -> s.root, s -> s.platformCa, s -> s.tcbSigner, s -> s.pck};
    for (int i = 0; i < names.length; i++) {
      Picks pick = picks[i];
      String name = names[i];
      add(name + " expired", EvidenceRefusal.EXPIRED, s -> pick.of(s).to = PAST);
      add(name + " of the future", EvidenceRefusal.NOT_YET_VALID, s -> pick.of(s).from = FUTURE);
      add(
          name + " signed by a stranger",
          EvidenceRefusal.CERTIFICATES,
          s -> pick.of(s).issuerKey = SyntheticSgx.newKey());
      if (i > 0) {
        add(
            name + " of another issuer's name",
            EvidenceRefusal.CERTIFICATES,
            s -> pick.of(s).issuerName = "Another");
        add(
            name + " of another name",
            EvidenceRefusal.CERTIFICATES,
            s -> pick.of(s).name = "Intel SGX Something");
      }
    }
    add("another root", EvidenceRefusal.ROOT_KEY, s -> s.root.key = SyntheticSgx.newKey());
    add("root is no authority", EvidenceRefusal.CERTIFICATES, s -> s.root.authority = false);
    add("CA is no authority", EvidenceRefusal.CERTIFICATES, s -> s.platformCa.authority = false);
    add(
        "CA may not sign certificates",
        EvidenceRefusal.CERTIFICATES,
        s -> s.platformCa.usage = KeyUsage.cRLSign);
    add(
        "chain of two",
        EvidenceRefusal.CERTIFICATES,
        s -> s.pckChain = pem -> pem.substring(pem.indexOf("-----BEGIN", 1)));
    add("chain of four", EvidenceRefusal.CERTIFICATES, s -> s.pckChain = pem -> pem + last(pem));
    add("text before the chain", EvidenceRefusal.CERTIFICATES, s -> s.pckChain = pem -> " " + pem);
    add("text behind the chain", EvidenceRefusal.CERTIFICATES, s -> s.pckChain = pem -> pem + " ");
    add("no chain", EvidenceRefusal.CERTIFICATES, s -> s.pckChain = pem -> "");
    add(
        "a TCB signer signs platforms",
        EvidenceRefusal.CERTIFICATES,
        s -> {
          s.pck.issuerKey = s.tcbSigner.key;
          s.pck.issuerName = s.tcbSigner.name;
        });
    add("a CA signs TCB info", EvidenceRefusal.CERTIFICATES, s -> s.qeSigner = s.platformCa);
    add(
        "QE identity's signer expired",
        EvidenceRefusal.EXPIRED,
        s -> {
          s.qeSigner = signer(s, 9);
          s.qeSigner.to = PAST;
        });
    add(
        "PCK CRL's issuer expired",
        EvidenceRefusal.EXPIRED,
        s -> {
          s.crlCa = new SyntheticSgx.Cert(s.platformCa.name, s.platformCa.key, s.root, true, 8);
          s.crlCa.to = PAST;
        });
  }

  private static SyntheticSgx.Cert signer(SyntheticSgx sgx, long serial) {
    return new SyntheticSgx.Cert(
        "Intel SGX TCB Signing", SyntheticSgx.newKey(), sgx.root, false, serial);
  }

  private static String last(String pem) {
    return pem.substring(pem.lastIndexOf("-----BEGIN"));
  }

  private static void lists() {
    EvidenceRefusal revoked = EvidenceRefusal.REVOKED;
    add("platform CA revoked", revoked, s -> s.rootCrl.revoked.add(BigInteger.valueOf(2)));
    add("TCB signer revoked", revoked, s -> s.rootCrl.revoked.add(BigInteger.valueOf(3)));
    add("platform revoked", revoked, s -> s.pckCrl.revoked.add(BigInteger.valueOf(4)));
    add(
        "QE identity's signer revoked",
        revoked,
        s -> {
          s.qeSigner = signer(s, 9);
          s.rootCrl.revoked.add(BigInteger.valueOf(9));
        });
    for (boolean ofRoot : new boolean[] {true, false}) {
      String name = ofRoot ? "root CRL" : "PCK CRL";
      add(name + " expired", EvidenceRefusal.EXPIRED, s -> list(s, ofRoot).to = PAST);
      add(
          name + " of the future",
          EvidenceRefusal.NOT_YET_VALID,
          s -> list(s, ofRoot).from = FUTURE);
      EvidenceRefusal refused = EvidenceRefusal.REVOCATION_LIST;
      add(name + " without an end", refused, s -> list(s, ofRoot).to = null);
      add(name + " of a stranger", refused, s -> list(s, ofRoot).key = SyntheticSgx.newKey());
      add(name + " of another name", refused, s -> list(s, ofRoot).issuerName = "Another");
      int part = ofRoot ? 4 : 3;
      add(name + " with something behind it", refused, s -> s.items = p -> longer(p, part));
      add(name + " is none", refused, s -> s.items = p -> with(p, part, new byte[] {48, 1, 0}));
      add(
          name + " of the other authority",
          refused,
          s -> s.items = p -> with(p, part, p[ofRoot ? 3 : 4]));
    }
    add(
        "CA may not sign lists",
        EvidenceRefusal.REVOCATION_LIST,
        s -> s.platformCa.usage = KeyUsage.keyCertSign);
    add(
        "PCK CRL of the other CA",
        EvidenceRefusal.REVOCATION_LIST,
        s -> {
          s.crlCa =
              new SyntheticSgx.Cert(
                  "Intel SGX PCK Processor CA", SyntheticSgx.newKey(), s.root, true, 8);
          s.pckCrl.key = s.crlCa.key;
          s.pckCrl.issuerName = s.crlCa.name;
        });
  }

  private static SyntheticSgx.Revocations list(SyntheticSgx sgx, boolean ofRoot) {
    return ofRoot ? sgx.rootCrl : sgx.pckCrl;
  }

  private static byte[][] with(byte[][] parts, int part, byte[] value) {
    byte[][] out = parts.clone();
    out[part] = value;
    return out;
  }

  private static byte[][] longer(byte[][] parts, int part) {
    return with(parts, part, Arrays.copyOf(parts[part], parts[part].length + 1));
  }

  private static void tcbInfo() {
    String of = "TCB info";
    EvidenceRefusal malformed = EvidenceRefusal.MALFORMED_TCB_INFO;
    replaced(of, "\"SGX\"", "\"TDX\"", malformed);
    replaced(of, "\"version\":3", "\"version\":2", malformed);
    replaced(of, "\"version\":3", "\"version\":\"3\"", malformed);
    replaced(
        of,
        "\"issueDate\":\"2026-07-20",
        "\"issueDate\":\"2026-07-31",
        EvidenceRefusal.NOT_YET_VALID);
    replaced(
        of, "\"nextUpdate\":\"2026-08-19", "\"nextUpdate\":\"2026-07-29", EvidenceRefusal.EXPIRED);
    replaced(of, "\"nextUpdate\":\"2026-08-19", "\"nextUpdate\":\"some day", malformed);
    replaced(of, "\"nextUpdate\"", "\"lastUpdate\"", malformed);
    replaced(of, "\"fmspc\":\"00606A", "\"fmspc\":\"00606B", EvidenceRefusal.PLATFORM);
    replaced(of, "\"fmspc\":\"00606A", "\"fmspc\":\"606A", malformed);
    replaced(of, "\"fmspc\":\"00606A", "\"fmspc\":\"00606G", malformed);
    replaced(of, "\"pceId\":\"0000\"", "\"pceId\":\"0100\"", EvidenceRefusal.PLATFORM);
    replaced(of, "\"tcbType\":0", "\"tcbType\":1", EvidenceRefusal.TCB_TYPE);
    replaced(of, "\"tcbType\":0,", "", malformed);
    replaced(of, "\"tcbType\":0", "\"tcbType\":null", malformed);
    replaced(of, "\"tcbType\":0", "\"tcbType\":0.5", malformed);
    replaced(of, "\"tcbType\":0", "\"tcbType\":-1", malformed);
    replaced(of, "\"tcbType\":0", "\"tcbType\":0,\"tcbType\":0", malformed);
    replaced(of, "\"tcbEvaluationDataNumber\":17,", "", malformed);
    replaced(of, "\"tcbEvaluationDataNumber\":17", "\"tcbEvaluationDataNumber\":-17", malformed);
    replaced(of, "\"svn\":255},{\"svn\":255}", "\"svn\":255}", malformed);
    replaced(of, "{\"svn\":255},{\"svn\":255}", "{\"svn\":255},{\"svn\":256}", malformed);
    replaced(of, "{\"svn\":255},{\"svn\":255}", "{\"svn\":255},{}", malformed);
    replaced(of, "{\"svn\":255},{\"svn\":255}", "{\"svn\":255},255", malformed);
    replaced(of, "\"pcesvn\":13", "\"pcesvn\":65536", malformed);
    replaced(of, "\"tcbStatus\":\"UpToDate\"", "\"tcbStatus\":\"Fine\"", malformed);
    replaced(of, "\"advisoryIDs\":[\"INTEL-SA-1\"]", "\"advisoryIDs\":[1]", malformed);
    replaced(of, "\"advisoryIDs\":[\"INTEL-SA-1\"]", "\"advisoryIDs\":\"INTEL-SA-1\"", malformed);
    replaced(of, "\"tcbLevels\"", "\"tcbLevel\"", malformed);
    replaced(of, "{\"id\"", "{'x':1,\"id\"", malformed);
    replaced(of, "{\"id\"", "{/**/\"id\"", malformed);
    add("TCB info is a list", malformed, s -> s.tcbInfo = text -> "[" + text + "]");
    add("TCB info is cut", malformed, s -> s.tcbInfo = text -> text.substring(0, 300));
    add("TCB info twice", malformed, s -> s.tcbInfo = text -> text + text);
    add("TCB info is too deep", malformed, s -> s.tcbInfo = text -> deep(text));
    add(
        "TCB info of a stranger",
        EvidenceRefusal.QE_IDENTITY_SIGNATURE,
        s -> {
          s.qeSigner = signer(s, 9);
          s.signedQeIdentity = text -> replaceSignature(text, "0");
        });
    EvidenceRefusal unsigned = EvidenceRefusal.TCB_INFO_SIGNATURE;
    add("TCB info's signature", unsigned, s -> s.signedTcbInfo = t -> replaceSignature(t, "1"));
    add(
        "TCB info's signature is zero",
        unsigned,
        s -> s.signedTcbInfo = t -> replaceSignature(t, "0"));
    add("TCB info altered", unsigned, s -> s.signedTcbInfo = t -> replace(t, ":17,", ":18,"));
    add(
        "TCB info with a space",
        unsigned,
        s -> s.signedTcbInfo = t -> t.replace("{\"tcbInfo\":", "{\"tcbInfo\": "));
    add(
        "TCB info under another name",
        malformed,
        s -> s.signedTcbInfo = t -> t.replace("tcbInfo", "tcbinfo"));
    add("TCB info with a tail", malformed, s -> s.signedTcbInfo = t -> t + " ");
    add(
        "TCB info's signature in mixed case",
        malformed,
        s -> s.signedTcbInfo = t -> replaceSignature(t, "Aa"));
    add(
        "TCB info's signature in other digits",
        malformed,
        s -> s.signedTcbInfo = t -> replaceSignature(t, "g"));
    add("TCB info is not UTF-8", malformed, s -> s.items = p -> with(p, 1, notUtf8(p[1])));
  }

  private static byte[] notUtf8(byte[] text) {
    byte[] out = text.clone();
    out[30] = (byte) 0xff;
    return out;
  }

  private static String deep(String text) {
    return text.substring(0, text.length() - 1)
        + ",\"x\":"
        + String.join("", java.util.Collections.nCopies(9, "["))
        + String.join("", java.util.Collections.nCopies(9, "]"))
        + "}";
  }

  private static String replaceSignature(String text, String digits) {
    int end = text.length() - 2;
    String all = String.join("", java.util.Collections.nCopies(128, digits)).substring(0, 128);
    return text.substring(0, end - 128) + all + text.substring(end);
  }

  private static void qeIdentity() {
    String of = "QE identity";
    EvidenceRefusal malformed = EvidenceRefusal.MALFORMED_QE_IDENTITY;
    EvidenceRefusal other = EvidenceRefusal.QE_IDENTITY;
    replaced(of, "\"QE\"", "\"QVE\"", malformed);
    replaced(of, "\"version\":2", "\"version\":1", malformed);
    replaced(
        of,
        "\"issueDate\":\"2026-07-20",
        "\"issueDate\":\"2026-07-31",
        EvidenceRefusal.NOT_YET_VALID);
    replaced(
        of, "\"nextUpdate\":\"2026-08-19", "\"nextUpdate\":\"2026-07-29", EvidenceRefusal.EXPIRED);
    replaced(of, "\"tcbEvaluationDataNumber\":17,", "", malformed);
    replaced(of, "\"miscselect\":\"00000000\"", "\"miscselect\":\"00000001\"", other);
    replaced(of, "\"miscselect\":\"00000000\"", "\"miscselect\":\"00\"", malformed);
    replaced(of, "\"miscselectMask\":", "\"miscselectMusk\":", malformed);
    replaced(of, "\"attributes\":\"11", "\"attributes\":\"13", other);
    replaced(of, "\"attributesMask\":\"FBFF", "\"attributesMask\":\"FB", malformed);
    replaced(of, "8C4F57", "8C4F58", other);
    replaced(of, "8C4F57", "8C4F", malformed);
    replaced(of, "\"isvprodid\":1", "\"isvprodid\":2", other);
    replaced(of, "\"isvprodid\":1", "\"isvprodid\":65536", malformed);
    replaced(of, "\"isvsvn\":6", "\"isvsvn\":7", EvidenceRefusal.QE_OUT_OF_DATE);
    replaced(of, "\"UpToDate\"", "\"Revoked\"", EvidenceRefusal.QE_OUT_OF_DATE);
    replaced(of, "\"UpToDate\"", "\"SWHardeningNeeded\"", EvidenceRefusal.QE_OUT_OF_DATE);
    replaced(of, "\"UpToDate\"", "\"Fine\"", malformed);
    replaced(of, "\"tcbLevels\":[", "\"tcbLevels\":[7,", malformed);
    add("quoting enclave's signer", other, s -> s.qeReport = b -> b[128] ^= 1);
    add("quoting enclave's product", other, s -> s.qeReport = b -> b[256] = 2);
    add("quoting enclave's MISCSELECT", other, s -> s.qeReport = b -> b[19] = 1);
    add("quoting enclave in debug", other, s -> s.qeReport = b -> b[48] |= 2);
    add("quoting enclave without INIT", other, s -> s.qeReport = b -> b[48] = 0x14);
    EvidenceRefusal old = EvidenceRefusal.QE_OUT_OF_DATE;
    add("quoting enclave is old", old, s -> s.qeReport = b -> b[258] = 5);
    add("quoting enclave is older than all", old, s -> s.qeReport = b -> b[258] = 4);
    EvidenceRefusal unsigned = EvidenceRefusal.QE_IDENTITY_SIGNATURE;
    add("QE identity altered", unsigned, s -> s.signedQeIdentity = t -> replace(t, ":17,", ":18,"));
    add(
        "QE identity's signature",
        unsigned,
        s -> s.signedQeIdentity = t -> replaceSignature(t, "2"));
    add("TCB info for QE identity", malformed, s -> s.items = p -> with(p, 6, p[1]));
    add(
        "QE identity for TCB info",
        EvidenceRefusal.MALFORMED_TCB_INFO,
        s -> s.items = p -> with(p, 1, p[6]));
  }

  private static void platform() {
    EvidenceRefusal malformed = EvidenceRefusal.MALFORMED_PCK_CERTIFICATE;
    add("older than all levels", EvidenceRefusal.TCB_LEVEL, s -> s.svns[0] = 3);
    add("older provisioning than all", EvidenceRefusal.TCB_LEVEL, s -> s.pceSvn = 4);
    add("another FMSPC", EvidenceRefusal.PLATFORM, s -> s.fmspc = Hex.decode("00706a000000"));
    add("another PCE id", EvidenceRefusal.PLATFORM, s -> s.pceId = Hex.decode("0001"));
    add("short FMSPC", malformed, s -> s.fmspc = new byte[5]);
    add("long PCE id", malformed, s -> s.pceId = new byte[3]);
    add("a component of 256", malformed, s -> s.svns[3] = 256);
    add("a negative component", malformed, s -> s.svns[3] = -1);
    add("provisioning of 65,536", malformed, s -> s.pceSvn = 65_536);
    add("an extension that is no DER", malformed, s -> s.pck.extension = new byte[] {48, 5, 1});
    add("an extension that is a number", malformed, s -> s.pck.extension = new byte[] {2, 1, 1});
    add("an extension with a tail", malformed, s -> s.pck.extension = new byte[] {48, 0, 0});
    add("an empty extension", malformed, s -> s.pck.extension = new byte[] {48, 0});
    for (int i = 1; i < 4; i++) {
      int field = i;
      add("field " + i + " is missing", malformed, s -> s.extension = f -> without(f, field));
      add("field " + i + " twice", malformed, s -> s.extension = f -> twice(f, field));
    }
    add(
        "TCB is a string",
        malformed,
        s ->
            s.extension = f -> set(f, 1, PckExtension.OID + ".2", new DEROctetString(new byte[1])));
    add(
        "FMSPC is a number",
        malformed,
        s -> s.extension = f -> set(f, 3, PckExtension.OID + ".4", new ASN1Integer(5)));
    add("a component is missing", malformed, s -> s.extension = SgxSyntheticTest::shortTcb);
    add(
        "a field of three",
        malformed,
        s ->
            s.extension =
                f -> {
                  ASN1EncodableVector three = new ASN1EncodableVector();
                  ASN1Sequence pair = (ASN1Sequence) f.get(0);
                  three.add(pair.getObjectAt(0));
                  three.add(pair.getObjectAt(1));
                  three.add(pair.getObjectAt(1));
                  f.set(0, new DERSequence(three));
                  return f;
                });
  }

  private static List<org.bouncycastle.asn1.ASN1Encodable> without(
      List<org.bouncycastle.asn1.ASN1Encodable> fields, int index) {
    fields.remove(index);
    return fields;
  }

  private static List<org.bouncycastle.asn1.ASN1Encodable> twice(
      List<org.bouncycastle.asn1.ASN1Encodable> fields, int index) {
    fields.add(fields.get(index));
    return fields;
  }

  private static List<org.bouncycastle.asn1.ASN1Encodable> set(
      List<org.bouncycastle.asn1.ASN1Encodable> fields,
      int index,
      String oid,
      org.bouncycastle.asn1.ASN1Encodable value) {
    fields.set(index, SyntheticSgx.field(oid, value));
    return fields;
  }

  private static List<org.bouncycastle.asn1.ASN1Encodable> shortTcb(
      List<org.bouncycastle.asn1.ASN1Encodable> fields) {
    ASN1Sequence tcb = (ASN1Sequence) ((ASN1Sequence) fields.get(1)).getObjectAt(1);
    ASN1EncodableVector fewer = new ASN1EncodableVector();
    for (int i = 1; i < tcb.size(); i++) {
      fewer.add(tcb.getObjectAt(i));
    }
    return set(fields, 1, PckExtension.OID + ".2", new DERSequence(fewer));
  }

  private static void quote() {
    EvidenceRefusal malformed = EvidenceRefusal.MALFORMED_EVIDENCE;
    add("another vendor", EvidenceRefusal.QE_VENDOR, s -> s.header = b -> b[12] ^= 1);
    add("version 4", EvidenceRefusal.UNSUPPORTED_FORMAT, s -> s.header = b -> b[0] = 4);
    add("another kind of key", EvidenceRefusal.UNSUPPORTED_FORMAT, s -> s.header = b -> b[2] = 3);
    add("TDX", malformed, s -> s.header = b -> b[4] = (byte) 0x81);
    EvidenceRefusal signature = EvidenceRefusal.QUOTE_SIGNATURE;
    add("quote of a stranger", signature, s -> s.quoteSigner = SyntheticSgx.newKey());
    EvidenceRefusal key = EvidenceRefusal.ATTESTATION_KEY;
    add("key not in the report", key, s -> s.qeReport = b -> b[320] ^= 1);
    add("more in the report", key, s -> s.qeReport = b -> b[383] = 1);
    add("report data all zero", key, s -> s.qeReport = b -> Arrays.fill(b, 320, 384, (byte) 0));
    add(
        "report of a stranger",
        EvidenceRefusal.QE_REPORT_SIGNATURE,
        s -> s.qeReportSigner = SyntheticSgx.newKey());
    add(
        "report signed by the attestation key",
        EvidenceRefusal.QE_REPORT_SIGNATURE,
        s -> s.qeReportSigner = s.attestation);
  }

  private static void claims() {
    EvidenceRefusal hash = EvidenceRefusal.CLAIMS_HASH;
    add("claims of another", hash, s -> s.quotedClaims = b -> new byte[1]);
    add("report data all zero", hash, s -> s.report = b -> Arrays.fill(b, 320, 352, (byte) 0));
    add("more in the report data", hash, s -> s.report = b -> b[352] = 1);
    EvidenceRefusal malformed = EvidenceRefusal.MALFORMED_CLAIMS;
    add("no claims", malformed, s -> s.claims = b -> new byte[0]);
    add("claims of version 2", malformed, s -> s.claims = b -> with(b, 0, 2));
    add("two claims", malformed, s -> s.claims = b -> with(b, 8, 2));
    add("a claim of another name", malformed, s -> s.claims = b -> with(b, 32, 'q'));
    add("a tail", malformed, s -> s.claims = b -> Arrays.copyOf(b, b.length + 1));
    add("a cut", malformed, s -> s.claims = b -> Arrays.copyOf(b, b.length - 1));
  }

  private static byte[] with(byte[] bytes, int at, int value) {
    byte[] out = bytes.clone();
    out[at] = (byte) value;
    return out;
  }

  private static void endorsements() {
    EvidenceRefusal malformed = EvidenceRefusal.MALFORMED_ENDORSEMENT;
    add("version 2 of them", malformed, s -> s.items = p -> with(p, 0, new byte[] {2, 0, 0, 0}));
    add("collected tomorrow", malformed, s -> s.created = FUTURE.toString());
    add("collected before they were", malformed, s -> s.created = "2026-01-01T00:00:00Z");
    add("collected at no time", malformed, s -> s.created = "yesterday");
    for (int part = 1; part < 9; part++) {
      int which = part;
      add("empty part " + part, malformed, s -> s.items = p -> with(p, which, new byte[1]));
      add(
          "part " + part + " is missing",
          malformed,
          s -> s.items = p -> with(p, which, new byte[0]));
    }
    add("eight parts", malformed, s -> s.items = p -> Arrays.copyOf(p, 8));
    add("too much", malformed, s -> s.items = p -> with(p, 1, new byte[200_000]));
  }

  static Stream<Arguments> cases() {
    return CASES.stream();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void whatIsWrongIsRefused(
      String what, EvidenceRefusal expected, Consumer<SyntheticSgx> alteration) {
    SyntheticSgx sgx = new SyntheticSgx();
    alteration.accept(sgx);
    EvidenceException refusal = assertThrows(EvidenceException.class, () -> verify(sgx), what);
    assertEquals(expected, refusal.reason(), what + ": " + refusal.getMessage());
  }

  /** Issue: "at least 200 negative cases"; with those of the real evidence there are. */
  @Test
  void thereAreManyCases() {
    assertTrue(CASES.size() >= 170, () -> CASES.size() + " cases");
  }
}
