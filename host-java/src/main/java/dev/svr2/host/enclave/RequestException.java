// SPDX-License-Identifier: Apache-2.0
//
// A request of the host to the enclave that was refused or failed.
package dev.svr2.host.enclave;

import dev.svr2.enclave.ErrorText;
import dev.svr2.proto.CloseReason;
import dev.svr2.proto.Error;

/**
 * The message has the error's name, its words and what to do; never anything that was in the
 * request.
 */
public final class RequestException extends Exception {
  private final Error error;
  private final CloseReason outcome;
  private final boolean queueFull;

  /**
   * A refusal by the enclave, or a failure on the way.
   *
   * @param outcome what the caller may be told: NOT_APPLIED, INVALID_ARGUMENT or UNKNOWN
   */
  public RequestException(Error error, CloseReason outcome) {
    this(error, outcome, false);
  }

  private RequestException(Error error, CloseReason outcome, boolean queueFull) {
    super(
        queueFull
            ? "the host's queue is full; nothing was applied, try again later"
            : error.name() + ": " + ErrorText.of(error) + ". " + ErrorText.hint(error));
    this.error = error;
    this.outcome = outcome;
    this.queueFull = queueFull;
  }

  static RequestException full() {
    return new RequestException(
        Error.ERROR_CLIENT_TOO_MANY, CloseReason.CLOSE_REASON_NOT_APPLIED, true);
  }

  public Error error() {
    return error;
  }

  public CloseReason outcome() {
    return outcome;
  }

  /** True when the host itself refused for want of room. */
  public boolean isQueueFull() {
    return queueFull;
  }
}
