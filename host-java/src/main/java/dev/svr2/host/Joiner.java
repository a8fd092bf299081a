// SPDX-License-Identifier: Apache-2.0
//
// Brings this host's enclave into the group: asks it, until it is a member, to join by way of the
// peers that the directory knows. Never founds a group.
package dev.svr2.host;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import com.google.protobuf.ByteString;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.host.enclave.RequestException;
import dev.svr2.host.log.Throttle;
import dev.svr2.proto.CloseReason;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.Error;
import dev.svr2.proto.HostRequest;
import dev.svr2.proto.JoinGroupRequest;
import dev.svr2.proto.JoinPhase;
import dev.svr2.proto.StatusReply;
import dev.svr2.proto.StatusRequest;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread-safe. Started once, closed once. */
final class Joiner implements AutoCloseable {
  private static final long POLL_MS = 100;

  /** A member's group is looked at every so many polls: did anybody join or leave? */
  private static final int POLLS_OF_A_MEMBER = 50;

  private static final Logger LOG = LoggerFactory.getLogger(Joiner.class);

  private final Supplier<EnclaveRuntime> runtime;
  private final Supplier<List<ByteString>> sources;
  private final boolean onStart;
  private final ScheduledExecutorService executor =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "svr2-joiner");
            thread.setDaemon(true);
            return thread;
          });

  private final Throttle refusalLines = new Throttle(Throttle.INTERVAL, System::nanoTime);

  @GuardedBy("this")
  private boolean wanted;

  @GuardedBy("this")
  private boolean asking;

  /** The enclave has a group, as its last status or the founding of the group said. */
  @GuardedBy("this")
  private boolean member;

  @GuardedBy("this")
  private int members;

  @GuardedBy("this")
  private boolean hadPeers;

  @GuardedBy("this")
  private boolean groupIsGone;

  @GuardedBy("this")
  private int polls;

  /** The sources that the enclave was given. */
  @GuardedBy("this")
  private final Set<ByteString> given = new HashSet<>();

  /**
   * @param sources enclaves that could be joined, at present
   * @param onStart joins without being told to
   */
  Joiner(Supplier<EnclaveRuntime> runtime, Supplier<List<ByteString>> sources, boolean onStart) {
    this.runtime = runtime;
    this.sources = sources;
    this.onStart = onStart;
    this.wanted = onStart;
  }

  void start() {
    var unused =
        executor.scheduleWithFixedDelay(this::poll, POLL_MS, POLL_MS, TimeUnit.MILLISECONDS);
  }

  /** An operator's order. Fails when no peer is known. */
  CompletableFuture<EnclaveReply> joinNow() {
    List<ByteString> now = sources.get();
    if (now.isEmpty()) {
      return CompletableFuture.failedFuture(
          new RequestException(
              Error.ERROR_PEERS_UNREACHABLE, CloseReason.CLOSE_REASON_NOT_APPLIED));
    }
    return ask(now)
        .thenApply(
            reply -> {
              synchronized (this) {
                wanted = true; // Peers that are found later are named, too.
              }
              return reply;
            });
  }

  /** A group was founded here. */
  synchronized void founded() {
    wanted = false;
    member = true;
    members = 1;
    groupIsGone = false;
  }

  /** Whoever got a status shows it. */
  synchronized void note(StatusReply status) {
    if (!status.getPeerId().equals(runtime.get().peerId())) {
      return; // Of an enclave that is no more.
    }
    if (status.getMember()) {
      if (wanted) {
        LOG.info("this replica is a member of its group now");
      }
      wanted = false;
      member = true;
      members = status.getMembersCount();
      groupIsGone = false;
    }
  }

  /** The enclave stopped for good. Called while it is still known who its peers were. */
  synchronized void onStopped() {
    hadPeers = members > 1 || !sources.get().isEmpty();
  }

  /** Another enclave has taken its place: it knows nothing of any group. */
  synchronized void onStarted() {
    if (member) {
      groupIsGone = !hadPeers;
      wanted = onStart || hadPeers;
      if (groupIsGone) {
        LOG.error(
            "the replica that stopped was the last of its group: the group's secrets are gone");
      }
    }
    member = false;
    members = 0;
    asking = false;
    given.clear();
  }

  /** The group ended with its last replica, which was here. */
  synchronized boolean groupIsGone() {
    return groupIsGone;
  }

  /** It joins as soon as it can. */
  synchronized boolean isWanted() {
    return wanted;
  }

  private void poll() {
    synchronized (this) {
      polls++;
      boolean due = wanted || (member && polls % POLLS_OF_A_MEMBER == 0);
      if (!due || asking) {
        return;
      }
      asking = true;
    }
    EnclaveRuntime now = runtime.get();
    var unused =
        now.request(HostRequest.newBuilder().setStatus(StatusRequest.getDefaultInstance()))
            .whenComplete(
                (reply, failure) -> next(now, failure == null ? reply.getStatus() : null));
  }

  /**
   * @param status null when the enclave did not answer
   */
  private void next(EnclaveRuntime of, StatusReply status) {
    if (status != null) {
      note(status);
    }
    List<ByteString> now = sources.get();
    synchronized (this) {
      if (of != runtime.get()) {
        return;
      }
      asking = false;
      boolean joining = status != null && status.getJoin().getPhase() != JoinPhase.JOIN_PHASE_NONE;
      boolean news = !given.containsAll(now);
      if (status == null || !wanted || now.isEmpty() || (joining && !news)) {
        return;
      }
      asking = true;
    }
    var unused =
        ask(now)
            .whenComplete(
                (reply, failure) -> {
                  synchronized (this) {
                    asking = false;
                  }
                  if (failure != null && refusalLines.note() > 0) {
                    LOG.info("the enclave does not join: {}", failure.getMessage());
                  }
                });
  }

  private CompletableFuture<EnclaveReply> ask(List<ByteString> peers) {
    JoinGroupRequest request = JoinGroupRequest.newBuilder().addAllPeerIds(peers).build();
    return runtime
        .get()
        .request(HostRequest.newBuilder().setJoinGroup(request))
        .thenApply(
            reply -> {
              synchronized (this) {
                given.addAll(peers);
              }
              LOG.info("joining by way of {} known peers", peers.size());
              return reply;
            });
  }

  @Override
  public void close() {
    executor.shutdownNow();
  }
}
