// SPDX-License-Identifier: Apache-2.0
//
// A leader's rules for answers and requests, one test a sentence of protocol.md §4: what it counts,
// what it refuses, what shows a rollback, and how much it sends.

#include <gtest/gtest.h>

#include "raft/group_testing.h"

namespace svr2::raft {
namespace {

// r1 leads term 1 of three. Requests to r2 are kept, so that answers can be made up.
class RaftLeaderTest : public ::testing::Test {
 protected:
  RaftLeaderTest() : group_(GroupOf(3), 3) {
    group_.Elect(1);
    group_.Isolate(3);
  }
  Raft& r1() { return group_[1]; }

  // Takes r1's output and gives back its requests to `to`.
  std::vector<AppendRequest> Requests(uint8_t to = 2) {
    std::vector<AppendRequest> out;
    last_ = r1().TakeOutput();
    if (last_.first_committed <= last_.last_committed) r1().AppliedTo(last_.last_committed);
    for (const Addressed& one : last_.messages) {
      const auto* request = std::get_if<AppendRequest>(&one.message);
      if (request != nullptr && NumberOf(one.to) == to) out.push_back(*request);
    }
    return out;
  }
  // The answer of a member that takes the request whole.
  static AppendAnswer Accept(const AppendRequest& request, uint64_t promise) {
    AppendAnswer answer{request.term, request.round, true, request.previous, promise};
    if (!request.entries.empty()) {
      const Entry& last = request.entries.back();
      answer.position = Position{last.index, last.term, last.hash};
    }
    return answer;
  }
  Status Step(const AppendAnswer& answer, uint8_t from = 2) {
    return r1().Step(TestPeer(from), answer);
  }
  Raft::MemberProgress Of(uint8_t number) {
    for (const auto& member : r1().OtherMembers()) {
      if (member.id == TestPeer(number)) return member;
    }
    ADD_FAILURE();
    return {};
  }
  AppendRequest ProposeOne() {
    group_.Propose(1, "guess");
    const auto requests = Requests();
    EXPECT_EQ(requests.size(), 1u);
    return requests.at(0);
  }

