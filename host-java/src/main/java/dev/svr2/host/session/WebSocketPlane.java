// SPDX-License-Identifier: Apache-2.0
//
// The client plane over HTTP (protocol.md §3): WebSocket sessions with the bytes of the gRPC
// stream, and DELETE. Netty's own codecs, of the Netty that gRPC runs on.
package dev.svr2.host.session;

import dev.svr2.host.config.HostPort;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.timeout.ReadTimeoutHandler;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Thread-safe. Nothing blocks its threads, which are as many as processors. */
final class WebSocketPlane {
  private static final int REQUEST_LINE_MAX_BYTES = 1024;
  private static final int HEADERS_MAX_BYTES = 8 * 1024;
  private static final int CHUNK_MAX_BYTES = 4 * 1024;
  private static final int BODY_MAX_BYTES = 1024;

  /** What is read at a time bounds what a client can have waiting that no session asked for. */
  private static final AdaptiveRecvByteBufAllocator READS =
      new AdaptiveRecvByteBufAllocator(512, 2048, 8192);

  /** A connection that sends no whole request for so long, or stays idle after one, is closed. */
  private static final int REQUEST_TIMEOUT_SECONDS = 10;

  /** Connections that are not sessions: those that come, and those that only delete. */
  private static final int CONNECTIONS_BESIDE_SESSIONS = 1024;

  private final MultiThreadIoEventLoopGroup threads =
      new MultiThreadIoEventLoopGroup(NioIoHandler.newFactory());
  private final AtomicInteger connections = new AtomicInteger();
  private final Channel server;

  /**
   * Listens.
   *
   * @param tls empty: in clear
   * @throws IOException when the address is in use or not of this machine
   */
  WebSocketPlane(
      HostPort listen,
      Optional<SslContext> tls,
      ClientPlane clients,
      int itemMaxBytes,
      int maxSessions)
      throws IOException {
    ServerBootstrap bootstrap =
        new ServerBootstrap()
            .group(threads)
            .channel(NioServerSocketChannel.class)
            .option(ChannelOption.SO_REUSEADDR, true)
            .option(ChannelOption.SO_BACKLOG, 1024)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.RECVBUF_ALLOCATOR, READS)
            .childHandler(
                new ChannelInitializer<SocketChannel>() {
                  @Override
                  protected void initChannel(SocketChannel channel) {
                    accept(channel, tls, clients, itemMaxBytes, maxSessions);
                  }
                });
    var bound = bootstrap.bind(listen.toSocketAddress()).awaitUninterruptibly();
    if (!bound.isSuccess()) {
      var unused = threads.shutdownGracefully(0, 0, TimeUnit.SECONDS);
      throw new IOException(bound.cause().getMessage(), bound.cause());
    }
    server = bound.channel();
  }

  private void accept(
      SocketChannel channel,
      Optional<SslContext> tls,
      ClientPlane clients,
      int itemMaxBytes,
      int maxSessions) {
    channel.closeFuture().addListener(closed -> connections.decrementAndGet());
    if (connections.incrementAndGet() > maxSessions + CONNECTIONS_BESIDE_SESSIONS) {
      var unused = channel.close();
      return;
    }
    tls.ifPresent(context -> channel.pipeline().addLast(context.newHandler(channel.alloc())));
    channel
        .pipeline()
        .addLast(new ReadTimeoutHandler(REQUEST_TIMEOUT_SECONDS))
        .addLast(new HttpServerCodec(REQUEST_LINE_MAX_BYTES, HEADERS_MAX_BYTES, CHUNK_MAX_BYTES))
        .addLast(new HttpObjectAggregator(BODY_MAX_BYTES, true))
        .addLast(new HttpRequests(clients, itemMaxBytes));
  }

  InetSocketAddress address() {
    return (InetSocketAddress) server.localAddress();
  }

  /** Takes no new connections; those that are there go on. */
  void stopListening() {
    var unused = server.close();
  }

  /**
   * Ends everything.
   *
   * @param timeout what connections have to send what they were given
   */
  void close(Duration timeout) throws InterruptedException {
    stopListening();
    boolean unused =
        threads
            .shutdownGracefully(50, Math.max(50, timeout.toMillis()), TimeUnit.MILLISECONDS)
            .await(timeout.toMillis() + 1_000);
  }
}
