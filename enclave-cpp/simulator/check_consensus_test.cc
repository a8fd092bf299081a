// SPDX-License-Identifier: Apache-2.0
//
// Each checker of consensus passes what is right and names what is wrong: a checker that never
// complains would make every seed pass.

#include "simulator/check_consensus.h"

#include <gtest/gtest.h>

namespace svr2::simulator {
namespace {

raft::Position At(uint64_t index, uint64_t term, uint8_t hash = 1) {
  raft::Position position;
  position.index = index;
  position.term = term;
  position.hash.fill(hash);
  return position;
}

raft::PeerId Id(uint8_t byte) {
  raft::PeerId id;
  id.fill(byte);
  return id;
}

raft::Membership After(const raft::Membership& membership, raft::ChangeKind kind, uint8_t id) {
  return *membership.After(kind, Id(id));
}

TEST(LeaderChecker, FindsTwoLeadersOfATerm) {
  LeaderChecker checker;
  Verdict verdict(false);
  checker.Leads(3, 0, &verdict);
  checker.Leads(3, 0, &verdict);
  checker.Leads(4, 1, &verdict);
  EXPECT_FALSE(verdict.failed());
  EXPECT_EQ(checker.terms(), 2u);
  checker.Leads(3, 1, &verdict);
  EXPECT_EQ(verdict.checker(), "one leader a term");
}

TEST(CommitChecker, FindsACommittedEntryThatChanged) {
  for (const raft::Position& other : {At(7, 3), At(7, 2, 9)}) {
    CommitChecker checker;
    Verdict verdict(false);
    checker.Committed(0, At(7, 2), &verdict);
    checker.Committed(1, At(7, 2), &verdict);
    checker.Committed(1, At(8, 2), &verdict);
    EXPECT_FALSE(verdict.failed());
    EXPECT_EQ(checker.highest(), 8u);
    checker.Committed(2, other, &verdict);
    EXPECT_EQ(verdict.checker(), "committed entries never change");
  }
}

TEST(DigestChecker, FindsTwoDatabasesAfterOneIndex) {
  DigestChecker checker;
  Verdict verdict(false);
  checker.Applied(0, 7, "a", &verdict);
  checker.Applied(1, 7, "a", &verdict);
  checker.Applied(1, 8, "b", &verdict);
  EXPECT_FALSE(verdict.failed());
  checker.Applied(2, 7, "b", &verdict);
  EXPECT_EQ(verdict.checker(), "equal index, equal database");
}

TEST(IndexChecker, FindsIndexesOutOfOrder) {
  using Indexes = IndexChecker::Indexes;
  const Indexes right{2, 9, 8, 7, 6};
  for (const Indexes& wrong :
       {Indexes{2, 7, 8, 7, 6}, Indexes{2, 9, 6, 7, 6}, Indexes{2, 9, 8, 5, 6}}) {
    IndexChecker checker;
    Verdict verdict(false);
    checker.Seen(0, right, &verdict);
    EXPECT_FALSE(verdict.failed());
    checker.Seen(1, wrong, &verdict);
    EXPECT_EQ(verdict.checker(), "indexes in order");
  }
}

TEST(IndexChecker, FindsIndexesThatFell) {
  using Indexes = IndexChecker::Indexes;
  const Indexes before{2, 9, 8, 7, 6};
  for (const Indexes& after : {Indexes{1, 9, 8, 7, 6}, Indexes{2, 9, 7, 7, 6},
                               Indexes{2, 9, 8, 6, 6}, Indexes{2, 9, 8, 7, 5}}) {
    IndexChecker checker;
    Verdict verdict(false);
    checker.Seen(0, before, &verdict);
    checker.Seen(0, before, &verdict);
    // What was only stored may be truncated.
    checker.Seen(0, Indexes{2, 8, 8, 7, 6}, &verdict);
    EXPECT_FALSE(verdict.failed());
    checker.Seen(0, after, &verdict);
    EXPECT_EQ(verdict.checker(), "indexes never fall");

    Verdict rolled_back(false);
    checker.Seen(0, before, &rolled_back);
    checker.RolledBack(0);
    checker.Seen(0, after, &rolled_back);
    EXPECT_FALSE(rolled_back.failed());
  }
}

TEST(FateChecker, FindsAnAppliedProposalThatWasCalledNotApplied) {
  for (const bool told_first : {true, false}) {
    FateChecker checker;
    Verdict verdict(false);
    checker.ToldNotApplied(1, &verdict);
    checker.Committed(2, &verdict);
    EXPECT_FALSE(verdict.failed());
    if (told_first) {
      checker.Committed(1, &verdict);
    } else {
      checker.ToldNotApplied(2, &verdict);
    }
    EXPECT_EQ(verdict.checker(), "not applied means not applied");
  }
}

class MembershipCheckerTest : public testing::Test {
 protected:
  // Three voters, as they come to be, one change after the other.
  MembershipCheckerTest() {
    Commit(raft::Membership::Of(Id(1)));
    for (uint8_t id = 2; id <= 3; ++id) {
      Commit(After(now_, raft::ChangeKind::kAdd, id));
      Commit(After(now_, raft::ChangeKind::kPromote, id));
    }
    EXPECT_FALSE(verdict_.failed());
  }
  void Commit(const raft::Membership& membership) {
    now_ = membership;
    checker_.Committed(++index_, now_, &verdict_);
  }

