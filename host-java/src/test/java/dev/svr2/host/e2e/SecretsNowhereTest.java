// SPDX-License-Identifier: Apache-2.0
//
// design.md §5: secrets, PINs, backup ids and message bodies are never logged, never a metric tag,
// never in an exception's text. Known ones go every way through a real enclave, with every line
// logged that this project can log; then everything that came out is searched for them.
package dev.svr2.host.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.read.ListAppender;
import dev.svr2.client.BackupResult;
import dev.svr2.client.Credentials;
import dev.svr2.client.DeleteResult;
import dev.svr2.client.RestoreResult;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.client.transport.Transport;
import dev.svr2.enclave.Enclave;
import dev.svr2.enclave.Platform;
import dev.svr2.host.HostFixture;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.LogLevel;
import dev.svr2.proto.SetLogLevelCall;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class SecretsNowhereTest {
  private static final Path IMAGE =
      Path.of(System.getProperty("svr2.root"), "build", "enclave_test.signed.local");
  private static final String USER = "5ec2e7005ec2e7015ec2e7025ec2e703";
  private static final byte[] DATA = filled("a secret of thirty-two bytes, yes".substring(0, 32));
  private static final byte[] PIN = filled("the access key of some user here".substring(0, 32));
  private static final byte[] WRONG = filled("another key, which is not right.".substring(0, 32));

  private final StringBuilder out = new StringBuilder();

  private static byte[] filled(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static PinKeys keys(byte[] accessKey) {
    return PinKeys.of(new byte[PinKeys.KEY_BYTES], accessKey.clone());
  }

  /** All that must not be found, in each form in which it could be. */
  private static List<String> forbidden() {
    Credentials credentials = Credentials.make(HostFixture.SECRET, USER, Clock.systemUTC());
    String header = credentials.authorization();
    String pair =
        new String(Base64.getDecoder().decode(header.substring(6)), StandardCharsets.US_ASCII);
    List<String> out = new ArrayList<>();
    out.add(header.substring(6));
    out.add(pair.substring(pair.lastIndexOf(':') + 1));
    out.add(HostFixture.SECRET);
    byte[] secret = Base64.getDecoder().decode(HostFixture.SECRET);
    byte[] id = HexFormat.of().parseHex(USER);
    for (byte[] bytes : List.of(DATA, PIN, WRONG, secret, id)) {
      out.add(HexFormat.of().formatHex(bytes));
      out.add(Base64.getEncoder().withoutPadding().encodeToString(bytes));
      out.add(new String(bytes, StandardCharsets.ISO_8859_1));
      out.add(Arrays.toString(bytes));
      out.add(Arrays.toString(bytes).replace(" ", ""));
    }
    return out;
  }

  private static String text(ILoggingEvent event) {
    IThrowableProxy thrown = event.getThrowableProxy();
    return event.getFormattedMessage()
        + (thrown == null ? "" : "\n" + ThrowableProxyUtil.asString(thrown));
  }

  private Svr2Client client(Transport transport, String secret) {
    return Svr2Client.builder()
        .transport(transport)
        .credentials(Credentials.make(secret, USER, Clock.systemUTC()))
        .allowSimulated(true)
        .attempts(1)
        .build();
  }

  private void say(Object result) {
    out.append(result).append('\n');
  }

  @Test
  void nothingThatIsSecretComesOutAnywhere() throws Exception {
    Logger root = (Logger) LoggerFactory.getLogger("dev.svr2");
    Level before = root.getLevel();
    ListAppender<ILoggingEvent> lines = new ListAppender<>();
    try (HostFixture fixture =
        HostFixture.start(
            """
            client.websocket_listen: 127.0.0.1:0
            control.http_listen: 127.0.0.1:0
            client.rate.store: memory
            client.rate.burst: 8
            client.rate.per_minute: 1
            """,
            output -> Enclave.load(Platform.LOCAL, IMAGE, Set.of(), output))) {
      root.setLevel(Level.TRACE);
      lines.start();
      ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).addAppender(lines);
      var done =
          fixture
              .control()
              .setLogLevel(SetLogLevelCall.newBuilder().setLevel(LogLevel.LOG_LEVEL_DEBUG).build());
      var founded = fixture.control().createGroup(CreateGroupCall.getDefaultInstance());
      Awaitility.await()
          .until(
              () -> fixture.control().getStatus(GetStatusRequest.getDefaultInstance()).getReady());
      throughTheClientPlane(fixture);
      throughHttp(fixture);
      say(fixture.control().getStatus(GetStatusRequest.getDefaultInstance()));
      say(done);
      say(founded);
      say(fixture.host.metrics().scrape());
    } finally {
      root.setLevel(before);
      ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).detachAppender(lines);
    }
    assertTrue(lines.list.size() > 10, "the lines are looked at");
    new ArrayList<>(lines.list).forEach(event -> say(text(event)));
    String all = out.toString();
    assertTrue(all.contains("svr2_enclave_restores_pin_mismatch_total 1"), "the paths were taken");
    for (String secret : forbidden()) {
      int at = all.toLowerCase(Locale.ROOT).indexOf(secret.toLowerCase(Locale.ROOT));
      assertFalse(at >= 0, () -> "found: " + all.substring(Math.max(0, at - 200), at));
    }
  }

  private void throughTheClientPlane(HostFixture fixture) throws Exception {
    try (Transport transport = GrpcTransport.plaintext(fixture.host.clientAddress().toString())) {
      Svr2Client client = client(transport, HostFixture.SECRET);
      assertInstanceOf(BackupResult.Stored.class, client.backupRaw(keys(PIN), DATA.clone(), 3));
      try (RestoreResult.Restored restored =
          assertInstanceOf(RestoreResult.Restored.class, client.restoreRaw(keys(PIN)))) {
        say(restored);
      }
      say(client.restoreRaw(keys(WRONG)));
      say(client.tries());
      // Sizes that the enclave refuses, and credentials that the host does.
      say(client.backupRaw(keys(PIN), DATA.clone(), 3));
      String other = Base64.getEncoder().encodeToString(new byte[32]);
      say(client(transport, other).tries());
      assertInstanceOf(DeleteResult.Deleted.class, client.delete());
      // Until the limit refuses.
      for (int i = 0; i < 4; i++) {
        say(client.tries());
      }
    }
  }

  private void throughHttp(HostFixture fixture) throws Exception {
    String header = Credentials.make(HostFixture.SECRET, USER, Clock.systemUTC()).authorization();
    String clients = "http://" + fixture.host.webSocketAddress().orElseThrow();
    HttpClient http = HttpClient.newHttpClient();
    for (String path : List.of("/v1/delete", "/v1/nothing", "/" + USER)) {
      HttpResponse<String> response =
          http.send(
              HttpRequest.newBuilder(URI.create(clients + path))
                  .header("Authorization", header)
                  .DELETE()
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      say(response.statusCode() + " " + response.body());
    }
    String control = "http://" + fixture.host.controlHttpAddress().orElseThrow();
    for (String path : List.of("/metrics", "/status.json", "/health/ready", "/")) {
      HttpResponse<String> response =
          http.send(
              HttpRequest.newBuilder(URI.create(control + path)).build(),
              HttpResponse.BodyHandlers.ofString());
      assertEquals(200, response.statusCode(), path);
      say(response.body());
    }
  }
}
