// SPDX-License-Identifier: Apache-2.0
//
// Exit codes of all commands: the table of cli.md, and two of the host's own.
package dev.svr2.host.cli.client;

import dev.svr2.client.Failure;

/** What the commands end with. */
public final class ExitCode {
  public static final int DONE = 0;
  public static final int FAILED = 1;
  public static final int USAGE = 2;
  public static final int WRONG_PIN = 3;
  public static final int NOTHING_THERE = 4;
  public static final int NOT_APPLIED = 5;
  public static final int UNKNOWN = 6;
  public static final int REFUSED = 7;
  public static final int CREDENTIALS = 8;
  public static final int EXPOSE_REFUSED = 9;

  /** The replica stopped for good; a supervisor starts a new host. */
  public static final int ENCLAVE_STOPPED = 10;

  /** The enclave aborted; a supervisor starts a new host. */
  public static final int ENCLAVE_ABORTED = 11;

  private ExitCode() {}

  /** The code for an operation that ended without its own answer. */
  static int of(Failure failure) {
    return failure.match(
        new Failure.Cases<Integer>() {
          @Override
          public Integer notApplied(Failure.NotApplied f) {
            return NOT_APPLIED;
          }

          @Override
          public Integer unknown(Failure.Unknown f) {
            return UNKNOWN;
          }

          @Override
          public Integer refused(Failure.Refused f) {
            return REFUSED;
          }

          @Override
          public Integer credentialsRefused(Failure.CredentialsRefused f) {
            return CREDENTIALS;
          }

          @Override
          public Integer rejected(Failure.Rejected f) {
            return FAILED;
          }

          @Override
          public Integer protocolViolation(Failure.ProtocolViolation f) {
            return FAILED;
          }

          @Override
          public Integer notSaved(Failure.NotSaved f) {
            return FAILED;
          }
        });
  }
}
