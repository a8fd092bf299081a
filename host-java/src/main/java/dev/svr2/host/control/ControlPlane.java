// SPDX-License-Identifier: Apache-2.0
//
// The control plane (control_service.proto): status, create-group, metrics, log levels, evidence.
// On loopback; every command goes to the audit log.
package dev.svr2.host.control;

import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
import dev.svr2.host.config.HostPort;
import dev.svr2.host.enclave.RequestException;
import dev.svr2.host.log.Logs;
import dev.svr2.proto.CloseReason;
import dev.svr2.proto.ControlServiceGrpc;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.CreateGroupResult;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetEvidenceResponse;
import dev.svr2.proto.GetMetricsRequest;
import dev.svr2.proto.GetMetricsResponse;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.GetStatusResponse;
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
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe. */
public final class ControlPlane extends ControlServiceGrpc.ControlServiceImplBase {
  private static final Logger AUDIT = LoggerFactory.getLogger("audit");
  private static final int THREADS = 2;
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
  private Server server;

  public ControlPlane(Operations operations, Logs logs) {
    this.operations = operations;
    this.logs = logs;
  }

  /**
   * Listens.
   *
   * @throws IOException when the address is in use
   */
  public void start(HostPort listen) throws IOException {
    server =
        NettyServerBuilder.forAddress(listen.toSocketAddress())
            .executor(executor)
            .addService(service())
            .maxInboundMessageSize(MAX_MESSAGE_BYTES)
            .build()
            .start();
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
                .build(),
        responses);
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
    Status status =
        switch (refused.error()) {
          case ERROR_CORE_GROUP_EXISTS -> Status.ALREADY_EXISTS;
          case ERROR_CORE_NO_GROUP -> Status.FAILED_PRECONDITION;
          case ERROR_CORE_REQUEST_TIMEOUT -> Status.DEADLINE_EXCEEDED;
          default ->
              refused.outcome() == CloseReason.CLOSE_REASON_NOT_APPLIED
                  ? Status.UNAVAILABLE
                  : Status.INTERNAL;
        };
    return status.withDescription(refused.getMessage());
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
    executor.shutdown();
  }

  /** Notes who calls, for the audit log. */
  private static final class CallerInterceptor implements ServerInterceptor {
    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      Object address = call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR);
      return Contexts.interceptCall(
          Context.current().withValue(CALLER, String.valueOf(address)), call, headers, next);
    }
  }
}
