// SPDX-License-Identifier: Apache-2.0
//
// The client: stores, restores, counts and erases one user's secret in one group, synchronously.
// What may be repeated and what an answer means: protocol.md §2 and §3; how it is done: Engine.
package dev.svr2.client;

import dev.svr2.client.evidence.EvidenceVerifier;
import dev.svr2.client.pin.Pin;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.client.transport.Transport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;

/**
 * Operations on one user's secret. Each opens a session of its own, so an object can be used by
 * several threads at once. No operation throws for what a server or a network does: that is in the
 * results. Each does its work on the calling thread; {@link #async} has the same operations without
 * waiting.
 *
 * <p>Secrets are master keys of 32 bytes, wrapped under the PIN before they leave (protocol.md §7),
 * unless a method says <i>raw</i>.
 *
 * <p>Repetition: a backup is repeated until answered, at most {@link Builder#attempts} times at
 * each address, and never once an expose was sent; from then on only the expose is repeated. {@link
 * #tries} is repeated likewise. A restore and a delete go on to the next address only as long as
 * their request was not sent; they are never repeated by themselves.
 *
 * <p>A thread that is interrupted while it waits gets the result that is then true, and stays
 * interrupted.
 *
 * @since 0.1
 */
public final class Svr2Client {
  /** Smallest raw secret in bytes. */
  public static final int DATA_MIN_BYTES = Responses.DATA_MIN_BYTES;

  /** Largest raw secret in bytes. */
  public static final int DATA_MAX_BYTES = Responses.DATA_MAX_BYTES;

  /** Largest number of guesses. */
  public static final int TRIES_MAX = Responses.TRIES_MAX;

  private final Engine engine;

  private Svr2Client(Builder b) {
    if (b.transports.isEmpty()) {
      throw new NullPointerException("transport");
    }
    Objects.requireNonNull(b.credentials, "credentials");
    Pins pins = b.pins;
    if (pins != null && b.handshake != null && b.handshake != pins.handshake()) {
      throw new IllegalArgumentException("the pins name another handshake");
    }
    Handshake handshake =
        pins != null ? pins.handshake() : b.handshake != null ? b.handshake : Handshake.NKHFS;
    engine =
        new Engine(
            new Addresses(b.transports, b.attempts, b.retryPause),
            b.credentials,
            pins,
            handshake,
            b.allowSimulated,
            b.hardware,
            b.timeout,
            b.executor != null ? b.executor : Threads.pool(),
            b.timer != null ? b.timer : Threads.timer());
  }

  /** A builder; at least one transport and the credentials must be set. */
  public static Builder builder() {
    return new Builder();
  }

  /** The same operations without waiting. */
  public AsyncSvr2Client async() {
    return new AsyncSvr2Client(engine);
  }

  Engine engine() {
    return engine;
  }

  // ---- Backup ----

  /**
   * Wraps a master key with the PIN, stores that, then exposes it.
   *
   * @param pin stays the caller's
   * @param masterKey 32 bytes; stays the caller's
   * @param maxTries wrong guesses that erase it, 1 to 255
   * @throws IllegalArgumentException when a size is outside its limits
   */
  public BackupResult backup(Pin pin, byte[] masterKey, int maxTries) {
    checkMasterKey(masterKey, maxTries);
    KeySource keys = KeySource.of(pin, engine.user());
    return engine.await(op -> engine.backup(op, keys, masterKey.clone(), true, maxTries));
  }

  /**
   * Like {@link #backup(Pin, byte[], int)} with keys derived elsewhere, which stay the caller's.
   */
  public BackupResult backup(PinKeys keys, byte[] masterKey, int maxTries) {
    checkMasterKey(masterKey, maxTries);
    KeySource source = KeySource.of(keys);
    return engine.await(op -> engine.backup(op, source, masterKey.clone(), true, maxTries));
  }

  /**
   * Stores a secret as it is, then exposes it.
   *
   * @param pin stays the caller's
   * @param data 16 to 48 bytes with at least 128 bits of entropy: the expose tells whoever guesses
   *     it right. Secrets with less must be wrapped ({@link #backup}). Stays the caller's.
   * @param maxTries wrong guesses that erase it, 1 to 255
   * @throws IllegalArgumentException when a size is outside its limits
   */
  public BackupResult backupRaw(Pin pin, byte[] data, int maxTries) {
    checkRaw(data, maxTries);
    KeySource keys = KeySource.of(pin, engine.user());
    return engine.await(op -> engine.backup(op, keys, data.clone(), false, maxTries));
  }

  /**
   * Like {@link #backupRaw(Pin, byte[], int)} with keys derived elsewhere, which stay the caller's.
   */
  public BackupResult backupRaw(PinKeys keys, byte[] data, int maxTries) {
    checkRaw(data, maxTries);
    KeySource source = KeySource.of(keys);
    return engine.await(op -> engine.backup(op, source, data.clone(), false, maxTries));
  }

