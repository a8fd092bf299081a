// SPDX-License-Identifier: Apache-2.0
//
// ECDSA with SHA-256 on P-256 in the raw forms that SGX uses: points as x ‖ y, signatures as r ‖ s,
// big-endian, 64 bytes each. The cryptography is the platform's.
package dev.svr2.client.evidence;

import java.math.BigInteger;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECFieldFp;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.Arrays;
import org.bouncycastle.asn1.ASN1EncodableVector;
import org.bouncycastle.asn1.ASN1Encoding;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.DERSequence;

/** Stateless. */
final class P256 {
  static final int POINT_BYTES = 64;
  static final int SIGNATURE_BYTES = 64;
  private static final int COORDINATE_BYTES = 32;

  private P256() {}

  /**
   * A public key.
   *
   * @throws GeneralSecurityException when the point is not on the curve
   */
  static PublicKey publicKey(byte[] point) throws GeneralSecurityException {
    BigInteger x = new BigInteger(1, Arrays.copyOfRange(point, 0, COORDINATE_BYTES));
    BigInteger y = new BigInteger(1, Arrays.copyOfRange(point, COORDINATE_BYTES, POINT_BYTES));
    AlgorithmParameters parameters = AlgorithmParameters.getInstance("EC");
    parameters.init(new ECGenParameterSpec("secp256r1"));
    ECParameterSpec curve = parameters.getParameterSpec(ECParameterSpec.class);
    BigInteger p = ((ECFieldFp) curve.getCurve().getField()).getP();
    BigInteger right =
        x.multiply(x).add(curve.getCurve().getA()).multiply(x).add(curve.getCurve().getB());
    boolean onCurve =
        x.compareTo(p) < 0
            && y.compareTo(p) < 0
            && y.multiply(y).subtract(right).mod(p).signum() == 0;
    if (point.length != POINT_BYTES || !onCurve) {
      throw new GeneralSecurityException("not a point of P-256");
    }
    return KeyFactory.getInstance("EC")
        .generatePublic(new ECPublicKeySpec(new ECPoint(x, y), curve));
  }

  /** The point of a key as x ‖ y; null for a key of another kind. */
  static byte[] point(PublicKey key) {
    if (!(key instanceof ECPublicKey)) {
      return null;
    }
    ECPublicKey ec = (ECPublicKey) key;
    byte[] out = new byte[POINT_BYTES];
    boolean fits =
        put(ec.getW().getAffineX(), out, 0) && put(ec.getW().getAffineY(), out, COORDINATE_BYTES);
    return fits ? out : null;
  }

  private static boolean put(BigInteger number, byte[] out, int at) {
    byte[] bytes = number.toByteArray();
    int skip = bytes.length > COORDINATE_BYTES && bytes[0] == 0 ? 1 : 0;
    int length = bytes.length - skip;
    if (length > COORDINATE_BYTES) {
      return false;
    }
    System.arraycopy(bytes, skip, out, at + COORDINATE_BYTES - length, length);
    return true;
  }

  /** Whether {@code signature} (64 bytes) is the key's over {@code message}. */
  static boolean verify(PublicKey key, byte[] message, byte[] signature) {
    try {
      ASN1EncodableVector pair = new ASN1EncodableVector();
      pair.add(new ASN1Integer(new BigInteger(1, Arrays.copyOfRange(signature, 0, 32))));
      pair.add(new ASN1Integer(new BigInteger(1, Arrays.copyOfRange(signature, 32, 64))));
      Signature verifier = Signature.getInstance("SHA256withECDSA");
      verifier.initVerify(key);
      verifier.update(message);
      return verifier.verify(new DERSequence(pair).getEncoded(ASN1Encoding.DER));
    } catch (GeneralSecurityException | java.io.IOException e) {
      return false;
    }
  }
}
