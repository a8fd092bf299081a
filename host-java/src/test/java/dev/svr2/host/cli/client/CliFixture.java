// SPDX-License-Identifier: Apache-2.0
//
// Runs the client commands against a fake server, with surroundings of the test's making.
package dev.svr2.host.cli.client;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.ByteString;
import dev.svr2.client.PinBlock;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.testing.FakeServer;
import dev.svr2.client.transport.Transport;
import dev.svr2.proto.ControlServiceGrpc;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetEvidenceResponse;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;

/** Close it after the test. */
final class CliFixture implements AutoCloseable {
  static final String USER = "000102030405060708090a0b0c0d0e0f";
  static final String CREDENTIALS = USER + ":1700000000:00112233445566778899";

  static final Clock CLOCK = Clock.fixed(Instant.ofEpochSecond(1_700_000_000L), ZoneOffset.UTC);

  StatusRuntimeException evidenceFailure;
  final FakeServer server = new FakeServer(new Control());
  final Map<String, String> environment = new HashMap<>();
  final Deque<String> console = new ArrayDeque<>();
  boolean hasConsole;
  byte[] input = new byte[0];
  Duration timeout = Duration.ofSeconds(5);
  String address;
  String out;
  String err;

  private final class Control extends ControlServiceGrpc.ControlServiceImplBase {
    @Override
    public void getEvidence(
        GetEvidenceRequest request, StreamObserver<GetEvidenceResponse> responses) {
      if (evidenceFailure != null) {
        responses.onError(evidenceFailure);
        return;
      }
      responses.onNext(
          GetEvidenceResponse.newBuilder()
              .setHandshakeStart(ByteString.copyFrom(server.evidence.handshakeStart()))
              .setHandshake(server.handshake.toString())
              .build());
      responses.onCompleted();
    }
  }

  private final class Io extends ClientIo {
    @Override
    String environment(String name) {
      return environment.get(name);
    }

    @Override
    InputStream input() {
      return new ByteArrayInputStream(input);
    }

    @Override
    boolean hasConsole() {
      return hasConsole;
    }

    @Override
    char[] askWithoutEcho(String prompt) {
      String line = console.poll();
      return line == null ? null : line.toCharArray();
    }

    @Override
    Clock clock() {
      return CLOCK;
    }

    @Override
    Duration timeout() {
      return timeout;
    }

    @Override
    Duration retryPause() {
      return Duration.ZERO;
    }

    @Override
    Transport transport(String target) {
      address = target;
      return GrpcTransport.over(server.channel());
    }

    @Override
    ManagedChannel controlChannel(String target) {
      address = target;
      return server.channel();
    }
  }

  /** Writes the pins of the server, as it is now, into a file. */
  Path pins(Path folder) throws Exception {
    String json = PinBlock.fromHandshakeStart(server.evidence.handshakeStart(), true).toJson();
    return Files.writeString(folder.resolve("pins.json"), json);
  }

  /** Runs `client …` with target, credentials and --allow-simulated. Returns the exit code. */
  int client(String command, String... more) {
    List<String> args =
        new ArrayList<>(List.of(command, "--target=localhost:1", "--allow-simulated"));
    args.add("--credentials=" + CREDENTIALS);
    args.addAll(Arrays.asList(more));
    return bare(args.toArray(new String[0]));
  }

  /** Runs `client …` with these arguments alone. */
  int bare(String... args) {
    return execute(new CommandLine(new ClientCommand(new Io())), args);
  }

  /** Runs `pin-block …` with these arguments alone. */
  int pinBlock(String... args) {
    return execute(new CommandLine(new PinBlockCommand(new Io())), args);
  }

  private int execute(CommandLine line, String... args) {
    StringWriter stdout = new StringWriter();
    StringWriter stderr = new StringWriter();
    int code =
        line.setExpandAtFiles(false)
            .setOut(new PrintWriter(stdout))
            .setErr(new PrintWriter(stderr))
            .execute(args);
    out = stdout.toString();
    err = stderr.toString();
    return code;
  }

  /** Standard output as one JSON object. */
  JsonObject json() {
    return JsonParser.parseString(out).getAsJsonObject();
  }

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    server.close();
  }
}
