// SPDX-License-Identifier: Apache-2.0
//
// A voter's and a candidate's rules, one test a sentence of protocol.md §4 "Votes" and "Election".

#include <gtest/gtest.h>

#include "raft/group_testing.h"

namespace svr2::raft {
namespace {

// r2 is asked. It holds entries 2 (of term 1, promised and committed) and 3 (stored only), and
// hears no leader.
class RaftVoteTest : public ::testing::Test {
 protected:
  explicit RaftVoteTest(uint8_t voters = 3) : group_(GroupOf(voters), voters) {
    group_.Elect(1);
    group_.ConnectOnly({1, 2});
    group_.net().Hold(2, 1);
    group_.Propose(1, "stored");
    group_.Run();
    RaftTesting::ForgetLeader(&r2());
  }
  Raft& r2() { return group_[2]; }
  Position At(uint64_t index) { return r2().log().PositionAt(index); }

  // What an equal replica would ask for.
  VoteRequest Request(bool pre_vote, uint64_t term) {
    VoteRequest request;
    request.term = term;
    request.pre_vote = pre_vote;
    request.nonce.fill(7);
    request.last = r2().last();
    request.promise = r2().promise();
    return request;
  }
  std::optional<VoteAnswer> Ask(const VoteRequest& request, uint8_t from = 3) {
    status_ = r2().Step(TestPeer(from), request);
    const Output output = r2().TakeOutput();
    if (output.messages.empty()) return std::nullopt;
    return std::get<VoteAnswer>(output.messages.back().message);
  }
  bool Granted(const VoteRequest& request, uint8_t from = 3) {
    const auto answer = Ask(request, from);
    return answer.has_value() && answer->granted;
  }

