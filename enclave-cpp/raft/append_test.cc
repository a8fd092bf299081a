// SPDX-License-Identifier: Apache-2.0
//
// A follower's rules for appends, one test a sentence of protocol.md §4: what it takes, what it
// refuses and with which error, and what makes it stop.

#include <gtest/gtest.h>

#include "raft/group_testing.h"

namespace svr2::raft {
namespace {

// r2 follows r1, leader of term 1, and holds entries 2 (nothing, committed) and 3 (data, stored
// only). Requests come from r1 in term 1, or from r3 in a higher one.
class RaftAppendTest : public ::testing::Test {
 protected:
  RaftAppendTest() : group_(GroupOf(3), 3) {
    group_.Elect(1);
    group_.ConnectOnly({1, 2});
    group_.net().Hold(2, 1);
    group_.Propose(1, "stored");
    group_.Run();
    EXPECT_EQ(r2().last_index(), 3u);
    EXPECT_EQ(r2().promise_index(), 2u);
  }
  Raft& r2() { return group_[2]; }

  // A request that continues `previous`.
  static AppendRequest After(const Position& previous, uint64_t term) {
    AppendRequest request;
    request.term = term;
    request.round = 100;
    request.previous = previous;
    return request;
  }
  static void Add(AppendRequest* request, const std::string& text, uint64_t term) {
    const Entry* const last = request->entries.empty() ? nullptr : &request->entries.back();
    Entry entry;
    entry.index = (last == nullptr ? request->previous.index : last->index) + 1;
    entry.term = term;
    entry.kind = text.empty() ? EntryKind::kNothing : EntryKind::kData;
    entry.payload.assign(text.begin(), text.end());
    entry.hash = ChainHash(last == nullptr ? request->previous.hash : last->hash, entry.kind,
                           entry.index, term, Text(text));
    request->entries.push_back(entry);
  }
  Status Step(uint8_t from, const AppendRequest& request) {
    return r2().Step(TestPeer(from), request);
  }
  std::optional<AppendAnswer> Answer() {
    const Output output = r2().TakeOutput();
    stopped_ = output.stopped;
    if (output.first_committed <= output.last_committed) r2().AppliedTo(output.last_committed);
    if (output.messages.empty()) return std::nullopt;
    return std::get<AppendAnswer>(output.messages.back().message);
  }
  Position At(uint64_t index) { return r2().log().PositionAt(index); }

  TestGroup group_;
  std::optional<Error> stopped_;
};

// "An append past our end (negative answer with our last index)".
TEST_F(RaftAppendTest, PastTheEndIsAnsweredWithOurLastIndex) {
  EXPECT_TRUE(Step(1, After(Position{9, 1, Hash{}}, 1)).ok());
  const auto answer = Answer();
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->accepted);
  EXPECT_EQ(answer->position, r2().last());
  EXPECT_EQ(answer->round, 100u);
}

// "Entries we already hold" are never refused.
TEST_F(RaftAppendTest, EntriesThatAreHeldAreAccepted) {
  AppendRequest request = After(At(1), 1);
  Add(&request, "", 1);
  Add(&request, "stored", 1);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(Step(1, request).ok());
    const auto answer = Answer();
    ASSERT_TRUE(answer.has_value());
    EXPECT_TRUE(answer->accepted);
    EXPECT_EQ(answer->position, At(3));
  }
}

// "Its answer carries the verified index, the hash there, and min(own promise, verified)."
TEST_F(RaftAppendTest, AnswersWithWhatWasVerified) {
  EXPECT_TRUE(Step(1, After(At(1), 1)).ok());
  auto answer = Answer();
  EXPECT_TRUE(answer->accepted);
  EXPECT_EQ(answer->position, At(1));
  EXPECT_EQ(answer->promise_index, 1u) << "its own is 2";
  EXPECT_TRUE(Step(1, After(At(3), 1)).ok());
  answer = Answer();
  EXPECT_EQ(answer->position, At(3));
  EXPECT_EQ(answer->promise_index, 2u) << "not what was verified but not promised";
}

