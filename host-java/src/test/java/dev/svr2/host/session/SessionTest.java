// SPDX-License-Identifier: Apache-2.0
//
// Client sessions over real gRPC on loopback, with a fake enclave (protocol.md §1 and §3).
package dev.svr2.host.session;

import static dev.svr2.host.FakeEnclave.NO_ANSWER;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.svr2.host.FakeEnclave;
import dev.svr2.host.HostFixture;
import dev.svr2.proto.CloseReason;
import dev.svr2.proto.DeleteBackupCall;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.Error;
import dev.svr2.proto.HostItem;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SessionTest {
  private final FakeEnclave.Loader loader = new FakeEnclave.Loader();

  private HostFixture start(String more) throws Exception {
    return HostFixture.start(more, loader);
  }

  @Test
  void aSessionStartsWithTheHandshakeStartAndCarriesItemsInOrder() throws Exception {
    try (HostFixture fixture = start("")) {
      TestSession session = TestSession.open(fixture.client());
      assertEquals("handshake start", session.next());
      for (int i = 0; i < 200; i++) {
        session.send("item " + i);
      }
      for (int i = 0; i < 200; i++) {
        assertEquals("item " + i, session.next());
      }
      session.finish();
      assertEquals("OK", session.end());
    }
  }

  @Test
  void theEnclaveIsToldTheAuthenticatedIdOfTheClient() throws Exception {
    try (HostFixture fixture = start("")) {
      TestSession session = TestSession.open(fixture.client());
      session.next();
      byte[] backupId = HexFormat.of().parseHex(HostFixture.USER);
      assertEquals(
          List.of(ByteString.copyFrom(backupId)),
          loader.enclave.items().stream()
              .filter(item -> item.getRequest().hasNewClient())
              .map(item -> item.getRequest().getNewClient().getBackupId())
              .toList());
      session.cancel();
    }
  }

  /** protocol.md §3: one gRPC status for each reason, and whether the request was applied. */
  @ParameterizedTest
  @CsvSource({
    "CLOSE_REASON_NORMAL,           OK,                   OK",
    "CLOSE_REASON_INVALID_ARGUMENT, ERROR_DB_BAD_SIZE,    INVALID_ARGUMENT no",
    "CLOSE_REASON_NOT_APPLIED,      ERROR_RAFT_LOG_FULL,  UNAVAILABLE no",
    "CLOSE_REASON_UNKNOWN,          ERROR_CORE_REQUEST_TIMEOUT, INTERNAL unknown",
  })
  void aFinalItemIsSentAndThenTheSessionEndsForItsReason(
      CloseReason reason, Error error, String expected) throws Exception {
    try (HostFixture fixture = start("")) {
      loader.enclave.onClient =
          (enclave, input) ->
              enclave.end(
                  input.getClientId(), ByteString.copyFromUtf8("last words"), reason, error);
      TestSession session = TestSession.open(fixture.client());
      session.next();
      session.send("request");
      assertEquals("last words", session.next());
      String[] words = expected.split(" ", -1);
      String end =
          words.length == 1
              ? expected
              : "%s svr2:%s applied=%s".formatted(words[0], error, words[1]);
      assertEquals(end, session.end());
    }
  }

  @Test
  void everyReasonHasAStatus() {
    for (CloseReason reason : CloseReason.values()) {
      StatusRuntimeException status = SessionStatus.of(reason, Error.ERROR_INTERNAL);
      assertEquals(reason == CloseReason.CLOSE_REASON_NORMAL, status == null, reason.name());
    }
  }

  @Test
  void badCredentialsNeverReachTheEnclave() throws Exception {
    try (HostFixture fixture = start("")) {
      assertEquals(
          "UNAUTHENTICATED svr2:BAD_CREDENTIALS applied=no",
          TestSession.open(fixture.anonymous()).end());
      Metadata headers = new Metadata();
      headers.put(AuthInterceptor.AUTHORIZATION, "Basic bm90IHJpZ2h0");
      assertEquals(
          "UNAUTHENTICATED svr2:BAD_CREDENTIALS applied=no",
          TestSession.open(
                  fixture
                      .anonymous()
                      .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers)))
              .end());
      assertEquals(List.of(), loader.enclave.items());
    }
  }

  @Test
  void anItemAbove128KibIsRefusedAndOneOf128KibIsNot() throws Exception {
    try (HostFixture fixture = start("")) {
      TestSession good = TestSession.open(fixture.client());
      good.next();
      good.send(ByteString.copyFrom(new byte[128 << 10]));
      assertEquals(128 << 10, good.next().length());
      good.cancel();
      TestSession bad = TestSession.open(fixture.client());
      bad.next();
      bad.send(ByteString.copyFrom(new byte[(128 << 10) + 1]));
      assertEquals("INVALID_ARGUMENT svr2:ERROR_CLIENT_ITEM_TOO_LARGE applied=no", bad.end());
    }
  }

  @Test
  void whenTheClientGoesAwayTheEnclaveIsToldOnce() throws Exception {
    try (HostFixture fixture = start("")) {
      TestSession session = TestSession.open(fixture.client());
      session.next();
      session.cancel();
      await().until(() -> closes() == 1);
      fixture.host.close();
      assertEquals(1, closes());
    }
  }

  private long closes() {
    return loader.enclave.items().stream().filter(HostItem::hasClientClose).count();
  }

  @Test
  void anIdleSessionEndsAndTheEnclaveIsTold() throws Exception {
    try (HostFixture fixture = start("client.session_idle_seconds: 1\n")) {
      TestSession session = TestSession.open(fixture.client());
      session.next();
      assertEquals("UNAVAILABLE svr2:ERROR_CLIENT_IDLE applied=no", session.end());
      await().until(() -> closes() == 1);
    }
  }

  @Test
  void anIdleSessionWithARequestUnderWayEndsAsUnknown() throws Exception {
    try (HostFixture fixture = start("client.session_idle_seconds: 1\n")) {
      loader.enclave.onClient = (enclave, input) -> {};
      TestSession session = TestSession.open(fixture.client());
      session.next();
      session.send("request");
      assertEquals("INTERNAL svr2:ERROR_CLIENT_IDLE applied=unknown", session.end());
    }
  }

  @Test
  void moreSessionsThanAllowedAreRefusedAsNotApplied() throws Exception {
    try (HostFixture fixture = start("client.max_sessions: 1\n")) {
      TestSession first = TestSession.open(fixture.client());
      first.next();
      assertEquals(
          "RESOURCE_EXHAUSTED svr2:ERROR_CLIENT_TOO_MANY applied=no",
          TestSession.open(fixture.client()).end());
      first.cancel();
      await().until(() -> closes() == 1);
      assertEquals("handshake start", TestSession.open(fixture.client()).next());
    }
  }

  @Test
  void aRefusalByTheEnclaveReachesTheClient() throws Exception {
    try (HostFixture fixture = start("")) {
      loader.enclave.onRequest =
          request -> EnclaveReply.newBuilder().setError(Error.ERROR_CORE_NO_GROUP);
      assertEquals(
          "UNAVAILABLE svr2:ERROR_CORE_NO_GROUP applied=no",
          TestSession.open(fixture.client()).end());
      loader.enclave.onRequest =
          request -> EnclaveReply.newBuilder().setError(Error.ERROR_CLIENT_TOO_MANY);
      assertEquals(
          "RESOURCE_EXHAUSTED svr2:ERROR_CLIENT_TOO_MANY applied=no",
          TestSession.open(fixture.client()).end());
    }
  }

  @Test
  void aFullQueueRefusesAsNotAppliedAndOthersGoOn() throws Exception {
    try (HostFixture fixture = start("runtime:\n  queue_max_items: 1\n  enclave_threads: 1\n")) {
      CountDownLatch entered = new CountDownLatch(1);
      CountDownLatch leave = new CountDownLatch(1);
      TestSession first = opened(fixture);
      TestSession second = opened(fixture);
      TestSession third = opened(fixture);
      loader.enclave.gate =
          message -> {
            if (message.getItems(0).getClient().getData().toStringUtf8().equals("block")) {
              entered.countDown();
              awaitQuietly(leave);
            }
          };
      first.send("block"); // Inside.
      entered.await();
      second.send("waits"); // Fills the queue.
      await().until(() -> queued(fixture) == 1);
      third.send("refused");
      assertEquals("RESOURCE_EXHAUSTED svr2:ERROR_CLIENT_TOO_MANY applied=no", third.end());
      leave.countDown();
      assertEquals("block", first.next());
      assertEquals("waits", second.next());
      assertTrue(loader.enclave.items().stream().noneMatch(SessionTest::isRefused));
    }
  }

  private static TestSession opened(HostFixture fixture) throws InterruptedException {
    TestSession session = TestSession.open(fixture.client());
    assertEquals("handshake start", session.next());
    return session;
  }

  private static boolean isRefused(HostItem item) {
    return item.getClient().getData().toStringUtf8().equals("refused");
  }

  private static long queued(HostFixture fixture) {
    return fixture.host.metrics().queueItems.get();
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void deleteAnswersWhenTheEnclaveHas() throws Exception {
    try (HostFixture fixture = start("")) {
      var unused = fixture.blockingClient().deleteBackup(DeleteBackupCall.getDefaultInstance());
      assertEquals(
          HostFixture.USER,
          loader.enclave.items().stream()
              .filter(item -> item.getRequest().hasDeleteBackup())
              .map(item -> item.getRequest().getDeleteBackup().getBackupId().toByteArray())
              .map(HexFormat.of()::formatHex)
              .findFirst()
              .orElseThrow());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "CLOSE_REASON_NOT_APPLIED, ERROR_RAFT_LOG_FULL,        UNAVAILABLE, no",
    "CLOSE_REASON_UNKNOWN,     ERROR_CORE_REQUEST_TIMEOUT, INTERNAL,    unknown",
    "CLOSE_REASON_UNSET,       ERROR_INTERNAL,             INTERNAL,    unknown",
  })
  void aFailedDeleteSaysWhetherItWasApplied(
      CloseReason outcome, Error error, String code, String applied) throws Exception {
    try (HostFixture fixture = start("")) {
      loader.enclave.onRequest =
          request -> EnclaveReply.newBuilder().setError(error).setOutcome(outcome);
      StatusRuntimeException failure =
          assertThrows(
              StatusRuntimeException.class,
              () -> fixture.blockingClient().deleteBackup(DeleteBackupCall.getDefaultInstance()));
      assertEquals(
          "%s svr2:%s applied=%s".formatted(code, error, applied), TestSession.describe(failure));
    }
  }

  @Test
  void aDeleteWithoutAnAnswerEndsAsUnknown() throws Exception {
    try (HostFixture fixture = start("runtime:\n  request_timeout_ms: 100\n")) {
      loader.enclave.onRequest = request -> request.hasDeleteBackup() ? NO_ANSWER : null;
      StatusRuntimeException failure =
          assertThrows(
              StatusRuntimeException.class,
              () -> fixture.blockingClient().deleteBackup(DeleteBackupCall.getDefaultInstance()));
      assertEquals(
          "INTERNAL svr2:ERROR_CORE_REQUEST_TIMEOUT applied=unknown",
          TestSession.describe(failure));
    }
  }
}
