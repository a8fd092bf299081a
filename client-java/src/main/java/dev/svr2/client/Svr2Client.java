// SPDX-License-Identifier: Apache-2.0
//
// The client: stores, restores, counts and erases one user's secret in one group, synchronously.
// What may be repeated and what an answer means: protocol.md §2 and §3.
package dev.svr2.client;

import dev.svr2.client.evidence.EvidenceException;
import dev.svr2.client.internal.Secrets;
import dev.svr2.client.pin.Pin;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.client.transport.Transport;
import dev.svr2.client.transport.TransportException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Objects;

/**
 * Operations on one user's secret. Each opens a session of its own, so an object can be used by
 * several threads at once. No operation throws for what a server or a network does: that is in the
 * results.
 *
 * <p>Repetition: a backup is repeated until answered, at most {@link Builder#attempts} times, and
 * never once an expose was sent; from then on only the expose is repeated. {@link #tries} is
 * repeated likewise. A restore and a delete are never repeated.
 */
public final class Svr2Client {
  /** Smallest secret in bytes. */
  public static final int DATA_MIN_BYTES = Responses.DATA_MIN_BYTES;

  /** Largest secret in bytes. */
  public static final int DATA_MAX_BYTES = Responses.DATA_MAX_BYTES;

  /** Largest number of guesses. */
  public static final int TRIES_MAX = Responses.TRIES_MAX;

  private final Transport transport;
  private final Credentials credentials;
  private final Pins pins;
  private final Handshake handshake;
  private final boolean allowSimulated;
  private final Duration timeout;
  private final int attempts;
  private final Duration retryPause;
  private final SecureRandom random = new SecureRandom();

  private Svr2Client(Builder b) {
    transport = Objects.requireNonNull(b.transport, "transport");
    credentials = Objects.requireNonNull(b.credentials, "credentials");
    pins = b.pins;
    if (pins != null && b.handshake != null && b.handshake != pins.handshake()) {
      throw new IllegalArgumentException("the pins name another handshake");
    }
    handshake =
        pins != null ? pins.handshake() : b.handshake != null ? b.handshake : Handshake.NKHFS;
    allowSimulated = b.allowSimulated;
    timeout = b.timeout;
    attempts = b.attempts;
    retryPause = b.retryPause;
  }

  /** A builder; transport and credentials must be set. */
  public static Builder builder() {
    return new Builder();
  }

  /** Where the two PIN keys come from: hashed for the group of the session, or given. */
  private final class KeySource implements AutoCloseable {
    private final Pin pin;
    private final PinKeys given;
    private PinKeys derived;
    private long derivedFor;

    KeySource(Pin pin, PinKeys given) {
      this.pin = pin;
      this.given = given;
      if (pins != null) {
        // Hash before a session waits for it.
        keys(pins.group().groupId());
      }
    }

    PinKeys keys(long groupId) {
      if (given != null) {
        return given;
      }
      if (derived == null || derivedFor != groupId) {
        close();
        derived = PinKeys.derive(pin, credentials.user(), groupId);
        derivedFor = groupId;
      }
      return derived;
    }

    @Override
    public void close() {
      if (derived != null) {
        derived.close();
      }
    }
  }

  // ---- Backup ----

  /**
   * Stores a secret as it is, then exposes it.
   *
   * @param pin stays the caller's
   * @param data 16 to 48 bytes with at least 128 bits of entropy: the expose tells whoever guesses
   *     it right. Secrets with less must be wrapped ({@link #backupMasterKey}).
   * @param maxTries wrong guesses that erase it, 1 to 255
   * @throws IllegalArgumentException when a size is outside its limits
   */
  public BackupResult backup(Pin pin, byte[] data, int maxTries) {
    checkLimits(data, maxTries);
    try (KeySource source = keySource(pin, null)) {
      return new Backup(source, data, false, maxTries).run();
    } catch (FailureException e) {
      return new BackupResult.Failed(e.failure());
    }
  }

  /**
   * Like {@link #backup(Pin, byte[], int)} with keys derived elsewhere, which stay the caller's.
   */
  public BackupResult backup(PinKeys keys, byte[] data, int maxTries) {
    checkLimits(data, maxTries);
    try (KeySource source = keySource(null, keys)) {
      return new Backup(source, data, false, maxTries).run();
    } catch (FailureException e) {
      return new BackupResult.Failed(e.failure());
    }
  }

  /**
   * Wraps a master key with the PIN, stores that, then exposes it.
   *
   * @param masterKey 32 bytes; stays the caller's
   * @param maxTries wrong guesses that erase it, 1 to 255
   * @throws IllegalArgumentException when a size is outside its limits
   */
  public BackupResult backupMasterKey(Pin pin, byte[] masterKey, int maxTries) {
    if (masterKey.length != PinKeys.MASTER_KEY_BYTES) {
      throw new IllegalArgumentException("a master key has 32 bytes");
    }
    checkTries(maxTries);
    try (KeySource source = keySource(pin, null)) {
      return new Backup(source, masterKey, true, maxTries).run();
    } catch (FailureException e) {
      return new BackupResult.Failed(e.failure());
    }
  }

