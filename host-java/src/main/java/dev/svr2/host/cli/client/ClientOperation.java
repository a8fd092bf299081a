// SPDX-License-Identifier: Apache-2.0
//
// What the four client commands have in common: the client, warnings, errors of usage.
package dev.svr2.host.cli.client;

import dev.svr2.client.Credentials;
import dev.svr2.client.Failure;
import dev.svr2.client.Handshake;
import dev.svr2.client.Pins;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.transport.Transport;
import java.net.URI;
import java.util.concurrent.Callable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** A command that talks to a group as a client. */
abstract class ClientOperation implements Callable<Integer> {
  @ParentCommand private ClientCommand parent;
  @Spec private CommandSpec spec;
  @Mixin private ConnectionOptions connection;

  @Option(
      names = "--target",
      required = true,
      paramLabel = "HOST:PORT",
      description =
          "A replica's client address, for gRPC; with ws:// or wss:// before it for WebSocket, which"
              + " needs --pins.")
  private String target;

  /** Reads the command's own arguments, before anything is connected. */
  abstract void prepare(ClientIo io, Report report) throws CliException;

  /** Does it. Returns the exit code. */
  abstract int run(Svr2Client client, Report report);

  /** Erases what prepare read. */
  void wipe() {}

  @Override
  public final Integer call() {
    ClientIo io = parent.io();
    Report report =
        new Report(spec.commandLine().getOut(), spec.commandLine().getErr(), connection.json);
    try {
      Pins pins = connection.pins();
      ClientIo.Way way = way(io, pins);
      if (pins == null && !connection.allowSimulated) {
        throw new CliException("give --pins FILE, or --allow-simulated to pin nothing");
      }
      Handshake handshake = connection.handshake(pins);
      Credentials credentials = connection.credentials(io);
      prepare(io, report);
      if (pins == null) {
        report.warn("nothing is pinned: any program and any group is accepted");
      }
      if (pins == null || !pins.isProtected()) {
        report.warn("NOT PROTECTED: simulated evidence proves nothing");
      }
      try (Transport transport = way.open()) {
        return run(client(transport, credentials, pins, handshake, io), report);
      }
    } catch (CliException e) {
      return report.end(ExitCode.USAGE, "usage", e.getMessage());
    } finally {
      wipe();
    }
  }

  /** How to connect, checked before anything is. */
  private ClientIo.Way way(ClientIo io, Pins pins) throws CliException {
    if (!target.matches("(?i)wss?://.*")) {
      String address = ConnectionOptions.hostPort("--target", target);
      return connection.way(io, address);
    }
    if (pins == null) {
      throw new CliException("--target with ws:// needs --pins: the measurement is in its path");
    }
    try {
      Transport transport = io.webSocket(URI.create(target), pins, connection.tls());
      return () -> transport;
    } catch (IllegalArgumentException e) {
      throw new CliException("--target must be HOST:PORT, ws://HOST:PORT or wss://HOST:PORT");
    }
  }

  private Svr2Client client(
      Transport transport, Credentials credentials, Pins pins, Handshake handshake, ClientIo io) {
    return Svr2Client.builder()
        .transport(transport)
        .credentials(credentials)
        .pins(pins)
        .handshake(handshake)
        .allowSimulated(connection.allowSimulated)
        .timeout(io.timeout())
        .retryPause(io.retryPause())
        .build();
  }

  /** Ends with the code and the words of a failure. */
  static int end(Report report, Failure failure) {
    return end(report, failure, "");
  }

  /** The same with words before. */
  static int end(Report report, Failure failure, String before) {
    if (failure instanceof Failure.Refused refused) {
      report.field("reason", refused.reason().name());
    }
    return report.end(ExitCode.of(failure), word(failure), before + phrase(failure));
  }

  private static String word(Failure failure) {
    return switch (ExitCode.of(failure)) {
      case ExitCode.NOT_APPLIED -> "not-applied";
      case ExitCode.UNKNOWN -> "unknown";
      case ExitCode.REFUSED -> "refused";
      case ExitCode.CREDENTIALS -> "credentials-refused";
      default -> "failed";
    };
  }

  private static String phrase(Failure failure) {
    String words =
        switch (ExitCode.of(failure)) {
          case ExitCode.NOT_APPLIED -> "not applied, safe to retry";
          case ExitCode.UNKNOWN -> "unknown whether applied";
          case ExitCode.REFUSED -> "evidence or pins refused";
          case ExitCode.CREDENTIALS -> "credentials refused";
          default -> "not applied";
        };
    return words + ": " + failure.text();
  }
}
