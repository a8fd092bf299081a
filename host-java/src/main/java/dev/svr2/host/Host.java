// SPDX-License-Identifier: Apache-2.0
//
// One host: an enclave with its planes, from start to end (design.md §5). What `svr2 host` runs and
// what tests start in process.
package dev.svr2.host;

import dev.svr2.enclave.Enclave;
import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.LoadFlag;
import dev.svr2.enclave.SignedImage;
import dev.svr2.host.auth.Authenticator;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.config.HostPort;
import dev.svr2.host.control.ControlAccess;
import dev.svr2.host.control.ControlPlane;
import dev.svr2.host.control.Operations;
import dev.svr2.host.doctor.Finding;
import dev.svr2.host.doctor.Sizing;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.host.limit.RateLimiter;
import dev.svr2.host.log.Logs;
import dev.svr2.host.metrics.HostMetrics;
import dev.svr2.host.peer.DnsDirectory;
import dev.svr2.host.peer.PeerDirectory;
import dev.svr2.host.peer.PeerPlane;
import dev.svr2.host.peer.RedisDirectory;
import dev.svr2.host.peer.StaticDirectory;
import dev.svr2.host.redis.Redis;
import dev.svr2.host.session.ClientPlane;
import dev.svr2.host.tls.TlsIdentities;
import dev.svr2.host.tls.TlsIdentity;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe. Made by {@link #start}. */
public final class Host implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Host.class);

  /** Part of the shutdown's deadline that clients have to get their last answers. */
  private static final int DRAIN_FRACTION = 4;

  /** Part of it for handing leadership over and leaving the group. */
  private static final int DEPARTURE_FRACTION = 2;

  /** Part of it for each plane to end. */
  private static final int PLANE_FRACTION = 16;

  private static final long HEALTH_MS = 1_000;

  private final HostConfig config;
  private final HostMetrics metrics = new HostMetrics();
  private final TlsIdentities certificates;
  private final Optional<Redis> redis;
  private final EnclaveKeeper keeper;

  /** Not final: the directory asks for its address while it is made. */
  private volatile PeerPlane peers;

  private final ClientPlane clients;
  private final ControlPlane control;
  private final Joiner joiner;
  private final Optional<Founder> founder;
  private final Operations operations;
  private volatile boolean closing;

  private Host(HostConfig config, Logs logs, EnclaveRuntime.Loader loader, InstantSource clock)
      throws EnclaveException, IOException {
    this.config = config;
    warnWhatIsNotProtected();
    warnWhatDoesNotFit();
    certificates = new TlsIdentities(config.tlsReload(), metrics, clock);
    Optional<TlsIdentity> clientTls = certificates.load("client", config.client().tls());
    Optional<TlsIdentity> peerTls = certificates.load("peer", config.peer().tls());
    redis =
        config.redis().isEmpty()
            ? Optional.empty()
            : Optional.of(new Redis(config.redis().get(), System::nanoTime));
    keeper =
        new EnclaveKeeper(
            () -> EnclaveRuntime.start(config, loader, metrics, clock), metrics, new Planes());
    EnclaveRuntime runtime;
    try {
      runtime = keeper.start();
    } catch (EnclaveException | RuntimeException e) {
      redis.ifPresent(Redis::close);
      throw e;
    }
    try {
      HostConfig.Auth auth = config.auth();
      Authenticator authenticator = new Authenticator(auth.secrets(), auth.validity(), clock);
      RateLimiter limiter =
          RateLimiter.of(config.client().rate(), redis, authenticator::pseudonym, metrics);
      clients =
          new ClientPlane(
              config.client(), clientTls, limiter, authenticator, metrics, System::nanoTime);
      PeerDirectory directory = directory();
      peers = new PeerPlane(config.peer(), peerTls, directory, metrics.peers);
      joiner = new Joiner(keeper::current, peers::sources, config.joinOnStart());
      HostStatus status = new HostStatus(config, keeper, joiner, this::addresses, () -> closing);
      operations = new HostOperations(keeper, joiner, peers, metrics, status::describe);
      Optional<Path> tokenFile = config.control().tokenFile();
      control =
          new ControlPlane(
              operations,
              logs,
              tokenFile.isPresent() ? token(tokenFile.get()) : ControlAccess.open(),
              certificates.load("control", config.control().tls()),
              metrics.registry());
      clients.attach(runtime);
      peers.attach(runtime);
      listen();
      certificates.watch();
      runtime.every(HEALTH_MS, this::tellHealth);
      joiner.start();
      keeper.watch();
      founder =
          config.claimOnStart()
              ? Optional.of(new Founder((RedisDirectory) directory, keeper::current, operations))
              : Optional.empty();
    } catch (IOException | RuntimeException e) {
      keeper.close();
      redis.ifPresent(Redis::close);
      throw e;
    }
  }

  /** The planes go on when one enclave takes the place of another. */
  private final class Planes implements EnclaveKeeper.Listener {
    @Override
    public void onStarted(EnclaveRuntime runtime) {
      clients.attach(runtime);
      peers.attach(runtime);
      joiner.onStarted();
      runtime.every(HEALTH_MS, Host.this::tellHealth);
    }

    @Override
    public void onStopped() {
      // Its clients have ended with it.
      joiner.onStopped();
      peers.detach();
    }
  }

  /**
   * Starts a host with the enclave that its configuration names.
   *
   * @param logs whose levels the control plane changes
   * @throws EnclaveException when the enclave cannot be loaded or refuses its configuration
   * @throws IOException when an address cannot be listened on; the message says which
   */
  public static Host start(HostConfig config, Logs logs) throws EnclaveException, IOException {
    Set<LoadFlag> flags = config.imageDebug() ? Set.of(LoadFlag.DEBUG) : Set.of();
    return start(
        config,
        logs,
        output -> Enclave.load(config.platform(), config.imagePath(), flags, output),
        InstantSource.system());
  }

  /** As above, with another enclave and clock. */
  public static Host start(
      HostConfig config, Logs logs, EnclaveRuntime.Loader loader, InstantSource clock)
      throws EnclaveException, IOException {
    return new Host(config, logs, loader, clock);
  }

  /** What gRPC's health service says is what readiness says, a second late at most. */
  private void tellHealth() {
    var unused =
        operations
            .status()
            .whenComplete(
                (status, failure) -> clients.setServing(failure == null && status.getReady()));
  }

  private void warnWhatIsNotProtected() {
    boolean unprotected = !config.platform().isProtected();
    metrics.unprotected(unprotected);
    if (unprotected) {
      LOG.warn(
          "NOT PROTECTED: platform {} keeps nothing from whoever runs this machine",
          config.platform().configName());
    }
    if (config.imageDebug()) {
      LOG.warn("NOT PROTECTED: the enclave has the DEBUG attribute; a debugger can read it");
    }
    if (config.auth().secrets().isWeak()) {
      LOG.warn("a secret for client credentials has fewer than 16 bytes and can be guessed");
    }
  }

  /** Before anything starts, since an image that is too small shows it only when it is full. */
  private void warnWhatDoesNotFit() {
    try {
      Map<String, Long> properties = SignedImage.inspect(config.imagePath()).properties();
      for (Finding finding :
          Sizing.forConfiguration(
              properties, config.enclave(), config.runtime().enclaveThreads())) {
        if (finding.status() != Finding.Status.OK) {
          LOG.warn("{}: {}; {}", finding.what(), finding.found(), finding.next());
        }
      }
    } catch (EnclaveException e) {
      LOG.debug("the image was not looked at: {}", e.getMessage()); // Loading says why it fails.
    }
  }

  private void listen() throws IOException {
    try {
      clients.start();
    } catch (IOException e) {
      throw new IOException(cannotListen("client.listen", config.client().listen(), e), e);
    }
    try {
      control.start(config.control().listen());
    } catch (IOException e) {
      closePlanes();
      throw new IOException(cannotListen("control.listen", config.control().listen(), e), e);
    }
    if (config.control().httpListen().isPresent()) {
      HostPort listen = config.control().httpListen().get();
      try {
        control.startHttp(listen);
      } catch (IOException e) {
        closePlanes();
        throw new IOException(cannotListen("control.http_listen", listen, e), e);
      }
    }
    try {
      peers.start();
    } catch (IOException e) {
      closePlanes();
      throw new IOException(
          cannotListen("peer.listen", config.peer().listen().orElseThrow(), e), e);
    }
    LOG.info(
        "clients connect to {}{}, operators to {}, {}; replica {}",
        clientAddress(),
        webSocketAddress().map(at -> " and, by WebSocket, to " + at).orElse(""),
        controlAddress() + controlHttpAddress().map(at -> " and, by HTTP, to " + at).orElse(""),
        peers.address().map(at -> "peers to " + at).orElse("peers cannot connect"),
        keeper.current().peerIdHex());
  }

  private static String cannotListen(String key, HostPort address, IOException e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    return "cannot listen on %s (%s): %s; choose another address or end what uses it"
        .formatted(address, key, cause.getMessage());
  }

  private PeerDirectory directory() {
    HostConfig.Directory settings = config.peer().directory();
    return switch (settings.kind()) {
      case STATIC -> new StaticDirectory(config.peer().addresses());
      case DNS ->
          new DnsDirectory(settings.dns().orElseThrow(), settings.dnsServer(), settings.refresh());
      case REDIS ->
          new RedisDirectory(
              redis.orElseThrow(), settings.group(), this::advertised, settings.refresh());
    };
  }

  /** Empty until it listens, and where others cannot connect. */
  private Optional<HostPort> advertised() {
    Optional<HostPort> said = config.peer().directory().advertise();
    PeerPlane plane = peers;
    return said.isPresent() || plane == null ? said : plane.address();
  }

  private static ControlAccess token(Path file) throws IOException {
    try {
      return ControlAccess.ofFile(file);
    } catch (IOException e) {
      throw new IOException("control.token_file: " + e.getMessage(), e);
    }
  }

  /** Where clients connect, with the port that was taken. */
  public HostPort clientAddress() {
    return HostPort.of(clients.address());
  }

  /** Where WebSockets are served, with the port that was taken; empty where only gRPC is. */
  public Optional<HostPort> webSocketAddress() {
    return clients.webSocketAddress().map(HostPort::of);
  }

  /** Where operators connect, with the port that was taken. */
  public HostPort controlAddress() {
    return HostPort.of(control.address());
  }

  /** Where the control plane is served over HTTP, with the port that was taken. */
  public Optional<HostPort> controlHttpAddress() {
    return control.httpAddress().map(HostPort::of);
  }

  /** Where other hosts connect, with the port that was taken; empty when they cannot. */
  public Optional<HostPort> peerAddress() {
    return peers.address();
  }

  private HostStatus.Addresses addresses() {
    return new HostStatus.Addresses(
        clientAddress().toString(),
        webSocketAddress().map(HostPort::toString).orElse(""),
        controlAddress().toString(),
        controlHttpAddress().map(HostPort::toString).orElse(""),
        peerAddress().map(HostPort::toString).orElse(""));
  }

  /** What an operator can ask, in process. */
  public Operations operations() {
    return operations;
  }

  /** Within this, {@link #close} ends. */
  public Duration shutdownDeadline() {
    return config.runtime().shutdownDeadline();
  }

  /** Everything that is measured here. */
  public HostMetrics metrics() {
    return metrics;
  }

  /**
   * Completed when the process should end: the enclave aborted, or one that stopped for good could
   * not be replaced.
   */
  public CompletableFuture<EnclaveRuntime.Termination> termination() {
    return keeper.termination();
  }

  /** False on platforms that protect nothing. */
  public boolean isProtected() {
    return HostStatus.isProtected(config);
  }

  /**
   * The sequence of design.md §5: not ready, streams closed with UNAVAILABLE, leadership handed
   * over, the group left as far as it can spare this replica, enclave closed. Ends within the
   * configured deadline unless a call inside the enclave hangs. Idempotent.
   */
  @Override
  public synchronized void close() {
    if (closing) {
      return;
    }
    closing = true;
    keeper.leave();
    founder.ifPresent(Founder::close);
    joiner.close();
    LOG.info("shutting down: not ready any more");
    clients.drain();
    awaitAnswers();
    depart();
    LOG.info("shutting down: closing");
    closePlanes();
    keeper.close();
    certificates.close();
    redis.ifPresent(Redis::close);
    metrics.close();
    LOG.info("shut down");
  }

  private void depart() {
    try {
      new Departure(
              keeper.current(), config.runtime().shutdownDeadline().dividedBy(DEPARTURE_FRACTION))
          .go();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void awaitAnswers() {
    long end = System.nanoTime() + config.runtime().shutdownDeadline().toNanos() / DRAIN_FRACTION;
    try {
      while (clients.sessionCount() > 0 && System.nanoTime() < end) {
        TimeUnit.MILLISECONDS.sleep(5);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (clients.sessionCount() > 0) {
      LOG.warn("{} sessions are closed without an answer", clients.sessionCount());
    }
  }

  private void closePlanes() {
    Duration patience = config.runtime().shutdownDeadline().dividedBy(PLANE_FRACTION);
    try {
      clients.close(patience);
      peers.close(patience);
      control.close(patience);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
