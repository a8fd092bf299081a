// SPDX-License-Identifier: Apache-2.0
//
// What the client says when the server does not answer as it should: the table of protocol.md §3
// at every step of a session.
package dev.svr2.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.Code;
import dev.svr2.client.evidence.EvidenceRefusal;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.testing.Describe;
import dev.svr2.client.testing.FakeServer;
import dev.svr2.proto.Request;
import dev.svr2.proto.Response;
import dev.svr2.proto.RestoreResponse;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class FailureMappingTest {
  private final ClientFixture fixture = new ClientFixture();
  private final FakeServer server = fixture.server;

  @BeforeEach
  void store() {
    fixture.store(5);
  }

  @AfterEach
  void close() {
    fixture.close();
  }

  private static FakeServer.Step dies(Code code, String applied) {
    return item -> {
      throw FakeServer.failure(code, applied);
    };
  }

  private static final FakeServer.Step ENDS =
      item -> {
        throw new FakeServer.End();
      };
  private static final FakeServer.Step SILENT = item -> null;

  private String restore() {
    return Describe.of(fixture.impatient().restoreRaw(ClientFixture.RIGHT));
  }

  @Test
  void beforeTheRequestNothingIsApplied() {
    FakeServer.Step[] ways = {
      dies(Code.UNAVAILABLE, "no"),
      dies(Code.INTERNAL, "unknown"),
      dies(Code.INTERNAL, null),
      dies(Code.RESOURCE_EXHAUSTED, null),
      ENDS,
      SILENT
    };
    for (FakeServer.Step way : ways) {
      server.onStart = way;
      assertEquals("NotApplied", restore());
      server.onStart = item -> item;
      server.onHandshake = way;
      assertEquals("NotApplied", restore());
      server.onHandshake = item -> item;
    }
    assertEquals(0, server.requests.size());
  }

  @Test
  void afterTheRequestItIsUnknownUnlessTheServerDeniesIt() {
    server.onRequest = dies(Code.UNAVAILABLE, "no");
    assertEquals("NotApplied", restore());
    server.onRequest = dies(Code.INVALID_ARGUMENT, "no");
    assertEquals("Rejected", restore());
    FakeServer.Step[] unknown = {
      dies(Code.UNAVAILABLE, null),
      dies(Code.UNAVAILABLE, "unknown"),
      dies(Code.UNAVAILABLE, "maybe"),
      dies(Code.INVALID_ARGUMENT, null),
      dies(Code.INTERNAL, "unknown"),
      dies(Code.INTERNAL, null),
      dies(Code.UNAUTHENTICATED, null),
      ENDS,
      SILENT
    };
    for (FakeServer.Step way : unknown) {
      server.onRequest = way;
      assertEquals("Unknown", restore());
    }
    server.onRequest = item -> item;
    for (FakeServer.Step way : unknown) {
      server.onAnswer = way;
      assertEquals("Unknown", restore());
    }
  }

  @Test
  void errorInfoOfAnotherDomainPromisesNothing() {
    StatusRuntimeException real = FakeServer.failure(Code.UNAVAILABLE, "no");
    Metadata.Key<byte[]> key =
        Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);
    byte[] details = real.getTrailers().get(key);
    byte[] foreign = details.clone();
    int at = new String(details, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf("svr2");
    foreign[at] = 'x';
    for (byte[] bytes : new byte[][] {foreign, {1, 2, 3}, {}}) {
      Metadata trailers = new Metadata();
      trailers.put(key, bytes);
      server.onRequest =
          item -> {
            throw new StatusRuntimeException(Status.UNAVAILABLE, trailers);
          };
      assertEquals("Unknown", restore());
    }
    // Details whose code contradicts the status are not believed.
    server.onRequest =
        item -> {
          throw new StatusRuntimeException(Status.INTERNAL, real.getTrailers());
        };
    assertEquals("Unknown", restore());
  }

  @Test
  void refusedCredentials() {
    server.credentialsRefusal = FakeServer.failure(Code.UNAUTHENTICATED, "no");
    assertEquals("CredentialsRefused", restore());
    assertEquals(
        "CredentialsRefused",
        Describe.of(fixture.client().backupRaw(ClientFixture.RIGHT, ClientFixture.DATA, 1)));
    assertEquals("CredentialsRefused", Describe.of(fixture.client().tries()));
    assertEquals("CredentialsRefused", Describe.of(fixture.client().delete()));
    assertEquals("CredentialsRefused", Describe.of(fixture.client().deleteWithoutSession()));
    server.credentialsRefusal = FakeServer.failure(Code.PERMISSION_DENIED, null);
    assertEquals("CredentialsRefused", restore());
  }

  @Test
  void refusedEvidence() {
    Svr2Client client = fixture.client(); // Takes its pins now.
    server.evidence.measurement[0] ^= 1;
    assertEquals("Refused", Describe.of(client.restoreRaw(ClientFixture.RIGHT)));
    assertEquals("Refused", Describe.of(client.tries()));
    assertEquals("Refused", Describe.of(client.delete()));
    assertEquals(
        "Refused", Describe.of(client.backupRaw(ClientFixture.RIGHT, ClientFixture.DATA, 1)));
    server.evidence.measurement[0] ^= 1;
    Svr2Client careful = fixture.builder().allowSimulated(false).build();
    assertEquals("Refused", Describe.of(careful.restoreRaw(ClientFixture.RIGHT)));
    int sessions = server.sessions.get();
    Svr2Client unpinned = fixture.builder().allowSimulated(false).pins(null).build();
    assertEquals("Refused", Describe.of(unpinned.tries()));
    assertEquals("Refused", Describe.of(unpinned.restoreRaw(ClientFixture.RIGHT)));
    assertEquals("ExposeUnknown(Refused)", Describe.of(unpinned.expose(ClientFixture.DATA)));
    assertEquals(sessions, server.sessions.get());
    assertEquals(0, server.requests.size());
  }

  @Test
  void anImpostorWithTheRightEvidenceFailsTheHandshake() {
    // Evidence of the true server, shown by one that lacks its key.
    server.evidence.claim(
        "pk\0", dev.svr2.client.testing.NoiseResponder.publicKey(ClientFixture.filled(9, 32)));
    assertEquals("Rejected", restore());
    server.onHandshake = item -> new byte[48];
    assertTrue(restore().matches("Rejected|ProtocolViolation"));
    assertEquals(0, server.requests.size());
  }

  /** protocol.md §1: "There is no negotiation". */
  @Test
  void theOtherHandshakeIsRefusedWithWordsThatHelp() {
    for (Handshake offered : Handshake.values()) {
      server.handshake = offered;
      Handshake other = offered == Handshake.NK ? Handshake.NKHFS : Handshake.NK;
      Svr2Client unpinned = fixture.builder().pins(null).handshake(other).build();
      RestoreResult.Failed failed =
          assertInstanceOf(RestoreResult.Failed.class, unpinned.restoreRaw(ClientFixture.RIGHT));
      Failure.Refused refused = assertInstanceOf(Failure.Refused.class, failed.failure());
      assertEquals(EvidenceRefusal.HANDSHAKE_NOT_OFFERED, refused.reason());
      for (String word : new String[] {"client_pq", "pins", "--handshake", "" + other}) {
        assertTrue(refused.text().contains(word), refused.text());
      }
      assertEquals(0, server.requests.size());
      Svr2Client right = fixture.builder().pins(null).handshake(offered).build();
      assertEquals("Restored(32,5)", Describe.of(right.restoreRaw(ClientFixture.RIGHT)));
      server.requests.clear();
    }
  }

  @Test
  void pinsNameTheHandshake() {
    server.handshake = Handshake.NK;
    Pins pins = fixture.pins();
    assertEquals("Refused", Describe.of(fixture.client().restoreRaw(ClientFixture.RIGHT)));
    Pins nk =
        new Pins(
            pins.measurement(),
            pins.group(),
            Handshake.NK,
            pins.minimums(),
            pins.advisories(),
            false);
    assertEquals(
        "Restored(32,5)",
        Describe.of(fixture.builder().pins(nk).build().restoreRaw(ClientFixture.RIGHT)));
    assertThrows(
        IllegalArgumentException.class,
        () -> fixture.builder().pins(nk).handshake(Handshake.NKHFS).build());
    fixture.builder().pins(nk).handshake(Handshake.NK).build();
  }

  @Test
  void malformedAnswersBeforeTheRequest() {
    server.onStart = item -> new byte[] {(byte) 0xff};
    assertEquals("Refused", restore());
    server.onStart = item -> new byte[128 * 1024 + 1];
    assertEquals("ProtocolViolation", restore());
    server.onStart = item -> item;
    server.onHandshake = item -> new byte[0];
    assertEquals("ProtocolViolation", restore());
    server.onHandshake = item -> new byte[49];
    assertEquals("ProtocolViolation", restore());
    // A key of low order in the evidence.
    server.onHandshake = item -> item;
    server.evidence.claim("pk\0", new byte[32]);
    assertEquals("ProtocolViolation", restore());
  }

  @Test
  void answersWithoutMeaningAreUnknown() {
    Response[] answers = {
      Response.getDefaultInstance(),
      Response.newBuilder().setDelete(dev.svr2.proto.DeleteResponse.getDefaultInstance()).build(),
      restored(RestoreResponse.Status.UNSET, 32, 3),
      restored(RestoreResponse.Status.OK, 15, 3),
      restored(RestoreResponse.Status.OK, 49, 3),
      restored(RestoreResponse.Status.OK, 32, 0),
      restored(RestoreResponse.Status.OK, 32, 256),
      restored(RestoreResponse.Status.OK, 32, -1),
      restored(RestoreResponse.Status.PIN_MISMATCH, 0, 0),
      restored(RestoreResponse.Status.PIN_MISMATCH, 0, 255),
      Response.newBuilder()
          .setRestore(RestoreResponse.newBuilder().setStatusValue(5).setTries(3))
          .build(),
    };
    for (Response answer : answers) {
      server.onPlainAnswer = (request, normal) -> answer.toByteArray();
      assertEquals("Unknown", restore(), answer.toString());
    }
    server.onPlainAnswer = (request, normal) -> new byte[] {(byte) 0xff};
    assertEquals("Unknown", restore());
    server.onPlainAnswer = (request, normal) -> new byte[0];
    assertEquals("Unknown", restore());
    Svr2Client client = fixture.client();
    assertEquals("Unknown", Describe.of(client.tries()));
    assertEquals("Unknown", Describe.of(client.delete()));
    assertEquals(
        "Unknown", Describe.of(client.backupRaw(ClientFixture.RIGHT, ClientFixture.DATA, 1)));
  }

  private static Response restored(RestoreResponse.Status status, int size, int tries) {
    return Response.newBuilder()
        .setRestore(
            RestoreResponse.newBuilder()
                .setStatus(status)
                .setData(com.google.protobuf.ByteString.copyFrom(new byte[size]))
                .setTries(tries))
        .build();
  }

  @Test
  void restoreAnsweredErrorIsItsOwnResult() {
    server.onPlainAnswer =
        (request, normal) -> restored(RestoreResponse.Status.ERROR, 0, 0).toByteArray();
    assertEquals("ServerError", restore());
  }

  @Test
  void aRestoreIsNeverRepeated() {
    server.onAnswer = dies(Code.UNAVAILABLE, "no");
    assertEquals("NotApplied", restore());
    assertEquals(1, server.sessions.get());
    server.onAnswer = SILENT;
    assertEquals("Unknown", restore());
    assertEquals(2, server.sessions.get());
  }

  @Test
  void afterMissingTheReasonMayStayUnknown() {
    assertEquals("NothingThere(UNKNOWN)", restoreTheLastGuess(100));
    assertEquals(1, server.requests.stream().filter(Request::hasRestore).count());
  }

  @Test
  void afterMissingTheReasonIsAskedForUntilThereIsAnAnswer() {
    assertEquals("NothingThere(GONE_OR_NEVER_STORED)", restoreTheLastGuess(2));
    assertEquals(1, server.requests.stream().filter(Request::hasRestore).count());
  }

  /** The answers from the second on are lost, until that one. */
  private String restoreTheLastGuess(int lost) {
    fixture.store(1);
    AtomicInteger answers = new AtomicInteger();
    server.onAnswer =
        item -> {
          int answer = answers.incrementAndGet();
          if (answer >= 2 && answer <= lost) {
            throw FakeServer.failure(Code.INTERNAL, null);
          }
          return item;
        };
    return Describe.of(fixture.client().restoreRaw(ClientFixture.WRONG));
  }

  @Test
  void storedBetweenMissingAndTheQuestionWhy() {
    server.data = null;
    AtomicInteger requests = new AtomicInteger();
    server.onRequest =
        item -> {
          if (requests.incrementAndGet() == 2) {
            fixture.store(3);
          }
          return item;
        };
    assertEquals(
        "NothingThere(UNKNOWN)", Describe.of(fixture.client().restoreRaw(ClientFixture.RIGHT)));
  }

  @Test
  void deleteWithoutSession() {
    Svr2Client client = fixture.client();
    server.deleteFailure = FakeServer.failure(Code.UNAVAILABLE, "no");
    assertEquals("NotApplied", Describe.of(client.deleteWithoutSession()));
    server.deleteFailure = FakeServer.failure(Code.UNAVAILABLE, null);
    assertEquals("Unknown", Describe.of(client.deleteWithoutSession()));
    server.deleteFailure = FakeServer.failure(Code.INTERNAL, "unknown");
    assertEquals("Unknown", Describe.of(client.deleteWithoutSession()));
  }

  @Test
  void aServerThatIsNotThere() {
    try (GrpcTransport nowhere = GrpcTransport.plaintext("127.0.0.1:1")) {
      Svr2Client client = fixture.builder().transport(nowhere).build();
      assertEquals("NotApplied", Describe.of(client.restoreRaw(ClientFixture.RIGHT)));
      assertEquals("NotApplied", Describe.of(client.deleteWithoutSession()));
      assertEquals("NotApplied", Describe.of(client.tries()));
      assertEquals(
          "NotApplied", Describe.of(client.backupRaw(ClientFixture.RIGHT, ClientFixture.DATA, 1)));
    }
  }

  @Test
  void theServersWordsAreMadeHarmless() {
    server.onRequest =
        item -> {
          throw Status.INTERNAL
              .withDescription("\u001b[31mred\n" + "x".repeat(1000))
              .asRuntimeException();
        };
    RestoreResult.Failed failed =
        (RestoreResult.Failed) fixture.client().restoreRaw(ClientFixture.RIGHT);
    String text = failed.failure().text();
    assertTrue(text.length() <= 200 && text.contains("?[31mred?"), text);
    assertFalse(failed.toString().contains("\u001b"));
  }

  @Test
  void aWaitingThreadCanBeInterrupted() throws Exception {
    server.onAnswer =
        item -> {
          Thread.currentThread().interrupt(); // In process: this is the caller's thread.
          return null;
        };
    assertEquals("Unknown", Describe.of(fixture.client().restoreRaw(ClientFixture.RIGHT)));
    assertTrue(Thread.interrupted());
    assertEquals(1, server.requests.stream().filter(Request::hasRestore).count());
  }
}
