// SPDX-License-Identifier: Apache-2.0
//
// Ends a command with one clear line and an exit code.
package dev.svr2.host.cli;

/** The message is for people: what is wrong and what to do; no secret. */
final class CommandException extends Exception {
  private final int exitCode;

  CommandException(int exitCode, String message) {
    this(exitCode, message, null);
  }

  CommandException(int exitCode, String message, Throwable cause) {
    super(message, cause);
    this.exitCode = exitCode;
  }

  int exitCode() {
    return exitCode;
  }
}
