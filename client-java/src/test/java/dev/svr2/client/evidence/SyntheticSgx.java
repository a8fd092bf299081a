// SPDX-License-Identifier: Apache-2.0
//
// A platform that exists on paper only: authorities, certificates, lists, Intel's data, a quoting
// enclave and an enclave, all with keys of our own. Whatever a test alters before build() is then
// signed as it should be, so that nothing but the check in question can refuse it.
package dev.svr2.client.evidence;

import com.google.protobuf.ByteString;
import dev.svr2.client.internal.Hex;
import dev.svr2.client.testing.EvidenceBuilder;
import dev.svr2.proto.MinimumLimits;
import dev.svr2.proto.RaftGroupConfig;
import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1EncodableVector;
import org.bouncycastle.asn1.ASN1Enumerated;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.X509v2CRLBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** Altered by tests, then built once. Not thread-safe. */
final class SyntheticSgx {
  static final Instant NOW = Instant.parse("2026-07-30T12:00:00Z");
  private static final int SIMULATED_HEADER_BYTES = 48;
  static final byte[] PUBLIC_KEY = new byte[32];

  static {
    Arrays.fill(PUBLIC_KEY, (byte) 0x42);
  }

  /** Evidence with its endorsements. */
  static final class Built {
    final byte[] evidence;
    final byte[] endorsement;

    Built(byte[] evidence, byte[] endorsement) {
      this.evidence = evidence;
      this.endorsement = endorsement;
    }
  }

  /** One certificate to be made. */
  static final class Cert {
    String name;
    Instant from = NOW.minus(Duration.ofDays(300));
    Instant to = NOW.plus(Duration.ofDays(300));
    KeyPair key;
    KeyPair issuerKey;
    String issuerName;
    boolean authority;
    int usage;
    BigInteger serial;
    byte[] extension;

    Cert(String name, KeyPair key, Cert issuer, boolean authority, long serial) {
      this.name = name;
      this.key = key;
      this.issuerKey = issuer == null ? key : issuer.key;
      this.issuerName = issuer == null ? name : issuer.name;
      this.authority = authority;
      this.usage = authority ? KeyUsage.keyCertSign | KeyUsage.cRLSign : KeyUsage.digitalSignature;
      this.serial = BigInteger.valueOf(serial);
    }

