// SPDX-License-Identifier: Apache-2.0
//
// How hosts reach each other: sockets, limits and keep-alive of the peer plane. The one place where
// certificates are asked for and shown.
package dev.svr2.host.peer;

import dev.svr2.host.config.HostPort;
import dev.svr2.proto.PeerServiceGrpc;
import io.grpc.BindableService;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.NettyServerBuilder;
import io.netty.channel.ChannelOption;
import io.netty.handler.ssl.SslContext;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Immutable. Everything runs on the transport's threads: nothing in this package blocks. */
final class PeerChannels implements PeerTransport.Connector {
  /** The largest frame: a message with its number. */
  private static final int MAX_FRAME_BYTES = Link.MAX_PAYLOAD_BYTES + 1024;

  private static final int CONNECT_TIMEOUT_MS = 2_000;

  /** The shortest that gRPC's client allows; either side finds a dead connection within the sum. */
  private static final int KEEPALIVE_SECONDS = 10;

  private static final int KEEPALIVE_TIMEOUT_SECONDS = 5;

  /** One is used; another may come before the end of the first is seen. */
  private static final int MAX_CALLS_PER_CONNECTION = 4;

  private static final int FLOW_CONTROL_BYTES = 4 << 20;

  private final Optional<SslContext> clientTls;

  /**
   * @param clientTls what this host shows those that it connects to; empty: in clear
   */
  PeerChannels(Optional<SslContext> clientTls) {
    this.clientTls = clientTls;
  }

  /** A server that is not started. */
  static Server server(HostPort listen, Optional<SslContext> tls, BindableService service) {
    NettyServerBuilder builder = NettyServerBuilder.forAddress(listen.toSocketAddress());
    tls.ifPresent(builder::sslContext);
    return builder
        .directExecutor()
        .addService(ServerInterceptors.intercept(service, new Remote()))
        .maxInboundMessageSize(MAX_FRAME_BYTES)
        .flowControlWindow(FLOW_CONTROL_BYTES)
        .maxConcurrentCallsPerConnection(MAX_CALLS_PER_CONNECTION)
        .permitKeepAliveTime(KEEPALIVE_SECONDS / 2, TimeUnit.SECONDS)
        .keepAliveTime(KEEPALIVE_SECONDS, TimeUnit.SECONDS)
        .keepAliveTimeout(KEEPALIVE_TIMEOUT_SECONDS, TimeUnit.SECONDS)
        .build();
  }

  @Override
  public void connect(HostPort address, PeerStream stream) {
    // A channel for each attempt: the pauses between attempts are the dialler's and not gRPC's.
    NettyChannelBuilder builder = NettyChannelBuilder.forAddress(address.host(), address.port());
    clientTls.ifPresentOrElse(builder::sslContext, builder::usePlaintext);
    ManagedChannel channel =
        builder
            .directExecutor()
            .disableRetry()
            .maxInboundMessageSize(MAX_FRAME_BYTES)
            .flowControlWindow(FLOW_CONTROL_BYTES)
            .withOption(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_TIMEOUT_MS)
            .keepAliveTime(KEEPALIVE_SECONDS, TimeUnit.SECONDS)
            .keepAliveTimeout(KEEPALIVE_TIMEOUT_SECONDS, TimeUnit.SECONDS)
            .build();
    GrpcWire.connect(
        responses -> {
          var unused = PeerServiceGrpc.newStub(channel).exchange(responses);
        },
        stream,
        stream::start,
        channel::shutdown);
  }
}