  TestGroup group_;
  Output last_;
};

// "An answer to nothing asked": of a round never sent or answered already, of a stranger, or to one
// that does not lead.
TEST_F(RaftLeaderTest, AnAnswerToNothingAskedIsRefused) {
  const AppendRequest request = ProposeOne();
  AppendAnswer answer = Accept(request, 2);
  answer.round += 1;
  EXPECT_EQ(Step(answer), proto::ERROR_RAFT_UNEXPECTED_ANSWER);
  EXPECT_EQ(Step(Accept(request, 2), 9), proto::ERROR_RAFT_UNEXPECTED_ANSWER);
  EXPECT_TRUE(Step(Accept(request, 2)).ok());
  EXPECT_EQ(Step(Accept(request, 2)), proto::ERROR_RAFT_UNEXPECTED_ANSWER);
  EXPECT_EQ(group_[2].Step(TestPeer(1), Accept(request, 2)), proto::ERROR_RAFT_UNEXPECTED_ANSWER);
  AppendAnswer late = Accept(request, 2);
  late.term = 0;
  EXPECT_TRUE(Step(late).ok()) << "of an earlier term: ignored";
}

// A session that ended takes its answers along.
TEST_F(RaftLeaderTest, AnswersOfAnEarlierSessionAreRefused) {
  const AppendRequest request = ProposeOne();
  r1().PeerConnected(TestPeer(2));
  EXPECT_EQ(Step(Accept(request, 2)), proto::ERROR_RAFT_UNEXPECTED_ANSWER);
  const auto again = Requests();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_TRUE(Step(Accept(again[0], 2)).ok());
}

// "The leader counts it only if the hash equals its own there and otherwise stops for good."
TEST_F(RaftLeaderTest, AnotherHashInAnAcceptedAnswerStops) {
  AppendAnswer answer = Accept(ProposeOne(), 2);
  answer.position.hash[9] ^= 1;
  EXPECT_EQ(Step(answer), proto::ERROR_RAFT_ROLLED_BACK);
  EXPECT_EQ(r1().TakeOutput().stopped, proto::ERROR_RAFT_ROLLED_BACK);
}

// "A leader shown an entry of its own term that it does not hold stops for good", in a refusal,
// too, and asked or not.
TEST_F(RaftLeaderTest, AnUnknownEntryOfItsOwnTermStops) {
  const AppendRequest request = ProposeOne();
  const Raft before = r1();
  AppendAnswer answer = Accept(request, 2);
  answer.accepted = false;
  answer.position = Position{9, 1, Hash{}};
  EXPECT_EQ(Step(answer), proto::ERROR_RAFT_ROLLED_BACK);
  r1() = before;
  answer.round = 0;
  EXPECT_EQ(Step(answer), proto::ERROR_RAFT_ROLLED_BACK);
  r1() = before;
  answer = Accept(request, 2);
  answer.accepted = false;
  answer.position.term = 0;
  EXPECT_TRUE(Step(answer).ok()) << "of an older term: only a conflict";
}

// Likewise a promise that only this leader can have given.
TEST_F(RaftLeaderTest, AnUnknownPromiseOfItsOwnTermStops) {
  const AppendRequest request = ProposeOne();
  EXPECT_EQ(Step(Accept(request, 3)), proto::ERROR_RAFT_ROLLED_BACK);
}

// "A peer that shows less than it acknowledged earlier in the same term, in an answer to a request
// sent after that acknowledgement, was rolled back: it is never counted again."
TEST_F(RaftLeaderTest, APeerThatShowsLessIsNeverCountedAgain) {
  ASSERT_TRUE(Step(Accept(ProposeOne(), 2)).ok());
  const auto promise = Requests();
  ASSERT_EQ(promise.size(), 1u);
  EXPECT_EQ(promise[0].promise_index, 3u);
  AppendAnswer less = Accept(promise[0], 0);
  less.accepted = false;
  less.position = r1().log().PositionAt(2);
  EXPECT_TRUE(Step(less).ok());
  EXPECT_TRUE(Of(2).rolled_back);
  // It may hold everything again: it does not count.
  for (int i = 0; i < 4; ++i) {
    for (const AppendRequest& request : Requests()) {
      EXPECT_TRUE(Step(Accept(request, request.promise_index)).ok());
    }
  }
  EXPECT_EQ(r1().commit_index(), 2u);
  EXPECT_TRUE(r1().promise_index() == 3u) << "promised before";
  for (int tick = 0; tick < 10; ++tick) {
    r1().Tick();
    for (const AppendRequest& request : Requests()) (void)Step(Accept(request, 3));
  }
  EXPECT_FALSE(r1().is_leader()) << "nor does it keep a leader";
  // Nor as a vote, in a later term neither.
  RaftTesting::Campaign(&r1());
  RaftTesting::Vote(&r1(), TestPeer(2));
  EXPECT_EQ(r1().role(), Role::kPreCandidate);
}

// Not even what it acknowledged before counts.
TEST(RaftRolledBackTest, WhatItAcknowledgedBeforeDoesNotCount) {
  TestGroup group(GroupOf(5), 5);
  group.Elect(1);
  group.ConnectOnly({1, 2});
  const Raft before = group[2];
  group.Propose(1, "guess");
  group.Run();
  group.RollBack(2, before);
  group.Connect(1, 2);
  group.Run();
  ASSERT_TRUE(group[1].OtherMembers()[0].rolled_back);
  EXPECT_EQ(group[1].OtherMembers()[0].stored, 3u);
  group.Connect(1, 3);
  group.Run();
  EXPECT_EQ(group[3].last_index(), 3u);
  EXPECT_EQ(group[1].promise_index(), 2u) << "two of five, without r2";
  group.Connect(1, 4);
  group.Run();
  EXPECT_EQ(group[1].commit_index(), 3u);
}

// A promise less than what was acknowledged shows it, too.
TEST_F(RaftLeaderTest, APromiseTakenBackIsSeen) {
  ASSERT_TRUE(Step(Accept(ProposeOne(), 2)).ok());
  ASSERT_TRUE(Step(Accept(Requests().at(0), 3)).ok());
  const AppendRequest request = ProposeOne();
  EXPECT_TRUE(Step(Accept(request, 2)).ok());
  EXPECT_TRUE(Of(2).rolled_back);
}

// "… in an answer to a request sent after that acknowledgement": one sent before proves nothing.
TEST_F(RaftLeaderTest, ALateRefusalProvesNothing) {
  const AppendRequest first = ProposeOne();
  const AppendRequest second = ProposeOne();
  ASSERT_TRUE(Step(Accept(first, 2)).ok());
  AppendAnswer refusal{1, second.round, false, r1().log().PositionAt(2), 0};
  EXPECT_TRUE(Step(refusal).ok());
  EXPECT_FALSE(Of(2).rolled_back);
  EXPECT_EQ(Of(2).stored, 3u);
}

// "The highest acknowledged index per peer and term survives a session reset."
TEST_F(RaftLeaderTest, AcknowledgedSurvivesASessionReset) {
  ASSERT_TRUE(Step(Accept(ProposeOne(), 2)).ok());
  (void)Requests();
  r1().PeerConnected(TestPeer(2));
  EXPECT_EQ(Of(2).stored, 3u);
  const auto requests = Requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].previous.index, 3u) << "nothing below what was acknowledged is asked";
  EXPECT_TRUE(Step(AppendAnswer{1, requests[0].round, false, r1().log().PositionAt(1), 0}).ok());
  EXPECT_TRUE(Of(2).rolled_back);
}