  TestGroup group_;
  Status status_;
};

// Thesis 3.4: one vote a term, and the same one when asked again.
TEST_F(RaftVoteTest, OneVoteATerm) {
  EXPECT_TRUE(Granted(Request(false, 2), 3));
  EXPECT_EQ(r2().voted_for(), TestPeer(3));
  EXPECT_FALSE(Granted(Request(false, 2), 1));
  EXPECT_TRUE(Granted(Request(false, 2), 3));
  EXPECT_TRUE(Granted(Request(false, 3), 1)) << "another term";
}

// A pre-vote is no vote: nothing changes.
TEST_F(RaftVoteTest, APreVoteChangesNothing) {
  const auto before = IntegrityState(r2());
  EXPECT_TRUE(Granted(Request(true, 2), 3));
  EXPECT_TRUE(Granted(Request(true, 2), 1));
  EXPECT_EQ(IntegrityState(r2()), before);
}

// "A vote answer echoes the request's last index, term, hash and a fresh nonce"; "each pre-vote and
// vote answer carries the voter's promise index p".
TEST_F(RaftVoteTest, TheAnswerEchoesAndTellsThePromise) {
  for (const bool pre_vote : {true, false}) {
    const VoteRequest request = Request(pre_vote, 2);
    const auto answer = Ask(request);
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->pre_vote, pre_vote);
    EXPECT_EQ(answer->nonce, request.nonce);
    EXPECT_EQ(answer->last, request.last);
    EXPECT_EQ(answer->promise_index, 2u);
  }
}

// Thesis 3.6.1: the log up-to-date check; "pre-votes are checked the same way".
TEST_F(RaftVoteTest, TheCandidatesLogIsUpToDate) {
  for (const bool pre_vote : {true, false}) {
    VoteRequest request = Request(pre_vote, 5);
    request.last = At(2);
    EXPECT_FALSE(Granted(request)) << "shorter";
    request.last = Position{9, 0, Hash{}};
    EXPECT_FALSE(Granted(request)) << "of an older term, although longer";
    request.last = Position{3, 2, Hash{}};
    EXPECT_TRUE(Granted(request)) << "of a newer term";
    request.last = Position{4, 1, Hash{}};
    EXPECT_TRUE(Granted(request)) << "longer";
  }
}

// "An equal last index and term with another hash is not by itself a reason to refuse."
TEST_F(RaftVoteTest, AnotherHashAtTheEndIsNoReasonToRefuse) {
  VoteRequest request = Request(false, 2);
  request.last.hash[0] ^= 1;
  EXPECT_TRUE(Granted(request));
}

// "A voter refuses a candidate that does not prove it holds the voter's log up to the voter's
// promise."
TEST_F(RaftVoteTest, TheCandidateProvesOurPromise) {
  for (const bool pre_vote : {true, false}) {
    VoteRequest request = Request(pre_vote, 5);
    request.last = Position{9, 4, Hash{}};  // Longer and newer, and unknown here.
    request.promise = Position{};
    EXPECT_FALSE(Granted(request)) << "no proof";
    request.proof = At(2);
    request.proof.hash[31] ^= 1;
    EXPECT_FALSE(Granted(request)) << "another history";
    request.proof = At(1);
    EXPECT_FALSE(Granted(request)) << "before the promise";
    request.proof = At(2);
    EXPECT_TRUE(Granted(request));
  }
}

// "Dead branch": see replay_test.cc for where it matters. Here its conditions.
TEST_F(RaftVoteTest, ADeadBranchDoesNotCount) {
  VoteRequest request = Request(true, 2);
  request.last = Position{3, 1, Hash{}};
  request.last.hash[0] = 1;
  request.promise = request.last;
  request.proof = At(2);
  // r2's log grows by another entry of term 1, so that it is longer than the candidate's.
  AppendRequest more;
  more.term = 1;
  more.previous = r2().last();
  Entry entry{4, 1, EntryKind::kNothing, {}, {}};
  entry.hash = ChainHash(more.previous.hash, entry.kind, 4, 1, {});
  more.entries.push_back(entry);
  ASSERT_TRUE(r2().Step(TestPeer(1), more).ok());
  (void)r2().TakeOutput();
  RaftTesting::ForgetLeader(&r2());
  EXPECT_TRUE(Granted(request));
  request.promise.term = 0;
  EXPECT_FALSE(Granted(request)) << "not of the same term";
  request.promise = At(3);
  EXPECT_FALSE(Granted(request)) << "no conflict";
}

// "Any replica votes, whatever its own log says of its membership."
TEST_F(RaftVoteTest, AReplicaThatIsNoMemberVotes) {
  Raft joiner =
      *Raft::Join(GroupOf(3), TestPeer(9), At(2), r2().membership(), 1, CountingRandom(0));
  VoteRequest request = Request(false, 2);
  ASSERT_TRUE(joiner.Step(TestPeer(3), request).ok());
  const Output output = joiner.TakeOutput();
  ASSERT_EQ(output.messages.size(), 1u);
  EXPECT_TRUE(std::get<VoteAnswer>(output.messages[0].message).granted);
  EXPECT_EQ(joiner.voted_for(), TestPeer(3));
}

// Lease: "voters that hear a leader ignore votes, transfer passes it" (thesis 4.2.3).
TEST_F(RaftVoteTest, WhoHearsALeaderIgnoresVotes) {
  AppendRequest heartbeat;
  heartbeat.term = 1;
  heartbeat.previous = r2().last();
  ASSERT_TRUE(r2().Step(TestPeer(1), heartbeat).ok());
  (void)r2().TakeOutput();
  for (int tick = 0; tick < 9; ++tick) {
    EXPECT_FALSE(Ask(Request(true, 2)).has_value());
    EXPECT_FALSE(Ask(Request(false, 2)).has_value());
    EXPECT_EQ(r2().term(), 1u);
    r2().Tick();
  }
  VoteRequest ordered = Request(false, 2);
  ordered.ordered_by_leader = true;
  Raft copy = r2();
  EXPECT_TRUE(copy.Step(TestPeer(3), ordered).ok());
  EXPECT_EQ(copy.voted_for(), TestPeer(3));
  r2().Tick();
  EXPECT_TRUE(Granted(Request(true, 2))) << "not heard for an election timeout";
  // The leader itself, too.
  EXPECT_TRUE(group_[1].Step(TestPeer(3), Request(false, 2)).ok());
  EXPECT_TRUE(group_[1].is_leader());
}

// "A message of a lower term is answered with our term", leader heard or not.
TEST_F(RaftVoteTest, ALowerTermIsAnsweredWithOurs) {
  ASSERT_TRUE(Granted(Request(false, 5)));
  for (const bool pre_vote : {true, false}) {
    const auto answer = Ask(Request(pre_vote, pre_vote ? 5 : 4), 1);
    ASSERT_TRUE(answer.has_value());
    EXPECT_FALSE(answer->granted);
    EXPECT_EQ(answer->term, 5u);
  }
  (void)Ask(Request(false, 0));
  EXPECT_EQ(status_, proto::ERROR_RAFT_MALFORMED_MESSAGE);
}

// Granting a vote restarts the election timeout (thesis 3.4).
TEST_F(RaftVoteTest, GrantingGivesTheCandidateTime) {
  for (int tick = 0; tick < 9; ++tick) r2().Tick();
  ASSERT_TRUE(Granted(Request(false, 2)));
  for (int tick = 0; tick < 9; ++tick) r2().Tick();
  EXPECT_EQ(r2().role(), Role::kFollower);
}

// ---- The candidate ----

class RaftCandidateTest : public ::testing::Test {
 protected:
  RaftCandidateTest() : group_(GroupOf(5), 5) {
    RaftTesting::Campaign(&r1());
    requests_ = Requests();
  }
  Raft& r1() { return group_[1]; }
  std::map<uint8_t, VoteRequest> Requests() {
    std::map<uint8_t, VoteRequest> out;
    const Output output = r1().TakeOutput();
    for (const Addressed& one : output.messages) {
      if (const auto* request = std::get_if<VoteRequest>(&one.message)) {
        out[NumberOf(one.to)] = *request;
      }
    }
    return out;
  }
  VoteAnswer Grant(uint8_t from) {
    const VoteRequest& request = requests_.at(from);
    return VoteAnswer{request.pre_vote ? request.term - 1 : request.term,
                      request.pre_vote,
                      true,
                      request.nonce,
                      request.last,
                      1};
  }
  Status Step(uint8_t from, const VoteAnswer& answer) { return r1().Step(TestPeer(from), answer); }

