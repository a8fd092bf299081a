// SPDX-License-Identifier: Apache-2.0
//
// The operator against a stream: "Integrity failure at any access (…, streaming to a joiner)"
// (protocol.md §2). He puts old memory of the source back while it streams, so that the joiner
// would get rows as they were before guesses were counted, or would not get some at all. Random
// combinations are in join_test.cc.

#include <gtest/gtest.h>

#include <functional>

#include "db/database_testing.h"

namespace svr2::db {
namespace {

const Status kMismatch = proto::ERROR_INTEGRITY_MISMATCH;

class RowStreamAttackTest : public testing::Test {
 protected:
  static constexpr uint64_t kRows = 120;
  // Half of the rows are read before the attack.
  static constexpr size_t kHalfBytes = 32 + kRows / 2 * 66;

  void SetUp() override { Build(); }

  // Even ids, exposed, 5 tries each, in small blocks; streamed up to about half.
  void Build() {
    DatabaseOptions options;
    options.leaf_rows = 4;
    options.node_children = 4;
    options.chunk_bytes = 4096;
    env::FakeEnv env(1);  // The same keys and layout each time.
    database_ = std::move(Database::Create(&env, options)).value();
    Client client(database_.get());
    for (uint64_t i = 0; i < kRows; ++i) {
      const Id id = MakeId(2 * (i * 37 % kRows));
      client.Backup(id, MakeVerifier(1), MakeData(1), 5);
      client.Expose(id, MakeData(1));
    }
    ASSERT_GE(DatabasePeer::Height(database_.get()), 2u);
    cursor_ = RowCursor();
    util::SecretBytes chunk;
    ASSERT_TRUE(database_->ReadRows(&cursor_, kHalfBytes, &chunk).ok());
  }
  void Guess(const Id& id) {
    ASSERT_EQ(Client(database_.get()).Restore(id, MakeVerifier(2)).status,
              EffectStatus::kPinMismatch);
  }
  Status ReadOn() {
    util::SecretBytes chunk;
    const Status status = database_->ReadRows(&cursor_, 100000, &chunk);
    EXPECT_EQ(chunk.empty(), !status.ok());
    return status;
  }
  void ExpectStopped() {
    EXPECT_EQ(ReadOn(), kMismatch);
    EXPECT_TRUE(database_->stopped());
    EXPECT_EQ(database_->heap_bytes(), 0u) << "wiped and given back";
    EXPECT_EQ(ReadOn(), kMismatch) << "for good";
    Client client(database_.get());
    client.Tries(MakeId(2));
    EXPECT_EQ(client.status(), kMismatch);
  }

  // Lets `happen` happen and puts back each changed region whose name has `wanted` in it, one at a
  // time. Returns how many.
  int ExpectEachFound(const std::function<void()>& happen, const std::string& wanted,
                      bool whole_blocks = false) {
    Build();
    int found = 0;
    const size_t regions = DatabasePeer::Regions(database_.get(), whole_blocks).size();
    for (size_t i = 0; i < regions; ++i) {
      Build();
      const OldRegion old = DatabasePeer::Snapshot(database_.get(), whole_blocks)[i];
      happen();
      if (!old.Changed() || old.name().find(wanted) == std::string::npos) continue;
      old.Restore();
      SCOPED_TRACE(old.name());
      ExpectStopped();
      ++found;
    }
    return found;
  }

