// SPDX-License-Identifier: Apache-2.0
//
// Rules of protocol.md §4 that a group of one passes through too quickly for a script to show,
// taken step by step with members that are not there; and what the integrity tree is given.

#include "raft/raft.h"

#include <gtest/gtest.h>

#include <set>

#include "raft/raft_testing.h"

namespace svr2::raft {
namespace {

// A leader of term 1 in a membership of `members`, of whom `voters` vote, as the next issue's
// membership changes will make one. Nothing is promised yet: entries 1 (term 0) and 2 (term 1).
Raft LeaderOf(uint8_t members, uint8_t voters, uint32_t super_majority = 0) {
  Options options = GroupOfOne();
  options.group = GroupConfig{super_majority + 1, kMaxMembers, super_majority};
  Raft raft = *RaftTesting::NewFounder(options, CountingRandom(0));
  RaftTesting::SetMembership(&raft, TestMembership(members, voters));
  RaftTesting::Campaign(&raft);
  for (int round = 0; round < 2; ++round) {  // Pre-vote, then vote.
    for (uint8_t i = 2; i <= voters && !raft.is_leader(); ++i) {
      RaftTesting::Vote(&raft, TestPeer(i));
    }
  }
  EXPECT_TRUE(raft.is_leader());
  return raft;
}

// §4 Promise, then commit: "a leader promises index i only when a quorum stores i".
TEST(RaftPromiseTest, NeedsAQuorumThatStores) {
  Raft raft = LeaderOf(3, 3);
  RaftTesting::AdvancePromise(&raft);
  EXPECT_EQ(raft.promise_index(), 0u);
  RaftTesting::SetStored(&raft, TestPeer(2), 2);
  RaftTesting::AdvancePromise(&raft);
  EXPECT_EQ(raft.promise_index(), 2u);
}

// §4 Quorum: with s = 1 four voters need three.
TEST(RaftPromiseTest, SuperMajorityNeedsMore) {
  Raft raft = LeaderOf(4, 4, 1);
  RaftTesting::SetStored(&raft, TestPeer(2), 2);
  RaftTesting::AdvancePromise(&raft);
  EXPECT_EQ(raft.promise_index(), 0u);
  RaftTesting::SetStored(&raft, TestPeer(4), 2);
  RaftTesting::AdvancePromise(&raft);
  EXPECT_EQ(raft.promise_index(), 2u);
}

// §4 Accepted: "only voters count in quorums".
TEST(RaftPromiseTest, NonVotersDoNotCount) {
  Raft raft = LeaderOf(5, 3);
  RaftTesting::SetStored(&raft, TestPeer(4), 2);
  RaftTesting::SetStored(&raft, TestPeer(5), 2);
  RaftTesting::AdvancePromise(&raft);
  EXPECT_EQ(raft.promise_index(), 0u);
}

// The same where a member that does not vote stands before one that does.
TEST(RaftPromiseTest, NonVotersDoNotCountWhereverTheyStand) {
  Raft raft = LeaderOf(3, 3);
  util::Bytes payload = TestMembership(3, 3).Encode();
  payload[2 + 33 + 32] = 0;  // Replica 2.
  RaftTesting::SetMembership(&raft, *Membership::Decode(payload));
  RaftTesting::SetStored(&raft, TestPeer(2), 2);
  RaftTesting::AdvancePromise(&raft);
  EXPECT_EQ(raft.promise_index(), 0u);
  RaftTesting::SetStored(&raft, TestPeer(3), 2);
  RaftTesting::AdvancePromise(&raft);
  EXPECT_EQ(raft.promise_index(), 2u);
}

// §4 Promise, then commit: "… and entry i is of its own term": entry 1 is of term 0.
TEST(RaftPromiseTest, EntryOfAnOlderTermIsNotPromisedByCounting) {
  Raft raft = LeaderOf(3, 3);
  RaftTesting::SetStored(&raft, TestPeer(2), 1);
  RaftTesting::SetStored(&raft, TestPeer(3), 1);
  RaftTesting::AdvancePromise(&raft);
  EXPECT_EQ(raft.promise_index(), 0u);
}

// §4 Promise, then commit: "it commits i only when a quorum has acknowledged a promise ≥ i".
TEST(RaftCommitTest, NeedsAQuorumThatAcknowledgedThePromise) {
  Raft raft = LeaderOf(3, 3);
  RaftTesting::SetStored(&raft, TestPeer(2), 2);
  RaftTesting::SetStored(&raft, TestPeer(3), 2);
  RaftTesting::AdvancePromise(&raft);
  RaftTesting::AdvanceCommit(&raft);
  EXPECT_EQ(raft.promise_index(), 2u);
  EXPECT_EQ(raft.commit_index(), 0u) << "all store it, nobody else has promised it";
  RaftTesting::SetPromised(&raft, TestPeer(3), 2);
  RaftTesting::AdvanceCommit(&raft);
  EXPECT_EQ(raft.commit_index(), 2u);
}

// §4 Promise, then commit: "again only for its own term (earlier entries go along)".
TEST(RaftCommitTest, OnlyOfTheOwnTerm) {
  Raft raft = LeaderOf(3, 3);
  RaftTesting::SetStored(&raft, TestPeer(2), 2);
  RaftTesting::AdvancePromise(&raft);
  RaftTesting::SetPromised(&raft, TestPeer(2), 1);
  RaftTesting::AdvanceCommit(&raft);
  EXPECT_EQ(raft.commit_index(), 0u);
  RaftTesting::SetPromised(&raft, TestPeer(2), 2);
  RaftTesting::AdvanceCommit(&raft);
  EXPECT_EQ(raft.commit_index(), 2u);
}

// Promise precedes commit also where one voice is the quorum.
TEST(RaftCommitTest, AloneToo) {
  Raft raft = *Raft::Found(GroupOfOne(), TestPeer(1), TestGroupKey(), CountingRandom(0));
  RaftTesting::AdvanceCommit(&raft);
  EXPECT_EQ(raft.commit_index(), 0u);
  RaftTesting::AdvancePromise(&raft);
  EXPECT_EQ(raft.promise_index(), 2u);
  EXPECT_EQ(raft.commit_index(), 0u);
  EXPECT_FALSE(raft.own_term_committed());
  RaftTesting::AdvanceCommit(&raft);
  EXPECT_EQ(raft.commit_index(), 2u);
  EXPECT_TRUE(raft.own_term_committed());
}

// §4 Log: dropped is what "all members acknowledged", voting or not.
TEST(RaftLogTest, AMemberThatLacksEntriesKeepsThem) {
  Raft raft = LeaderOf(2, 1);
  TakeAndApply(&raft);
  EXPECT_EQ(raft.applied_index(), 2u);
  EXPECT_EQ(raft.log().acknowledged_index(), 0u);
  ASSERT_TRUE(raft.Propose(EntryKind::kData, Text("x")).ok());
  RaftTesting::SetStored(&raft, TestPeer(2), 2);
  TakeAndApply(&raft);
  EXPECT_EQ(raft.log().acknowledged_index(), 2u);
}

// §4 Election: "randomized timeout in [t, 2t) from the injected random source".
TEST(RaftElectionTest, TimeoutIsBetweenOneAndTwoElectionTicks) {
  std::set<uint32_t> seen;
  for (uint64_t random = 0; random < 100; ++random) {
    const Raft raft = *RaftTesting::NewFounder(GroupOfOne(), CountingRandom(random));
    seen.insert(RaftTesting::ElectionTimeoutTicks(raft));
  }
  EXPECT_EQ(seen.size(), 10u);
  EXPECT_EQ(*seen.begin(), 10u);
  EXPECT_EQ(*seen.rbegin(), 19u);
}

TEST(RaftElectionTest, TimeoutIsDrawnAnewForEachCampaign) {
  Raft raft = *RaftTesting::NewFounder(GroupOfOne(), CountingRandom(0));
  EXPECT_EQ(RaftTesting::ElectionTimeoutTicks(raft), 10u);
  RaftTesting::Campaign(&raft);
  EXPECT_EQ(RaftTesting::ElectionTimeoutTicks(raft), 11u);
}

// §4 Election: "a refused pre-candidate asks again each heartbeat interval and keeps its term".
TEST(RaftElectionTest, PreCandidateKeepsItsTerm) {
  Raft raft = *RaftTesting::NewFounder(GroupOfOne(), CountingRandom(0));
  RaftTesting::SetMembership(&raft, TestMembership(3, 3));
  for (int tick = 0; tick < 10; ++tick) {
    EXPECT_EQ(raft.role(), Role::kFollower);
    raft.Tick();
  }
  for (int tick = 0; tick < 1000; ++tick) {
    EXPECT_EQ(raft.role(), Role::kPreCandidate);
    EXPECT_EQ(raft.term(), 0u);
    EXPECT_FALSE(raft.voted_for().has_value());
    raft.Tick();
  }
  EXPECT_EQ(raft.TakeOutput().role_changes.size(), 1u) << "asking again is no change of role";
}

TEST(RaftElectionTest, PreCandidateAsksAgainEachHeartbeatInterval) {
  int draws = 0;
  Raft raft = *RaftTesting::NewFounder(GroupOfOne(), [&draws]() -> Result<uint64_t> {
    ++draws;
    return uint64_t{0};
  });
  RaftTesting::SetMembership(&raft, TestMembership(3, 3));
  for (int tick = 0; tick < 10; ++tick) raft.Tick();
  const int before = draws;
  for (int tick = 0; tick < 10; ++tick) raft.Tick();
  EXPECT_EQ(draws - before, 15) << "5 campaigns, each with a timeout and a nonce of two words";
}

// A candidate without a quorum is no leader; when its time is over it asks before it raises its
// term again.
TEST(RaftElectionTest, CandidateWithoutQuorumDoesNotLead) {
  Raft raft = *RaftTesting::NewFounder(GroupOfOne(), CountingRandom(0));
  RaftTesting::SetMembership(&raft, TestMembership(5, 5));
  RaftTesting::Campaign(&raft);
  RaftTesting::Vote(&raft, TestPeer(2));
  EXPECT_EQ(raft.role(), Role::kPreCandidate);
  RaftTesting::Vote(&raft, TestPeer(3));
  EXPECT_EQ(raft.role(), Role::kCandidate);
  EXPECT_EQ(raft.term(), 1u);
  EXPECT_EQ(raft.voted_for(), TestPeer(1));
  EXPECT_EQ(raft.Propose(EntryKind::kData, Text("x")).error(), proto::ERROR_RAFT_NOT_LEADER);
  for (int tick = 0; tick < 20; ++tick) raft.Tick();
  EXPECT_EQ(raft.role(), Role::kPreCandidate);
  EXPECT_EQ(raft.term(), 1u);
}

// §4 Election: "non-voters never campaign".
TEST(RaftElectionTest, NonVoterNeverCampaigns) {
  Raft raft = *RaftTesting::NewFounder(GroupOfOne(), CountingRandom(0));
  util::Bytes payload = {1, 2};
  util::Append(&payload, TestPeer(1));
  payload.push_back(0);
  util::Append(&payload, TestPeer(2));
  payload.push_back(1);
  RaftTesting::SetMembership(&raft, *Membership::Decode(payload));
  EXPECT_FALSE(raft.is_voter());
  for (int tick = 0; tick < 1000; ++tick) raft.Tick();
  EXPECT_EQ(raft.role(), Role::kFollower);
  EXPECT_EQ(raft.term(), 0u);
}

// §4 Election: "a leader without a quorum for t ticks steps down".
TEST(RaftCheckQuorumTest, LeaderWithoutAnswersStepsDown) {
  Raft raft = LeaderOf(3, 3);
  for (int tick = 0; tick < 9; ++tick) raft.Tick();
  EXPECT_TRUE(raft.is_leader());
  raft.Tick();
  EXPECT_EQ(raft.role(), Role::kFollower);
  EXPECT_FALSE(raft.leader().has_value());
  EXPECT_EQ(raft.term(), 1u);
  EXPECT_EQ(raft.voted_for(), TestPeer(1)) << "a vote is never forgotten";
}

TEST(RaftCheckQuorumTest, AnswersOfAQuorumKeepIt) {
  Raft raft = LeaderOf(3, 3);
  for (int round = 0; round < 5; ++round) {
    RaftTesting::SetAnswered(&raft, TestPeer(2));
    for (int tick = 0; tick < 9; ++tick) raft.Tick();
    EXPECT_TRUE(raft.is_leader());
  }
  raft.Tick();
  EXPECT_FALSE(raft.is_leader()) << "ten ticks after the last answer";
}

TEST(RaftCheckQuorumTest, NonVotersDoNotKeepIt) {
  Raft raft = LeaderOf(4, 3);
  RaftTesting::SetAnswered(&raft, TestPeer(4));
  for (int tick = 0; tick < 10; ++tick) raft.Tick();
  EXPECT_FALSE(raft.is_leader());
}

TEST(RaftRandomTest, WithoutRandomNumbersThereIsNoGroup) {
  EXPECT_EQ(Raft::Found(GroupOfOne(), TestPeer(1), TestGroupKey(), FailingRandom()).error(),
            proto::ERROR_RANDOM_FAILED);
  int draws = 0;
  const auto once = [&draws]() -> Result<uint64_t> {
    if (draws++ > 0) return proto::ERROR_RANDOM_FAILED;
    return uint64_t{0};
  };
  EXPECT_EQ(Raft::Found(GroupOfOne(), TestPeer(1), TestGroupKey(), once).error(),
            proto::ERROR_RANDOM_FAILED);
}

TEST(RaftRandomTest, WithoutRandomNumbersAReplicaStops) {
  int draws = 0;
  Raft raft = *RaftTesting::NewFounder(GroupOfOne(), [&draws]() -> Result<uint64_t> {
    if (draws++ > 0) return proto::ERROR_RANDOM_FAILED;
    return uint64_t{0};
  });
  for (int tick = 0; tick < 10; ++tick) raft.Tick();
  EXPECT_EQ(raft.TakeOutput().stopped, proto::ERROR_RANDOM_FAILED);
}

// What was handed over and what was not yet: AppliedTo asserts, since only the owner calls it.
TEST(RaftDeathTest, AppliedFollowsCommitted) {
  Raft raft = FoundedAlone();
  ASSERT_TRUE(raft.Propose(EntryKind::kData, Text("x")).ok());
  EXPECT_DEATH(raft.AppliedTo(3), "");
  TakeAndApply(&raft);
  EXPECT_DEATH(raft.AppliedTo(2), "");
}

// ---- What the integrity tree is given ----

TEST(RaftIntegrityTest, EveryDecisionChangesTheState) {
  std::set<std::vector<uint8_t>> states;
  const auto is_new = [&states](const Raft& raft) {
    return states.insert(IntegrityState(raft)).second;
  };
  Raft raft = *RaftTesting::NewFounder(GroupOfOne(), CountingRandom(0));
  EXPECT_TRUE(is_new(raft));
  RaftTesting::Campaign(&raft);
  EXPECT_TRUE(is_new(raft)) << "term, vote, role, leader, last";
  RaftTesting::AdvancePromise(&raft);
  EXPECT_TRUE(is_new(raft)) << "promise";
  RaftTesting::AdvanceCommit(&raft);
  EXPECT_TRUE(is_new(raft)) << "commit";
  const Output output = raft.TakeOutput();
  EXPECT_FALSE(is_new(raft)) << "handing over decides nothing";
  raft.AppliedTo(output.last_committed);
  EXPECT_TRUE(is_new(raft)) << "applied";
  ASSERT_TRUE(raft.Propose(EntryKind::kData, Text("x")).ok());
  EXPECT_TRUE(is_new(raft)) << "last";
  RaftTesting::StepDown(&raft);
  EXPECT_TRUE(is_new(raft)) << "role";
  RaftTesting::SetMembership(&raft, TestMembership(3, 3));
  EXPECT_TRUE(is_new(raft)) << "members";
  RaftTesting::SetMembership(&raft, TestMembership(3, 2));
  EXPECT_TRUE(is_new(raft)) << "who votes";
  raft.Stop(proto::ERROR_INTEGRITY_MISMATCH);
  EXPECT_TRUE(is_new(raft)) << "stopped";
}

// Different histories of equal length differ in the state: the positions carry chain values.
TEST(RaftIntegrityTest, CoversTheLogByItsChain) {
  Raft left = FoundedAlone();
  Raft right = left;
  ASSERT_TRUE(left.Propose(EntryKind::kData, Text("left")).ok());
  ASSERT_TRUE(right.Propose(EntryKind::kData, Text("evil")).ok());
  EXPECT_NE(IntegrityState(left), IntegrityState(right));
}

}  // namespace
}  // namespace svr2::raft
