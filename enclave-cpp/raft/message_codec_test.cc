// SPDX-License-Identifier: Apache-2.0
//
// The byte form of messages and entries: what is written is read again, and nothing else is.

#include "raft/message_codec.h"

#include <gtest/gtest.h>

#include <random>

#include "raft/group_testing.h"

namespace svr2::raft {
namespace {

class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}

  uint64_t Number() { return random_() >> (random_() % 64); }
  bool Flag() { return random_() % 2 == 0; }
  template <size_t N>
  std::array<uint8_t, N> Array() {
    std::array<uint8_t, N> out;
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(random_());
    return out;
  }
  Position At() { return Position{Number(), Number(), Array<32>()}; }
  Entry OneEntry() {
    Entry entry;
    entry.index = Number();
    entry.term = Number();
    entry.kind = static_cast<EntryKind>(random_() % 4);
    entry.hash = Array<32>();
    entry.payload.assign(random_() % 200, static_cast<uint8_t>(random_()));
    return entry;
  }
  Message OneMessage() {
    switch (random_() % 6) {
      case 0: {
        AppendRequest message{Number(), Number(), At(),   Number(), Number(),
                              Number(), Flag(),   Flag(), {}};
        for (uint64_t n = random_() % 4; n > 0; --n) message.entries.push_back(OneEntry());
        return message;
      }
      case 1:
        return AppendAnswer{Number(), Number(), Flag(), At(), Number()};
      case 2:
        return VoteRequest{Number(), Flag(), Flag(), Array<16>(), At(), At(), At()};
      case 3:
        return VoteAnswer{Number(), Flag(), Flag(), Array<16>(), At(), Number()};
      case 4:
        return TimeoutNow{Number()};
      default:
        return Removed{Number()};
    }
  }
  std::mt19937_64& random() { return random_; }

 private:
  std::mt19937_64 random_;
};

util::SecretBytes Bytes(const Message& message) {
  util::SecretBytes out;
  EncodeMessage(message, &out);
  return out;
}

EntryView ViewOf(const Entry& entry) {
  return EntryView{entry.index, entry.term, entry.kind, entry.hash, util::View(entry.payload)};
}

TEST(MessageCodecTest, ReadsWhatItWrites) {
  Maker maker(TestSeed());
  for (int i = 0; i < 5000; ++i) {
    const Message message = maker.OneMessage();
    const util::SecretBytes bytes = Bytes(message);
    ASSERT_EQ(bytes.size(), EncodedMessageBytes(message));
    const Result<Message> again = DecodeMessage(util::View(bytes));
    ASSERT_TRUE(again.ok());
    ASSERT_EQ(again->index(), message.index());
    ASSERT_EQ(Bytes(*again), bytes);
  }
}

// Field by field, since the test above would not see one that is never written.
TEST(MessageCodecTest, EveryFieldTravels) {
  Maker maker(TestSeed());
  AppendRequest append{1, 2, maker.At(), 3, 4, 5, false, true, {}};
  append.entries.push_back(maker.OneEntry());
  const Result<Message> decoded = DecodeMessage(util::View(Bytes(append)));
  ASSERT_TRUE(decoded.ok());
  const auto& request = std::get<AppendRequest>(*decoded);
  EXPECT_EQ(request.term, 1u);
  EXPECT_EQ(request.round, 2u);
  EXPECT_EQ(request.previous, append.previous);
  EXPECT_EQ(request.promise_index, 3u);
  EXPECT_EQ(request.commit_index, 4u);
  EXPECT_EQ(request.acknowledged_by_all, 5u);
  EXPECT_FALSE(request.wants_answer);
  EXPECT_TRUE(request.entries_dropped);
  ASSERT_EQ(request.entries.size(), 1u);
  EXPECT_EQ(request.entries[0].hash, append.entries[0].hash);
  EXPECT_EQ(request.entries[0].kind, append.entries[0].kind);
  EXPECT_EQ(request.entries[0].payload, append.entries[0].payload);

  const AppendAnswer answer{6, 7, true, maker.At(), 8};
  const auto again = std::get<AppendAnswer>(*DecodeMessage(util::View(Bytes(answer))));
  EXPECT_EQ(again.term, 6u);
  EXPECT_EQ(again.round, 7u);
  EXPECT_TRUE(again.accepted);
  EXPECT_EQ(again.position, answer.position);
  EXPECT_EQ(again.promise_index, 8u);

  const VoteRequest vote{9, true, false, maker.Array<16>(), maker.At(), maker.At(), maker.At()};
  const auto asked = std::get<VoteRequest>(*DecodeMessage(util::View(Bytes(vote))));
  EXPECT_EQ(asked.term, 9u);
  EXPECT_TRUE(asked.pre_vote);
  EXPECT_FALSE(asked.ordered_by_leader);
  EXPECT_EQ(asked.nonce, vote.nonce);
  EXPECT_EQ(asked.last, vote.last);
  EXPECT_EQ(asked.proof, vote.proof);
  EXPECT_EQ(asked.promise, vote.promise);

  const VoteAnswer voted{10, false, true, maker.Array<16>(), maker.At(), 11};
  const auto told = std::get<VoteAnswer>(*DecodeMessage(util::View(Bytes(voted))));
  EXPECT_EQ(told.term, 10u);
  EXPECT_FALSE(told.pre_vote);
  EXPECT_TRUE(told.granted);
  EXPECT_EQ(told.nonce, voted.nonce);
  EXPECT_EQ(told.last, voted.last);
  EXPECT_EQ(told.promise_index, 11u);

  EXPECT_EQ(std::get<TimeoutNow>(*DecodeMessage(util::View(Bytes(TimeoutNow{12})))).term, 12u);
}

