// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.session;

import com.google.protobuf.ByteString;
import dev.svr2.proto.SessionItem;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;

/** A session over a gRPC stream. */
final class GrpcOutlet implements Outlet {
  private final ServerCallStreamObserver<SessionItem> stream;

  private GrpcOutlet(ServerCallStreamObserver<SessionItem> stream) {
    this.stream = stream;
  }

  /** In the call of the service method, as gRPC asks for. */
  static Session open(ServerCallStreamObserver<SessionItem> stream, Session.Shared shared) {
    Session session = new Session(new GrpcOutlet(stream), shared);
    stream.disableAutoRequest();
    stream.setOnReadyHandler(session::onReady);
    stream.setOnCancelHandler(session::onCancelled);
    return session;
  }

  /** What the client sends. */
  static StreamObserver<SessionItem> inlet(Session session) {
    return new StreamObserver<>() {
      @Override
      public void onNext(SessionItem item) {
        session.onItem(item.getData());
      }

      @Override
      public void onError(Throwable cause) {
        session.onCancelled();
      }

      @Override
      public void onCompleted() {
        session.onClientDone();
      }
    };
  }

  @Override
  public boolean isReady() {
    return stream.isReady();
  }

  @Override
  public void send(ByteString item) {
    stream.onNext(SessionItem.newBuilder().setData(item).build());
  }

  @Override
  public void request() {
    stream.request(1);
  }

  @Override
  public void end(StatusRuntimeException status) {
    if (status == null) {
      stream.onCompleted();
    } else {
      stream.onError(status);
    }
  }
}
