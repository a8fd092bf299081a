// SPDX-License-Identifier: Apache-2.0
//
// `svr2 admin`: everything in the control service, for people and (--json) for programs. Here what
// concerns one host; what concerns the group stands in AdminGroupCommands.
package dev.svr2.host.cli;

import com.google.protobuf.ByteString;
import dev.svr2.host.cli.client.ExitCode;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetMetricsRequest;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.LogLevel;
import dev.svr2.proto.SetLogLevelCall;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

@Command(
    name = "admin",
    description = "Asks and orders a running host over its control address.",
    mixinStandardHelpOptions = true)
final class AdminCommand extends AdminGroupCommands implements Runnable {
  /** Levels as people write them. */
  enum Level {
    ERROR,
    WARN,
    INFO,
    DEBUG
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "an admin command is missing");
  }

  @Command(
      name = "status",
      description = "Prints how the host is, and why it is not ready.",
      mixinStandardHelpOptions = true)
  int status() throws CommandException {
    GetStatusResponse status = call(stub -> stub.getStatus(GetStatusRequest.getDefaultInstance()));
    print(AdminText.describe(status));
    return ExitCode.DONE;
  }

  @Command(
      name = "metrics",
      description = "Prints all metrics in Prometheus text format.",
      mixinStandardHelpOptions = true)
  int metrics() throws CommandException {
    String text = call(stub -> stub.getMetrics(GetMetricsRequest.getDefaultInstance())).getText();
    PrintWriter out = spec.commandLine().getOut();
    out.print(json ? Json.object(Map.of("metrics", text)) + "\n" : text);
    out.flush();
    return ExitCode.DONE;
  }

  @Command(
      name = "log-level",
      description = "Changes what is logged until the host ends.",
      mixinStandardHelpOptions = true)
  int logLevel(
      @Parameters(paramLabel = "LEVEL", description = "error, warn, info or debug.") Level level,
      @Option(
              names = "--logger",
              paramLabel = "NAME",
              description =
                  "A Java logger of the host, '' for the root logger. Without it, the enclave.")
          String logger)
      throws CommandException {
    SetLogLevelCall.Builder order =
        SetLogLevelCall.newBuilder().setLevel(LogLevel.valueOf("LOG_LEVEL_" + level.name()));
    if (logger != null) {
      order.setLogger(logger);
    }
    var unused = call(stub -> stub.setLogLevel(order.build()));
    Map<String, Object> done = new LinkedHashMap<>();
    done.put("logger", logger == null ? "the enclave" : logger);
    done.put("level", level.name().toLowerCase(Locale.ROOT));
    print(done);
    return ExitCode.DONE;
  }

  @Command(
      name = "evidence",
      description = "Prints the first item that clients are sent, with the evidence, in hex.",
      mixinStandardHelpOptions = true)
  int evidence() throws CommandException {
    ByteString start =
        call(stub -> stub.getEvidence(GetEvidenceRequest.getDefaultInstance())).getHandshakeStart();
    if (json) {
      print(Map.of("handshake_start", AdminText.hex(start)));
    } else {
      spec.commandLine().getOut().println(AdminText.hex(start));
      spec.commandLine().getOut().flush();
    }
    return ExitCode.DONE;
  }
}
