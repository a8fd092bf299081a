// SPDX-License-Identifier: Apache-2.0
//
// The log against a simple model: a map of entries and the rules of protocol.md §4 "Log" in their
// plainest form, under random operations.

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "raft/raft_testing.h"

namespace svr2::raft {
namespace {

struct ModelEntry {
  uint64_t term;
  EntryKind kind;
  std::string payload;
  uint64_t tick;
  Hash hash;
};

class Model {
 public:
  explicit Model(const LogLimits& limits) : limits_(limits) { hashes_[0] = TestGroupKey(); }

  uint64_t Bytes() const {
    uint64_t bytes = 0;
    for (const auto& [index, entry] : entries_) bytes += Charge(entry.payload.size());
    return bytes;
  }
  bool HasRoomFor(size_t size) const {
    uint64_t unapplied = 0;
    for (const auto& [index, entry] : entries_) {
      if (index > applied_) unapplied += Charge(entry.payload.size());
    }
    return unapplied + Charge(size) <= limits_.max_bytes;
  }
  void Append(EntryKind kind, uint64_t term, const std::string& payload, uint64_t tick) {
    while (Bytes() + Charge(payload.size()) > limits_.max_bytes && FrontApplied()) DropFront();
    const Hash hash = ChainHash(hashes_[last_], kind, last_ + 1, term, Text(payload));
    entries_[++last_] = ModelEntry{term, kind, payload, tick, hash};
    hashes_[last_] = hash;
  }
  void TruncateFrom(uint64_t index) {
    for (; last_ >= index; --last_) entries_.erase(last_);
    acknowledged_ = std::min(acknowledged_, last_);
  }
  void DropAcknowledged() {
    while (entries_.size() > limits_.min_entries && FrontApplied() &&
           entries_.begin()->first <= acknowledged_) {
      DropFront();
    }
  }
  void DropAged(uint64_t tick) {
    while (FrontApplied() && tick - entries_.begin()->second.tick >= limits_.max_age_ticks) {
      DropFront();
    }
  }

  LogLimits limits_;
  std::map<uint64_t, ModelEntry> entries_;
  std::map<uint64_t, Hash> hashes_;
  uint64_t last_ = 0;
  uint64_t applied_ = 0;
  uint64_t acknowledged_ = 0;

 private:
  static uint64_t Charge(size_t size) { return size + Log::kEntryOverheadBytes; }
  bool FrontApplied() const { return !entries_.empty() && entries_.begin()->first <= applied_; }
  void DropFront() { entries_.erase(entries_.begin()); }
};

void ExpectEqual(const Log& log, const Model& model) {
  ASSERT_EQ(log.last_index(), model.last_);
  ASSERT_EQ(log.entries(), model.entries_.size());
  ASSERT_EQ(log.bytes(), model.Bytes());
  ASSERT_EQ(log.base().hash, model.hashes_.at(log.base().index));
  for (const auto& [index, expected] : model.entries_) {
    const EntryView entry = log.At(index);
    ASSERT_EQ(entry.term, expected.term);
    ASSERT_EQ(entry.kind, expected.kind);
    ASSERT_EQ(entry.payload.ToString(), expected.payload);
    ASSERT_EQ(entry.hash, expected.hash);
  }
  ASSERT_TRUE(log.ChainHolds(log.first_index(), log.last_index()));
}

class Comparison {
 public:
  explicit Comparison(uint64_t seed)
      : random_(seed),
        limits_{1024 + Below(8192), 1 + Below(20), static_cast<uint32_t>(1 + Below(50))},
        model_(limits_),
        log_(limits_, Position{0, 0, TestGroupKey()}) {}

  void Step() {
    switch (Below(10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return Append();
      case 4:
      case 5:
        model_.applied_ += Below(model_.last_ - model_.applied_ + 1);
        return log_.AppliedTo(model_.applied_);
      case 6:
        model_.acknowledged_ += Below(model_.last_ - model_.acknowledged_ + 1);
        log_.AcknowledgedTo(model_.acknowledged_);
        model_.DropAcknowledged();
        log_.DropAcknowledged();
        return;
      case 7:
        tick_ += Below(10);
        model_.DropAged(tick_);
        log_.DropAged(tick_);
        return;
      case 8: {
        const uint64_t from = model_.applied_ + 1 + Below(model_.last_ - model_.applied_ + 2);
        model_.TruncateFrom(from);
        return log_.TruncateFrom(from);
      }
      default: {
        Log copy = log_;
        log_ = Below(2) == 0 ? std::move(copy) : log_;
        return;
      }
    }
  }
  void Check() const { ExpectEqual(log_, model_); }

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }

  void Append() {
    const size_t size = static_cast<size_t>(Below(3) == 0 ? Below(1500) : Below(120));
    ASSERT_EQ(log_.HasRoomFor(size), model_.HasRoomFor(size));
    if (!model_.HasRoomFor(size)) return;
    term_ = std::max(term_, log_.last_term()) + (Below(20) == 0 ? 1 : 0);
    const std::string payload(size, static_cast<char>(Below(256)));
    const auto kind = static_cast<EntryKind>(Below(4));
    model_.Append(kind, term_, payload, tick_);
    log_.Append(kind, term_, Text(payload), tick_);
    ASSERT_LE(log_.bytes(), limits_.max_bytes);
  }

  std::mt19937_64 random_;
  LogLimits limits_;
  uint64_t tick_ = 0;
  uint64_t term_ = 1;
  Model model_;
  Log log_;
};

TEST(LogPropertyTest, BehavesAsTheModel) {
  const uint64_t seed = TestSeed();
  for (uint64_t i = 0; i < 60; ++i) {
    SCOPED_TRACE("run " + std::to_string(i) + " of seed " + std::to_string(seed));
    Comparison run(seed + i);
    for (int step = 0; step < 400; ++step) {
      run.Step();
      run.Check();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace svr2::raft
