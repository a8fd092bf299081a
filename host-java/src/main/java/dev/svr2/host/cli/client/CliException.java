// SPDX-License-Identifier: Apache-2.0
//
// A command line, a file or an environment variable that cannot be used: exit code 2.
package dev.svr2.host.cli.client;

/** Ends a command with exit code 2 and one line of text, which holds no secret. */
final class CliException extends Exception {
  CliException(String message) {
    super(message);
  }
}
