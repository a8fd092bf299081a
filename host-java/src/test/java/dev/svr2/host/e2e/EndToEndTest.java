// SPDX-License-Identifier: Apache-2.0
//
// The whole way, in one process and over real gRPC: client library, host, bridge, signed image,
// enclave core. Nothing is faked. Source: issue 2, item 10; design.md §7.
package dev.svr2.host.e2e;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
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
import dev.svr2.client.evidence.EvidenceRefusal;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.enclave.Enclave;
import dev.svr2.enclave.EnclaveException;
import dev.svr2.enclave.Platform;
import dev.svr2.host.HostFixture;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.Error;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetMetricsRequest;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.SessionItem;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(names = {"LOCAL", "OE_SIMULATION"})
class EndToEndTest {
  private static final byte[] DATA = filled(32, 0x51);

  private static Platform platform;
  private static HostFixture fixture;
  private static Pins pins;

  EndToEndTest(Platform unused) {}

  @BeforeParameterizedClassInvocation
  static void startAGroupOfOne(Platform on) throws Exception {
    TestPlatforms.require(on);
    platform = on;
    fixture = start(TestPlatforms.image(on));
    fixture.control().createGroup(CreateGroupCall.getDefaultInstance());
    Awaitility.await().until(() -> status(fixture).getReady());
    byte[] evidence =
        fixture
            .control()
            .getEvidence(GetEvidenceRequest.getDefaultInstance())
            .getHandshakeStart()
            .toByteArray();
    pins = PinBlock.fromHandshakeStart(evidence, true);
  }

  @AfterParameterizedClassInvocation
  static void stop() {
    if (fixture != null) {
      fixture.close();
      fixture = null;
    }
  }

  private static HostFixture start(Path image) throws Exception {
    return HostFixture.start("", output -> Enclave.load(platform, image, Set.of(), output));
  }

  private static GetStatusResponse status(HostFixture fixture) {
    return fixture.control().getStatus(GetStatusRequest.getDefaultInstance());
  }

