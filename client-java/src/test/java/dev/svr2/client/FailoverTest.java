// SPDX-License-Identifier: Apache-2.0
//
// Several addresses (protocol.md §2): what is asked elsewhere when one does not answer, and what
// never is, because it may have spent a guess or been exposed.
package dev.svr2.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.rpc.Code;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.testing.Describe;
import dev.svr2.client.testing.FakeServer;
import dev.svr2.proto.Request;
import io.grpc.ManagedChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class FailoverTest {
  private final FakeServer first = new FakeServer();
  private final FakeServer second = new FakeServer();
  private final List<ManagedChannel> channels = new ArrayList<>();
  private Svr2Client client;

  @BeforeEach
  void connect() throws Exception {
    store(first);
    store(second);
    client = builder().build();
  }

  private Svr2Client.Builder builder() throws Exception {
    return Svr2Client.builder()
        .transports(transport(first), transport(second))
        .credentials(Credentials.of(ClientFixture.USER, "1:aa"))
        .pins(PinBlock.fromHandshakeStart(first.evidence.handshakeStart(), true))
        .allowSimulated(true)
        .attempts(1)
        .retryPause(Duration.ZERO)
        .timeout(Duration.ofSeconds(5));
  }

  private GrpcTransport transport(FakeServer server) {
    ManagedChannel channel = server.channel();
    channels.add(channel);
    return GrpcTransport.over(channel);
  }

  private static void store(FakeServer server) {
    server.data = ClientFixture.DATA.clone();
    server.pin = ClientFixture.RIGHT.accessKey();
    server.tries = 5;
    server.exposed = true;
  }

  @AfterEach
  void close() {
    channels.forEach(ManagedChannel::shutdownNow);
    first.close();
    second.close();
  }

  private static FakeServer.Step dies(String applied) {
    return item -> {
      throw FakeServer.failure(applied == null ? Code.INTERNAL : Code.UNAVAILABLE, applied);
    };
  }

  private static String requests(FakeServer server) {
    return server.requests.stream()
        .map(Request::getInnerCase)
        .map(Enum::name)
        .collect(Collectors.joining(" "));
  }

  @Test
  void aRestoreGoesOnWhileNothingWasSent() {
    for (FakeServer.Step way :
        List.<FakeServer.Step>of(dies("no"), dies(null), item -> new byte[] {(byte) 0xff})) {
      first.onStart = way;
      assertEquals("Restored(32,5)", Describe.of(client.restoreRaw(ClientFixture.RIGHT)));
      first.onStart = item -> item;
      first.onHandshake = way;
      assertEquals("Restored(32,5)", Describe.of(client.restoreRaw(ClientFixture.RIGHT)));
      first.onHandshake = item -> item;
    }
    assertEquals("", requests(first));
  }

  @Test
  void aRestoreThatWasSentIsNeverRepeatedElsewhere() {
    first.onAnswer = dies(null);
    assertEquals("Unknown", Describe.of(client.restoreRaw(ClientFixture.WRONG)));
    // Nor on the word of the host that it was not applied.
    first.onAnswer = dies("no");
    assertEquals("NotApplied", Describe.of(client.restoreRaw(ClientFixture.WRONG)));
    assertEquals("RESTORE RESTORE", requests(first));
    assertEquals("", requests(second));
    assertEquals(5, second.tries);
  }

  @Test
  void aDeleteThatWasSentIsNotRepeated() {
    first.onAnswer = dies(null);
    assertEquals("Unknown", Describe.of(client.delete()));
    assertEquals("", requests(second));
    first.onStart = dies("no");
    assertEquals("Deleted", Describe.of(client.delete()));
    assertEquals("DELETE", requests(second));
  }

  @Test
  void deleteWithoutSessionGoesOnOnlyWhenNothingLeft() {
    first.deleteFailure = FakeServer.failure(Code.INTERNAL, null);
    assertEquals("Unknown", Describe.of(client.deleteWithoutSession()));
    first.deleteFailure = FakeServer.failure(Code.UNAVAILABLE, "no");
    assertEquals("Deleted", Describe.of(client.deleteWithoutSession()));
  }

  @Test
  void triesGoOn() {
    first.onAnswer = dies(null);
    assertEquals("Left(5,true)", Describe.of(client.tries()));
    assertEquals("TRIES", requests(first));
    assertEquals("TRIES", requests(second));
  }

  @Test
  void aBackupGoesOnAndItsExposeLikewise() {
    first.onRequest = dies(null);
    assertEquals(
        "Stored", Describe.of(client.backupRaw(ClientFixture.RIGHT, ClientFixture.DATA, 3)));
    assertEquals("BACKUP EXPOSE", requests(second));
  }

  @Test
  void anExposeThatMayHaveBeenSentIsAllThatGoesOn() {
    first.onAnswer =
        item -> {
          if (requests(first).endsWith("EXPOSE")) {
            throw FakeServer.failure(Code.UNAVAILABLE, "no");
          }
          return item;
        };
    assertEquals(
        "Stored", Describe.of(client.backupRaw(ClientFixture.RIGHT, ClientFixture.DATA, 3)));
    assertEquals("BACKUP EXPOSE", requests(first));
    assertEquals("EXPOSE", requests(second));
  }

  @Test
  void credentialsRefusedOnceAreNotTriedElsewhere() {
    first.credentialsRefusal = FakeServer.failure(Code.UNAUTHENTICATED, "no");
    assertEquals("CredentialsRefused", Describe.of(client.tries()));
    assertEquals(0, second.sessions.get());
  }

  @Test
  void anAddressOfAnotherProgramIsLeftOutTheOthersServe() throws Exception {
    first.evidence.measurement[0] ^= 1;
    Svr2Client patient =
        builder()
            .pins(PinBlock.fromHandshakeStart(second.evidence.handshakeStart(), true))
            .attempts(3)
            .build();
    assertEquals("Left(5,true)", Describe.of(patient.tries()));
    second.evidence.measurement[0] ^= 1;
    int sessions = first.sessions.get() + second.sessions.get();
    assertEquals("Refused", Describe.of(patient.tries()));
    // Each once, however many attempts: evidence does not get better by asking again.
    assertEquals(sessions + 2, first.sessions.get() + second.sessions.get());
  }

  @Test
  void theAddressThatAnsweredIsAskedFirst() {
    first.onStart = dies("no");
    client.tries();
    first.onStart = item -> item;
    assertEquals("Left(5,true)", Describe.of(client.tries()));
    assertEquals(1, first.sessions.get());
    assertEquals(2, second.sessions.get());
  }

  @Test
  void roundsGoThroughAllAddresses() throws Exception {
    first.onStart = dies("no");
    second.onStart = dies("no");
    assertEquals("NotApplied", Describe.of(builder().attempts(3).build().tries()));
    assertEquals(3, first.sessions.get());
    assertEquals(3, second.sessions.get());
    assertEquals("NotApplied", Describe.of(client.restoreRaw(ClientFixture.RIGHT)));
    assertEquals(4, first.sessions.get());
    assertEquals(4, second.sessions.get());
  }
}
