// SPDX-License-Identifier: Apache-2.0
//
// The client plane over gRPC (client_service.proto): sessions, and delete without a session.
package dev.svr2.host.session;

import com.google.protobuf.ByteString;
import com.google.rpc.Code;
import dev.svr2.host.auth.Authenticator;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.host.enclave.RequestException;
import dev.svr2.host.log.Throttle;
import dev.svr2.host.metrics.HostMetrics;
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
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Set;
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

  private final Throttle cutLines = new Throttle(Throttle.INTERVAL, System::nanoTime);
  private final HostConfig.Client config;
  private final HostMetrics metrics;
  private final Authenticator authenticator;
  private final Session.Shared shared;
  private final Set<Session> sessions = ConcurrentHashMap.newKeySet();
  private volatile EnclaveRuntime runtime;
  private volatile boolean closing;
  private Server server;

  public ClientPlane(
      HostConfig.Client config,
      Authenticator authenticator,
      HostMetrics metrics,
      LongSupplier nanoTime) {
    this.config = config;
    this.metrics = metrics;
    this.authenticator = authenticator;
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
    server =
        NettyServerBuilder.forAddress(config.listen().toSocketAddress())
            .directExecutor()
            .addService(service())
            .maxInboundMessageSize(config.itemMaxBytes() * TRANSPORT_SLACK_FACTOR)
            .permitKeepAliveTime(10, TimeUnit.SECONDS)
            .build()
            .start();
  }

  /** The service behind its authentication, for any gRPC server. */
  public ServerServiceDefinition service() {
    return ServerInterceptors.intercept(this, new AuthInterceptor(authenticator, metrics));
  }

  /** After {@link #start}: where it listens. */
  public InetSocketAddress address() {
    return (InetSocketAddress) server.getListenSockets().get(0);
  }

  @Override
  public StreamObserver<SessionItem> session(StreamObserver<SessionItem> responses) {
    var stream = (ServerCallStreamObserver<SessionItem>) responses;
    if (closing) {
      return refuse(stream, SessionStatus.failed(Error.ERROR_BRIDGE_CLOSED, false));
    }
    Session session = new Session(stream, shared);
    sessions.add(session);
    metrics.sessions.set(sessions.size());
    if (sessions.size() > config.maxSessions()) {
      sessions.remove(session);
      return refuse(
          stream, SessionStatus.exhausted("this host has all the sessions that it may have"));
    }
    session.start(runtime, AuthInterceptor.BACKUP_ID.get());
    return session;
  }

  private StreamObserver<SessionItem> refuse(
      StreamObserver<SessionItem> stream, StatusRuntimeException status) {
    metrics.sessionClosed(status.getStatus().getCode().name());
    stream.onError(status);
    return new StreamObserver<>() {
      @Override
      public void onNext(SessionItem item) {}

      @Override
      public void onError(Throwable cause) {}

      @Override
      public void onCompleted() {}
    };
  }

  @Override
  public void deleteBackup(DeleteBackupCall call, StreamObserver<DeleteBackupResult> responses) {
    if (closing) {
      responses.onError(SessionStatus.failed(Error.ERROR_BRIDGE_CLOSED, false));
      return;
    }
    DeleteBackupRequest request =
        DeleteBackupRequest.newBuilder()
            .setBackupId(ByteString.copyFrom(AuthInterceptor.BACKUP_ID.get()))
            .build();
    var unused =
        runtime
            .request(HostRequest.newBuilder().setDeleteBackup(request))
            .whenComplete(
                (reply, failure) -> {
                  if (failure == null) {
                    metrics.deletes.increment();
                    responses.onNext(DeleteBackupResult.getDefaultInstance());
                    responses.onCompleted();
                  } else {
                    responses.onError(status(failure));
                  }
                });
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
    List.copyOf(sessions).forEach(Session::endWhenAnswered);
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
    if (server != null) {
      server.shutdown();
      if (!server.awaitTermination(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
        server.shutdownNow();
        boolean unused = server.awaitTermination(1, TimeUnit.SECONDS);
      }
    }
  }
}