  MembershipChecker checker_{2, 3};
  Verdict verdict_{false};
  raft::Membership now_;
  uint64_t index_ = 0;
};

TEST_F(MembershipCheckerTest, PassesWhatIsAllowed) {
  Commit(After(now_, raft::ChangeKind::kRemove, 3));
  Commit(After(now_, raft::ChangeKind::kAdd, 4));
  Commit(After(now_, raft::ChangeKind::kPromote, 4));
  // Old news is no news.
  checker_.Committed(1, raft::Membership::Of(Id(9)), &verdict_);
  EXPECT_FALSE(verdict_.failed()) << verdict_.text();
  EXPECT_EQ(checker_.index(), index_);
}

TEST_F(MembershipCheckerTest, FindsTooFewVoters) {
  Commit(After(now_, raft::ChangeKind::kDemote, 3));
  EXPECT_FALSE(verdict_.failed());
  Commit(After(now_, raft::ChangeKind::kDemote, 2));
  EXPECT_EQ(verdict_.checker(), "min voters");
}

TEST_F(MembershipCheckerTest, FindsTooManyVoters) {
  Commit(After(now_, raft::ChangeKind::kAdd, 4));
  EXPECT_FALSE(verdict_.failed());
  Commit(After(now_, raft::ChangeKind::kPromote, 4));
  EXPECT_EQ(verdict_.checker(), "max voters");
}

TEST_F(MembershipCheckerTest, FindsTwoChangesAtOnce) {
  const raft::Membership demoted = After(now_, raft::ChangeKind::kDemote, 3);
  Commit(After(demoted, raft::ChangeKind::kAdd, 4));
  EXPECT_EQ(verdict_.checker(), "one change at a time");
}

TEST_F(MembershipCheckerTest, FindsARemovedReplicaThatReturns) {
  const raft::Membership before = After(now_, raft::ChangeKind::kDemote, 3);
  Commit(before);
  Commit(After(now_, raft::ChangeKind::kRemove, 3));
  EXPECT_FALSE(verdict_.failed());
  Commit(before);
  EXPECT_EQ(verdict_.checker(), "removed for good");
}

TEST(IsolationChecker, FindsATermThatRoseAlone) {
  IsolationChecker checker(10);
  Verdict verdict(false);
  checker.Ticked(0, true, false, 5, &verdict);
  checker.Ticked(0, true, false, 5, &verdict);
  checker.Heard(0);
  checker.Ticked(0, true, false, 6, &verdict);
  checker.Ticked(0, false, false, 7, &verdict);
  checker.Ticked(0, true, false, 8, &verdict);
  EXPECT_FALSE(verdict.failed());
  checker.Ticked(0, true, false, 9, &verdict);
  EXPECT_EQ(verdict.checker(), "pre-vote");
}

TEST(IsolationChecker, FindsALeaderWhomNobodyFollows) {
  IsolationChecker checker(10);
  Verdict verdict(false);
  for (int i = 0; i <= 20; ++i) checker.Ticked(0, true, true, 5, &verdict);
  EXPECT_FALSE(verdict.failed());
  checker.Ticked(0, true, true, 5, &verdict);
  EXPECT_EQ(verdict.checker(), "check-quorum");
}

TEST(StopChecker, FindsAStopWithoutACause) {
  const auto complains = [](Error why, bool any_rollback) {
    Verdict verdict(false);
    StopChecker().Stopped(0, why, any_rollback, &verdict);
    return verdict.failed();
  };
  EXPECT_FALSE(complains(proto::ERROR_RAFT_REMOVED, false));
  EXPECT_FALSE(complains(proto::ERROR_RAFT_ENTRIES_DROPPED, false));
  for (const Error why : {proto::ERROR_RAFT_ROLLED_BACK, proto::ERROR_RAFT_SAME_TERM_CONFLICT,
                          proto::ERROR_RAFT_PROMISE_CONFLICT, proto::ERROR_INTEGRITY_MISMATCH,
                          proto::ERROR_CORE_DIGEST_MISMATCH}) {
    EXPECT_FALSE(complains(why, true));
    EXPECT_TRUE(complains(why, false));
  }
  EXPECT_TRUE(complains(proto::ERROR_OUT_OF_MEMORY, true));
}

}  // namespace
}  // namespace svr2::simulator
