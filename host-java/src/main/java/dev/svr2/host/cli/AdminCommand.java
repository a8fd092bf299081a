// SPDX-License-Identifier: Apache-2.0
//
// `svr2 admin`: everything in the control service, for people and (--json) for programs.
package dev.svr2.host.cli;

import com.google.protobuf.ByteString;
import dev.svr2.host.cli.client.ExitCode;
import dev.svr2.host.config.HostPort;
import dev.svr2.proto.ControlServiceGrpc;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetMetricsRequest;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.LogLevel;
import dev.svr2.proto.MemberStatus;
import dev.svr2.proto.RaftGroupConfig;
import dev.svr2.proto.SetLogLevelCall;
import dev.svr2.proto.StatusReply;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.StatusProto;
import java.io.PrintWriter;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.UnknownHostException;
import java.nio.channels.UnresolvedAddressException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

@Command(
    name = "admin",
    description = "Asks and orders a running host over its control address.",
    mixinStandardHelpOptions = true)
final class AdminCommand implements Runnable {
  private static final int TIMEOUT_SECONDS = 15;
  private static final int MAX_ANSWER_BYTES = 16 << 20;

  /** Failures after which nothing can have been sent. */
  private static final List<Class<? extends Exception>> NEVER_CONNECTED =
      List.of(
          ConnectException.class,
          NoRouteToHostException.class,
          UnknownHostException.class,
          UnresolvedAddressException.class);

  /** Levels as people write them. */
  enum Level {
    ERROR,
    WARN,
    INFO,
    DEBUG
  }

  @Spec private CommandSpec spec;

  @Option(
      names = "--control",
      scope = ScopeType.INHERIT,
      paramLabel = "HOST:PORT",
      defaultValue = "127.0.0.1:8444",
      description = "The host's control address (default: ${DEFAULT-VALUE}).")
  private String control;

