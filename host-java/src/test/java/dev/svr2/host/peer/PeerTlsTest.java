// SPDX-License-Identifier: Apache-2.0
//
// Hosts of one authority reach each other, and nobody else does.
package dev.svr2.host.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.svr2.host.config.HostPort;
import dev.svr2.host.config.TlsFiles;
import dev.svr2.host.tls.TestAuthority;
import dev.svr2.host.tls.TlsIdentity;
import dev.svr2.proto.PeerServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.netty.handler.ssl.SslContext;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PeerTlsTest {
  @TempDir Path folder;
  private TestAuthority ours;
  private Server server;

  @BeforeEach
  void start() throws Exception {
    ours = new TestAuthority(folder, "ours");
    server =
        PeerChannels.server(
            new HostPort("127.0.0.1", 0),
            Optional.of(identity(ours, "server", ours).grpcServer()),
            new PeerService(() -> null));
    server.start();
  }

  @AfterEach
  void stop() {
    server.shutdownNow();
  }

  private static TlsIdentity identity(TestAuthority issuer, String name, TestAuthority trusted)
      throws Exception {
    TlsFiles files = issuer.issue(name, 30);
    return TlsIdentity.load(
        "peer",
        new TlsFiles(files.certificates(), files.key(), Optional.of(trusted.certificate)),
        InstantSource.system());
  }

  /** What a call of a method that nobody serves ends with; who gets so far was let in. */
  private Status.Code call(Optional<SslContext> tls) {
    InetSocketAddress address = (InetSocketAddress) server.getListenSockets().get(0);
    NettyChannelBuilder builder = NettyChannelBuilder.forAddress("127.0.0.1", address.getPort());
    tls.ifPresentOrElse(builder::sslContext, builder::usePlaintext);
    ManagedChannel channel = builder.build();
    var method =
        PeerServiceGrpc.getExchangeMethod().toBuilder()
            .setType(MethodDescriptor.MethodType.UNARY)
            .setFullMethodName("svr2.Nobody/Serves")
            .build();
    try {
      return assertThrows(
              StatusRuntimeException.class,
              () ->
                  ClientCalls.blockingUnaryCall(
                      channel,
                      method,
                      CallOptions.DEFAULT.withDeadlineAfter(20, TimeUnit.SECONDS),
                      dev.svr2.proto.PeerFrame.getDefaultInstance()))
          .getStatus()
          .getCode();
    } finally {
      channel.shutdownNow();
    }
  }

  @Test
  void onlyHostsOfTheAuthorityComeIn() throws Exception {
    assertEquals(
        Status.Code.UNIMPLEMENTED, call(Optional.of(identity(ours, "peer", ours).grpcClient())));
    TestAuthority theirs = new TestAuthority(folder, "theirs");
    // A certificate of another authority; one who trusts another; no TLS at all.
    assertEquals(
        Status.Code.UNAVAILABLE, call(Optional.of(identity(theirs, "other", ours).grpcClient())));
    assertEquals(
        Status.Code.UNAVAILABLE, call(Optional.of(identity(ours, "wary", theirs).grpcClient())));
    assertEquals(Status.Code.UNAVAILABLE, call(Optional.empty()));
  }
}
