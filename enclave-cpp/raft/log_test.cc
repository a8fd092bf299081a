// SPDX-License-Identifier: Apache-2.0
//
// The log's hash chain, its entries and its bounds: protocol.md §4 "Hash chain" and "Log".

#include "raft/log.h"

#include <gtest/gtest.h>

#include <string>

#include "raft/raft_testing.h"
#include "util/hex_testing.h"

namespace svr2::raft {
namespace {

constexpr size_t kOverhead = Log::kEntryOverheadBytes;

Log NewLog(uint64_t max_bytes = 1 << 20, uint64_t min_entries = 1, uint32_t max_age_ticks = 100) {
  return Log(LogLimits{max_bytes, min_entries, max_age_ticks}, Position{0, 0, TestGroupKey()});
}

Position AppendText(Log* log, const std::string& text, uint64_t term = 1, uint64_t now_ticks = 0) {
  return log->Append(EntryKind::kData, term, Text(text), now_ticks);
}

std::string PayloadAt(const Log& log, uint64_t index) { return log.At(index).payload.ToString(); }

// §4 Hash chain. Made with Python's hashlib: blake2b(kind ‖ index ‖ term ‖ payload, key=previous).
TEST(LogChainTest, IsKeyedBlake2bOverKindIndexTermAndPayload) {
  const Hash h1 = ChainHash(TestGroupKey(), EntryKind::kMembership, 1, 0, util::ByteView());
  EXPECT_EQ(util::ToHex(h1), "ee39ca0f5456924198627b63fc2a563d742c55be72f3f004864f252203675a8f");
  const Hash h2 = ChainHash(h1, EntryKind::kNothing, 2, 1, util::ByteView());
  EXPECT_EQ(util::ToHex(h2), "1de3643e05474d3fcecdeb387f913bbcbc95bbbe44ef110def1f2fd6f34d67cf");
  const Hash h3 = ChainHash(h2, EntryKind::kData, 3, 1, Text("the first guess"));
  EXPECT_EQ(util::ToHex(h3), "af134d0f03b3ef2a5c6b79e5a8fa0eb92b71a52e33cb5af1050be22ca1376ae5");
  util::Bytes all(256);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint8_t>(i);
  const Hash h4 = ChainHash(h3, EntryKind::kMinimums, 0x0102030405060708, 0xfffefdfcfbfaf9f8, all);
  EXPECT_EQ(util::ToHex(h4), "33405a6b66347e547c15e4c9b6d508cab4fdc15f6b33b8864cafc0faaf2bf55d");
}

// §4 Hash chain: "chain(0) is a 32-byte group key".
TEST(LogChainTest, BeginsWithTheGroupKey) {
  Log log = NewLog();
  EXPECT_EQ(log.last_index(), 0u);
  EXPECT_EQ(log.PositionAt(0).hash, TestGroupKey());
  const Position first = log.Append(EntryKind::kMembership, 0, util::ByteView(), 0);
  EXPECT_EQ(util::ToHex(first.hash),
            "ee39ca0f5456924198627b63fc2a563d742c55be72f3f004864f252203675a8f");
  log.Append(EntryKind::kNothing, 1, util::ByteView(), 0);
  const Position third = AppendText(&log, "the first guess");
  EXPECT_EQ(util::ToHex(third.hash),
            "af134d0f03b3ef2a5c6b79e5a8fa0eb92b71a52e33cb5af1050be22ca1376ae5");
  EXPECT_EQ(third, log.last());
  EXPECT_EQ(third, log.PositionAt(3));
  EXPECT_EQ(third, log.At(3).position());
}

TEST(LogChainTest, EachPartOfAnEntryChangesTheHash) {
  const Hash key = TestGroupKey();
  const Hash hash = ChainHash(key, EntryKind::kData, 5, 7, Text("payload"));
  Hash other_key = key;
  other_key[31] ^= 1;
  EXPECT_NE(hash, ChainHash(other_key, EntryKind::kData, 5, 7, Text("payload")));
  EXPECT_NE(hash, ChainHash(key, EntryKind::kMinimums, 5, 7, Text("payload")));
  EXPECT_NE(hash, ChainHash(key, EntryKind::kData, 6, 7, Text("payload")));
  EXPECT_NE(hash, ChainHash(key, EntryKind::kData, 5, 8, Text("payload")));
  EXPECT_NE(hash, ChainHash(key, EntryKind::kData, 5, 7, Text("paylode")));
  EXPECT_NE(hash, ChainHash(key, EntryKind::kData, 5, 7, Text("payloa")));
}

// The operator puts an older memory page back: the entry that it held is not applied.
TEST(LogChainTest, AnEntryChangedInMemoryIsFound) {
  Log log = NewLog();
  for (int i = 0; i < 5; ++i) AppendText(&log, "guess " + std::to_string(i));
  EXPECT_TRUE(log.ChainHolds(1, 5));
  EXPECT_TRUE(log.ChainHolds(3, 2)) << "empty range";
  auto* byte = const_cast<uint8_t*>(log.At(3).payload.data());
  *byte ^= 1;
  EXPECT_FALSE(log.ChainHolds(1, 5));
  EXPECT_FALSE(log.ChainHolds(3, 3));
  EXPECT_TRUE(log.ChainHolds(1, 2));
  EXPECT_TRUE(log.ChainHolds(4, 5)) << "begins at the position that the tree covers";
  *byte ^= 1;
  EXPECT_TRUE(log.ChainHolds(1, 5));
}

TEST(LogTest, HoldsEntriesOfAllSizes) {
  Log log = NewLog(uint64_t{64} << 20);
  const size_t sizes[] = {0, 1, 100, 1000, 70000, 3, 65536, 65488, 65489, Log::kMaxPayloadBytes, 5};
  uint64_t bytes = 0;
  uint64_t index = 0;
  for (const size_t size : sizes) {
    AppendText(&log, std::string(size, static_cast<char>('a' + index)));
    ++index;
    bytes += size + kOverhead;
  }
  EXPECT_EQ(log.bytes(), bytes);
  EXPECT_EQ(log.entries(), index);
  for (uint64_t i = 1; i <= index; ++i) {
    EXPECT_EQ(PayloadAt(log, i), std::string(sizes[i - 1], static_cast<char>('a' + i - 1)));
  }
  EXPECT_TRUE(log.ChainHolds(1, index));
}

TEST(LogTest, KeepsKindAndTerm) {
  Log log = NewLog();
  log.Append(EntryKind::kMembership, 0, Text("m"), 0);
  log.Append(EntryKind::kNothing, 1, util::ByteView(), 0);
  log.Append(EntryKind::kMinimums, 1, Text("n"), 0);
  log.Append(EntryKind::kData, UINT64_MAX, Text("d"), 0);
  EXPECT_EQ(log.At(1).kind, EntryKind::kMembership);
  EXPECT_EQ(log.At(2).kind, EntryKind::kNothing);
  EXPECT_EQ(log.At(3).kind, EntryKind::kMinimums);
  EXPECT_EQ(log.At(4).kind, EntryKind::kData);
  EXPECT_EQ(log.TermAt(1), 0u);
  EXPECT_EQ(log.TermAt(3), 1u);
  EXPECT_EQ(log.TermAt(4), UINT64_MAX);
  EXPECT_EQ(log.last_term(), UINT64_MAX);
}

// §4 Log: "Bytes of truncated entries are given back." (peer-figures.md, failure 4)
TEST(LogTest, TruncationGivesBytesBack) {
  Log log = NewLog(4096);
  AppendText(&log, "kept");
  const Position kept = log.last();
  const uint64_t bytes = log.bytes();
  for (int round = 0; round < 100; ++round) {
    uint64_t appended = 0;
    while (log.HasRoomFor(300)) {
      AppendText(&log, std::string(300, 'x'));
      ++appended;
    }
    EXPECT_EQ(appended, (4096 - bytes) / (300 + kOverhead)) << "round " << round;
    log.TruncateFrom(2);
    EXPECT_EQ(log.bytes(), bytes);
    EXPECT_EQ(log.last(), kept);
  }
  log.TruncateFrom(1);
  EXPECT_EQ(log.bytes(), 0u);
  EXPECT_EQ(log.last(), (Position{0, 0, TestGroupKey()}));
  EXPECT_EQ(AppendText(&log, "kept"), kept) << "the chain goes on where it was cut";
}

TEST(LogTest, TruncationPastTheEndChangesNothing) {
  Log log = NewLog();
  AppendText(&log, "a");
  log.TruncateFrom(2);
  EXPECT_EQ(log.last_index(), 1u);
}

TEST(LogTest, TruncationEndsAfterDroppedEntries) {
  Log log = NewLog();
  for (int i = 0; i < 10; ++i) AppendText(&log, "entry");
  log.AppliedTo(5);
  log.AcknowledgedTo(10);
  EXPECT_EQ(log.DropAcknowledged(), 5u);
  log.TruncateFrom(6);
  EXPECT_EQ(log.entries(), 0u);
  EXPECT_EQ(log.bytes(), 0u);
  EXPECT_EQ(log.acknowledged_index(), 5u);
  AppendText(&log, "new", 2);
  EXPECT_EQ(PayloadAt(log, 6), "new");
  EXPECT_TRUE(log.ChainHolds(6, 6));
}

// §4 Log: "those that all members acknowledged, down to log_min_entries".
TEST(LogDropTest, AcknowledgedByAllGoDownToMinEntries) {
  Log log = NewLog(1 << 20, 4);
  for (int i = 0; i < 10; ++i) AppendText(&log, std::to_string(i));
  log.AppliedTo(9);
  EXPECT_EQ(log.DropAcknowledged(), 0u) << "nobody acknowledged anything";
  log.AcknowledgedTo(3);
  EXPECT_EQ(log.DropAcknowledged(), 3u) << "a member lacks the fourth";
  log.AcknowledgedTo(10);
  EXPECT_EQ(log.DropAcknowledged(), 3u) << "then four are left";
  EXPECT_EQ(log.first_index(), 7u);
  EXPECT_EQ(log.entries(), 4u);
  EXPECT_EQ(PayloadAt(log, 7), "6");
}

// §4 Log: "those that some member lacks, only when log_max_bytes needs the room".
TEST(LogDropTest, UnacknowledgedGoOnlyForRoom) {
  Log log = NewLog(1024, 1);
  const std::string payload(100 - kOverhead, 'p');  // 100 bytes an entry: ten fit.
  for (int i = 0; i < 10; ++i) AppendText(&log, payload);
  log.AppliedTo(5);
  EXPECT_EQ(log.DropAcknowledged(), 0u);
  EXPECT_EQ(log.entries(), 10u);
  EXPECT_TRUE(log.HasRoomFor(payload.size()));
  AppendText(&log, payload);
  EXPECT_EQ(log.first_index(), 2u) << "one had to go, no more";
  EXPECT_EQ(log.bytes(), 1000u);
}

// §4 Log: "any of them after log_max_age_ticks, so that an idle group does not keep an erased
// secret".
TEST(LogDropTest, AgedGoWhateverIsAcknowledged) {
  Log log = NewLog(1 << 20, 1000, 100);
  AppendText(&log, "old", 1, 10);
  AppendText(&log, "newer", 1, 11);
  log.AppliedTo(2);
  EXPECT_EQ(log.DropAged(109), 0u);
  EXPECT_EQ(log.DropAged(110), 1u);
  EXPECT_EQ(log.first_index(), 2u);
  EXPECT_EQ(log.DropAged(111), 1u);
  EXPECT_EQ(log.entries(), 0u);
  EXPECT_EQ(log.bytes(), 0u);
  EXPECT_EQ(AppendText(&log, "next", 1, 112).index, 3u);
}

TEST(LogDropTest, AgeIsRightWhereTheTickCounterWraps) {
  Log log = NewLog(1 << 20, 1000, 100);
  const uint64_t near_wrap = (uint64_t{1} << 32) - 50;
  AppendText(&log, "old", 1, near_wrap);
  log.AppliedTo(1);
  EXPECT_EQ(log.DropAged(near_wrap + 99), 0u);
  EXPECT_EQ(log.DropAged(near_wrap + 100), 1u);
}

// §4 Log: "Entries not yet committed and applied are never dropped".
TEST(LogDropTest, UnappliedStayForeverAndRefuseRoom) {
  Log log = NewLog(1024, 1, 100);
  const std::string payload(100 - kOverhead, 'p');
  for (int i = 0; i < 10; ++i) AppendText(&log, payload);
  log.AcknowledgedTo(10);
  EXPECT_EQ(log.DropAcknowledged(), 0u);
  EXPECT_EQ(log.DropAged(1000), 0u);
  EXPECT_FALSE(log.HasRoomFor(payload.size()));
  log.AppliedTo(1);
  EXPECT_TRUE(log.HasRoomFor(payload.size()));
  EXPECT_FALSE(log.HasRoomFor(payload.size() + 100)) << "two would have to go";
  EXPECT_EQ(log.entries(), 10u) << "asking drops nothing";
}

TEST(LogDropTest, BytesComeBackExactly) {
  Log log = NewLog(1024, 1);
  log.AcknowledgedTo(0);
  for (uint64_t i = 1; i <= 1000; ++i) {
    const size_t size = i * 7 % 128;
    ASSERT_TRUE(log.HasRoomFor(size));
    AppendText(&log, std::string(size, 'x'));
    log.AppliedTo(i);
    ASSERT_LE(log.bytes(), 1024u);
    uint64_t bytes = 0;
    for (uint64_t j = log.first_index(); j <= i; ++j) bytes += log.At(j).payload.size() + kOverhead;
    ASSERT_EQ(log.bytes(), bytes);
  }
}

TEST(LogDropTest, PayloadLimitFollowsTheBound) {
  EXPECT_EQ(NewLog(65536).max_payload_bytes(), 8192u);
  EXPECT_EQ(NewLog(uint64_t{64} << 30).max_payload_bytes(), Log::kMaxPayloadBytes);
}

TEST(LogTest, CopiesAreIndependent) {
  Log log = NewLog();
  for (int i = 0; i < 10; ++i) AppendText(&log, "entry " + std::to_string(i));
  Log copy = log;
  copy.AppliedTo(3);
  copy.AcknowledgedTo(3);
  copy.DropAcknowledged();
  copy.TruncateFrom(8);
  AppendText(&copy, "other", 2);
  EXPECT_EQ(log.entries(), 10u);
  EXPECT_TRUE(log.ChainHolds(1, 10));
  EXPECT_EQ(PayloadAt(log, 1), "entry 0");
  EXPECT_EQ(PayloadAt(log, 8), "entry 7");
  EXPECT_EQ(PayloadAt(copy, 8), "other");
  EXPECT_TRUE(copy.ChainHolds(4, 8));
}

TEST(LogTest, JoinerContinuesAtItsBase) {
  const Position base{41, 6, ChainHash(TestGroupKey(), EntryKind::kData, 41, 6, Text("x"))};
  Log log(LogLimits{}, base);
  EXPECT_EQ(log.applied_index(), 41u);
  EXPECT_EQ(log.last(), base);
  const Position next = AppendText(&log, "y", 7);
  EXPECT_EQ(next.index, 42u);
  EXPECT_EQ(next.hash, ChainHash(base.hash, EntryKind::kData, 42, 7, Text("y")));
  EXPECT_FALSE(log.HasPosition(40));
  EXPECT_TRUE(log.HasPosition(41));
  EXPECT_FALSE(log.HasEntry(41));
}

TEST(LogDeathTest, WhatMustHoldIsAsserted) {
  Log log = NewLog();
  AppendText(&log, "a", 2);
  log.AppliedTo(1);
  EXPECT_DEATH(log.TruncateFrom(1), "") << "applied";
  EXPECT_DEATH(log.AppliedTo(0), "") << "backwards";
  EXPECT_DEATH(log.AppliedTo(2), "") << "past the end";
  EXPECT_DEATH(log.At(0), "");
  EXPECT_DEATH(log.At(2), "");
  EXPECT_DEATH(AppendText(&log, "b", 1), "") << "a term that falls";
  EXPECT_DEATH(AppendText(&log, std::string(Log::kMaxPayloadBytes + 1, 'x')), "");
}

}  // namespace
}  // namespace svr2::raft
