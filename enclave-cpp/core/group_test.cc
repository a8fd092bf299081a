// SPDX-License-Identifier: Apache-2.0
//
// Several replicas as one service: any of them serves any client, and losing one costs nothing.

#include <gtest/gtest.h>

#include "core/hosts_testing.h"

namespace svr2::core {
namespace {

const char kData[] = "a secret of 32 bytes, quite enou";

TEST(GroupTest, ThreeReplicasFormAGroup) {
  TestGroup group;
  group.Form(3);
  for (size_t i = 0; i < 3; ++i) {
    const proto::StatusReply status = group.host(i).GetStatus();
    EXPECT_TRUE(status.serving()) << i << " " << proto::Error_Name(status.not_serving_reason());
    EXPECT_EQ(status.members_size(), 3);
  }
}

TEST(GroupTest, AnyReplicaServes) {
  TestGroup group;
  group.Form(3);
  for (size_t i = 0; i < 3; ++i) {
    TestClient client = TestClient::Connected(&group.host(i), BackupIdOf(i));
    const auto backup = group.Call(i, &client, BackupOf(kData, "1234", 3));
    ASSERT_TRUE(backup.has_value()) << i;
    EXPECT_EQ(backup->backup().status(), proto::BackupResponse::OK);
    const auto expose = group.Call(i, &client, ExposeOf(kData));
    ASSERT_TRUE(expose.has_value());
    EXPECT_EQ(expose->expose().status(), proto::ExposeResponse::OK);
  }
  for (size_t i = 0; i < 3; ++i) {
    const size_t other = (i + 1) % 3;
    TestClient client = TestClient::Connected(&group.host(other), BackupIdOf(i));
    const auto restore = group.Call(other, &client, RestoreOf("1234"));
    ASSERT_TRUE(restore.has_value());
    EXPECT_EQ(restore->restore().data(), kData);
  }
}

TEST(GroupTest, TheLeadersDeathCostsAPauseAndNothingElse) {
  TestGroup group;
  group.Form(3);
  TestClient client = TestClient::Connected(&group.host(1), BackupIdOf(7));
  ASSERT_TRUE(group.Call(1, &client, BackupOf(kData, "1234", 3)).has_value());
  ASSERT_TRUE(group.Call(1, &client, ExposeOf(kData)).has_value());
  const size_t leader = *group.Leader();
  group.Kill(leader);
  ASSERT_TRUE(group.TickUntil([&] { return group.Leader().has_value(); }, 100));
  const size_t other = group.FollowerOf(*group.Leader());
  ASSERT_TRUE(group.TickUntil([&] { return group.host(other).GetStatus().serving(); }, 100));
  TestClient next = TestClient::Connected(&group.host(other), BackupIdOf(7));
  const auto wrong = group.Call(other, &next, RestoreOf("9999"));
  ASSERT_TRUE(wrong.has_value());
  EXPECT_EQ(wrong->restore().status(), proto::RestoreResponse::PIN_MISMATCH);
  EXPECT_EQ(wrong->restore().tries(), 2u);
  const auto restore = group.Call(other, &next, RestoreOf("1234"));
  ASSERT_TRUE(restore.has_value());
  EXPECT_EQ(restore->restore().data(), kData);
}

// protocol.md §4 "Hash chain": what the host may see for comparing replicas.
TEST(GroupTest, ReplicasThatAppliedTheSameShowTheHostEqualHashes) {
  TestGroup group;
  group.Form(3);
  TestClient client = TestClient::Connected(&group.host(2), BackupIdOf(7));
  ASSERT_TRUE(group.Call(2, &client, BackupOf(kData, "1234", 3)).has_value());
  group.Tick(5);
  proto::HostRequest ask;
  ask.mutable_hash();
  std::vector<proto::HashReply> hashes;
  for (size_t i = 0; i < 3; ++i) hashes.push_back(group.Ask(i, ask)->hash());
  for (const proto::HashReply& hash : hashes) {
    EXPECT_EQ(hash.applied_index(), hashes[0].applied_index());
    EXPECT_EQ(hash.hash(), hashes[0].hash());
    EXPECT_EQ(hash.hash().size(), 32u);
  }
  ASSERT_TRUE(group.Call(2, &client, DeleteOf()).has_value());
  EXPECT_NE(group.Ask(0, ask)->hash().hash(), hashes[0].hash());
}

TEST(GroupTest, LeadershipIsHandedOverOnOrder) {
  TestGroup group;
  group.Form(3);
  const size_t leader = *group.Leader();
  proto::HostRequest ask;
  ask.mutable_relinquish_leadership();
  const auto reply = group.Ask(leader, ask);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->error(), proto::OK);
  EXPECT_NE(group.Leader(), leader);
  // On a replica that does not lead there is nothing to do.
  EXPECT_EQ(group.Ask(leader, ask)->error(), proto::OK);
}

TEST(GroupTest, AMemberIsRemovedThroughAnyReplicaAndStopsForGood) {
  TestGroup group;
  group.Form(4);
  const size_t leader = *group.Leader();
  const size_t asked = group.FollowerOf(leader);
  size_t removed = 0;
  while (removed == leader || removed == asked) ++removed;
  proto::HostRequest ask;
  ask.mutable_change_membership()->set_kind(proto::MEMBERSHIP_CHANGE_REMOVE);
  ask.mutable_change_membership()->set_peer_id(group.id(removed));
  const auto reply = group.Ask(asked, ask);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->error(), proto::OK);
  EXPECT_TRUE(group.TickUntil([&] { return group.host(removed).stopped().has_value(); }));
  EXPECT_EQ(group.host(removed).stopped(), proto::ERROR_RAFT_REMOVED);
  EXPECT_EQ(group.Voters(leader), 3u);
  // Three is the minimum of this group.
  ask.mutable_change_membership()->set_peer_id(group.id(asked));
  EXPECT_EQ(group.Ask(leader, ask)->error(), proto::ERROR_RAFT_BELOW_MIN_VOTERS);
  EXPECT_EQ(group.Ask(asked, ask)->error(), proto::ERROR_RAFT_BELOW_MIN_VOTERS);
}