  /**
   * Repeats the second phase of a backup that ended in {@link BackupResult.ExposeUnknown}.
   *
   * @param data exactly what the backup stored: for a master key its wrapped form
   */
  public BackupResult expose(byte[] data) {
    checkLimits(data, 1);
    try {
      policy();
    } catch (FailureException e) {
      return new BackupResult.ExposeUnknown(e.failure());
    }
    return new Backup(null, data, false, 1).exposeOnly();
  }

  /** One backup with its repetitions. */
  private final class Backup {
    private final KeySource source;
    private final byte[] data;
    private final boolean wrap;
    private final int maxTries;
    private boolean stored;
    private boolean mayBeStored;
    private boolean exposeSent;

    Backup(KeySource source, byte[] data, boolean wrap, int maxTries) {
      this.source = source;
      this.data = data;
      this.wrap = wrap;
      this.maxTries = maxTries;
    }

    BackupResult exposeOnly() {
      stored = true;
      exposeSent = true;
      return run();
    }

    BackupResult run() {
      Failure last = null;
      for (int i = 0; i < attempts; i++) {
        if (i > 0 && !pause(i)) {
          break;
        }
        try (SecureSession session = open()) {
          return phases(session);
        } catch (FailureException e) {
          last = e.failure();
          if (!mayRepeat(last)) {
            break;
          }
        }
      }
      return failed(last);
    }

    private BackupResult phases(SecureSession session) throws FailureException {
      PinKeys keys = source == null ? null : source.keys(session.evidence().group().groupId());
      byte[] secret = wrap ? keys.wrap(data) : data;
      try {
        if (!stored) {
          store(session, secret, keys.accessKey());
        }
        return expose(session, secret);
      } finally {
        if (wrap) {
          Secrets.wipe(secret);
        }
      }
    }

    private void store(SecureSession session, byte[] secret, byte[] accessKey)
        throws FailureException {
      byte[] request = Requests.backup(secret, accessKey, maxTries);
      Secrets.wipe(accessKey);
      try {
        stored = session.call(request, Responses::backup);
      } catch (FailureException e) {
        mayBeStored |= e.failure() instanceof Failure.Unknown;
        throw e;
      }
    }

    private BackupResult expose(SecureSession session, byte[] secret) throws FailureException {
      try {
        return session.call(Requests.expose(secret), Responses::expose)
            ? new BackupResult.Stored()
            : new BackupResult.ExposeRefused();
      } catch (FailureException e) {
        // Once an expose has left, the backup is never repeated, whatever the host says became of
        // it: protocol.md §2, expose.
        exposeSent |= e.requestLeft();
        throw e;
      }
    }

    private BackupResult failed(Failure last) {
      if (exposeSent) {
        return new BackupResult.ExposeUnknown(last);
      }
      if (stored) {
        return new BackupResult.NotExposed(last);
      }
      if (mayBeStored && !(last instanceof Failure.Unknown)) {
        // An earlier try is in doubt, whatever became of the last one.
        return new BackupResult.Failed(
            new Failure.Unknown("an earlier try had no answer; the last one: " + last.text()));
      }
      return new BackupResult.Failed(last);
    }
  }

  // ---- Restore ----

  /**
   * Asks for the secret; a wrong PIN costs a guess. Never repeated.
   *
   * @param pin stays the caller's
   */
  public RestoreResult restore(Pin pin) {
    try (KeySource source = keySource(pin, null)) {
      return restore(source, false);
    } catch (FailureException e) {
      return new RestoreResult.Failed(e.failure());
    }
  }

  /** Like {@link #restore(Pin)} with keys derived elsewhere, which stay the caller's. */
  public RestoreResult restore(PinKeys keys) {
    try (KeySource source = keySource(null, keys)) {
      return restore(source, false);
    } catch (FailureException e) {
      return new RestoreResult.Failed(e.failure());
    }
  }

  /**
   * Like {@link #restore(Pin)}, and unwraps the master key that {@link #backupMasterKey} wrapped.
   */
  public RestoreResult restoreMasterKey(Pin pin) {
    try (KeySource source = keySource(pin, null)) {
      return restore(source, true);
    } catch (FailureException e) {
      return new RestoreResult.Failed(e.failure());
    }
  }

  private RestoreResult restore(KeySource source, boolean unwrap) throws FailureException {
    try (SecureSession session = open()) {
      PinKeys keys = source.keys(session.evidence().group().groupId());
      byte[] accessKey = keys.accessKey();
      byte[] request = Requests.restore(accessKey);
      Secrets.wipe(accessKey);
      RestoreResult result = session.call(request, Responses::restore);
      if (result instanceof RestoreResult.NothingThere) {
        return new RestoreResult.NothingThere(whyNothing(session));
      }
      if (unwrap && result instanceof RestoreResult.Restored) {
        return unwrap((RestoreResult.Restored) result, keys);
      }
      return result;
    }
  }

