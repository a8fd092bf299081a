// SPDX-License-Identifier: Apache-2.0
//
// What the control plane serves over HTTP: health, metrics, and a page for people.
package dev.svr2.host.control;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import dev.svr2.host.http.HttpAnswers;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.MemberStatus;
import dev.svr2.proto.RaftRole;
import dev.svr2.proto.StatusReply;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** One per connection, on its event loop. */
final class ControlPages extends SimpleChannelInboundHandler<FullHttpRequest> {
  /** Nothing from elsewhere, nothing inline, no frames, no forms. */
  private static final String CONTENT_POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
          + " base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

  private static final String JSON = "application/json; charset=utf-8";
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
  private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

  /** The files of the page, by path. */
  private static final Map<String, Asset> ASSETS =
      Map.of(
          "/", Asset.read("status.html", "text/html; charset=utf-8"),
          "/status.css", Asset.read("status.css", "text/css; charset=utf-8"),
          "/status.js", Asset.read("status.js", "text/javascript; charset=utf-8"));

  private record Asset(String type, String text) {
    static Asset read(String name, String type) {
      try (InputStream in = ControlPages.class.getResourceAsStream(name)) {
        return new Asset(
            type, new String(in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private final Operations operations;
  private final Rates rates;
  private final ControlAccess access;

  /** Serves only health where nothing guards the rest and the address is not loopback. */
  private final boolean healthOnly;

  ControlPages(Operations operations, Rates rates, ControlAccess access, boolean healthOnly) {
    this.operations = operations;
    this.rates = rates;
    this.access = access;
    this.healthOnly = healthOnly;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
    Channel channel = context.channel();
    boolean keepAlive = HttpUtil.isKeepAlive(request);
    if (!request.decoderResult().isSuccess()) {
      HttpAnswers.send(
          channel, false, HttpAnswers.text(HttpResponseStatus.BAD_REQUEST, "not an HTTP request"));
      return;
    }
    int query = request.uri().indexOf('?');
    String path = query < 0 ? request.uri() : request.uri().substring(0, query);
    boolean isHealth = path.startsWith("/health/");
    if (!request.method().equals(HttpMethod.GET) && !request.method().equals(HttpMethod.HEAD)) {
      FullHttpResponse response =
          HttpAnswers.text(HttpResponseStatus.METHOD_NOT_ALLOWED, "only GET is served here");
      response.headers().set(HttpHeaderNames.ALLOW, "GET, HEAD");
      HttpAnswers.send(channel, keepAlive, response);
      return;
    }
    if (!isHealth && healthOnly) {
      HttpAnswers.send(
          channel,
          keepAlive,
          HttpAnswers.text(
              HttpResponseStatus.FORBIDDEN,
              "beyond loopback only /health is served without control.token_file"));
      return;
    }
    if (!isHealth && !access.allows(request.headers().get(HttpHeaderNames.AUTHORIZATION))) {
      FullHttpResponse response =
          HttpAnswers.text(
              HttpResponseStatus.UNAUTHORIZED, "the control plane's token is asked for");
      response
          .headers()
          .set(HttpHeaderNames.WWW_AUTHENTICATE, "Basic realm=\"svr2 control\", charset=\"UTF-8\"");
      HttpAnswers.send(channel, keepAlive, response);
      return;
    }
    boolean headOnly = request.method().equals(HttpMethod.HEAD);
    var unused =
        answer(path)
            .exceptionally(
                failure ->
                    HttpAnswers.text(
                        HttpResponseStatus.SERVICE_UNAVAILABLE,
                        "the enclave does not answer; the host's log says more"))
            .thenAccept(
                response -> {
                  response.headers().set(HttpHeaderNames.CACHE_CONTROL, "no-store");
                  if (headOnly) {
                    response.content().clear();
                  }
                  HttpAnswers.send(channel, keepAlive, response);
                });
  }

  private CompletableFuture<FullHttpResponse> answer(String path) {
    Asset asset = ASSETS.get(path);
    if (asset != null) {
      FullHttpResponse response = HttpAnswers.of(HttpResponseStatus.OK, asset.type(), asset.text());
      response.headers().set("Content-Security-Policy", CONTENT_POLICY);
      response.headers().set("Referrer-Policy", "no-referrer");
      return CompletableFuture.completedFuture(response);
    }
    return switch (path) {
      case "/health/live" -> operations.status().thenApply(status -> health(status, false));
      case "/health/ready" -> operations.status().thenApply(status -> health(status, true));
      case "/metrics" ->
          operations
              .metrics()
              .thenApply(text -> HttpAnswers.of(HttpResponseStatus.OK, PROMETHEUS, text));
      case "/status.json" ->
          operations
              .status()
              .thenApply(
                  status ->
                      HttpAnswers.of(HttpResponseStatus.OK, JSON, GSON.toJson(describe(status))));
      default ->
          CompletableFuture.completedFuture(
              HttpAnswers.text(
                  HttpResponseStatus.NOT_FOUND,
                  "served are /, /health/live, /health/ready, /metrics and /status.json"));
    };
  }

  private static FullHttpResponse health(GetStatusResponse status, boolean forClients) {
    Map<String, Object> body = new LinkedHashMap<>();
    boolean good = forClients ? status.getReady() : status.getLive();
    body.put(forClients ? "ready" : "live", good);
    if (!good) {
      body.put("reason", status.getNotReadyReason());
    }
    return HttpAnswers.of(
        good ? HttpResponseStatus.OK : HttpResponseStatus.SERVICE_UNAVAILABLE,
        JSON,
        GSON.toJson(body) + "\n");
  }

  private Map<String, Object> describe(GetStatusResponse status) {
    StatusReply enclave = status.getEnclave();
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("version", status.getVersion());
    out.put("platform", status.getPlatform());
    out.put("protected", !status.getNotProtected());
    out.put("measurement", hex(status.getMeasurement()));
    out.put("ready", status.getReady());
    out.put("not_ready_reason", status.getNotReadyReason());
    out.put("uptime_seconds", status.getUptimeSeconds());
    out.put("enclaves_started", status.getEnclavesStarted());
    out.put("client_address", status.getClientAddress());
    out.put("peer_id", hex(enclave.getPeerId()));
    out.put("group_id", "%016x".formatted(enclave.getGroup().getGroupId()));
    out.put("has_group", enclave.hasGroup());
    out.put("min_voting_replicas", enclave.getGroup().getMinVotingReplicas());
    out.put("max_voting_replicas", enclave.getGroup().getMaxVotingReplicas());
    out.put("role", role(enclave.getRole()));
    out.put("voting", enclave.getVoting());
    out.put("term", enclave.getTerm());
    out.put("leader_id", hex(enclave.getLeaderId()));
    out.put("last_index", enclave.getLastIndex());
    out.put("promise_index", enclave.getPromiseIndex());
    out.put("commit_index", enclave.getCommitIndex());
    out.put("applied_index", enclave.getAppliedIndex());
    out.put("rows", enclave.getRows());
    out.put("log_bytes", enclave.getLogBytes());
    out.put("client_sessions", enclave.getClientSessions());
    out.put("members", members(enclave));
    out.put("rates_interval_seconds", Rates.INTERVAL_MS / 1000);
    out.put("rates", rates.perSecond());
    return out;
  }

  private static List<Map<String, Object>> members(StatusReply enclave) {
    boolean leads = enclave.getRole() == RaftRole.RAFT_ROLE_LEADER;
    List<Map<String, Object>> out = new ArrayList<>();
    for (MemberStatus member : enclave.getMembersList()) {
      boolean self = member.getPeerId().equals(enclave.getPeerId());
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("peer_id", hex(member.getPeerId()));
      one.put("self", self);
      one.put("leader", member.getPeerId().equals(enclave.getLeaderId()));
      one.put("voting", member.getVoting());
      one.put("connected", member.getConnected());
      if (leads && !self) {
        one.put("lag", Math.max(0, enclave.getLastIndex() - member.getStoredIndex()));
        one.put("silent_ticks", member.getSilentTicks());
      }
      out.add(one);
    }
    return out;
  }

  private static String role(RaftRole role) {
    return role.name().replace("RAFT_ROLE_", "").toLowerCase(Locale.ROOT);
  }

  private static String hex(com.google.protobuf.ByteString bytes) {
    return HexFormat.of().formatHex(bytes.toByteArray());
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    var unused = context.close();
  }
}
