// SPDX-License-Identifier: Apache-2.0
//
// A session over a WebSocket: one binary message an item (protocol.md §1), and how it ended as a
// close code (§3).
package dev.svr2.host.session;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.grpc.StatusRuntimeException;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import java.util.ArrayDeque;

/**
 * Both ends of a connection: what the session sends, and what the client sends, one message at a
 * time. Its session is set once, before the connection is a WebSocket.
 */
final class WebSocketOutlet extends SimpleChannelInboundHandler<WebSocketFrame> implements Outlet {
  private static final int CLOSE_NORMAL = 1000;
  private static final int CLOSE_BAD_ARGUMENTS = 4003;
  private static final int CLOSE_UNKNOWN = 4013;
  private static final int CLOSE_NOT_APPLIED = 4014;

  /** Of a close frame's 125 bytes two are the code. */
  private static final int REASON_MAX_BYTES = 123;

  private final Channel channel;
  private volatile Session session;

  // On the event loop.
  private boolean closeSent;

  /** The session asked for an item that has not come. */
  private boolean wanted;

  /**
   * Items for which the session has not asked: what came in one read, behind which none is done.
   */
  private final ArrayDeque<ByteString> inbound = new ArrayDeque<>(1);

  WebSocketOutlet(Channel channel) {
    this.channel = channel;
  }

  void attach(Session fresh) {
    session = fresh;
  }

  Session session() {
    return session;
  }

  // What the session does.

  @Override
  public boolean isReady() {
    return channel.isWritable();
  }

  @Override
  public void send(ByteString item) {
    var unused =
        channel.writeAndFlush(
            new BinaryWebSocketFrame(Unpooled.wrappedBuffer(item.asReadOnlyByteBuffer())));
  }

  @Override
  public void request() {
    channel.eventLoop().execute(this::next);
  }

  private void next() {
    ByteString item = inbound.poll();
    if (item != null) {
      session.onItem(item);
    } else {
      wanted = true;
      channel.config().setAutoRead(true);
    }
  }

  @Override
  public void end(StatusRuntimeException status) {
    int code = status == null ? CLOSE_NORMAL : codeOf(status);
    String reason = status == null ? "" : reasonOf(status);
    channel.eventLoop().execute(() -> close(code, reason));
  }

  private void close(int code, String reason) {
    if (!closeSent) {
      closeSent = true;
      channel
          .writeAndFlush(new CloseWebSocketFrame(code, reason))
          .addListener(ChannelFutureListener.CLOSE);
    }
  }

  static int codeOf(StatusRuntimeException status) {
    if (SessionStatus.mayBeApplied(status)) {
      return CLOSE_UNKNOWN;
    }
    return switch (status.getStatus().getCode()) {
      case INVALID_ARGUMENT -> CLOSE_BAD_ARGUMENTS;
      default -> CLOSE_NOT_APPLIED;
    };
  }

  /** The error's name, and as much of its text as fits. */
  static String reasonOf(StatusRuntimeException status) {
    String text = SessionStatus.reasonOf(status) + ": " + status.getStatus().getDescription();
    StringBuilder reason = new StringBuilder();
    // All of these texts are ASCII; what is not would have to be counted in bytes.
    text.chars()
        .filter(c -> c >= ' ' && c < 0x7f)
        .limit(REASON_MAX_BYTES)
        .forEach(c -> reason.append((char) c));
    return reason.toString();
  }

  // What the client does.

  @Override
  protected void channelRead0(ChannelHandlerContext context, WebSocketFrame frame) {
    if (frame instanceof BinaryWebSocketFrame) {
      byte[] bytes = new byte[frame.content().readableBytes()];
      frame.content().readBytes(bytes);
      if (wanted) {
        wanted = false;
        session.onItem(UnsafeByteOperations.unsafeWrap(bytes));
      } else {
        inbound.add(UnsafeByteOperations.unsafeWrap(bytes));
        channel.config().setAutoRead(false);
      }
    } else if (frame instanceof PingWebSocketFrame) {
      var unused = context.writeAndFlush(new PongWebSocketFrame(frame.content().retain()));
    } else if (frame instanceof CloseWebSocketFrame close) {
      session.onClientDone();
      // The session ends now, unless an answer is on its way, for which nobody waits any more.
      int code = close.statusCode();
      context.channel().eventLoop().execute(() -> close(code < 0 ? CLOSE_NORMAL : code, ""));
    } else if (frame instanceof TextWebSocketFrame) {
      session.onTextMessage();
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) throws Exception {
    if (context.channel().isWritable()) {
      session.onReady();
    }
    super.channelWritabilityChanged(context);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    // Netty's codec has sent a close frame for what breaks WebSocket's rules.
    var unused = context.close();
  }
}
