// SPDX-License-Identifier: Apache-2.0
//
// `svr2 client …`: stores, restores, counts and erases a secret. Source: cli.md.
package dev.svr2.host.cli.client;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The group of client commands; alone it is a usage error. */
@Command(
    name = "client",
    description = "Stores, restores, counts and erases a secret.",
    mixinStandardHelpOptions = true,
    subcommands = {
      BackupCommand.class,
      RestoreCommand.class,
      TriesCommand.class,
      DeleteCommand.class
    },
    exitCodeListHeading = "Exit codes:%n",
    exitCodeList = {
      "0:done",
      "1:anything not below, a restore answered ERROR among them",
      "2:usage or configuration",
      "3:wrong PIN; the tries left are printed",
      "4:nothing there: never stored, not exposed, or erased",
      "5:not applied, safe to retry",
      "6:unknown whether applied",
      "7:evidence or pins refused",
      "8:credentials refused",
      "9:expose refused: another secret stands there, or none"
    })
public final class ClientCommand implements Runnable {
  private final ClientIo io;
  @Spec private CommandSpec spec;

  /** For the launcher: the process's own console, environment and network. */
  public ClientCommand() {
    this(new ClientIo());
  }

  ClientCommand(ClientIo io) {
    this.io = io;
  }

  ClientIo io() {
    return io;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a client command is missing");
  }
}
