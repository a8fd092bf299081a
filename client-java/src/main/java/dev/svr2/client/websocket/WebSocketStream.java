// SPDX-License-Identifier: Apache-2.0
//
// One session over a WebSocket: one binary message an item. One message is asked for ahead, so that
// a close between two requests is noticed before the second one is sent; more never wait here.
package dev.svr2.client.websocket;

import dev.svr2.client.internal.Futures;
import dev.svr2.client.internal.Inbox;
import dev.svr2.client.transport.Transport;
import dev.svr2.client.transport.TransportException;
import dev.svr2.client.transport.TransportException.Applied;
import dev.svr2.client.transport.TransportException.Kind;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/** Threads as {@link Transport.Stream} says; the JDK calls the listener, one event at a time. */
final class WebSocketStream implements Transport.Stream, WebSocket.Listener {
  private static final int FIRST_BYTES = 4096;

  private final Inbox inbox = new Inbox();
  private final Runnable onEnd;

  /** Done when connected. */
  private CompletableFuture<WebSocket> connection;

  /** The last send, or the connection; each is chained behind the one before. */
  private CompletableFuture<WebSocket> sending;

  private boolean closed;

  // Of the listener alone.
  private byte[] partial = new byte[FIRST_BYTES];
  private int filled;

  /** A stream not connected yet; {@code onEnd} runs when it has ended, at least once. */
  WebSocketStream(Runnable onEnd) {
    this.onEnd = onEnd;
  }

  /** Takes over the connection under way. */
  void connecting(CompletableFuture<WebSocket> underWay) {
    synchronized (this) {
      connection = underWay;
      sending = underWay;
    }
    Futures.listen(
        underWay,
        (socket, failure) -> {
          if (failure != null) {
            end(Endings.notConnected(failure));
          } else if (isClosed()) {
            socket.abort();
          }
        });
  }

  /** Does something with the socket once there is one; nothing when there will be none. */
  private void whenConnected(Consumer<WebSocket> action) {
    CompletableFuture<WebSocket> connected;
    synchronized (this) {
      connected = connection;
    }
    Futures.listen(
        connected,
        (socket, failure) -> {
          if (failure == null) {
            action.accept(socket);
          }
        });
  }

  private synchronized boolean isClosed() {
    return closed;
  }

  private void end(TransportException how) {
    inbox.end(how);
    onEnd.run();
  }

  // ---- The stream ----

  @Override
  public void send(byte[] item) throws TransportException {
    TransportException ended = inbox.ended();
    if (ended != null) {
      throw ended;
    }
    CompletableFuture<WebSocket> sent;
    synchronized (this) {
      sent = sending.thenCompose(socket -> socket.sendBinary(ByteBuffer.wrap(item), true));
      sending = sent;
    }
    Futures.listen(
        sent,
        (socket, failure) -> {
          if (failure != null) {
            end(Endings.broken(failure));
          }
        });
  }

  @Override
  public CompletableFuture<byte[]> receive() {
    boolean held = inbox.holdsItem();
    CompletableFuture<byte[]> item = inbox.take();
    if (held) {
      whenConnected(socket -> socket.request(1));
    }
    return item;
  }

  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    end(new TransportException(Kind.CLOSED, Applied.UNKNOWN, "closed by this side"));
    whenConnected(
        socket ->
            Futures.listen(
                socket.sendClose(WebSocket.NORMAL_CLOSURE, ""), (done, failure) -> socket.abort()));
  }

  // ---- The listener ----

  @Override
  public void onOpen(WebSocket socket) {
    socket.request(1);
  }

  @Override
  public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
    int size = data.remaining();
    if (size > Transport.ITEM_MAX_BYTES - filled) {
      return refuse(socket, "the server sent an item above 128 KiB");
    }
    if (filled + size > partial.length) {
      partial =
          Arrays.copyOf(
              partial,
              Math.min(Transport.ITEM_MAX_BYTES, Math.max(2 * partial.length, filled + size)));
    }
    data.get(partial, filled, size);
    filled += size;
    if (!last) {
      socket.request(1);
      return null;
    }
    byte[] item = Arrays.copyOf(partial, filled);
    filled = 0;
    if (inbox.put(item)) {
      socket.request(1);
    }
    return null;
  }

  @Override
  public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
    return refuse(socket, "the server sent text; items are binary");
  }

  private CompletionStage<?> refuse(WebSocket socket, String text) {
    end(new TransportException(Kind.MALFORMED, Applied.UNKNOWN, text));
    socket.abort();
    return null;
  }

  @Override
  public CompletionStage<?> onPing(WebSocket socket, ByteBuffer message) {
    socket.request(1); // The JDK answers by itself.
    return null;
  }

  @Override
  public CompletionStage<?> onPong(WebSocket socket, ByteBuffer message) {
    socket.request(1);
    return null;
  }

  @Override
  public CompletionStage<?> onClose(WebSocket socket, int statusCode, String reason) {
    end(Endings.closed(statusCode, reason));
    return null;
  }

  @Override
  public void onError(WebSocket socket, Throwable error) {
    end(Endings.broken(error));
  }
}
