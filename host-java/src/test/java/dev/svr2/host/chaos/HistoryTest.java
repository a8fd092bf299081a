// SPDX-License-Identifier: Apache-2.0
//
// The checker of the process tests finds what it is there for, and nothing else.
package dev.svr2.host.chaos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class HistoryTest {
  private static final Model.Answer OK = Model.Answer.of(Model.Word.OK);
  private static final Model.Answer MISSING = Model.Answer.of(Model.Word.MISSING);
  private static final Model.Answer ERROR = Model.Answer.of(Model.Word.ERROR);
  private static final Model.Restore WRONG = new Model.Restore(-1);
  private static final Model.Restore RIGHT = new Model.Restore(1);
  private static final Model.Tries TRIES = new Model.Tries();

  private final History history = new History("test");

  private static Model.Answer wrong(int left) {
    return new Model.Answer(Model.Word.WRONG_PIN, 0, left, false);
  }

  private static Model.Answer secret(int data, int tries) {
    return new Model.Answer(Model.Word.OK, data, tries, false);
  }

  private static Model.Answer left(int tries, boolean exposed) {
    return new Model.Answer(Model.Word.OK, 0, tries, exposed);
  }

  /** A secret with number and PIN 1, three tries, exposed. */
  @BeforeEach
  void store() {
    history.answered(new Model.Backup(1, 1, 3), OK);
    history.answered(new Model.Expose(1), OK);
  }

  private void refused(Model.Operation operation, Model.Answer answer) {
    assertThrows(History.Violation.class, () -> history.answered(operation, answer));
  }

  @Test
  void aLifeAsItShouldBe() {
    history.answered(TRIES, left(3, true));
    history.answered(RIGHT, secret(1, 3));
    history.answered(WRONG, wrong(2));
    history.answered(WRONG, wrong(1));
    history.answered(RIGHT, secret(1, 1));
    history.answered(WRONG, MISSING);
    history.answered(RIGHT, MISSING);
    history.answered(TRIES, MISSING);
    history.answered(new Model.Expose(1), ERROR);
    history.answered(new Model.Backup(2, 2, 5), OK);
    history.answered(RIGHT, MISSING);
    history.answered(new Model.Delete(), OK);
    history.answered(TRIES, MISSING);
  }

  @Test
  void aGuessThatWasNotCountedIsFound() {
    history.answered(WRONG, wrong(2));
    refused(WRONG, wrong(2));
  }

  @Test
  void aLostBackupIsFound() {
    refused(TRIES, MISSING);
  }

  @Test
  void aSecretForAWrongPinIsFound() {
    refused(WRONG, secret(1, 3));
  }

  @Test
  void aSecretOfAnEarlierBackupIsFound() {
    history.answered(new Model.Backup(2, 2, 3), OK);
    history.answered(new Model.Expose(2), OK);
    refused(new Model.Restore(2), secret(1, 3));
  }

  @Test
  void whatWasSaidNotToBeAppliedMustNotBe() {
    history.notApplied(WRONG, "");
    history.answered(TRIES, left(3, true));
    history.notApplied(WRONG, "");
    refused(TRIES, left(2, true));
  }

  @Test
  void whatIsUnknownMayTakeEffectOnceAndAtAnyTime() {
    history.unknown(WRONG, "");
    history.answered(TRIES, left(3, true));
    history.answered(WRONG, wrong(2));
    history.answered(TRIES, left(1, true));
    refused(TRIES, left(0, true));
  }

  @Test
  void anUnknownGuessAddsNoneThatIsTold() {
    history.unknown(WRONG, "");
    history.answered(WRONG, wrong(2));
    history.answered(WRONG, wrong(1));
    history.answered(WRONG, MISSING);
    refused(TRIES, left(1, true));
  }

  @Test
  void anUnknownBackupMayRenewTheTriesOnce() {
    history.answered(WRONG, wrong(2));
    history.unknown(new Model.Backup(2, 2, 3), "");
    assertNull(history.certainRow());
    history.answered(TRIES, left(2, true));
    history.answered(TRIES, left(3, false));
    refused(TRIES, left(2, true));
  }

  @Test
  void pendingOperationsTakeEffectInAnyOrder() {
    history.unknown(new Model.Delete(), "");
    history.unknown(new Model.Backup(2, 2, 3), "");
    history.unknown(new Model.Expose(2), "");
    history.answered(new Model.Restore(2), secret(2, 3));
    history.answered(TRIES, MISSING);
    refused(TRIES, left(3, true));
  }

  @Test
  void theLastCertainRowIsKnown() {
    history.answered(WRONG, wrong(2));
    assertEquals(new Model.Row(1, 1, 2, true), history.certainRow());
  }

  @Test
  void theAuditCountsByItself() {
    // Told three times "wrong" where the third must read MISSING: the model refuses that, too.
    history.answered(WRONG, wrong(2));
    history.answered(WRONG, wrong(1));
    refused(WRONG, wrong(0));
  }

  @Test
  void aViolationTellsTheStory() {
    History.Violation violation =
        assertThrows(History.Violation.class, () -> history.answered(TRIES, MISSING));
    assertTrue(violation.getMessage().contains("Backup[data=1"), violation.getMessage());
    assertTrue(violation.getMessage().contains("id test"), violation.getMessage());
  }

  /** A service that obeys the model, with lost and late effects, is never called a liar. */
  @Test
  void noHonestServiceIsSuspected() {
    long seed = Long.getLong("svr2.seed", new Random().nextLong());
    Random random = new Random(seed);
    for (int life = 0; life < 300; life++) {
      try {
        honestLife(random);
      } catch (History.Violation e) {
        throw new AssertionError("seed " + seed + ": " + e.getMessage(), e);
      }
    }
  }

  private static void honestLife(Random random) {
    History seen = new History("honest");
    Model.Row row = null;
    List<Model.Operation> late = new ArrayList<>();
    for (int step = 0; step < 60 && !seen.isBlurred(); step++) {
      if (!late.isEmpty() && random.nextInt(4) == 0) {
        row = late.remove(random.nextInt(late.size())).on(row).row();
      }
      Model.Operation operation = any(random);
      switch (random.nextInt(12)) {
        case 0 -> seen.notApplied(operation, "");
        case 1 -> {
          seen.unknown(operation, "");
          if (random.nextBoolean()) {
            late.add(operation);
          }
        }
        default -> {
          Model.Effect effect = operation.on(row);
          row = effect.row();
          seen.answered(operation, effect.answer());
        }
      }
    }
  }

  private static Model.Operation any(Random random) {
    int number = 1 + random.nextInt(3);
    return switch (random.nextInt(7)) {
      case 0 -> new Model.Backup(number, number, 2 + random.nextInt(3));
      case 1, 2 -> new Model.Expose(number);
      case 3, 4 -> new Model.Restore(number);
      case 5 -> TRIES;
      default -> new Model.Delete();
    };
  }
}
