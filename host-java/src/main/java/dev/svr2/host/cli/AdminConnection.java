// SPDX-License-Identifier: Apache-2.0
//
// What all admin commands share: the connection to a host's control address, what its failures
// mean, and how answers are printed.
package dev.svr2.host.cli;

import dev.svr2.host.auth.AuthSecrets;
import dev.svr2.host.cli.client.ExitCode;
import dev.svr2.host.config.HostPort;
import dev.svr2.proto.ControlServiceGrpc;
import io.grpc.ChannelCredentials;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.UnknownHostException;
import java.nio.channels.UnresolvedAddressException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** One control address; each call opens a connection and closes it. */
abstract class AdminConnection {
  private static final int TIMEOUT_SECONDS = 15;
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
  private static final int MAX_ANSWER_BYTES = 16 << 20;

  /** Failures after which nothing can have been sent. */
  private static final List<Class<? extends Exception>> NEVER_CONNECTED =
      List.of(
          ConnectException.class,
          NoRouteToHostException.class,
          UnknownHostException.class,
          UnresolvedAddressException.class);

  @Spec CommandSpec spec;

  @Option(
      names = "--control",
      scope = ScopeType.INHERIT,
      paramLabel = "HOST:PORT",
      defaultValue = "127.0.0.1:8444",
      description = "The host's control address (default: ${DEFAULT-VALUE}).")
  private String control;

  @Option(names = "--json", scope = ScopeType.INHERIT, description = Json.OPTION)
  boolean json;

  @Option(
      names = "--token-file",
      scope = ScopeType.INHERIT,
      paramLabel = "FILE",
      description = "The host's control.token_file, or a copy.")
  private Path tokenFile;

  @Option(
      names = "--tls-ca",
      scope = ScopeType.INHERIT,
      paramLabel = "FILE",
      description = "Connect with TLS, to a certificate signed by one of these (PEM).")
  private Path tlsAuthorities;

  @Option(
      names = "--tls-certificate",
      scope = ScopeType.INHERIT,
      paramLabel = "FILE",
      description = "The certificate (PEM) to show, where the host asks operators for one.")
  private Path tlsCertificate;

  @Option(
      names = "--tls-key",
      scope = ScopeType.INHERIT,
      paramLabel = "FILE",
      description = "Its private key (PEM, PKCS #8).")
  private Path tlsKey;

  private ChannelCredentials credentials() throws CommandException {
    boolean shows = tlsCertificate != null || tlsKey != null;
    if (tlsAuthorities == null && !shows) {
      return InsecureChannelCredentials.create();
    }
    if (tlsAuthorities == null || (tlsCertificate == null) != (tlsKey == null)) {
      throw new CommandException(
          ExitCode.USAGE, "--tls-certificate and --tls-key go together, and with --tls-ca");
    }
    try {
      TlsChannelCredentials.Builder builder =
          TlsChannelCredentials.newBuilder().trustManager(tlsAuthorities.toFile());
      if (shows) {
        builder.keyManager(tlsCertificate.toFile(), tlsKey.toFile());
      }
      return builder.build();
    } catch (IOException e) {
      throw new CommandException(ExitCode.USAGE, "cannot read " + e.getMessage(), e);
    }
  }

  private Metadata headers() throws CommandException {
    Metadata headers = new Metadata();
    if (tokenFile != null) {
      try {
        headers.put(AUTHORIZATION, "Bearer " + AuthSecrets.readText(tokenFile));
      } catch (IOException e) {
        throw new CommandException(ExitCode.USAGE, "--token-file: " + e.getMessage(), e);
      }
    }
    return headers;
  }

  /** Runs one command of the service, and gives every failure its words and its exit code. */
  <T> T call(Function<ControlServiceGrpc.ControlServiceBlockingStub, T> command)
      throws CommandException {
    HostPort address;
    try {
      address = HostPort.parseTarget(control);
    } catch (IllegalArgumentException e) {
      throw new CommandException(
          ExitCode.USAGE, "--control '" + control + "' is not HOST:PORT: " + e.getMessage(), e);
    }
    Metadata headers = headers();
    ManagedChannel channel =
        NettyChannelBuilder.forAddress(address.host(), address.port(), credentials())
            .maxInboundMessageSize(MAX_ANSWER_BYTES)
            .build();
    try {
      return command.apply(
          ControlServiceGrpc.newBlockingStub(channel)
              .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
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
      case UNAUTHENTICATED -> new CommandException(ExitCode.CREDENTIALS, text, e);
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

  /** For people, or with --json as one object. */
  void print(Map<String, ?> fields) {
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
}
