// SPDX-License-Identifier: Apache-2.0
//
// What the group should do to one id, written down again from protocol.md §2 and as plain as can
// be: no replica, no log, one row.
package dev.svr2.host.chaos;

/** Stateless. Secrets and PINs are numbers here; the client makes bytes of them. */
final class Model {
  private Model() {}

  /** What is stored; null stands for nothing. */
  record Row(int data, int pin, int tries, boolean exposed) {}

  enum Word {
    OK,
    MISSING,
    WRONG_PIN,
    ERROR
  }

  /** What a client was told; 0 and false where the answer does not say. */
  record Answer(Word word, int data, int tries, boolean exposed) {
    static Answer of(Word word) {
      return new Answer(word, 0, 0, false);
    }
  }

  /** What an operation does and says. */
  record Effect(Row row, Answer answer) {}

  /** One request. */
  interface Operation {
    Effect on(Row row);

    /** False when it changes no row whatever. */
    default boolean changes() {
      return true;
    }
  }

  record Backup(int data, int pin, int maxTries) implements Operation {
    @Override
    public Effect on(Row row) {
      return new Effect(new Row(data, pin, maxTries, false), Answer.of(Word.OK));
    }
  }

  record Expose(int data) implements Operation {
    @Override
    public Effect on(Row row) {
      return row == null || row.data() != data
          ? new Effect(row, Answer.of(Word.ERROR))
          : new Effect(new Row(row.data(), row.pin(), row.tries(), true), Answer.of(Word.OK));
    }
  }

  record Restore(int pin) implements Operation {
    @Override
    public Effect on(Row row) {
      if (row == null || !row.exposed()) {
        return new Effect(row, Answer.of(Word.MISSING));
      }
      if (row.pin() == pin) {
        return new Effect(row, new Answer(Word.OK, row.data(), row.tries(), false));
      }
      int left = row.tries() - 1;
      return left == 0
          ? new Effect(null, Answer.of(Word.MISSING))
          : new Effect(
              new Row(row.data(), row.pin(), left, true),
              new Answer(Word.WRONG_PIN, 0, left, false));
    }
  }

  record Tries() implements Operation {
    @Override
    public Effect on(Row row) {
      return new Effect(
          row,
          row == null
              ? Answer.of(Word.MISSING)
              : new Answer(Word.OK, 0, row.tries(), row.exposed()));
    }

    @Override
    public boolean changes() {
      return false;
    }
  }

  record Delete() implements Operation {
    @Override
    public Effect on(Row row) {
      return new Effect(null, Answer.of(Word.OK));
    }
  }
}