// "Promise := max(own, min(leader's promise, verified)) and commit := max(own, min(…))."
TEST_F(RaftAppendTest, PromiseAndCommitOnlyRise) {
  AppendRequest request = After(At(3), 1);
  request.promise_index = 3;
  request.commit_index = 2;
  EXPECT_TRUE(Step(1, request).ok());
  EXPECT_EQ(r2().promise_index(), 3u);
  EXPECT_EQ(r2().commit_index(), 2u);
  request.promise_index = request.commit_index = 1;
  EXPECT_TRUE(Step(1, request).ok());
  EXPECT_EQ(r2().promise_index(), 3u);
  EXPECT_EQ(r2().commit_index(), 2u);
}

// "Refused, each with its own error: … commit > promise".
TEST_F(RaftAppendTest, CommitAbovePromiseIsRefused) {
  AppendRequest request = After(At(3), 1);
  request.promise_index = 2;
  request.commit_index = 3;
  EXPECT_EQ(Step(1, request), proto::ERROR_RAFT_COMMIT_ABOVE_PROMISE);
  EXPECT_FALSE(Answer().has_value());
  EXPECT_EQ(r2().commit_index(), 2u);
}

// "… promise beyond the entries sent".
TEST_F(RaftAppendTest, PromiseBeyondTheEntriesIsRefused) {
  AppendRequest request = After(At(2), 1);
  request.promise_index = 3;
  EXPECT_EQ(Step(1, request), proto::ERROR_RAFT_PROMISE_BEYOND_ENTRIES);
  Add(&request, "stored", 1);
  EXPECT_TRUE(Step(1, request).ok());
  EXPECT_EQ(r2().promise_index(), 3u);
}

// "… an append that conflicts at or below our promise". Nobody truncates at or below its promise.
TEST_F(RaftAppendTest, ConflictBelowThePromiseIsRefused) {
  AppendRequest request = After(At(1), 2);
  Add(&request, "other", 2);
  EXPECT_EQ(Step(3, request), proto::ERROR_RAFT_CONFLICT_BELOW_PROMISE);
  EXPECT_EQ(r2().last_index(), 3u);
  const auto answer = Answer();
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->accepted);
  EXPECT_EQ(answer->position, At(2)) << "what it holds there";
  Position other = At(2);
  other.hash[5] ^= 1;
  EXPECT_EQ(Step(3, After(other, 2)), proto::ERROR_RAFT_CONFLICT_BELOW_PROMISE);
}

// "A follower whose promise conflicts with an entry that a leader of a higher term reports
// committed stops for good."
TEST_F(RaftAppendTest, ConflictOfThePromiseWithACommittedEntryStops) {
  AppendRequest request = After(At(1), 2);
  Add(&request, "other", 2);
  request.promise_index = request.commit_index = 2;
  EXPECT_EQ(Step(3, request), proto::ERROR_RAFT_PROMISE_CONFLICT);
  EXPECT_FALSE(Answer().has_value());
  EXPECT_EQ(stopped_, proto::ERROR_RAFT_PROMISE_CONFLICT);
  EXPECT_EQ(Step(3, request), proto::ERROR_CORE_STOPPED);
  EXPECT_EQ(r2().log().bytes(), 0u) << "wiped";
}

// An entry above the promise is replaced by a leader of a higher term (thesis 3.5), and its bytes
// are given back.
TEST_F(RaftAppendTest, ConflictAboveThePromiseIsReplaced) {
  const uint64_t bytes = r2().log().bytes();
  AppendRequest request = After(At(2), 2);
  Add(&request, "", 2);
  EXPECT_TRUE(Step(3, request).ok());
  EXPECT_EQ(r2().last(), (Position{3, 2, request.entries[0].hash}));
  EXPECT_EQ(r2().log().bytes(), bytes - 6);
  EXPECT_TRUE(Answer()->accepted);
}

