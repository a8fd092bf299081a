// SPDX-License-Identifier: Apache-2.0
//
// The seven histories at the end of protocol.md §4, found by machine when the rules were explored:
// each breaks a weaker set of rules.

#include <gtest/gtest.h>

#include "raft/group_testing.h"

namespace svr2::raft {
namespace {

// Four voters, s = 1: a quorum is three, and one replica may be rolled back.
class ReplayTest : public ::testing::Test {
 protected:
  ReplayTest() : group_(GroupOf(4, 1), 4) {
    group_.Elect(1);
    before_.emplace(group_[1]);
  }

  // r1's next entry reaches only `stored`; their answers reach nobody.
  Position AppendTo(const std::string& text, const std::set<uint8_t>& stored) {
    std::set<uint8_t> heard = stored;
    heard.insert(1);
    group_.ConnectOnly(heard);
    for (const uint8_t number : stored) group_.net().Hold(number, 1);
    const Position position = group_.Propose(1, text);
    group_.Run();
    for (const uint8_t number : stored) {
      group_.net().Drop(number, 1);
      group_.net().Release(number, 1);
      EXPECT_EQ(group_[number].last(), position);
    }
    return position;
  }

  // `number` campaigns while only these hear each other.
  bool Elects(uint8_t number, const std::set<uint8_t>& heard) {
    group_.ConnectOnly(heard);
    group_.Elect(number);
    return group_[number].is_leader();
  }

