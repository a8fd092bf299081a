// SPDX-License-Identifier: Apache-2.0
//
// What comes over HTTP before a connection is a WebSocket (protocol.md §3): GET
// /v1/{measurement}, DELETE /v1/delete, and everything that is neither.
package dev.svr2.host.session;

import com.google.protobuf.ByteString;
import dev.svr2.host.http.HttpAnswers;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.websocketx.WebSocketDecoderConfig;
import io.netty.handler.codec.http.websocketx.WebSocketFrameAggregator;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshaker;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshakerFactory;
import io.netty.handler.timeout.ReadTimeoutHandler;
import java.util.HexFormat;
import java.util.Optional;
import java.util.regex.Pattern;

/** One per connection, on its event loop. */
final class HttpRequests extends SimpleChannelInboundHandler<FullHttpRequest> {
  private static final String DELETE_PATH = "/v1/delete";
  private static final Pattern SESSION_PATH = Pattern.compile("/v1/([0-9a-f]{64})");
  private static final String RETRY_AFTER_SECONDS = "1";

  /** A larger item than this breaks the connection; a smaller one gets a clear answer. */
  private static final int TRANSPORT_SLACK_FACTOR = 2;

  private final ClientPlane clients;
  private final int frameMaxBytes;

  /** A request waits for its turn. */
  private boolean busy;

  HttpRequests(ClientPlane clients, int itemMaxBytes) {
    this.clients = clients;
    this.frameMaxBytes = TRANSPORT_SLACK_FACTOR * itemMaxBytes;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
    if (busy) {
      // A second request before the answer to the first: nobody needs that here.
      var unused = context.close();
      return;
    }
    if (!request.decoderResult().isSuccess()) {
      answer(context.channel(), false, HttpResponseStatus.BAD_REQUEST, "not an HTTP request");
      return;
    }
    String path = request.uri();
    boolean isSession = SESSION_PATH.matcher(path).matches();
    if (!isSession && !path.equals(DELETE_PATH)) {
      refuse(context, request, HttpResponseStatus.NOT_FOUND, "nothing is served under this path");
      return;
    }
    HttpMethod method = isSession ? HttpMethod.GET : HttpMethod.DELETE;
    if (!request.method().equals(method)) {
      FullHttpResponse response =
          HttpAnswers.text(
              HttpResponseStatus.METHOD_NOT_ALLOWED, "only " + method + " is served here");
      response.headers().set(HttpHeaderNames.ALLOW, method.name());
      HttpAnswers.send(context.channel(), HttpUtil.isKeepAlive(request), response);
      return;
    }
    if (isSession && !path.endsWith(HexFormat.of().formatHex(clients.measurement()))) {
      refuse(
          context, request, HttpResponseStatus.NOT_FOUND, "no enclave of this measurement is here");
      return;
    }
    Optional<byte[]> backupId =
        clients.authenticate(request.headers().get(HttpHeaderNames.AUTHORIZATION));
    if (backupId.isEmpty()) {
      FullHttpResponse response =
          HttpAnswers.text(
              HttpResponseStatus.UNAUTHORIZED, "the credentials are missing, wrong or too old");
      response.headers().set(HttpHeaderNames.WWW_AUTHENTICATE, "Basic realm=\"svr2\"");
      HttpAnswers.send(context.channel(), HttpUtil.isKeepAlive(request), response);
    } else {
      serve(context, request.retain(), isSession, backupId.get());
    }
  }

  /** Behind the limits, which may have to be asked for elsewhere. Releases the request. */
  private void serve(
      ChannelHandlerContext context, FullHttpRequest request, boolean isSession, byte[] backupId) {
    Channel channel = context.channel();
    busy = true;
    var unused =
        clients
            .limit(backupId)
            .thenAccept(
                limited -> {
                  Runnable then =
                      () -> {
                        busy = false;
                        try {
                          if (limited.isPresent()) {
                            sendLimited(channel, request, limited.get());
                          } else if (isSession) {
                            upgrade(context, request, backupId);
                          } else {
                            delete(channel, HttpUtil.isKeepAlive(request), backupId);
                          }
                        } finally {
                          request.release();
                        }
                      };
                  if (channel.eventLoop().inEventLoop()) {
                    then.run();
                  } else {
                    channel.eventLoop().execute(then);
                  }
                });
  }