  /**
   * Repeats the second phase of a backup that ended in {@link BackupResult.ExposeUnknown}.
   *
   * @param data exactly what the backup stored: for a master key its wrapped form
   * @throws IllegalArgumentException when it has another size than a secret can have
   */
  public BackupResult expose(byte[] data) {
    checkRaw(data, 1);
    return engine.await(op -> engine.expose(op, data.clone()));
  }

  // ---- A backup that can be stopped and resumed ----

  /**
   * Hashes the PIN and wraps a master key; sends nothing. The client must have pins.
   *
   * @return to be driven by {@link #resume}, or by {@link #store} and {@link #expose}, with this
   *     client or another of the same user and group; the caller closes it
   * @throws IllegalArgumentException when a size is outside its limits
   * @throws IllegalStateException when the client has no pins
   */
  public PendingBackup prepare(Pin pin, byte[] masterKey, int maxTries) {
    checkMasterKey(masterKey, maxTries);
    engine.requireGroup();
    KeySource keys = KeySource.of(pin, engine.user());
    return engine.await(op -> engine.prepare(op, keys, masterKey.clone(), true, maxTries));
  }

  /** Like {@link #prepare} for a secret that is stored as it is, see {@link #backupRaw}. */
  public PendingBackup prepareRaw(Pin pin, byte[] data, int maxTries) {
    checkRaw(data, maxTries);
    engine.requireGroup();
    KeySource keys = KeySource.of(pin, engine.user());
    return engine.await(op -> engine.prepare(op, keys, data.clone(), false, maxTries));
  }

  /**
   * The first phase: stores the secret, not restorable yet. At once when that is already done.
   *
   * @throws IllegalArgumentException when the state is of another user or group
   * @throws IllegalStateException when the client has no pins, or another operation uses the state
   */
  public StoreResult store(PendingBackup pending, StateSaver saver) {
    return engine.await(op -> engine.store(op, pending, saver));
  }

  /**
   * The second phase: makes the stored secret restorable. At once when the backup is over.
   *
   * @throws IllegalArgumentException when the state is of another user or group
   * @throws IllegalStateException when nothing is stored yet, the client has no pins, or another
   *     operation uses the state
   */
  public BackupResult expose(PendingBackup pending, StateSaver saver) {
    return engine.await(op -> engine.resume(op, pending, saver, false));
  }

  /**
   * Does what is left of a backup, whatever phase it is in. May be called until the result is
   * {@link BackupResult.Stored} or {@link BackupResult.ExposeRefused}.
   *
   * @throws IllegalArgumentException when the state is of another user or group
   * @throws IllegalStateException when the client has no pins, or another operation uses the state
   */
  public BackupResult resume(PendingBackup pending, StateSaver saver) {
    return engine.await(op -> engine.resume(op, pending, saver, true));
  }

  // ---- Restore, tries, delete ----

  /**
   * Asks for the master key that {@link #backup} stored; a wrong PIN costs a guess. Never repeated
   * once it may have been sent.
   *
   * @param pin stays the caller's
   */
  public RestoreResult restore(Pin pin) {
    KeySource keys = KeySource.of(pin, engine.user());
    return engine.await(op -> engine.restore(op, keys, true));
  }

  /** Like {@link #restore(Pin)} with keys derived elsewhere, which stay the caller's. */
  public RestoreResult restore(PinKeys keys) {
    KeySource source = KeySource.of(keys);
    return engine.await(op -> engine.restore(op, source, true));
  }

  /** Asks for what is stored as it is, see {@link #backupRaw}; a wrong PIN costs a guess. */
  public RestoreResult restoreRaw(Pin pin) {
    KeySource keys = KeySource.of(pin, engine.user());
    return engine.await(op -> engine.restore(op, keys, false));
  }

  /** Like {@link #restoreRaw(Pin)} with keys derived elsewhere, which stay the caller's. */
  public RestoreResult restoreRaw(PinKeys keys) {
    KeySource source = KeySource.of(keys);
    return engine.await(op -> engine.restore(op, source, false));
  }

  /** Asks for the guesses left, without spending one. Repeated like a backup. */
  public TriesResult tries() {
    return engine.await(engine::tries);
  }

  /** Erases the secret, inside a session with verified evidence. */
  public DeleteResult delete() {
    return engine.await(engine::delete);
  }

  /**
   * Erases the secret without a session: no evidence is verified, and that it was done is only the
   * host's word.
   */
  public DeleteResult deleteWithoutSession() {
    return engine.await(engine::deleteWithoutSession);
  }

  // ---- Limits ----

