// SPDX-License-Identifier: Apache-2.0
//
// `svr2 host`: runs one host with one enclave in the foreground.
package dev.svr2.host.cli;

import dev.svr2.enclave.EnclaveException;
import dev.svr2.host.Host;
import dev.svr2.host.cli.client.ExitCode;
import dev.svr2.host.config.ConfigException;
import dev.svr2.host.config.ConfigLoader;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.log.Logs;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "host",
    description = {
      "Runs one host with one enclave in the foreground, until SIGTERM or Ctrl-C.",
      "Logs go to standard error. Standard output gets one line, when a client request can be answered:",
      "READY client=HOST:PORT control=HOST:PORT, and NOT PROTECTED on simulated platforms."
    },
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "Exit codes:%n",
    exitCodeList = {
      "0:ended by a signal",
      "1:could not start, or did not end in time",
      "2:configuration refused",
      "10:the replica stopped for good; start a new one",
      "11:the enclave aborted; start a new one"
    })
final class HostCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--config",
      required = true,
      paramLabel = "FILE",
      description = "The configuration; docs/configuration.md lists its keys.")
  private Path configFile;

  @Option(
      names = "--watch-stdin",
      description =
          "End when standard input does, and leave Ctrl-C to what started this: for programs that"
              + " start hosts, such as 'svr2 cluster'.")
  private boolean watchStdin;

  @Override
  public Integer call()
      throws ConfigException, EnclaveException, CommandException, InterruptedException {
    HostConfig config = ConfigLoader.load(configFile, System.getenv());
    Foreground foreground = start(config);
    foreground = watchStdin ? foreground.obey(System.in) : foreground.catchSignals();
    if (foreground.awaitReady()) {
      foreground.printReady(spec.commandLine().getOut());
    }
    return foreground.untilEnd();
  }

  private static Foreground start(HostConfig config) throws EnclaveException, CommandException {
    try {
      Host host = Host.start(config, Logs.configure(config.log()));
      return new Foreground(host, config.runtime().shutdownDeadline());
    } catch (IOException e) {
      throw new CommandException(ExitCode.FAILED, e.getMessage(), e);
    }
  }
}
