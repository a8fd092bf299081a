// SPDX-License-Identifier: Apache-2.0
//
// `svr2 evidence`: what evidence says, and whether it verifies, without a server.
package dev.svr2.host.cli;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.svr2.client.PinPolicy;
import dev.svr2.client.Pins;
import dev.svr2.client.PinsException;
import dev.svr2.client.evidence.EvidenceException;
import dev.svr2.client.evidence.EvidenceVerifier;
import dev.svr2.client.evidence.GroupConfig;
import dev.svr2.client.evidence.SgxEvidenceVerifier;
import dev.svr2.client.evidence.SimulatedEvidenceVerifier;
import dev.svr2.client.evidence.TcbStatus;
import dev.svr2.client.evidence.VerifiedEvidence;
import dev.svr2.host.cli.client.ExitCode;
import dev.svr2.proto.ClientHandshakeStart;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "evidence",
    description = "Verifies evidence of enclaves without a server.",
    mixinStandardHelpOptions = true)
final class EvidenceCommand implements Runnable {
  private static final int FILE_MAX_BYTES = 1024 * 1024;

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "inspect is missing");
  }

  private record Given(ByteString evidence, ByteString endorsement) {}

  @Command(
      name = "inspect",
      description = {
        "Verifies evidence and prints what it says; with --pins also whether a client would accept it.",
        "Ends with 7 when it is refused, and says by which check."
      },
      mixinStandardHelpOptions = true)
  int inspect(
      @Parameters(
              paramLabel = "FILE",
              description =
                  "Evidence, or the first item of a client session (a serialized"
                      + " ClientHandshakeStart), which holds its endorsements, too.")
          Path file,
      @Option(
              names = "--endorsements",
              paramLabel = "FILE",
              description = "What Intel says of the platform, where FILE holds evidence alone.")
          Path endorsements,
      @Option(
              names = "--time",
              paramLabel = "TIME",
              description =
                  "Compare dates with this time, as in 2026-07-30T17:31:28Z. Default: now.")
          String time,
      @Option(
              names = "--pins",
              paramLabel = "FILE",
              description = "Also check what it says against the pins of a group.")
          Path pinsFile,
      @Option(names = "--json", description = Json.OPTION) boolean json)
      throws CommandException {
    EvidenceVerifier hardware = new SgxEvidenceVerifier(clock(time));
    Given given = given(hardware, file, endorsements);
    Pins pins = pinsFile == null ? null : pins(pinsFile);
    try {
      VerifiedEvidence verified =
          EvidenceVerifier.verifyAny(
              given.evidence().toByteArray(), given.endorsement().toByteArray(), hardware);
      if (pins != null) {
        PinPolicy.of(pins, !pins.isProtected()).check(verified);
      }
      Map<String, Object> fields = describe(verified, pins != null);
      if (json) {
        print(Json.object(fields));
      } else {
        fields.forEach((name, value) -> print("%-28s %s".formatted(name, value)));
      }
      if (verified.simulated()) {
        spec.commandLine()
            .getErr()
            .println("warning: NOT PROTECTED: simulated evidence proves nothing");
      }
      return ExitCode.DONE;
    } catch (EvidenceException e) {
      throw new CommandException(
          ExitCode.REFUSED, "refused (" + e.reason().name() + "): " + e.getMessage());
    }
  }

  private static Clock clock(String time) throws CommandException {
    if (time == null) {
      return Clock.systemUTC();
    }
    try {
      return Clock.fixed(Instant.parse(time), ZoneOffset.UTC);
    } catch (DateTimeParseException e) {
      throw new CommandException(
          ExitCode.USAGE, "--time must be a time such as 2026-07-30T17:31:28Z");
    }
  }

  private static Given given(EvidenceVerifier hardware, Path file, Path endorsements)
      throws CommandException {
    byte[] bytes = read(file);
    if (hardware.recognizes(bytes) || new SimulatedEvidenceVerifier().recognizes(bytes)) {
      return new Given(
          ByteString.copyFrom(bytes),
          endorsements == null ? ByteString.EMPTY : ByteString.copyFrom(read(endorsements)));
    }
    try {
      ClientHandshakeStart start = ClientHandshakeStart.parseFrom(bytes);
      if (!start.getEvidence().isEmpty()) {
        if (endorsements != null) {
          throw new CommandException(
              ExitCode.USAGE, file + " holds endorsements already; leave --endorsements out");
        }
        return new Given(start.getEvidence(), start.getEndorsement());
      }
    } catch (InvalidProtocolBufferException e) {
      throw notEvidence(file);
    }
    throw notEvidence(file);
  }

  private static CommandException notEvidence(Path file) {
    return new CommandException(
        ExitCode.USAGE, file + " is neither evidence nor the first item of a session");
  }

  private static Pins pins(Path file) throws CommandException {
    try {
      return Pins.parse(new String(read(file), StandardCharsets.UTF_8));
    } catch (PinsException e) {
      throw new CommandException(ExitCode.USAGE, file + ": " + e.getMessage());
    }
  }

  private static byte[] read(Path file) throws CommandException {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(FILE_MAX_BYTES + 1);
      if (bytes.length <= FILE_MAX_BYTES) {
        return bytes;
      }
    } catch (IOException e) {
      throw new CommandException(ExitCode.USAGE, "cannot read " + file);
    }
    throw new CommandException(ExitCode.USAGE, file + " has more than 1 MiB");
  }

  private static Map<String, Object> describe(VerifiedEvidence evidence, boolean pinned) {
    HexFormat hex = HexFormat.of();
    GroupConfig group = evidence.group();
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("verified", true);
    fields.put("pins", pinned ? "accepted" : "not compared");
    fields.put("protected", !evidence.simulated());
    fields.put("debug", evidence.debug());
    fields.put("measurement", hex.formatHex(evidence.measurement()));
    fields.put("public_key", hex.formatHex(evidence.publicKey()));
    fields.put("group_id", group.groupIdHex());
    fields.put("min_voting_replicas", group.minVotingReplicas());
    fields.put("max_voting_replicas", group.maxVotingReplicas());
    fields.put("super_majority", group.superMajority());
    fields.put("db_version", group.dbVersion());
    fields.put("attestation_timeout", group.attestationTimeoutSeconds());
    fields.put("simulated", group.simulated());
    Map<String, String> minimums = new TreeMap<>();
    evidence.minimums().forEach((name, value) -> minimums.put(name, hex.formatHex(value)));
    fields.put("minimums", minimums);
    if (!evidence.simulated()) {
      fields.put("tcb_status", evidence.tcbStatus().map(TcbStatus::wireName).orElseThrow());
      fields.put("advisories", evidence.advisories());
      fields.put("tcb_evaluation_data_number", evidence.evaluationNumber());
      fields.put("valid_from", evidence.validFrom().orElseThrow().toString());
      fields.put("valid_to", evidence.validTo().orElseThrow().toString());
    }
    return fields;
  }

  private void print(String line) {
    spec.commandLine().getOut().println(line);
    spec.commandLine().getOut().flush();
  }
}
