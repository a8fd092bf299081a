// SPDX-License-Identifier: Apache-2.0
//
// A plane's certificate and key, renewed while connections stand: new connections use what the
// files hold now, and what is not usable is reported and left where it is.
package dev.svr2.host.tls;

import dev.svr2.host.config.TlsFiles;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.util.AdvancedTlsX509KeyManager;
import io.grpc.util.AdvancedTlsX509TrustManager;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe. */
public final class TlsIdentity {
  private static final Logger LOG = LoggerFactory.getLogger(TlsIdentity.class);
  private static final String[] PROTOCOLS = {"TLSv1.3", "TLSv1.2"};

  /** Below this, each check of the files says how long there is. */
  private static final Duration SOON = Duration.ofDays(7);

  private final String plane;
  private final TlsFiles files;
  private final InstantSource clock;
  private final AdvancedTlsX509KeyManager keys = new AdvancedTlsX509KeyManager();
  private final Optional<AdvancedTlsX509TrustManager> trust;
  private final AtomicLong failures = new AtomicLong();
  private PemIdentity.Bytes inUse;
  private String lastFailure = "";
  private boolean saidSoon;
  private volatile Instant notAfter;

  private TlsIdentity(String plane, TlsFiles files, InstantSource clock)
      throws IOException, GeneralSecurityException {
    this.plane = plane;
    this.files = files;
    this.clock = clock;
    // Names are not compared: peers are attested, and what their addresses are called is no part
    // of who they are. The authority's signature, dates and purpose are.
    this.trust =
        files.authorities().isEmpty()
            ? Optional.empty()
            : Optional.of(
                AdvancedTlsX509TrustManager.newBuilder()
                    .setVerification(
                        AdvancedTlsX509TrustManager.Verification.CERTIFICATE_ONLY_VERIFICATION)
                    .build());
    use(PemIdentity.Bytes.read(files));
  }

  /**
   * Reads the files.
   *
   * @param plane for messages and metrics: {@code client}, {@code peer} or {@code control}
   * @throws IOException when they cannot be used; the message says which and why
   */
  public static TlsIdentity load(String plane, TlsFiles files, InstantSource clock)
      throws IOException {
    try {
      return new TlsIdentity(plane, files, clock);
    } catch (GeneralSecurityException e) {
      throw new IOException(plane + ".tls: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new IOException(plane + ".tls: " + e.getMessage(), e);
    }
  }

  private void use(PemIdentity.Bytes bytes) throws IOException, GeneralSecurityException {
    PemIdentity fresh = PemIdentity.parse(files, bytes, clock.instant());
    if (trust.isPresent()) {
      trust
          .get()
          .updateTrustCredentials(
              fresh.authorities().orElseThrow().toArray(new X509Certificate[0]));
    }
    keys.updateIdentityCredentials(fresh.chain().toArray(new X509Certificate[0]), fresh.key());
    notAfter = fresh.notAfter();
    inUse = bytes;
    saidSoon = false;
  }

  /**
   * Looks at the files again. What cannot be used is logged once and counted, and what was in use
   * stays in use: half of a renewal (one of two files) is such a moment.
   */
  public synchronized void reload() {
    try {
      PemIdentity.Bytes bytes = PemIdentity.Bytes.read(files);
      if (!bytes.equals(inUse)) {
        use(bytes);
        LOG.info("{}.tls: new certificates are in use, valid until {}", plane, notAfter);
      }
      lastFailure = "";
    } catch (IOException | GeneralSecurityException e) {
      failures.incrementAndGet();
      if (!lastFailure.equals(e.getMessage())) {
        lastFailure = String.valueOf(e.getMessage());
        LOG.error("{}.tls: {}; the certificates of before stay in use", plane, lastFailure);
      }
    }
    warnOfTheEnd();
  }

  private void warnOfTheEnd() {
    Duration left = Duration.between(clock.instant(), notAfter);
    if (left.isNegative()) {
      if (!lastFailure.equals("expired")) {
        lastFailure = "expired";
        LOG.error("{}.tls: the certificate in use expired on {}; renew it", plane, notAfter);
      }
    } else if (left.compareTo(SOON) < 0 && !saidSoon) {
      saidSoon = true;
      LOG.warn("{}.tls: the certificate in use expires on {}; renew it", plane, notAfter);
    }
  }

  /** When what is in use is not valid any more. */
  public Instant notAfter() {
    return notAfter;
  }

  /** Seconds until then; negative afterwards. */
  public double secondsLeft() {
    return Duration.between(clock.instant(), notAfter).toMillis() / 1000.0;
  }

  /** How often the files could not be used. */
  public double failures() {
    return failures.get();
  }

  /** For metrics. */
  public String plane() {
    return plane;
  }

  /** For a gRPC server. Asks for the other side's certificate where there are authorities. */
  public SslContext grpcServer() {
    return build(GrpcSslContexts.configure(server(), SslProvider.JDK));
  }

  /** For a server of HTTP/1.1, whose clients (browsers, probes) are never asked for theirs. */
  public SslContext httpServer() {
    return build(SslContextBuilder.forServer(keys).sslProvider(SslProvider.JDK));
  }

  /** For a gRPC client that shows the same certificate. There must be authorities. */
  public SslContext grpcClient() {
    SslContextBuilder builder =
        SslContextBuilder.forClient()
            .keyManager(keys)
            .trustManager(trust.orElseThrow())
            .endpointIdentificationAlgorithm(null);
    return build(GrpcSslContexts.configure(builder, SslProvider.JDK));
  }

  private SslContextBuilder server() {
    SslContextBuilder builder = SslContextBuilder.forServer(keys);
    trust.ifPresent(
        authorities -> builder.trustManager(authorities).clientAuth(ClientAuth.REQUIRE));
    return builder;
  }

  private SslContext build(SslContextBuilder builder) {
    try {
      return builder.protocols(PROTOCOLS).build();
    } catch (IOException e) {
      throw new IllegalStateException(plane + ".tls: " + e.getMessage(), e);
    }
  }
}
