// SPDX-License-Identifier: Apache-2.0
//
// Evidence that is not accepted.
package dev.svr2.client.evidence;

/**
 * Thrown when evidence is refused; says which check failed. Nothing in it is secret.
 *
 * @since 0.1
 */
public final class EvidenceException extends Exception {
  private final EvidenceRefusal reason;

  /** A refusal without further detail. */
  public EvidenceException(EvidenceRefusal reason) {
    super(reason.text());
    this.reason = reason;
  }

  /** A refusal with what was found and what was wanted. */
  public EvidenceException(EvidenceRefusal reason, String detail) {
    super(reason.text() + ": " + detail);
    this.reason = reason;
  }

  /** The check that failed. */
  public EvidenceRefusal reason() {
    return reason;
  }
}
