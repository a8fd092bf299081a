// SPDX-License-Identifier: Apache-2.0
//
// The client plane: sessions, and delete without a session, over gRPC (client_service.proto) and,
// where
// configured, over HTTP.
package dev.svr2.host.session;

import com.google.protobuf.ByteString;
import com.google.rpc.Code;
import dev.svr2.host.auth.Authenticator;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.config.HostPort;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.host.enclave.RequestException;
import dev.svr2.host.limit.RateLimiter;
import dev.svr2.host.log.Throttle;
import dev.svr2.host.metrics.HostMetrics;
import dev.svr2.host.tls.TlsIdentity;
import dev.svr2.proto.ClientServiceGrpc;
import dev.svr2.proto.CloseReason;
import dev.svr2.proto.DeleteBackupCall;
import dev.svr2.proto.DeleteBackupRequest;
import dev.svr2.proto.DeleteBackupResult;
import dev.svr2.proto.Error;
import dev.svr2.proto.HostRequest;
import dev.svr2.proto.SessionItem;
import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Everything runs on the transport's own threads: nothing here blocks, and there is no thread per
 * session. Thread-safe. An enclave must be attached before it is started.
 */
public final class ClientPlane extends ClientServiceGrpc.ClientServiceImplBase
    implements Session.Listener {
  /**
   * An item above the limit but below this gets a clear answer; above this gRPC ends the call by
   * itself.
   */
  private static final int TRANSPORT_SLACK_FACTOR = 2;

  private static final Logger LOG = LoggerFactory.getLogger(ClientPlane.class);

  private static final StreamObserver<SessionItem> NO_INLET =
      new StreamObserver<>() {
        @Override
        public void onNext(SessionItem item) {}

        @Override
        public void onError(Throwable cause) {}

        @Override
        public void onCompleted() {}
      };

  private final Throttle cutLines = new Throttle(Throttle.INTERVAL, System::nanoTime);
  private final HostConfig.Client config;
  private final HostMetrics metrics;
  private final Authenticator authenticator;
  private final Optional<TlsIdentity> tls;
  private final RateLimiter limiter;
  private final Session.Shared shared;
  private final Set<Session> sessions = ConcurrentHashMap.newKeySet();
  private volatile EnclaveRuntime runtime;
  private volatile boolean closing;
  private final AuthFailures authFailures;
  private final HealthStatusManager health = new HealthStatusManager();
  private Server server;
  private WebSocketPlane webSockets;

  public ClientPlane(
      HostConfig.Client config,
      Optional<TlsIdentity> tls,
      RateLimiter limiter,
      Authenticator authenticator,
      HostMetrics metrics,
      LongSupplier nanoTime) {
    this.config = config;
    this.tls = tls;
    this.limiter = limiter;
    this.metrics = metrics;
    this.authenticator = authenticator;
    this.authFailures = new AuthFailures(metrics);
    this.shared =
        new Session.Shared(config.itemMaxBytes(), config.outboundMaxBytes(), nanoTime, this);
  }

  /** From now on new sessions are this enclave's. Those of one before have ended with it. */
  public void attach(EnclaveRuntime fresh) {
    runtime = fresh;
    long idleNanos = config.sessionIdle().toNanos();
    fresh.every(
        Math.max(10, Math.min(1_000, config.sessionIdle().toMillis() / 4)),
        () -> sessions.forEach(session -> session.endIfIdle(idleNanos)));
  }

  /**
   * Listens.
   *
   * @throws IOException when the address is in use or not of this machine
   */
  public void start() throws IOException {
    NettyServerBuilder builder = NettyServerBuilder.forAddress(config.listen().toSocketAddress());
    tls.ifPresent(identity -> builder.sslContext(identity.grpcServer()));
    server =
        builder
            .directExecutor()
            .addService(service())
            .addService(health.getHealthService())
            .addService(ProtoReflectionServiceV1.newInstance())
            .maxInboundMessageSize(config.itemMaxBytes() * TRANSPORT_SLACK_FACTOR)
            .permitKeepAliveTime(10, TimeUnit.SECONDS)
            .build()
            .start();
    if (config.webSocketListen().isPresent()) {
      HostPort listen = config.webSocketListen().get();
      try {
        webSockets =
            new WebSocketPlane(
                listen,
                tls.map(TlsIdentity::httpServer),
                this,
                config.itemMaxBytes(),
                config.maxSessions());
      } catch (IOException e) {
        server.shutdownNow();
        throw new IOException("client.websocket_listen (" + listen + "): " + e.getMessage(), e);
      }
    }
  }

  /** The service behind its authentication, for any gRPC server. */
  public ServerServiceDefinition service() {
    return ServerInterceptors.intercept(this, new AuthInterceptor(this::authenticate));
  }

  /** After {@link #start}: where it listens. */
  public InetSocketAddress address() {
    return (InetSocketAddress) server.getListenSockets().get(0);
  }

  /** After {@link #start}: where WebSockets are served, if they are. */
  public Optional<InetSocketAddress> webSocketAddress() {
    return Optional.ofNullable(webSockets).map(WebSocketPlane::address);
  }

  @Override
  public StreamObserver<SessionItem> session(StreamObserver<SessionItem> responses) {
    Session session = GrpcOutlet.open((ServerCallStreamObserver<SessionItem>) responses, shared);
    Optional<StatusRuntimeException> refused = admit(session);
    if (refused.isPresent()) {
      responses.onError(refused.get());
      return NO_INLET;
    }
    byte[] backupId = AuthInterceptor.BACKUP_ID.get();
    var unused =
        limit(backupId)
            .thenAccept(
                limited ->
                    limited.ifPresentOrElse(session::refuse, () -> begin(session, backupId)));
    return GrpcOutlet.inlet(session);
  }

  /**
   * Makes room for a session over a WebSocket, whose end is then to be told to it.
   *
   * @return why there is none; then there is no session either
   */
  Optional<StatusRuntimeException> admit(WebSocketOutlet outlet) {
    Session session = new Session(outlet, shared);
    outlet.attach(session);
    return admit(session);
  }

  private Optional<StatusRuntimeException> admit(Session session) {
    StatusRuntimeException refused = null;
    if (closing) {
      refused = SessionStatus.failed(Error.ERROR_BRIDGE_CLOSED, false);
    } else {
      sessions.add(session);
      if (sessions.size() > config.maxSessions()) {
        sessions.remove(session);
        refused = SessionStatus.exhausted("this host has all the sessions that it may have");
      }
      metrics.sessions.set(sessions.size());
    }
    if (refused != null) {
      metrics.sessionClosed(refused.getStatus().getCode().name());
    }
    return Optional.ofNullable(refused);
  }

  /** The connection can be used. */
  void begin(Session session, byte[] backupId) {
    session.start(runtime, backupId);
  }

  /** Counts a call of a user. Never fails; what it completes with ends the call. */
  CompletableFuture<Optional<StatusRuntimeException>> limit(byte[] backupId) {
    return limiter.take(backupId).thenApply(wait -> wait.map(SessionStatus::limited));
  }

  /** The running enclave's, 32 bytes. */
  byte[] measurement() {
    return runtime.measurement();
  }

  /** Whose the value of an authorization header is; empty, and counted, for anything not right. */
  Optional<byte[]> authenticate(String authorization) {
    Optional<byte[]> backupId = authenticator.authenticate(authorization);
    if (backupId.isEmpty()) {
      authFailures.note();
    }
    return backupId;
  }

  @Override
  public void deleteBackup(DeleteBackupCall call, StreamObserver<DeleteBackupResult> responses) {
    byte[] backupId = AuthInterceptor.BACKUP_ID.get();
    var unused =
        limit(backupId)
            .thenCompose(
                limited ->
                    limited.isPresent()
                        ? CompletableFuture.failedFuture(limited.get())
                        : delete(ByteString.copyFrom(backupId)))
            .whenComplete(
                (done, failure) -> {
                  if (failure == null) {
                    responses.onNext(DeleteBackupResult.getDefaultInstance());
                    responses.onCompleted();
                  } else {
                    responses.onError(
                        failure instanceof CompletionException ? failure.getCause() : failure);
                  }
                });
  }

  /** Erases a backup without a session. Fails with a {@link StatusRuntimeException}. */
  CompletableFuture<Void> delete(ByteString backupId) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    if (closing) {
      done.completeExceptionally(SessionStatus.failed(Error.ERROR_BRIDGE_CLOSED, false));
      return done;
    }
    DeleteBackupRequest request = DeleteBackupRequest.newBuilder().setBackupId(backupId).build();
    var unused =
        runtime
            .request(HostRequest.newBuilder().setDeleteBackup(request))
            .whenComplete(
                (reply, failure) -> {
                  if (failure == null) {
                    metrics.deletes.increment();
                    done.complete(null);
                  } else {
                    done.completeExceptionally(status(failure));
                  }
                });
    return done;
  }

  private static StatusRuntimeException status(Throwable failure) {
    if (!(failure instanceof RequestException refused)) {
      return SessionStatus.of(Code.INTERNAL, Error.ERROR_INTERNAL, true);
    }
    if (refused.isQueueFull()) {
      return SessionStatus.exhausted(refused.getMessage());
    }
    // A delete has no normal end with an error.
    CloseReason outcome =
        refused.outcome() == CloseReason.CLOSE_REASON_NORMAL
            ? CloseReason.CLOSE_REASON_UNKNOWN
            : refused.outcome();
    return SessionStatus.of(outcome, refused.error());
  }

  @Override
  public void onOpened(Session session) {
    metrics.sessionsOpened.increment();
  }

  @Override
  public void onEnded(Session session, Status.Code status) {
    sessions.remove(session);
    metrics.sessions.set(sessions.size());
    metrics.sessionClosed(status.name());
    if (status == Status.Code.CANCELLED) {
      long cut = cutLines.note();
      if (cut > 0) {
        LOG.info("{} sessions were cut off by their clients since the last such line", cut);
      }
    }
  }

  /**
   * Refuses new calls from now on; sessions end with UNAVAILABLE as soon as they have their
   * answers.
   */
  public void drain() {
    closing = true;
    health.enterTerminalState();
    WebSocketPlane http = webSockets;
    if (http != null) {
      http.stopListening();
    }
    List.copyOf(sessions).forEach(Session::endWhenAnswered);
  }

  /** What gRPC's health service says of the client service, and of all. */
  public void setServing(boolean serving) {
    ServingStatus status = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    health.setStatus(HealthStatusManager.SERVICE_NAME_ALL_SERVICES, status);
    health.setStatus(ClientServiceGrpc.SERVICE_NAME, status);
  }

  /** Open sessions now. */
  public int sessionCount() {
    return sessions.size();
  }

  /**
   * Ends all sessions and the server.
   *
   * @param timeout what clients have to take their last item
   */
  public void close(Duration timeout) throws InterruptedException {
    drain();
    List.copyOf(sessions).forEach(Session::endNow);
    if (webSockets != null) {
      webSockets.close(timeout);
    }
    if (server != null) {
      server.shutdown();
      if (!server.awaitTermination(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
        server.shutdownNow();
        boolean unused = server.awaitTermination(1, TimeUnit.SECONDS);
      }
    }
  }
}
