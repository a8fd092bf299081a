// SPDX-License-Identifier: Apache-2.0
//
// `svr2 run`: what `make run` calls. A group of one on this machine, with everything that a second
// terminal needs. Source: cli.md, "make run".
package dev.svr2.host.cli;

import dev.svr2.client.Handshake;
import dev.svr2.client.PinBlock;
import dev.svr2.client.Pins;
import dev.svr2.client.evidence.EvidenceException;
import dev.svr2.enclave.EnclaveException;
import dev.svr2.host.Host;
import dev.svr2.host.cli.client.ExitCode;
import dev.svr2.host.config.ConfigException;
import dev.svr2.host.config.ConfigLoader;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.log.Logs;
import dev.svr2.proto.EvidenceReply;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "run",
    description = {
      "Runs a group of one on this machine, on free loopback ports; `make run` calls it.",
      "Writes host.yaml, pins.json and auth-secret into .run/ and prints commands that use them.",
      "Platform local: NOT PROTECTED, for trying out and development."
    },
    mixinStandardHelpOptions = true)
final class RunCommand implements Callable<Integer> {
  private static final int SECRET_BYTES = 32;
  private static final int PORT_ATTEMPTS = 5;

  /** Chooses a port for clients and one for operators. */
  @FunctionalInterface
  interface PortChooser {
    int[] choose() throws IOException;
  }

  private final PortChooser ports;

  @Spec private CommandSpec spec;

  @Option(
      names = "--dir",
      paramLabel = "DIR",
      defaultValue = ".run",
      description = "Where the files go (default: ${DEFAULT-VALUE}).")
  private Path directory;

  @Option(
      names = "--image",
      paramLabel = "FILE",
      description = "A signed image for platform local (default: the one that was built).")
  private Path image;

  RunCommand() {
    this(RunCommand::freePorts);
  }

  RunCommand(PortChooser ports) {
    this.ports = ports;
  }

  /** With another folder, for tests. */
  RunCommand in(Path folder) {
    directory = folder;
    return this;
  }

  @Override
  public Integer call()
      throws CommandException,
          ConfigException,
          EnclaveException,
          IOException,
          InterruptedException {
    writeSecret();
    Host host = start(imageFile(), config -> Host.start(config, Logs.configure(config.log())));
    Foreground foreground = new Foreground(host, host.shutdownDeadline()).catchSignals();
    try {
      host.operations().createGroup().get();
      if (foreground.awaitReady()) {
        writePins(host);
        PrintWriter out = spec.commandLine().getOut();
        out.print(commands(host));
        foreground.printReady(out);
      }
    } catch (ExecutionException | EvidenceException | IOException e) {
      host.close();
      Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
      throw new CommandException(
          ExitCode.FAILED, "the group could not be created: " + cause.getMessage(), e);
    }
    return foreground.untilEnd();
  }

  /** How a host is started; tests start one with a fake enclave. */
  @FunctionalInterface
  interface Starter {
    Host start(HostConfig config) throws EnclaveException, IOException;
  }

  /**
   * Writes the configuration and starts a host with it. Another program may take a port between the
   * choice and the start; then others are chosen.
   */
  Host start(Path imageFile, Starter starter)
      throws CommandException, ConfigException, EnclaveException, IOException {
    for (int attempt = 1; ; attempt++) {
      Path configFile = writeConfig(imageFile, ports.choose());
      // AUTH_SECRET is in a file by now; the file is what the configuration names.
      HostConfig config = ConfigLoader.load(configFile, Map.of());
      try {
        return starter.start(config);
      } catch (IOException e) { // Nothing but an address that cannot be listened on.
        if (attempt == PORT_ATTEMPTS) {
          throw new CommandException(ExitCode.FAILED, e.getMessage(), e);
        }
      }
    }
  }

  private Path writeConfig(Path imageFile, int[] ports) throws IOException {
    Path configFile = directory.resolve("host.yaml");
    Files.writeString(
        configFile,
        """
        # SPDX-License-Identifier: Apache-2.0
        # Written by 'svr2 run' at each start. docs/configuration.md lists all keys.
        platform: local
        simulated: true
        image:
          path: "%s"
        group:
          min_voting_replicas: 1
          max_voting_replicas: 1
          super_majority: 0
          attestation_timeout: 604800
        client:
          listen: 127.0.0.1:%d
        control:
          listen: 127.0.0.1:%d
        auth:
          secret_file: auth-secret
        """
            .formatted(yamlText(imageFile.toString()), ports[0], ports[1]));
    return configFile;
  }

