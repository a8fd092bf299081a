// SPDX-License-Identifier: Apache-2.0
//
// What asking for the guesses left told. Source: protocol.md §2.
package dev.svr2.client;

/**
 * Exactly one of the nested classes; take it apart with {@link #match}.
 *
 * @since 0.1
 */
public abstract class TriesResult {
  private TriesResult() {}

  /** Calls the one method of {@code cases} that fits. */
  public abstract <R> R match(Cases<R> cases);

  @Override
  public String toString() {
    return getClass().getSimpleName();
  }

  /** One method for each way to end. */
  public interface Cases<R> {
    /** Something is stored. */
    R left(Left result);

    /** Nothing is stored. */
    R nothingThere(NothingThere result);

    /** There is no answer. */
    R failed(Failed result);
  }

  /** Guesses left. */
  public static final class Left extends TriesResult {
    private final int tries;
    private final boolean exposed;

    Left(int tries, boolean exposed) {
      this.tries = tries;
      this.exposed = exposed;
    }

    /** Guesses left, 1 to 255. */
    public int tries() {
      return tries;
    }

    /** False: stored but not restorable yet. */
    public boolean exposed() {
      return exposed;
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.left(this);
    }
  }

  /** Never stored, erased, or the guesses ran out. */
  public static final class NothingThere extends TriesResult {
    NothingThere() {}

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.nothingThere(this);
    }
  }

  /** No answer. */
  public static final class Failed extends TriesResult {
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
