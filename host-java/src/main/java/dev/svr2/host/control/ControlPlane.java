// SPDX-License-Identifier: Apache-2.0
//
// The control plane (control_service.proto): status, the group's membership, metrics, log levels.
// On loopback, or for those who show a token or a certificate; every command goes to the audit log.
package dev.svr2.host.control;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.ErrorInfo;
import dev.svr2.client.Handshake;
import dev.svr2.host.config.HostPort;
import dev.svr2.host.enclave.RequestException;
import dev.svr2.host.http.HttpListener;
import dev.svr2.host.log.Logs;
import dev.svr2.host.tls.TlsIdentity;
import dev.svr2.proto.ChangeMembershipCall;
import dev.svr2.proto.ChangeMembershipResult;
import dev.svr2.proto.CloseReason;
import dev.svr2.proto.ControlServiceGrpc;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.CreateGroupResult;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.Error;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetEvidenceResponse;
import dev.svr2.proto.GetHashCall;
import dev.svr2.proto.GetHashResult;
import dev.svr2.proto.GetMetricsRequest;
import dev.svr2.proto.GetMetricsResponse;
import dev.svr2.proto.GetPeersCall;
import dev.svr2.proto.GetPeersResult;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.JoinGroupCall;
import dev.svr2.proto.JoinGroupResult;
import dev.svr2.proto.PingPeerCall;
import dev.svr2.proto.PingPeerResult;
import dev.svr2.proto.RaiseMinimumsCall;
import dev.svr2.proto.RaiseMinimumsResult;
import dev.svr2.proto.RelinquishLeadershipCall;
import dev.svr2.proto.RelinquishLeadershipResult;
import dev.svr2.proto.ResetPeerCall;
import dev.svr2.proto.ResetPeerResult;
import dev.svr2.proto.SetLogLevelCall;
import dev.svr2.proto.SetLogLevelResult;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.StatusProto;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.grpc.stub.StreamObserver;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe. */
public final class ControlPlane extends ControlServiceGrpc.ControlServiceImplBase {
  private static final Logger AUDIT = LoggerFactory.getLogger("audit");
  private static final int THREADS = 2;
  private static final int HTTP_CONNECTIONS = 256;
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
  private static final int PEER_ID_BYTES = 32;
  private static final int MAX_MESSAGE_BYTES = 64 * 1024;
  private static final Context.Key<String> CALLER = Context.key("svr2-control-caller");

