// SPDX-License-Identifier: Apache-2.0
//
// Exit codes of the host's and the operator's commands: the table of cli.md, and two of the host's
// own.
package dev.svr2.host.cli;

/** What commands end with; the client commands have the rest of the table. */
final class ExitStatus {
  static final int DONE = 0;
  static final int FAILED = 1;
  static final int USAGE = 2;
  static final int NOT_APPLIED = 5;
  static final int UNKNOWN = 6;
  static final int REFUSED = 7;

  /** The replica stopped for good; a supervisor starts a new host. */
  static final int ENCLAVE_STOPPED = 10;

  /** The enclave aborted; a supervisor starts a new host. */
  static final int ENCLAVE_ABORTED = 11;

  private ExitStatus() {}
}