TEST(MessageCodecTest, RefusesWhatIsCutOrTooLong) {
  Maker maker(TestSeed());
  for (int i = 0; i < 300; ++i) {
    util::SecretBytes bytes = Bytes(maker.OneMessage());
    const size_t cut = maker.random()() % bytes.size();
    const Result<Message> shorter = DecodeMessage(util::ByteView(bytes.data(), cut));
    // Whole entries may be missing: that is a message, too.
    if (shorter.ok()) {
      EXPECT_EQ(EncodedMessageBytes(*shorter), cut);
      EXPECT_TRUE(std::holds_alternative<AppendRequest>(*shorter));
    }
    bytes.push_back(0);
    EXPECT_EQ(DecodeMessage(util::View(bytes)).status(), proto::ERROR_RAFT_MALFORMED_MESSAGE);
  }
  EXPECT_EQ(DecodeMessage(util::ByteView()).status(), proto::ERROR_RAFT_MALFORMED_MESSAGE);
}

TEST(MessageCodecTest, RefusesUnknownKindsAndFlags) {
  util::SecretBytes bytes = Bytes(AppendAnswer{});
  for (int kind = 0; kind < 256; ++kind) {
    bytes[0] = static_cast<uint8_t>(kind);
    EXPECT_EQ(DecodeMessage(util::View(bytes)).ok(), kind == 2) << kind;
  }
  bytes = Bytes(AppendAnswer{});
  bytes[1 + 16] = 2;
  EXPECT_FALSE(DecodeMessage(util::View(bytes)).ok());
  bytes = Bytes(VoteRequest{});
  bytes[1 + 8] = 4;
  EXPECT_FALSE(DecodeMessage(util::View(bytes)).ok());
}

TEST(MessageCodecTest, RefusesEntriesThatNoLogTakes) {
  AppendRequest request;
  request.entries.resize(1);
  request.entries[0].payload.resize(Log::kMaxPayloadBytes);
  EXPECT_TRUE(DecodeMessage(util::View(Bytes(request))).ok());
  request.entries[0].payload.resize(Log::kMaxPayloadBytes + 1);
  EXPECT_FALSE(DecodeMessage(util::View(Bytes(request))).ok());
  request.entries[0].payload.clear();
  request.entries[0].kind = static_cast<EntryKind>(4);
  EXPECT_FALSE(DecodeMessage(util::View(Bytes(request))).ok());
}

TEST(MessageCodecTest, EntriesOfAStream) {
  Maker maker(TestSeed());
  std::vector<Entry> entries;
  util::SecretBytes bytes;
  size_t size = 0;
  for (int i = 0; i < 20; ++i) {
    entries.push_back(maker.OneEntry());
    EncodeEntry(ViewOf(entries.back()), &bytes);
    size += EncodedEntryBytes(entries.back().payload.size());
    ASSERT_EQ(bytes.size(), size);
  }
  const Result<std::vector<Entry>> again = DecodeEntries(util::View(bytes));
  ASSERT_TRUE(again.ok());
  ASSERT_EQ(again->size(), entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ((*again)[i].index, entries[i].index);
    EXPECT_EQ((*again)[i].payload, entries[i].payload);
  }
  bytes.pop_back();
  EXPECT_EQ(DecodeEntries(util::View(bytes)).status(), proto::ERROR_RAFT_MALFORMED_MESSAGE);
  EXPECT_TRUE(DecodeEntries(util::ByteView())->empty());
}

// Mutated bytes are refused, or are the one byte form of another message; a replica that is given
// it answers with an error or takes it, and goes on.
TEST(MessageCodecTest, MutatedBytesAreRefusedOrCanonical) {
  Maker maker(TestSeed());
  std::mt19937_64& random = maker.random();
  TestGroup group(GroupOf(3), 3);
  group.Elect(1);
  for (int i = 0; i < 20; ++i) group.Propose(1, "entry " + std::to_string(i));
  group.Run();
  std::vector<util::SecretBytes> seeds;
  for (const auto& one : group.delivered) seeds.push_back(Bytes(one.sent.message));
  const uint64_t inputs = util::FuzzInputs(100000);
  uint64_t accepted = 0;
  std::vector<Raft> victims = {group[1], group[2], group[3]};
  for (uint64_t i = 0; i < inputs; ++i) {
    util::SecretBytes bytes =
        random() % 4 == 0 ? Bytes(maker.OneMessage()) : seeds[random() % seeds.size()];
    for (uint64_t n = random() % 4; n > 0; --n) {
      bytes[random() % bytes.size()] ^= static_cast<uint8_t>(1 << random() % 8);
    }
    if (random() % 8 == 0) bytes.resize(random() % (bytes.size() + 60));
    const Result<Message> message = DecodeMessage(util::View(bytes));
    if (!message.ok()) continue;
    ASSERT_EQ(Bytes(*message), bytes);
    ++accepted;
    const size_t place = random() % victims.size();
    Raft& victim = victims[place];
    (void)victim.Step(TestPeer(static_cast<uint8_t>(1 + random() % 5)), *message);
    if (random() % 4 == 0) victim.Tick();
    TakeAndApply(&victim);
    // One that stopped is replaced; and none may get too far away from the others.
    if (victim.stopped().has_value() || random() % 50 == 0) {
      victim = group[static_cast<uint8_t>(place + 1)];
    }
  }
  EXPECT_GT(accepted, inputs / 10);
}

}  // namespace
}  // namespace svr2::raft
