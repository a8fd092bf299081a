// SPDX-License-Identifier: Apache-2.0
//
// The peer plane of a host: listens and dials, for whichever enclave the host has at present.
package dev.svr2.host.peer;

import com.google.protobuf.ByteString;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.config.HostPort;
import dev.svr2.host.enclave.Completion;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.host.enclave.PeerChannel;
import dev.svr2.host.metrics.PeerMetrics;
import dev.svr2.host.tls.TlsIdentity;
import dev.svr2.proto.GetPeersResult;
import io.grpc.Server;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe. Started once, closed once; enclaves come and go by {@link #attach}. */
public final class PeerPlane {
  private static final Logger LOG = LoggerFactory.getLogger(PeerPlane.class);
  private static final int THREADS = 2;
  private static final long TICK_MS = 25;

  private final HostConfig.Peer config;
  private final PeerTransport.Surroundings surroundings;
  private final ScheduledExecutorService executor =
      Executors.newScheduledThreadPool(
          THREADS,
          task -> {
            Thread thread = new Thread(task, "svr2-peer");
            thread.setDaemon(true);
            return thread;
          });
  private final Server server;
  private volatile PeerTransport transport;

  /**
   * @param tls with authorities; empty: in clear
   * @param directory closed with this
   */
  public PeerPlane(
      HostConfig.Peer config,
      Optional<TlsIdentity> tls,
      PeerDirectory directory,
      PeerMetrics metrics) {
    this.config = config;
    this.surroundings =
        new PeerTransport.Surroundings(
            directory,
            new PeerChannels(tls.map(TlsIdentity::grpcClient)),
            this::run,
            System::nanoTime,
            metrics);
    this.server =
        config
            .listen()
            .map(
                listen ->
                    PeerChannels.server(
                        listen, tls.map(TlsIdentity::grpcServer), new PeerService(() -> transport)))
            .orElse(null);
  }

  /**
   * Listens, where the configuration says so, and begins to dial once there is an enclave.
   *
   * @throws IOException when the address is in use or not of this machine
   */
  public void start() throws IOException {
    if (server != null) {
      server.start();
    }
    var unused =
        executor.scheduleWithFixedDelay(this::tick, TICK_MS, TICK_MS, TimeUnit.MILLISECONDS);
  }

  /** After {@link #start}: where it listens; empty when it does not. */
  public Optional<HostPort> address() {
    return Optional.ofNullable(server)
        .map(s -> HostPort.of((InetSocketAddress) s.getListenSockets().get(0)));
  }

  /** From now on everything is for this enclave; what belonged to the one before is dropped. */
  public synchronized void attach(EnclaveRuntime runtime) {
    detach();
    PeerTransport fresh =
        new PeerTransport(
            runtime.peerId(), config, id -> new Way(runtime.openPeer(id)), surroundings);
    transport = fresh;
    runtime.setPeers(fresh);
  }

  /** The enclave has ended. Until another is attached nobody is dialled or answered. */
  public synchronized void detach() {
    PeerTransport old = transport;
    transport = null;
    if (old != null) {
      old.close();
    }
  }

  /** Enclaves of other hosts that could be joined, at most 32; those with a connection first. */
  public List<ByteString> sources() {
    PeerTransport now = transport;
    return now == null ? List.of() : now.sources();
  }

  /** For operators. */
  public GetPeersResult describe() {
    PeerTransport now = transport;
    return now == null ? GetPeersResult.getDefaultInstance() : now.describe();
  }

  private void tick() {
    try {
      PeerTransport now = transport;
      if (now != null) {
        now.tick();
      }
    } catch (RuntimeException e) {
      LOG.error("a periodic task of the peer plane failed", e); // And must run again all the same.
    }
  }

  private void run(Runnable task) {
    try {
      executor.execute(
          () -> {
            try {
              task.run();
            } catch (RuntimeException e) {
              LOG.error("a task of the peer plane failed", e);
            }
          });
    } catch (RejectedExecutionException e) {
      LOG.debug("a task came after the end of the peer plane");
    }
  }

  /**
   * Ends everything. Idempotent.
   *
   * @param timeout what the server has to end its connections
   */
  public void close(Duration timeout) throws InterruptedException {
    detach();
    if (server != null) {
      server.shutdown();
      if (!server.awaitTermination(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
        server.shutdownNow();
      }
    }
    executor.shutdown();
    surroundings.directory().close();
  }

  /** A peer's way into one enclave. */
  private record Way(PeerChannel channel) implements Inbound {
    @Override
    public boolean deliver(ByteString message, Completion completion) {
      return channel.send(message, completion);
    }

    @Override
    public void reset() {
      channel.reset();
    }
  }
}
