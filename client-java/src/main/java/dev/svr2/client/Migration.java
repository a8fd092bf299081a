// SPDX-License-Identifier: Apache-2.0
//
// Moves one user's secret to another group, in steps that can be resumed: restore at the old group
// (or a secret that is given), backup and expose at the new one, then, and only then, delete at the
// old one. Source: protocol.md §2.
package dev.svr2.client;

import dev.svr2.client.internal.Secrets;
import dev.svr2.client.pin.Pin;
import java.io.IOException;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * One migration. Run it until the result is {@link MigrationResult.Migrated}, with the bytes saved
 * last ({@link #fromBytes}) after a restart.
 *
 * <p>Its bytes hold the phase, what tells users and groups apart, and while the new group is
 * written to, those of a {@link PendingBackup}: <b>keep them secret</b>; see {@link SealedState}.
 * Neither the PIN nor, before the restore, any secret is in them.
 *
 * <p>Guesses: only the restore can cost one, and only for a wrong PIN. It is sent once for each
 * call of {@link #run} in phase {@link Phase#RESTORING}, never by itself again.
 *
 * <p>One call at a time: a second one throws IllegalStateException. Close it to erase what it
 * holds.
 *
 * @since 0.1
 */
public final class Migration implements AutoCloseable {
  /** How far a migration is. */
  public enum Phase {
    /** The secret is to be asked for at the old group; {@link #run} needs the PIN. */
    RESTORING(1),
    /** The secret is on its way to the new group. */
    MOVING(2),
    /** The new group holds it; the old copy is to be deleted. */
    DELETING(3),
    /** Over. */
    DONE(4);

    private final int code;

    Phase(int code) {
      this.code = code;
    }

    private static Phase of(int code) throws StateException {
      for (Phase phase : values()) {
        if (phase.code == code) {
          return phase;
        }
      }
      throw StateCodec.malformed();
    }
  }

  private static final int PENDING_MAX_BYTES = 512;

  private final Engine from;
  private final Engine to;
  private final boolean raw;
  private final int maxTries;
  private final AtomicBoolean busy = new AtomicBoolean();
  private volatile Phase phase;
  private volatile PendingBackup pending;

  private Migration(
      Svr2Client from,
      Svr2Client to,
      boolean raw,
      int maxTries,
      Phase phase,
      PendingBackup pending) {
    this.from = from.engine();
    this.to = to.engine();
    this.raw = raw;
    this.maxTries = maxTries;
    this.phase = phase;
    this.pending = pending;
    if (this.from.requireGroup() == this.to.requireGroup()
        && this.from.user().equals(this.to.user())) {
      throw new IllegalArgumentException(
          "both clients are of the same user and group: the secret would be deleted");
    }
  }

  /**
   * A migration of the master key that the old group holds.
   *
   * @param from a client with the pins of the old group
   * @param to a client with the pins of the new group
   * @param maxTries wrong guesses that erase it there, 1 to 255
   * @throws IllegalStateException when a client has no pins
   * @throws IllegalArgumentException when both are of the same user and group, or the number is
   *     outside its limits
   */
  public static Migration start(Svr2Client from, Svr2Client to, int maxTries) {
    Svr2Client.checkRaw(new byte[Svr2Client.DATA_MIN_BYTES], maxTries);
    return new Migration(from, to, false, maxTries, Phase.RESTORING, null);
  }

  /** Like {@link #start} for a secret that is stored as it is ({@link Svr2Client#backupRaw}). */
  public static Migration startRaw(Svr2Client from, Svr2Client to, int maxTries) {
    Svr2Client.checkRaw(new byte[Svr2Client.DATA_MIN_BYTES], maxTries);
    return new Migration(from, to, true, maxTries, Phase.RESTORING, null);
  }

  /**
   * A migration that need not ask the old group, because the application has the master key.
   *
   * @param masterKey 32 bytes; stays the caller's, as the PIN does
   */
  public static Migration start(
      Svr2Client from, Svr2Client to, Pin pin, byte[] masterKey, int maxTries) {
    // What it refuses must be refused before the PIN is hashed.
    new Migration(from, to, false, maxTries, Phase.RESTORING, null).close();
    return moving(from, to, to.prepare(pin, masterKey, maxTries));
  }

  /** Takes the backup over. */
  static Migration moving(Svr2Client from, Svr2Client to, PendingBackup pending) {
    return new Migration(from, to, false, pending.maxTries(), Phase.MOVING, pending);
  }

  /**
   * Goes on with a saved migration.
   *
   * @param state copied; the caller wipes it
   * @throws StateException when they are not the bytes of a migration, truncated, altered, or of a
   *     version that this library does not know
   * @throws IllegalArgumentException when they are of other users or groups than the clients
   */
  public static Migration fromBytes(Svr2Client from, Svr2Client to, byte[] state)
      throws StateException {
    StateCodec.Reader in = new StateCodec.Reader(state, StateCodec.MIGRATION);
    Phase phase = Phase.of(in.number());
    requireFits("old", from.engine(), in.bytes(32, 32), in.longNumber());
    requireFits("new", to.engine(), in.bytes(32, 32), in.longNumber());
    int raw = in.number();
    int maxTries = in.number();
    byte[] nested = in.bytes(0, PENDING_MAX_BYTES);
    in.end();
    if (raw > 1 || maxTries < 1 || (nested.length == 0) != (phase != Phase.MOVING)) {
      throw StateCodec.malformed();
    }
    PendingBackup pending = null;
    if (phase == Phase.MOVING) {
      pending = PendingBackup.fromBytes(nested);
      Secrets.wipe(nested);
      pending.requireFits(to.engine().user(), to.engine().requireGroup());
    }
    return new Migration(from, to, raw == 1, maxTries, phase, pending);
  }

  private static void requireFits(String which, Engine engine, byte[] owner, long group) {
    if (!Arrays.equals(owner, StateCodec.fingerprint(engine.user()))
        || group != engine.requireGroup()) {
      throw new IllegalArgumentException(
          "the state is of another user or group than the client of the " + which + " group");
    }
  }

  /** The state as bytes, see the class; the caller keeps them secret and wipes the array. */
  public byte[] toBytes() {
    byte[] nested = phase == Phase.MOVING ? pending.toBytes() : new byte[0];
    byte[] state =
        new StateCodec.Writer(StateCodec.MIGRATION)
            .number(phase.code)
            .bytes(StateCodec.fingerprint(from.user()))
            .number(from.requireGroup())
            .bytes(StateCodec.fingerprint(to.user()))
            .number(to.requireGroup())
            .number(raw ? 1 : 0)
            .number(maxTries)
            .bytes(nested)
            .done();
    Secrets.wipe(nested);
    return state;
  }

  /** How far it is. */
  public Phase phase() {
    return phase;
  }

  /**
   * Does what is left, on the calling thread.
   *
   * @param pin needed in phase {@link Phase#RESTORING}, ignored (and may be null) later; stays the
   *     caller's
   * @throws IllegalArgumentException when a PIN is needed and not given
   * @throws IllegalStateException when another call is under way
   */
  public MigrationResult run(Pin pin, StateSaver saver) {
    return to.await(operation -> run(operation, pin, saver));
  }

  /** Like {@link #run} without waiting, on the executor of the new group's client. */
  public CompletableFuture<MigrationResult> runAsync(Pin pin, StateSaver saver) {
    return to.async(operation -> run(operation, pin, saver));
  }

  private CompletableFuture<MigrationResult> run(Operation operation, Pin pin, StateSaver saver) {
    if (phase == Phase.RESTORING && pin == null) {
      throw new IllegalArgumentException("the restore needs the PIN");
    }
    if (!busy.compareAndSet(false, true)) {
      throw new IllegalStateException("this migration is running");
    }
    Pin copy = phase == Phase.RESTORING ? pin.copy() : null;
    return operation
        .start(nothing -> next(operation, copy, saver))
        .whenComplete(
            (value, failure) -> {
              if (copy != null) {
                copy.close();
              }
              busy.set(false);
            });
  }

  private CompletableFuture<MigrationResult> next(Operation operation, Pin pin, StateSaver saver) {
    switch (phase) {
      case RESTORING:
        return restore(operation, pin, saver);
      case MOVING:
        return move(operation, saver);
      case DELETING:
        return delete(operation, saver);
      default:
        return CompletableFuture.completedFuture(new MigrationResult.Migrated());
    }
  }

  private CompletableFuture<MigrationResult> restore(
      Operation operation, Pin pin, StateSaver saver) {
    return Operation.then(
        from.restore(operation, KeySource.of(pin, from.user()), !raw),
        result -> {
          if (!(result instanceof RestoreResult.Restored)) {
            return CompletableFuture.completedFuture(new MigrationResult.NotRestored(result));
          }
          byte[] secret = ((RestoreResult.Restored) result).data();
          ((RestoreResult.Restored) result).close();
          KeySource keys = KeySource.of(pin, to.user());
          return Operation.then(
              to.prepare(operation, keys, secret, !raw, maxTries),
              made -> {
                pending = made;
                phase = Phase.MOVING;
                return move(operation, saver);
              });
        });
  }

  private CompletableFuture<MigrationResult> move(Operation operation, StateSaver saver) {
    // The backup's own bytes are part of ours.
    StateSaver whole = part -> saveWhole(saver);
    return Operation.then(
        to.resume(operation, pending, whole, true),
        result -> {
          if (!(result instanceof BackupResult.Stored)) {
            return CompletableFuture.completedFuture(new MigrationResult.NotStored(result));
          }
          phase = Phase.DELETING;
          pending.close();
          return delete(operation, saver);
        });
  }

  private void saveWhole(StateSaver saver) throws IOException {
    byte[] state = toBytes();
    try {
      saver.save(state);
    } finally {
      Secrets.wipe(state);
    }
  }

  private CompletableFuture<MigrationResult> delete(Operation operation, StateSaver saver) {
    try {
      PendingBackup.save(saver, toBytes());
    } catch (FailureException e) {
      return CompletableFuture.completedFuture(new MigrationResult.NotDeleted(e.failure()));
    }
    return Operation.map(
        from.delete(operation),
        result -> {
          if (result instanceof DeleteResult.Failed) {
            return new MigrationResult.NotDeleted(((DeleteResult.Failed) result).failure());
          }
          phase = Phase.DONE;
          try {
            PendingBackup.save(saver, toBytes());
          } catch (FailureException e) {
            // Deleting once more, after a restart, harms nothing.
            return new MigrationResult.Migrated();
          }
          return new MigrationResult.Migrated();
        });
  }

  /** Erases the secrets in memory; the bytes saved stay. May be called twice. */
  @Override
  public void close() {
    PendingBackup backup = pending;
    if (backup != null) {
      backup.close();
    }
  }

  @Override
  public String toString() {
    return "migration " + phase;
  }
}
