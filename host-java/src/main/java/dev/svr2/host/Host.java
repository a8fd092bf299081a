// SPDX-License-Identifier: Apache-2.0
//
// One host: an enclave with its planes, from start to end (design.md §5). What `svr2 host` runs and
// what tests start in process.
package dev.svr2.host;

import com.google.protobuf.ByteString;
import dev.svr2.enclave.Enclave;
import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.ErrorText;
import dev.svr2.enclave.LoadFlag;
import dev.svr2.host.auth.Authenticator;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.config.HostPort;
import dev.svr2.host.control.ControlPlane;
import dev.svr2.host.control.Operations;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.host.enclave.RequestException;
import dev.svr2.host.log.Logs;
import dev.svr2.host.metrics.EnclaveMeters;
import dev.svr2.host.metrics.HostMetrics;
import dev.svr2.host.session.ClientPlane;
import dev.svr2.proto.ChangeMembershipRequest;
import dev.svr2.proto.CloseReason;
import dev.svr2.proto.CreateGroupRequest;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.Error;
import dev.svr2.proto.EvidenceRequest;
import dev.svr2.proto.GetPeersResult;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.HashRequest;
import dev.svr2.proto.HostRequest;
import dev.svr2.proto.JoinPhase;
import dev.svr2.proto.JoinStatus;
import dev.svr2.proto.LogLevel;
import dev.svr2.proto.MembershipChangeKind;
import dev.svr2.proto.MetricsRequest;
import dev.svr2.proto.MinimumLimits;
import dev.svr2.proto.PingPeerRequest;
import dev.svr2.proto.RaiseMinimumsRequest;
import dev.svr2.proto.RelinquishLeadershipRequest;
import dev.svr2.proto.ResetPeerRequest;
import dev.svr2.proto.SetLogLevelRequest;
import dev.svr2.proto.StatusReply;
import dev.svr2.proto.StatusRequest;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe. Made by {@link #start}. */
public final class Host implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Host.class);

  /** Part of the shutdown's deadline that clients have to get their last answers. */
  private static final int DRAIN_FRACTION = 4;

  private static final Duration STATUS_AT_END = Duration.ofSeconds(1);

  private final HostConfig config;
  private final HostMetrics metrics = new HostMetrics();
  private final EnclaveMeters enclaveMeters = new EnclaveMeters(metrics.registry());
  private final long startedNanos = System.nanoTime();
  private final EnclaveRuntime runtime;
  private final ClientPlane clients;
  private final ControlPlane control;
  private volatile boolean closing;

  private Host(HostConfig config, Logs logs, EnclaveRuntime.Loader loader, InstantSource clock)
      throws EnclaveException, IOException {
    this.config = config;
    warnWhatIsNotProtected();
    runtime = EnclaveRuntime.start(config, loader, metrics, clock);
    try {
      HostConfig.Auth auth = config.auth();
      Authenticator authenticator = new Authenticator(auth.secrets(), auth.validity(), clock);
      clients = new ClientPlane(runtime, config.client(), authenticator, metrics, System::nanoTime);
      control = new ControlPlane(new HostOperations(), logs);
      listen();
    } catch (IOException | RuntimeException e) {
      runtime.close();
      throw e;
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

  private void listen() throws IOException {
    try {
      clients.start();
    } catch (IOException e) {
      throw new IOException(cannotListen("client.listen", config.client().listen(), e), e);
    }
    try {
      control.start(config.controlListen());
    } catch (IOException e) {
      closePlanes();
      throw new IOException(cannotListen("control.listen", config.controlListen(), e), e);
    }
    LOG.info(
        "clients connect to {}, operators to {}; replica {}",
        clientAddress(),
        controlAddress(),
        HexFormat.of().formatHex(runtime.peerId().toByteArray()));
  }

  private static String cannotListen(String key, HostPort address, IOException e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    return "cannot listen on %s (%s): %s; choose another address or end what uses it"
        .formatted(address, key, cause.getMessage());
  }

  /** Where clients connect, with the port that was taken. */
  public HostPort clientAddress() {
    return HostPort.of(clients.address());
  }

  /** Where operators connect, with the port that was taken. */
  public HostPort controlAddress() {
    return HostPort.of(control.address());
  }

  /** What an operator can ask, in process. */
  public Operations operations() {
    return new HostOperations();
  }

  /** Within this, {@link #close} ends. */
  public Duration shutdownDeadline() {
    return config.runtime().shutdownDeadline();
  }

  /** Everything that is measured here. */
  public HostMetrics metrics() {
    return metrics;
  }

  /** Completed when the enclave ended by itself; the process should then end. */
  public CompletableFuture<EnclaveRuntime.Termination> termination() {
    return runtime.termination();
  }

  /** False on platforms that protect nothing. */
  public boolean isProtected() {
    return config.platform().isProtected() && !config.imageDebug();
  }

  /**
   * The sequence of design.md §5: not ready, streams closed with UNAVAILABLE, enclave closed. Ends
   * within the configured deadline unless a call inside the enclave hangs. Idempotent.
   */
  @Override
  public synchronized void close() {
    if (closing) {
      return;
    }
    closing = true;
    LOG.info("shutting down: not ready any more");
    sayWhatIsLost();
    clients.drain();
    awaitAnswers();
    closePlanes();
    runtime.close();
    metrics.close();
    LOG.info("shut down");
  }

  private void sayWhatIsLost() {
    if (runtime.termination().isDone()) {
      return;
    }
    StatusReply status;
    try {
      status =
          request(HostRequest.newBuilder().setStatus(StatusRequest.getDefaultInstance()))
              .get(STATUS_AT_END.toMillis(), TimeUnit.MILLISECONDS)
              .getStatus();
    } catch (ExecutionException | TimeoutException e) {
      LOG.warn("the enclave did not say at its end which group it is of");
      return;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return;
    }
    if (status.hasGroup() && status.getMembersCount() <= 1) {
      LOG.warn(
          "this is the last member of its group: nobody to hand over to, nothing to leave;"
              + " the group's secrets are gone ({} rows)",
          status.getRows());
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
    Duration patience = config.runtime().shutdownDeadline().dividedBy(DRAIN_FRACTION);
    try {
      clients.close(patience);
      control.close(patience);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private ByteString ownPeerId() {
    return runtime.peerId();
  }

  private CompletableFuture<EnclaveReply> request(HostRequest.Builder request) {
    return runtime.request(request);
  }

  private final class HostOperations implements Operations {
    @Override
    public CompletableFuture<GetStatusResponse> status() {
      return request(HostRequest.newBuilder().setStatus(StatusRequest.getDefaultInstance()))
          .handle((reply, failure) -> describe(failure == null ? reply.getStatus() : null));
    }

    @Override
    public CompletableFuture<EnclaveReply> createGroup() {
      return request(
          HostRequest.newBuilder().setCreateGroup(CreateGroupRequest.getDefaultInstance()));
    }

    @Override
    public CompletableFuture<EnclaveReply> joinGroup() {
      // The directory of peers comes with the peer plane.
      return CompletableFuture.failedFuture(
          new RequestException(
              Error.ERROR_PEERS_UNREACHABLE, CloseReason.CLOSE_REASON_NOT_APPLIED));
    }

    @Override
    public CompletableFuture<EnclaveReply> changeMembership(
        MembershipChangeKind kind, ByteString peerId, boolean force) {
      return request(
          HostRequest.newBuilder()
              .setChangeMembership(
                  ChangeMembershipRequest.newBuilder()
                      .setKind(kind)
                      .setPeerId(peerId.isEmpty() ? ownPeerId() : peerId)
                      .setForce(force)));
    }

    @Override
    public CompletableFuture<EnclaveReply> relinquishLeadership() {
      return request(
          HostRequest.newBuilder()
              .setRelinquishLeadership(RelinquishLeadershipRequest.getDefaultInstance()));
    }

    @Override
    public CompletableFuture<EnclaveReply> resetPeer(ByteString peerId) {
      return request(
          HostRequest.newBuilder().setResetPeer(ResetPeerRequest.newBuilder().setPeerId(peerId)));
    }

    @Override
    public CompletableFuture<EnclaveReply> pingPeer(ByteString peerId) {
      return request(
          HostRequest.newBuilder().setPingPeer(PingPeerRequest.newBuilder().setPeerId(peerId)));
    }

    @Override
    public CompletableFuture<EnclaveReply> hash() {
      return request(HostRequest.newBuilder().setHash(HashRequest.getDefaultInstance()));
    }

    @Override
    public CompletableFuture<EnclaveReply> raiseMinimums(MinimumLimits raise) {
      return request(
          HostRequest.newBuilder()
              .setRaiseMinimums(RaiseMinimumsRequest.newBuilder().setRaise(raise)));
    }

    @Override
    public GetPeersResult peers() {
      return GetPeersResult.getDefaultInstance();
    }

    @Override
    public CompletableFuture<String> metrics() {
      return request(HostRequest.newBuilder().setMetrics(MetricsRequest.getDefaultInstance()))
          .handle(
              (reply, failure) -> {
                // Without the enclave's answer its last values stand; the host's own are true.
                if (failure == null) {
                  enclaveMeters.update(reply.getMetrics());
                }
                return metrics.scrape();
              });
    }

    @Override
    public CompletableFuture<EnclaveReply> setEnclaveLogLevel(LogLevel level) {
      return request(
          HostRequest.newBuilder().setSetLogLevel(SetLogLevelRequest.newBuilder().setLevel(level)));
    }

    @Override
    public CompletableFuture<EnclaveReply> evidence() {
      return request(HostRequest.newBuilder().setEvidence(EvidenceRequest.getDefaultInstance()));
    }
  }

  /**
   * @param enclave null when it did not answer
   */
  private GetStatusResponse describe(StatusReply enclave) {
    String reason = notReadyReason(enclave);
    GetStatusResponse.Builder status =
        GetStatusResponse.newBuilder()
            .setPlatform(config.platform().configName())
            .setMeasurement(ByteString.copyFrom(runtime.measurement()))
            .setLive(!runtime.termination().isDone())
            .setReady(reason.isEmpty())
            .setNotReadyReason(reason)
            .setNotProtected(!isProtected())
            .setClientAddress(clientAddress().toString())
            .setControlAddress(controlAddress().toString())
            .setEnclavesStarted(1)
            .setVersion(Version.current())
            .setUptimeSeconds(Duration.ofNanos(System.nanoTime() - startedNanos).toSeconds());
    if (enclave != null) {
      status.setEnclave(enclave);
    }
    return status.build();
  }

  private String notReadyReason(StatusReply enclave) {
    if (closing) {
      return "this host is shutting down";
    }
    if (runtime.termination().isDone()) {
      return "the enclave has ended: " + ErrorText.of(runtime.termination().join().error());
    }
    if (enclave == null) {
      return "the enclave does not answer";
    }
    if (enclave.getServing()) {
      return "";
    }
    if (enclave.getJoin().getPhase() != JoinPhase.JOIN_PHASE_NONE) {
      return joining(enclave.getJoin());
    }
    if (!enclave.hasGroup()) {
      return "this replica belongs to no group yet; to found one, run 'svr2 admin create-group'";
    }
    Error error = enclave.getNotServingReason();
    return error == Error.OK ? "the enclave does not serve yet" : ErrorText.of(error);
  }

  private static String joining(JoinStatus join) {
    String text =
        "joining the group: "
            + join.getPhase().name().replace("JOIN_PHASE_", "").toLowerCase(Locale.ROOT);
    if (join.getAttemptsFailed() > 0) {
      text +=
          "; attempts that failed: %s, the last since %s"
              .formatted(
                  Integer.toUnsignedString(join.getAttemptsFailed()),
                  ErrorText.of(join.getLastError()));
    }
    return text;
  }
}