  TestGroup group_;
  std::map<uint8_t, VoteRequest> requests_;
};

// Thesis 3.4: a quorum of votes, each voter once.
TEST_F(RaftCandidateTest, EachVoterCountsOnce) {
  EXPECT_EQ(requests_.size(), 4u);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Step(2, Grant(2)).ok());
  EXPECT_EQ(r1().role(), Role::kPreCandidate);
  EXPECT_TRUE(Step(3, Grant(3)).ok());
  EXPECT_EQ(r1().role(), Role::kCandidate);
}

// "Others are ignored": another nonce, another last position, another kind, somebody else.
TEST_F(RaftCandidateTest, OnlyEchoesCount) {
  ASSERT_TRUE(Step(2, Grant(2)).ok());
  VoteAnswer answer = Grant(3);
  answer.nonce[3] ^= 1;
  EXPECT_EQ(Step(3, answer), proto::ERROR_RAFT_UNEXPECTED_ANSWER);
  answer = Grant(3);
  answer.last.hash[3] ^= 1;
  EXPECT_EQ(Step(3, answer), proto::ERROR_RAFT_UNEXPECTED_ANSWER);
  answer = Grant(3);
  answer.last.index += 1;
  EXPECT_EQ(Step(3, answer), proto::ERROR_RAFT_UNEXPECTED_ANSWER);
  answer = Grant(3);
  answer.pre_vote = false;
  EXPECT_TRUE(Step(3, answer).ok());
  EXPECT_EQ(Step(9, Grant(3)), proto::ERROR_RAFT_UNEXPECTED_ANSWER);
  EXPECT_EQ(r1().role(), Role::kPreCandidate);
}

