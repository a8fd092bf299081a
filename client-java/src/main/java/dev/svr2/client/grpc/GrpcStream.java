// SPDX-License-Identifier: Apache-2.0
//
// One session over gRPC. Items are asked for one at a time, so that a server cannot fill memory.
package dev.svr2.client.grpc;

import com.google.protobuf.UnsafeByteOperations;
import dev.svr2.client.internal.Inbox;
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
import java.util.concurrent.CompletableFuture;

/** The stream of one call; threads as {@link Transport.Stream} says. */
final class GrpcStream implements Transport.Stream {
  private final class Listener extends ClientCall.Listener<SessionItem> {
    @Override
    public void onMessage(SessionItem message) {
      byte[] item = message.getData().toByteArray();
      if (item.length > Transport.ITEM_MAX_BYTES) {
        inbox.end(
            new TransportException(
                Kind.MALFORMED, Applied.UNKNOWN, "the server sent an item above 128 KiB"));
        close();
        return;
      }
      inbox.put(item);
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      inbox.end(StatusMapping.toException(status, trailers));
    }
  }

  private final ClientCall<SessionItem, SessionItem> call;
  private final Inbox inbox = new Inbox();

  GrpcStream(Channel channel, Metadata headers, int inboundMaxBytes) {
    call =
        channel.newCall(
            ClientServiceGrpc.getSessionMethod(),
            CallOptions.DEFAULT.withMaxInboundMessageSize(inboundMaxBytes));
    call.start(new Listener(), headers);
  }

  @Override
  public void send(byte[] item) throws TransportException {
    TransportException ended = inbox.ended();
    if (ended != null) {
      throw ended;
    }
    call.sendMessage(
        SessionItem.newBuilder().setData(UnsafeByteOperations.unsafeWrap(item)).build());
  }

  @Override
  public CompletableFuture<byte[]> receive() {
    CompletableFuture<byte[]> item = inbox.take();
    call.request(1);
    return item;
  }

  @Override
  public void close() {
    call.cancel("the client is done", null);
  }
}
