// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.e2e.transcript;

import com.google.protobuf.ByteString;
import dev.svr2.proto.ClientServiceGrpc;
import dev.svr2.proto.SessionItem;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The session's items over a gRPC stream, with a generated stub. */
final class GrpcWire implements Wire {
  private static final int PATIENCE_SECONDS = 30;

  private final BlockingQueue<Optional<byte[]>> items = new LinkedBlockingQueue<>();
  private final StreamObserver<SessionItem> out;
  private volatile Throwable failure;

  GrpcWire(ClientServiceGrpc.ClientServiceStub stub) {
    out =
        stub.session(
            new StreamObserver<SessionItem>() {
              @Override
              public void onNext(SessionItem item) {
                items.add(Optional.of(item.getData().toByteArray()));
              }

              @Override
              public void onError(Throwable cause) {
                failure = cause;
                items.add(Optional.empty());
              }

              @Override
              public void onCompleted() {
                items.add(Optional.empty());
              }
            });
  }

  @Override
  public void send(byte[] item) {
    out.onNext(SessionItem.newBuilder().setData(ByteString.copyFrom(item)).build());
  }

  @Override
  public byte[] receive() throws Exception {
    Optional<byte[]> item = items.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
    if (item == null) {
      throw new AssertionError("nothing came");
    }
    if (failure != null) {
      throw new AssertionError("the session failed", failure);
    }
    return item.orElse(null);
  }

  @Override
  public void close() {
    out.onCompleted();
  }

  @Override
  public void drop() {
    ((ClientCallStreamObserver<SessionItem>) out).cancel("dropped", null);
  }
}
