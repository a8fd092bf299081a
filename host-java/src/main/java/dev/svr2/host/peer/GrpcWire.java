// SPDX-License-Identifier: Apache-2.0
//
// Frames over one gRPC call, at either end of it.
package dev.svr2.host.peer;

import dev.svr2.proto.PeerFrame;
import io.grpc.Status;
import io.grpc.stub.CallStreamObserver;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;

/** Thread-safe. The monitor makes one sequence of calls to the stream, as gRPC asks for. */
final class GrpcWire implements Wire {
  private final CallStreamObserver<PeerFrame> stream;
  private final Runnable release;
  private boolean closed;

  private GrpcWire(CallStreamObserver<PeerFrame> stream, Runnable release) {
    this.stream = stream;
    this.release = release;
  }

  /** The server's end. The result takes the client's frames. */
  static StreamObserver<PeerFrame> accept(
      StreamObserver<PeerFrame> responses, Wire.Listener listener, StartsWith starter) {
    var stream = (ServerCallStreamObserver<PeerFrame>) responses;
    GrpcWire wire = new GrpcWire(stream, () -> {});
    stream.disableAutoRequest();
    stream.setOnReadyHandler(listener::onReady);
    stream.setOnCancelHandler(() -> wire.endedByOther(listener, Status.CANCELLED));
    starter.start(wire);
    return wire.new Frames(listener);
  }

  /** Takes a wire into use. */
  @FunctionalInterface
  interface StartsWith {
    void start(Wire wire);
  }

  /** A call of the stub, with the observer that it is given. */
  @FunctionalInterface
  interface Call {
    void begin(StreamObserver<PeerFrame> responses);
  }

  /**
   * The client's end.
   *
   * @param release called once after the end
   */
  static void connect(Call call, Wire.Listener listener, StartsWith starter, Runnable release) {
    ClientEnd client = new ClientEnd(listener, release);
    call.begin(client);
    starter.start(client.wire);
  }

  @Override
  public synchronized void send(PeerFrame frame) {
    if (!closed) {
      stream.onNext(frame);
    }
  }

  @Override
  public boolean isReady() {
    return stream.isReady();
  }

  @Override
  public synchronized void request() {
    if (!closed) {
      stream.request(1);
    }
  }

  @Override
  public void close(Status why) {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      if (stream instanceof ClientCallStreamObserver<PeerFrame> call) {
        call.cancel(why.getDescription(), null);
      } else {
        stream.onError(why.asRuntimeException());
      }
    }
    release.run();
  }

  private void endedByOther(Wire.Listener listener, Status why) {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    release.run();
    listener.onClosed(why);
  }

  /** The other side's frames. */
  private final class Frames implements StreamObserver<PeerFrame> {
    private final Wire.Listener listener;

    Frames(Wire.Listener listener) {
      this.listener = listener;
    }

    @Override
    public void onNext(PeerFrame frame) {
      listener.onFrame(frame);
    }

    @Override
    public void onError(Throwable cause) {
      endedByOther(listener, Status.fromThrowable(cause));
    }

    @Override
    public void onCompleted() {
      synchronized (GrpcWire.this) {
        if (!closed) {
          stream.onCompleted();
        }
      }
      endedByOther(listener, Status.UNAVAILABLE.withDescription("closed by the other side"));
    }
  }

  /** What gRPC asks of a client that controls the flow itself. */
  private static final class ClientEnd implements ClientResponseObserver<PeerFrame, PeerFrame> {
    private final Wire.Listener listener;
    private final Runnable release;
    private GrpcWire wire;
    private Frames frames;

    ClientEnd(Wire.Listener listener, Runnable release) {
      this.listener = listener;
      this.release = release;
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<PeerFrame> stream) {
      wire = new GrpcWire(stream, release);
      frames = wire.new Frames(listener);
      stream.disableAutoRequestWithInitial(0);
      stream.setOnReadyHandler(listener::onReady);
    }

    @Override
    public void onNext(PeerFrame frame) {
      frames.onNext(frame);
    }

    @Override
    public void onError(Throwable cause) {
      frames.onError(cause);
    }

    @Override
    public void onCompleted() {
      frames.onCompleted();
    }
  }
}
