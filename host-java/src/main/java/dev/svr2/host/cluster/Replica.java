// SPDX-License-Identifier: Apache-2.0
//
// One place in a group on one machine: a host process that is started again whenever it ends, each
// time as a new replica with a new key at the same addresses.
package dev.svr2.host.cluster;

import com.google.common.util.concurrent.ListenableFuture;
import dev.svr2.proto.ControlServiceGrpc;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.GetStatusResponse;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/** Used by one thread, the supervisor's, but for {@link #view}. */
final class Replica {
  private static final Duration POLL_DEADLINE = Duration.ofSeconds(2);
  private static final Duration ANSWER_MAX_AGE = Duration.ofSeconds(3);

  /** A host that ended sooner is started again only after a pause. */
  private static final Duration SHORT_LIFE = Duration.ofSeconds(10);

  private static final Duration PAUSE_MAX = Duration.ofSeconds(5);
  private static final int SIGNAL_BASE = 128;

  private final int number;
  private final ReplicaAddresses addresses;
  private final ClusterSettings settings;
  private final RunFolder folder;
  private final ManagedChannel channel;

  private Process process;
  private int starts;
  private int shortLives;
  private long startedNanos;
  private long startAtNanos = System.nanoTime();
  private boolean endSeen = true;
  private String ended = "";
  private boolean answeredOnce;
  private long answeredNanos;
  private GetStatusResponse status;
  private ListenableFuture<GetStatusResponse> poll;
  private volatile ReplicaView view;

  Replica(int number, ReplicaAddresses addresses, ClusterSettings settings, RunFolder folder) {
    this.number = number;
    this.addresses = addresses;
    this.settings = settings;
    this.folder = folder;
    channel =
        NettyChannelBuilder.forAddress(addresses.control().toSocketAddress())
            .usePlaintext()
            .build();
    publish(System.nanoTime());
  }

  /** The last state that the supervisor saw. Thread-safe. */
  ReplicaView view() {
    return view;
  }

  /** The host's control service, whichever host that is. */
  ControlServiceGrpc.ControlServiceBlockingStub control(Duration deadline) {
    return ControlServiceGrpc.newBlockingStub(channel)
        .withDeadlineAfter(deadline.toMillis(), TimeUnit.MILLISECONDS);
  }

  /**
   * Starts the host when it is not running and may be started, and takes in what it says.
   *
   * @throws IOException when no process can be started
   */
  void step(long nowNanos) throws IOException {
    if (process != null && !process.isAlive() && !endSeen) {
      end(nowNanos);
    }
    if (endSeen && nowNanos - startAtNanos >= 0) {
      start(nowNanos);
    }
    takeStatus(nowNanos);
    publish(nowNanos);
  }

  private void end(long nowNanos) {
    endSeen = true;
    int exit = process.exitValue();
    ended = exit > SIGNAL_BASE ? "by signal " + (exit - SIGNAL_BASE) : "exit code " + exit;
    boolean brief = nowNanos - startedNanos < SHORT_LIFE.toNanos();
    shortLives = brief ? shortLives + 1 : 0;
    // The first time at once, whatever the life was: one that was killed is missed.
    Duration pause = Duration.ofSeconds(Math.max(0, shortLives - 1));
    startAtNanos = nowNanos + (pause.compareTo(PAUSE_MAX) > 0 ? PAUSE_MAX : pause).toNanos();
    forget();
  }

  private void start(long nowNanos) throws IOException {
    List<String> command = new ArrayList<>(settings.hostCommand());
    command.addAll(List.of("--config", folder.config(number).toString()));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(settings.environment());
    // The configuration names a file for it.
    builder.environment().remove("AUTH_SECRET");
    builder.redirectErrorStream(true);
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(folder.log(number).toFile()));
    // Standard input stays a pipe: it ends when this process does, however that ends, and then the
    // host ends, too.
    process = builder.start();
    Files.writeString(folder.pid(number), process.pid() + "\n");
    starts++;
    startedNanos = nowNanos;
    endSeen = false;
    forget();
  }

  private void forget() {
    status = null;
    if (poll != null) {
      poll.cancel(true);
      poll = null;
    }
  }

  private void takeStatus(long nowNanos) {
    if (endSeen) {
      return;
    }
    if (poll != null && poll.isDone()) {
      try {
        status = poll.get();
        answeredNanos = nowNanos;
        answeredOnce = true;
      } catch (ExecutionException | CancellationException e) {
        // It does not answer; how long it has not is what is shown.
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      poll = null;
    }
    if (poll == null) {
      // A host that is starting is asked again at once, not after gRPC's own longer and longer
      // pause.
      channel.resetConnectBackoff();
      poll =
          ControlServiceGrpc.newFutureStub(channel)
              .withDeadlineAfter(POLL_DEADLINE.toMillis(), TimeUnit.MILLISECONDS)
              .getStatus(GetStatusRequest.getDefaultInstance());
    }
  }

  private void publish(long nowNanos) {
    boolean answering =
        status != null && nowNanos - answeredNanos <= ANSWER_MAX_AGE.toNanos() && !endSeen;
    view =
        new ReplicaView(
            number,
            addresses.client(),
            process == null ? 0 : process.pid(),
            !endSeen,
            starts,
            ended,
            answering,
            status);
  }

  /**
   * Why no host of this replica ever got so far as to answer: the errors in its log. Empty when one
   * did, or none has ended yet.
   */
  String startFailure() throws IOException {
    if (answeredOnce || ended.isEmpty()) {
      return "";
    }
    Path log = folder.log(number);
    List<String> errors =
        Files.readAllLines(log).stream()
            .filter(line -> line.startsWith("error: "))
            .map(line -> line.substring("error: ".length()))
            .distinct()
            .toList();
    return errors.isEmpty()
        ? "it ended (%s); its log is %s".formatted(ended, log)
        : String.join("\n", errors);
  }

  /** Asks the host to end. */
  void terminate() {
    if (process != null) {
      // Not Process.destroy, which closes the host's standard input as well.
      var unused = process.toHandle().destroy();
    }
  }

  /** Ends the host at once. */
  void kill() {
    if (process != null) {
      process.destroyForcibly();
    }
  }

  /**
   * Waits until the host has ended, and kills it when that takes too long.
   *
   * @return how it ended
   */
  String awaitEnd(Duration patience) throws InterruptedException {
    if (process == null) {
      return "never started";
    }
    if (!process.waitFor(patience.toMillis(), TimeUnit.MILLISECONDS)) {
      kill();
      process.waitFor();
      return "killed, since it did not end in time";
    }
    return "exit code " + process.exitValue();
  }

  /** No more questions. */
  void close() {
    forget();
    channel.shutdownNow();
  }
}