  @Option(names = "--json", scope = ScopeType.INHERIT, description = Json.OPTION)
  private boolean json;

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
    print(describe(status));
    return ExitCode.DONE;
  }

  @Command(
      name = "create-group",
      description = {
        "Founds a group of one with the group values of the host's configuration.",
        "Never run it to repair a group: it makes a new, empty one with another id."
      },
      mixinStandardHelpOptions = true)
  int createGroup() throws CommandException {
    RaftGroupConfig group =
        call(stub -> stub.createGroup(CreateGroupCall.getDefaultInstance())).getGroup();
    print(describe(group));
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
      print(Map.of("handshake_start", hex(start)));
    } else {
      spec.commandLine().getOut().println(hex(start));
      spec.commandLine().getOut().flush();
    }
    return ExitCode.DONE;
  }

  private <T> T call(Function<ControlServiceGrpc.ControlServiceBlockingStub, T> command)
      throws CommandException {
    HostPort address;
    try {
      address = HostPort.parseTarget(control);
    } catch (IllegalArgumentException e) {
      throw new CommandException(
          ExitCode.USAGE, "--control '" + control + "' is not HOST:PORT: " + e.getMessage(), e);
    }
    ManagedChannel channel =
        NettyChannelBuilder.forAddress(address.toSocketAddress())
            .usePlaintext()
            .maxInboundMessageSize(MAX_ANSWER_BYTES)
            .build();
    try {
      return command.apply(
          ControlServiceGrpc.newBlockingStub(channel)
              .withDeadlineAfter(TIMEOUT_SECONDS, TimeUnit.SECONDS));
    } catch (StatusRuntimeException e) {
      throw failure(address, e);
    } finally {
      channel.shutdownNow();
    }
  }

  private static CommandException failure(HostPort address, StatusRuntimeException e) {
    Status status = e.getStatus();
    String text =
        status.getDescription() == null ? status.getCode().name() : status.getDescription();
    return switch (status.getCode()) {
      case UNAVAILABLE -> unavailable(address, text, e);
      case RESOURCE_EXHAUSTED -> new CommandException(ExitCode.NOT_APPLIED, text, e);
      case DEADLINE_EXCEEDED ->
          new CommandException(ExitCode.UNKNOWN, "no answer in time; it may have been done", e);
      case INVALID_ARGUMENT -> new CommandException(ExitCode.USAGE, text, e);
      default -> new CommandException(ExitCode.FAILED, text, e);
    };
  }

  /** gRPC gives one code to a host that refuses, a place where none is, and a broken connection. */
  private static CommandException unavailable(
      HostPort address, String text, StatusRuntimeException e) {
    if (StatusProto.fromThrowable(e).getDetailsCount() > 0) {
      return new CommandException(ExitCode.NOT_APPLIED, text, e); // The host said this.
    }
    Throwable cause = e.getStatus().getCause();
    boolean connected = true;
    for (Throwable at = cause; at != null; at = at.getCause()) {
      Throwable one = at;
      connected &= NEVER_CONNECTED.stream().noneMatch(type -> type.isInstance(one));
    }
    String why = cause == null || cause.getMessage() == null ? text : cause.getMessage();
    return connected
        ? new CommandException(
            ExitCode.UNKNOWN,
            "the connection to %s broke; it may have been done: %s".formatted(address, why),
            e)
        : new CommandException(
            ExitCode.NOT_APPLIED, "no host answers at %s: %s".formatted(address, why), e);
  }

  private static Map<String, Object> describe(GetStatusResponse status) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("ready", status.getReady());
    fields.put("not_ready_reason", status.getNotReadyReason());
    fields.put("live", status.getLive());
    fields.put("protection", status.getNotProtected() ? "NOT PROTECTED" : "protected");
    fields.put("platform", status.getPlatform());
    fields.put("measurement", hex(status.getMeasurement()));
    fields.put("client_address", status.getClientAddress());
    fields.put("control_address", status.getControlAddress());
    fields.put("version", status.getVersion());
    fields.put("uptime_seconds", status.getUptimeSeconds());
    if (status.hasEnclave()) {
      fields.put("replica", describe(status.getEnclave()));
    }
    return fields;
  }

  private static Map<String, Object> describe(StatusReply replica) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("id", hex(replica.getPeerId()));
    fields.put("role", replica.getRole().name().replace("RAFT_ROLE_", "").toLowerCase(Locale.ROOT));
    fields.put("voting", replica.getVoting());
    fields.put("leader", hex(replica.getLeaderId()));
    fields.put("term", replica.getTerm());
    fields.put("last_index", replica.getLastIndex());
    fields.put("promise_index", replica.getPromiseIndex());
    fields.put("commit_index", replica.getCommitIndex());
    fields.put("applied_index", replica.getAppliedIndex());
    fields.put("rows", replica.getRows());
    fields.put("log_bytes", replica.getLogBytes());
    fields.put("client_sessions", replica.getClientSessions());
    fields.put("group_time_seconds", replica.getGroupTimeSeconds());
    if (replica.hasGroup()) {
      fields.put("group", describe(replica.getGroup()));
    }
    fields.put("members", replica.getMembersList().stream().map(AdminCommand::describe).toList());
    Map<String, Object> minimums = new LinkedHashMap<>();
    replica.getMinimums().getLimMap().forEach((name, value) -> minimums.put(name, hex(value)));
    fields.put("minimums", minimums);
    return fields;
  }

  private static Map<String, Object> describe(MemberStatus member) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("id", hex(member.getPeerId()));
    fields.put("voting", member.getVoting());
    return fields;
  }

  private static Map<String, Object> describe(RaftGroupConfig group) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("group_id", HexFormat.of().toHexDigits(group.getGroupId()));
    fields.put("min_voting_replicas", Integer.toUnsignedLong(group.getMinVotingReplicas()));
    fields.put("max_voting_replicas", Integer.toUnsignedLong(group.getMaxVotingReplicas()));
    fields.put("super_majority", Integer.toUnsignedLong(group.getSuperMajority()));
    fields.put("db_version", Integer.toUnsignedLong(group.getDbVersion()));
    fields.put("attestation_timeout", Integer.toUnsignedLong(group.getAttestationTimeout()));
    fields.put("simulated", group.getSimulated());
    return fields;
  }

  private void print(Map<String, ?> fields) {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.object(fields));
    } else {
      printLines(out, "", fields);
    }
    out.flush();
  }

  private static void printLines(PrintWriter out, String indent, Map<String, ?> fields) {
    for (Map.Entry<String, ?> field : fields.entrySet()) {
      Object value = field.getValue();
      if (value instanceof Map<?, ?> map) {
        out.println(indent + field.getKey());
        printLines(out, indent + "  ", named(map));
      } else if (value instanceof List<?> list) {
        for (Object element : list) {
          out.println(indent + field.getKey());
          printLines(out, indent + "  ", named((Map<?, ?>) element));
        }
      } else if (!value.equals("")) {
        out.println("%s%-20s %s".formatted(indent, field.getKey(), value));
      }
    }
  }

  private static Map<String, Object> named(Map<?, ?> map) {
    Map<String, Object> fields = new LinkedHashMap<>();
    map.forEach((name, value) -> fields.put(String.valueOf(name), value));
    return fields;
  }

  private static String hex(ByteString bytes) {
    return HexFormat.of().formatHex(bytes.toByteArray());
  }
}
