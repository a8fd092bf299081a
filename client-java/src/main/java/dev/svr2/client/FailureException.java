// SPDX-License-Identifier: Apache-2.0
//
// Carries a Failure up to the operation that turns it into its result. Not API.
package dev.svr2.client;

/** A failure on its way. Never leaves the package. */
final class FailureException extends Exception {
  private final transient Failure failure;
  private final boolean requestLeft;

  /** A failure before the request was sent. */
  FailureException(Failure failure) {
    this(failure, false);
  }

  /** A failure; {@code requestLeft} tells whether the request may have been sent. */
  FailureException(Failure failure, boolean requestLeft) {
    super(failure.text(), null, false, false);
    this.failure = failure;
    this.requestLeft = requestLeft;
  }

  boolean requestLeft() {
    return requestLeft;
  }

  Failure failure() {
    return failure;
  }
}
