// SPDX-License-Identifier: Apache-2.0
//
// A group of real hosts, each a process of its own, with links that a test holds in its hands.
package dev.svr2.host.chaos;

import dev.svr2.enclave.Platform;
import dev.svr2.host.auth.AuthSecrets;
import dev.svr2.host.cluster.Cluster;
import dev.svr2.host.cluster.ClusterSettings;
import dev.svr2.host.cluster.GroupHealth;
import dev.svr2.host.cluster.ReplicaAddresses;
import dev.svr2.host.cluster.ReplicaView;
import dev.svr2.host.cluster.RunFolder;
import dev.svr2.proto.ControlServiceGrpc;
import dev.svr2.proto.GetHashCall;
import dev.svr2.proto.GetHashResult;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** For one thread. */
final class Rig implements AutoCloseable {
  /** Long: the machine may be busy with other things. */
  static final Duration PATIENCE = Duration.ofMinutes(2);

  private static final int LOG_LINES = 15;

  private final RunFolder folder;
  private final Links links = new Links();
  private final Cluster cluster;

  /**
   * Starts three replicas.
   *
   * @param directory for their files
   * @param moreConfig lines for each host's configuration
   */
  Rig(Path directory, List<String> moreConfig) throws IOException {
    Path root = Path.of(System.getProperty("svr2.root", "")).toAbsolutePath();
    ClusterSettings settings =
        new ClusterSettings(
            3,
            Platform.LOCAL,
            root.resolve("build/enclave.signed.local"),
            ClusterSettings.Group.DEMO,
            List.of(root.resolve("svr2").toString(), "host", "--watch-stdin"),
            Map.of(
                "SVR2_JAVA",
                ProcessHandle.current().info().command().orElseThrow(),
                // They live for seconds.
                "SVR2_JAVA_OPTS",
                "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xmx256m"),
            moreConfig,
            links,
            ClusterSettings.STOP_DEADLINE);
    folder = RunFolder.open(directory);
    folder.writeSecret(null);
    cluster = Cluster.start(settings, folder, ReplicaAddresses.choose(settings.replicas()));
  }

  Cluster cluster() {
    return cluster;
  }

  Links links() {
    return links;
  }

  Load startLoad(int parallel, long seed) throws IOException {
    String secret = AuthSecrets.readText(folder.secret());
    return Load.start(cluster.clientAddresses(), secret, cluster.pins(), parallel, seed);
  }

  String authSecret() throws IOException {
    return AuthSecrets.readText(folder.secret());
  }

  /** All vote, nobody else is counted as a voter, and any one may go. */
  boolean isHealed() {
    if (!cluster.failure().isEmpty()) {
      throw new AssertionError(cluster.failure());
    }
    GroupHealth health = cluster.health();
    return cluster.complete()
        && health.canLoseOne()
        && health.voters() == cluster.fullVoters()
        && cluster.views().stream().anyMatch(ReplicaView::leads);
  }

  void awaitHealed() throws Exception {
    awaitHealed(() -> {});
  }

  /**
   * @param check run while waiting; what it throws ends the wait
   */
  void awaitHealed(Runnable check) throws Exception {
    Waiting.until(
        "the group is whole",
        PATIENCE,
        this::describe,
        () -> {
          check.run();
          return isHealed();
        });
  }

  /** Waits until another process runs in a replica's place. */
  void awaitReplaced(ReplicaView old, Runnable check) throws Exception {
    Waiting.until(
        "replica %d is started again".formatted(old.number()),
        PATIENCE,
        this::describe,
        () -> {
          check.run();
          return cluster.views().get(old.number() - 1).starts() > old.starts();
        });
  }

  /**
   * Sends a signal to a host.
   *
   * @param signal without SIG
   */
  static void signal(ReplicaView replica, String signal) throws IOException, InterruptedException {
    // The shell's own: a small system has no kill program.
    new ProcessBuilder("bash", "-c", "kill -%s %d".formatted(signal, replica.pid()))
        .inheritIO()
        .start()
        .waitFor();
  }

  /** Waits until all replicas have applied the same, and throws when their rows differ. */
  void checkHashes() throws Exception {
    List<GetHashResult> hashes = new ArrayList<>();
    Waiting.until(
        "all replicas have applied the same",
        PATIENCE,
        this::describe,
        () -> {
          hashes.clear();
          for (ReplicaView replica : cluster.views()) {
            hashes.add(hash(replica.number()));
          }
          return hashes.stream().map(GetHashResult::getAppliedIndex).distinct().count() == 1;
        });
    if (hashes.stream().map(GetHashResult::getHash).distinct().count() != 1) {
      throw new AssertionError("replicas that applied the same hold other rows: " + hashes);
    }
  }

  private GetHashResult hash(int replica) {
    ManagedChannel channel =
        NettyChannelBuilder.forAddress(cluster.addresses(replica).control().toSocketAddress())
            .usePlaintext()
            .build();
    try {
      return ControlServiceGrpc.newBlockingStub(channel)
          .withDeadlineAfter(5, TimeUnit.SECONDS)
          .getHash(GetHashCall.getDefaultInstance());
    } catch (StatusRuntimeException e) {
      throw new AssertionError("replica %d tells no hash".formatted(replica), e);
    } finally {
      channel.shutdownNow();
    }
  }

  /** Replicas and the ends of their logs, for a failure. */
  String describe() {
    StringBuilder text = new StringBuilder();
    text.append(cluster.health()).append('\n');
    for (ReplicaView replica : cluster.views()) {
      text.append(
          "replica %d, %s, pid %d, start %d: %s, %s, term %d, commit %d; before: %s%n"
              .formatted(
                  replica.number(),
                  replica.shortId(),
                  replica.pid(),
                  replica.starts(),
                  replica.role(),
                  replica.state(),
                  replica.enclave().getTerm(),
                  replica.enclave().getCommitIndex(),
                  replica.ended()));
    }
    for (ReplicaView replica : cluster.views()) {
      text.append("---- %s%n".formatted(folder.log(replica.number())));
      lastLines(folder.log(replica.number())).forEach(line -> text.append(line).append('\n'));
    }
    return text.toString();
  }

  private static List<String> lastLines(Path log) {
    try {
      List<String> lines = Files.readAllLines(log);
      return lines.subList(Math.max(0, lines.size() - LOG_LINES), lines.size());
    } catch (IOException e) {
      return List.of("cannot be read");
    }
  }

  @Override
  public void close() throws IOException {
    links.heal();
    cluster.close();
    links.close();
    folder.close();
  }
}
