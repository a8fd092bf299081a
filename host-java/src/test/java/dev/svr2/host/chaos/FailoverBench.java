// SPDX-License-Identifier: Apache-2.0
//
// The leader is killed: how long until a write is answered again? Three hosts, tick 100 ms,
// election
// timeout 10 ticks, as a group has by default.
package dev.svr2.host.chaos;

import dev.svr2.client.BackupResult;
import dev.svr2.client.Credentials;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.client.transport.Transport;
import dev.svr2.host.cluster.ReplicaView;
import dev.svr2.host.log.Logs;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** {@code make bench-failover}. */
final class FailoverBench {
  private static final long MEDIAN_MAX_MS = 2_000;
  private static final long LONGEST_MAX_MS = 5_000;
  private static final long NEW_WRITERS_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
  private static final long PAUSE_MS = 10;

  /** As in the chaos run: so that there can be a kill every few seconds. */
  private static final List<String> CONFIG =
      List.of(
          "runtime.tick_interval_ms: 100",
          "enclave.election_ticks: 10",
          "enclave.replica_voting_timeout_ticks: 20",
          "enclave.replica_membership_timeout_ticks: 200");

  private final Rig rig;

  private FailoverBench(Rig rig) {
    this.rig = rig;
  }

  /** {@code FailoverBench DIRECTORY KILLS}. Ends with 1 when a figure is missed. */
  public static void main(String[] args) throws Exception {
    var unused = Logs.quiet();
    List<Long> millis;
    try (Rig rig = new Rig(Path.of(args[0]), CONFIG)) {
      millis = new FailoverBench(rig).measure(Integer.parseInt(args[1]));
    }
    Collections.sort(millis);
    long median = millis.get(millis.size() / 2);
    long longest = millis.get(millis.size() - 1);
    System.out.println(
        "leader killed %d times, writes answered again after: median %d ms, longest %d ms, shortest %d ms"
            .formatted(millis.size(), median, longest, millis.get(0)));
    System.out.println(
        "{\"name\": \"failover\", \"kills\": %d, \"median_ms\": %d, \"longest_ms\": %d}"
            .formatted(millis.size(), median, longest));
    if (median > MEDIAN_MAX_MS || longest > LONGEST_MAX_MS) {
      System.out.println(
          "MISSED: median at most %d ms, longest at most %d ms"
              .formatted(MEDIAN_MAX_MS, LONGEST_MAX_MS));
      System.exit(1);
    }
  }

  private List<Long> measure(int kills) throws Exception {
    List<Long> millis = new ArrayList<>();
    for (int i = 1; i <= kills; i++) {
      rig.awaitHealed();
      long one = TimeUnit.NANOSECONDS.toMillis(kill());
      System.out.println("kill %d of %d: %d ms".formatted(i, kills, one));
      millis.add(one);
    }
    return millis;
  }

  /** Kills the leader, and returns how long it took until a write that began later was answered. */
  private long kill() throws Exception {
    ReplicaView leader =
        rig.cluster().views().stream().filter(ReplicaView::leads).findFirst().orElseThrow();
    List<ReplicaView> survivors =
        rig.cluster().views().stream().filter(one -> one.number() != leader.number()).toList();
    List<Writer> writers = new ArrayList<>();
    try {
      startWriters(survivors, writers);
      Waiting.until(
          "every writer is answered before the kill",
          Rig.PATIENCE,
          rig::describe,
          () -> writers.stream().noneMatch(writer -> writer.last == null));
      Rig.signal(leader, "KILL");
      long killed = System.nanoTime();
      long[] newWritersAt = {killed};
      Waiting.until(
          "a write is answered after the kill",
          Rig.PATIENCE,
          rig::describe,
          () -> {
            // Those that were under way may wait for an answer that died with the leader.
            if (System.nanoTime() - newWritersAt[0] >= 0) {
              startWriters(survivors, writers);
              newWritersAt[0] = System.nanoTime() + NEW_WRITERS_NANOS;
            }
            return writers.stream().anyMatch(writer -> writer.answeredAfter(killed));
          });
      return writers.stream()
          .filter(writer -> writer.answeredAfter(killed))
          .mapToLong(writer -> writer.last.ended() - killed)
          .min()
          .orElseThrow();
    } finally {
      for (Writer writer : writers) {
        writer.end();
      }
      rig.awaitReplaced(leader, () -> {});
    }
  }

  private void startWriters(List<ReplicaView> replicas, List<Writer> writers) {
    for (ReplicaView replica : replicas) {
      Writer writer = new Writer(replica.client().toString(), writers.size());
      writers.add(writer);
      writer.start();
    }
  }

  /** A write that was answered. */
  private record Write(long began, long ended) {}

  /** Writes one after the other through one replica. */
  private final class Writer extends Thread {
    private volatile Write last;
    private final String target;
    private final int number;
    private volatile boolean ended;

    Writer(String target, int number) {
      super("svr2-writer-" + number);
      this.target = target;
      this.number = number;
    }

    boolean answeredAfter(long nanos) {
      Write write = last;
      return write != null && write.began() - nanos > 0;
    }

    @Override
    public void run() {
      Transport transport = GrpcTransport.plaintext(target);
      try (PinKeys keys = PinKeys.of(new byte[PinKeys.KEY_BYTES], new byte[PinKeys.KEY_BYTES])) {
        Credentials credentials =
            Credentials.make(rig.authSecret(), "fa11%028x".formatted(number), Clock.systemUTC());
        while (!ended) {
          long began = System.nanoTime();
          BackupResult result =
              client(transport, credentials).backupRaw(keys, new byte[PinKeys.KEY_BYTES], 1);
          if (result instanceof BackupResult.Stored) {
            last = new Write(began, System.nanoTime());
          } else {
            TimeUnit.MILLISECONDS.sleep(PAUSE_MS);
          }
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        // Ended.
      } finally {
        transport.close();
      }
    }

    private Svr2Client client(Transport transport, Credentials credentials) {
      return Svr2Client.builder()
          .transport(transport)
          .credentials(credentials)
          .pins(rig.cluster().pins())
          .allowSimulated(true)
          .timeout(Duration.ofSeconds(10))
          .attempts(1)
          .build();
    }

    void end() throws InterruptedException {
      ended = true;
      interrupt();
      join();
    }
  }
}
