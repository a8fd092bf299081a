// SPDX-License-Identifier: Apache-2.0
//
// A group of three hosts with real enclaves in one process, over real gRPC: any replica serves,
// one is killed, one is replaced, one leaves, and the guess count holds through all of it. Source:
// design.md §5.
package dev.svr2.host.e2e;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.svr2.client.BackupResult;
import dev.svr2.client.Credentials;
import dev.svr2.client.Failure;
import dev.svr2.client.PinBlock;
import dev.svr2.client.Pins;
import dev.svr2.client.RestoreResult;
import dev.svr2.client.Svr2Client;
import dev.svr2.client.grpc.GrpcTransport;
import dev.svr2.client.pin.PinKeys;
import dev.svr2.enclave.Platform;
import dev.svr2.host.HostFixture;
import dev.svr2.host.LogLines;
import dev.svr2.proto.CreateGroupCall;
import dev.svr2.proto.Error;
import dev.svr2.proto.GetEvidenceRequest;
import dev.svr2.proto.GetHashCall;
import dev.svr2.proto.GetHashResult;
import dev.svr2.proto.GetStatusRequest;
import dev.svr2.proto.MemberStatus;
import dev.svr2.proto.StatusReply;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Callable;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(names = {"LOCAL", "OE_SIMULATION"})
class GroupEndToEndTest {
  private static final byte[] DATA = filled(32, 0x51);
  private static final String USER = "00112233445566778899aabbccddeeff";

  private static final String CONFIG =
      """
      platform: %s
      simulated: true
      image.path: enclave_test.signed
      group:
        min_voting_replicas: 3
        max_voting_replicas: 5
        super_majority: 0
        attestation_timeout: 604800
        on_start: %s
      client.listen: 127.0.0.1:0
      control.listen: 127.0.0.1:0
      peer.listen: 127.0.0.1:0
      peer.static: %s
      """;

  /** One host, and the way to its enclave. */
  private final class Replica {
    final BreakableEnclave.Loader loader = new BreakableEnclave.Loader(platform);
    final HostFixture fixture;

    Replica(String onStart, List<Replica> others) throws Exception {
      List<String> addresses =
          others.stream()
              .map(other -> other.fixture.host.peerAddress().orElseThrow().toString())
              .toList();
      fixture =
          HostFixture.startWith(
              CONFIG.formatted(platform, onStart, "'" + String.join(",", addresses) + "'"), loader);
      replicas.add(this);
    }

    StatusReply status() {
      return fixture.control().getStatus(GetStatusRequest.getDefaultInstance()).getEnclave();
    }

    boolean isReady() {
      return fixture.control().getStatus(GetStatusRequest.getDefaultInstance()).getReady();
    }

    /** One of these leads, by its own account. */
    boolean follows(List<Replica> candidates) {
      ByteString leader = status().getLeaderId();
      return candidates.stream().anyMatch(other -> other.status().getPeerId().equals(leader));
    }

    long voters() {
      return status().getMembersList().stream().filter(MemberStatus::getVoting).count();
    }

    Svr2Client client() {
      return Svr2Client.builder()
          .transport(GrpcTransport.plaintext(fixture.host.clientAddress().toString()))
          .credentials(Credentials.make(HostFixture.SECRET, USER, Clock.systemUTC()))
          .pins(pins)
          .allowSimulated(true)
          .build();
    }
  }

  private final Platform platform;
  private final List<Replica> replicas = new ArrayList<>();
  private Pins pins;

  GroupEndToEndTest(Platform platform) {
    this.platform = platform;
  }

  @BeforeParameterizedClassInvocation
  static void require(Platform platform) {
    TestPlatforms.require(platform);
  }

  @AfterEach
  void close() {
    // Without a departure: that has its own test, and three at once would wait for each other.
    replicas.forEach(replica -> replica.loader.enclave.abort());
    replicas.forEach(replica -> replica.fixture.close());
  }

