// SPDX-License-Identifier: Apache-2.0
//
// What is repeated in a backup, and what never is (protocol.md §2, expose): no client repeats a
// backup after it sent an expose.
package dev.svr2.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.rpc.Code;
import dev.svr2.client.testing.Describe;
import dev.svr2.client.testing.FakeServer;
import dev.svr2.proto.Request;
import io.grpc.StatusRuntimeException;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class BackupPhasesTest {
  private final ClientFixture fixture = fixture();
  private final FakeServer server = fixture.server;
  private int answers;
  private int starts;

  /** Over which transport. */
  ClientFixture fixture() {
    return new ClientFixture();
  }

  @AfterEach
  void close() {
    fixture.close();
  }

  String backup() {
    return Describe.of(fixture.client().backupRaw(ClientFixture.RIGHT, ClientFixture.DATA, 3));
  }

  String requests() {
    return server.requests.stream()
        .map(Request::getInnerCase)
        .map(Enum::name)
        .collect(Collectors.joining(" "));
  }

  /** Holds back the answers with these numbers, from 1. */
  private void loseAnswers(StatusRuntimeException failure, Integer... numbers) {
    server.onAnswer =
        item -> {
          answers++;
          for (int number : numbers) {
            if (number == answers) {
              throw failure;
            }
          }
          return item;
        };
  }

  private static StatusRuntimeException unknown() {
    return FakeServer.failure(Code.INTERNAL, "unknown");
  }

  private static StatusRuntimeException notApplied() {
    return FakeServer.failure(Code.UNAVAILABLE, "no");
  }

  @Test
  void aBackupWithoutAnswerIsRepeated() {
    loseAnswers(unknown(), 1);
    assertEquals("Stored", backup());
    assertEquals("BACKUP BACKUP EXPOSE", requests());
  }

  @Test
  void afterAnExposeOnlyTheExposeIsRepeated() {
    loseAnswers(unknown(), 2);
    assertEquals("Stored", backup());
    assertEquals("BACKUP EXPOSE EXPOSE", requests());
  }

  @Test
  void evenWhenTheHostSaysThatTheExposeWasNotApplied() {
    // The host is the adversary: its word must not buy it a second set of guesses.
    loseAnswers(notApplied(), 2);
    assertEquals("Stored", backup());
    assertEquals("BACKUP EXPOSE EXPOSE", requests());
  }

  @Test
  void anExposeThatStaysUnansweredIsUnknown() {
    loseAnswers(unknown(), 2, 3);
    assertEquals("ExposeUnknown(Unknown)", backup());
    assertEquals("BACKUP EXPOSE EXPOSE", requests());
  }

  @Test
  void notAppliedOfAnExposeIsNotPassedOn() {
    loseAnswers(notApplied(), 2, 3);
    assertEquals("ExposeUnknown(NotApplied)", backup());
  }

  @Test
  void aBackupThatStaysUnansweredIsUnknown() {
    loseAnswers(unknown(), 1, 2);
    assertEquals("Unknown", backup());
    assertEquals("BACKUP BACKUP", requests());
  }

  @Test
  void anEarlierDoubtIsNotForgotten() {
    loseAnswers(unknown(), 1);
    server.onStart =
        item -> {
          if (++starts == 2) {
            throw notApplied();
          }
          return item;
        };
    assertEquals("Unknown", backup());
  }

  @Test
  void anEarlierDoubtOutlivesRefusedEvidence() {
    loseAnswers(unknown(), 1);
    server.onStart = item -> ++starts == 2 ? new byte[] {(byte) 0xff} : item;
    assertEquals("Unknown", backup());
  }

  @Test
  void notAppliedTwice() {
    loseAnswers(notApplied(), 1, 2);
    assertEquals("NotApplied", backup());
  }

  @Test
  void theSessionEndsBetweenThePhases() {
    server.endAfterAnswer = true;
    assertEquals("Stored", backup());
    assertEquals("BACKUP EXPOSE", requests());
  }

  /** The session ends between the phases, and there is no second one. */
  void notExposed() {
    server.endAfterAnswer = true;
    server.onStart =
        item -> {
          if (++starts == 2) {
            throw notApplied();
          }
          return item;
        };
  }

  @Test
  void anExposeThatNeverLeftIsNotCalledUnknown() {
    notExposed();
    assertEquals("NotExposed(NotApplied)", backup());
    assertEquals("BACKUP", requests());
  }

  @Test
  void aRefusedExposeIsItsOwnResult() {
    server.onAnswer =
        item -> {
          server.data = ClientFixture.filled(0x55, 32); // Replaced between the phases.
          return item;
        };
    assertEquals("ExposeRefused", backup());
    assertEquals("BACKUP EXPOSE", requests());
  }
}
