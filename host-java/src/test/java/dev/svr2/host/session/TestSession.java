// SPDX-License-Identifier: Apache-2.0
//
// A client session over real gRPC whose every event a test can wait for.
package dev.svr2.host.session;

import static org.junit.jupiter.api.Assertions.assertNotNull;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.ErrorInfo;
import dev.svr2.proto.ClientServiceGrpc;
import dev.svr2.proto.SessionItem;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** One session. */
public final class TestSession implements ClientResponseObserver<SessionItem, SessionItem> {
  private static final int TIMEOUT_SECONDS = 20;

  private final BlockingQueue<ByteString> items = new LinkedBlockingQueue<>();
  private final CompletableFuture<Throwable> end = new CompletableFuture<>();
  private ClientCallStreamObserver<SessionItem> requests;
  private boolean readsOn = true;

  /** Opens a session that reads its first item and no more. */
  static TestSession openAndStopReading(ClientServiceGrpc.ClientServiceStub stub) {
    TestSession session = new TestSession();
    session.readsOn = false;
    var unused = stub.session(session);
    return session;
  }

  /** Opens a session; its first item comes with {@link #next}. */
  public static TestSession open(ClientServiceGrpc.ClientServiceStub stub) {
    TestSession session = new TestSession();
    var unused = stub.session(session);
    return session;
  }

  @Override
  public void beforeStart(ClientCallStreamObserver<SessionItem> stream) {
    requests = stream;
    if (!readsOn) {
      stream.disableAutoRequestWithInitial(1);
    }
  }

  @Override
  public void onNext(SessionItem item) {
    items.add(item.getData());
  }

  @Override
  public void onError(Throwable failure) {
    end.complete(failure);
  }

  @Override
  public void onCompleted() {
    end.complete(Status.OK.asRuntimeException());
  }

  public void send(String text) {
    send(ByteString.copyFromUtf8(text));
  }

  void send(ByteString data) {
    requests.onNext(SessionItem.newBuilder().setData(data).build());
  }

  void finish() {
    requests.onCompleted();
  }

  void cancel() {
    requests.cancel("gone", null);
  }

  /** The next item from the host. */
  public String next() throws InterruptedException {
    ByteString item = items.poll(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    assertNotNull(item, "no item came; the session's end: " + end);
    return item.toStringUtf8();
  }

  /** How the session ended: {@code CODE reason applied}, or {@code OK}. */
  public String end() throws Exception {
    return describe(end.get(TIMEOUT_SECONDS, TimeUnit.SECONDS));
  }

  /** A failure as {@code CODE reason applied=…}. */
  static String describe(Throwable failure) throws Exception {
    Status status = Status.fromThrowable(failure);
    if (status.isOk()) {
      return "OK";
    }
    com.google.rpc.Status details = StatusProto.fromThrowable(failure);
    assertNotNull(details);
    for (Any detail : details.getDetailsList()) {
      ErrorInfo info = detail.unpack(ErrorInfo.class);
      return "%s %s:%s applied=%s"
          .formatted(
              status.getCode(),
              info.getDomain(),
              info.getReason(),
              info.getMetadataOrDefault("applied", "?"));
    }
    return status.getCode().name();
  }
}