TEST(GroupTest, HostsMayNotAddMembers) {
  TestGroup group;
  group.Form(3);
  proto::HostRequest ask;
  ask.mutable_change_membership()->set_kind(proto::MEMBERSHIP_CHANGE_ADD);
  ask.mutable_change_membership()->set_peer_id(std::string(32, 'x'));
  EXPECT_EQ(group.Ask(0, ask)->error(), proto::ERROR_INVALID_ARGUMENT);
  ask.mutable_change_membership()->set_kind(proto::MEMBERSHIP_CHANGE_REMOVE);
  EXPECT_EQ(group.Ask(0, ask)->error(), proto::ERROR_RAFT_NOT_A_MEMBER);
  ask.mutable_change_membership()->set_peer_id("short");
  EXPECT_EQ(group.Ask(0, ask)->error(), proto::ERROR_CORE_MALFORMED_ID);
}

TEST(GroupTest, PeersCanBePingedAndReset) {
  TestGroup group;
  group.Form(3);
  proto::HostRequest ping;
  ping.mutable_ping_peer()->set_peer_id(group.id(1));
  EXPECT_EQ(group.Ask(0, ping)->error(), proto::OK);
  proto::HostRequest reset;
  reset.mutable_reset_peer()->set_peer_id(group.id(1));
  EXPECT_EQ(group.Ask(0, reset)->error(), proto::OK);
  ASSERT_TRUE(group.TickUntil([&] {
    const proto::StatusReply status = group.host(0).GetStatus();
    for (const proto::MemberStatus& member : status.members()) {
      if (!member.connected()) return false;
    }
    return true;
  }));
  EXPECT_EQ(group.Ask(0, ping)->error(), proto::OK);
  ping.mutable_ping_peer()->set_peer_id(std::string(32, 'x'));
  EXPECT_EQ(group.Ask(0, ping)->error(), proto::ERROR_PEERS_NOT_CONNECTED);
}

// In a simulated group no evidence has values, so a raise would cut everybody off.
TEST(GroupTest, ARaiseOfMinimumsThatCutsOffAConnectedMemberIsRefused) {
  TestGroup group;
  group.Form(3);
  proto::HostRequest raise;
  (*raise.mutable_raise_minimums()->mutable_raise()->mutable_lim())["k"] = "12345678";
  for (size_t i = 0; i < 3; ++i) {
    const auto reply = group.Ask(i, raise);
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->error(), proto::ERROR_MINIMUMS_KEY_MISSING) << i;
  }
}

// protocol.md §6: another configuration is another group, whoever asks.
TEST(GroupTest, AReplicaOfAnotherConfigurationIsRefused) {
  TestGroup group;
  group.Form(3);
  proto::EnclaveConfig config = GroupTestConfig();
  config.mutable_group()->set_max_voting_replicas(7);
  const size_t stranger = group.AddHost(config);
  group.AskToJoin(stranger, {0, 1, 2});
  group.Tick(200);
  const proto::StatusReply status = group.host(stranger).GetStatus();
  EXPECT_FALSE(status.member());
  EXPECT_GE(status.join().attempts_failed(), 2u);
  // They refuse it and say no more than that.
  EXPECT_EQ(status.join().last_error(), proto::ERROR_PEERS_REQUEST_TIMEOUT);
  EXPECT_EQ(group.host(0).GetStatus().members_size(), 3);
}

// Two operators, two groups: neither founds by accident what the other has.
TEST(GroupTest, AMemberOfAnotherGroupIsNoPeer) {
  TestGroup group;
  group.Form(3);
  const size_t other = group.AddHost();
  group.host(other).Found();
  proto::HostRequest ask;
  ask.mutable_join_group()->add_peer_ids(group.id(0));
  EXPECT_EQ(group.Ask(other, ask)->error(), proto::ERROR_CORE_GROUP_EXISTS);
}

}  // namespace
}  // namespace svr2::core