  private final Operations operations;
  private final Logs logs;
  private final ExecutorService executor =
      Executors.newFixedThreadPool(
          THREADS,
          task -> {
            Thread thread = new Thread(task, "svr2-control");
            thread.setDaemon(true);
            return thread;
          });
  private final ControlAccess access;
  private final Optional<TlsIdentity> tls;
  private final Rates rates;
  private final ScheduledExecutorService sampler =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "svr2-rates");
            thread.setDaemon(true);
            return thread;
          });
  private final HealthStatusManager health = new HealthStatusManager();
  private Server server;
  private HttpListener http;

  /**
   * Not listening yet.
   *
   * @param access who may
   * @param tls empty: in clear
   * @param registry of the meters whose rates the status page shows
   */
  public ControlPlane(
      Operations operations,
      Logs logs,
      ControlAccess access,
      Optional<TlsIdentity> tls,
      MeterRegistry registry) {
    this.operations = operations;
    this.logs = logs;
    this.access = access;
    this.tls = tls;
    this.rates = new Rates(registry, System::nanoTime);
  }

  /**
   * Listens.
   *
   * @throws IOException when the address is in use
   */
  public void start(HostPort listen) throws IOException {
    NettyServerBuilder builder = NettyServerBuilder.forAddress(listen.toSocketAddress());
    tls.ifPresent(identity -> builder.sslContext(identity.grpcServer()));
    server =
        builder
            .executor(executor)
            .addService(service())
            .addService(health.getHealthService())
            .addService(
                ServerInterceptors.intercept(
                    ProtoReflectionServiceV1.newInstance(), new CallerInterceptor()))
            .maxInboundMessageSize(MAX_MESSAGE_BYTES)
            .build()
            .start();
  }

  /**
   * Serves health, metrics and the status page over HTTP, and begins to look at rates.
   *
   * @throws IOException when the address is in use
   */
  public void startHttp(HostPort listen) throws IOException {
    boolean healthOnly = !listen.isLoopback() && !access.isGuarded();
    http =
        new HttpListener(
            listen,
            tls.map(TlsIdentity::httpServer),
            HTTP_CONNECTIONS,
            1,
            () -> new ControlPages(operations, rates, access, healthOnly));
    var unused =
        sampler.scheduleWithFixedDelay(this::look, 0, Rates.INTERVAL_MS, TimeUnit.MILLISECONDS);
  }

  /** The enclave's counters are there once it was asked for them. */
  private void look() {
    var unused =
        operations
            .metrics()
            .whenComplete(
                (text, failure) -> {
                  if (failure == null) {
                    rates.sample();
                  }
                });
  }

  /** After {@link #startHttp}: where it listens. */
  public Optional<InetSocketAddress> httpAddress() {
    return Optional.ofNullable(http).map(HttpListener::address);
  }

  /** The service, for any gRPC server. */
  public ServerServiceDefinition service() {
    return ServerInterceptors.intercept(this, new CallerInterceptor());
  }

  /** After {@link #start}: where it listens. */
  public InetSocketAddress address() {
    return (InetSocketAddress) server.getListenSockets().get(0);
  }

  @Override
  public void getStatus(GetStatusRequest call, StreamObserver<GetStatusResponse> responses) {
    answer("status", operations.status(), Function.identity(), responses);
  }

  @Override
  public void createGroup(CreateGroupCall call, StreamObserver<CreateGroupResult> responses) {
    answer(
        "create-group",
        operations.createGroup(),
        reply -> CreateGroupResult.newBuilder().setGroup(reply.getCreateGroup().getGroup()).build(),
        responses);
  }

  @Override
  public void getMetrics(GetMetricsRequest call, StreamObserver<GetMetricsResponse> responses) {
    answer(
        "metrics",
        operations.metrics(),
        text -> GetMetricsResponse.newBuilder().setText(text).build(),
        responses);
  }

  @Override
  public void setLogLevel(SetLogLevelCall call, StreamObserver<SetLogLevelResult> responses) {
    CompletableFuture<?> done;
    String command;
    if (call.hasLogger()) {
      command =
          "log-level %s of logger '%s'".formatted(call.getLevel(), printable(call.getLogger()));
      done = setJavaLevel(call);
    } else {
      command = "log-level %s of the enclave".formatted(call.getLevel());
      done = operations.setEnclaveLogLevel(call.getLevel());
    }
    answer(command, done, ignored -> SetLogLevelResult.getDefaultInstance(), responses);
  }

  private CompletableFuture<?> setJavaLevel(SetLogLevelCall call) {
    String level =
        switch (call.getLevel()) {
          case LOG_LEVEL_ERROR -> "ERROR";
          case LOG_LEVEL_WARN -> "WARN";
          case LOG_LEVEL_INFO -> "INFO";
          case LOG_LEVEL_DEBUG -> "DEBUG";
          case LOG_LEVEL_UNSET, UNRECOGNIZED -> null;
        };
    if (level == null) {
      return CompletableFuture.failedFuture(
          new IllegalArgumentException("the level must be error, warn, info or debug"));
    }
    logs.setLevel(call.getLogger(), level);
    return CompletableFuture.completedFuture(null);
  }

  @Override
  public void getEvidence(GetEvidenceRequest call, StreamObserver<GetEvidenceResponse> responses) {
    answer(
        "evidence",
        operations.evidence(),
        (EnclaveReply reply) ->
            GetEvidenceResponse.newBuilder()
                .setHandshakeStart(reply.getEvidence().getHandshakeStart())
                .setHandshake(Handshake.offered(reply.getEvidence().getClientPq()).toString())
                .build(),
        responses);
  }

  @Override
  public void joinGroup(JoinGroupCall call, StreamObserver<JoinGroupResult> responses) {
    answer(
        "join", operations.joinGroup(), ignored -> JoinGroupResult.getDefaultInstance(), responses);
  }

  @Override
  public void changeMembership(
      ChangeMembershipCall call, StreamObserver<ChangeMembershipResult> responses) {
    String command =
        "%s%s of %s"
            .formatted(call.getKind(), call.getForce() ? " by force" : "", peer(call.getPeerId()));
    answer(
        command, change(call), ignored -> ChangeMembershipResult.getDefaultInstance(), responses);
  }

  private CompletableFuture<EnclaveReply> change(ChangeMembershipCall call) {
    return switch (call.getKind()) {
      case MEMBERSHIP_CHANGE_PROMOTE, MEMBERSHIP_CHANGE_DEMOTE, MEMBERSHIP_CHANGE_REMOVE ->
          call.getPeerId().isEmpty() || call.getPeerId().size() == PEER_ID_BYTES
              ? operations.changeMembership(call.getKind(), call.getPeerId(), call.getForce())
              : noPeerId();
      case MEMBERSHIP_CHANGE_ADD, MEMBERSHIP_CHANGE_UNSET, UNRECOGNIZED ->
          CompletableFuture.failedFuture(
              new IllegalArgumentException("the change must be PROMOTE, DEMOTE or REMOVE"));
    };
  }

  @Override
  public void relinquishLeadership(
      RelinquishLeadershipCall call, StreamObserver<RelinquishLeadershipResult> responses) {
    answer(
        "relinquish",
        operations.relinquishLeadership(),
        ignored -> RelinquishLeadershipResult.getDefaultInstance(),
        responses);
  }

  @Override
  public void resetPeer(ResetPeerCall call, StreamObserver<ResetPeerResult> responses) {
    answer(
        "reset-peer " + peer(call.getPeerId()),
        call.getPeerId().size() == PEER_ID_BYTES
            ? operations.resetPeer(call.getPeerId())
            : noPeerId(),
        ignored -> ResetPeerResult.getDefaultInstance(),
        responses);
  }

  @Override
  public void pingPeer(PingPeerCall call, StreamObserver<PingPeerResult> responses) {
    long start = System.nanoTime();
    answer(
        "ping-peer " + peer(call.getPeerId()),
        call.getPeerId().size() == PEER_ID_BYTES
            ? operations.pingPeer(call.getPeerId())
            : noPeerId(),
        reply ->
            PingPeerResult.newBuilder()
                .setTicks(reply.getPingPeer().getTicks())
                .setMicros(TimeUnit.NANOSECONDS.toMicros(System.nanoTime() - start))
                .build(),
        responses);
  }

  @Override
  public void getHash(GetHashCall call, StreamObserver<GetHashResult> responses) {
    answer(
        "hash",
        operations.hash(),
        reply ->
            GetHashResult.newBuilder()
                .setAppliedIndex(reply.getHash().getAppliedIndex())
                .setHash(reply.getHash().getHash())
                .build(),
        responses);
  }

  @Override
  public void raiseMinimums(RaiseMinimumsCall call, StreamObserver<RaiseMinimumsResult> responses) {
    String names =
        call.getRaise().getLimMap().keySet().stream().sorted().collect(Collectors.joining(" "));
    answer(
        "raise-minimums " + printable(names),
        call.getRaise().getLimCount() > 0
            ? operations.raiseMinimums(call.getRaise())
            : CompletableFuture.failedFuture(new IllegalArgumentException("no minimum is given")),
        reply ->
            RaiseMinimumsResult.newBuilder()
                .setMinimums(reply.getRaiseMinimums().getMinimums())
                .build(),
        responses);
  }

  @Override
  public void getPeers(GetPeersCall call, StreamObserver<GetPeersResult> responses) {
    answer(
        "peers",
        CompletableFuture.completedFuture(operations.peers()),
        Function.identity(),
        responses);
  }

  private static CompletableFuture<EnclaveReply> noPeerId() {
    return CompletableFuture.failedFuture(
        new IllegalArgumentException("a peer id has 32 bytes, 64 hex digits"));
  }

  /** For the audit log. */
  private static String peer(ByteString peerId) {
    return switch (peerId.size()) {
      case 0 -> "this replica";
      case PEER_ID_BYTES -> "peer " + HexFormat.of().formatHex(peerId.toByteArray());
      default -> "a malformed peer id";
    };
  }

  private <T, R> void answer(
      String command,
      CompletableFuture<T> result,
      Function<? super T, R> response,
      StreamObserver<R> responses) {
    String caller = CALLER.get();
    var unused =
        // On this plane's own threads: what completes the future may be inside the enclave.
        result.whenCompleteAsync(
            (value, failure) -> {
              AUDIT.info("{} from {}: {}", command, caller, failure == null ? "done" : "failed");
              if (failure == null) {
                responses.onNext(response.apply(value));
                responses.onCompleted();
              } else {
                responses.onError(refusal(status(failure)));
              }
            },
            executor);
  }

  /** With details that no transport makes, so that a caller knows that a host answered. */
  private static StatusRuntimeException refusal(Status status) {
    return StatusProto.toStatusRuntimeException(
        com.google.rpc.Status.newBuilder()
            .setCode(status.getCode().value())
            .setMessage(status.getDescription())
            .addDetails(Any.pack(ErrorInfo.newBuilder().setDomain("svr2").build()))
            .build());
  }

  private static Status status(Throwable failure) {
    Throwable cause = failure instanceof CompletionException e ? e.getCause() : failure;
    if (cause instanceof IllegalArgumentException) {
      return Status.INVALID_ARGUMENT.withDescription(cause.getMessage());
    }
    if (!(cause instanceof RequestException refused)) {
      return Status.INTERNAL.withDescription("the host failed; its log says why");
    }
    if (refused.isQueueFull()) {
      return Status.RESOURCE_EXHAUSTED.withDescription(refused.getMessage());
    }
    return status(refused.error(), refused.outcome()).withDescription(refused.getMessage());
  }

  private static Status status(Error error, CloseReason outcome) {
    return switch (error) {
      case ERROR_CORE_GROUP_EXISTS -> Status.ALREADY_EXISTS;
      case ERROR_PEERS_UNKNOWN, ERROR_RAFT_NOT_A_MEMBER -> Status.NOT_FOUND;
      // Refused for good, as things stand.
      case ERROR_CORE_NO_GROUP,
          ERROR_RAFT_BELOW_MIN_VOTERS,
          ERROR_RAFT_MAX_VOTERS,
          ERROR_RAFT_NO_CHANGE,
          ERROR_RAFT_IS_LEADER,
          ERROR_RAFT_NO_TRANSFER_TARGET,
          ERROR_MINIMUMS_KEY_REMOVED,
          ERROR_MINIMUMS_VALUE_LOWERED,
          ERROR_MINIMUMS_LENGTH_CHANGED,
          ERROR_MINIMUMS_TOO_MANY,
          ERROR_MINIMUMS_MALFORMED,
          ERROR_MINIMUMS_KEY_MISSING,
          ERROR_MINIMUMS_NOT_MET ->
          Status.FAILED_PRECONDITION;
      // Not done, and worth another try.
      case ERROR_CORE_JOINING,
          ERROR_CORE_NO_QUORUM_TIME,
          ERROR_RAFT_NOT_LEADER,
          ERROR_RAFT_NO_LEADER,
          ERROR_RAFT_LOG_FULL,
          ERROR_RAFT_CHANGE_IN_FLIGHT,
          ERROR_RAFT_TERM_NOT_COMMITTED,
          ERROR_RAFT_TRANSFER_IN_PROGRESS,
          ERROR_RAFT_TRANSFER_FAILED,
          ERROR_RAFT_ENTRY_REPLACED,
          ERROR_PEERS_NOT_CONNECTED,
          ERROR_PEERS_UNREACHABLE ->
          Status.UNAVAILABLE;
      // Who knows.
      case ERROR_CORE_REQUEST_TIMEOUT,
          ERROR_RAFT_INDEX_DROPPED,
          ERROR_PEERS_RESET,
          ERROR_PEERS_REQUEST_TIMEOUT ->
          Status.DEADLINE_EXCEEDED;
      default ->
          outcome == CloseReason.CLOSE_REASON_NOT_APPLIED ? Status.UNAVAILABLE : Status.INTERNAL;
    };
  }

  /** What a caller sent must not forge lines in the audit log. */
  private static String printable(String text) {
    String cut = text.length() > 200 ? text.substring(0, 200) : text;
    return cut.replaceAll("[^\\x20-\\x7e]", "?");
  }

  /** Ends the server. Waits no longer than {@code timeout} for commands under way. */
  public void close(Duration timeout) throws InterruptedException {
    if (server != null) {
      server.shutdown();
      if (!server.awaitTermination(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
        server.shutdownNow();
      }
    }
    sampler.shutdownNow();
    if (http != null) {
      http.close(timeout);
    }
    executor.shutdown();
  }

  /** Lets in who may, and notes who calls, for the audit log. */
  private final class CallerInterceptor implements ServerInterceptor {
    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      String caller = caller(call);
      if (!access.allows(headers.get(AUTHORIZATION))) {
        AUDIT.warn("{} from {}: refused, no token or a wrong one", method(call), caller);
        call.close(
            Status.UNAUTHENTICATED.withDescription(
                "the control plane's token is asked for: --token-file"),
            new Metadata());
        return new ServerCall.Listener<>() {};
      }
      return Contexts.interceptCall(
          Context.current().withValue(CALLER, caller), call, headers, next);
    }

    private String method(ServerCall<?, ?> call) {
      return call.getMethodDescriptor().getBareMethodName();
    }

    /** Address, and the certificate's subject where one was shown. */
    private String caller(ServerCall<?, ?> call) {
      String address = String.valueOf(call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR));
      SSLSession session = call.getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION);
      try {
        return session == null
            ? address
            : printable(session.getPeerPrincipal().getName()) + " at " + address;
      } catch (SSLPeerUnverifiedException e) {
        return address;
      }
    }
  }
}