// Same term: "a follower never replaces an entry by another of the same index and term as the
// append; it refuses and shows its term and hash there."
TEST_F(RaftAppendTest, AnotherEntryOfTheSameTermIsRefused) {
  const Position held = At(3);
  AppendRequest request = After(At(2), 1);
  Add(&request, "other", 1);
  EXPECT_EQ(Step(1, request), proto::ERROR_RAFT_SAME_TERM_CONFLICT);
  EXPECT_EQ(r2().last(), held);
  const auto answer = Answer();
  EXPECT_FALSE(answer->accepted);
  EXPECT_EQ(answer->position, held);
  // Nor by one that would cut it off: shown is the entry of that term.
  Position other = held;
  other.hash[0] ^= 1;
  EXPECT_EQ(Step(1, After(other, 1)), proto::ERROR_RAFT_SAME_TERM_CONFLICT);
  EXPECT_EQ(Answer()->position, held);
}

// A leader of a higher term may replace it by another of the same index and term.
TEST_F(RaftAppendTest, AnotherBranchOfAnOlderTermIsTaken) {
  AppendRequest request = After(At(2), 2);
  Add(&request, "other", 1);
  Add(&request, "", 2);
  EXPECT_TRUE(Step(3, request).ok());
  EXPECT_EQ(r2().last_index(), 4u);
  EXPECT_EQ(At(3).hash, request.entries[0].hash);
}

// Hash chain: entries that do not continue it are refused and nothing is truncated for them.
TEST_F(RaftAppendTest, EntriesThatDoNotContinueTheChainAreRefused) {
  AppendRequest request = After(At(2), 2);
  Add(&request, "other", 2);
  request.entries[0].payload[0] ^= 1;
  EXPECT_EQ(Step(3, request), proto::ERROR_RAFT_MALFORMED_MESSAGE);
  EXPECT_EQ(r2().last_index(), 3u);
  EXPECT_EQ(r2().log().TermAt(3), 1u);
  AppendRequest further = After(At(3), 2);
  Add(&further, "next", 2);
  further.entries[0].hash[31] ^= 1;
  EXPECT_EQ(Step(3, further), proto::ERROR_RAFT_MALFORMED_MESSAGE);
  EXPECT_EQ(r2().last_index(), 3u);
}

TEST_F(RaftAppendTest, EntriesOutOfOrderAreMalformed) {
  AppendRequest request = After(At(3), 2);
  Add(&request, "a", 2);
  Add(&request, "b", 2);
  AppendRequest bad = request;
  bad.entries[1].index = 9;
  EXPECT_EQ(Step(3, bad), proto::ERROR_RAFT_MALFORMED_MESSAGE);
  bad = request;
  bad.entries[1].term = 1;
  EXPECT_EQ(Step(3, bad), proto::ERROR_RAFT_MALFORMED_MESSAGE);
  bad = request;
  bad.entries[1].term = 3;
  EXPECT_EQ(Step(3, bad), proto::ERROR_RAFT_MALFORMED_MESSAGE);
  bad = request;
  bad.previous.index = UINT64_MAX;
  EXPECT_EQ(Step(3, bad), proto::ERROR_RAFT_MALFORMED_MESSAGE);
  EXPECT_EQ(r2().last_index(), 3u);
}

TEST_F(RaftAppendTest, AMembershipThatIsNoneIsMalformed) {
  AppendRequest request = After(At(3), 2);
  Add(&request, "members", 2);
  request.entries[0].kind = EntryKind::kMembership;
  request.entries[0].hash = ChainHash(At(3).hash, EntryKind::kMembership, 4, 2, Text("members"));
  EXPECT_EQ(Step(3, request), proto::ERROR_RAFT_MALFORMED_MESSAGE);
  EXPECT_EQ(r2().last_index(), 3u);
}

// "A message of a lower term is answered with our term."
TEST_F(RaftAppendTest, ALowerTermIsAnsweredWithOurs) {
  EXPECT_TRUE(Step(3, After(At(3), 5)).ok());
  Answer();
  EXPECT_TRUE(Step(1, After(At(3), 1)).ok());
  const auto answer = Answer();
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->accepted);
  EXPECT_EQ(answer->term, 5u);
  EXPECT_EQ(r2().leader(), TestPeer(3));
}

