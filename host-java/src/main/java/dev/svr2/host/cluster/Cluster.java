// SPDX-License-Identifier: Apache-2.0
//
// A group of replicas on one machine, one host process each: founds it, watches it, and starts a
// new replica wherever one ended. What `svr2 cluster` and the process tests run.
package dev.svr2.host.cluster;

import dev.svr2.client.Handshake;
import dev.svr2.client.PinBlock;
import dev.svr2.client.Pins;
import dev.svr2.client.evidence.EvidenceException;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetEvidenceResponse;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Thread-safe. The hosts end with {@link #close}, and when this process ends in any other way,
 * since their standard input ends then.
 */
public final class Cluster implements AutoCloseable {
  private static final long POLL_MS = 100;
  private static final Duration CALL_DEADLINE = Duration.ofSeconds(15);

  private final ClusterSettings settings;
  private final RunFolder folder;
  private final List<ReplicaAddresses> addresses;
  private final List<Replica> replicas = new ArrayList<>();
  private final CountDownLatch stop = new CountDownLatch(1);
  private final Thread supervisor;
  private volatile Pins pins;
  private volatile String failure = "";
  private boolean closed;

  private Cluster(ClusterSettings settings, RunFolder folder, List<ReplicaAddresses> addresses) {
    this.settings = settings;
    this.folder = folder;
    this.addresses = List.copyOf(addresses);
    for (int number = 1; number <= settings.replicas(); number++) {
      replicas.add(new Replica(number, addresses.get(number - 1), settings, folder));
    }
    supervisor = new Thread(this::supervise, "svr2-cluster");
  }

  /**
   * Starts the hosts. The first one founds the group, the others join it.
   *
   * @param folder stays the caller's to close, after this
   * @param addresses one for each replica
   * @throws IllegalArgumentException when there are fewer replicas than the group needs voters
   * @throws IOException when a configuration cannot be written
   */
  public static Cluster start(
      ClusterSettings settings, RunFolder folder, List<ReplicaAddresses> addresses)
      throws IOException {
    if (settings.replicas() < settings.group().minVoting()
        || addresses.size() != settings.replicas()) {
      throw new IllegalArgumentException("too few replicas, or not an address for each");
    }
    Cluster cluster = new Cluster(settings, folder, addresses);
    for (int number = 1; number <= settings.replicas(); number++) {
      cluster.writeConfig(number, number != 1);
    }
    cluster.supervisor.start();
    return cluster;
  }

  private void writeConfig(int number, boolean joins) throws IOException {
    Files.writeString(folder.config(number), settings.config(number, addresses, joins));
  }

  private void supervise() {
    try {
      do {
        for (Replica replica : replicas) {
          replica.step(System.nanoTime());
        }
        if (pins == null && failure.isEmpty()) {
          found();
        }
      } while (!stop.await(POLL_MS, TimeUnit.MILLISECONDS));
    } catch (IOException e) {
      failure = e.getMessage() == null ? e.toString() : e.getMessage();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Has the first replica found the group once it answers; notices when a host cannot start. */
  private void found() throws IOException {
    for (Replica replica : replicas) {
      String reason = replica.startFailure();
      if (!reason.isEmpty()) {
        failure = reason;
        return;
      }
    }
    Replica first = replicas.get(0);
    if (!first.view().answering()) {
      return;
    }
    try {
      if (!first.view().enclave().hasGroup()) {
        var unused = first.control(CALL_DEADLINE).createGroup(CreateGroupCall.getDefaultInstance());
      }
      // Started again it joins like any other: a second group is never created.
      writeConfig(1, true);
      GetEvidenceResponse evidence =
          first.control(CALL_DEADLINE).getEvidence(GetEvidenceRequest.getDefaultInstance());
      Pins verified =
          PinBlock.fromHandshakeStart(
              evidence.getHandshakeStart().toByteArray(),
              Handshake.of(evidence.getHandshake()),
              !settings.platform().isProtected());
      folder.writePins(verified);
      pins = verified;
    } catch (StatusRuntimeException e) {
      if (!first.view().alive()) {
        return; // It died of something else; its next host is asked.
      }
      failure = "the group could not be created: " + e.getStatus().getDescription();
    } catch (IllegalArgumentException e) {
      failure = "the first replica offers an unknown handshake: " + e.getMessage();
    } catch (EvidenceException e) {
      failure = "the first replica's evidence is refused: " + e.getMessage();
    }
  }

  /** Why this cannot become a group; empty while it can. */
  public String failure() {
    return failure;
  }

  /** The group's, from verified evidence; null until it is founded. */
  public Pins pins() {
    return pins;
  }

  /** The replicas as they were seen last, in their order. */
  public List<ReplicaView> views() {
    return replicas.stream().map(Replica::view).toList();
  }

  /** What the replicas say of the group. */
  public GroupHealth health() {
    return GroupHealth.of(views());
  }

  /** Where a replica listens; numbers start at 1. */
  public ReplicaAddresses addresses(int number) {
    return addresses.get(number - 1);
  }

  /** Client addresses of all replicas, in their order. */
  public List<String> clientAddresses() {
    return addresses.stream().map(one -> one.client().toString()).toList();
  }

  /** Voters once the group is complete. */
  public int fullVoters() {
    return Math.min(settings.replicas(), settings.group().maxVoting());
  }

  /** As many vote as can, and a request to the first replica or to any voter is answered. */
  public boolean complete() {
    List<ReplicaView> views = views();
    return pins != null
        && health().voting() >= fullVoters()
        && views.get(0).ready()
        && views.stream().filter(ReplicaView::votes).allMatch(ReplicaView::ready);
  }

  /** Ends all hosts, in order when they do so in time. Idempotent. */
  @Override
  public void close() {
    stop(line -> {});
  }

  /**
   * Ends all hosts: each is asked to, and killed when it has not ended at the deadline.
   *
   * @param report called with a line for each host
   */
  public synchronized void stop(Consumer<String> report) {
    if (closed) {
      return;
    }
    closed = true;
    try {
      endSupervisor();
      replicas.forEach(Replica::terminate);
      long end = System.nanoTime() + settings.stopDeadline().toNanos();
      for (int number = 1; number <= replicas.size(); number++) {
        Duration left = Duration.ofNanos(Math.max(0, end - System.nanoTime()));
        report.accept("replica %d: %s".formatted(number, replicas.get(number - 1).awaitEnd(left)));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      kill();
      replicas.forEach(Replica::close);
    }
  }

  private void endSupervisor() throws InterruptedException {
    stop.countDown();
    supervisor.join();
  }

  /** Ends all hosts at once, for the end of the process. */
  public void kill() {
    Collections.unmodifiableList(replicas).forEach(Replica::kill);
  }
}
