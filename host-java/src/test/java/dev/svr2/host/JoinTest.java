// SPDX-License-Identifier: Apache-2.0
//
// Hosts with fake enclaves that find each other: joining by order and by configuration, and the
// path
// of a message from one enclave to another through both hosts.
package dev.svr2.host;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.svr2.proto.EnclaveItem;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.EnclaveRequest;
import dev.svr2.proto.Error;
import dev.svr2.proto.GetPeersCall;
import dev.svr2.proto.GetPeersResult;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.HostItem;
import dev.svr2.proto.JoinGroupCall;
import dev.svr2.proto.JoinGroupReply;
import dev.svr2.proto.JoinPhase;
import dev.svr2.proto.JoinStatus;
import dev.svr2.proto.RaftRole;
import dev.svr2.proto.RouteToPeerRequest;
import dev.svr2.proto.StatusReply;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class JoinTest {
  private static final String JOINS =
      HostFixture.CONFIG.replace("group:", "group:\n  on_start: join");

  private final FakeEnclave.Loader firstLoader = new FakeEnclave.Loader();
  private final FakeEnclave.Loader secondLoader = new FakeEnclave.Loader();
  private HostFixture first;
  private HostFixture second;

  @BeforeEach
  void start() throws Exception {
    first = HostFixture.start("peer.listen: 127.0.0.1:0\n", firstLoader);
  }

  @AfterEach
  void close() {
    if (second != null) {
      second.close();
    }
    first.close();
  }

  private void startSecond(String config) throws Exception {
    String more = "peer.static: %s\n".formatted(first.host.peerAddress().orElseThrow());
    second = HostFixture.startWith(config + more, secondLoader);
  }

  private static List<HostItem> joins(FakeEnclave enclave) {
    return enclave.items().stream().filter(item -> item.getRequest().hasJoinGroup()).toList();
  }

  private static List<HostItem> peerItems(FakeEnclave enclave) {
    return enclave.items().stream().filter(item -> item.hasPeer() || item.hasPeerReset()).toList();
  }

  private static String notReady(HostFixture fixture) {
    return fixture.control().getStatus(GetStatusRequest.getDefaultInstance()).getNotReadyReason();
  }

  private static StatusReply.Builder joining() {
    return StatusReply.newBuilder()
        .setNotServingReason(Error.ERROR_CORE_JOINING)
        .setJoin(JoinStatus.newBuilder().setPhase(JoinPhase.JOIN_PHASE_CONNECTING));
  }

  @Test
  void aHostThatJoinsOnStartAsksUntilItIsAMemberAndIsReadyThen() throws Exception {
    secondLoader.prepare =
        enclave ->
            enclave.onRequest =
                request -> {
                  if (request.hasJoinGroup()) {
                    enclave.groupStatus = joining();
                    return EnclaveReply.newBuilder()
                        .setJoinGroup(JoinGroupReply.getDefaultInstance());
                  }
                  return null;
                };
    startSecond(JOINS);
    await().until(() -> !joins(secondLoader.enclave).isEmpty());
    assertEquals(
        List.of(firstLoader.enclave.peerId),
        joins(secondLoader.enclave).get(0).getRequest().getJoinGroup().getPeerIdsList());
    await().until(() -> notReady(second).equals("joining the group: connecting"));
    secondLoader.enclave.groupStatus =
        secondLoader.enclave.memberOf(2, RaftRole.RAFT_ROLE_FOLLOWER);
    await().until(() -> notReady(second).isEmpty());
    assertEquals(1, joins(secondLoader.enclave).size(), "nothing new to say");
  }

  @Test
  void aRefusedOrderToJoinIsRepeated() throws Exception {
    secondLoader.prepare =
        enclave ->
            enclave.onRequest =
                request ->
                    request.hasJoinGroup()
                        ? EnclaveReply.newBuilder().setError(Error.ERROR_PEERS_TOO_MANY)
                        : null;
    startSecond(JOINS);
    await().until(() -> joins(secondLoader.enclave).size() >= 3);
    assertEquals(
        "this replica belongs to no group yet; it joins as soon as a peer of one is found",
        notReady(second));
  }

  @Test
  void withoutThatItWaitsForAnOrder() throws Exception {
    startSecond(HostFixture.CONFIG);
    await().until(() -> peers(second).getPeersList().stream().anyMatch(p -> p.getConnected()));
    assertEquals(0, joins(secondLoader.enclave).size());
    var unused = second.control().joinGroup(JoinGroupCall.getDefaultInstance());
    assertFalse(joins(secondLoader.enclave).isEmpty());
  }

  @Test
  void anOrderWithoutAKnownPeerIsRefused() {
    StatusRuntimeException failure =
        assertThrows(
            StatusRuntimeException.class,
            () -> first.control().joinGroup(JoinGroupCall.getDefaultInstance()));
    assertEquals(Status.Code.UNAVAILABLE, failure.getStatus().getCode());
  }

  private static GetPeersResult peers(HostFixture fixture) {
    return fixture.control().getPeers(GetPeersCall.getDefaultInstance());
  }

  @Test
  void messagesPassBetweenEnclavesInOrder() throws Exception {
    startSecond(HostFixture.CONFIG);
    FakeEnclave one = firstLoader.enclave;
    FakeEnclave two = secondLoader.enclave;
    for (int i = 0; i < 100; i++) {
      two.toPeer(one.peerId, ByteString.copyFromUtf8("up " + i));
      one.toPeer(two.peerId, ByteString.copyFromUtf8("down " + i));
    }
    await().until(() -> peerItems(one).size() == 100 && peerItems(two).size() == 100);
    for (int i = 0; i < 100; i++) {
      assertEquals(two.peerId, peerItems(one).get(i).getPeer().getPeerId());
      assertEquals("up " + i, peerItems(one).get(i).getPeer().getData().toStringUtf8());
      assertEquals("down " + i, peerItems(two).get(i).getPeer().getData().toStringUtf8());
    }
    GetPeersResult.Peer peer = peers(second).getPeers(0);
    assertEquals(one.peerId, peer.getPeerId());
    assertEquals(first.host.peerAddress().orElseThrow().toString(), peer.getAddress());
    assertEquals(0, peer.getResets());
  }

  @Test
  void aReplacedEnclaveIsAnotherPeerAndTheOldOneIsReset() throws Exception {
    startSecond(HostFixture.CONFIG + "peer.abandon_ms: 500\n");
    FakeEnclave old = firstLoader.enclave;
    FakeEnclave two = secondLoader.enclave;
    two.toPeer(old.peerId, ByteString.copyFromUtf8("x"));
    await().until(() -> peerItems(old).size() == 1);
    old.stop(Error.ERROR_INTEGRITY_MISMATCH);
    await().until(() -> firstLoader.all.size() == 2);
    two.toPeer(old.peerId, ByteString.copyFromUtf8("too late"));
    await().until(() -> peerItems(two).stream().anyMatch(HostItem::hasPeerReset));
    two.toPeer(firstLoader.enclave.peerId, ByteString.copyFromUtf8("hello, new one"));
    await().until(() -> peerItems(firstLoader.enclave).size() == 1);
  }

  @Test
  void theEnclavesQuestionForARouteIsAnswered() throws Exception {
    startSecond(HostFixture.CONFIG);
    askRoute(7, firstLoader.enclave.peerId);
    askRoute(8, ByteString.copyFrom(new byte[32]));
    await().until(() -> routes().size() == 2);
    assertTrue(routes().contains("7 true"), () -> routes().toString());
    assertTrue(routes().contains("8 false"), () -> routes().toString());
  }

  private void askRoute(long id, ByteString peer) {
    secondLoader.enclave.output(
        EnclaveItem.newBuilder()
            .setRequest(
                EnclaveRequest.newBuilder()
                    .setId(id)
                    .setRouteToPeer(RouteToPeerRequest.newBuilder().setPeerId(peer))));
  }

  private List<String> routes() {
    return secondLoader.enclave.items().stream()
        .filter(HostItem::hasReply)
        .map(
            item -> item.getReply().getId() + " " + item.getReply().getRouteToPeer().getReachable())
        .toList();
  }

  @Test
  void anAddressInUseIsNamed() {
    FakeEnclave.Loader third = new FakeEnclave.Loader();
    IOException failure =
        assertThrows(
            IOException.class,
            () ->
                HostFixture.start(
                    "peer.listen: " + first.host.peerAddress().orElseThrow() + "\n", third));
    assertTrue(failure.getMessage().contains("(peer.listen)"), failure.getMessage());
    assertTrue(third.enclave.closed);
  }
}
