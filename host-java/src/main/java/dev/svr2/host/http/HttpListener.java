// SPDX-License-Identifier: Apache-2.0
//
// An HTTP/1.1 server on the Netty that gRPC runs on: connections, limits and TLS. What is served is
// the handler's matter.
package dev.svr2.host.http;

import dev.svr2.host.config.HostPort;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
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
import java.util.function.Supplier;

/** Thread-safe. Handlers must not block its threads. */
public final class HttpListener {
  private static final int REQUEST_LINE_MAX_BYTES = 1024;
  private static final int HEADERS_MAX_BYTES = 8 * 1024;
  private static final int CHUNK_MAX_BYTES = 4 * 1024;
  private static final int BODY_MAX_BYTES = 1024;

  /** What is read at a time bounds what a client can have waiting that nobody asked for. */
  private static final AdaptiveRecvByteBufAllocator READS =
      new AdaptiveRecvByteBufAllocator(512, 2048, 8192);

  /** A connection that sends no whole request for so long, or stays idle after one, is closed. */
  private static final int REQUEST_TIMEOUT_SECONDS = 10;

  private final MultiThreadIoEventLoopGroup threads;
  private final AtomicInteger connections = new AtomicInteger();
  private final Channel server;

  /**
   * Listens.
   *
   * @param tls empty: in clear
   * @param maxConnections more are closed at once
   * @param threads that serve all of them; 0 for one or two per processor
   * @param handlers one for each connection, given whole requests
   * @throws IOException when the address is in use or not of this machine
   */
  public HttpListener(
      HostPort listen,
      Optional<SslContext> tls,
      int maxConnections,
      int threads,
      Supplier<ChannelHandler> handlers)
      throws IOException {
    this.threads = new MultiThreadIoEventLoopGroup(threads, NioIoHandler.newFactory());
    ServerBootstrap bootstrap =
        new ServerBootstrap()
            .group(this.threads)
            .channel(NioServerSocketChannel.class)
            .option(ChannelOption.SO_REUSEADDR, true)
            .option(ChannelOption.SO_BACKLOG, 1024)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.RECVBUF_ALLOCATOR, READS)
            .childHandler(
                new ChannelInitializer<SocketChannel>() {
                  @Override
                  protected void initChannel(SocketChannel channel) {
                    accept(channel, tls, maxConnections, handlers);
                  }
                });
    var bound = bootstrap.bind(listen.toSocketAddress()).awaitUninterruptibly();
    if (!bound.isSuccess()) {
      var unused = this.threads.shutdownGracefully(0, 0, TimeUnit.SECONDS);
      throw new IOException(bound.cause().getMessage(), bound.cause());
    }
    server = bound.channel();
  }

  private void accept(
      SocketChannel channel,
      Optional<SslContext> tls,
      int maxConnections,
      Supplier<ChannelHandler> handlers) {
    channel.closeFuture().addListener(closed -> connections.decrementAndGet());
    if (connections.incrementAndGet() > maxConnections) {
      var unused = channel.close();
      return;
    }
    tls.ifPresent(context -> channel.pipeline().addLast(context.newHandler(channel.alloc())));
    channel
        .pipeline()
        .addLast(new ReadTimeoutHandler(REQUEST_TIMEOUT_SECONDS))
        .addLast(new HttpServerCodec(REQUEST_LINE_MAX_BYTES, HEADERS_MAX_BYTES, CHUNK_MAX_BYTES))
        .addLast(new HttpObjectAggregator(BODY_MAX_BYTES, true))
        .addLast(handlers.get());
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return (InetSocketAddress) server.localAddress();
  }

  /** Takes no new connections; those that are there go on. */
  public void stopListening() {
    var unused = server.close();
  }

  /**
   * Ends everything.
   *
   * @param timeout what connections have to send what they were given
   */
  public void close(Duration timeout) throws InterruptedException {
    stopListening();
    boolean unused =
        threads
            .shutdownGracefully(50, Math.max(50, timeout.toMillis()), TimeUnit.MILLISECONDS)
            .await(timeout.toMillis() + 1_000);
  }
}