// In another term an acknowledgement is another: it begins anew with each leadership.
TEST_F(RaftLeaderTest, AcknowledgedIsOfOneTerm) {
  ASSERT_TRUE(Step(Accept(ProposeOne(), 2)).ok());
  RaftTesting::StepDown(&r1());
  RaftTesting::Campaign(&r1());
  RaftTesting::Vote(&r1(), TestPeer(2));
  RaftTesting::Vote(&r1(), TestPeer(2));
  ASSERT_TRUE(r1().is_leader());
  EXPECT_EQ(Of(2).stored, 0u);
}

// "Check-quorum by successful answers only": refusals do not keep a leader.
TEST_F(RaftLeaderTest, RefusalsDoNotKeepALeader) {
  for (int tick = 0; tick < 10; ++tick) {
    for (const AppendRequest& request : Requests()) {
      (void)Step(AppendAnswer{1, request.round, false, r1().log().PositionAt(1), 0});
    }
    r1().Tick();
  }
  EXPECT_FALSE(r1().is_leader());
}

// Answers of non-voters bring neither promise nor commit: RaftPromiseTest. Progress is not known of
// what conflicts below our base; a member that needs what was dropped is told so, once an interval.
TEST_F(RaftLeaderTest, AMemberThatNeedsDroppedEntriesIsToldSo) {
  Options options = GroupOf(3);
  options.log.max_age_ticks = 2;
  TestGroup group(options, 3);
  group.Elect(1);
  group.Tick(4);
  ASSERT_EQ(group[1].log().entries(), 0u);
  group[1].PeerConnected(TestPeer(2));
  Output output = group[1].TakeOutput();
  const auto request = std::get<AppendRequest>(output.messages.at(0).message);
  EXPECT_FALSE(request.entries_dropped);
  const AppendAnswer refusal{1, request.round, false, FirstState(group[1].membership()), 0};
  EXPECT_TRUE(group[1].Step(TestPeer(2), refusal).ok());
  EXPECT_TRUE(group[1].OtherMembers()[0].rolled_back) << "it had acknowledged entry 2";
  output = group[1].TakeOutput();
  ASSERT_EQ(output.messages.size(), 1u);
  const auto told = std::get<AppendRequest>(output.messages[0].message);
  EXPECT_TRUE(told.entries_dropped);
  EXPECT_TRUE(told.entries.empty());
  EXPECT_TRUE(group[1].TakeOutput().messages.empty());
}