    X509Certificate make() throws Exception {
      JcaX509v3CertificateBuilder builder =
          new JcaX509v3CertificateBuilder(
              new X500Name("CN=" + issuerName + ",O=Synthetic"),
              serial,
              Date.from(from),
              Date.from(to),
              new X500Name("CN=" + name + ",O=Synthetic"),
              key.getPublic());
      builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(authority));
      builder.addExtension(Extension.keyUsage, true, new KeyUsage(usage));
      if (extension != null) {
        builder.addExtension(new ASN1ObjectIdentifier(PckExtension.OID), false, extension);
      }
      return new JcaX509CertificateConverter().getCertificate(builder.build(signer(issuerKey)));
    }
  }

  /** One list to be made. */
  static final class Revocations {
    Instant from = NOW.minus(Duration.ofDays(3));
    Instant to = NOW.plus(Duration.ofDays(27));
    KeyPair key;
    String issuerName;
    final List<BigInteger> revoked = new ArrayList<>();

    Revocations(Cert issuer) {
      key = issuer.key;
      issuerName = issuer.name;
    }

    byte[] make() throws Exception {
      X509v2CRLBuilder builder =
          new X509v2CRLBuilder(new X500Name("CN=" + issuerName + ",O=Synthetic"), Date.from(from));
      if (to != null) {
        builder.setNextUpdate(Date.from(to));
      }
      revoked.forEach(serial -> builder.addCRLEntry(serial, Date.from(from), 1));
      return builder.build(signer(key)).getEncoded();
    }
  }

  private static final KeyPair ROOT_KEY = newKey();
  private static final KeyPair CA_KEY = newKey();
  private static final KeyPair TCB_KEY = newKey();
  private static final KeyPair PCK_KEY = newKey();
  private static final KeyPair ATTESTATION_KEY = newKey();

  final Cert root = new Cert("Intel SGX Root CA", ROOT_KEY, null, true, 1);
  final Cert platformCa = new Cert("Intel SGX PCK Platform CA", CA_KEY, root, true, 2);
  final Cert tcbSigner = new Cert("Intel SGX TCB Signing", TCB_KEY, root, false, 3);
  final Cert pck = new Cert("Intel SGX PCK Certificate", PCK_KEY, platformCa, false, 4);

  /** Those that come with the PCK CRL and the QE identity; the same unless a test says so. */
  Cert crlCa = platformCa;

  Cert qeSigner = tcbSigner;
  final Revocations rootCrl = new Revocations(root);
  final Revocations pckCrl = new Revocations(platformCa);
  final int[] svns = {7, 9, 3, 3, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  int pceSvn = 13;
  byte[] fmspc = Hex.decode("00606a000000");
  byte[] pceId = Hex.decode("0000");
  UnaryOperator<List<ASN1Encodable>> extension = fields -> fields;
  UnaryOperator<String> tcbInfo = text -> text;
  UnaryOperator<String> signedTcbInfo = text -> text;
  UnaryOperator<String> qeIdentity = text -> text;
  UnaryOperator<String> signedQeIdentity = text -> text;
  String tcbStatus = "UpToDate";
  String advisories = "";
  Consumer<byte[]> header = bytes -> {};
  Consumer<byte[]> report = bytes -> {};
  Consumer<byte[]> qeReport = bytes -> {};
  KeyPair attestation = ATTESTATION_KEY;
  KeyPair quoteSigner = ATTESTATION_KEY;
  KeyPair qeReportSigner = PCK_KEY;
  byte[] authenticationData = new byte[32];
  final byte[] measurement = new byte[32];
  final RaftGroupConfig.Builder group =
      RaftGroupConfig.newBuilder()
          .setGroupId(0x0123456789abcdefL)
          .setMinVotingReplicas(3)
          .setMaxVotingReplicas(5)
          .setSuperMajority(1)
          .setDbVersion(2)
          .setAttestationTimeout(604_800);
  byte[] minimum = {0, 0, 0, 0, 0, 0, 0, 17};
  UnaryOperator<byte[]> claims = bytes -> bytes;
  UnaryOperator<byte[]> quotedClaims = bytes -> bytes;
  UnaryOperator<byte[][]> items = parts -> parts;
  String created = NOW.minus(Duration.ofHours(1)).toString();
  UnaryOperator<String> pckChain = text -> text;

  SyntheticSgx() {
    Arrays.fill(measurement, (byte) 0x11);
  }

  /** A verifier that trusts the synthetic root, at {@link #NOW}. */
  static byte[] rootPoint() {
    return P256.point(ROOT_KEY.getPublic());
  }

  static KeyPair newKey() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp256r1"));
      return generator.generateKeyPair();
    } catch (java.security.GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  private static ContentSigner signer(KeyPair key) throws Exception {
    return new JcaContentSignerBuilder("SHA256withECDSA").build(key.getPrivate());
  }

  /** r ‖ s. */
  private static byte[] sign(KeyPair key, byte[] message) throws Exception {
    Signature signature = Signature.getInstance("SHA256withECDSA");
    signature.initSign(key.getPrivate());
    signature.update(message);
    ASN1Sequence pair = ASN1Sequence.getInstance(signature.sign());
    byte[] out = new byte[64];
    for (int i = 0; i < 2; i++) {
      byte[] number = ASN1Integer.getInstance(pair.getObjectAt(i)).getValue().toByteArray();
      int length = Math.min(number.length, 32);
      System.arraycopy(number, number.length - length, out, 32 * i + 32 - length, length);
    }
    return out;
  }

  private static byte[] sha256(byte[]... parts) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    for (byte[] part : parts) {
      digest.update(part);
    }
    return digest.digest();
  }

  static String pem(X509Certificate... certificates) throws Exception {
    StringBuilder out = new StringBuilder();
    for (X509Certificate one : certificates) {
      out.append("-----BEGIN CERTIFICATE-----\n")
          .append(Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(one.getEncoded()))
          .append("\n-----END CERTIFICATE-----\n");
    }
    return out.toString();
  }

  private static byte[] nul(String text) {
    return (text + "\0").getBytes(StandardCharsets.UTF_8);
  }

  static ASN1Encodable field(String oid, ASN1Encodable value) {
    ASN1EncodableVector pair = new ASN1EncodableVector();
    pair.add(new ASN1ObjectIdentifier(oid));
    pair.add(value);
    return new DERSequence(pair);
  }

  private byte[] sgxExtension() throws Exception {
    ASN1EncodableVector tcb = new ASN1EncodableVector();
    for (int i = 0; i < svns.length; i++) {
      tcb.add(field(PckExtension.OID + ".2." + (i + 1), new ASN1Integer(svns[i])));
    }
    tcb.add(field(PckExtension.OID + ".2.17", new ASN1Integer(pceSvn)));
    tcb.add(field(PckExtension.OID + ".2.18", new DEROctetString(new byte[16])));
    List<ASN1Encodable> fields = new ArrayList<>();
    fields.add(field(PckExtension.OID + ".1", new DEROctetString(new byte[16])));
    fields.add(field(PckExtension.OID + ".2", new DERSequence(tcb)));
    fields.add(field(PckExtension.OID + ".3", new DEROctetString(pceId)));
    fields.add(field(PckExtension.OID + ".4", new DEROctetString(fmspc)));
    fields.add(field(PckExtension.OID + ".5", new ASN1Enumerated(0)));
    ASN1EncodableVector all = new ASN1EncodableVector();
    extension.apply(fields).forEach(all::add);
    return new DERSequence(all).getEncoded("DER");
  }

  private static String level(String svns, int pceSvn, String status, String advisories) {
    StringBuilder components = new StringBuilder();
    for (String svn : svns.split(" ", -1)) {
      components.append(components.length() == 0 ? "" : ",").append("{\"svn\":" + svn + "}");
    }
    return "{\"tcb\":{\"sgxtcbcomponents\":["
        + components
        + "],\"pcesvn\":"
        + pceSvn
        + "},\"tcbDate\":\"2026-01-01T00:00:00Z\",\"tcbStatus\":\""
        + status
        + "\""
        + (advisories.isEmpty() ? "" : ",\"advisoryIDs\":[" + advisories + "]")
        + "}";
  }

  private byte[] makeTcbInfo() throws Exception {
    String body =
        tcbInfo.apply(
            "{\"id\":\"SGX\",\"version\":3,\"issueDate\":\"2026-07-20T00:00:00Z\",\"nextUpdate\":"
                + "\"2026-08-19T00:00:00Z\",\"fmspc\":\"00606A000000\",\"pceId\":\"0000\","
                + "\"tcbType\":0,\"tcbEvaluationDataNumber\":17,\"tcbLevels\":["
                + level("7 9 3 3 255 255 1 0 0 0 0 0 0 0 0 0", 13, tcbStatus, advisories)
                + ","
                + level("7 9 3 3 255 255 0 0 0 0 0 0 0 0 0 0", 13, "ConfigurationNeeded", "")
                + ","
                + level("4 4 3 3 255 255 0 0 0 0 0 0 0 0 0 0", 5, "OutOfDate", "\"INTEL-SA-1\"")
                + "]}");
    return signed("tcbInfo", body, tcbSigner.key, signedTcbInfo);
  }

  private byte[] makeQeIdentity() throws Exception {
    String body =
        qeIdentity.apply(
            "{\"id\":\"QE\",\"version\":2,\"issueDate\":\"2026-07-20T00:00:00Z\",\"nextUpdate\":"
                + "\"2026-08-19T00:00:00Z\",\"tcbEvaluationDataNumber\":17,\"miscselect\":"
                + "\"00000000\",\"miscselectMask\":\"FFFFFFFF\",\"attributes\":"
                + "\"11000000000000000000000000000000\",\"attributesMask\":"
                + "\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":\""
                + "8C4F5775D796503E96137F77C68A829A0056AC8DED70140B081B094490C57BFF"
                + "\",\"isvprodid\":1,\"tcbLevels\":[{\"tcb\":{\"isvsvn\":6},\"tcbDate\":"
                + "\"2026-01-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"},{\"tcb\":{\"isvsvn\":5},"
                + "\"tcbDate\":\"2020-01-01T00:00:00Z\",\"tcbStatus\":\"OutOfDate\"}]}");
    return signed("enclaveIdentity", body, qeSigner.key, signedQeIdentity);
  }

  private static byte[] signed(String name, String body, KeyPair key, UnaryOperator<String> edit)
      throws Exception {
    String signature = Hex.encode(sign(key, body.getBytes(StandardCharsets.UTF_8)));
    return nul(edit.apply("{\"" + name + "\":" + body + ",\"signature\":\"" + signature + "\"}"));
  }

  private byte[] makeClaims() {
    EvidenceBuilder builder = new EvidenceBuilder(PUBLIC_KEY);
    builder.group(group);
    MinimumLimits.Builder limits = MinimumLimits.newBuilder();
    if (minimum != null) {
      limits.putLim("sgx_tcb_evaluation_data_number", ByteString.copyFrom(minimum));
    }
    builder.claim("minimum_limits\0", limits.build().toByteArray());
    byte[] simulated = builder.evidence();
    return Arrays.copyOfRange(simulated, SIMULATED_HEADER_BYTES, simulated.length);
  }

  /** Makes and signs everything. */
  Built build() throws Exception {
    pck.extension = pck.extension == null ? sgxExtension() : pck.extension;
    X509Certificate rootMade = root.make();
    String tcbChain = pem(tcbSigner.make(), rootMade);
    String qeChain = qeSigner == tcbSigner ? tcbChain : pem(qeSigner.make(), rootMade);
    X509Certificate caMade = platformCa.make();
    String crlChain = pem(crlCa == platformCa ? caMade : crlCa.make(), rootMade);
    byte[][] parts = {
      {1, 0, 0, 0},
      makeTcbInfo(),
      nul(tcbChain),
      withNul(pckCrl.make()),
      withNul(rootCrl.make()),
      nul(crlChain),
      makeQeIdentity(),
      nul(qeChain),
      nul(created)
    };
    byte[] chain = nul(pckChain.apply(pem(pck.make(), caMade, rootMade)));
    return new Built(evidence(chain), pack(items.apply(parts)));
  }

  private static byte[] withNul(byte[] der) {
    return Arrays.copyOf(der, der.length + 1);
  }

  static byte[] pack(byte[][] parts) {
    int size = 4 * parts.length;
    for (byte[] part : parts) {
      size += part.length;
    }
    ByteBuffer out = ByteBuffer.allocate(16 + size).order(ByteOrder.LITTLE_ENDIAN);
    out.putInt(1).putInt(2).putInt(size).putInt(parts.length);
    int offset = 0;
    for (byte[] part : parts) {
      out.putInt(offset);
      offset += part.length;
    }
    for (byte[] part : parts) {
      out.put(part);
    }
    return out.array();
  }

  private byte[] evidence(byte[] chain) throws Exception {
    byte[] block = claims.apply(makeClaims());
    byte[] head = new byte[48];
    ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN).putShort((short) 3).putShort((short) 2);
    System.arraycopy(Hex.decode("939a7233f79c4ca9940a0db3957f0607"), 0, head, 12, 16);
    header.accept(head);

    byte[] body = new byte[SgxQuote.Report.BYTES];
    body[48] = 5; // INIT and MODE64BIT.
    System.arraycopy(measurement, 0, body, 64, 32);
    System.arraycopy(sha256(quotedClaims.apply(block)), 0, body, 320, 32);
    report.accept(body);
    byte[] quoted = concat(head, body);

    byte[] qe = new byte[SgxQuote.Report.BYTES];
    qe[48] = 0x15;
    System.arraycopy(
        Hex.decode("8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff"),
        0,
        qe,
        128,
        32);
    qe[256] = 1;
    qe[258] = 6;
    byte[] point = P256.point(attestation.getPublic());
    System.arraycopy(sha256(point, authenticationData), 0, qe, 320, 32);
    qeReport.accept(qe);

    ByteBuffer tail =
        ByteBuffer.allocate(64 + 64 + qe.length + 64 + 2 + authenticationData.length + 6)
            .order(ByteOrder.LITTLE_ENDIAN);
    tail.put(sign(quoteSigner, quoted)).put(point).put(qe).put(sign(qeReportSigner, qe));
    tail.putShort((short) authenticationData.length).put(authenticationData);
    tail.putShort((short) 5).putInt(chain.length);
    ByteBuffer length = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
    length.putInt(tail.capacity() + chain.length);
    return concat(quoted, length.array(), tail.array(), chain, block);
  }

  private static byte[] concat(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.write(part, 0, part.length);
    }
    return out.toByteArray();
  }
}
