// SPDX-License-Identifier: Apache-2.0
//
// A replica joins: rows in key order while new entries apply, under load, from a source that dies,
// while logs roll. protocol.md §5 "Joining", design.md §4 "Joining" and "Healing".

#include <gtest/gtest.h>

#include "core/hosts_testing.h"

namespace svr2::core {
namespace {

const char kData[] = "a secret of 32 bytes, quite enou";

std::string HashOf(TestGroup* group, size_t i, uint64_t* index) {
  proto::HostRequest ask;
  ask.mutable_hash();
  const auto reply = group->Ask(i, ask);
  SVR2_CHECK(reply.has_value() && reply->error() == proto::OK);
  *index = reply->hash().applied_index();
  return reply->hash().hash();
}

void ExpectEqualDatabases(TestGroup* group, size_t a, size_t b) {
  group->Tick(5);
  uint64_t index_a = 0, index_b = 0;
  const std::string hash_a = HashOf(group, a, &index_a);
  const std::string hash_b = HashOf(group, b, &index_b);
  EXPECT_EQ(index_a, index_b);
  EXPECT_EQ(hash_a, hash_b);
}

// Ids spread over the whole range, so that a stream of rows meets them everywhere.
std::string SpreadId(uint64_t n) {
  std::string id = BackupIdOf(n);
  id[0] = static_cast<char>(n * 37);
  return id;
}

void Store(TestGroup* group, size_t host, uint64_t first, uint64_t count) {
  for (uint64_t n = first; n < first + count; ++n) {
    TestClient client = TestClient::Connected(&group->host(host), SpreadId(n));
    ASSERT_TRUE(group->Call(host, &client, BackupOf(kData, "1234", 9)).has_value());
    ASSERT_TRUE(group->Call(host, &client, ExposeOf(kData)).has_value());
  }
}

TEST(JoinTest, AJoinerLoadsAllRowsAndVotes) {
  TestGroup group;
  group.Form(3);
  Store(&group, 0, 0, 200);
  const size_t joiner = group.Join();
  ASSERT_TRUE(group.TickUntil([&] { return group.host(joiner).GetStatus().voting(); }));
  EXPECT_EQ(group.host(joiner).GetStatus().rows(), 200u);
  EXPECT_EQ(group.Voters(0), 4u);
  ExpectEqualDatabases(&group, 0, joiner);
  TestClient client = TestClient::Connected(&group.host(joiner), SpreadId(17));
  const auto restore = group.Call(joiner, &client, RestoreOf("1234"));
  ASSERT_TRUE(restore.has_value());
  EXPECT_EQ(restore->restore().data(), kData);
}

// peer-figures.md, failures 1 and 10, under a client's load; step by step in
// core/known_failures_test.cc.
TEST(JoinTest, AJoinerFinishesWhileTheLogRollsUnderWrites) {
  proto::EnclaveConfig config = GroupTestConfig();
  config.set_log_max_bytes(64 << 10);
  config.set_log_min_entries(1);
  TestGroup group(config);
  group.Form(3);
  Store(&group, 0, 0, 150);
  TestClient writer = TestClient::Connected(&group.host(1), SpreadId(1000));
  uint64_t writes = 0;
  bool deliver_slowly = false;
  size_t joiner = SIZE_MAX;
  // Each message to the joiner is followed by writes, so that the source has always moved on.
  group.Filter([&](size_t, size_t to, std::string*) {
    if (to == joiner) deliver_slowly = true;
    return true;
  });
  joiner = group.Join({0});
  for (int i = 0; i < 600 && !group.host(joiner).GetStatus().voting(); ++i) {
    for (int j = 0; j < 3; ++j) {
      ASSERT_TRUE(group.Call(1, &writer, BackupOf(kData, std::to_string(i), 9)).has_value());
      ++writes;
    }
    group.Tick();
  }
  EXPECT_TRUE(deliver_slowly);
  EXPECT_TRUE(group.host(joiner).GetStatus().voting());
  EXPECT_GT(writes, 0u);
  ExpectEqualDatabases(&group, 0, joiner);
}

TEST(JoinTest, WhenTheSourceDiesAnotherIsTaken) {
  TestGroup group;
  group.Form(4);
  Store(&group, 0, 0, 30);
  const size_t leader = *group.Leader();
  const size_t source = group.FollowerOf(leader);
  // The source's rows never arrive.
  size_t joiner = SIZE_MAX;
  size_t from_source = 0;
  group.Filter([&](size_t from, size_t to, std::string* data) {
    if (from == source && to == joiner && data->size() > 1500) ++from_source;
    return !(from == source && to == joiner && data->size() > 1500);
  });
  joiner = group.Join({source, leader});
  group.Tick(3);
  group.Kill(source);
  ASSERT_TRUE(group.TickUntil([&] { return group.host(joiner).GetStatus().voting(); }));
  EXPECT_GE(group.host(joiner).GetStatus().join().attempts_failed(), 1u);
  ExpectEqualDatabases(&group, leader, joiner);
}

// Its evidence for peers was made, and refused, while there was no group to name.
TEST(JoinTest, AReplicaThatWasAskedBeforeItFoundedItsGroupIsJoinedAfterwards) {
  TestGroup group;
  const size_t founder = group.AddHost();
  group.host(founder).Tick();
  const size_t joiner = group.Join({founder});
  ASSERT_TRUE(group.TickUntil(
      [&] { return group.host(joiner).GetStatus().join().attempts_failed() >= 1; }));
  EXPECT_EQ(group.host(joiner).GetStatus().members_size(), 0);
  group.host(founder).Found();
  ASSERT_TRUE(group.TickUntil([&] { return group.host(joiner).GetStatus().voting(); }));
}

// Regression: it stayed a joiner to its peers, which took no part of it in consensus, until the
// next refresh an hour later.
TEST(JoinTest, EvidenceThatCannotBeMadeWhenAllRowsAreThereIsMadeLater) {
  // With one other replica no further handshake brings it about.
  proto::EnclaveConfig config = GroupTestConfig();
  config.mutable_group()->set_min_voting_replicas(1);
  TestGroup group(config);
  group.Form(1);
  size_t joiner = SIZE_MAX;
  group.Filter([&](size_t, size_t to, std::string*) {
    if (to == joiner && group.host(to).GetCounter(proto::COUNTER_PEER_HANDSHAKES) > 0) {
      group.host(to).env().FailEvidence(true);
    }
    return true;
  });
  joiner = group.AddHost();
  group.AskToJoin(joiner, {0});
  ASSERT_TRUE(
      group.TickUntil([&] { return group.host(joiner).GetStatus().members_size() > 0; }, 50));
  EXPECT_GT(group.host(joiner).GetCounter(proto::COUNTER_EVIDENCE_FAILURES), 0u);
  group.Filter(nullptr);
  group.host(joiner).env().FailEvidence(false);
  ASSERT_TRUE(group.TickUntil([&] { return group.host(joiner).GetStatus().voting(); }, 100));
}

TEST(JoinTest, AnUnknownSourceIsNotWaitedFor) {
  TestGroup group;
  group.Form(3);
  const size_t joiner = group.AddHost();
  group.host(joiner).Tick();
  proto::HostRequest request;
  request.mutable_join_group()->add_peer_ids(std::string(32, 'x'));
  request.mutable_join_group()->add_peer_ids(group.id(1));
  ASSERT_EQ(group.host(joiner).Ask(std::move(request)).error(), proto::OK);
  ASSERT_TRUE(group.TickUntil([&] { return group.host(joiner).GetStatus().voting(); }, 100));
  EXPECT_EQ(group.host(joiner).GetStatus().join().attempts_failed(), 1u);
}

// design.md §4 "Healing": a joiner that dies leaves no trace but a removed member.
TEST(JoinTest, AJoinerThatDiesIsForgotten) {
  TestGroup group;
  group.Form(3);
  const size_t joiner = group.Join();
  ASSERT_TRUE(group.TickUntil([&] { return group.host(0).GetStatus().members_size() == 4; }));
  group.Kill(joiner);
  ASSERT_TRUE(group.TickUntil([&] { return group.host(0).GetStatus().members_size() == 3; }, 2000));
  EXPECT_EQ(group.Voters(0), 3u);
}

TEST(JoinTest, ASilentVoterIsDemotedOnceAReplacementVotes) {
  TestGroup group;
  group.Form(3);
  const size_t dead = group.FollowerOf(*group.Leader());
  group.Kill(dead);
  group.Tick(100);
  // Three is the minimum: nobody takes the vote from the dead one while nobody replaces it.
  const size_t leader = *group.Leader();
  EXPECT_EQ(group.Voters(leader), 3u);
  const size_t joiner = group.Join();
  ASSERT_TRUE(group.TickUntil([&] { return group.host(joiner).GetStatus().voting(); }));
  ASSERT_TRUE(group.TickUntil([&] { return group.host(leader).GetStatus().members_size() == 3; }));
  EXPECT_EQ(group.Voters(leader), 3u);
}

// A host that was frozen for so long that its replica was removed gets to know it, and can start
// another. Whatever its id is, and so who connects to whom.
TEST(JoinTest, AReplicaThatMissedItsRemovalStopsWhenItReturns) {
  TestGroup group;
  group.Form(3);
  for (int round = 0; round < 3; ++round) {
    const size_t leader = *group.Leader();
    const size_t away = group.FollowerOf(leader);
    group.Pause(away, true);
    const size_t joiner = group.Join();
    ASSERT_TRUE(group.TickUntil([&] { return group.host(joiner).GetStatus().voting(); }));
    ASSERT_TRUE(
        group.TickUntil([&] { return group.host(leader).GetStatus().members_size() == 3; }, 2000));
    group.Pause(away, false);
    EXPECT_TRUE(group.TickUntil([&] { return group.host(away).stopped().has_value(); }));
    EXPECT_EQ(group.host(away).stopped(), proto::ERROR_RAFT_REMOVED);
    group.Kill(away);
  }
}

TEST(JoinTest, ADeadLeaderIsDemotedOnceAReplacementVotes) {
  TestGroup group;
  group.Form(3);
  group.Kill(*group.Leader());
  ASSERT_TRUE(group.TickUntil([&] { return group.Leader().has_value(); }, 100));
  const size_t joiner = group.Join();
  ASSERT_TRUE(group.TickUntil([&] { return group.host(joiner).GetStatus().voting(); }));
  ASSERT_TRUE(group.TickUntil([&] { return group.Voters(*group.Leader()) == 3; }, 300));
  ASSERT_TRUE(group.TickUntil([&] { return group.host(joiner).GetStatus().members_size() == 3; }));
}

// protocol.md §5: "with super_majority > 0 it compares keyed range digests … before it answers or
// votes."
TEST(JoinTest, WithASuperMajorityAJoinerComparesWithFurtherVoters) {
  proto::EnclaveConfig config = GroupTestConfig();
  config.mutable_group()->set_super_majority(1);
  TestGroup group(config);
  group.Form(4);
  Store(&group, 0, 0, 20);
  const size_t joiner = group.Join();
  ASSERT_TRUE(group.TickUntil([&] { return group.host(joiner).GetStatus().voting(); }));
  EXPECT_TRUE(group.host(joiner).GetStatus().serving());
  ExpectEqualDatabases(&group, 0, joiner);
}

TEST(JoinTest, AReplicaThatJoinsServesNobodyYet) {
  TestGroup group;
  group.Form(3);
  const size_t joiner = group.AddHost();
  group.AskToJoin(joiner, {0});
  proto::HostRequest request;
  request.mutable_new_client()->set_backup_id(BackupIdOf(1));
  const Error error = group.host(joiner).Ask(std::move(request)).error();
  EXPECT_TRUE(error == proto::ERROR_CORE_NO_GROUP || error == proto::ERROR_CORE_JOINING);
}

}  // namespace
}  // namespace svr2::core
