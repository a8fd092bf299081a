// SPDX-License-Identifier: Apache-2.0
//
// One backup with its repetitions: a backup is repeated until answered as long as no expose for it
// was sent; afterwards only the expose is. Source: protocol.md §2, expose.
package dev.svr2.client;

import dev.svr2.client.internal.Futures;
import dev.svr2.client.internal.Secrets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Drives one {@link PendingBackup}. One call at a time. */
final class BackupRun {
  /** What is to be stored in the group of a session. */
  interface Source {
    /** The same object each time for the same group. */
    PendingBackup forGroup(long groupId);
  }

  private final Source source;
  private final StateSaver saver;
  private final boolean storeOnly;
  private PendingBackup pending;
  private boolean mayBeStored;

  /** A run that stops after the first phase when {@code storeOnly}. */
  BackupRun(Source source, StateSaver saver, boolean storeOnly) {
    this.source = source;
    this.saver = saver;
    this.storeOnly = storeOnly;
  }

  /** A run of a backup whose group is known. */
  static BackupRun of(PendingBackup pending, StateSaver saver, boolean storeOnly) {
    BackupRun run = new BackupRun(group -> pending, saver, storeOnly);
    run.pending = pending;
    run.mayBeStored = pending.phase() == PendingBackup.Phase.STORING;
    return run;
  }

  /** What is left of it, within an open session. */
  CompletableFuture<BackupResult> in(SecureSession session) {
    try {
      if (pending == null || !pending.isStored()) {
        pending = source.forGroup(session.evidence().group().groupId());
        return Operation.then(
            store(session),
            stored ->
                storeOnly
                    ? CompletableFuture.completedFuture(new BackupResult.NotExposed(null))
                    : expose(session));
      }
      return expose(session);
    } catch (FailureException e) {
      return Futures.failed(e);
    }
  }

  private CompletableFuture<Boolean> store(SecureSession session) throws FailureException {
    if (pending.phase() == PendingBackup.Phase.PREPARED) {
      pending.enter(PendingBackup.Phase.STORING);
      try {
        pending.save(saver);
      } catch (FailureException e) {
        pending.enter(PendingBackup.Phase.PREPARED);
        throw e;
      }
    }
    byte[] request = Requests.backup(pending.data(), pending.accessKey(), pending.maxTries());
    return session
        .call(request, Responses::backup)
        .handle(
            (stored, failure) -> {
              if (failure != null) {
                FailureException cause = failure(failure);
                mayBeStored |= cause.failure() instanceof Failure.Unknown;
                throw new CompletionException(cause);
              }
              pending.enter(PendingBackup.Phase.STORED);
              if (storeOnly) {
                saveIfPossible();
              }
              return stored;
            });
  }

  private CompletableFuture<BackupResult> expose(SecureSession session) throws FailureException {
    PendingBackup.Phase before = pending.phase();
    if (before == PendingBackup.Phase.STORED) {
      pending.enter(PendingBackup.Phase.EXPOSING);
      try {
        pending.save(saver);
      } catch (FailureException e) {
        pending.enter(before);
        throw e;
      }
    }
    return session
        .call(Requests.expose(pending.data()), Responses::expose)
        .handle(
            (exposed, failure) -> {
              if (failure != null) {
                // Once an expose has left, the backup is never repeated, whatever the host says
                // became of it: protocol.md §2, expose.
                FailureException cause = failure(failure);
                if (!cause.requestLeft()) {
                  pending.enter(before);
                }
                throw new CompletionException(cause);
              }
              pending.enter(exposed ? PendingBackup.Phase.EXPOSED : PendingBackup.Phase.REFUSED);
              saveIfPossible();
              return exposed ? new BackupResult.Stored() : new BackupResult.ExposeRefused();
            });
  }

  /** What is not saved here will only be asked again. */
  private void saveIfPossible() {
    try {
      pending.save(saver);
    } catch (FailureException e) {
      // The saver knows; the result is what it is.
      return;
    }
  }

  private static FailureException failure(Throwable failure) {
    Throwable cause = Operation.cause(failure);
    return cause instanceof FailureException
        ? (FailureException) cause
        : new FailureException(new Failure.Unknown("the library failed: " + cause), true);
  }

  /** The result when nothing came of it, or not all. */
  BackupResult failed(Failure last) {
    if (pending != null && pending.phase() == PendingBackup.Phase.EXPOSING) {
      return new BackupResult.ExposeUnknown(last);
    }
    if (pending != null && pending.isStored()) {
      return new BackupResult.NotExposed(last);
    }
    if (mayBeStored && !(last instanceof Failure.Unknown)) {
      // An earlier try is in doubt, whatever became of the last one.
      return new BackupResult.Failed(
          new Failure.Unknown("an earlier try had no answer; the last one: " + last.text()));
    }
    return new BackupResult.Failed(last);
  }

  /** Makes the backup of a secret for whatever group a session is with. */
  static final class SecretSource implements Source, AutoCloseable {
    private final KeySource keys;
    private final String user;
    private final byte[] secret;
    private final boolean wrap;
    private final int maxTries;
    private PendingBackup made;

    /** Takes over the keys and the array. */
    SecretSource(KeySource keys, String user, byte[] secret, boolean wrap, int maxTries) {
      this.keys = keys;
      this.user = user;
      this.secret = secret;
      this.wrap = wrap;
      this.maxTries = maxTries;
    }

    @Override
    public PendingBackup forGroup(long groupId) {
      if (made == null || made.groupId() != groupId) {
        if (made != null) {
          made.close();
        }
        made = PendingBackup.prepare(user, groupId, keys.keys(groupId), secret, wrap, maxTries);
      }
      return made;
    }

    @Override
    public void close() {
      keys.close();
      Secrets.wipe(secret);
      if (made != null) {
        made.close();
      }
    }
  }
}