  private static byte[] filled(int size, int value) {
    byte[] bytes = new byte[size];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  private static PinKeys pin(int value) {
    return PinKeys.of(filled(PinKeys.KEY_BYTES, 1), filled(PinKeys.KEY_BYTES, value));
  }

  private static void until(String what, Callable<Boolean> condition) {
    Awaitility.await(what).atMost(Duration.ofMinutes(2)).until(condition);
  }

  private List<Replica> startThree() throws Exception {
    Replica a = new Replica("wait", List.of());
    Replica b = new Replica("join", List.of(a));
    Replica c = new Replica("join", List.of(a, b));
    var unused = a.fixture.control().createGroup(CreateGroupCall.getDefaultInstance());
    for (Replica replica : List.of(a, b, c)) {
      until("three voters", () -> replica.isReady() && replica.voters() == 3);
    }
    byte[] evidence =
        a.fixture
            .control()
            .getEvidence(GetEvidenceRequest.getDefaultInstance())
            .getHandshakeStart()
            .toByteArray();
    pins = PinBlock.fromHandshakeStart(evidence, true);
    return List.of(a, b, c);
  }

  /** Repeats what was not applied, as a client may. */
  private static RestoreResult restore(Replica at, int pin) {
    RestoreResult[] last = new RestoreResult[1];
    until(
        "an answer to a restore",
        () -> {
          last[0] = at.client().restoreRaw(pin(pin));
          return !(last[0] instanceof RestoreResult.Failed failed
              && failed.failure() instanceof Failure.NotApplied);
        });
    return last[0];
  }

  private static int triesLeft(Replica at) {
    return assertInstanceOf(RestoreResult.WrongPin.class, restore(at, 99)).triesLeft();
  }

  private static void assertRestores(Replica at) {
    RestoreResult result = restore(at, 7);
    assertArrayEquals(
        DATA, assertInstanceOf(RestoreResult.Restored.class, result, result::toString).data());
  }

  @Test
  void anyReplicaServesAndAllHoldTheSame() throws Exception {
    List<Replica> group = startThree();
    assertInstanceOf(BackupResult.Stored.class, group.get(1).client().backupRaw(pin(7), DATA, 10));
    int left = 10;
    for (Replica replica : group) {
      left--;
      assertEquals(left, triesLeft(replica));
      assertRestores(replica);
    }
    until("equal indexes", () -> hashes(group).stream().distinct().count() == 1);
  }

  private static List<String> hashes(List<Replica> group) {
    List<String> hashes = new ArrayList<>();
    for (Replica replica : group) {
      GetHashResult result = replica.fixture.control().getHash(GetHashCall.getDefaultInstance());
      assertEquals(32, result.getHash().size());
      hashes.add(
          result.getAppliedIndex()
              + " "
              + HexFormat.of().formatHex(result.getHash().toByteArray()));
    }
    return hashes;
  }

  @Test
  void aKilledLeaderAndAReplacementThatJoinsCostNoGuess() throws Exception {
    List<Replica> group = startThree();
    assertInstanceOf(BackupResult.Stored.class, group.get(0).client().backupRaw(pin(7), DATA, 10));
    Replica leader =
        group.stream()
            .filter(r -> r.status().getLeaderId().equals(r.status().getPeerId()))
            .findFirst()
            .orElseThrow();
    List<Replica> rest = group.stream().filter(r -> r != leader).toList();
    assertEquals(9, triesLeft(rest.get(0)));
    leader.loader.enclave.abort();
    leader.fixture.host.termination().join();
    leader.fixture.close();
    // A request that was on its way to the old leader would end unknown, and might count.
    until("another leads", () -> rest.stream().allMatch(replica -> replica.follows(rest)));
    assertEquals(8, triesLeft(rest.get(1)));
    assertRestores(rest.get(0));

    Replica fourth = new Replica("join", rest);
    until("the replacement serves", fourth::isReady);
    until("the replacement votes", () -> fourth.status().getVoting());
    assertEquals(7, triesLeft(fourth));
    assertRestores(fourth);
  }

  @Test
  void anEnclaveThatStopsIsReplacedInTheSameHostAndJoinsAgain() throws Exception {
    List<Replica> group = startThree();
    assertInstanceOf(BackupResult.Stored.class, group.get(0).client().backupRaw(pin(7), DATA, 10));
    Replica stopped = group.get(2);
    var before = stopped.status().getPeerId();
    stopped.loader.enclave.stop(Error.ERROR_INTEGRITY_MISMATCH);
    until(
        "another replica in the same host",
        () -> stopped.isReady() && !stopped.status().getPeerId().equals(before));
    assertEquals(9, triesLeft(stopped));
    assertRestores(stopped);
    assertRestores(group.get(0));
  }

  @Test
  void aHostThatEndsLeavesTheGroupWhereItCanBeSpared() throws Exception {
    List<Replica> group = startThree();
    Replica fourth = new Replica("join", group);
    until("four voters", () -> fourth.isReady() && fourth.voters() == 4);
    try (LogLines log = new LogLines()) {
      group.get(0).fixture.close();
      assertTrue(log.has("this replica has left the group"), log.all()::toString);
    }
    until("three members", () -> fourth.status().getMembersCount() == 3);
    try (LogLines log = new LogLines()) {
      group.get(1).fixture.close();
      assertTrue(log.has("this replica stays a member"), log.all()::toString);
    }
    assertInstanceOf(BackupResult.Stored.class, backup(fourth));
    assertRestores(group.get(2));
  }

  private static BackupResult backup(Replica at) {
    BackupResult[] last = new BackupResult[1];
    until(
        "an answer to a backup",
        () -> {
          last[0] = at.client().backupRaw(pin(7), DATA, 10);
          return last[0] instanceof BackupResult.Stored;
        });
    return last[0];
  }
}
