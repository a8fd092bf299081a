// SPDX-License-Identifier: Apache-2.0
//
// Takes other hosts' connections (peer_service.proto).
package dev.svr2.host.peer;

import dev.svr2.proto.PeerFrame;
import dev.svr2.proto.PeerServiceGrpc;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.util.function.Supplier;

/** Thread-safe. */
final class PeerService extends PeerServiceGrpc.PeerServiceImplBase {
  private final Supplier<PeerTransport> transport;

  /**
   * @param transport of the enclave that is here at present, or null
   */
  PeerService(Supplier<PeerTransport> transport) {
    this.transport = transport;
  }

  @Override
  public StreamObserver<PeerFrame> exchange(StreamObserver<PeerFrame> responses) {
    PeerTransport now = transport.get();
    PeerStream stream = now == null ? null : now.accept(Remote.CURRENT.get());
    if (stream == null) {
      responses.onError(
          Status.UNAVAILABLE.withDescription("no room, or no enclave").asRuntimeException());
      return new Ignored();
    }
    return GrpcWire.accept(responses, stream, stream::start);
  }

  private static final class Ignored implements StreamObserver<PeerFrame> {
    @Override
    public void onNext(PeerFrame frame) {}

    @Override
    public void onError(Throwable cause) {}

    @Override
    public void onCompleted() {}
  }
}
