// SPDX-License-Identifier: Apache-2.0
//
// How far a migration came.
package dev.svr2.client;

/**
 * Exactly one of the nested classes; take it apart with {@link #match}.
 *
 * @since 0.1
 */
public abstract class MigrationResult {
  private MigrationResult() {}

  /** Calls the one method of {@code cases} that fits. */
  public abstract <R> R match(Cases<R> cases);

  @Override
  public String toString() {
    return getClass().getSimpleName();
  }

  /** One method for each way to end. */
  public interface Cases<R> {
    /** Stored and restorable at the new group, erased at the old one. */
    R migrated(Migrated result);

    /** The old group did not give the secret; nothing was sent to the new one. */
    R notRestored(NotRestored result);

    /** The new group does not hold it yet, or not for certain; the old one still does. */
    R notStored(NotStored result);

    /** The new group holds it; the old one may hold it, too. Running again deletes it there. */
    R notDeleted(NotDeleted result);
  }

  /** All done. */
  public static final class Migrated extends MigrationResult {
    Migrated() {}

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.migrated(this);
    }
  }

  /** No secret from the old group. */
  public static final class NotRestored extends MigrationResult {
    private final RestoreResult result;

    NotRestored(RestoreResult result) {
      this.result = result;
    }

    /** What the restore ended with; never {@link RestoreResult.Restored}. */
    public RestoreResult result() {
      return result;
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.notRestored(this);
    }
  }

  /** The backup at the new group is not done. */
  public static final class NotStored extends MigrationResult {
    private final BackupResult result;

    NotStored(BackupResult result) {
      this.result = result;
    }

    /**
     * What the backup ended with; never {@link BackupResult.Stored}. Running again goes on, except
     * after {@link BackupResult.ExposeRefused}, which ends the migration.
     */
    public BackupResult result() {
      return result;
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.notStored(this);
    }
  }

  /** The old group did not confirm that it deleted its copy. */
  public static final class NotDeleted extends MigrationResult {
    private final Failure failure;

    NotDeleted(Failure failure) {
      this.failure = failure;
    }

    /** Why. */
    public Failure failure() {
      return failure;
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.notDeleted(this);
    }
  }
}
