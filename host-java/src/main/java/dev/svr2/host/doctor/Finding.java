// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.doctor;

import java.util.Objects;

/**
 * One thing that was looked for.
 *
 * @param what a few words; never empty
 * @param status whether it is as it must be
 * @param found what is there, in words
 * @param next what to do about it; empty when nothing needs to be done
 */
public record Finding(String what, Status status, String found, String next) {
  /** How bad it is. */
  public enum Status {
    /** As it should be. */
    OK,
    /** Works, but not as well or as safely as it could. */
    WARNING,
    /** The platform cannot be used without it. */
    MISSING
  }

  /** Checks that a finding which asks for something says what. */
  public Finding {
    Objects.requireNonNull(status);
    if (what.isEmpty() || (status != Status.OK && next.isEmpty())) {
      throw new IllegalArgumentException("a finding says what, and what to do");
    }
  }

  static Finding ok(String what, String found) {
    return new Finding(what, Status.OK, found, "");
  }

  static Finding warning(String what, String found, String next) {
    return new Finding(what, Status.WARNING, found, next);
  }

  static Finding missing(String what, String found, String next) {
    return new Finding(what, Status.MISSING, found, next);
  }
}
