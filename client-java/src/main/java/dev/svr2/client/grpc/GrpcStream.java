// SPDX-License-Identifier: Apache-2.0
//
// One session over gRPC. Items are asked for one at a time, so that a server cannot fill memory.
package dev.svr2.client.grpc;

import com.google.protobuf.UnsafeByteOperations;
import dev.svr2.client.transport.Transport;
import dev.svr2.client.transport.TransportException;
import dev.svr2.client.transport.TransportException.Applied;
import dev.svr2.client.transport.TransportException.Kind;
import dev.svr2.proto.ClientServiceGrpc;
import dev.svr2.proto.SessionItem;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The stream of one call. For one thread at a time, as {@link Transport.Stream} says. */
final class GrpcStream implements Transport.Stream {
  /** An item, or how the call ended. */
  private static final class Event {
    final byte[] item;
    final TransportException end;

    Event(byte[] item, TransportException end) {
      this.item = item;
      this.end = end;
    }
  }

  private final class Listener extends ClientCall.Listener<SessionItem> {
    @Override
    public void onMessage(SessionItem message) {
      events.add(new Event(message.getData().toByteArray(), null));
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      end = StatusMapping.toException(status, trailers);
      events.add(new Event(null, end));
    }
  }

  private final ClientCall<SessionItem, SessionItem> call;
  private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
  private volatile TransportException end;

  GrpcStream(Channel channel, Metadata headers, int inboundMaxBytes) {
    call =
        channel.newCall(
            ClientServiceGrpc.getSessionMethod(),
            CallOptions.DEFAULT.withMaxInboundMessageSize(inboundMaxBytes));
    call.start(new Listener(), headers);
  }

  @Override
  public void send(byte[] item) throws TransportException {
    TransportException ended = end;
    if (ended != null) {
      throw ended;
    }
    call.sendMessage(
        SessionItem.newBuilder().setData(UnsafeByteOperations.unsafeWrap(item)).build());
  }

  @Override
  public byte[] receive(Duration timeout) throws TransportException {
    call.request(1);
    Event event;
    try {
      event = events.poll(timeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      close();
      Thread.currentThread().interrupt();
      throw new TransportException(Kind.TIMEOUT, Applied.UNKNOWN, "interrupted");
    }
    if (event == null) {
      close();
      throw new TransportException(
          Kind.TIMEOUT, Applied.UNKNOWN, "no answer within " + timeout.toMillis() + " ms");
    }
    if (event.end != null) {
      throw event.end;
    }
    if (event.item.length > Transport.ITEM_MAX_BYTES) {
      close();
      throw new TransportException(
          Kind.MALFORMED, Applied.UNKNOWN, "the server sent an item above 128 KiB");
    }
    return event.item;
  }

  @Override
  public void close() {
    call.cancel("the client is done", null);
  }
}
