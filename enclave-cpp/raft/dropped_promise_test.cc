// SPDX-License-Identifier: Apache-2.0
//
// Regression, found by the simulator (seeds 38 and 262): a candidate that had dropped the entries
// up to a voter's promise could never prove that promise, and no leader was electable any more.
// protocol.md §4 "Votes" and "Log".

#include <gtest/gtest.h>

#include "raft/group_testing.h"

namespace svr2::raft {
namespace {

TEST(DroppedPromiseTest, AVoterWhosePromiseTheCandidateHasDroppedStillVotes) {
  Options options = GroupOf(3);
  options.log.min_entries = 1;
  TestGroup group(options, 3);
  group.Elect(1);
  group.Run();
  const uint64_t promised = group[2].promise_index();
  // Voter 2 stores and says so, but the news of promise and commit never reaches it.
  for (int i = 0; i < 5; ++i) group.Propose(1, "entry " + std::to_string(i));
  group.TakeAll();
  while (group[2].last_index() < group[1].last_index() && group.DeliverOne()) {
  }
  group.Take(2);
  group.net().Cut(1, 2);
  group.net().Drop(1, 2);
  group.Run();
  group.net().Mend(1, 2);
  ASSERT_EQ(group[2].promise_index(), promised);
  ASSERT_EQ(group[2].last_index(), group[1].last_index());
  ASSERT_GT(group[1].log().base().index, promised);
  group.Crash(3);
  // The old leader steps down for want of a quorum, and must be elected by voter 2.
  group.Isolate(1);
  group.TickOnly(30);
  ASSERT_FALSE(group[1].is_leader());
  group.Heal();
  for (int i = 0; i < 60 && !group[1].is_leader() && !group[2].is_leader(); ++i) group.Tick();
  EXPECT_TRUE(group[1].is_leader() || group[2].is_leader());
}

}  // namespace
}  // namespace svr2::raft
