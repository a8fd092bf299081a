// SPDX-License-Identifier: Apache-2.0
//
// Hosts that talk real gRPC over loopback, each behind a proxy that can cut its connections.
package dev.svr2.host.peer;

import dev.svr2.host.config.HostPort;
import io.grpc.Server;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.awaitility.Awaitility;

/** Thread-safe. */
final class LoopbackNet implements Net {
  private record Listening(Server server, PeerTransport transport) {}

  private final Map<HostPort, TcpProxy> proxies = new ConcurrentHashMap<>();
  private final Map<HostPort, Listening> hosts = new ConcurrentHashMap<>();
  private final ScheduledExecutorService executor = Executors.newScheduledThreadPool(4);

  LoopbackNet() {
    var unused = executor.scheduleWithFixedDelay(this::tick, 10, 10, TimeUnit.MILLISECONDS);
  }

  private void tick() {
    hosts.values().forEach(host -> host.transport().tick());
  }

  @Override
  public HostPort newAddress() {
    try {
      TcpProxy proxy = new TcpProxy();
      HostPort address = HostPort.of(proxy.address());
      proxies.put(address, proxy);
      return address;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void listen(HostPort address, PeerTransport transport) {
    Server server =
        PeerChannels.server(
            new HostPort("127.0.0.1", 0), Optional.empty(), new PeerService(() -> transport));
    try {
      server.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    hosts.put(address, new Listening(server, transport));
    proxies.get(address).lead((InetSocketAddress) server.getListenSockets().get(0));
  }

  @Override
  public PeerTransport.Connector connector() {
    return new PeerChannels(Optional.empty());
  }

  @Override
  public Executor executor() {
    return executor;
  }

  @Override
  public LongSupplier nanoTime() {
    return System::nanoTime;
  }

  @Override
  public void cutAll() {
    proxies.values().forEach(TcpProxy::cut);
  }

  @Override
  public void silence(HostPort address) {
    proxies.get(address).lead(null);
    Listening gone = hosts.remove(address);
    gone.transport().close();
    gone.server().shutdownNow();
    proxies.get(address).cut();
  }

  @Override
  public void pass(Duration time) {
    // The real clock runs by itself: nothing to wait for but that.
    long end = System.nanoTime() + time.toNanos();
    Awaitility.await().atMost(time.plusSeconds(5)).until(() -> System.nanoTime() - end >= 0);
  }

  @Override
  public void await(String what, BooleanSupplier condition) {
    Awaitility.await(what)
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(2))
        .atMost(Duration.ofSeconds(30))
        .until(condition::getAsBoolean);
  }

  @Override
  public void close() {
    hosts.values().forEach(host -> host.transport().close());
    hosts.values().forEach(host -> host.server().shutdownNow());
    proxies.values().forEach(TcpProxy::close);
    executor.shutdownNow();
  }
}
