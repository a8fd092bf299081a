// SPDX-License-Identifier: Apache-2.0
//
// How often a restore session crosses the boundary of the enclave, how many bytes it takes along
// and how much CPU time it costs inside: three hosts with real enclaves in one process.
package dev.svr2.host.e2e;

import com.google.protobuf.ByteString;
import dev.svr2.client.BackupResult;
import dev.svr2.client.Credentials;
import dev.svr2.client.PinBlock;
import dev.svr2.client.Pins;
import dev.svr2.client.RestoreResult;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.client.transport.Transport;
import dev.svr2.enclave.Platform;
import dev.svr2.host.HostFixture;
import dev.svr2.host.chaos.Waiting;
import dev.svr2.host.e2e.CountedEnclave.Crossings;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.MemberStatus;
import dev.svr2.proto.StatusReply;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** {@code make bench-transitions}. */
final class TransitionsBench implements AutoCloseable {
  private static final String CONFIG =
      """
      platform: %s
      simulated: true
      image.path: enclave_test.signed
      group:
        min_voting_replicas: 3
        max_voting_replicas: 3
        super_majority: 0
        attestation_timeout: 604800
        on_start: %s
      client.listen: 127.0.0.1:0
      control.listen: 127.0.0.1:0
      peer.listen: 127.0.0.1:0
      peer.static: %s
      log.level: error
      """;

  private static final int REPLICAS = 3;
  private static final int WARM_UP_SESSIONS = 300;
  private static final byte TRIES = 10;
  private static final Duration FORMED = Duration.ofSeconds(60);
  private static final int IDLE_MS = 3_000;

  private record Replica(CountedEnclave.Loader loader, HostFixture fixture) {
    StatusReply status() {
      return fixture.control().getStatus(GetStatusRequest.getDefaultInstance()).getEnclave();
    }

    long voters() {
      return status().getMembersList().stream().filter(MemberStatus::getVoting).count();
    }
  }

  /** Crossings of the leader, and of both followers together. */
  private record Measured(Crossings leader, Crossings followers) {
    Measured plus(Measured other, double factor) {
      return new Measured(
          leader.plus(other.leader, factor), followers.plus(other.followers, factor));
    }

    Measured times(double factor) {
      return new Measured(leader.times(factor), followers.times(factor));
    }
  }

  private final List<Replica> replicas = new ArrayList<>();
  private final PinKeys keys = PinKeys.of(new byte[PinKeys.KEY_BYTES], new byte[PinKeys.KEY_BYTES]);
  private final byte[] data = new byte[PinKeys.KEY_BYTES];
  private Pins pins;

  private TransitionsBench(Platform platform) throws Exception {
    for (int i = 0; i < REPLICAS; i++) {
      String others =
          String.join(
              ",",
              replicas.stream()
                  .map(one -> one.fixture.host.peerAddress().orElseThrow().toString())
                  .toList());
      CountedEnclave.Loader loader = new CountedEnclave.Loader(platform);
      String onStart = i == 0 ? "wait" : "join";
      HostFixture fixture =
          HostFixture.startWith(CONFIG.formatted(platform, onStart, "'" + others + "'"), loader);
      replicas.add(new Replica(loader, fixture));
      if (i == 0) {
        var unused = fixture.control().createGroup(CreateGroupCall.getDefaultInstance());
      }
    }
    Waiting.until(
        "three replicas vote",
        FORMED,
        () -> replicas.stream().map(Replica::status).toList().toString(),
        () -> replicas.stream().allMatch(one -> one.voters() == REPLICAS));
    byte[] evidence =
        replicas
            .get(0)
            .fixture
            .control()
            .getEvidence(GetEvidenceRequest.getDefaultInstance())
            .getHandshakeStart()
            .toByteArray();
    pins = PinBlock.fromHandshakeStart(evidence, true);
  }

  /** {@code TransitionsBench PLATFORM SESSIONS}. Ends with 1 when a figure is missed. */
  public static void main(String[] args) throws Exception {
    Platform platform = Platform.parse(args[0]);
    int sessions = Integer.parseInt(args[1]);
    boolean reached = true;
    try (TransitionsBench bench = new TransitionsBench(platform)) {
      System.out.println(
          "%s, per restore session (connect, handshake, request, close):".formatted(platform));
      System.out.println(
          "%-12s %-14s %8s %8s %9s %9s %10s"
              .formatted("in flight", "", "ecalls", "ocalls", "bytes in", "bytes out", "CPU µs"));
      reached &= bench.report(platform, sessions, 1, 12);
      reached &= bench.report(platform, sessions, 64, 6);
    }
    System.exit(reached ? 0 : 1);
  }