  TestGroup group_;
  std::optional<Raft> before_;  // r1 as leader, with nothing but its empty entry.
};

// (1) A leader rolled back behind an answered entry, then a candidate with equal index and term but
// another entry: the promise check keeps it from winning.
TEST_F(ReplayTest, AnotherEntryInPlaceOfAnAnsweredOne) {
  group_.ConnectOnly({1, 2, 3});
  const Position answered = group_.Propose(1, "answered");
  group_.Run();
  ASSERT_EQ(group_[1].FateOf(answered), Fate::kCommitted);
  group_.RollBack(1, *before_);
  const Position other = AppendTo("other", {4});
  ASSERT_EQ(other.index, answered.index);
  ASSERT_EQ(other.term, answered.term);

  RaftTesting::StepDown(&group_[1]);
  EXPECT_FALSE(Elects(4, {1, 2, 3, 4})) << "r2 and r3 have promised another";
  EXPECT_TRUE(Elects(2, {2, 3, 4})) << "equal index and term is no reason to refuse";
  for (uint8_t number = 2; number <= 4; ++number) {
    EXPECT_EQ(group_[number].FateOf(answered), Fate::kCommitted);
  }
}

// (2) Two branches of one term, nothing promised: a leader must still be electable.
TEST_F(ReplayTest, TwoBranchesNothingPromised) {
  AppendTo("left", {2});
  group_.RollBack(1, *before_);
  AppendTo("right", {3});
  EXPECT_NE(group_[2].last(), group_[3].last());
  group_.Crash(1);
  for (uint8_t candidate = 2; candidate <= 3; ++candidate) {
    TestGroup again = group_;
    again.ConnectOnly({2, 3, 4});
    again.Elect(candidate);
    ASSERT_TRUE(again[candidate].is_leader()) << int{candidate};
    EXPECT_EQ(again[2].commit(), again[candidate].last());
    EXPECT_EQ(again[3].commit(), again[candidate].last());
    EXPECT_EQ(again[4].commit(), again[candidate].last());
  }
}

// (3) The same with one branch promised by one follower: that one is electable, the other is not.
TEST_F(ReplayTest, TwoBranchesOnePromised) {
  group_.ConnectOnly({1, 2, 3});
  const Position left = group_.Propose(1, "left");
  group_.TakeAll();
  // The entry to r2 and r3, their answers, and the promise to r2.
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(group_.DeliverOne());
  ASSERT_EQ(group_[3].last(), left);
  ASSERT_LT(group_[3].promise_index(), left.index);
  ASSERT_EQ(group_[2].promise(), left);
  group_.RollBack(1, *before_);
  AppendTo("right", {4});
  group_.Crash(1);
  EXPECT_FALSE(Elects(4, {2, 3, 4})) << "r2 has promised another";
  EXPECT_TRUE(Elects(2, {2, 3, 4}));
  EXPECT_EQ(group_[4].FateOf(left), Fate::kCommitted);
}

// (4) A longer dead branch of that term at a third follower: it would refuse whoever holds the
// promised branch, but for the rule of dead branches.
TEST_F(ReplayTest, LongerDeadBranch) {
  group_.ConnectOnly({1, 2, 3});
  const Position left = group_.Propose(1, "left");
  group_.Run();
  ASSERT_EQ(group_[3].promise(), left);
  group_.RollBack(1, *before_);
  AppendTo("right", {4});
  AppendTo("right and longer", {4});
  ASSERT_GT(group_[4].last_index(), left.index);
  group_.Crash(1);
  EXPECT_FALSE(Elects(4, {2, 3, 4}));
  EXPECT_TRUE(Elects(3, {2, 3, 4})) << "r4's branch is dead";
  EXPECT_EQ(group_[4].FateOf(left), Fate::kCommitted);
  EXPECT_EQ(group_[4].last(), group_[3].last());
}

// A branch that is promised, or of another term, is not dead.
TEST_F(ReplayTest, OnlyUnpromisedEntriesOfThatTermAreDead) {
  group_.ConnectOnly({1, 2, 3});
  group_.Propose(1, "left");
  group_.Run();
  VoteRequest request;
  request.term = 9;
  request.last = group_[2].last();
  request.promise = group_[2].promise();
  request.promise.hash[0] ^= 1;  // Conflicts with what r3 has promised.
  request.proof = group_[3].promise();
  AppendRequest longer;
  longer.term = 1;
  longer.previous = group_[3].last();
  Entry entry;
  entry.index = longer.previous.index + 1;
  entry.term = 1;
  entry.hash = ChainHash(longer.previous.hash, EntryKind::kNothing, entry.index, 1, {});
  longer.entries.push_back(entry);
  ASSERT_TRUE(group_[3].Step(TestPeer(1), longer).ok());
  group_[3].TakeOutput();
  RaftTesting::ForgetLeader(&group_[3]);
  ASSERT_TRUE(group_[3].Step(TestPeer(2), request).ok());
  const Output output = group_[3].TakeOutput();
  ASSERT_EQ(output.messages.size(), 1u);
  EXPECT_FALSE(std::get<VoteAnswer>(output.messages[0].message).granted);
}

// (5) Two sibling membership changes by a rolled-back leader: neither half elects a leader by its
// own membership alone.
TEST(ReplayMembershipTest, SiblingChanges) {
  Options options = GroupOf(5, 1);
  options.group.min_voting_replicas = 3;
  TestGroup group(options, 5);
  group.Elect(1);
  const Raft before = group[1];
  group.ConnectOnly({1, 2});
  ASSERT_TRUE(group[1].ChangeMembership(ChangeKind::kDemote, TestPeer(5), false).ok());
  group.Run();
  ASSERT_FALSE(group[2].membership().IsVoter(TestPeer(5)));
  group.RollBack(1, before);
  group.ConnectOnly({1, 3});
  ASSERT_TRUE(group[1].ChangeMembership(ChangeKind::kDemote, TestPeer(4), false).ok());
  group.Run();
  ASSERT_FALSE(group[3].membership().IsVoter(TestPeer(4)));
  RaftTesting::StepDown(&group[1]);

  // {1, 2, 4} are a quorum of r2's membership, {1, 3, 5} of r3's. They share the rolled-back r1
  // only.
  group.ConnectOnly({1, 2, 4});
  group.Elect(2);
  EXPECT_FALSE(group[2].is_leader());
  EXPECT_EQ(group[2].term(), 1u);
  group.ConnectOnly({1, 3, 5});
  group.Elect(3);
  EXPECT_FALSE(group[3].is_leader());
  // Together they elect one, and one change stays.
  group.Heal();
  group.Tick(60);
  for (uint8_t number = 2; number <= 5; ++number) {
    EXPECT_EQ(group[number].last(), group[2].last()) << int{number};
    EXPECT_TRUE(group[number].membership() == group[2].membership());
    EXPECT_EQ(group[number].commit_index(), group[number].last_index());
  }
}

// (6) Promise and commit are never taken beyond the verified index: r2 holds an entry of a leader
// of before; the new leader's promise and commit are about another entry there.
TEST(ReplayVerifiedTest, PromiseAndCommitEndAtTheVerifiedIndex) {
  TestGroup group(GroupOf(3), 3);
  group.Elect(1);
  group.ConnectOnly({1, 2});
  group.net().Hold(2, 1);
  group.Propose(1, "old");
  group.Run();
  Raft& r2 = group[2];
  ASSERT_EQ(r2.last_index(), 3u);
  AppendRequest request;
  request.term = 2;
  request.round = 1;
  request.previous = group[3].last();
  ASSERT_EQ(request.previous.index, 2u);
  request.promise_index = 3;
  request.commit_index = 3;
  EXPECT_EQ(r2.Step(TestPeer(3), request), proto::ERROR_RAFT_PROMISE_BEYOND_ENTRIES);
  EXPECT_EQ(r2.promise_index(), 2u);
  EXPECT_EQ(r2.commit_index(), 2u);
  EXPECT_EQ(r2.term(), 2u) << "the term is never refused";
  request.promise_index = request.commit_index = 2;
  EXPECT_TRUE(r2.Step(TestPeer(3), request).ok());
  EXPECT_EQ(r2.promise_index(), 2u);
  EXPECT_EQ(r2.commit_index(), 2u);
  const Output output = r2.TakeOutput();
  const auto& answer = std::get<AppendAnswer>(output.messages.back().message);
  EXPECT_TRUE(answer.accepted);
  EXPECT_EQ(answer.position, request.previous) << "not the end of its own log";
  EXPECT_EQ(answer.promise_index, 2u);
}

// (7) A stale vote replayed to a rolled-back candidate: its nonce is not the one asked with.
TEST(ReplayVoteTest, StaleVoteIsIgnored) {
  TestGroup group(GroupOf(3), 3);
  const Raft before = group[1];
  RaftTesting::Campaign(&group[1]);
  group.TakeAll();
  std::vector<Sent> votes;
  group.on_delivery = [&votes](const TestGroup::Delivered& one) {
    if (one.sent.to == 1 && std::holds_alternative<VoteAnswer>(one.sent.message)) {
      votes.push_back(one.sent);
    }
  };
  group.Run();
  ASSERT_TRUE(group[1].is_leader());
  ASSERT_GE(votes.size(), 2u);
  group.on_delivery = nullptr;

  group.RollBack(1, before);
  RaftTesting::Campaign(&group[1]);
  (void)group[1].TakeOutput();
  for (const Sent& vote : votes) {
    const auto& answer = std::get<VoteAnswer>(vote.message);
    if (answer.pre_vote) {
      EXPECT_EQ(group[1].Step(TestPeer(vote.from), vote.message),
                proto::ERROR_RAFT_UNEXPECTED_ANSWER);
    } else {
      (void)group[1].Step(TestPeer(vote.from), vote.message);
    }
    EXPECT_NE(group[1].role(), Role::kLeader);
    EXPECT_NE(group[1].role(), Role::kCandidate);
  }
  // The same as a candidate.
  group.RollBack(1, before);
  RaftTesting::Campaign(&group[1]);
  RaftTesting::Vote(&group[1], TestPeer(2));
  ASSERT_EQ(group[1].role(), Role::kCandidate);
  for (const Sent& vote : votes) (void)group[1].Step(TestPeer(vote.from), vote.message);
  EXPECT_EQ(group[1].role(), Role::kCandidate);
}

}  // namespace
}  // namespace svr2::raft
