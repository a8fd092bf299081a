// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.cli.client;

import io.grpc.util.CertificateUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;

/** Authorities that a command trusts in place of this machine's. Immutable. */
record Tls(List<TrustManager> managers, SSLContext context) {
  /**
   * Of certificates in PEM form.
   *
   * @throws GeneralSecurityException when there is none
   */
  static Tls of(byte[] pem) throws GeneralSecurityException {
    try {
      KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      int number = 0;
      for (X509Certificate one :
          CertificateUtils.getX509Certificates(new ByteArrayInputStream(pem))) {
        store.setCertificateEntry(Integer.toString(number++), one);
      }
      if (number == 0) {
        throw new CertificateException("no certificate");
      }
      TrustManagerFactory factory =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      factory.init(store);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, factory.getTrustManagers(), null);
      return new Tls(List.of(factory.getTrustManagers()), context);
    } catch (IOException e) {
      throw new CertificateException(e);
    }
  }
}
