// SPDX-License-Identifier: Apache-2.0
//
// The control plane over HTTP, and who may use it and gRPC, with an enclave that does as it is
// told.
package dev.svr2.host.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.svr2.host.FakeEnclave;
import dev.svr2.host.HostFixture;
import dev.svr2.host.cli.Main;
import dev.svr2.host.config.TlsFiles;
import dev.svr2.host.tls.TestAuthority;
import dev.svr2.proto.ClientServiceGrpc;
import dev.svr2.proto.GetStatusRequest;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ControlHttpTest {
  private static final String TOKEN = "0123456789abcdef0123456789abcdef";
  private static final String HTTP = "control.http_listen: 127.0.0.1:0\n";

  @TempDir Path folder;
  private final FakeEnclave.Loader loader = new FakeEnclave.Loader();
  private final HttpClient http = HttpClient.newHttpClient();

  private static URI uri(HostFixture fixture, String path) {
    return URI.create("http://" + fixture.host.controlHttpAddress().orElseThrow() + path);
  }

  private HttpResponse<String> get(HostFixture fixture, String path, String... headers)
      throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(uri(fixture, path));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private static boolean ready(HostFixture fixture) {
    return fixture.control().getStatus(GetStatusRequest.getDefaultInstance()).getReady();
  }

  private Path secret(String name, String text) throws IOException {
    Path file = Files.writeString(folder.resolve(name), text + "\n");
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
  }

  private static int admin(String... arguments) {
    List<String> all = new ArrayList<>(List.of("admin"));
    all.addAll(List.of(arguments));
    return Main.commandLine()
        .setOut(new PrintWriter(new StringWriter()))
        .setErr(new PrintWriter(new StringWriter()))
        .execute(all.toArray(new String[0]));
  }

  @Test
  void healthSaysWhyNot() throws Exception {
    try (HostFixture fixture = HostFixture.start(HTTP, loader)) {
      assertEquals("{\"live\":true}\n", get(fixture, "/health/live").body());
      HttpResponse<String> response = get(fixture, "/health/ready");
      boolean serves = ready(fixture);
      assertEquals(serves ? 200 : 503, response.statusCode(), response.body());
      JsonObject body = JsonParser.parseString(response.body()).getAsJsonObject();
      assertEquals(serves, body.get("ready").getAsBoolean());
      assertEquals(!serves, body.has("reason"));
    }
  }

  @Test
  void metricsAndThePageAreServed() throws Exception {
    try (HostFixture fixture = HostFixture.start(HTTP, loader)) {
      HttpResponse<String> metrics = get(fixture, "/metrics");
      assertEquals(200, metrics.statusCode());
      assertTrue(metrics.body().contains("svr2_unprotected 1"), metrics.body());
      HttpResponse<String> page = get(fixture, "/");
      assertEquals(200, page.statusCode());
      String policy = page.headers().firstValue("content-security-policy").orElseThrow();
      assertTrue(policy.startsWith("default-src 'none'"), policy);
      assertFalse(policy.contains("unsafe"), policy);
      for (String asset : List.of("/", "/status.js", "/status.css")) {
        HttpResponse<String> response = get(fixture, asset);
        assertEquals(200, response.statusCode());
        // Nothing from elsewhere: but for the name of a namespace, no address at all.
        String body = response.body().replace("http://www.w3.org/2000/svg", "");
        assertFalse(body.contains("://"), asset);
      }
      JsonObject status =
          JsonParser.parseString(get(fixture, "/status.json?x=1").body()).getAsJsonObject();
      assertFalse(status.get("protected").getAsBoolean());
      assertTrue(status.getAsJsonObject("rates").has("requests"));
      assertEquals(404, get(fixture, "/other").statusCode());
      HttpRequest post =
          HttpRequest.newBuilder(uri(fixture, "/"))
              .POST(HttpRequest.BodyPublishers.noBody())
              .build();
      assertEquals(405, http.send(post, HttpResponse.BodyHandlers.ofString()).statusCode());
    }
  }

  @Test
  void theTokenIsAskedForByBoth() throws Exception {
    Path token = secret("token", TOKEN);
    String guarded = HTTP + "control.token_file: " + token + "\n";
    try (HostFixture fixture = HostFixture.start(guarded, loader)) {
      assertEquals(200, get(fixture, "/health/live").statusCode());
      for (String path : List.of("/metrics", "/", "/status.json")) {
        HttpResponse<String> refused = get(fixture, path);
        assertEquals(401, refused.statusCode(), path);
        assertTrue(refused.headers().firstValue("www-authenticate").isPresent());
        assertEquals(401, get(fixture, path, "Authorization", "Bearer wrong").statusCode());
        assertEquals(401, get(fixture, path, "Authorization", "Basic !").statusCode());
        assertEquals(200, get(fixture, path, "Authorization", "Bearer " + TOKEN).statusCode());
      }
      byte[] pair = ("operator:" + TOKEN).getBytes(StandardCharsets.US_ASCII);
      String basic = "Basic " + Base64.getEncoder().encodeToString(pair);
      assertEquals(200, get(fixture, "/", "Authorization", basic).statusCode());

      String control = fixture.host.controlAddress().toString();
      assertEquals(8, admin("--control", control, "status"));
      assertEquals(0, admin("--control", control, "--token-file", token.toString(), "status"));
      Path wrong = secret("wrong", TOKEN + "0");
      assertEquals(8, admin("--control", control, "--token-file", wrong.toString(), "status"));
    }
  }

  @Test
  void operatorsMayBeKnownByCertificates() throws Exception {
    TestAuthority ours = new TestAuthority(folder, "ours");
    TlsFiles server = ours.issue("server", 30);
    TlsFiles operator = ours.issue("operator", 30);
    TlsFiles stranger = new TestAuthority(folder, "theirs").issue("stranger", 30);
    String config =
        "control.tls.certificate_file: %s\ncontrol.tls.key_file: %s\ncontrol.tls.ca_file: %s\n"
            .formatted(server.certificates(), server.key(), ours.certificate);
    try (HostFixture fixture = HostFixture.start(config, loader)) {
      String control = fixture.host.controlAddress().toString();
      String authority = ours.certificate.toString();
      assertEquals(0, show(control, authority, operator));
      assertNotEquals(0, show(control, authority, stranger));
      assertNotEquals(0, admin("--control", control, "--tls-ca", authority, "status"));
      assertNotEquals(0, admin("--control", control, "status"));
      assertEquals(2, admin("--control", control, "--tls-key", "x", "status"));
    }
  }

  private static int show(String control, String authority, TlsFiles own) {
    return admin(
        "--control",
        control,
        "--tls-ca",
        authority,
        "--tls-certificate",
        own.certificates().toString(),
        "--tls-key",
        own.key().toString(),
        "status");
  }

  @Test
  void shortTokensAreRefusedAtTheStart() throws Exception {
    Path token = secret("token", "short");
    IOException refusal =
        assertThrows(
            IOException.class,
            () -> HostFixture.start("control.token_file: " + token + "\n", loader).close());
    assertTrue(refusal.getMessage().contains("at least 16"), refusal.getMessage());
  }

  @Test
  void healthOverGrpcSaysTheSame() throws Exception {
    try (HostFixture fixture = HostFixture.start("", loader)) {
      ManagedChannel channel =
          NettyChannelBuilder.forAddress(fixture.host.clientAddress().toSocketAddress())
              .usePlaintext()
              .build();
      try {
        ServingStatus expected = ready(fixture) ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
        for (String service : List.of("", ClientServiceGrpc.SERVICE_NAME)) {
          HealthCheckRequest request = HealthCheckRequest.newBuilder().setService(service).build();
          Awaitility.await().until(() -> says(channel, request, expected));
        }
      } finally {
        channel.shutdownNow();
      }
    }
  }

  private static boolean says(
      ManagedChannel channel, HealthCheckRequest request, ServingStatus expected) {
    try {
      return HealthGrpc.newBlockingStub(channel).check(request).getStatus() == expected;
    } catch (StatusRuntimeException e) {
      return false; // Not said yet.
    }
  }
}
