// SPDX-License-Identifier: Apache-2.0
//
// `svr2 admin` about the group, in process: what reaches the enclave, what is printed, and the exit
// codes of cli.md for everything that an enclave may refuse.
package dev.svr2.host.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.ByteString;
import dev.svr2.enclave.ErrorText;
import dev.svr2.host.FakeEnclave;
import dev.svr2.host.HostFixture;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.Error;
import dev.svr2.proto.HostItem;
import dev.svr2.proto.HostRequest;
import dev.svr2.proto.JoinPhase;
import dev.svr2.proto.JoinStatus;
import dev.svr2.proto.MemberStatus;
import dev.svr2.proto.MembershipChangeKind;
import dev.svr2.proto.RaftRole;
import dev.svr2.proto.StatusReply;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.HexFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class AdminGroupCommandTest {
  private static final String PEER =
      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  private static final ByteString PEER_ID = ByteString.copyFrom(HexFormat.of().parseHex(PEER));

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private final FakeEnclave.Loader loader = new FakeEnclave.Loader();
  private HostFixture fixture;

  @BeforeEach
  void start() throws Exception {
    fixture = HostFixture.start("", loader);
  }

  @AfterEach
  void close() {
    fixture.close();
  }

  private int admin(String args) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    CommandLine commandLine = Main.commandLine();
    commandLine.setOut(new PrintWriter(out, true));
    commandLine.setErr(new PrintWriter(err, true));
    String all = "admin --json --control " + fixture.host.controlAddress() + " " + args;
    return commandLine.execute(all.split(" "));
  }

  private JsonObject json() {
    return JsonParser.parseString(out.toString()).getAsJsonObject();
  }

  private HostRequest lastRequest() {
    return loader.enclave.items().stream()
        .filter(HostItem::hasRequest)
        .reduce((first, second) -> second)
        .orElseThrow()
        .getRequest();
  }

  private void refuseWith(Error error) {
    loader.enclave.onRequest = request -> EnclaveReply.newBuilder().setError(error);
  }

  @ParameterizedTest
  @CsvSource({"promote, PROMOTE", "voting, PROMOTE", "demote, DEMOTE", "remove, REMOVE"})
  void aChangeOfTheMembershipReachesTheEnclave(String command, String kind) {
    assertEquals(0, admin(command + " " + PEER));
    var change = lastRequest().getChangeMembership();
    assertEquals(MembershipChangeKind.valueOf("MEMBERSHIP_CHANGE_" + kind), change.getKind());
    assertEquals(PEER_ID, change.getPeerId());
    assertFalse(change.getForce());
    assertEquals(PEER, json().get("peer").getAsString());
    assertEquals("", err.toString());
  }

  @Test
  void withoutAPeerItIsThisHostsOwnReplicaAndForceWarns() {
    assertEquals(0, admin("remove --force"));
    var change = lastRequest().getChangeMembership();
    assertEquals(32, change.getPeerId().size());
    assertTrue(change.getForce());
    assertTrue(err.toString().startsWith("warning: --force may take the group below"));
    assertEquals(2, admin("promote --force"), "a promotion needs none");
  }

  @ParameterizedTest
  @CsvSource({
    "ERROR_RAFT_BELOW_MIN_VOTERS, 1",
    "ERROR_RAFT_MAX_VOTERS, 1",
    "ERROR_RAFT_NOT_A_MEMBER, 1",
    "ERROR_RAFT_NO_CHANGE, 1",
    "ERROR_RAFT_IS_LEADER, 1",
    "ERROR_CORE_NO_GROUP, 1",
    "ERROR_RAFT_NO_LEADER, 5",
    "ERROR_RAFT_CHANGE_IN_FLIGHT, 5",
    "ERROR_RAFT_TERM_NOT_COMMITTED, 5",
    "ERROR_CORE_NO_QUORUM_TIME, 5",
    "ERROR_CORE_JOINING, 5",
    "ERROR_PEERS_NOT_CONNECTED, 5",
    "ERROR_CORE_REQUEST_TIMEOUT, 6",
    "ERROR_PEERS_REQUEST_TIMEOUT, 6",
    "ERROR_PEERS_RESET, 6",
  })
  void everyRefusalHasItsExitCodeAndWords(Error error, int exitCode) {
    refuseWith(error);
    assertEquals(exitCode, admin("remove " + PEER));
    assertEquals(exitCode, json().get("exit_code").getAsInt());
    if (exitCode != 6) {
      assertTrue(err.toString().contains(ErrorText.of(error)), err.toString());
      assertTrue(err.toString().contains(ErrorText.hint(error)), err.toString());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "promote 12",
        "remove " + PEER + "00",
        "demote zz23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "reset-peer",
        "ping-peer 0x12",
        "raise-minimums",
        "raise-minimums a",
        "raise-minimums =00",
        "raise-minimums a=xyz"
      })
  void usageErrorsEndWith2(String args) {
    assertEquals(2, admin(args));
    assertFalse(err.toString().isBlank());
  }

  @Test
  void leadershipHashAndPeersAreAskedFor() {
    assertEquals(0, admin("relinquish"));
    assertTrue(lastRequest().hasRelinquishLeadership());
    assertEquals(0, admin("hash"));
    assertEquals(12, json().get("applied_index").getAsInt());
    assertEquals(64, json().get("hash").getAsString().length());
    assertEquals(0, admin("reset-peer " + PEER));
    assertEquals(PEER_ID, lastRequest().getResetPeer().getPeerId());
    assertEquals(0, admin("ping-peer " + PEER));
    assertEquals(PEER_ID, lastRequest().getPingPeer().getPeerId());
    assertEquals(1, json().get("ticks").getAsInt());
    assertTrue(json().get("microseconds").getAsLong() > 0);
    assertEquals(0, admin("peers"));
    assertEquals(0, json().getAsJsonArray("peers").size());
  }

  @Test
  void aPingWithoutAnAnswerIsNoUnknown() {
    refuseWith(Error.ERROR_PEERS_REQUEST_TIMEOUT);
    assertEquals(1, admin("ping-peer " + PEER));
    assertEquals("no answer from " + PEER, json().get("text").getAsString());
  }

  @Test
  void minimumsAreRaised() {
    assertEquals(0, admin("raise-minimums b=0001 a=ff"));
    assertEquals(
        ByteString.copyFrom(new byte[] {0, 1}),
        lastRequest().getRaiseMinimums().getRaise().getLimOrThrow("b"));
    assertEquals("{\"a\":\"ff\",\"b\":\"0001\"}", json().get("minimums").toString());
    refuseWith(Error.ERROR_MINIMUMS_VALUE_LOWERED);
    assertEquals(1, admin("minimums a=00"));
  }

  @Test
  void joiningWithoutAKnownPeerIsRefusedAsWorthAnotherTry() {
    assertEquals(5, admin("join"));
    assertTrue(err.toString().contains(ErrorText.of(Error.ERROR_PEERS_UNREACHABLE)));
  }

  @Test
  void statusTellsRoleTermMembersAndHowFarJoiningIs() {
    loader.enclave.onRequest =
        request ->
            EnclaveReply.newBuilder()
                .setStatus(
                    StatusReply.newBuilder()
                        .setPeerId(PEER_ID)
                        .setRole(RaftRole.RAFT_ROLE_PRE_CANDIDATE)
                        .setTerm(9)
                        .setNotServingReason(Error.ERROR_CORE_JOINING)
                        .addMembers(
                            MemberStatus.newBuilder()
                                .setPeerId(PEER_ID)
                                .setConnected(true)
                                .setStoredIndex(77))
                        .setJoin(
                            JoinStatus.newBuilder()
                                .setPhase(JoinPhase.JOIN_PHASE_LOADING)
                                .setSourceId(PEER_ID)
                                .setRowsLoaded(1_000)
                                .setAttemptsFailed(2)
                                .setLastError(Error.ERROR_CORE_STREAM_LOST)));
    assertEquals(0, admin("status"));
    JsonObject replica = json().getAsJsonObject("replica");
    assertEquals("pre-candidate", replica.get("role").getAsString());
    assertEquals(9, replica.get("term").getAsInt());
    JsonObject member = replica.getAsJsonArray("members").get(0).getAsJsonObject();
    assertEquals(77, member.get("stored_index").getAsInt());
    assertTrue(member.get("connected").getAsBoolean());
    JsonObject join = replica.getAsJsonObject("join");
    assertEquals("loading", join.get("phase").getAsString());
    assertEquals(1_000, join.get("rows_loaded").getAsInt());
    assertEquals(
        "joining the group: loading; attempts that failed: 2, the last since the stream"
            + " of rows from the source ended",
        json().get("not_ready_reason").getAsString());
  }
}
