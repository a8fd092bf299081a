// SPDX-License-Identifier: Apache-2.0
//
// Entry point of ./svr2: the root command, and how every command reports what went wrong.
package dev.svr2.host.cli;

import dev.svr2.enclave.EnclaveException;
import dev.svr2.host.Version;
import dev.svr2.host.cli.client.BenchCommand;
import dev.svr2.host.cli.client.ClientCommand;
import dev.svr2.host.cli.client.ExitCode;
import dev.svr2.host.cli.client.PinBlockCommand;
import dev.svr2.host.config.ConfigException;
import dev.svr2.host.log.Logs;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command line. */
@Command(
    name = "svr2",
    description = "Secure value recovery: a host, its clients and its operators.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.VersionText.class,
    subcommands = {
      ClusterCommand.class,
      HostCommand.class,
      ClientCommand.class,
      AdminCommand.class,
      TokenCommand.class,
      PinBlockCommand.class,
      ImageCommand.class,
      EvidenceCommand.class,
      BenchCommand.class,
      HealthCommand.class,
      DoctorCommand.class,
      CompletionCommand.class
    },
    exitCodeListHeading = "Exit codes:%n",
    exitCodeList = {
      "0:done",
      "1:anything not below",
      "2:usage or configuration",
      "3 to 9:see 'svr2 client --help'",
      "10:host: the replica stopped for good; start a new one",
      "11:host: the enclave aborted; start a new one"
    })
public final class Main implements Runnable {
  @Spec private CommandSpec spec;

  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      description = "Show the stack trace of an error.")
  private boolean debug;

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] args) {
    // Quiet until a configuration says otherwise: commands print only what was asked for.
    var unused = Logs.quiet();
    System.exit(commandLine().execute(args));
  }

  /** The whole command line, for the launcher and for tests. */
  public static CommandLine commandLine() {
    Main main = new Main();
    CommandLine commandLine = new CommandLine(main);
    commandLine.setExecutionExceptionHandler(
        (failure, command, parsed) -> main.report(failure, command, wantsJson(parsed)));
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    // "client backup --data @FILE" means that file's bytes, not a file of arguments (cli.md).
    commandLine.setExpandAtFiles(false);
    return commandLine;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }

  private static boolean wantsJson(ParseResult parsed) {
    return parsed.asCommandLineList().stream()
        .anyMatch(command -> command.getParseResult().hasMatchedOption("--json"));
  }

  private int report(Exception failure, CommandLine command, boolean json) {
    PrintWriter err = command.getErr();
    if (debug) {
      failure.printStackTrace(err);
    }
    int exitCode = ExitCode.FAILED;
    String text = failure.getMessage();
    if (failure instanceof CommandException known) {
      exitCode = known.exitCode();
    } else if (failure instanceof ConfigException) {
      exitCode = ExitCode.USAGE;
    } else if (!(failure instanceof EnclaveException) || text == null) {
      text = failure + "; --debug shows where";
    }
    if (json) {
      command.getOut().println(Json.failure(exitCode, text));
      command.getOut().flush();
    }
    text.lines().forEach(line -> err.println("error: " + line));
    err.flush();
    return exitCode;
  }

  /** Name and version. */
  static final class VersionText implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"svr2 " + Version.current()};
    }
  }
}