  private boolean report(Platform platform, int sessions, int inFlight, int most) {
    Measured one = measure(sessions, inFlight);
    print(platform, inFlight, "leader", one.leader);
    print(platform, inFlight, "both followers", one.followers);
    boolean reached = one.leader.ecalls() <= most && one.leader.ocalls() <= most;
    if (!reached) {
      System.out.println(
          "MISSED: at most %d ecalls and %d ocalls on the leader".formatted(most, most));
    }
    return reached;
  }

  private static void print(Platform platform, int inFlight, String who, Crossings one) {
    System.out.println(
        "%-12d %-14s %8.2f %8.2f %9.0f %9.0f %10.1f"
            .formatted(
                inFlight,
                who,
                one.ecalls(),
                one.ocalls(),
                one.bytesIn(),
                one.bytesOut(),
                one.cpuNanos() / 1e3));
    System.out.println(
        String.format(
            Locale.ROOT,
            "{\"name\": \"transitions\", \"platform\": \"%s\", \"in_flight\": %d, \"who\": \"%s\", "
                + "\"ecalls\": %.3f, \"ocalls\": %.3f, \"bytes_in\": %.0f, \"bytes_out\": %.0f, "
                + "\"cpu_us\": %.2f}",
            platform,
            inFlight,
            who,
            one.ecalls(),
            one.ocalls(),
            one.bytesIn(),
            one.bytesOut(),
            one.cpuNanos() / 1e3));
  }

  /** Per session, without what ticks cause in an idle group in the same time. */
  private Measured measure(int sessions, int inFlight) {
    ByteString leaderId = replicas.get(0).status().getLeaderId();
    Replica leader =
        replicas.stream()
            .filter(one -> one.status().getPeerId().equals(leaderId))
            .findFirst()
            .orElseThrow(() -> new IllegalStateException("nobody leads"));
    try (Transport transport =
        GrpcTransport.plaintext(leader.fixture.host.clientAddress().toString())) {
      List<Svr2Client> users = new ArrayList<>();
      for (int i = 0; i < inFlight; i++) {
        users.add(client(transport, i));
        BackupResult stored = users.get(i).backupRaw(keys, data, TRIES);
        if (!(stored instanceof BackupResult.Stored)) {
          throw new IllegalStateException("not stored: " + stored);
        }
      }
      run(users, WARM_UP_SESSIONS);
      Measured before = now(leader);
      long began = System.nanoTime();
      idle();
      double idleNanos = System.nanoTime() - began;
      Measured afterIdle = now(leader);
      began = System.nanoTime();
      run(users, sessions);
      double nanos = System.nanoTime() - began;
      return now(leader)
          .plus(afterIdle, -1)
          .plus(afterIdle.plus(before, -1), -nanos / idleNanos)
          .times(1.0 / sessions);
    }
  }

  private static void idle() {
    try {
      TimeUnit.MILLISECONDS.sleep(IDLE_MS);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private Measured now(Replica leader) {
    Crossings none = new Crossings(0, 0, 0, 0, 0);
    Crossings followers =
        replicas.stream()
            .filter(one -> !one.equals(leader))
            .map(one -> one.loader.counters.now())
            .reduce(none, (a, b) -> a.plus(b, 1));
    return new Measured(leader.loader.counters.now(), followers);
  }

  private Svr2Client client(Transport transport, int number) {
    String user = "7a45%028x".formatted(number);
    return Svr2Client.builder()
        .transport(transport)
        .credentials(Credentials.make(HostFixture.SECRET, user, Clock.systemUTC()))
        .pins(pins)
        .allowSimulated(true)
        .build();
  }

  /** Each user restores again as soon as it was answered. */
  private void run(List<Svr2Client> users, int sessions) {
    AtomicInteger left = new AtomicInteger(sessions);
    CompletableFuture.allOf(
            users.stream().map(user -> next(user, left)).toArray(CompletableFuture[]::new))
        .join();
  }

  private CompletableFuture<Void> next(Svr2Client user, AtomicInteger left) {
    if (left.decrementAndGet() < 0) {
      return CompletableFuture.completedFuture(null);
    }
    return user.async()
        .restoreRaw(keys)
        .thenComposeAsync(
            result -> {
              if (!(result instanceof RestoreResult.Restored)) {
                throw new IllegalStateException("not restored: " + result);
              }
              return next(user, left);
            });
  }

  @Override
  public void close() {
    // Hosts that leave one after the other would wait for each other; the process ends anyway.
    keys.close();
  }
}