  private static RestoreResult unwrap(RestoreResult.Restored restored, PinKeys keys) {
    byte[] wrapped = restored.data();
    byte[] masterKey = keys.unwrap(wrapped);
    Secrets.wipe(wrapped);
    restored.close();
    return masterKey == null
        ? new RestoreResult.NotUnwrappable()
        : new RestoreResult.Restored(masterKey, restored.tries());
  }

  /** Asks what there is after MISSING, which costs no guess; any trouble means not known. */
  private static RestoreResult.NothingThere.Why whyNothing(SecureSession session) {
    TriesResult tries;
    try {
      tries = session.call(Requests.tries(), Responses::tries);
    } catch (FailureException e) {
      return RestoreResult.NothingThere.Why.UNKNOWN;
    }
    if (tries instanceof TriesResult.NothingThere) {
      return RestoreResult.NothingThere.Why.GONE_OR_NEVER_STORED;
    }
    // Exposed after all: someone stored it between the two requests.
    return ((TriesResult.Left) tries).exposed()
        ? RestoreResult.NothingThere.Why.UNKNOWN
        : RestoreResult.NothingThere.Why.NOT_EXPOSED;
  }

  // ---- Tries, delete ----

  /** Asks for the guesses left, without spending one. Repeated like a backup. */
  public TriesResult tries() {
    Failure last = null;
    for (int i = 0; i < attempts; i++) {
      if (i > 0 && !pause(i)) {
        break;
      }
      try (SecureSession session = open()) {
        return session.call(Requests.tries(), Responses::tries);
      } catch (FailureException e) {
        last = e.failure();
        if (!mayRepeat(last)) {
          break;
        }
      }
    }
    return new TriesResult.Failed(last);
  }

  /** Erases the secret, inside a session with verified evidence. */
  public DeleteResult delete() {
    try (SecureSession session = open()) {
      return session.call(Requests.delete(), Responses::delete);
    } catch (FailureException e) {
      return new DeleteResult.Failed(e.failure());
    }
  }

  /**
   * Erases the secret without a session: no evidence is verified, and that it was done is only the
   * host's word.
   */
  public DeleteResult deleteWithoutSession() {
    try {
      transport.deleteBackup(credentials, timeout);
      return new DeleteResult.Deleted();
    } catch (TransportException e) {
      // Credentials are checked before anything is done, so that refusal is clear by itself.
      boolean refused = e.kind() == TransportException.Kind.CREDENTIALS;
      return new DeleteResult.Failed(refused ? SecureSession.notSent(e) : SecureSession.sent(e));
    }
  }

  // ---- Common ----

  private SecureSession open() throws FailureException {
    return SecureSession.open(transport, credentials, policy(), handshake, random, timeout);
  }

  /** Refuses before any connection when no evidence could be accepted. */
  private PinPolicy policy() throws FailureException {
    try {
      return PinPolicy.of(pins, allowSimulated);
    } catch (EvidenceException e) {
      throw new FailureException(new Failure.Refused(e));
    }
  }

  /** A source of keys; the policy is asked first, so that no PIN is hashed in vain. */
  private KeySource keySource(Pin pin, PinKeys keys) throws FailureException {
    policy();
    return new KeySource(pin, keys);
  }

  private static boolean mayRepeat(Failure failure) {
    return failure instanceof Failure.NotApplied || failure instanceof Failure.Unknown;
  }

  /** Waits before try number {@code i}, longer each time; false when interrupted. */
  private boolean pause(int i) {
    try {
      Thread.sleep(retryPause.toMillis() << Math.min(i - 1, 6));
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private static void checkLimits(byte[] data, int maxTries) {
    if (data.length < DATA_MIN_BYTES || data.length > DATA_MAX_BYTES) {
      throw new IllegalArgumentException("the secret must have 16 to 48 bytes");
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
    private Transport transport;
    private Credentials credentials;
    private Pins pins;
    private Handshake handshake;
    private boolean allowSimulated;
    private Duration timeout = Duration.ofSeconds(10);
    private int attempts = 3;
    private Duration retryPause = Duration.ofMillis(500);

    private Builder() {}

    /** The way to the server; stays the caller's to close. */
    public Builder transport(Transport value) {
      transport = value;
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

    /** Longest wait for each answer of the server, 1 ms to 1 hour. Default 10 s. */
    public Builder timeout(Duration value) {
      if (value.toMillis() < 1 || value.compareTo(Duration.ofHours(1)) > 0) {
        throw new IllegalArgumentException("timeout must be 1 ms to 1 hour");
      }
      timeout = value;
      return this;
    }

    /** Sessions tried for a backup, an expose and tries, 1 to 100. Default 3. */
    public Builder attempts(int value) {
      if (value < 1 || value > 100) {
        throw new IllegalArgumentException("attempts must be 1 to 100");
      }
      attempts = value;
      return this;
    }

    /** Pause before the second try, doubled each time; 0 to 1 minute. Default 500 ms. */
    public Builder retryPause(Duration value) {
      if (value.isNegative() || value.compareTo(Duration.ofMinutes(1)) > 0) {
        throw new IllegalArgumentException("retryPause must be 0 to 1 minute");
      }
      retryPause = value;
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
