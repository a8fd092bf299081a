// SPDX-License-Identifier: Apache-2.0
//
// A backup under way, in memory and as bytes. What may be sent next follows from its phase alone,
// and the phase is saved before the request leaves. Source: protocol.md §2, expose.
package dev.svr2.client;

import dev.svr2.client.internal.Secrets;
import dev.svr2.client.pin.PinKeys;
import java.io.IOException;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * One backup for one user of one group, which can be stopped after any step and go on later, in
 * another process too. Made by {@link Svr2Client#prepare}, driven by {@link Svr2Client#store},
 * {@link Svr2Client#expose(PendingBackup, StateSaver)} and {@link Svr2Client#resume}.
 *
 * <p>Its bytes ({@link #toBytes}) hold what is to be stored (for a master key: wrapped under the
 * PIN), until the backup was stored also the access key, which allows guesses at the PIN, the group
 * id, the number of guesses, a digest of the user name, and the phase. <b>Keep them secret.</b>
 * They are in clear, with a digest against damage only; {@link SealedState} encrypts and
 * authenticates them. Once the backup is exposed or refused the bytes hold no secret.
 *
 * <p>One operation at a time: a second one throws IllegalStateException. Close it to erase it; the
 * bytes saved stay.
 *
 * @since 0.1
 */
public final class PendingBackup implements AutoCloseable {
  /** How far a backup is. */
  public enum Phase {
    /** Nothing was sent. */
    PREPARED(1),
    /** A backup may have been sent; it may be repeated until answered. */
    STORING(2),
    /** The backup is stored, no expose was sent. From here on only the expose is ever sent. */
    STORED(3),
    /** An expose may have been sent. */
    EXPOSING(4),
    /** Over: stored and restorable. */
    EXPOSED(5),
    /** Over: the expose was answered ERROR, another secret stands there, or none. */
    REFUSED(6);

    /** The number in saved bytes. */
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

  private final byte[] owner;
  private final long groupId;
  private final int maxTries;
  private final byte[] data;
  private final byte[] accessKey;
  private final AtomicBoolean busy = new AtomicBoolean();
  private volatile Phase phase;

  /** Takes both arrays over. */
  private PendingBackup(
      byte[] owner, long groupId, int maxTries, byte[] data, byte[] accessKey, Phase phase) {
    this.owner = owner;
    this.groupId = groupId;
    this.maxTries = maxTries;
    this.data = data;
    this.accessKey = accessKey;
    this.phase = phase;
  }

  /**
   * A backup that nothing was sent of.
   *
   * @param data copied, or wrapped under the keys
   */
  static PendingBackup prepare(
      String user, long groupId, PinKeys keys, byte[] data, boolean wrap, int maxTries) {
    return new PendingBackup(
        StateCodec.fingerprint(user),
        groupId,
        maxTries,
        wrap ? keys.wrap(data) : data.clone(),
        keys.accessKey(),
        Phase.PREPARED);
  }

  /** The second phase alone of a backup that was stored earlier and perhaps exposed. */
  static PendingBackup exposeOnly(String user, long groupId, byte[] data) {
    return new PendingBackup(
        StateCodec.fingerprint(user),
        groupId,
        1,
        data.clone(),
        new byte[PinKeys.KEY_BYTES],
        Phase.EXPOSING);
  }

  /**
   * Reads saved bytes.
   *
   * @param state copied; the caller wipes it
   * @throws StateException when they are not the bytes of a backup, truncated, altered, or of a
   *     version that this library does not know
   */
  public static PendingBackup fromBytes(byte[] state) throws StateException {
    StateCodec.Reader in = new StateCodec.Reader(state, StateCodec.BACKUP);
    Phase phase = Phase.of(in.number());
    byte[] owner = in.bytes(32, 32);
    long groupId = in.longNumber();
    int maxTries = in.number();
    boolean over = phase == Phase.EXPOSED || phase == Phase.REFUSED;
    byte[] data =
        in.bytes(over ? 0 : Responses.DATA_MIN_BYTES, over ? 0 : Responses.DATA_MAX_BYTES);
    int keyBytes = phase.compareTo(Phase.STORED) < 0 ? PinKeys.KEY_BYTES : 0;
    byte[] accessKey = in.bytes(keyBytes, keyBytes);
    in.end();
    if (maxTries < 1) {
      throw StateCodec.malformed();
    }
    return new PendingBackup(owner, groupId, maxTries, data, accessKey, phase);
  }

  /** The state as bytes, see the class; the caller keeps them secret and wipes the array. */
  public byte[] toBytes() {
    boolean over = isOver();
    return new StateCodec.Writer(StateCodec.BACKUP)
        .number(phase.code)
        .bytes(owner)
        .number(groupId)
        .number(maxTries)
        .bytes(over ? new byte[0] : data)
        .bytes(phase.compareTo(Phase.STORED) < 0 ? accessKey : new byte[0])
        .done();
  }

  /** How far it is. */
  public Phase phase() {
    return phase;
  }

  /** True when nothing is left to do: exposed or refused. */
  public boolean isOver() {
    return phase == Phase.EXPOSED || phase == Phase.REFUSED;
  }

  boolean isStored() {
    return phase.compareTo(Phase.STORED) >= 0;
  }

  long groupId() {
    return groupId;
  }

  int maxTries() {
    return maxTries;
  }

  /** Not a copy. */
  byte[] data() {
    return data;
  }

  /** Not a copy; zeros or empty once stored. */
  byte[] accessKey() {
    return accessKey;
  }

  /** Enters a phase and forgets what no later request needs. */
  void enter(Phase next) {
    phase = next;
    if (isStored()) {
      Secrets.wipe(accessKey);
    }
    if (isOver()) {
      Secrets.wipe(data);
    }
  }

  void save(StateSaver saver) throws FailureException {
    save(saver, toBytes());
  }

  /** Saves some state and wipes the array. */
  static void save(StateSaver saver, byte[] state) throws FailureException {
    try {
      saver.save(state);
    } catch (IOException | RuntimeException e) {
      throw new FailureException(new Failure.NotSaved(e));
    } finally {
      Secrets.wipe(state);
    }
  }

  /**
   * Refuses a client of another user or group.
   *
   * @throws IllegalArgumentException for such a client
   */
  void requireFits(String user, long group) {
    if (!Arrays.equals(owner, StateCodec.fingerprint(user))) {
      throw new IllegalArgumentException("the state is of another user than the client's");
    }
    if (groupId != group) {
      throw new IllegalArgumentException("the state is of another group than the client pins");
    }
  }

  /**
   * Begins an operation.
   *
   * @throws IllegalStateException when another one is under way
   */
  void acquire() {
    if (!busy.compareAndSet(false, true)) {
      throw new IllegalStateException("an operation with this state is under way");
    }
  }

  void release() {
    busy.set(false);
  }

  /** Erases the secrets in memory; only {@link #phase} may be called afterwards. */
  @Override
  public void close() {
    Secrets.wipe(data, accessKey);
  }

  @Override
  public String toString() {
    return "backup " + phase;
  }
}