  private static void sendLimited(
      Channel channel, FullHttpRequest request, StatusRuntimeException limited) {
    FullHttpResponse response =
        HttpAnswers.text(
            HttpResponseStatus.TOO_MANY_REQUESTS,
            String.valueOf(limited.getStatus().getDescription()));
    long wait =
        SessionStatus.retryAfter(limited)
            .map(after -> after.plusMillis(999).toSeconds())
            .orElse(1L);
    response.headers().set(HttpHeaderNames.RETRY_AFTER, Long.toString(wait));
    HttpAnswers.send(channel, HttpUtil.isKeepAlive(request), response);
  }

  private void refuse(
      ChannelHandlerContext context,
      FullHttpRequest request,
      HttpResponseStatus status,
      String text) {
    answer(context.channel(), HttpUtil.isKeepAlive(request), status, text);
  }

  private void upgrade(ChannelHandlerContext context, FullHttpRequest request, byte[] backupId) {
    Channel channel = context.channel();
    WebSocketServerHandshaker handshaker =
        new WebSocketServerHandshakerFactory(
                null,
                null,
                WebSocketDecoderConfig.newBuilder()
                    .maxFramePayloadLength(frameMaxBytes)
                    .allowExtensions(false)
                    .build())
            .newHandshaker(request);
    boolean asks =
        request.headers().containsValue(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET, true);
    if (!asks || handshaker == null) {
      FullHttpResponse response =
          HttpAnswers.text(
              HttpResponseStatus.UPGRADE_REQUIRED, "a WebSocket of version 13 is served here");
      response.headers().set(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET);
      response.headers().set(HttpHeaderNames.SEC_WEBSOCKET_VERSION, "13");
      HttpAnswers.send(channel, false, response);
      return;
    }
    WebSocketOutlet outlet = new WebSocketOutlet(channel);
    Optional<StatusRuntimeException> refused = clients.admit(outlet);
    if (refused.isPresent()) {
      boolean full = refused.get().getStatus().getCode() == Status.Code.RESOURCE_EXHAUSTED;
      FullHttpResponse response =
          HttpAnswers.text(
              full ? HttpResponseStatus.TOO_MANY_REQUESTS : HttpResponseStatus.SERVICE_UNAVAILABLE,
              String.valueOf(refused.get().getStatus().getDescription()));
      response.headers().set(HttpHeaderNames.RETRY_AFTER, RETRY_AFTER_SECONDS);
      HttpAnswers.send(channel, false, response);
      return;
    }
    // Nothing is read until the session asks for its first item.
    channel.config().setAutoRead(false);
    channel.pipeline().remove(ReadTimeoutHandler.class);
    channel.closeFuture().addListener(closed -> outlet.session().onCancelled());
    handshaker
        .handshake(channel, request)
        .addListener(
            done -> {
              if (!done.isSuccess()) {
                var unused = channel.close();
                return;
              }
              channel.pipeline().remove(HttpRequests.class);
              channel
                  .pipeline()
                  .addLast(new WebSocketFrameAggregator(frameMaxBytes))
                  .addLast(outlet);
              clients.begin(outlet.session(), backupId);
            });
  }

  private void delete(Channel channel, boolean keepAlive, byte[] backupId) {
    var unused =
        clients
            .delete(ByteString.copyFrom(backupId))
            .whenComplete(
                (done, failure) -> {
                  if (failure == null) {
                    answer(channel, keepAlive, HttpResponseStatus.OK, "");
                    return;
                  }
                  StatusRuntimeException status = (StatusRuntimeException) failure;
                  FullHttpResponse response =
                      HttpAnswers.text(
                          SessionStatus.mayBeApplied(status)
                              ? HttpResponseStatus.INTERNAL_SERVER_ERROR
                              : HttpResponseStatus.SERVICE_UNAVAILABLE,
                          String.valueOf(status.getStatus().getDescription()));
                  if (!SessionStatus.mayBeApplied(status)) {
                    response.headers().set(HttpHeaderNames.RETRY_AFTER, RETRY_AFTER_SECONDS);
                  }
                  HttpAnswers.send(channel, keepAlive, response);
                });
  }

  private static void answer(
      Channel channel, boolean keepAlive, HttpResponseStatus status, String text) {
    HttpAnswers.send(channel, keepAlive, HttpAnswers.text(status, text));
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    // A connection that broke or did not ask in time: daily life, and nothing to answer.
    var unused = context.close();
  }
}
