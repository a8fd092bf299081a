// SPDX-License-Identifier: Apache-2.0
//
// How a restore ended. Source: protocol.md §2.
package dev.svr2.client;

import dev.svr2.client.internal.Secrets;

/**
 * Exactly one of the nested classes; take it apart with {@link #match}.
 *
 * @since 0.1
 */
public abstract class RestoreResult {
  private RestoreResult() {}

  /** Calls the one method of {@code cases} that fits. */
  public abstract <R> R match(Cases<R> cases);

  @Override
  public String toString() {
    return getClass().getSimpleName();
  }

  /** One method for each way to end. */
  public interface Cases<R> {
    /** The PIN was right. */
    R restored(Restored result);

    /** The PIN was wrong and a guess is spent. */
    R wrongPin(WrongPin result);

    /** There is nothing to restore; this very guess may have been the last. */
    R nothingThere(NothingThere result);

    /** The PIN was right, but what is stored was not wrapped with it. */
    R notUnwrappable(NotUnwrappable result);

    /** The replica found its memory altered and stopped for good. */
    R serverError(ServerError result);

    /** There is no answer. */
    R failed(Failed result);
  }

  /** The secret. Close it to erase it. */
  public static final class Restored extends RestoreResult implements AutoCloseable {
    private final byte[] data;
    private final int tries;

    /** Takes the array over. */
    Restored(byte[] data, int tries) {
      this.data = data;
      this.tries = tries;
    }

    /** The secret, a copy that the caller wipes; zeros after {@link #close}. */
    public byte[] data() {
      return data.clone();
    }

    /** Guesses left, 1 to 255; a right one does not reset them. */
    public int tries() {
      return tries;
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.restored(this);
    }

    /** Erases this object's copy. May be called twice. */
    @Override
    public void close() {
      Secrets.wipe(data);
    }
  }

  /** A wrong PIN. */
  public static final class WrongPin extends RestoreResult {
    private final int triesLeft;

    WrongPin(int triesLeft) {
      this.triesLeft = triesLeft;
    }

    /** Guesses left, 1 to 254. */
    public int triesLeft() {
      return triesLeft;
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.wrongPin(this);
    }
  }

  /** Nothing there. */
  public static final class NothingThere extends RestoreResult {
    /** What was found out afterwards, without spending a guess. */
    public enum Why {
      /** Stored, but never exposed. */
      NOT_EXPOSED,
      /** Never stored, erased, or the guesses ran out. */
      GONE_OR_NEVER_STORED,
      /** Could not be found out. */
      UNKNOWN
    }

    private final Why why;

    NothingThere(Why why) {
      this.why = why;
    }

    /** What is known. */
    public Why why() {
      return why;
    }

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.nothingThere(this);
    }
  }

  /** A secret that is no master key wrapped with this PIN. */
  public static final class NotUnwrappable extends RestoreResult {
    NotUnwrappable() {}

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.notUnwrappable(this);
    }
  }

  /** The answer ERROR. Whether a guess was spent is not known. */
  public static final class ServerError extends RestoreResult {
    ServerError() {}

    @Override
    public <R> R match(Cases<R> cases) {
      return cases.serverError(this);
    }
  }

  /** No answer. */
  public static final class Failed extends RestoreResult {
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
