// SPDX-License-Identifier: Apache-2.0
//
// Leaves the group before the host ends (design.md §5): hands leadership over, then has its own
// membership removed, as far as that is allowed and there is time.
package dev.svr2.host;

import dev.svr2.enclave.ErrorText;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.host.enclave.RequestException;
import dev.svr2.proto.ChangeMembershipRequest;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.Error;
import dev.svr2.proto.HostRequest;
import dev.svr2.proto.MembershipChangeKind;
import dev.svr2.proto.RaftRole;
import dev.svr2.proto.RelinquishLeadershipRequest;
import dev.svr2.proto.StatusReply;
import dev.svr2.proto.StatusRequest;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Used once, by one thread. */
final class Departure {
  private static final Logger LOG = LoggerFactory.getLogger(Host.class);
  private static final Duration STATUS = Duration.ofSeconds(1);
  private static final long PAUSE_MS = 50;

  /** Refusals that no other try in the next seconds will change. */
  private static final Set<Error> FINAL =
      Set.of(
          Error.ERROR_RAFT_BELOW_MIN_VOTERS,
          Error.ERROR_RAFT_NOT_A_MEMBER,
          Error.ERROR_CORE_NO_GROUP,
          Error.ERROR_CORE_JOINING,
          Error.ERROR_BRIDGE_CLOSED,
          Error.ERROR_BRIDGE_ABORTED);

  private final EnclaveRuntime runtime;
  private final long endNanos;

  Departure(EnclaveRuntime runtime, Duration limit) {
    this.runtime = runtime;
    this.endNanos = System.nanoTime() + limit.toNanos();
  }

  /** Returns when the replica has left, or need not, or cannot, or the time is up. */
  void go() throws InterruptedException {
    if (runtime.termination().isDone()) {
      return;
    }
    Optional<StatusReply> status = status();
    if (status.isEmpty()) {
      LOG.warn("the enclave did not say at its end which group it is of");
      return;
    }
    if (!status.get().hasGroup()) {
      return;
    }
    if (status.get().getMembersCount() <= 1) {
      LOG.warn(
          "this is the last member of its group: nobody to hand over to, nothing to leave;"
              + " the group's secrets are gone ({} rows)",
          status.get().getRows());
      return;
    }
    if (status.get().getMember()) {
      if (status.get().getRole() == RaftRole.RAFT_ROLE_LEADER) {
        handOver();
      }
      leave();
    }
  }

  private void handOver() throws InterruptedException {
    LOG.info("shutting down: handing leadership over");
    try {
      var unused = ask(relinquish(), remaining());
      LOG.info("another replica leads");
    } catch (RequestException e) {
      LOG.warn("leadership was not handed over: {}", ErrorText.of(e.error()));
    } catch (TimeoutException e) {
      LOG.warn("leadership was not handed over in time");
    }
  }

  private void leave() throws InterruptedException {
    LOG.info("shutting down: leaving the group");
    Error last = Error.ERROR_CORE_REQUEST_TIMEOUT;
    while (!remaining().isZero()) {
      try {
        var unused = ask(removal(), remaining());
        LOG.info("this replica has left the group");
        return;
      } catch (TimeoutException e) {
        break;
      } catch (RequestException e) {
        last = e.error();
      }
      if (isRemoved()) {
        LOG.info("this replica has left the group");
        return;
      }
      if (FINAL.contains(last)) {
        break;
      }
      if (last == Error.ERROR_RAFT_IS_LEADER) {
        handOver(); // Elected again, or the first hand-over failed.
      }
      TimeUnit.MILLISECONDS.sleep(PAUSE_MS);
    }
    if (last == Error.ERROR_RAFT_BELOW_MIN_VOTERS) {
      LOG.info(
          "this replica stays a member, since too few would vote without it; it is removed once a"
              + " replacement votes");
    } else {
      LOG.warn("this replica did not leave the group: {}", ErrorText.of(last));
    }
  }

  /** An enclave that sees its removal committed may stop before it answers. */
  private boolean isRemoved() {
    return runtime.termination().isDone()
        && runtime.termination().join().error() == Error.ERROR_RAFT_REMOVED;
  }

  private Optional<StatusReply> status() throws InterruptedException {
    try {
      HostRequest.Builder request =
          HostRequest.newBuilder().setStatus(StatusRequest.getDefaultInstance());
      return Optional.of(ask(request, STATUS).getStatus());
    } catch (RequestException | TimeoutException e) {
      return Optional.empty();
    }
  }

  private static HostRequest.Builder relinquish() {
    return HostRequest.newBuilder()
        .setRelinquishLeadership(RelinquishLeadershipRequest.getDefaultInstance());
  }

  private HostRequest.Builder removal() {
    return HostRequest.newBuilder()
        .setChangeMembership(
            ChangeMembershipRequest.newBuilder()
                .setKind(MembershipChangeKind.MEMBERSHIP_CHANGE_REMOVE)
                .setPeerId(runtime.peerId()));
  }

  private Duration remaining() {
    return Duration.ofNanos(Math.max(0, endNanos - System.nanoTime()));
  }

  private EnclaveReply ask(HostRequest.Builder request, Duration limit)
      throws RequestException, TimeoutException, InterruptedException {
    try {
      return runtime.request(request).get(limit.toNanos(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RequestException refused) {
        throw refused;
      }
      throw new IllegalStateException("a request failed in a way of its own", e);
    }
  }
}
