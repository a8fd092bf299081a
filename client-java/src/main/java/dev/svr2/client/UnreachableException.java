// SPDX-License-Identifier: Apache-2.0
//
// No session came about, for another reason than evidence.
package dev.svr2.client;

/**
 * Thrown by {@link PinBlock#fetchEvidence} when there is no evidence to judge.
 *
 * @since 0.1
 */
public final class UnreachableException extends Exception {
  private final transient Failure failure;

  UnreachableException(Failure failure) {
    super(failure.text());
    this.failure = failure;
  }

  /** Why. */
  public Failure failure() {
    return failure;
  }
}
