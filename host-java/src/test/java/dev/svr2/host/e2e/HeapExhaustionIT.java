// SPDX-License-Identifier: Apache-2.0
//
// An enclave whose heap is filled with real rows and real sessions, down to the reserve: what is
// refused, and that the rest goes on. Source: design.md §4, protocol.md §4 (Apply never fails).
package dev.svr2.host.e2e;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.client.BackupResult;
import dev.svr2.client.Credentials;
import dev.svr2.client.DeleteResult;
import dev.svr2.client.Failure;
import dev.svr2.client.Handshake;
import dev.svr2.client.PinBlock;
import dev.svr2.client.Pins;
import dev.svr2.client.RestoreResult;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.TriesResult;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.client.transport.Transport;
import dev.svr2.enclave.Enclave;
import dev.svr2.enclave.Platform;
import dev.svr2.host.HostFixture;
import dev.svr2.host.cluster.Seeder;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.SessionItem;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.Awaitility;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class HeapExhaustionIT {
  private static final byte[] DATA = filled(32, 0x51);
  private static final String USER = "00112233445566778899aabbccddeeff";
  private static final String NEWCOMER = "ffeeddccbbaa99887766554433221100";
  private static final int TRIES = 200;

  /** More rows, and more sessions, than the heap of the small image can hold. */
  private static final int TOO_MANY_ROWS = 60_000;

  private static final int TOO_MANY_SESSIONS = 20_480;
  private static final int AT_ONCE = 256;

  private static final String CONFIG =
      """
      runtime.tick_interval_ms: 1000
      enclave.log_max_bytes: 64 KiB
      enclave.client_pq: false
      enclave.max_client_sessions: 100000
      enclave.max_pending_handshakes: 100000
      log.level: error
      """;

  private static byte[] filled(int size, int value) {
    byte[] bytes = new byte[size];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  private static PinKeys pin(int value) {
    return PinKeys.of(filled(PinKeys.KEY_BYTES, 1), filled(PinKeys.KEY_BYTES, value));
  }

  @ParameterizedTest
  @EnumSource(names = {"LOCAL", "OE_SIMULATION"})
  void fullOfRowsItRefusesBackupsAndFullOfSessionsItRefusesMore(Platform platform)
      throws Exception {
    TestPlatforms.require(platform);
    try (HostFixture fixture =
            HostFixture.start(
                CONFIG,
                output ->
                    Enclave.load(platform, TestPlatforms.smallImage(platform), Set.of(), output));
        Transport transport = GrpcTransport.plaintext(fixture.host.clientAddress().toString())) {
      fixture.control().createGroup(CreateGroupCall.getDefaultInstance());
      Awaitility.await().until(() -> status(fixture).getReady());
      Pins pins =
          PinBlock.fromHandshakeStart(
              fixture
                  .control()
                  .getEvidence(GetEvidenceRequest.getDefaultInstance())
                  .getHandshakeStart()
                  .toByteArray(),
              Handshake.NK,
              true);
      Svr2Client user = client(transport, pins, USER);
      BackupResult stored = user.backupRaw(pin(7), DATA, TRIES);
      assertStored(stored);

      fillWithRows(fixture, pins);
      long rows = status(fixture).getEnclave().getRows();
      // A new backup is refused with an error of its own, and so is one that would replace a row.
      assertHeapFull(client(transport, pins, NEWCOMER).backupRaw(pin(7), DATA, TRIES));
      assertHeapFull(user.backupRaw(pin(8), filled(32, 0x52), TRIES));
      assertTheRestGoesOn(user);
      assertEquals(rows, status(fixture).getEnclave().getRows());

      fillWithSessions(fixture);
      Awaitility.await().until(() -> status(fixture).getEnclave().getClientSessions() == 0);
      assertTheRestGoesOn(user);

      assertInstanceOf(DeleteResult.Deleted.class, user.delete());
      assertInstanceOf(TriesResult.NothingThere.class, user.tries());
      for (int i = 0; i < rows / 2; i++) {
        assertInstanceOf(
            DeleteResult.Deleted.class,
            client(transport, pins, "5eed%028x".formatted(i)).deleteWithoutSession());
      }
      stored = client(transport, pins, NEWCOMER).backupRaw(pin(7), DATA, TRIES);
      assertStored(stored);
      assertTrue(status(fixture).getReady());
    }
  }

  private static GetStatusResponse status(HostFixture fixture) {
    return fixture.control().getStatus(GetStatusRequest.getDefaultInstance());
  }

  private static Svr2Client client(Transport transport, Pins pins, String user) {
    return Svr2Client.builder()
        .transport(transport)
        .credentials(Credentials.make(HostFixture.SECRET, user, Clock.systemUTC()))
        .pins(pins)
        .allowSimulated(true)
        .attempts(1)
        .build();
  }

  private static void fillWithRows(HostFixture fixture, Pins pins) throws InterruptedException {
    try (Seeder seeder =
        Seeder.start(
            List.of(fixture.host.clientAddress().toString()),
            pins,
            HostFixture.SECRET,
            TOO_MANY_ROWS,
            64)) {
      assertTrue(seeder.await(Duration.ofMinutes(5)));
      assertTrue(seeder.failure().contains("ERROR_DB_HEAP_FULL"), seeder.failure());
    }
  }

  private static void assertStored(BackupResult result) {
    assertInstanceOf(
        BackupResult.Stored.class,
        result,
        () -> result instanceof BackupResult.Failed failed ? failed.failure().text() : "" + result);
  }

  private static void assertHeapFull(BackupResult result) {
    BackupResult.Failed failed =
        assertInstanceOf(BackupResult.Failed.class, result, result::toString);
    Failure.NotApplied why =
        assertInstanceOf(Failure.NotApplied.class, failed.failure(), failed::toString);
    assertTrue(why.text().contains("ERROR_DB_HEAP_FULL"), why::text);
  }

  private static void assertTheRestGoesOn(Svr2Client user) {
    RestoreResult result = user.restoreRaw(pin(7));
    RestoreResult.Restored restored =
        assertInstanceOf(RestoreResult.Restored.class, result, result::toString);
    assertArrayEquals(DATA, restored.data());
    int left = restored.tries();
    RestoreResult wrong = user.restoreRaw(pin(9));
    assertEquals(
        left - 1,
        assertInstanceOf(RestoreResult.WrongPin.class, wrong, wrong::toString).triesLeft());
    assertEquals(left - 1, assertInstanceOf(TriesResult.Left.class, user.tries()).tries());
  }

  /** Opens sessions that never shake hands until one is refused, then ends them all. */
  private static void fillWithSessions(HostFixture fixture) {
    List<StreamObserver<SessionItem>> open = new ArrayList<>();
    AtomicReference<Throwable> refused = new AtomicReference<>();
    AtomicInteger begun = new AtomicInteger();
    while (refused.get() == null && open.size() < TOO_MANY_SESSIONS) {
      open.add(
          fixture
              .client()
              .session(
                  new StreamObserver<>() {
                    @Override
                    public void onNext(SessionItem item) {
                      begun.incrementAndGet();
                    }

                    @Override
                    public void onError(Throwable error) {
                      refused.compareAndSet(null, error);
                    }

                    @Override
                    public void onCompleted() {}
                  }));
      if (open.size() % AT_ONCE == 0) {
        int asked = open.size();
        Awaitility.await().until(() -> refused.get() != null || begun.get() == asked);
      }
    }
    open.forEach(stream -> stream.onError(Status.CANCELLED.asRuntimeException()));
    Status status = Status.fromThrowable(refused.get());
    assertEquals(Status.Code.UNAVAILABLE, status.getCode(), status::toString);
    assertTrue(
        String.valueOf(status.getDescription()).contains("heap is exhausted"), status::toString);
  }
}