// "Never refused: a higher term": it is taken even where the message is refused.
TEST_F(RaftAppendTest, AHigherTermIsTakenFromARefusedMessage) {
  AppendRequest request = After(At(3), 7);
  request.commit_index = 3;
  EXPECT_EQ(Step(3, request), proto::ERROR_RAFT_COMMIT_ABOVE_PROMISE);
  EXPECT_EQ(r2().term(), 7u);
  EXPECT_FALSE(r2().leader().has_value());
}

// One leader a term: a second one is refused.
TEST_F(RaftAppendTest, ASecondLeaderOfATermIsRefused) {
  EXPECT_EQ(Step(3, After(At(3), 1)), proto::ERROR_RAFT_SAME_TERM_CONFLICT);
  EXPECT_EQ(r2().leader(), TestPeer(1));
  EXPECT_EQ(group_[1].Step(TestPeer(3), After(group_[1].last(), 1)),
            proto::ERROR_RAFT_SAME_TERM_CONFLICT);
}

// "Raft messages from any attested peer": also from one that the own log does not know.
TEST_F(RaftAppendTest, AnUnknownMemberMayLead) {
  AppendRequest request = After(At(3), 2);
  Add(&request, "next", 2);
  EXPECT_TRUE(Step(9, request).ok());
  EXPECT_EQ(r2().leader(), TestPeer(9));
  EXPECT_EQ(r2().last_index(), 4u);
}

// Commit news alone is not answered, unless it is refused.
TEST_F(RaftAppendTest, NewsIsAnsweredOnlyWhenRefused) {
  AppendRequest request = After(At(3), 1);
  request.wants_answer = false;
  EXPECT_TRUE(Step(1, request).ok());
  EXPECT_FALSE(Answer().has_value());
  request.previous.index = 8;
  EXPECT_TRUE(Step(1, request).ok());
  EXPECT_TRUE(Answer().has_value());
}

// What lies before the first retained entry cannot be compared, but what was applied there is
// committed: the answer says where to go on. An append that reaches the base is compared there.
TEST_F(RaftAppendTest, AppendsFromBeforeTheBase) {
  TestGroup group(GroupOf(3), 3);
  group.Elect(1);
  for (int i = 0; i < 5; ++i) {
    group.Propose(1, "entry");
    group.Run();
  }
  AppendRequest early = After(group[2].log().PositionAt(2), 1);
  for (uint64_t i = 3; i <= 7; ++i) Add(&early, "entry", 1);
  const Result<Raft> joiner = Raft::Join(GroupOf(3), TestPeer(2), group[2].log().PositionAt(5),
                                         group[2].membership(), 1, CountingRandom(0));
  r2() = *joiner;
  EXPECT_TRUE(Step(1, early).ok());
  auto answer = Answer();
  EXPECT_TRUE(answer->accepted);
  EXPECT_EQ(answer->position, group[2].log().PositionAt(7));
  early.entries.resize(2);
  EXPECT_TRUE(Step(1, early).ok());
  answer = Answer();
  EXPECT_FALSE(answer->accepted);
  EXPECT_EQ(answer->position, group[2].log().PositionAt(5));
}

// "A follower that needs dropped entries stops for good"; not one that holds them after all, nor a
// joiner that its source still feeds.
TEST_F(RaftAppendTest, DroppedEntries) {
  AppendRequest request = After(At(3), 1);
  request.entries_dropped = true;
  EXPECT_TRUE(Step(1, request).ok());
  EXPECT_TRUE(Answer()->accepted);
  Raft joiner =
      *Raft::Join(GroupOf(3), TestPeer(9), At(2), r2().membership(), 1, CountingRandom(0));
  EXPECT_EQ(joiner.Step(TestPeer(1), request), proto::ERROR_RAFT_ENTRIES_DROPPED);
  EXPECT_FALSE(joiner.stopped().has_value());
  request.previous.index = 50;
  EXPECT_EQ(Step(1, request), proto::ERROR_RAFT_ENTRIES_DROPPED);
  EXPECT_EQ(r2().stopped(), proto::ERROR_RAFT_ENTRIES_DROPPED);
}

