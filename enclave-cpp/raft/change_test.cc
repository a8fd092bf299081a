// SPDX-License-Identifier: Apache-2.0
//
// Membership changes and what the integrity tree is given of a group: protocol.md §4 "Membership",
// design.md §4 "Integrity". The stories are in change_*.script and removed_*.script.

#include <gtest/gtest.h>

#include <set>

#include "raft/group_testing.h"

namespace svr2::raft {
namespace {

// "Each adds or removes at most one voter."
TEST(MembershipAfterTest, ChangesOneMember) {
  const Membership three = TestMembership(3, 2);
  EXPECT_TRUE(*three.After(ChangeKind::kAdd, TestPeer(4)) == TestMembership(4, 2));
  EXPECT_TRUE(*three.After(ChangeKind::kPromote, TestPeer(3)) == TestMembership(3, 3));
  EXPECT_TRUE(*three.After(ChangeKind::kDemote, TestPeer(2)) == TestMembership(3, 1));
  const Membership two = *three.After(ChangeKind::kRemove, TestPeer(3));
  EXPECT_EQ(two.members(), TestMembership(2, 2).members());
  EXPECT_TRUE(two.WasRemoved(TestPeer(3)));
}

TEST(MembershipAfterTest, RefusesWhatIsNoChange) {
  const Membership three = TestMembership(3, 2);
  const auto error = [&three](ChangeKind kind, uint8_t number) {
    return three.After(kind, TestPeer(number)).error();
  };
  EXPECT_EQ(error(ChangeKind::kAdd, 3), proto::ERROR_RAFT_NO_CHANGE);
  EXPECT_EQ(error(ChangeKind::kPromote, 1), proto::ERROR_RAFT_NO_CHANGE);
  EXPECT_EQ(error(ChangeKind::kDemote, 3), proto::ERROR_RAFT_NO_CHANGE);
  EXPECT_EQ(error(ChangeKind::kPromote, 4), proto::ERROR_RAFT_NOT_A_MEMBER);
  EXPECT_EQ(error(ChangeKind::kDemote, 4), proto::ERROR_RAFT_NOT_A_MEMBER);
  EXPECT_EQ(error(ChangeKind::kRemove, 4), proto::ERROR_RAFT_NOT_A_MEMBER);
  EXPECT_EQ(TestMembership(2, 1).After(ChangeKind::kRemove, TestPeer(1)).error(),
            proto::ERROR_RAFT_BELOW_MIN_VOTERS);
  EXPECT_EQ(TestMembership(kMaxMembers, 1).After(ChangeKind::kAdd, TestPeer(200)).error(),
            proto::ERROR_RAFT_TOO_MANY_MEMBERS);
}

// "Its id never returns", for as long as kMaxRemoved removals.
TEST(MembershipAfterTest, RemovedIdsStayAndAreBounded) {
  Membership membership = TestMembership(1, 1);
  for (uint8_t i = 0; i <= Membership::kMaxRemoved; ++i) {
    const PeerId id = TestPeer(static_cast<uint8_t>(100 + i));
    membership = *membership.After(ChangeKind::kAdd, id);
    membership = *membership.After(ChangeKind::kRemove, id);
    EXPECT_EQ(membership.After(ChangeKind::kAdd, id).error(), proto::ERROR_RAFT_REMOVED);
    const Result<Membership> again = Membership::Decode(membership.Encode());
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE(*again == membership);
  }
  EXPECT_EQ(membership.removed().size(), Membership::kMaxRemoved);
  EXPECT_FALSE(membership.WasRemoved(TestPeer(100)));
  EXPECT_TRUE(membership.WasRemoved(TestPeer(101)));
}

TEST(MembershipAfterTest, RemovedIdsAreChecked) {
  Membership membership = *TestMembership(3, 2).After(ChangeKind::kRemove, TestPeer(3));
  util::Bytes bytes = membership.Encode();
  util::Append(&bytes, TestPeer(3));
  EXPECT_FALSE(Membership::Decode(bytes).ok()) << "twice";
  bytes = membership.Encode();
  util::Append(&bytes, TestPeer(2));
  EXPECT_FALSE(Membership::Decode(bytes).ok()) << "a member";
  bytes = membership.Encode();
  bytes.pop_back();
  EXPECT_FALSE(Membership::Decode(bytes).ok());
  bytes = membership.Encode();
  for (uint8_t i = 100; i < 100 + Membership::kMaxRemoved; ++i) util::Append(&bytes, TestPeer(i));
  EXPECT_FALSE(Membership::Decode(bytes).ok()) << "too many";
}

// What all members acknowledged counts members that do not vote, and no more those removed.
TEST(RaftChangeTest, ARemovedMemberHoldsNothingBack) {
  Options options = GroupOf(3);
  options.log.min_entries = 1;
  TestGroup group(options, 4, 3);
  group.Elect(1);
  group.Isolate(4);
  for (int i = 0; i < 5; ++i) {
    group.Propose(1, "entry");
    group.Run();
  }
  EXPECT_GE(group[1].log().entries(), 5u);
  ASSERT_TRUE(group[1].ChangeMembership(ChangeKind::kRemove, TestPeer(4), false).ok());
  group.Run();
  group.Propose(1, "entry");
  group.Run();
  EXPECT_LE(group[1].log().entries(), 2u);
}

// A removed member is told up to its removal, and nothing of what came after.
TEST(RaftChangeTest, ARemovedMemberGetsNothingAfterItsRemoval) {
  TestGroup group(GroupOf(3), 4);
  group.Elect(1);
  group.net().Hold(4, 1);  // It answers late.
  ASSERT_TRUE(group[1].ChangeMembership(ChangeKind::kRemove, TestPeer(4), false).ok());
  group.Run();
  group.delivered.clear();
  for (int i = 0; i < 3; ++i) {
    group.Propose(1, "secret");
    group.Run();
  }
  for (const auto& one : group.delivered) {
    const auto* request = std::get_if<AppendRequest>(&one.sent.message);
    if (request != nullptr && one.sent.to == 4) {
      EXPECT_TRUE(request->entries.empty());
    }
  }
  EXPECT_EQ(group[4].stopped(), proto::ERROR_RAFT_REMOVED);
}

// Removed while it was away, voting or not: nobody sends it anything any more. It asks, and is
// told.
TEST(RaftChangeTest, AReplicaThatMissedItsRemovalIsTold) {
  for (const bool knows_demotion : {true, false}) {
    TestGroup group(GroupOf(3), 4);
    group.Elect(1);
    if (!knows_demotion) group.Isolate(4);
    ASSERT_TRUE(group[1].ChangeMembership(ChangeKind::kDemote, TestPeer(4), false).ok());
    group.Run();
    ASSERT_EQ(group[4].is_voter(), !knows_demotion);
    group.Isolate(4);
    ASSERT_TRUE(group[1].ChangeMembership(ChangeKind::kRemove, TestPeer(4), false).ok());
    group.Run();
    group.Tick(50);
    ASSERT_FALSE(group[4].stopped().has_value());
    const uint64_t term = group[1].term();
    group.Heal();
    for (int i = 0; i < 50 && !group[4].stopped().has_value(); ++i) group.Tick();
    EXPECT_EQ(group[4].stopped(), proto::ERROR_RAFT_REMOVED);
    EXPECT_TRUE(group[1].is_leader());
    EXPECT_EQ(group[1].term(), term);
  }
}

// Only a committed removal is told: another leader could still undo it.
TEST(RaftChangeTest, ARemovalThatIsNotCommittedIsNotTold) {
  TestGroup group(GroupOf(3), 4);
  group.Elect(1);
  group.ConnectOnly({1, 4});
  ASSERT_TRUE(group[1].ChangeMembership(ChangeKind::kRemove, TestPeer(4), false).ok());
  group.Take(1);
  RaftTesting::ForgetLeader(&group[4]);
  RaftTesting::Campaign(&group[4]);
  group.Take(4);
  group.Run();
  for (const auto& one : group.delivered) {
    EXPECT_FALSE(std::holds_alternative<Removed>(one.sent.message));
  }
  EXPECT_FALSE(group[4].stopped().has_value());
}

// What a removed replica asks for moves no terms and wins no votes.
TEST(RaftChangeTest, ARemovedReplicaIsAnsweredNothingElse) {
  TestGroup group(GroupOf(3), 4);
  group.Elect(1);
  ASSERT_TRUE(group[1].ChangeMembership(ChangeKind::kRemove, TestPeer(4), false).ok());
  group.Run();
  const uint64_t term = group[2].term();
  VoteRequest vote;
  vote.term = term + 7;
  vote.last = group[1].last();
  vote.promise = group[1].promise();
  AppendAnswer answer;
  answer.term = term + 7;
  for (const Message& message : {Message(vote), Message(answer)}) {
    for (const uint8_t asked : {uint8_t{1}, uint8_t{2}}) {
      RaftTesting::ForgetLeader(&group[2]);
      EXPECT_TRUE(group[asked].Step(TestPeer(4), message).ok());
      const Output output = group[asked].TakeOutput();
      ASSERT_EQ(output.messages.size(), 1u);
      EXPECT_EQ(output.messages[0].to, TestPeer(4));
      EXPECT_EQ(std::get<Removed>(output.messages[0].message).term, term);
      EXPECT_EQ(group[asked].term(), term);
    }
  }
}

// Thesis 4.2.2: "a server that is not in its own latest configuration should still start new
// elections". Found by the simulator (walk, seed 14099): the one voter with the longest log had
// read there that it is none any more, refused the others, and asked for no votes itself.
TEST(RaftChangeTest, AVoterThatReadsOfItsOwnEndMayStillHaveToLead) {
  for (const ChangeKind kind : {ChangeKind::kRemove, ChangeKind::kDemote}) {
    TestGroup group(GroupOf(3), 4);
    group.Elect(1);
    group.net().Cut(1, 2);
    group.net().Cut(1, 4);
    ASSERT_TRUE(group[1].ChangeMembership(kind, TestPeer(3), false).ok());
    group.Run();
    ASSERT_FALSE(group[3].is_voter());
    ASSERT_TRUE(group[2].membership().IsVoter(TestPeer(3)));
    group.Crash(1);
    // Three of four voters are left, as a quorum has.
    const auto leads = [&group](uint8_t number) { return group[number].is_leader(); };
    for (int i = 0; i < 200 && !leads(2) && !leads(4); ++i) group.Tick();
    ASSERT_TRUE(leads(2) || leads(4));
    group.Run();
    EXPECT_FALSE(group[2].membership().IsVoter(TestPeer(3)));
    EXPECT_FALSE(leads(3));
    const uint8_t leader = leads(2) ? 2 : 4;
    const Position entry = group.Propose(leader, "entry");
    group.Run();
    EXPECT_EQ(group[leader].FateOf(entry), Fate::kCommitted);
    if (kind == ChangeKind::kRemove) {
      EXPECT_EQ(group[3].stopped(), proto::ERROR_RAFT_REMOVED);
    } else {
      EXPECT_EQ(group[3].commit_index(), group[leader].commit_index());
    }
  }
}

// "Effective when appended, undone when truncated", also two changes at once: r2's log holds a
// committed change that it does not know as committed, and one that never will be.
TEST(RaftChangeTest, UndoneOneByOne) {
  Options options = GroupOf(7);
  options.group.min_voting_replicas = 1;
  TestGroup group(options, 7);
  group.Elect(1);
  group.net().Hold(1, 2);
  ASSERT_TRUE(group[1].ChangeMembership(ChangeKind::kDemote, TestPeer(7), false).ok());
  group.Run();
  group.ConnectOnly({1, 2});
  group.net().Release(1, 2);
  group.Connect(1, 2);
  ASSERT_TRUE(group[1].ChangeMembership(ChangeKind::kDemote, TestPeer(6), false).ok());
  group.Run();
  EXPECT_EQ(group[2].voters(), 5u);
  group.Crash(1);
  group.ConnectOnly({3, 4, 5, 6, 7});
  group.Elect(3);
  ASSERT_TRUE(group[3].is_leader());
  EXPECT_EQ(group[3].voters(), 6u);
  group.Heal();
  group.Tick(3);
  EXPECT_EQ(group[2].voters(), 6u);
  EXPECT_EQ(group[2].membership_index(), group[3].membership_index());
  EXPECT_TRUE(group[2].membership_committed());
  EXPECT_TRUE(group[7].membership_committed());
}

// ---- The integrity tree ----

TEST(RaftStateTest, IsSmallForThreeAndBoundedForAll) {
  TestGroup group(GroupOf(3), 3);
  group.Elect(1);
  for (uint8_t i = 1; i <= 3; ++i) EXPECT_LE(IntegrityState(group[i]).size(), 400u);
  RaftTesting::Campaign(&group[2]);
  EXPECT_LE(IntegrityState(group[2]).size(), 400u);

  Options options = GroupOf(kMaxMembers - 1, 1);
  options.group.min_voting_replicas = 2;
  TestGroup large(options, kMaxMembers);
  large.Elect(1);
  ASSERT_TRUE(large[1].is_leader());
  ASSERT_TRUE(large[1].ChangeMembership(ChangeKind::kRemove, TestPeer(9), false).ok());
  for (uint8_t i = 2; i <= kMaxMembers; ++i) RaftTesting::MarkRolledBack(&large[1], TestPeer(i));
  EXPECT_LE(IntegrityState(large[1]).size(), Raft::kMaxIntegrityStateBytes);
  RaftTesting::StepDown(&large[1]);
  RaftTesting::Campaign(&large[1]);
  EXPECT_LE(IntegrityState(large[1]).size(), Raft::kMaxIntegrityStateBytes);
}

// Every word that decides changes the state; the owner's compare finds an old one.
TEST(RaftStateTest, CoversWhatTheLeaderKnowsOfOthers) {
  TestGroup group(GroupOf(3), 3);
  group.Elect(1);
  Raft& leader = group[1];
  std::set<std::vector<uint8_t>> states = {IntegrityState(leader)};
  const auto is_new = [&states](const Raft& raft) {
    return states.insert(IntegrityState(raft)).second;
  };
  Raft copy = leader;
  RaftTesting::SetStored(&copy, TestPeer(3), 1);
  EXPECT_TRUE(is_new(copy)) << "stored";
  copy = leader;
  RaftTesting::SetPromised(&copy, TestPeer(3), 1);
  EXPECT_TRUE(is_new(copy)) << "promised";
  copy = leader;
  RaftTesting::MarkRolledBack(&copy, TestPeer(2));
  EXPECT_TRUE(is_new(copy)) << "rolled back";
  copy = leader;
  ASSERT_TRUE(copy.TransferLeadership(std::nullopt).ok());
  EXPECT_TRUE(is_new(copy)) << "transfer";
  copy = leader;
  copy.PeerConnected(TestPeer(2));
  (void)copy.TakeOutput();
  EXPECT_TRUE(is_new(copy)) << "rounds";
}

TEST(RaftStateTest, CoversTheElection) {
  TestGroup group(GroupOf(5), 5);
  group.Elect(1);
  Raft& r2 = group[2];
  RaftTesting::ForgetLeader(&r2);
  std::set<std::vector<uint8_t>> states = {IntegrityState(r2)};
  const auto is_new = [&states](const Raft& raft) {
    return states.insert(IntegrityState(raft)).second;
  };
  RaftTesting::Campaign(&r2);
  EXPECT_TRUE(is_new(r2)) << "nonce";
  RaftTesting::Vote(&r2, TestPeer(4));
  EXPECT_TRUE(is_new(r2)) << "a vote";
  const Output output = r2.TakeOutput();
  const auto& request = std::get<VoteRequest>(output.messages.at(0).message);
  ASSERT_TRUE(
      r2.Step(TestPeer(1), VoteAnswer{1, true, false, request.nonce, request.last, 1}).ok());
  EXPECT_TRUE(is_new(r2)) << "a voter's promise";
  RaftTesting::Campaign(&r2);
  EXPECT_TRUE(is_new(r2)) << "another nonce";
}

// Both memberships, while one is not known committed.
TEST(RaftStateTest, CoversTheMembershipBefore) {
  TestGroup group(GroupOf(3, 1), 4);
  group.Elect(1);
  group.Isolate(1);
  ASSERT_TRUE(group[1].ChangeMembership(ChangeKind::kDemote, TestPeer(4), false).ok());
  const std::vector<uint8_t> before = IntegrityState(group[1]);
  Raft copy = group[1];
  RaftTesting::SetMembershipBefore(&copy, TestMembership(4, 2));
  EXPECT_NE(IntegrityState(copy), before);
}

// The list of removed ids is covered by a digest, which is checked where the list is used.
TEST(RaftStateTest, AnOldListOfRemovedIdsStopsTheLeader) {
  TestGroup group(GroupOf(2), 4, 2);
  group.Elect(1);
  ASSERT_TRUE(group[1].ChangeMembership(ChangeKind::kRemove, TestPeer(4), false).ok());
  group.Run();
  Raft copy = group[1];
  RaftTesting::SetMembership(&copy, TestMembership(3, 2));
  EXPECT_EQ(copy.ChangeMembership(ChangeKind::kAdd, TestPeer(4), false).error(),
            proto::ERROR_CORE_STOPPED);
  EXPECT_EQ(copy.TakeOutput().stopped, proto::ERROR_INTEGRITY_MISMATCH);
}

}  // namespace
}  // namespace svr2::raft