  std::unique_ptr<Database> database_;
  RowCursor cursor_;
  const Id victim_ = MakeId(180);  // Not yet read.
};

TEST_F(RowStreamAttackTest, AnOldRow) {
  const auto guess = [this] { Guess(victim_); };
  EXPECT_EQ(ExpectEachFound(guess, "body"), 1);
  EXPECT_EQ(ExpectEachFound(guess, " tag"), 3) << "the row's, a node of the tree, its top";
}

// The row with its tag: the leaf's tag finds it.
TEST_F(RowStreamAttackTest, AnOldRowWithItsTag) {
  const std::vector<Region> regions = DatabasePeer::RowRegions(database_.get(), victim_);
  const std::vector<OldRegion> old(regions.begin(), regions.end());
  Guess(victim_);
  for (const OldRegion& region : old) region.Restore();
  ExpectStopped();
}

// The whole leaf: the tree finds it.
TEST_F(RowStreamAttackTest, AnOldLeaf) {
  EXPECT_EQ(ExpectEachFound([this] { Guess(victim_); }, "leaf ", true), 3)
      << "with both nodes of the tree";
}

// A row that was there and would not be any more, or the other way around.
TEST_F(RowStreamAttackTest, AnOldLeafHead) {
  const auto erase = [this] { Client(database_.get()).Delete(victim_); };
  const auto insert = [this] {
    Client(database_.get()).Backup(MakeId(181), MakeVerifier(1), MakeData(1), 5);
  };
  EXPECT_GE(ExpectEachFound(erase, "head"), 1);
  EXPECT_GE(ExpectEachFound(insert, "head"), 1);
}

// Leaves from before a split covered more: no stream skips the difference.
TEST_F(RowStreamAttackTest, OldLeavesFromBeforeASplit) {
  const auto split = [this] {
    for (uint64_t i = 175; i < 185; i += 2) {
      Client(database_.get()).Backup(MakeId(i), MakeVerifier(1), MakeData(1), 5);
    }
  };
  EXPECT_GE(ExpectEachFound(split, "head"), 2);
}

// From before merges: leaves that covered less, leaves that are free now, nodes that lead to those.
// A node is only a hint, and a free leaf is not read; where the stream goes on, its rows are right.
TEST_F(RowStreamAttackTest, OldBlocksFromBeforeAMerge) {
  const auto merge = [this] {
    for (uint64_t i = 160; i < 200; i += 2) Client(database_.get()).Delete(MakeId(i));
  };
  int found = 0;
  int harmless = 0;
  const size_t regions = DatabasePeer::Regions(database_.get(), true).size();
  for (size_t i = 0; i < regions; ++i) {
    Build();
    const OldRegion old = DatabasePeer::Snapshot(database_.get(), true)[i];
    merge();
    if (!old.Changed()) continue;
    old.Restore();
    Status status;
    const std::vector<StreamedRow> rows = ReadAll(database_.get(), 1000, &status);
    ++(status.ok() ? harmless : found);
    if (status.ok()) {
      EXPECT_EQ(rows.size(), kRows - 20) << old.name();
    } else {
      EXPECT_EQ(status, kMismatch) << old.name();
    }
  }
  EXPECT_GE(found, 5);
  EXPECT_GE(harmless, 1);
}

// Two leaves change places: one comes twice, or one never.
TEST_F(RowStreamAttackTest, ExchangedLeaves) {
  const Region a = DatabasePeer::LeafRegion(database_.get(), victim_);
  const Region b = DatabasePeer::LeafRegion(database_.get(), MakeId(20));
  std::swap_ranges(a.data, a.data + a.bytes, b.data);
  ExpectStopped();
}

// Behind the cursor nothing matters to the stream any more; the next access finds it.
TEST_F(RowStreamAttackTest, OldMemoryBehindTheCursor) {
  const Id read_already = MakeId(2);
  const OldRegion old(DatabasePeer::RowRegions(database_.get(), read_already)[1]);
  Guess(read_already);
  old.Restore();
  EXPECT_TRUE(ReadOn().ok());
  Client client(database_.get());
  client.Tries(read_already);
  EXPECT_EQ(client.status(), kMismatch);
}

// The joiner's last leaf is verified before it is built upon, and so is the node above.
TEST_F(RowStreamAttackTest, OldMemoryOfTheJoiner) {
  for (const std::string wanted : {"head", " tag", "body"}) {
    int found = 0;
    for (size_t i = 0;; ++i) {
      DatabaseOptions options;
      options.leaf_rows = 4;
      options.node_children = 4;
      options.chunk_bytes = 4096;
      options.loading = true;
      env::FakeEnv env(1);
      const auto joiner = std::move(Database::Create(&env, options)).value();
      const auto load = [&joiner](uint64_t from, uint64_t to) {
        std::vector<StreamedRow> rows;
        for (uint64_t id = from; id < to; ++id) {
          rows.push_back({MakeId(id), MakeVerifier(1), MakeData(1), 5, true});
        }
        uint64_t loaded = 0;
        return joiner->LoadRows(MakeChunk(MakeId(from), MakeId(to - 1), rows), &loaded);
      };
      ASSERT_TRUE(load(0, 42).ok());
      const std::vector<OldRegion> old = DatabasePeer::Snapshot(joiner.get(), false);
      if (i == old.size()) break;
      Client(joiner.get()).Restore(MakeId(41), MakeVerifier(2));  // In the last leaf, last row.
      if (!old[i].Changed() || old[i].name().find(wanted) == std::string::npos) continue;
      old[i].Restore();
      EXPECT_EQ(load(42, 60), kMismatch) << old[i].name();
      EXPECT_TRUE(joiner->stopped());
      ++found;
    }
    EXPECT_EQ(found, wanted == " tag" ? 3 : wanted == "body" ? 1 : 0) << wanted;
  }
}

// How far loading has come is under the owner's tree: with an older border, commands on rows that
// are there already would be ignored.
TEST_F(RowStreamAttackTest, TheCoveredRangeIsUnderTheReplicasTree) {
  DatabaseOptions options;
  options.loading = true;
  env::FakeEnv env(1);
  const auto joiner = std::move(Database::Create(&env, options)).value();
  const util::Bytes at_first = DatabasePeer::Root(*joiner);
  uint64_t loaded = 0;
  ASSERT_TRUE(joiner->LoadRows(MakeChunk(Id{}, MakeId(5), {}), &loaded).ok());
  const util::Bytes later = DatabasePeer::Root(*joiner);
  ASSERT_TRUE(
      joiner->LoadRows(MakeChunk(MakeId(6), MakeId(UINT64_MAX, UINT64_MAX), {}), &loaded).ok());
  const util::Bytes at_last = DatabasePeer::Root(*joiner);
  EXPECT_NE(later, at_first);
  EXPECT_NE(at_last, later);
  EXPECT_NE(at_last, at_first);
}

}  // namespace
}  // namespace svr2::db