// A fresh nonce for each election.
TEST_F(RaftCandidateTest, NoncesAreFresh) {
  std::set<Nonce> nonces = {requests_.at(2).nonce};
  ASSERT_TRUE(Step(2, Grant(2)).ok());
  ASSERT_TRUE(Step(3, Grant(3)).ok());
  requests_ = Requests();
  EXPECT_FALSE(requests_.at(2).pre_vote);
  EXPECT_TRUE(nonces.insert(requests_.at(2).nonce).second);
  for (int i = 0; i < 30; ++i) r1().Tick();
  requests_ = Requests();
  EXPECT_TRUE(nonces.insert(requests_.at(2).nonce).second);
}

// "A refused pre-candidate asks again each heartbeat interval and keeps its term."
TEST_F(RaftCandidateTest, ARefusedPreCandidateAsksAgain) {
  for (uint8_t from = 2; from <= 5; ++from) {
    VoteAnswer answer = Grant(from);
    answer.granted = false;
    answer.promise_index = 0;
    EXPECT_TRUE(Step(from, answer).ok());
  }
  EXPECT_TRUE(Requests().empty());
  r1().Tick();
  EXPECT_TRUE(Requests().empty());
  r1().Tick();
  EXPECT_EQ(Requests().size(), 4u);
  EXPECT_EQ(r1().term(), 0u);
}

// "The next request to that voter carries the candidate's chain value at p", at once and only once.
TEST_F(RaftCandidateTest, ProvesWhatItIsTold) {
  EXPECT_EQ(requests_.at(2).proof.index, 0u);
  VoteAnswer refusal = Grant(2);
  refusal.granted = false;
  refusal.promise_index = 1;
  EXPECT_TRUE(Step(2, refusal).ok());
  const auto again = Requests();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again.at(2).proof, r1().log().PositionAt(1));
  EXPECT_EQ(again.at(2).nonce, requests_.at(2).nonce);
  EXPECT_TRUE(Step(2, refusal).ok());
  EXPECT_TRUE(Requests().empty()) << "refused although proved: the next interval";
  refusal.promise_index = 77;
  EXPECT_TRUE(Step(2, refusal).ok());
  EXPECT_TRUE(Requests().empty()) << "cannot be proved";
}

// A new session lost what was asked: the voter is asked again.
TEST_F(RaftCandidateTest, ANewSessionAsksAgain) {
  r1().PeerConnected(TestPeer(4));
  const auto again = Requests();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again.count(4), 1u);
}

// "Non-voters never campaign", ordered or not; an order counts only from the leader of the term.
TEST(RaftOrderTest, CountsOnlyFromTheLeaderAndForVoters) {
  TestGroup group(GroupOf(3), 4, 3);
  group.Elect(1);
  Raft r4 = group[4];
  EXPECT_EQ(r4.Step(TestPeer(1), TimeoutNow{1}), proto::ERROR_RAFT_NO_TRANSFER_TARGET);
  Raft r2 = group[2];
  EXPECT_EQ(r2.Step(TestPeer(3), TimeoutNow{1}), proto::ERROR_RAFT_NOT_LEADER);
  EXPECT_EQ(r2.role(), Role::kFollower);
  EXPECT_TRUE(r2.Step(TestPeer(1), TimeoutNow{0}).ok());
  EXPECT_EQ(r2.role(), Role::kFollower);
  const Output output = r2.TakeOutput();
  EXPECT_EQ(std::get<AppendAnswer>(output.messages[0].message).term, 1u);
  EXPECT_TRUE(r2.Step(TestPeer(1), TimeoutNow{1}).ok());
  EXPECT_EQ(r2.role(), Role::kCandidate);
  EXPECT_EQ(r2.term(), 2u);
  Raft r3 = group[3];
  EXPECT_EQ(r3.Step(TestPeer(1), TimeoutNow{5}), proto::ERROR_RAFT_NOT_LEADER);
  EXPECT_EQ(r3.term(), 5u) << "a higher term is never refused";
  EXPECT_EQ(group[1].Step(TestPeer(1), TimeoutNow{1}), proto::ERROR_RAFT_UNKNOWN_PEER);
}

}  // namespace
}  // namespace svr2::raft
