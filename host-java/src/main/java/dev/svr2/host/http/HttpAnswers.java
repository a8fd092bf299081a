// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.http;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;

/** How responses are made and sent. Stateless. */
public final class HttpAnswers {
  private HttpAnswers() {}

  /** One line of text; none when it is empty. */
  public static FullHttpResponse text(HttpResponseStatus status, String line) {
    return of(status, "text/plain; charset=utf-8", line.isEmpty() ? "" : line + "\n");
  }

  /** Any text. */
  public static FullHttpResponse of(HttpResponseStatus status, String type, String body) {
    return of(status, type, body.getBytes(StandardCharsets.UTF_8));
  }

  /** Any bytes. */
  public static FullHttpResponse of(HttpResponseStatus status, String type, byte[] body) {
    FullHttpResponse response =
        new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, Unpooled.wrappedBuffer(body));
    response.headers().set(HttpHeaderNames.CONTENT_TYPE, type);
    response.headers().set("X-Content-Type-Options", "nosniff");
    response.headers().setInt(HttpHeaderNames.CONTENT_LENGTH, body.length);
    return response;
  }

  /** Sends it, and closes the connection unless it is to be kept. */
  public static void send(Channel channel, boolean keepAlive, FullHttpResponse response) {
    if (keepAlive) {
      var unused = channel.writeAndFlush(response);
    } else {
      response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
      channel.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
    }
  }
}
