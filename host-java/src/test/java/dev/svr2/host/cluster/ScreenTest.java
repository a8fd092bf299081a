// SPDX-License-Identifier: Apache-2.0
//
// What a person sees of a group, and what is concluded from what the replicas say.
package dev.svr2.host.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.svr2.host.config.HostPort;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.JoinPhase;
import dev.svr2.proto.JoinStatus;
import dev.svr2.proto.MemberStatus;
import dev.svr2.proto.RaftGroupConfig;
import dev.svr2.proto.RaftRole;
import dev.svr2.proto.StatusReply;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

class ScreenTest {
  private final StringWriter out = new StringWriter();

  private static ByteString id(int number) {
    byte[] id = new byte[32];
    id[0] = (byte) (0xa0 + number);
    return ByteString.copyFrom(id);
  }

  /** A voter of a group whose voters have these numbers. */
  private static StatusReply.Builder voter(int number, int... voters) {
    StatusReply.Builder status =
        StatusReply.newBuilder()
            .setPeerId(id(number))
            .setGroup(RaftGroupConfig.newBuilder().setMinVotingReplicas(3))
            .setRole(number == 1 ? RaftRole.RAFT_ROLE_LEADER : RaftRole.RAFT_ROLE_FOLLOWER)
            .setTerm(2)
            .setPromiseIndex(41)
            .setCommitIndex(40)
            .setRows(7)
            .setClientSessions(number)
            .setMember(true)
            .setVoting(true);
    for (int one : voters) {
      status.addMembers(MemberStatus.newBuilder().setPeerId(id(one)).setVoting(true));
    }
    return status;
  }

  private static ReplicaView view(int number, StatusReply.Builder enclave) {
    boolean ready = enclave.getMember();
    GetStatusResponse status =
        GetStatusResponse.newBuilder()
            .setReady(ready)
            .setNotReadyReason(ready ? "" : "reason")
            .setEnclave(enclave)
            .build();
    return view(number, true, true, status);
  }

  private static ReplicaView view(
      int number, boolean alive, boolean answering, GetStatusResponse status) {
    HostPort client = new HostPort("127.0.0.1", 1000 + number);
    return new ReplicaView(
        number, client, 500 + number, alive, 1, "by signal 9", answering, status);
  }

  private static StatusReply.Builder joining(int number) {
    return StatusReply.newBuilder()
        .setPeerId(id(number))
        .setJoin(JoinStatus.newBuilder().setPhase(JoinPhase.JOIN_PHASE_LOADING).setRowsLoaded(5));
  }

  private static ReplicaView dead(int number) {
    return view(number, false, false, null);
  }

  @Test
  void theTableHasALineForEachReplica() {
    List<String> lines =
        Screen.table(
            List.of(view(1, voter(1, 1, 2, 3)), view(2, joining(2)), dead(3)), "one more thing");
    assertEquals(
        """

         #  id        role            term    promise     commit       rows  clients      pid  state
         1  a1000000  leader             2         41         40          7        1      501  voting
         2  a2000000  -                  0          0          0          5        0      502  joining: loads rows
         3  -         -                  -          -          -          -        -        -  ended (by signal 9)
        one more thing""",
        String.join("\n", lines));
  }

  @Test
  void aTerminalIsDrawnOverAndOnlyWhenSomethingChanged() {
    Screen screen = new Screen(new PrintWriter(out), true);
    screen.show(List.of(dead(1)), "");
    assertFalse(out.toString().contains("\u001b"), out.toString());
    int first = out.toString().length();
    screen.show(List.of(dead(1)), "");
    assertEquals(first, out.toString().length());
    screen.show(List.of(view(1, voter(1, 1))), "");
    assertTrue(out.toString().substring(first).startsWith("\u001b[3A\u001b[J"));
    screen.clear();
    assertTrue(out.toString().endsWith("\u001b[3A\u001b[J"));
  }

  @Test
  void elsewhereThereIsALineForEachChange() {
    Screen screen = new Screen(new PrintWriter(out), false);
    screen.show(List.of(view(1, joining(1))), "");
    screen.show(List.of(view(1, joining(1))), "");
    screen.show(List.of(view(1, voter(1, 1))), "note");
    screen.show(List.of(view(1, voter(1, 1).setCommitIndex(99))), "note");
    screen.clear();
    assertEquals(
        """
        replica 1, a1000000 (pid 501): joining: loads rows
        replica 1, a1000000 (pid 501): leader, voting
        note
        """,
        out.toString());
  }

  @Test
  void eachStateHasItsWords() {
    assertEquals("ended (by signal 9)", dead(1).state());
    assertEquals("starting", view(1, true, false, null).state());
    assertEquals("no group yet", view(1, StatusReply.newBuilder()).state());
    assertEquals("no answer", view(1, true, false, GetStatusResponse.getDefaultInstance()).state());
    assertEquals("not a member yet", view(1, voter(1, 1).setMember(false)).state());
    assertEquals("member", view(1, voter(1, 1).setVoting(false)).state());
    assertEquals("voting", view(1, voter(1, 1)).state());
  }

  @Test
  void aDeadVoterCountsUntilTheMembershipForgetsIt() {
    List<ReplicaView> one =
        List.of(view(1, voter(1, 1, 2, 3)), view(2, voter(2, 1, 2, 3)), dead(3));
    assertEquals(new GroupHealth(3, 2, 2, 2), GroupHealth.of(one));
    assertFalse(GroupHealth.of(one).canLoseOne());
    assertFalse(GroupHealth.of(one).lost());
    // A fourth votes: three of four live, all of them are needed.
    List<ReplicaView> replaced =
        List.of(
            view(1, voter(1, 1, 2, 3, 4)), view(2, voter(2, 1, 2, 3)), view(3, voter(4, 1, 2, 3)));
    assertFalse(GroupHealth.of(replaced).canLoseOne());
    List<ReplicaView> healed =
        List.of(view(1, voter(1, 1, 2, 4)), view(2, voter(2, 1, 2, 4)), view(3, voter(4, 1, 2, 4)));
    assertTrue(GroupHealth.of(healed).canLoseOne());
  }

  @Test
  void theNewestMembershipCountsAndAStoppedProcessLives() {
    GetStatusResponse old =
        GetStatusResponse.newBuilder().setEnclave(voter(1, 1, 2, 3).setCommitIndex(1)).build();
    GroupHealth health =
        GroupHealth.of(
            List.of(
                view(1, true, false, old), view(2, voter(2, 1, 2, 4)), view(3, voter(4, 1, 2, 4))));
    assertEquals(new GroupHealth(3, 3, 2, 2), health);
    assertFalse(health.canLoseOne(), "one of them does not answer");
  }

  @Test
  void withoutAQuorumTheGroupIsLost() {
    assertTrue(GroupHealth.of(List.of(view(1, voter(1, 1, 2, 3)), dead(2), dead(3))).lost());
    assertFalse(GroupHealth.of(List.of(dead(1))).lost(), "no group is known of");
  }

  /** protocol.md §4, Quorum. */
  @Test
  void quorums() {
    assertEquals(2, GroupHealth.quorum(3, 0));
    assertEquals(3, GroupHealth.quorum(4, 0));
    assertEquals(3, GroupHealth.quorum(4, 1));
    assertEquals(4, GroupHealth.quorum(5, 1));
    assertEquals(5, GroupHealth.quorum(7, 2));
    assertEquals(1, GroupHealth.quorum(1, 1));
  }
}
