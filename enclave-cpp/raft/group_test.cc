// SPDX-License-Identifier: Apache-2.0
//
// The ordinary life of a group: elections, replication and what they cost in messages.

#include <gtest/gtest.h>

#include "raft/group_testing.h"

namespace svr2::raft {
namespace {

// Thesis 3.4, 3.5: one leader, whose log all come to hold.
TEST(RaftGroupTest, ElectsAndReplicates) {
  for (uint8_t voters = 1; voters <= 7; ++voters) {
    TestGroup group(GroupOf(voters), voters);
    group.Elect(1);
    ASSERT_TRUE(group[1].is_leader()) << int{voters};
    group.Propose(1, "guess");
    group.Run();
    for (uint8_t i = 1; i <= voters; ++i) {
      EXPECT_EQ(group[i].commit_index(), 3u) << int{i} << " of " << int{voters};
      EXPECT_EQ(group[i].applied_index(), 3u);
      EXPECT_EQ(group[i].last(), group[1].last());
      EXPECT_EQ(group[i].leader(), TestPeer(1));
    }
  }
}

TEST(RaftGroupTest, ElectsByItself) {
  TestGroup group(GroupOf(3), 3);
  group.Tick(20);
  int leaders = 0;
  for (uint8_t i = 1; i <= 3; ++i) leaders += group[i].is_leader() ? 1 : 0;
  EXPECT_EQ(leaders, 1);
}

// peer-figures.md: at most ten messages an operation when one is in flight: the entry, the promise
// and the commit to two followers, and two answers to each but the last.
TEST(RaftGroupTest, OneOperationCostsTenMessages) {
  TestGroup group(GroupOf(3), 3);
  group.Elect(1);
  group.delivered.clear();
  for (int i = 0; i < 10; ++i) {
    group.Propose(1, "guess");
    group.Run();
  }
  EXPECT_EQ(group.delivered.size(), 100u);
  EXPECT_EQ(group[3].commit_index(), group[1].last_index());
}

// Thesis 10.2.1: entries go out without waiting for answers, and what waits travels together.
TEST(RaftGroupTest, ManyOperationsShareMessages) {
  TestGroup group(GroupOf(3), 3);
  group.Elect(1);
  group.delivered.clear();
  for (int i = 0; i < 640; ++i) {
    group.Propose(1, "guess");
    if (i % 64 == 63) group.Run();
  }
  EXPECT_LE(group.delivered.size(), 100u);
  EXPECT_EQ(group[2].commit_index(), group[1].last_index());
}

// Heartbeats only when nothing else was sent in the interval.
TEST(RaftGroupTest, AnIdleGroupExchangesHeartbeatsOnly) {
  TestGroup group(GroupOf(3), 3);
  group.Elect(1);
  group.delivered.clear();
  group.Tick(20);
  EXPECT_EQ(group.delivered.size(), 40u) << "two ticks a heartbeat, two followers, answered";
  EXPECT_TRUE(group[1].is_leader());
}

// A leader that dies is replaced, and what was committed stays.
TEST(RaftGroupTest, AnotherLeads) {
  TestGroup group(GroupOf(3), 3);
  group.Elect(1);
  group.Propose(1, "guess");
  group.Run();
  const Position last = group[1].last();
  group.Crash(1);
  group.Tick(40);
  const uint8_t leader = group[2].is_leader() ? 2 : 3;
  ASSERT_TRUE(group[leader].is_leader());
  EXPECT_EQ(group[leader].FateOf(last), Fate::kCommitted);
  group.Propose(leader, "next");
  group.Run();
  EXPECT_EQ(group[2].commit_index(), 5u);
  EXPECT_EQ(group[3].commit_index(), 5u);
}

// An append past a follower's end, and another after it: the leader finds where they meet.
TEST(RaftGroupTest, AFollowerThatMissedEntriesGetsThem) {
  TestGroup group(GroupOf(3), 3);
  group.Elect(1);
  group.Isolate(3);
  for (int i = 0; i < 50; ++i) {
    group.Propose(1, "guess");
    group.Run();
  }
  EXPECT_EQ(group[3].last_index(), 2u);
  group.Heal();
  group.Run();
  EXPECT_EQ(group[3].last(), group[1].last());
  EXPECT_EQ(group[3].commit_index(), group[1].commit_index());
}

// The same where messages are lost and no new session tells so.
TEST(RaftGroupTest, LostMessagesAreFoundOut) {
  TestGroup group(GroupOf(3), 3);
  group.Elect(1);
  group.net().Cut(1, 3);
  for (int i = 0; i < 5; ++i) {
    group.Propose(1, "guess");
    group.Run();
  }
  group.net().MendAll();
  group.Tick(4);
  EXPECT_EQ(group[3].last(), group[1].last());
  EXPECT_EQ(group[3].commit_index(), group[1].commit_index());
}

}  // namespace
}  // namespace svr2::raft