  static void checkRaw(byte[] data, int maxTries) {
    if (data.length < DATA_MIN_BYTES || data.length > DATA_MAX_BYTES) {
      throw new IllegalArgumentException("the secret must have 16 to 48 bytes");
    }
    checkTries(maxTries);
  }

  static void checkMasterKey(byte[] masterKey, int maxTries) {
    if (masterKey.length != PinKeys.MASTER_KEY_BYTES) {
      throw new IllegalArgumentException("a master key has 32 bytes");
    }
    checkTries(maxTries);
  }

  private static void checkTries(int maxTries) {
    if (maxTries < 1 || maxTries > TRIES_MAX) {
      throw new IllegalArgumentException("tries must be 1 to 255");
    }
  }

  /** Settings of a client. Not thread-safe. */
  public static final class Builder {
    private List<Transport> transports = new ArrayList<>();
    private Credentials credentials;
    private Pins pins;
    private Handshake handshake;
    private boolean allowSimulated;
    private EvidenceVerifier hardware = EvidenceVerifier.hardware();
    private Duration timeout = Duration.ofSeconds(10);
    private int attempts = 3;
    private Duration retryPause = Duration.ofMillis(500);
    private Executor executor;
    private ScheduledExecutorService timer;

    private Builder() {}

    /** The way to the server; stays the caller's to close. */
    public Builder transport(Transport value) {
      return transports(Objects.requireNonNull(value, "transport"));
    }

    /**
     * Ways to several replicas of one group, in the order in which they are asked; the one that
     * answered last comes first. They stay the caller's to close.
     */
    public Builder transports(Transport... values) {
      return transports(Arrays.asList(values));
    }

    /** The same from a list, which is copied. */
    public Builder transports(List<? extends Transport> values) {
      values.forEach(value -> Objects.requireNonNull(value, "transport"));
      transports = new ArrayList<>(values);
      return this;
    }

    /** Whose secret. */
    public Builder credentials(Credentials value) {
      credentials = value;
      return this;
    }

    /** What the server must prove. Without pins only simulated evidence can be accepted. */
    public Builder pins(Pins value) {
      pins = value;
      return this;
    }

    /** The handshake of a group without pins; pins name theirs. Default NKhfs. */
    public Builder handshake(Handshake value) {
      handshake = value;
      return this;
    }

    /** Opts in to groups that protect nothing. Default false. */
    public Builder allowSimulated(boolean value) {
      allowSimulated = value;
      return this;
    }

    /**
     * What verifies evidence of hardware. Default: one {@link
     * dev.svr2.client.evidence.SgxEvidenceVerifier} with the system's clock, which all clients
     * share. Another one is for tests, and for devices whose clock is wrong and who know better.
     */
    public Builder evidenceVerifier(EvidenceVerifier value) {
      hardware = Objects.requireNonNull(value, "evidenceVerifier");
      return this;
    }

    /** Longest wait for each answer of the server, 1 ms to 1 hour. Default 10 s. */
    public Builder timeout(Duration value) {
      if (value.toMillis() < 1 || value.compareTo(Duration.ofHours(1)) > 0) {
        throw new IllegalArgumentException("timeout must be 1 ms to 1 hour");
      }
      timeout = value;
      return this;
    }

    /** Sessions tried at each address for a backup, an expose and tries, 1 to 100. Default 3. */
    public Builder attempts(int value) {
      if (value < 1 || value > 100) {
        throw new IllegalArgumentException("attempts must be 1 to 100");
      }
      attempts = value;
      return this;
    }

    /**
     * Pause before all addresses are tried again, doubled each time; 0 to 1 minute. Default 500 ms.
     */
    public Builder retryPause(Duration value) {
      if (value.isNegative() || value.compareTo(Duration.ofMinutes(1)) > 0) {
        throw new IllegalArgumentException("retryPause must be 0 to 1 minute");
      }
      retryPause = value;
      return this;
    }

    /**
     * Where the work of asynchronous operations runs, and what is chained to their results: PIN
     * hashing (about a second of a core), evidence, cryptography. It never waits there. Default: a
     * pool of at most four daemon threads that all clients share. Stays the caller's to end; an
     * operation that it refuses to run fails.
     */
    public Builder executor(Executor value) {
      executor = value;
      return this;
    }

    /**
     * What tells timeouts and pauses; no work is done on it. Default: one daemon thread that all
     * clients share. Stays the caller's to end.
     */
    public Builder timer(ScheduledExecutorService value) {
      timer = value;
      return this;
    }

    /**
     * The client.
     *
     * @throws NullPointerException when transport or credentials are not set
     * @throws IllegalArgumentException when a handshake was given and the pins name the other
     */
    public Svr2Client build() {
      return new Svr2Client(this);
    }
  }
}
