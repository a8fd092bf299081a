// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

import dev.svr2.proto.Error;
import java.util.Objects;

/**
 * A call into an enclave, or the loading of one, failed. {@link #error} tells programs what
 * happened; the message tells people, with the file or platform concerned and what to do. It never
 * holds anything that was in a message to or from the enclave.
 */
public final class EnclaveException extends Exception {
  private static final long serialVersionUID = 1L;

  private final Error error;

  /**
   * With the error's own words only.
   *
   * @param error what happened; not {@code OK}
   */
  public EnclaveException(Error error) {
    this(error, "");
  }

  /**
   * With more words.
   *
   * @param error what happened; not {@code OK}
   * @param detail which file, property or platform; may be empty; no secrets
   */
  public EnclaveException(Error error, String detail) {
    super(text(error, detail));
    this.error = error;
  }

  /** What happened. */
  public Error error() {
    return error;
  }

  private static String text(Error error, String detail) {
    Objects.requireNonNull(error, "error");
    StringBuilder text = new StringBuilder(error.name()).append(": ").append(ErrorText.of(error));
    if (!detail.isEmpty()) {
      text.append(": ").append(detail);
    }
    return text.append(". ").append(ErrorText.hint(error)).toString();
  }
}
