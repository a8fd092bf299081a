// SPDX-License-Identifier: Apache-2.0
//
// Exit codes of the client commands. Source: cli.md.
package dev.svr2.host.cli.client;

import dev.svr2.client.Failure;

/** What the commands end with. */
final class ExitCode {
  static final int DONE = 0;
  static final int OTHER = 1;
  static final int USAGE = 2;
  static final int WRONG_PIN = 3;
  static final int NOTHING_THERE = 4;
  static final int NOT_APPLIED = 5;
  static final int UNKNOWN = 6;
  static final int REFUSED = 7;
  static final int CREDENTIALS = 8;
  static final int EXPOSE_REFUSED = 9;

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
            return OTHER;
          }

          @Override
          public Integer protocolViolation(Failure.ProtocolViolation f) {
            return OTHER;
          }
        });
  }
}
