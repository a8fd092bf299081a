// SPDX-License-Identifier: Apache-2.0
//
// The server's side of client sessions with one row, for tests only: it keeps the rules of
// protocol.md §2 and can be told to break any of them, at any step.
package dev.svr2.client.testing;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.Code;
import com.google.rpc.ErrorInfo;
import dev.svr2.client.Handshake;
import dev.svr2.proto.BackupResponse;
import dev.svr2.proto.ClientServiceGrpc;
import dev.svr2.proto.DeleteBackupCall;
import dev.svr2.proto.DeleteBackupResult;
import dev.svr2.proto.DeleteResponse;
import dev.svr2.proto.ExposeResponse;
import dev.svr2.proto.Request;
import dev.svr2.proto.Response;
import dev.svr2.proto.RestoreResponse;
import dev.svr2.proto.SessionItem;
import dev.svr2.proto.TriesResponse;
import io.grpc.BindableService;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.StatusRuntimeException;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BinaryOperator;

/** An in-process gRPC server. Hooks may be replaced at any time. */
public final class FakeServer extends ClientServiceGrpc.ClientServiceImplBase
    implements AutoCloseable {
  private static final AtomicInteger NAMES = new AtomicInteger();
  private static final byte[] STATIC = filled(0x11);

  /** What becomes of an item: null is silence, END ends normally, an exception ends with it. */
  public interface Step {
    byte[] apply(byte[] item);
  }

  /** Ends the stream with status OK. */
  public static final class End extends RuntimeException {}

  public final EvidenceBuilder evidence = new EvidenceBuilder(NoiseResponder.publicKey(STATIC));
  public final List<Request> requests = new CopyOnWriteArrayList<>();
  public final AtomicInteger sessions = new AtomicInteger();
  public volatile Step onStart = item -> item;
  public volatile Step onHandshake = item -> item;

  /** Before the request is acted upon; sees the decrypted request. */
  public volatile Step onRequest = item -> item;

  /** After the request was acted upon; sees the encrypted answer. */
  public volatile Step onAnswer = item -> item;

  /** The plain answer before encryption: (request, normal answer) to answer. */
  public volatile BinaryOperator<byte[]> onPlainAnswer = (request, answer) -> answer;

  /** A final answer: the stream ends normally behind it. */
  public volatile boolean endAfterAnswer;

  public volatile StatusRuntimeException credentialsRefusal;
  public volatile StatusRuntimeException deleteFailure;
  public volatile String authorization;

  /** What it offers; who speaks the other is told so. */
  public volatile Handshake handshake = Handshake.NKHFS;

  // The row.
  public byte[] data;
  public byte[] pin;
  public int tries;
  public boolean exposed;

  private final String name = "fake-" + NAMES.incrementAndGet();
  private final Server server;

  public FakeServer(BindableService... others) {
    InProcessServerBuilder builder =
        InProcessServerBuilder.forName(name)
            .directExecutor()
            .addService(ServerInterceptors.intercept(this, new Auth()));
    Arrays.asList(others).forEach(builder::addService);
    try {
      server = builder.build().start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A new channel, which the caller shuts down. */
  public ManagedChannel channel() {
    return InProcessChannelBuilder.forName(name).directExecutor().build();
  }

  /** A failure as a host words it; {@code applied} is no, unknown or null for no ErrorInfo. */
  public static StatusRuntimeException failure(Code code, String applied) {
    return failure(code, applied, "ERROR_MADE_UP");
  }

  /** The same with the name of an error. */
  public static StatusRuntimeException failure(Code code, String applied, String reason) {
    com.google.rpc.Status.Builder status =
        com.google.rpc.Status.newBuilder().setCode(code.getNumber()).setMessage("made up");
    if (applied != null) {
      status.addDetails(
          Any.pack(
              ErrorInfo.newBuilder()
                  .setDomain("svr2")
                  .setReason(reason)
                  .putMetadata("applied", applied)
                  .build()));
    }
    return StatusProto.toStatusRuntimeException(status.build());
  }

  /** What a hook was given, read. */
  public static Request request(byte[] item) {
    try {
      return Request.parseFrom(item);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] filled(int value) {
    byte[] out = new byte[32];
    Arrays.fill(out, (byte) value);
    return out;
  }

  private final class Auth implements ServerInterceptor {
    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      authorization =
          headers.get(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER));
      StatusRuntimeException refusal = credentialsRefusal;
      if (refusal != null) {
        Metadata trailers = refusal.getTrailers();
        call.close(refusal.getStatus(), trailers == null ? new Metadata() : trailers);
        return new ServerCall.Listener<Q>() {};
      }
      return next.startCall(call, headers);
    }
  }

  @Override
  public StreamObserver<SessionItem> session(StreamObserver<SessionItem> out) {
    sessions.incrementAndGet();
    FakeSession session = new FakeSession(out);
    session.emit(onStart, evidence.handshakeStart());
    return session;
  }

  @Override
  public void deleteBackup(DeleteBackupCall call, StreamObserver<DeleteBackupResult> out) {
    if (deleteFailure != null) {
      out.onError(deleteFailure);
      return;
    }
    data = null;
    out.onNext(DeleteBackupResult.getDefaultInstance());
    out.onCompleted();
  }

  private final class FakeSession implements StreamObserver<SessionItem> {
    private final StreamObserver<SessionItem> out;
    private final NoiseResponder noise = new NoiseResponder(handshake, STATIC, filled(0x22));
    private boolean established;
    private boolean ended;

    FakeSession(StreamObserver<SessionItem> out) {
      this.out = out;
    }

    /** Sends what the step makes of the item. False when the stream has ended or stays silent. */
    boolean emit(Step step, byte[] item) {
      byte[] result = pass(step, item);
      if (result != null) {
        out.onNext(SessionItem.newBuilder().setData(ByteString.copyFrom(result)).build());
      }
      return result != null;
    }

    private byte[] pass(Step step, byte[] item) {
      try {
        return step.apply(item);
      } catch (End e) {
        ended = true;
        out.onCompleted();
      } catch (StatusRuntimeException e) {
        ended = true;
        out.onError(e);
      }
      return null;
    }

    @Override
    public void onNext(SessionItem item) {
      if (ended) {
        return;
      }
      byte[] bytes = item.getData().toByteArray();
      try {
        if (!established) {
          established = true;
          if (bytes.length != NoiseResponder.messageBytes(handshake)) {
            ended = true;
            out.onError(failure(Code.INVALID_ARGUMENT, "no", "ERROR_CLIENT_WRONG_HANDSHAKE"));
            return;
          }
          emit(onHandshake, noise.answer(bytes));
          return;
        }
        byte[] request = pass(onRequest, noise.decrypt(bytes));
        if (request == null) {
          return;
        }
        byte[] answer = handle(Request.parseFrom(request)).toByteArray();
        if (emit(onAnswer, noise.encrypt(onPlainAnswer.apply(request, answer))) && endAfterAnswer) {
          ended = true;
          out.onCompleted();
        }
      } catch (GeneralSecurityException | IOException e) {
        ended = true;
        out.onError(failure(Code.INVALID_ARGUMENT, "no"));
      }
    }

    @Override
    public void onError(Throwable cause) {
      ended = true;
    }

    @Override
    public void onCompleted() {
      if (!ended) {
        ended = true;
        out.onCompleted();
      }
    }
  }

  private synchronized Response handle(Request request) {
    requests.add(request);
    Response.Builder response = Response.newBuilder();
    switch (request.getInnerCase()) {
      case BACKUP:
        data = request.getBackup().getData().toByteArray();
        pin = request.getBackup().getPin().toByteArray();
        tries = request.getBackup().getMaxTries();
        exposed = false;
        response.getBackupBuilder().setStatus(BackupResponse.Status.OK);
        break;
      case EXPOSE:
        exposed = data != null && Arrays.equals(data, request.getExpose().getData().toByteArray());
        response
            .getExposeBuilder()
            .setStatus(exposed ? ExposeResponse.Status.OK : ExposeResponse.Status.ERROR);
        break;
      case RESTORE:
        response.setRestore(restore(request.getRestore().getPin().toByteArray()));
        break;
      case DELETE:
        data = null;
        response.setDelete(DeleteResponse.getDefaultInstance());
        break;
      default:
        response.setTries(
            data == null
                ? TriesResponse.newBuilder().setStatus(TriesResponse.Status.MISSING)
                : TriesResponse.newBuilder()
                    .setStatus(TriesResponse.Status.OK)
                    .setTries(tries)
                    .setExposed(exposed));
    }
    return response.build();
  }

  private RestoreResponse.Builder restore(byte[] guess) {
    RestoreResponse.Builder out = RestoreResponse.newBuilder();
    if (data == null || !exposed) {
      return out.setStatus(RestoreResponse.Status.MISSING);
    }
    if (Arrays.equals(pin, guess)) {
      return out.setStatus(RestoreResponse.Status.OK)
          .setData(ByteString.copyFrom(data))
          .setTries(tries);
    }
    tries--;
    if (tries == 0) {
      data = null;
      return out.setStatus(RestoreResponse.Status.MISSING);
    }
    return out.setStatus(RestoreResponse.Status.PIN_MISMATCH).setTries(tries);
  }

  @Override
  public void close() {
    server.shutdownNow();
  }
}
