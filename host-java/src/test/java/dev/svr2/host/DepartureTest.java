// SPDX-License-Identifier: Apache-2.0
//
// How a host leaves its group when it ends (design.md §5): what it asks of its enclave, in which
// order,
// and what it does when the enclave refuses.
package dev.svr2.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.Error;
import dev.svr2.proto.HostRequest;
import dev.svr2.proto.MembershipChangeKind;
import dev.svr2.proto.RaftRole;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DepartureTest {
  private final FakeEnclave.Loader loader = new FakeEnclave.Loader();
  private final List<HostRequest> asked = new CopyOnWriteArrayList<>();
  private LogLines log;
  private HostFixture fixture;
  private FakeEnclave enclave;

  @BeforeEach
  void start() throws Exception {
    fixture = HostFixture.start("runtime.shutdown_deadline_ms: 4000\n", loader);
    enclave = loader.enclave;
    log = new LogLines();
  }

  @AfterEach
  void close() {
    fixture.close();
    log.close();
  }

  private void answer(Function<HostRequest, EnclaveReply.Builder> answers) {
    enclave.onRequest =
        request -> {
          if (!request.hasStatus()) {
            asked.add(request);
          }
          return answers.apply(request);
        };
  }

  private List<String> askedFor() {
    return asked.stream().map(request -> request.getRequestCase().name()).toList();
  }

  @Test
  void aFollowerHasItselfRemoved() {
    enclave.groupStatus = enclave.memberOf(4, RaftRole.RAFT_ROLE_FOLLOWER);
    answer(request -> null);
    fixture.host.close();
    assertEquals(List.of("CHANGE_MEMBERSHIP"), askedFor());
    var change = asked.get(0).getChangeMembership();
    assertEquals(MembershipChangeKind.MEMBERSHIP_CHANGE_REMOVE, change.getKind());
    assertEquals(enclave.peerId, change.getPeerId());
    assertFalse(change.getForce());
    assertTrue(log.has("this replica has left the group"));
    assertTrue(enclave.closed);
  }

  @Test
  void aLeaderHandsOverFirst() {
    enclave.groupStatus = enclave.memberOf(4, RaftRole.RAFT_ROLE_LEADER);
    answer(request -> null);
    fixture.host.close();
    assertEquals(List.of("RELINQUISH_LEADERSHIP", "CHANGE_MEMBERSHIP"), askedFor());
    List<String> lines = log.all();
    assertTrue(
        lines.indexOf("shutting down: handing leadership over")
            < lines.indexOf("shutting down: leaving the group"),
        lines::toString);
  }

  @Test
  void whoIsNeededStaysAMemberAndThatIsNoFailure() {
    enclave.groupStatus = enclave.memberOf(3, RaftRole.RAFT_ROLE_FOLLOWER);
    answer(
        request ->
            request.hasChangeMembership()
                ? EnclaveReply.newBuilder().setError(Error.ERROR_RAFT_BELOW_MIN_VOTERS)
                : null);
    fixture.host.close();
    assertEquals(1, asked.size());
    assertTrue(log.has("this replica stays a member"));
    assertFalse(log.has("did not leave"));
    assertTrue(enclave.closed);
  }

  @Test
  void aRefusalOfTheMomentIsTriedAgain() {
    enclave.groupStatus = enclave.memberOf(4, RaftRole.RAFT_ROLE_LEADER);
    List<Error> refusals =
        new ArrayList<>(
            List.of(
                Error.ERROR_RAFT_TRANSFER_FAILED,
                Error.ERROR_RAFT_IS_LEADER,
                Error.OK,
                Error.ERROR_RAFT_NO_LEADER,
                Error.ERROR_RAFT_TERM_NOT_COMMITTED,
                Error.ERROR_RAFT_CHANGE_IN_FLIGHT));
    answer(
        request -> {
          if (request.hasStatus() || refusals.isEmpty() || refusals.get(0) == Error.OK) {
            if (!request.hasStatus() && !refusals.isEmpty()) {
              refusals.remove(0);
            }
            return null;
          }
          return EnclaveReply.newBuilder().setError(refusals.remove(0));
        });
    fixture.host.close();
    assertEquals(
        List.of(
            "RELINQUISH_LEADERSHIP",
            "CHANGE_MEMBERSHIP",
            "RELINQUISH_LEADERSHIP",
            "CHANGE_MEMBERSHIP",
            "CHANGE_MEMBERSHIP",
            "CHANGE_MEMBERSHIP",
            "CHANGE_MEMBERSHIP"),
        askedFor());
    assertTrue(log.has("this replica has left the group"));
  }

  @Test
  void anEnclaveThatStopsOnItsRemovalHasLeftAndIsNotReplaced() {
    enclave.groupStatus = enclave.memberOf(4, RaftRole.RAFT_ROLE_FOLLOWER);
    answer(
        request -> {
          if (request.hasChangeMembership()) {
            enclave.stop(Error.ERROR_RAFT_REMOVED);
            return FakeEnclave.NO_ANSWER;
          }
          return null;
        });
    fixture.host.close();
    assertTrue(log.has("this replica has left the group"));
    assertEquals(1, loader.all.size());
    assertFalse(fixture.host.termination().isDone());
  }

  @Test
  void aGroupThatDoesNotAnswerCostsHalfTheDeadline() {
    enclave.groupStatus = enclave.memberOf(4, RaftRole.RAFT_ROLE_FOLLOWER);
    answer(request -> request.hasChangeMembership() ? FakeEnclave.NO_ANSWER : null);
    long start = System.nanoTime();
    fixture.host.close();
    long millis = (System.nanoTime() - start) / 1_000_000;
    assertTrue(millis < 4_000, () -> millis + " ms");
    assertTrue(log.has("this replica did not leave the group"));
    assertTrue(enclave.closed);
  }

  @Test
  void whoIsNoMemberHasNothingToLeave() {
    answer(request -> null);
    fixture.host.close();
    assertEquals(List.of(), askedFor());
    assertTrue(enclave.closed);
  }
}
