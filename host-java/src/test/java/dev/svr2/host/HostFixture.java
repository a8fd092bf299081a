// SPDX-License-Identifier: Apache-2.0
//
// A host on loopback ports of its own, with a fake enclave or any other, and stubs to talk to it.
package dev.svr2.host;

import dev.svr2.client.Credentials;
import dev.svr2.host.config.ConfigException;
import dev.svr2.host.config.ConfigLoader;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.config.HostPort;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.host.log.Logs;
import dev.svr2.proto.ClientServiceGrpc;
import dev.svr2.proto.ControlServiceGrpc;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Path;
import java.time.Clock;
import java.time.InstantSource;
import java.util.Map;

/** Closes everything that it started. */
public final class HostFixture implements AutoCloseable {
  public static final String USER = "00112233445566778899aabbccddeeff";
  public static final String SECRET = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I=";

  /** A configuration that is complete, on free ports. */
  public static final String CONFIG =
      """
      platform: local
      simulated: true
      image:
        path: enclave.signed.local
      group:
        min_voting_replicas: 1
        max_voting_replicas: 1
        super_majority: 0
        attestation_timeout: 604800
      client:
        listen: 127.0.0.1:0
      control:
        listen: 127.0.0.1:0
      """;

  public final Host host;
  private final ManagedChannel clients;
  private final ManagedChannel control;

  private HostFixture(Host host) {
    this.host = host;
    this.clients = channel(host.clientAddress());
    this.control = channel(host.controlAddress());
  }

  /**
   * Starts a host.
   *
   * @param more lines to add to {@link #CONFIG}
   */
  public static HostFixture start(String more, EnclaveRuntime.Loader loader) throws Exception {
    return startWith(CONFIG + more, loader);
  }

  /** Starts a host with a whole configuration. */
  public static HostFixture startWith(String text, EnclaveRuntime.Loader loader) throws Exception {
    HostConfig config = parse(text);
    Logs logs = Logs.configure(config.log());
    return new HostFixture(Host.start(config, logs, loader, InstantSource.system()));
  }

  /** {@link #CONFIG} and more lines, read. */
  public static HostConfig config(String more) throws ConfigException {
    return parse(CONFIG + more);
  }

  private static HostConfig parse(String text) throws ConfigException {
    return ConfigLoader.parse(
        "test.yaml", Path.of("/nowhere"), text, Map.of("AUTH_SECRET", SECRET));
  }

  private static ManagedChannel channel(HostPort address) {
    return NettyChannelBuilder.forAddress(address.toSocketAddress()).usePlaintext().build();
  }

  /** The value of an authorization header with good credentials. */
  public static String authorization() {
    return Credentials.make(SECRET, USER, Clock.systemUTC()).authorization();
  }

  private static Metadata headers() {
    Metadata headers = new Metadata();
    headers.put(
        Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), authorization());
    return headers;
  }

  /** With good credentials. */
  public ClientServiceGrpc.ClientServiceStub client() {
    return anonymous().withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers()));
  }

  /** With good credentials. */
  public ClientServiceGrpc.ClientServiceBlockingStub blockingClient() {
    return ClientServiceGrpc.newBlockingStub(clients)
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers()));
  }

  /** Without credentials. */
  public ClientServiceGrpc.ClientServiceStub anonymous() {
    return ClientServiceGrpc.newStub(clients);
  }

  public ControlServiceGrpc.ControlServiceBlockingStub control() {
    return ControlServiceGrpc.newBlockingStub(control);
  }

  @Override
  public void close() {
    clients.shutdownNow();
    control.shutdownNow();
    host.close();
  }
}