  private Path imageFile() throws CommandException {
    return image == null ? builtImage() : image.toAbsolutePath();
  }

  private static Path builtImage() throws CommandException {
    Path home = Path.of(System.getProperty("svr2.home", ""));
    List<String> places = List.of("build/enclave.signed.local", "lib/enclave.signed.local");
    for (String place : places) {
      Path candidate = home.resolve(place).toAbsolutePath().normalize();
      if (Files.exists(candidate)) {
        return candidate;
      }
    }
    throw new CommandException(
        ExitCode.FAILED,
        "there is no signed enclave image (looked for %s in %s); run 'make build', or give --image"
            .formatted(String.join(", ", places), home.toAbsolutePath()));
  }

  void writeSecret() throws IOException {
    Files.createDirectories(directory);
    // Those of an earlier run pin another group.
    Files.deleteIfExists(directory.resolve("pins.json"));
    Path file = directory.resolve("auth-secret");
    String secret = System.getenv("AUTH_SECRET");
    if (secret == null || secret.isBlank()) {
      byte[] fresh = new byte[SECRET_BYTES];
      new SecureRandom().nextBytes(fresh);
      secret = Base64.getEncoder().encodeToString(fresh);
      Arrays.fill(fresh, (byte) 0);
    }
    // Never readable by others, not even between creation and chmod.
    Files.deleteIfExists(file);
    Files.createFile(
        file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(file, secret.strip() + "\n");
  }

  /** Two different free ports; both are held until both are known. */
  private static int[] freePorts() throws IOException {
    InetAddress loopback = InetAddress.getLoopbackAddress();
    try (ServerSocket first = new ServerSocket(0, 1, loopback);
        ServerSocket second = new ServerSocket(0, 1, loopback)) {
      return new int[] {first.getLocalPort(), second.getLocalPort()};
    }
  }

  /** Inside double quotes; and '${' would start a variable. */
  private static String yamlText(String text) {
    return text.replace("\\", "\\\\").replace("\"", "\\\"").replace("${", "$${");
  }

  private void writePins(Host host)
      throws EvidenceException, IOException, ExecutionException, InterruptedException {
    EvidenceReply evidence = host.operations().evidence().get().getEvidence();
    Pins pins =
        PinBlock.fromHandshakeStart(
            evidence.getHandshakeStart().toByteArray(),
            Handshake.offered(evidence.getClientPq()),
            true);
    Files.writeString(directory.resolve("pins.json"), pins.toJson());
  }

  private String commands(Host host) {
    String user = "00112233445566778899aabbccddeeff";
    String client =
        "--target %s --user %s --pins %s --allow-simulated --auth-secret-file %s"
            .formatted(
                host.clientAddress(),
                user,
                shellWord(directory.resolve("pins.json")),
                shellWord(directory.resolve("auth-secret")));
    String control = "--control " + host.controlAddress();
    String key = "8f3b1c5d7e9fa0b2c4d6e8f00112a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4";
    return """
        A group of one is being served. In a second terminal, in this directory:

        # store a master key under a PIN, with 3 tries
        ./svr2 client backup %1$s --pin 4821 --tries 3 --master-key %4$s
        # get it back
        ./svr2 client restore %1$s --pin 4821 --master-key
        # a wrong PIN: exit code 3 and the tries left; three of them erase the secret (exit code 4)
        ./svr2 client restore %1$s --pin 9999 --master-key
        # the tries left, without spending one
        ./svr2 client tries %1$s
        # erase it
        ./svr2 client delete %1$s
        # how the host is, and what it measures
        ./svr2 admin status %2$s
        ./svr2 admin metrics %2$s
        # the pins of this group, from verified evidence, compared with the file
        ./svr2 pin-block %2$s --pins %3$s --allow-simulated

        """
        .formatted(client, control, shellWord(directory.resolve("pins.json")), key);
  }

  /** Quoted for a shell where that is needed. */
  private static String shellWord(Path path) {
    String text = path.toString();
    return text.matches("[A-Za-z0-9_./+:@%-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
  }
}
