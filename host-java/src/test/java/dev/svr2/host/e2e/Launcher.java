// SPDX-License-Identifier: Apache-2.0
//
// The launcher as a process, and a group that it runs, as a person uses them.
package dev.svr2.host.e2e;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.base.Splitter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/** Files of processes go into one folder. For one thread. */
final class Launcher implements AutoCloseable {
  static final Path ROOT = Path.of(System.getProperty("svr2.root"));
  static final Duration START_LIMIT = Duration.ofSeconds(90);
  static final String USER = "00112233445566778899AABBCCDDEEFF";

  private final Path folder;
  private Process cluster;

  /** How a command ended. */
  record Result(int exit, String out, String err) {}

  Launcher(Path folder) {
    this.folder = folder;
  }

  /** Starts what `make run` starts, and waits until it is ready. */
  void startCluster(String... more) throws IOException {
    List<String> arguments =
        new ArrayList<>(List.of("cluster", "--replicas", "3", "--dir", runDir().toString()));
    arguments.addAll(List.of(more));
    cluster = start(folder.resolve("cluster"), arguments.toArray(String[]::new));
    Awaitility.await()
        .atMost(START_LIMIT)
        .until(() -> !cluster.isAlive() || !readyLines().isEmpty());
    assertTrue(cluster.isAlive(), this::clusterErr);
  }

  Process cluster() {
    return cluster;
  }

  Path runDir() {
    return folder.resolve("run");
  }

  /** What the group printed: commands and the READY line. */
  String clusterOut() {
    return read(folder.resolve("cluster.out"));
  }

  /** Its progress. */
  String clusterErr() {
    return read(folder.resolve("cluster.err"));
  }

  /** What the host of a replica logged. */
  String replicaLog(int replica) {
    return read(runDir().resolve("replica-%d.log".formatted(replica)));
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return "";
    }
  }

  List<String> readyLines() {
    return clusterOut().lines().filter(line -> line.startsWith("READY")).toList();
  }

  /**
   * From the READY line.
   *
   * @param name client, control or replicas
   */
  String ready(String name) {
    return Stream.of(readyLines().get(0).split(" "))
        .filter(word -> word.startsWith(name + "="))
        .findFirst()
        .orElseThrow()
        .substring(name.length() + 1);
  }

  /** The client address of a replica, from 1. */
  String replica(int number) {
    return Splitter.on(',').splitToList(ready("replicas")).get(number - 1);
  }

  /** Starts the launcher; its output goes to files named like {@code files}. */
  private static Process start(Path files, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of(ROOT.resolve("svr2").toString()));
    command.addAll(List.of(arguments));
    return start(files, command);
  }

  private static Process start(Path files, List<String> command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.directory(ROOT.toFile());
    builder.environment().remove("AUTH_SECRET");
    builder.environment().put("SVR2_JAVA", ProcessHandle.current().info().command().orElseThrow());
    builder.redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
    builder.redirectOutput(Path.of(files + ".out").toFile());
    builder.redirectError(Path.of(files + ".err").toFile());
    return builder.start();
  }

  private static Result finish(Process process, Path files)
      throws IOException, InterruptedException {
    assertTrue(process.waitFor(START_LIMIT.toSeconds(), TimeUnit.SECONDS), "does not end");
    return new Result(
        process.exitValue(),
        Files.readString(Path.of(files + ".out")),
        Files.readString(Path.of(files + ".err")));
  }

  private Path files() throws IOException {
    return Files.createTempDirectory(folder, "command").resolve("io");
  }

  /** Runs one command of the launcher to its end. */
  Result run(String... arguments) throws IOException, InterruptedException {
    Path files = files();
    return finish(start(files, arguments), files);
  }

  /** Runs a line of a shell in the repository's root. */
  Result shell(String line) throws IOException, InterruptedException {
    Path files = files();
    return finish(start(files, List.of("bash", "-c", line)), files);
  }

  /** Runs `client …` through a replica. */
  Result client(int replica, String... arguments) throws IOException, InterruptedException {
    List<String> all = new ArrayList<>(List.of("client"));
    all.addAll(List.of(arguments));
    all.addAll(
        List.of(
            "--target",
            replica(replica),
            "--user",
            USER,
            "--pins",
            runDir().resolve("pins.json").toString(),
            "--auth-secret-file",
            runDir().resolve("auth-secret").toString(),
            "--allow-simulated"));
    return run(all.toArray(String[]::new));
  }

  /** Ends the group in whatever way is left. */
  @Override
  public void close() {
    if (cluster == null) {
      return;
    }
    List<ProcessHandle> hosts = cluster.children().toList();
    cluster.destroyForcibly();
    hosts.forEach(ProcessHandle::destroyForcibly);
    Awaitility.await()
        .atMost(START_LIMIT)
        .until(() -> !cluster.isAlive() && hosts.stream().noneMatch(ProcessHandle::isAlive));
  }
}
