// SPDX-License-Identifier: Apache-2.0
//
// One user of the library as applications use it, with all addresses and the library's own
// repetitions, whose every result is held against what was really sent, and against the model.
package dev.svr2.host.chaos;

import dev.svr2.client.BackupResult;
import dev.svr2.client.Credentials;
import dev.svr2.client.Failure;
import dev.svr2.client.RestoreResult;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.TriesResult;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.client.transport.Transport;
import dev.svr2.host.HostFixture;
import dev.svr2.host.chaos.Trap.Exchange;
import dev.svr2.host.chaos.Trap.Kind;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** For one thread at a time. */
final class Victim {
  private static final Duration TIMEOUT = Duration.ofSeconds(5);
  private static final Duration PAUSE = Duration.ofMillis(20);
  private static final int DATA_BYTES = 16;
  private static final int TRIES = 20;
  private static final int LOOKS_MAX = 200;

  private final SmallGroup group;
  private final Credentials credentials;
  private final History history;

  /** Of the last backup; secrets and PINs are numbered alike. */
  private int secret;

  Victim(SmallGroup group, String id) {
    this.group = group;
    credentials = Credentials.make(HostFixture.SECRET, id, Clock.systemUTC());
    history = new History(id);
  }

  /** Too much is unknown; a new user tells more. */
  boolean isBlurred() {
    return history.isBlurred();
  }

  /** Something is stored that a restore can ask for. */
  boolean isStored() {
    Model.Row row = history.certainRow();
    return row != null && row.exposed() && row.tries() > 2;
  }

  private Svr2Client client(List<Transport> transports, int attempts) {
    return Svr2Client.builder()
        .transports(transports)
        .credentials(credentials)
        .pins(group.pins())
        .allowSimulated(true)
        .timeout(TIMEOUT)
        .attempts(attempts)
        .retryPause(PAUSE)
        .build();
  }

  /** All three, in some order, with the trap on each. */
  private List<Transport> trapped(Trap trap, Random random) {
    List<Transport> out = new ArrayList<>();
    int first = random.nextInt(SmallGroup.REPLICAS);
    for (int i = 0; i < SmallGroup.REPLICAS; i++) {
      int number = (first + i) % SmallGroup.REPLICAS;
      out.add(trap.on(group.transport(number), number));
    }
    return out;
  }

  // ---- Backup ----

  /** The result in a word. */
  String backup(Trap trap, Random random) {
    secret++;
    var backup = new Model.Backup(secret, secret, TRIES);
    var expose = new Model.Expose(secret);
    BackupResult result;
    try (PinKeys keys = keys(secret)) {
      result = client(trapped(trap, random), 3).backupRaw(keys, data(secret), TRIES);
    }
    List<Exchange> sent = trap.exchanges();
    Failure failure = failure(result);
    int exposes = 0;
    boolean stored = false;
    boolean exposeAnswered = false;
    for (Exchange exchange : sent) {
      if (exchange.kind == Kind.BACKUP) {
        require(exposes == 0, "a backup follows an expose");
        require(!stored, "an answered backup was repeated");
        stored = exchange.answered;
        step(backup, exchange.answered, Model.Word.OK, failure);
      } else {
        require(exchange.kind == Kind.EXPOSE && stored, "an expose without a backup");
        require(!exposeAnswered, "an answered expose was repeated");
        exposes++;
        exposeAnswered = exchange.answered;
        boolean refused = result instanceof BackupResult.ExposeRefused;
        step(
            expose,
            exchange.answered,
            refused ? Model.Word.ERROR : Model.Word.OK,
            result instanceof BackupResult.ExposeUnknown ? null : failure);
      }
    }
    if (result instanceof BackupResult.Stored || result instanceof BackupResult.ExposeRefused) {
      require(exposeAnswered, result + " without an answer");
    } else if (result instanceof BackupResult.ExposeUnknown) {
      require(exposes > 0 && !exposeAnswered, result + " without an expose in doubt");
    } else if (result instanceof BackupResult.NotExposed) {
      require(stored && exposes == 0, result + " although an expose left, or nothing is stored");
    } else {
      require(!stored && exposes == 0, result + " although the backup was answered");
      requireDoubt(failure, sent.stream().anyMatch(e -> e.kind == Kind.BACKUP));
    }
    return result + (failure == null ? "" : " " + failure.getClass().getSimpleName());
  }

  private static Failure failure(BackupResult result) {
    if (result instanceof BackupResult.NotExposed r) {
      return r.cause();
    }
    if (result instanceof BackupResult.ExposeUnknown r) {
      return r.cause();
    }
    return result instanceof BackupResult.Failed r ? r.failure() : null;
  }

