// SPDX-License-Identifier: Apache-2.0
//
// One user of a group, with one secret at most: does one thing at a time, through
// whichever replica, and holds every answer against the model.
package dev.svr2.host.chaos;

import dev.svr2.client.BackupResult;
import dev.svr2.client.Credentials;
import dev.svr2.client.DeleteResult;
import dev.svr2.client.Failure;
import dev.svr2.client.Pins;
import dev.svr2.client.RestoreResult;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.TriesResult;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.client.transport.Transport;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;

/** For one thread at a time. */
final class User {
  /** How the last operation ended. */
  enum Outcome {
    ANSWERED,
    NOT_APPLIED,
    UNKNOWN
  }

  private static final int TRIES_MIN = 2;
  private static final int TRIES_SPREAD = 4;

  private final Credentials credentials;
  private final Pins pins;
  private final Duration timeout;
  private final History history;

  /** Of the last backup; secrets and PINs are numbered alike. */
  private int secret;

  private Outcome outcome = Outcome.ANSWERED;

  User(String id, String authSecret, Pins pins, Duration timeout) {
    credentials = Credentials.make(authSecret, id, Clock.systemUTC());
    this.pins = pins;
    this.timeout = timeout;
    history = new History(id);
  }

  /** Too much is unknown; a new user tells more. */
  boolean isBlurred() {
    return history.isBlurred();
  }

  /** Does something. */
  Outcome act(Transport transport, Random random) {
    Svr2Client client = client(transport);
    int choice = random.nextInt(100);
    if (secret == 0 || choice < 15) {
      backup(client, random);
    } else if (choice < 45) {
      restore(client, secret);
    } else if (choice < 65) {
      restore(client, -1 - random.nextInt(3));
    } else if (choice < 70) {
      restore(client, secret - 1); // The PIN of the backup before.
    } else if (choice < 90) {
      tries(client);
    } else if (choice < 96) {
      expose(client);
    } else {
      delete(client);
    }
    return outcome;
  }

  /** Asks what there is, and for the secret when its PIN is known for certain; costs no guess. */
  Outcome look(Transport transport) {
    Svr2Client client = client(transport);
    tries(client);
    Model.Row row = history.certainRow();
    if (outcome == Outcome.ANSWERED && row != null) {
      restore(client, row.pin());
    }
    return outcome;
  }

  private Svr2Client client(Transport transport) {
    return Svr2Client.builder()
        .transport(transport)
        .credentials(credentials)
        .pins(pins)
        .allowSimulated(true)
        .timeout(timeout)
        .attempts(1)
        .build();
  }

  private void backup(Svr2Client client, Random random) {
    secret++;
    var backup = new Model.Backup(secret, secret, TRIES_MIN + random.nextInt(TRIES_SPREAD));
    var expose = new Model.Expose(secret);
    BackupResult result;
    try (PinKeys keys = keys(secret)) {
      result = client.backupRaw(keys, data(secret), backup.maxTries());
    }
    if (result instanceof BackupResult.Failed failed) {
      failed(backup, failed.failure());
      return;
    }
    answered(backup, Model.Answer.of(Model.Word.OK));
    exposed(expose, result);
  }

  private void expose(Svr2Client client) {
    exposed(new Model.Expose(secret), client.expose(data(secret)));
  }

  private void exposed(Model.Expose expose, BackupResult result) {
    if (result instanceof BackupResult.Stored) {
      answered(expose, Model.Answer.of(Model.Word.OK));
    } else if (result instanceof BackupResult.ExposeRefused) {
      answered(expose, Model.Answer.of(Model.Word.ERROR));
    } else if (result instanceof BackupResult.NotExposed notExposed) {
      failed(expose, notExposed.cause());
    } else if (result instanceof BackupResult.ExposeUnknown unknown) {
      // Also when the server denies that it was applied; then the cause says so.
      failed(expose, unknown.cause());
    } else {
      throw history.violation("an expose ended as " + result);
    }
  }

  private void restore(Svr2Client client, int pin) {
    var restore = new Model.Restore(pin);
    RestoreResult result;
    try (PinKeys keys = keys(pin)) {
      result = client.restoreRaw(keys);
    }
    if (result instanceof RestoreResult.Restored restored) {
      answered(
          restore,
          new Model.Answer(Model.Word.OK, number(restored.data()), restored.tries(), false));
      restored.close();
    } else if (result instanceof RestoreResult.WrongPin wrong) {
      answered(restore, new Model.Answer(Model.Word.WRONG_PIN, 0, wrong.triesLeft(), false));
    } else if (result instanceof RestoreResult.NothingThere nothing) {
      answered(restore, Model.Answer.of(Model.Word.MISSING));
      if (nothing.why() == RestoreResult.NothingThere.Why.GONE_OR_NEVER_STORED) {
        answered(new Model.Tries(), Model.Answer.of(Model.Word.MISSING));
      }
    } else if (result instanceof RestoreResult.Failed failed) {
      failed(restore, failed.failure());
    } else {
      throw history.violation("a restore ended as " + result);
    }
  }

  private void tries(Svr2Client client) {
    var tries = new Model.Tries();
    TriesResult result = client.tries();
    if (result instanceof TriesResult.Left left) {
      answered(tries, new Model.Answer(Model.Word.OK, 0, left.tries(), left.exposed()));
    } else if (result instanceof TriesResult.NothingThere) {
      answered(tries, Model.Answer.of(Model.Word.MISSING));
    } else {
      failed(tries, ((TriesResult.Failed) result).failure());
    }
  }

  private void delete(Svr2Client client) {
    var delete = new Model.Delete();
    DeleteResult result = client.delete();
    if (result instanceof DeleteResult.Failed failed) {
      failed(delete, failed.failure());
    } else {
      answered(delete, Model.Answer.of(Model.Word.OK));
    }
  }

  private void answered(Model.Operation operation, Model.Answer answer) {
    history.answered(operation, answer);
    outcome = Outcome.ANSWERED;
  }

  private void failed(Model.Operation operation, Failure failure) {
    if (failure instanceof Failure.NotApplied) {
      history.notApplied(operation, failure.text());
      outcome = Outcome.NOT_APPLIED;
    } else if (failure instanceof Failure.Unknown) {
      history.unknown(operation, failure.text());
      outcome = Outcome.UNKNOWN;
    } else {
      // Evidence, credentials, the protocol: no crash and no cut link is a reason to refuse them.
      throw history.violation(operation + " ended as " + failure);
    }
  }

  private int number(byte[] data) {
    for (int one = secret; one > 0; one--) {
      if (Arrays.equals(data, data(one))) {
        return one;
      }
    }
    throw history.violation("a secret came out that this user never stored");
  }

  private static byte[] data(int number) {
    return hash("secret " + number);
  }

  private static PinKeys keys(int pin) {
    return PinKeys.of(new byte[PinKeys.KEY_BYTES], hash("pin " + pin));
  }

  private static byte[] hash(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.US_ASCII));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
