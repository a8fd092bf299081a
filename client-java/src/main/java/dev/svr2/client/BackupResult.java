// SPDX-License-Identifier: Apache-2.0
//
// How a backup ended. Its two phases fail differently: as long as no expose was sent the whole may
// be repeated, afterwards only the expose. Source: protocol.md §2.
package dev.svr2.client;

/**
 * Exactly one of the nested classes; take it apart with {@link #match}.
 *
 * @since 0.1
 */
public abstract class BackupResult {
  private BackupResult() {}

  /** Calls the one method of {@code cases} that fits. */
  public abstract <R> R match(Cases<R> cases);

  @Override
  public String toString() {
    return getClass().getSimpleName();
  }

  /** One method for each way to end. */
  public interface Cases<R> {
    /** Stored and restorable. */
    R stored(Stored result);

    /** Stored, but no expose was sent: not restorable. Repeating the whole backup is safe. */
    R notExposed(NotExposed result);

    /** Stored, and an expose was sent whose answer is missing: repeat the expose alone. */
    R exposeUnknown(ExposeUnknown result);

    /** Another secret stands there, or none: tampered with or replaced. Never repair silently. */
    R exposeRefused(ExposeRefused result);

    /** Nothing is known to be stored. */
    R failed(Failed result);
  }

  /** Both phases are done. */
  public static final class Stored extends BackupResult {
    Stored() {}

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.stored(this);
    }
  }

  /** The first phase is done; any older backup is gone. */
  public static final class NotExposed extends BackupResult {
    private final Failure cause;

    NotExposed(Failure cause) {
      this.cause = cause;
    }

    /** Why the expose could not be sent. */
    public Failure cause() {
      return cause;
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.notExposed(this);
    }
  }

  /**
   * The first phase is done, the second may be. Repeating the backup now would hand an operator who
   * holds back answers a fresh set of guesses; {@link Svr2Client#expose} is safe.
   */
  public static final class ExposeUnknown extends BackupResult {
    private final Failure cause;

    ExposeUnknown(Failure cause) {
      this.cause = cause;
    }

    /** Why the last try had no answer. */
    public Failure cause() {
      return cause;
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.exposeUnknown(this);
    }
  }

  /** The expose was answered ERROR. */
  public static final class ExposeRefused extends BackupResult {
    ExposeRefused() {}

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.exposeRefused(this);
    }
  }

  /** The first phase has no answer. */
  public static final class Failed extends BackupResult {
    private final Failure failure;

    Failed(Failure failure) {
      this.failure = failure;
    }

    /** Why. */
    public Failure failure() {
      return failure;
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.failed(this);
    }
  }
}
