// SPDX-License-Identifier: Apache-2.0
//
// How erasing a backup ended. Source: protocol.md §2 and §3.
package dev.svr2.client;

/**
 * Exactly one of the nested classes; take it apart with {@link #match}.
 *
 * @since 0.1
 */
public abstract class DeleteResult {
  private DeleteResult() {}

  /** Calls the one method of {@code cases} that fits. */
  public abstract <R> R match(Cases<R> cases);

  @Override
  public String toString() {
    return getClass().getSimpleName();
  }

  /** One method for each way to end. */
  public interface Cases<R> {
    /** Nothing is stored any more. */
    R deleted(Deleted result);

    /** There is no answer. */
    R failed(Failed result);
  }

  /** Done, whether or not something was stored. */
  public static final class Deleted extends DeleteResult {
    Deleted() {}

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.deleted(this);
    }
  }

  /** No answer. */
  public static final class Failed extends DeleteResult {
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
