// SPDX-License-Identifier: Apache-2.0
//
// The client plane with TLS, on both of its transports, with an enclave that does as it is told.
package dev.svr2.host.tls;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.host.FakeEnclave;
import dev.svr2.host.HostFixture;
import dev.svr2.host.config.TlsFiles;
import dev.svr2.proto.ClientServiceGrpc;
import dev.svr2.proto.DeleteBackupCall;
import io.grpc.CallCredentials;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.util.CertificateUtils;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.concurrent.Executor;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSession;
import javax.net.ssl.TrustManagerFactory;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClientTlsTest {
  @TempDir Path folder;
  private final FakeEnclave.Loader loader = new FakeEnclave.Loader();

  private HostFixture start(TlsFiles files) throws Exception {
    return HostFixture.start(
        """
        client.websocket_listen: 127.0.0.1:0
        client.tls.certificate_file: %s
        client.tls.key_file: %s
        tls.reload_seconds: 1
        """
            .formatted(files.certificates(), files.key()),
        loader);
  }

  private static final class Authorized extends CallCredentials {
    @Override
    public void applyRequestMetadata(RequestInfo info, Executor executor, MetadataApplier to) {
      Metadata headers = new Metadata();
      headers.put(
          Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
          HostFixture.authorization());
      to.apply(headers);
    }
  }

  private static void delete(HostFixture fixture, TestAuthority trusted) throws Exception {
    ManagedChannel channel =
        Grpc.newChannelBuilder(
                fixture.host.clientAddress().toString(),
                TlsChannelCredentials.newBuilder()
                    .trustManager(trusted.certificate.toFile())
                    .build())
            .build();
    try {
      var unused =
          ClientServiceGrpc.newBlockingStub(channel)
              .withCallCredentials(new Authorized())
              .deleteBackup(DeleteBackupCall.getDefaultInstance());
    } finally {
      channel.shutdownNow();
    }
  }

  private static HttpResponse<String> deleteOverHttp(HostFixture fixture, TestAuthority trusted)
      throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream pem = Files.newInputStream(trusted.certificate)) {
      store.setCertificateEntry("authority", CertificateUtils.getX509Certificates(pem)[0]);
    }
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, factory.getTrustManagers(), null);
    return HttpClient.newBuilder()
        .sslContext(context)
        .build()
        .send(
            HttpRequest.newBuilder(
                    URI.create(
                        "https://" + fixture.host.webSocketAddress().orElseThrow() + "/v1/delete"))
                .header("Authorization", HostFixture.authorization())
                .DELETE()
                .build(),
            HttpResponse.BodyHandlers.ofString());
  }

  private static String subject(HttpResponse<String> response) {
    SSLSession session = response.sslSession().orElseThrow();
    try {
      return ((X509Certificate) session.getPeerCertificates()[0])
          .getSubjectX500Principal()
          .getName();
    } catch (javax.net.ssl.SSLPeerUnverifiedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void bothTransportsSpeakTlsOnlyAndUseARenewalAtOnce() throws Exception {
    TestAuthority authority = new TestAuthority(folder, "authority");
    TestAuthority stranger = new TestAuthority(folder, "stranger");
    TlsFiles files = authority.issue("first", 30);
    TlsFiles renewed = authority.issue("renewed", 30);
    try (HostFixture fixture = start(files)) {
      delete(fixture, authority);
      HttpResponse<String> response = deleteOverHttp(fixture, authority);
      assertEquals(200, response.statusCode());
      assertEquals("CN=first", subject(response));
      // The fixture's own stub speaks in clear.
      StatusRuntimeException clear =
          assertThrows(
              StatusRuntimeException.class,
              () -> fixture.blockingClient().deleteBackup(DeleteBackupCall.getDefaultInstance()));
      assertEquals(Status.Code.UNAVAILABLE, clear.getStatus().getCode());
      assertThrows(StatusRuntimeException.class, () -> delete(fixture, stranger));
      assertThrows(IOException.class, () -> deleteOverHttp(fixture, stranger));

      Files.copy(renewed.certificates(), files.certificates(), StandardCopyOption.REPLACE_EXISTING);
      Files.copy(renewed.key(), files.key(), StandardCopyOption.REPLACE_EXISTING);
      Awaitility.await()
          .until(() -> subject(deleteOverHttp(fixture, authority)).equals("CN=renewed"));
      delete(fixture, authority);
      String scrape = fixture.host.metrics().scrape();
      assertTrue(scrape.contains("svr2_host_tls_certificate_left_seconds{plane=\"client\"}"));
    }
  }

  @Test
  void aHostDoesNotStartWithoutWhatItWasToldToShow() throws Exception {
    TlsFiles files = new TestAuthority(folder, "authority").issue("first", 30);
    Files.delete(files.key());
    IOException refusal = assertThrows(IOException.class, () -> start(files).close());
    assertEquals("client.tls: " + files.key() + ": there is no such file", refusal.getMessage());
  }
}
