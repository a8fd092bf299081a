// SPDX-License-Identifier: Apache-2.0
//
// Limits per user, in memory and in a real Redis, as clients meet them.
package dev.svr2.host.limit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import dev.svr2.host.FakeEnclave;
import dev.svr2.host.HostFixture;
import dev.svr2.host.config.RateSettings;
import dev.svr2.host.config.RedisSettings;
import dev.svr2.host.metrics.HostMetrics;
import dev.svr2.host.redis.Redis;
import dev.svr2.host.redis.RedisServer;
import dev.svr2.proto.DeleteBackupCall;
import dev.svr2.proto.SessionItem;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RateLimitTest {
  private static final byte[] ALICE = new byte[16];
  private static final byte[] BOB = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

  /** Names that tests can tell apart. */
  private static byte[] name(byte[] id) {
    return Arrays.copyOf(id, 32);
  }

  @TempDir Path folder;
  private final HostMetrics metrics = new HostMetrics();

  private static RateSettings settings(RateSettings.Store store, boolean refuse) {
    return new RateSettings(store, 3, 1, refuse);
  }

  private static boolean allowed(RateLimiter limiter, byte[] user) throws Exception {
    return limiter.take(user).get(20, TimeUnit.SECONDS).isEmpty();
  }

  private Redis redis(RedisServer server, Optional<Path> password) throws Exception {
    Redis redis = new Redis(new RedisSettings(server.address(), password, false), System::nanoTime);
    Awaitility.await().until(() -> redis.connection().isPresent());
    return redis;
  }

  @Test
  void eachUserHasABurstAndThenWaits() throws Exception {
    RateLimiter limiter =
        RateLimiter.of(
            settings(RateSettings.Store.MEMORY, true),
            Optional.empty(),
            RateLimitTest::name,
            metrics);
    for (int i = 0; i < 3; i++) {
      assertTrue(allowed(limiter, ALICE));
    }
    Duration wait = limiter.take(ALICE).get().orElseThrow();
    assertTrue(wait.compareTo(Duration.ofSeconds(61)) < 0, wait::toString);
    assertTrue(wait.compareTo(Duration.ofSeconds(30)) > 0, wait::toString);
    assertTrue(allowed(limiter, BOB));
    assertEquals(1, metrics.rateRefused.count());
  }

  @Test
  void hostsCountTogetherInRedisWhichNeverLearnsWho() throws Exception {
    Path password = Files.writeString(folder.resolve("password"), "open sesame\n");
    Files.setPosixFilePermissions(password, PosixFilePermissions.fromString("rw-------"));
    try (RedisServer server = RedisServer.start(folder, "--requirepass", "open sesame");
        Redis one = redis(server, Optional.of(password));
        Redis other = redis(server, Optional.of(password))) {
      RateLimiter first =
          RateLimiter.of(
              settings(RateSettings.Store.REDIS, true),
              Optional.of(one),
              RateLimitTest::name,
              metrics);
      RateLimiter second =
          RateLimiter.of(
              settings(RateSettings.Store.REDIS, true),
              Optional.of(other),
              RateLimitTest::name,
              metrics);
      assertTrue(allowed(first, ALICE));
      assertTrue(allowed(second, ALICE));
      assertTrue(allowed(first, ALICE));
      assertFalse(allowed(second, ALICE));
      assertFalse(allowed(first, ALICE));
      assertTrue(allowed(second, BOB));
      // Entries end by themselves.
      for (byte[] key : one.connection().orElseThrow().sync().keys("svr2:rate:*")) {
        long seconds = one.connection().orElseThrow().sync().ttl(key);
        assertTrue(seconds > 0 && seconds < 600, seconds + " s");
      }
    }
  }

  @Test
  void aDeadRedisMeansWhatTheConfigurationSays() throws Exception {
    try (RedisServer server = RedisServer.start(folder);
        Redis redis = redis(server, Optional.empty())) {
      RateLimiter strict =
          RateLimiter.of(
              settings(RateSettings.Store.REDIS, true),
              Optional.of(redis),
              RateLimitTest::name,
              metrics);
      RateLimiter lenient =
          RateLimiter.of(
              settings(RateSettings.Store.REDIS, false),
              Optional.of(redis),
              RateLimitTest::name,
              metrics);
      assertTrue(allowed(strict, ALICE));
      server.stop();
      Awaitility.await().until(() -> !allowed(strict, BOB));
      for (int i = 0; i < 10; i++) {
        assertTrue(allowed(lenient, BOB));
      }
      assertTrue(metrics.rateFailures.count() >= 10);
      server.start();
      Awaitility.await().until(() -> allowed(strict, ALICE));
    }
  }

  @Test
  void aHostStartsWithoutRedisAndUsesItWhenItComes() throws Exception {
    try (RedisServer server = RedisServer.start(folder)) {
      server.stop();
      try (Redis redis =
          new Redis(
              new RedisSettings(server.address(), Optional.empty(), false), System::nanoTime)) {
        RateLimiter limiter =
            RateLimiter.of(
                settings(RateSettings.Store.REDIS, true),
                Optional.of(redis),
                RateLimitTest::name,
                metrics);
        assertFalse(allowed(limiter, ALICE));
        server.start();
        Awaitility.await().until(() -> allowed(limiter, ALICE));
      }
    }
  }

  private static Status status(HostFixture fixture) throws Exception {
    CompletableFuture<Status> end = new CompletableFuture<>();
    StreamObserver<SessionItem> unused =
        fixture
            .client()
            .session(
                new StreamObserver<>() {
                  @Override
                  public void onNext(SessionItem item) {
                    end.complete(Status.OK);
                  }

                  @Override
                  public void onError(Throwable failure) {
                    end.complete(Status.fromThrowable(failure));
                  }

                  @Override
                  public void onCompleted() {
                    end.complete(Status.ABORTED);
                  }
                });
    return end.get(20, TimeUnit.SECONDS);
  }

  @Test
  void clientsAreToldWhenToComeAgain() throws Exception {
    FakeEnclave.Loader loader = new FakeEnclave.Loader();
    try (HostFixture fixture =
        HostFixture.start(
            """
            client.websocket_listen: 127.0.0.1:0
            client.rate.store: memory
            client.rate.burst: 2
            client.rate.per_minute: 1
            """,
            loader)) {
      assertEquals(Status.Code.OK, status(fixture).getCode());
      assertEquals(Status.Code.OK, status(fixture).getCode());
      assertEquals(Status.Code.RESOURCE_EXHAUSTED, status(fixture).getCode());
      StatusRuntimeException refusal =
          assertThrows(
              StatusRuntimeException.class,
              () -> fixture.blockingClient().deleteBackup(DeleteBackupCall.getDefaultInstance()));
      com.google.rpc.Status details = StatusProto.fromThrowable(refusal);
      ErrorInfo info = details.getDetails(0).unpack(ErrorInfo.class);
      assertEquals("RATE_LIMITED", info.getReason());
      assertEquals("no", info.getMetadataOrThrow("applied"));
      long wait = details.getDetails(1).unpack(RetryInfo.class).getRetryDelay().getSeconds();
      assertTrue(wait > 20 && wait < 61, wait + " s");

      HttpClient http = HttpClient.newHttpClient();
      HttpRequest.Builder request =
          HttpRequest.newBuilder(
                  URI.create(
                      "http://" + fixture.host.webSocketAddress().orElseThrow() + "/v1/delete"))
              .header("Authorization", HostFixture.authorization());
      HttpResponse<String> response =
          http.send(request.DELETE().build(), HttpResponse.BodyHandlers.ofString());
      assertEquals(429, response.statusCode());
      int seconds = Integer.parseInt(response.headers().firstValue("Retry-After").orElseThrow());
      assertTrue(seconds > 20 && seconds <= 61, seconds + " s");
      assertEquals(3, fixture.host.metrics().rateRefused.count());
      // Nothing of it reached the enclave.
      assertEquals(
          2, loader.enclave.items().stream().filter(i -> i.getRequest().hasNewClient()).count());
      assertTrue(loader.enclave.items().stream().noneMatch(i -> i.getRequest().hasDeleteBackup()));
    }
  }
}
