// SPDX-License-Identifier: Apache-2.0
//
// How the first phase of a backup ended, when it was asked for alone. Source: protocol.md §2.
package dev.svr2.client;

/**
 * Exactly one of the nested classes; take it apart with {@link #match}.
 *
 * @since 0.1
 */
public abstract class StoreResult {
  private StoreResult() {}

  /** Calls the one method of {@code cases} that fits. */
  public abstract <R> R match(Cases<R> cases);

  @Override
  public String toString() {
    return getClass().getSimpleName();
  }

  /** One method for each way to end. */
  public interface Cases<R> {
    /** Stored, not restorable yet: the expose is to follow. */
    R stored(Stored result);

    /** The first phase has no answer. */
    R failed(Failed result);
  }

  /** The first phase is done; any older backup is gone. */
  public static final class Stored extends StoreResult {
    Stored() {}

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.stored(this);
    }
  }

  /** The first phase has no answer. */
  public static final class Failed extends StoreResult {
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