// ---- A joiner's stream ----

class RaftJoinTest : public ::testing::Test {
 protected:
  RaftJoinTest() : group_(GroupOf(1), 1) {
    group_.Elect(1);
    group_.AddJoinerFrom(2, 1);
    for (int i = 0; i < 4; ++i) group_.Propose(1, "entry " + std::to_string(i));
    group_.Run();
  }
  Entry EntryAt(uint64_t index) {
    const EntryView view = group_[1].log().At(index);
    Entry entry{view.index, view.term, view.kind, view.hash, {}};
    entry.payload.assign(view.payload.begin(), view.payload.end());
    return entry;
  }
  TestGroup group_;
};

TEST_F(RaftJoinTest, ContinuesWhatWasLoaded) {
  Raft& joiner = group_[2];
  EXPECT_EQ(joiner.applied_index(), 2u);
  EXPECT_FALSE(joiner.is_voter());
  EXPECT_FALSE(joiner.membership_committed());
  for (uint64_t i = 3; i <= 6; ++i) EXPECT_TRUE(joiner.AppendCommitted(EntryAt(i)).ok());
  EXPECT_TRUE(joiner.AppendCommitted(EntryAt(4)).ok()) << "held already";
  const Output output = joiner.TakeOutput();
  EXPECT_EQ(output.first_committed, 3u);
  EXPECT_EQ(output.last_committed, 6u);
  EXPECT_EQ(joiner.commit(), group_[1].commit());
  EXPECT_EQ(joiner.promise_index(), 6u);
  joiner.AppliedTo(6);
}

TEST_F(RaftJoinTest, RefusesWhatDoesNotContinue) {
  Raft& joiner = group_[2];
  EXPECT_EQ(joiner.AppendCommitted(EntryAt(4)), proto::ERROR_RAFT_MALFORMED_MESSAGE);
  Entry entry = EntryAt(3);
  entry.payload[0] ^= 1;
  EXPECT_EQ(joiner.AppendCommitted(entry), proto::ERROR_RAFT_MALFORMED_MESSAGE);
  entry = EntryAt(3);
  entry.term = 0;
  EXPECT_EQ(joiner.AppendCommitted(entry), proto::ERROR_RAFT_MALFORMED_MESSAGE);
  EXPECT_EQ(joiner.last_index(), 2u);
  EXPECT_TRUE(joiner.AppendCommitted(EntryAt(3)).ok());
  entry = EntryAt(3);
  entry.hash[0] ^= 1;
  EXPECT_EQ(joiner.AppendCommitted(entry), proto::ERROR_RAFT_CONFLICT_BELOW_PROMISE);
}

TEST_F(RaftJoinTest, IsValidated) {
  const Raft& source = group_[1];
  const auto join = [&source](const Options& options, const Membership& membership,
                              uint64_t membership_index, const PeerId& self) {
    return Raft::Join(options, self, source.applied(), membership, membership_index,
                      CountingRandom(0))
        .status();
  };
  EXPECT_EQ(join(GroupOf(1), source.membership(), 7, TestPeer(3)), proto::ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(join(GroupOf(1), Membership(), 1, TestPeer(3)), proto::ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(join(GroupOf(0), source.membership(), 1, TestPeer(3)),
            proto::ERROR_RAFT_BAD_GROUP_CONFIG);
  const Membership after = *source.membership()
                                .After(ChangeKind::kAdd, TestPeer(3))
                                ->After(ChangeKind::kRemove, TestPeer(3));
  EXPECT_EQ(join(GroupOf(1), after, 1, TestPeer(3)), proto::ERROR_RAFT_REMOVED);
  EXPECT_TRUE(join(GroupOf(1), after, 1, TestPeer(4)).ok());
}

}  // namespace
}  // namespace svr2::raft