  private static byte[] filled(int size, int value) {
    byte[] bytes = new byte[size];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  private static String user(int number) {
    return String.format("%032x", number);
  }

  // PIN hashing is tested elsewhere and takes most of a second; here the keys stand for the PIN.
  private static PinKeys pin(int value) {
    return PinKeys.of(filled(PinKeys.KEY_BYTES, 1), filled(PinKeys.KEY_BYTES, value));
  }

  private static Svr2Client.Builder builder(String user) {
    return Svr2Client.builder()
        .transport(GrpcTransport.plaintext(fixture.host.clientAddress().toString()))
        .credentials(Credentials.make(HostFixture.SECRET, user, Clock.systemUTC()))
        .pins(pins)
        .allowSimulated(true);
  }

  private static Svr2Client client(String user) {
    return builder(user).build();
  }

  @Test
  void storesRestoresAndLosesForGoodAfterTooManyWrongGuesses() {
    Svr2Client client = client(user(1));
    assertInstanceOf(BackupResult.Stored.class, client.backupRaw(pin(7), DATA, 3));

    RestoreResult.Restored restored =
        assertInstanceOf(RestoreResult.Restored.class, client.restoreRaw(pin(7)));
    assertArrayEquals(DATA, restored.data());
    assertEquals(3, restored.tries());

    assertEquals(
        2, assertInstanceOf(RestoreResult.WrongPin.class, client.restoreRaw(pin(8))).triesLeft());
    assertEquals(
        1, assertInstanceOf(RestoreResult.WrongPin.class, client.restoreRaw(pin(9))).triesLeft());
    assertInstanceOf(RestoreResult.NothingThere.class, client.restoreRaw(pin(10)));
    RestoreResult.NothingThere gone =
        assertInstanceOf(RestoreResult.NothingThere.class, client.restoreRaw(pin(7)));
    assertEquals(RestoreResult.NothingThere.Why.GONE_OR_NEVER_STORED, gone.why());
    assertInstanceOf(TriesResult.NothingThere.class, client.tries());
  }

  @Test
  void aRightPinDoesNotRenewTheTries() {
    Svr2Client client = client(user(2));
    client.backupRaw(pin(7), DATA, 5);
    client.restoreRaw(pin(8));
    assertEquals(
        4, assertInstanceOf(RestoreResult.Restored.class, client.restoreRaw(pin(7))).tries());
    TriesResult.Left left = assertInstanceOf(TriesResult.Left.class, client.tries());
    assertEquals(4, left.tries());
    assertTrue(left.exposed());
  }

  @Test
  void deletesWithAndWithoutASession() {
    Svr2Client client = client(user(3));
    client.backupRaw(pin(7), DATA, 5);
    assertInstanceOf(DeleteResult.Deleted.class, client.delete());
    assertInstanceOf(TriesResult.NothingThere.class, client.tries());
    client.backupRaw(pin(7), DATA, 5);
    assertInstanceOf(DeleteResult.Deleted.class, client.deleteWithoutSession());
    assertInstanceOf(TriesResult.NothingThere.class, client.tries());
  }

  @Test
  void anotherUserSeesAnotherRow() {
    client(user(4)).backupRaw(pin(7), DATA, 5);
    assertInstanceOf(RestoreResult.NothingThere.class, client(user(5)).restoreRaw(pin(7)));
  }

  @Test
  void credentialsOfAnotherSecretAreRefused() {
    Svr2Client client =
        builder(user(1))
            .credentials(
                Credentials.make("d3Jvbmcgc2VjcmV0IHdyb25nIQ==", user(1), Clock.systemUTC()))
            .build();
    TriesResult.Failed failed = assertInstanceOf(TriesResult.Failed.class, client.tries());
    assertInstanceOf(Failure.CredentialsRefused.class, failed.failure());
  }

  @Test
  void pinsOfAnotherMeasurementAreRefusedBeforeAnythingIsSent() {
    Pins other =
        new Pins(
            filled(32, 9),
            pins.group(),
            pins.handshake(),
            pins.minimums(),
            pins.advisories(),
            false);
    TriesResult.Failed failed =
        assertInstanceOf(TriesResult.Failed.class, builder(user(1)).pins(other).build().tries());
    assertEquals(
        EvidenceRefusal.MEASUREMENT,
        assertInstanceOf(Failure.Refused.class, failed.failure()).reason());
  }

  @Test
  void simulatedEvidenceIsRefusedUnlessAskedFor() {
    TriesResult.Failed failed =
        assertInstanceOf(
            TriesResult.Failed.class, builder(user(1)).allowSimulated(false).build().tries());
    assertInstanceOf(Failure.Refused.class, failed.failure());
  }

  @Test
  void thePinsNameTheMeasurementOfTheImageAndTheGroup() throws Exception {
    GetStatusResponse status = status(fixture);
    assertArrayEquals(status.getMeasurement().toByteArray(), pins.measurement());
    assertFalse(pins.isProtected());
    assertEquals(Handshake.NKHFS, pins.handshake());
    assertTrue(status.getNotProtected());
    assertTrue(status.getEnclave().getUnprotected());
    String metrics = fixture.control().getMetrics(GetMetricsRequest.getDefaultInstance()).getText();
    assertTrue(
        metrics.lines().anyMatch(line -> line.matches("svr2_unprotected(\\{.*\\})? 1(\\.0)?")));
    assertTrue(metrics.contains("svr2_enclave_client_requests"));
  }

  @Test
  void aSecondGroupIsRefused() {
    StatusRuntimeException e =
        assertThrows(
            StatusRuntimeException.class,
            () -> fixture.control().createGroup(CreateGroupCall.getDefaultInstance()));
    assertEquals(Status.Code.ALREADY_EXISTS, e.getStatus().getCode());
    assertTrue(status(fixture).getReady());
  }

  @Test
  void aClientThatGoesAwayLeavesNoSession() {
    BlockingQueue<SessionItem> items = new LinkedBlockingQueue<>();
    StreamObserver<SessionItem> stream =
        fixture
            .client()
            .session(
                new StreamObserver<>() {
                  @Override
                  public void onNext(SessionItem item) {
                    items.add(item);
                  }

                  @Override
                  public void onError(Throwable error) {}

                  @Override
                  public void onCompleted() {}
                });
    Awaitility.await().until(() -> !items.isEmpty());
    long open = status(fixture).getEnclave().getClientSessions();
    assertTrue(open >= 1);
    stream.onError(Status.CANCELLED.asRuntimeException());
    Awaitility.await().until(() -> status(fixture).getEnclave().getClientSessions() < open);
  }

  @Test
  void manyClientsAtOnceEachGetTheirOwn() throws Exception {
    int clients = 16;
    ExecutorService threads = Executors.newFixedThreadPool(clients);
    try {
      List<Callable<Void>> work = new ArrayList<>();
      for (int i = 0; i < clients; i++) {
        int number = i;
        work.add(
            () -> {
              Svr2Client client = client(user(100 + number));
              byte[] data = filled(16 + number, number + 1);
              assertInstanceOf(BackupResult.Stored.class, client.backupRaw(pin(number), data, 9));
              for (int round = 0; round < 8; round++) {
                RestoreResult.WrongPin wrong =
                    assertInstanceOf(RestoreResult.WrongPin.class, client.restoreRaw(pin(99)));
                assertEquals(8 - round, wrong.triesLeft());
              }
              assertArrayEquals(
                  data,
                  assertInstanceOf(RestoreResult.Restored.class, client.restoreRaw(pin(number)))
                      .data());
              return null;
            });
      }
      for (Future<Void> done : threads.invokeAll(work, 2, TimeUnit.MINUTES)) {
        done.get();
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void aFlippedByteInTheImageIsRefusedWithTheFileNamed(@TempDir Path folder) throws Exception {
    byte[] image = Files.readAllBytes(TestPlatforms.image(platform));
    image[image.length / 2] ^= 1;
    Path altered = folder.resolve("altered.signed.local");
    Files.write(altered, image);
    EnclaveException e = assertThrows(EnclaveException.class, () -> start(altered));
    assertEquals(Error.ERROR_BRIDGE_IMAGE_SIGNATURE, e.error());
    assertTrue(e.getMessage().contains(altered.toString()), e.getMessage());
  }

  @Test
  void twoHostsInOneProcessAreTwoGroups() throws Exception {
    try (HostFixture other = start(TestPlatforms.image(platform))) {
      other.control().createGroup(CreateGroupCall.getDefaultInstance());
      Awaitility.await().until(() -> status(other).getReady());
      client(user(6)).backupRaw(pin(7), DATA, 5);
      byte[] evidence =
          other
              .control()
              .getEvidence(GetEvidenceRequest.getDefaultInstance())
              .getHandshakeStart()
              .toByteArray();
      Pins otherPins = PinBlock.fromHandshakeStart(evidence, true);
      assertArrayEquals(pins.measurement(), otherPins.measurement());
      Svr2Client there =
          builder(user(6))
              .transport(GrpcTransport.plaintext(other.host.clientAddress().toString()))
              .pins(otherPins)
              .build();
      assertInstanceOf(RestoreResult.NothingThere.class, there.restoreRaw(pin(7)));
      // The pins of the one group refuse the other, whose measurement is the same.
      TriesResult.Failed failed =
          assertInstanceOf(
              TriesResult.Failed.class,
              builder(user(6))
                  .transport(GrpcTransport.plaintext(other.host.clientAddress().toString()))
                  .build()
                  .tries());
      assertEquals(
          EvidenceRefusal.GROUP_ID,
          assertInstanceOf(Failure.Refused.class, failed.failure()).reason());
    }
  }
}
