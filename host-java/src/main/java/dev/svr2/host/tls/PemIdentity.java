// SPDX-License-Identifier: Apache-2.0
//
// What the PEM files of one plane hold, read in one go and checked before anything uses it.
package dev.svr2.host.tls;

import com.google.protobuf.ByteString;
import dev.svr2.host.config.TlsFiles;
import io.grpc.util.CertificateUtils;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.RSAPrivateKey;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Immutable.
 *
 * @param chain the own certificate first
 * @param authorities empty where the other side is not asked for a certificate
 */
record PemIdentity(
    List<X509Certificate> chain, PrivateKey key, Optional<List<X509Certificate>> authorities) {

  /** The bytes of the files, to see whether they changed. */
  record Bytes(ByteString certificates, ByteString key, Optional<ByteString> authorities) {
    static Bytes read(TlsFiles files) throws IOException {
      return new Bytes(
          readFile(files.certificates()),
          readFile(files.key()),
          files.authorities().isPresent()
              ? Optional.of(readFile(files.authorities().get()))
              : Optional.empty());
    }

    private static ByteString readFile(Path file) throws IOException {
      try {
        return ByteString.copyFrom(Files.readAllBytes(file));
      } catch (NoSuchFileException e) {
        throw new IOException(file + ": there is no such file", e);
      } catch (AccessDeniedException e) {
        throw new IOException(file + ": this process may not read it", e);
      }
    }
  }

  /**
   * Reads what the files hold.
   *
   * @throws IOException when they do not hold it, do not belong together, or are not valid now; the
   *     message names the file and never holds any of its contents
   */
  static PemIdentity parse(TlsFiles files, Bytes bytes, Instant now) throws IOException {
    List<X509Certificate> chain = certificates(files.certificates(), bytes.certificates());
    checkDates(files.certificates(), chain, now);
    PrivateKey key = privateKey(files.key(), bytes.key());
    if (!belongTogether(chain.get(0).getPublicKey(), key)) {
      throw new IOException(
          "%s: not the key of the first certificate in %s"
              .formatted(files.key(), files.certificates()));
    }
    Optional<List<X509Certificate>> authorities = Optional.empty();
    if (files.authorities().isPresent()) {
      Path file = files.authorities().get();
      authorities = Optional.of(certificates(file, bytes.authorities().orElseThrow()));
      checkDates(file, authorities.get(), now);
    }
    return new PemIdentity(chain, key, authorities);
  }

  /** The first moment at which the own certificates are not valid any more. */
  Instant notAfter() {
    return chain.stream()
        .map(certificate -> certificate.getNotAfter().toInstant())
        .min(Instant::compareTo)
        .orElseThrow();
  }

  private static List<X509Certificate> certificates(Path file, ByteString pem) throws IOException {
    try {
      X509Certificate[] found = CertificateUtils.getX509Certificates(pem.newInput());
      if (found.length > 0) {
        return List.of(found);
      }
    } catch (GeneralSecurityException e) {
      throw new IOException(file + ": not certificates in PEM form", e);
    }
    throw new IOException(file + ": no certificate in PEM form is in it");
  }

  private static void checkDates(Path file, List<X509Certificate> certificates, Instant now)
      throws IOException {
    for (X509Certificate certificate : certificates) {
      Instant from = certificate.getNotBefore().toInstant();
      Instant to = certificate.getNotAfter().toInstant();
      if (now.isAfter(to)) {
        throw new IOException("%s: a certificate has expired, on %s; renew it".formatted(file, to));
      }
      if (now.isBefore(from)) {
        throw new IOException(
            "%s: a certificate is valid from %s on, and it is %s; is the clock right?"
                .formatted(file, from, now));
      }
    }
  }

  private static PrivateKey privateKey(Path file, ByteString pem) throws IOException {
    if (!pem.toString(StandardCharsets.ISO_8859_1).contains("-----BEGIN PRIVATE KEY-----")) {
      throw new IOException(
          file
              + ": no private key in PEM form (PKCS #8, not encrypted) is in it;"
              + " 'openssl pkcs8 -topk8 -nocrypt' makes one of other forms");
    }
    try {
      return CertificateUtils.getPrivateKey(pem.newInput());
    } catch (GeneralSecurityException | IOException | RuntimeException e) {
      // Without the cause: its text could hold what stands in the file.
      throw new IOException(
          file + ": the private key is neither RSA nor of an elliptic curve, or is damaged");
    }
  }

  private static boolean belongTogether(PublicKey certified, PrivateKey key) {
    String algorithm;
    if (key instanceof RSAPrivateKey) {
      algorithm = "SHA256withRSA";
    } else if (key instanceof ECPrivateKey) {
      algorithm = "SHA256withECDSA";
    } else {
      return false;
    }
    try {
      byte[] anything = new byte[32];
      new SecureRandom().nextBytes(anything);
      Signature signature = Signature.getInstance(algorithm);
      signature.initSign(key);
      signature.update(anything);
      byte[] signed = signature.sign();
      signature.initVerify(certified);
      signature.update(anything);
      return signature.verify(signed);
    } catch (GeneralSecurityException e) {
      return false;
    }
  }
}