// ---- How much is on the way ----

// One request carries at most kMaxAppendBytes, and kMaxInflightBytes are on the way.
TEST_F(RaftLeaderTest, WhatIsOnTheWayIsBoundedInBytes) {
  const std::string large(100000, 'x');
  for (int i = 0; i < 60; ++i) group_.Propose(1, large);
  const auto requests = Requests();
  size_t entries = 0;
  for (const AppendRequest& request : requests) {
    EXPECT_LE(request.entries.size(), 2u);
    entries += request.entries.size();
  }
  EXPECT_EQ(entries, 12u) << "the last one passes the bound";
  EXPECT_TRUE(Requests().empty());
  EXPECT_TRUE(Step(Accept(requests[0], 2)).ok());
  EXPECT_EQ(Requests().size(), 1u) << "as much as was answered";
}

// And kMaxInflightMessages. Heartbeats go on: without them a lost answer would stop everything.
TEST_F(RaftLeaderTest, WhatIsOnTheWayIsBoundedInMessages) {
  size_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    group_.Propose(1, "guess");
    sent += Requests().size();
  }
  EXPECT_EQ(sent, kMaxInflightMessages);
  for (int tick = 0; tick < 2; ++tick) r1().Tick();
  const auto heartbeat = Requests();
  ASSERT_EQ(heartbeat.size(), 1u);
  EXPECT_TRUE(heartbeat[0].entries.empty());
  EXPECT_TRUE(Step(Accept(heartbeat[0], 2)).ok());
  const auto rest = Requests();
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].entries.size(), 100 - kMaxInflightMessages);
}

// "Commit news goes out at once, not with the next heartbeat"; entries, promise and commit share a
// request.
TEST_F(RaftLeaderTest, NewsGoesOutAtOnceAndTogether) {
  ASSERT_TRUE(Step(Accept(ProposeOne(), 2)).ok());
  const auto promise = Requests();
  ASSERT_EQ(promise.size(), 1u);
  ASSERT_TRUE(Step(Accept(promise[0], 3)).ok());
  group_.Propose(1, "next");
  const auto commit = Requests();
  ASSERT_EQ(commit.size(), 1u);
  EXPECT_EQ(commit[0].commit_index, 3u);
  EXPECT_EQ(commit[0].entries.size(), 1u);
  EXPECT_TRUE(commit[0].wants_answer);
}

// Promise and commit of a request end where its entries end: what it proves.
TEST_F(RaftLeaderTest, TellsNoPromiseBeyondWhatItSends) {
  const AppendRequest request = ProposeOne();
  ASSERT_TRUE(Step(Accept(request, 2)).ok());
  (void)Requests();
  ASSERT_EQ(r1().promise_index(), 3u);
  // r3 lacks entry 3 and its requests are lost; a new session begins where it was acknowledged.
  r1().PeerConnected(TestPeer(3));
  const auto again = Requests(3);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].promise_index, again[0].previous.index + again[0].entries.size());
}

// Refused again at the same place, a member is asked again only at the next interval.
TEST_F(RaftLeaderTest, ARefusalThatChangesNothingIsNotAnsweredAtOnce) {
  r1().PeerConnected(TestPeer(2));
  const auto requests = Requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_TRUE(Step(AppendAnswer{1, requests[0].round, false, r1().last(), 0}).ok());
  EXPECT_TRUE(Requests().empty());
  r1().Tick();
  r1().Tick();
  EXPECT_EQ(Requests().size(), 1u);
}

}  // namespace
}  // namespace svr2::raft