  /** One request of an operation that may have had several. */
  private void step(Model.Operation operation, boolean answered, Model.Word word, Failure failure) {
    if (answered) {
      history.answered(operation, Model.Answer.of(word));
    } else if (failure instanceof Failure.NotApplied) {
      history.notApplied(operation, failure.text());
    } else {
      history.unknown(operation, "no answer");
    }
  }

  // ---- Restore ----

  /** The result in a word. */
  String restore(Trap trap, boolean right, Random random) {
    int pin = right ? secret : -1 - random.nextInt(3);
    var restore = new Model.Restore(pin);
    RestoreResult result;
    try (PinKeys keys = keys(pin)) {
      result = client(trapped(trap, random), 3).restoreRaw(keys);
    }
    List<Exchange> restores =
        trap.exchanges().stream().filter(exchange -> exchange.kind != Kind.TRIES).toList();
    require(restores.size() <= 1, "a restore was sent twice");
    require(restores.stream().allMatch(e -> e.kind == Kind.RESTORE), "a restore sent more");
    boolean sent = !restores.isEmpty();
    boolean answered = sent && restores.get(0).answered;
    if (result instanceof RestoreResult.Failed failed) {
      Failure failure = failed.failure();
      require(!answered, "an answered restore ended as " + failure);
      requireDoubt(failure, sent);
      if (failure instanceof Failure.Unknown) {
        history.unknown(restore, failure.text());
      } else {
        history.notApplied(restore, failure.text());
      }
      return "Failed " + failure.getClass().getSimpleName();
    }
    require(answered, result + " without an answer");
    told(restore, result);
    return result.toString();
  }

  private void told(Model.Restore restore, RestoreResult result) {
    if (result instanceof RestoreResult.Restored restored) {
      byte[] data = restored.data();
      restored.close();
      require(Arrays.equals(data, data(secret)), "another secret came out");
      history.answered(restore, new Model.Answer(Model.Word.OK, secret, restored.tries(), false));
    } else if (result instanceof RestoreResult.WrongPin wrong) {
      history.answered(
          restore, new Model.Answer(Model.Word.WRONG_PIN, 0, wrong.triesLeft(), false));
    } else if (result instanceof RestoreResult.NothingThere nothing) {
      history.answered(restore, Model.Answer.of(Model.Word.MISSING));
      if (nothing.why() == RestoreResult.NothingThere.Why.GONE_OR_NEVER_STORED) {
        history.answered(new Model.Tries(), Model.Answer.of(Model.Word.MISSING));
      }
    } else {
      throw history.violation("a restore ended as " + result);
    }
  }

  // ---- What there is ----

  /** Asks until there is an answer what the row is now; costs no guess. */
  void look() {
    List<Transport> all = List.of(group.transport(0), group.transport(1), group.transport(2));
    Svr2Client client = client(all, 1);
    TriesResult tries = client.tries();
    for (int i = 1; tries instanceof TriesResult.Failed; i++) {
      require(i < LOOKS_MAX, "nobody answers: " + ((TriesResult.Failed) tries).failure());
      tries = client.tries();
    }
    history.answered(
        new Model.Tries(),
        tries instanceof TriesResult.Left left
            ? new Model.Answer(Model.Word.OK, 0, left.tries(), left.exposed())
            : Model.Answer.of(Model.Word.MISSING));
    Model.Row row = history.certainRow();
    if (row == null) {
      return;
    }
    try (PinKeys keys = keys(row.pin())) {
      RestoreResult result = client.restoreRaw(keys);
      if (result instanceof RestoreResult.Failed failed) {
        if (failed.failure() instanceof Failure.Unknown) {
          history.unknown(new Model.Restore(row.pin()), failed.failure().text());
        }
        return;
      }
      told(new Model.Restore(row.pin()), result);
    }
  }

  // ---- Judgement ----

  /** Unknown needs a request that left; and only its own two kinds may come of a crash. */
  private void requireDoubt(Failure failure, boolean sent) {
    if (failure instanceof Failure.Unknown) {
      require(sent, "unknown although nothing was sent");
    } else {
      require(failure instanceof Failure.NotApplied, "a crash is no reason for " + failure);
    }
  }

  private void require(boolean condition, String otherwise) {
    if (!condition) {
      throw history.violation(otherwise);
    }
  }

  private static byte[] data(int number) {
    return Arrays.copyOf(hash("secret " + number), DATA_BYTES);
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
