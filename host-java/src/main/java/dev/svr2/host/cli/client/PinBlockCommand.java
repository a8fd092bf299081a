// SPDX-License-Identifier: Apache-2.0
//
// `svr2 pin-block`: prints the pins of a group from verified evidence of a running replica, and
// compares them with given ones. Source: cli.md.
package dev.svr2.host.cli.client;

import dev.svr2.client.Handshake;
import dev.svr2.client.PinBlock;
import dev.svr2.client.PinPolicy;
import dev.svr2.client.Pins;
import dev.svr2.client.UnreachableException;
import dev.svr2.client.evidence.EvidenceException;
import dev.svr2.client.evidence.EvidenceRefusal;
import dev.svr2.client.evidence.VerifiedEvidence;
import dev.svr2.client.transport.Transport;
import dev.svr2.proto.ControlServiceGrpc;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetEvidenceResponse;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Prints pins; standard output is a pin file. */
@Command(
    name = "pin-block",
    description = {
      "Prints the pins of a group from verified evidence of a running replica.",
      "With --pins it ends with 7 when the evidence differs from them."
    },
    mixinStandardHelpOptions = true)
public final class PinBlockCommand implements Callable<Integer> {
  /** Exactly one of the two. */
  static final class Source {
    @Option(
        names = "--control",
        required = true,
        paramLabel = "HOST:PORT",
        description = "A replica's control address.")
    String control;

    @Option(
        names = "--target",
        required = true,
        paramLabel = "HOST:PORT",
        description = "A replica's client address; needs credentials.")
    String target;
  }

  /** What a replica proves and offers. */
  private record Offer(VerifiedEvidence evidence, Handshake handshake) {}

  private final ClientIo io;
  @Spec private CommandSpec spec;
  @Mixin private ConnectionOptions connection;

  @ArgGroup(multiplicity = "1")
  private Source source;

  /** For the launcher. */
  public PinBlockCommand() {
    this(new ClientIo());
  }

  PinBlockCommand(ClientIo io) {
    this.io = io;
  }

  @Override
  public Integer call() {
    // Pins are JSON by nature; --json turns the other endings into an object, too.
    Report report =
        new Report(spec.commandLine().getOut(), spec.commandLine().getErr(), connection.json);
    try {
      Pins pinned = connection.pins();
      Offer offer = source.control == null ? fromTarget(pinned) : fromControl(pinned);
      if (pinned != null) {
        PinPolicy.of(pinned, connection.allowSimulated).check(offer.evidence);
      }
      Pins pins = PinBlock.fromEvidence(offer.evidence, offer.handshake, connection.allowSimulated);
      if (!pins.isProtected()) {
        report.warn("NOT PROTECTED: simulated evidence proves nothing");
      }
      spec.commandLine().getOut().print(pins.toJson());
      spec.commandLine().getOut().flush();
      return ExitCode.DONE;
    } catch (CliException e) {
      return report.end(ExitCode.USAGE, "usage", e.getMessage());
    } catch (EvidenceException e) {
      return report
          .field("reason", e.reason().name())
          .end(ExitCode.REFUSED, "refused", "evidence or pins refused: " + e.getMessage());
    } catch (UnreachableException e) {
      return ClientOperation.end(report, e.failure());
    } catch (StatusRuntimeException e) {
      return endControl(report, e.getStatus());
    }
  }

  /** As a client sees it: the handshake itself shows that it is offered. */
  private Offer fromTarget(Pins pinned)
      throws CliException, UnreachableException, EvidenceException {
    String address = ConnectionOptions.hostPort("--target", source.target);
    Handshake handshake = connection.handshake(pinned);
    var credentials = connection.credentials(io);
    try (Transport transport = connection.way(io, address).open()) {
      return new Offer(
          PinBlock.fetchEvidence(transport, credentials, handshake, io.timeout()), handshake);
    }
  }

  /** The handshake is the replica's word. */
  private Offer fromControl(Pins pinned) throws CliException, EvidenceException {
    Handshake asked = connection.askedHandshake(pinned);
    ManagedChannel channel =
        io.controlChannel(ConnectionOptions.hostPort("--control", source.control));
    GetEvidenceResponse response;
    try {
      response =
          ControlServiceGrpc.newBlockingStub(channel)
              .withDeadlineAfter(io.timeout().toMillis(), TimeUnit.MILLISECONDS)
              .getEvidence(GetEvidenceRequest.getDefaultInstance());
    } finally {
      channel.shutdownNow();
    }
    Handshake offered = handshakeOf(response.getHandshake());
    if (asked != null && asked != offered) {
      throw new EvidenceException(
          EvidenceRefusal.HANDSHAKE_NOT_OFFERED,
          "the pins or --handshake name "
              + asked
              + "; client_pq in the server's configuration names "
              + offered);
    }
    return new Offer(
        PinBlock.verifyHandshakeStart(response.getHandshakeStart().toByteArray()), offered);
  }

  private static Handshake handshakeOf(String text) throws EvidenceException {
    try {
      return Handshake.of(text);
    } catch (IllegalArgumentException e) {
      throw new EvidenceException(
          EvidenceRefusal.HANDSHAKE_NOT_OFFERED, "the server names neither NK nor NKhfs");
    }
  }

  private static int endControl(Report report, Status status) {
    String text = "the control service did not answer with evidence: " + status.getCode();
    if (status.getDescription() != null) {
      text += ": " + status.getDescription().replaceAll("[^\\x20-\\x7e]", "?");
    }
    return switch (status.getCode()) {
      case UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED ->
          report.end(ExitCode.NOT_APPLIED, "not-applied", text);
      case UNAUTHENTICATED, PERMISSION_DENIED ->
          report.end(ExitCode.CREDENTIALS, "credentials-refused", text);
      default -> report.end(ExitCode.FAILED, "failed", text);
    };
  }
}
