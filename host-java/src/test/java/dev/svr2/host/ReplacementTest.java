// SPDX-License-Identifier: Apache-2.0
//
// An enclave that stopped for good is replaced in the same process (design.md §5): what clients,
// operators and the new enclave see of it.
package dev.svr2.host;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.enclave.ErrorText;
import dev.svr2.host.session.TestSession;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.Error;
import dev.svr2.proto.GetMetricsRequest;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.RaftRole;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ReplacementTest {
  private final FakeEnclave.Loader loader = new FakeEnclave.Loader();
  private LogLines log;
  private HostFixture fixture;

  @BeforeEach
  void start() throws Exception {
    fixture = HostFixture.start("", loader);
    log = new LogLines();
  }

  @AfterEach
  void close() {
    fixture.close();
    log.close();
  }

  private GetStatusResponse status() {
    return fixture.control().getStatus(GetStatusRequest.getDefaultInstance());
  }

  private void awaitEnclaves(int count) {
    await().until(() -> loader.all.size() == count && status().getEnclavesStarted() == count);
    await().until(() -> status().hasEnclave());
  }

  private static long joins(FakeEnclave enclave) {
    return enclave.items().stream().filter(item -> item.getRequest().hasJoinGroup()).count();
  }

  @Test
  void anotherEnclaveTakesItsPlaceAndThePlanesGoOn() throws Exception {
    String clients = status().getClientAddress();
    FakeEnclave first = loader.enclave;
    first.stop(Error.ERROR_INTEGRITY_MISMATCH);
    awaitEnclaves(2);
    await().until(() -> first.closed);
    GetStatusResponse status = status();
    assertEquals(clients, status.getClientAddress());
    assertTrue(status.getLive());
    assertFalse(status.getReady());
    assertNotEquals(first.peerId, status.getEnclave().getPeerId());
    assertFalse(fixture.host.termination().isDone());
    String metrics = fixture.control().getMetrics(GetMetricsRequest.getDefaultInstance()).getText();
    assertTrue(
        metrics.contains(
            "svr2_host_enclave_stops_total{end=\"stopped\",error=\"ERROR_INTEGRITY_MISMATCH\"} 1.0"));
    assertTrue(metrics.contains("svr2_host_enclaves_started_total 2.0"));
    assertTrue(log.has(ErrorText.of(Error.ERROR_INTEGRITY_MISMATCH)), log.all()::toString);
    var unused = fixture.control().createGroup(CreateGroupCall.getDefaultInstance());
    assertTrue(status().getReady());
    TestSession session = TestSession.open(fixture.client());
    assertEquals("handshake start", session.next());
    session.send("hello");
    assertEquals("hello", session.next());
  }

  @Test
  void aRequestInFlightIsUnknownAndAnIdleSessionIsNot() throws Exception {
    TestSession idle = TestSession.open(fixture.client());
    TestSession asking = TestSession.open(fixture.client());
    idle.next();
    asking.next();
    FakeEnclave first = loader.enclave;
    first.onClient = (enclave, input) -> enclave.stop(Error.ERROR_RAFT_ROLLED_BACK);
    asking.send("a guess");
    assertEquals("INTERNAL svr2:ERROR_RAFT_ROLLED_BACK applied=unknown", asking.end());
    assertEquals("UNAVAILABLE svr2:ERROR_RAFT_ROLLED_BACK applied=no", idle.end());
    awaitEnclaves(2);
  }

  @Test
  void aLoopOfStopsIsSlowedDown() {
    loader.prepare = fresh -> fresh.gate = message -> fresh.stop(Error.ERROR_DB_ROWS_FULL);
    loader.enclave.stop(Error.ERROR_INTEGRITY_MISMATCH);
    await().until(() -> log.has("is replaced in 1000 ms"));
    assertTrue(loader.all.size() <= 4, () -> loader.all.size() + " enclaves");
    assertTrue(
        status().getNotReadyReason().endsWith("another takes its place"),
        () -> status().getNotReadyReason());
  }

  @Test
  void theLastOfItsGroupFoundsNoOtherAndSaysSo() {
    var unused = fixture.control().createGroup(CreateGroupCall.getDefaultInstance());
    loader.enclave.stop(Error.ERROR_INTEGRITY_MISMATCH);
    awaitEnclaves(2);
    assertEquals(
        "the group ended with its last replica, which was here, and its secrets are gone; to begin a new"
            + " one, run 'svr2 admin create-group'",
        status().getNotReadyReason());
    assertTrue(log.has("the last of its group"));
    assertEquals(0, joins(loader.enclave));
    assertTrue(
        loader.enclave.items().stream().noneMatch(item -> item.getRequest().hasCreateGroup()));
  }

  @Test
  void aMemberJoinsItsGroupAgainAndAReplicaOfNoGroupDoesNot() throws Exception {
    FakeEnclave.Loader others = new FakeEnclave.Loader();
    try (HostFixture other = HostFixture.start("peer.listen: 127.0.0.1:0\n", others);
        HostFixture member =
            HostFixture.start(
                "peer.static: " + other.host.peerAddress().orElseThrow() + "\n", loader)) {
      loader.enclave.stop(Error.ERROR_OUT_OF_MEMORY);
      await().until(() -> member.host.operations().status().get().getEnclavesStarted() == 2);
      await().until(() -> member.host.operations().peers().getPeersList().get(0).getConnected());
      assertEquals(0, joins(loader.enclave));

      loader.enclave.groupStatus = loader.enclave.memberOf(3, RaftRole.RAFT_ROLE_FOLLOWER);
      assertTrue(member.host.operations().status().get().getReady());
      loader.enclave.stop(Error.ERROR_RAFT_ENTRIES_DROPPED);
      await().until(() -> joins(loader.enclave) > 0);
      var join =
          loader.enclave.items().stream()
              .filter(item -> item.getRequest().hasJoinGroup())
              .findFirst()
              .orElseThrow();
      assertEquals(
          List.of(others.enclave.peerId), join.getRequest().getJoinGroup().getPeerIdsList());
    }
  }
}
