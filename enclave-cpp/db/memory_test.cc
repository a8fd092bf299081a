// SPDX-License-Identifier: Apache-2.0
//
// Memory: secrets are wiped wherever a row leaves a place; what was reserved can be applied
// whatever happens; limits refuse before anything is applied; a million rows fit where they should.

#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "db/database_testing.h"
#include "util/seed_testing.h"

namespace svr2::db {
namespace {

// Refuses on demand, and looks for secrets in what is given back.
class TestMemory final : public integrity::Memory {
 public:
  ~TestMemory() override { EXPECT_EQ(live_bytes, 0u) << "leaked"; }
  void* Allocate(size_t bytes) override {
    if (refuse || allocations_left == 0) return nullptr;
    --allocations_left;
    live_bytes += bytes;
    return heap_.Allocate(bytes);
  }
  void Free(void* block, size_t bytes) override {
    const util::ByteView freed(static_cast<uint8_t*>(block), bytes);
    for (const util::Bytes& secret : secrets) {
      EXPECT_EQ(std::search(freed.begin(), freed.end(), secret.begin(), secret.end()), freed.end())
          << "a secret goes back to the heap";
    }
    live_bytes -= bytes;
    heap_.Free(block, bytes);
  }
  bool refuse = false;
  int allocations_left = 1 << 30;
  size_t live_bytes = 0;
  std::vector<util::Bytes> secrets;

 private:
  integrity::HeapMemory heap_;
};

class MemoryTest : public testing::Test {
 protected:
  void Make(uint32_t leaf_rows, uint32_t node_children, uint64_t max_rows = 1u << 30,
            size_t max_heap_bytes = SIZE_MAX, bool loading = false) {
    client_.reset();
    database_.reset();
    DatabaseOptions options;
    options.leaf_rows = leaf_rows;
    options.node_children = node_children;
    options.max_rows = max_rows;
    options.max_heap_bytes = max_heap_bytes;
    options.chunk_bytes = 4096;
    options.memory = &memory_;
    options.loading = loading;
    env::FakeEnv env(1);
    database_ = std::move(Database::Create(&env, options)).value();
    client_ = std::make_unique<Client>(database_.get());
  }
  void Add(uint64_t low, uint64_t high = 0) {
    client_->Backup(MakeId(low, high), MakeVerifier(low), MakeData(low), 1);
    ASSERT_TRUE(client_->status().ok());
  }
  // How often the data of Add(low) stands in block memory.
  int Copies(uint64_t low) {
    const util::Bytes data = MakeData(low);
    int copies = 0;
    for (const Region& chunk : DatabasePeer::Chunks(database_.get())) {
      const uint8_t* p = chunk.data;
      const uint8_t* end = chunk.data + chunk.bytes;
      while ((p = std::search(p, end, data.begin(), data.end())) != end) ++copies, ++p;
    }
    return copies;
  }

  TestMemory memory_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Client> client_;
};

// Splits, moves and merges leave one copy of each row and none of an erased one.
TEST_F(MemoryTest, EveryRowStandsInMemoryOnceOrNever) {
  Make(4, 4);
  for (uint64_t i = 0; i < 300; ++i) {
    Add(i * 77 % 300);
    if (i % 10 == 0) {
      for (uint64_t j = 0; j <= i; ++j) ASSERT_EQ(Copies(j * 77 % 300), 1) << i;
    }
  }
  for (uint64_t i = 0; i < 300; ++i) {
    const uint64_t erased = i * 91 % 300;
    const Id id = MakeId(erased);
    if (i % 2 == 0) {
      client_->Delete(id);
    } else {  // The last wrong guess.
      client_->Expose(id, MakeData(erased));
      EXPECT_EQ(client_->Restore(id, MakeVerifier(1000)).status, EffectStatus::kMissing);
    }
    ASSERT_EQ(Copies(erased), 0) << i;
    ASSERT_FALSE(DatabasePeer::Contains(database_.get(), MakeVerifier(erased)));
    if (i % 10 == 0) {
      ASSERT_EQ(DatabasePeer::Check(database_.get()), "");
    }
  }
}

TEST_F(MemoryTest, AReplacedSecretIsGone) {
  Make(4, 4);
  Add(1);
  client_->Backup(MakeId(1), MakeVerifier(2), MakeData(2), 1);
  EXPECT_EQ(Copies(1), 0);
  EXPECT_EQ(Copies(2), 1);
  EXPECT_FALSE(DatabasePeer::Contains(database_.get(), MakeVerifier(1)));
}

// After a mismatch, after Wipe and with the database's end no secret goes back to the heap (checked
// by TestMemory), and all memory does.
TEST_F(MemoryTest, NothingGoesBackToTheHeapUnwiped) {
  for (const int how : {0, 1, 2}) {
    Make(4, 4);
    memory_.secrets.clear();
    for (uint64_t i = 0; i < 50; ++i) {
      Add(i);
      memory_.secrets.push_back(MakeData(i));
      const Verifier verifier = MakeVerifier(i);
      memory_.secrets.emplace_back(verifier.begin(), verifier.end());
    }
    if (how == 0) {
      DatabasePeer::RowRegions(database_.get(), MakeId(7))[1].data[20] ^= 1;
      client_->Tries(MakeId(7));
      EXPECT_EQ(client_->status(), Status(proto::ERROR_INTEGRITY_MISMATCH));
      EXPECT_EQ(memory_.live_bytes, 0u);
    } else if (how == 1) {
      database_->Wipe();
      EXPECT_EQ(memory_.live_bytes, 0u);
      EXPECT_TRUE(database_->stopped());
      client_->Tries(MakeId(7));
      EXPECT_EQ(client_->status(), Status(proto::ERROR_CORE_STOPPED));
      database_->Wipe();  // Again: no effect.
    }
  }
}

// "Limits (rows, heap, log) refuse before append; apply never fails."
TEST_F(MemoryTest, RowsAtTheirLimitRefuse) {
  Make(4, 4, 10);
  EXPECT_TRUE(database_->ReserveForBackups(10).ok());
  EXPECT_EQ(database_->ReserveForBackups(11), Status(proto::ERROR_DB_ROWS_FULL));
  EXPECT_EQ(database_->ReserveForBackups(UINT64_MAX), Status(proto::ERROR_DB_ROWS_FULL));
  for (uint64_t i = 0; i < 10; ++i) Add(i);
  EXPECT_EQ(database_->ReserveForBackups(1), Status(proto::ERROR_DB_ROWS_FULL));
  EXPECT_TRUE(database_->ReserveForBackups(0).ok());
  client_->Delete(MakeId(3));
  EXPECT_TRUE(database_->ReserveForBackups(1).ok());
  EXPECT_EQ(database_->ReserveForBackups(2), Status(proto::ERROR_DB_ROWS_FULL));
}

TEST_F(MemoryTest, HeapAtItsLimitRefusesAndTheDatabaseGoesOn) {
  constexpr size_t kLimit = 200000;
  Make(4, 4, 1 << 20, kLimit);
  uint64_t rows = 0;
  while (database_->ReserveForBackups(1).ok()) Add(rows++);
  EXPECT_EQ(database_->ReserveForBackups(1), Status(proto::ERROR_DB_HEAP_FULL));
  EXPECT_GT(rows, 500u);
  EXPECT_LE(database_->heap_bytes(), kLimit);
  EXPECT_EQ(database_->heap_bytes(), memory_.live_bytes) << "counts what it takes";
  EXPECT_FALSE(database_->stopped());
  EXPECT_EQ(DatabasePeer::Check(database_.get()), "");
  client_->Tries(MakeId(5));
  EXPECT_TRUE(client_->status().ok());
  // Room again, from freed blocks, after rows are gone.
  for (uint64_t i = 0; i < rows / 2; ++i) client_->Delete(MakeId(i));
  EXPECT_TRUE(database_->ReserveForBackups(20).ok());
}

// Regression: at the enclave's limit, backups were refused for good however many rows were deleted.
TEST_F(MemoryTest, WithoutGrowthThereIsWhatDeletedRowsLeft) {
  Make(4, 4);
  constexpr uint64_t kRows = 1000;
  for (uint64_t i = 0; i < kRows; ++i) Add(i);
  const size_t bytes = database_->heap_bytes();
  EXPECT_EQ(database_->ReserveForBackups(1, false), Status(proto::ERROR_DB_HEAP_FULL));
  for (uint64_t i = 0; i < kRows / 2; ++i) client_->Delete(MakeId(i));
  uint64_t backups = 1;
  while (database_->ReserveForBackups(backups, false).ok()) ++backups;
  EXPECT_GT(backups, 10u);
  // What was promised is kept without an allocation.
  ASSERT_TRUE(database_->ReserveForBackups(backups - 1, false).ok());
  memory_.refuse = true;
  for (uint64_t i = 1; i < backups; ++i) Add(kRows + i);
  memory_.refuse = false;
  EXPECT_EQ(database_->heap_bytes(), bytes);
  EXPECT_EQ(DatabasePeer::Check(database_.get()), "");
  EXPECT_TRUE(database_->ReserveForBackups(kRows).ok()) << "the heap itself has room";
}

// The heap itself refuses: at each possible allocation of a reservation.
TEST_F(MemoryTest, AnyAllocationMayFailInReserve) {
  int refused = 0;
  for (int allowed = 0; allowed < 100; ++allowed) {
    memory_.allocations_left = 1 << 30;
    Make(4, 4);
    for (uint64_t i = 0; i < 100; ++i) Add(i);
    memory_.allocations_left = allowed;
    const Status status = database_->ReserveForBackups(100);
    if (status.ok()) break;
    ++refused;
    ASSERT_EQ(status, Status(proto::ERROR_DB_HEAP_FULL));
    ASSERT_EQ(DatabasePeer::Check(database_.get()), "");
    ASSERT_FALSE(database_->stopped());
  }
  EXPECT_GT(refused, 10);
  EXPECT_LT(refused, 99);
  memory_.allocations_left = 1 << 30;
}

// What was reserved is applied without one allocation, at the worst places: each insert meets a
// leaf, and at first a node, that is full.
TEST_F(MemoryTest, ReservedBackupsAlwaysApply) {
  const std::pair<uint32_t, uint32_t> shapes[] = {{4, 4}, {6, 4}, {4, 8}, {22, 100}};
  for (const auto& [leaf_rows, node_children] : shapes) {
    for (const uint64_t existing : {0u, 3u, 64u, 1000u, 5000u}) {
      for (const uint64_t backups : {1u, 2u, 30u, 1000u}) {
        memory_.refuse = false;
        Make(leaf_rows, node_children);
        for (uint64_t i = 0; i < existing; ++i) Add(i, i);  // In order: full leaves.
        ASSERT_TRUE(database_->ReserveForBackups(backups).ok());
        memory_.refuse = true;
        const uint64_t distance = std::max<uint64_t>(1, existing / backups);
        for (uint64_t i = 0; i < backups; ++i) {
          Add(i + 1, existing == 0 ? i * 999999937 : i * distance % existing);
          ASSERT_FALSE(HasFatalFailure()) << leaf_rows << "/" << node_children << " " << existing
                                          << " + " << i << " of " << backups;
        }
      }
    }
  }
  ASSERT_EQ(DatabasePeer::Check(database_.get()), "");
}

// Random ids too, reserving for small batches, and with deletes in between.
TEST_F(MemoryTest, ReservedBatchesAlwaysApply) {
  const uint64_t seed = util::TestSeed();
  std::mt19937_64 random(seed);
  Make(4, 4);
  for (uint64_t batch = 0; batch < 2000; ++batch) {
    const uint64_t backups = 1 + random() % 20;
    memory_.refuse = false;
    ASSERT_TRUE(database_->ReserveForBackups(backups).ok());
    memory_.refuse = true;
    for (uint64_t i = 0; i < backups; ++i) Add(random() % 100000);
    for (uint64_t i = 0; i < backups * (batch % 3); ++i) client_->Delete(MakeId(random() % 100000));
    ASSERT_TRUE(client_->status().ok());
  }
  ASSERT_EQ(DatabasePeer::Check(database_.get()), "");
  memory_.refuse = false;
}

// Reserving again what is still free takes nothing more.
TEST_F(MemoryTest, ReservesDoNotPileUp) {
  Make(4, 4);
  ASSERT_TRUE(database_->ReserveForBackups(100).ok());
  const size_t bytes = database_->heap_bytes();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(database_->ReserveForBackups(100).ok());
  EXPECT_EQ(database_->heap_bytes(), bytes);
}

// "A replica that cannot apply stops for good."
TEST_F(MemoryTest, ABackupThatWasNotReservedAndFindsNoMemoryStops) {
  Make(4, 4);
  memory_.refuse = true;
  uint64_t i = 0;
  while (client_->Backup(MakeId(i), MakeVerifier(i), MakeData(i), 1).status == EffectStatus::kOk) {
    ASSERT_LT(++i, 100000u);
  }
  EXPECT_EQ(client_->status(), Status(proto::ERROR_DB_HEAP_FULL));
  EXPECT_TRUE(database_->stopped());
  client_->Tries(MakeId(0));
  EXPECT_EQ(client_->status(), Status(proto::ERROR_DB_HEAP_FULL));
  EXPECT_EQ(memory_.live_bytes, 0u);
}

// Blocks of erased rows are used again: the heap does not grow with a database that stays small.
TEST_F(MemoryTest, ErasedRowsMakeRoom) {
  Make(4, 4);
  size_t bytes = 0;
  for (int round = 0; round < 20; ++round) {
    for (uint64_t i = 0; i < 1000; ++i) Add(i * 7919 % 1000);
    if (round == 1) bytes = database_->heap_bytes();
    for (uint64_t i = 0; i < 1000; ++i) client_->Delete(MakeId(i * 6007 % 1000));
    ASSERT_EQ(database_->rows(), 0u);
  }
  EXPECT_EQ(database_->heap_bytes(), bytes);
}

// Loading: refused at any allocation, nothing has changed, and the same chunk loads later.
TEST_F(MemoryTest, AnyAllocationMayFailInLoadRows) {
  std::vector<StreamedRow> rows;
  for (uint64_t i = 0; i < 300; ++i)
    rows.push_back({MakeId(i), MakeVerifier(i), MakeData(i), 1, false});
  const Id half = MakeId(149);
  const util::Bytes first =
      MakeChunk(Id{}, half, std::vector<StreamedRow>(rows.begin(), rows.begin() + 150));
  const util::Bytes second = MakeChunk(MakeId(150), MakeId(UINT64_MAX, UINT64_MAX),
                                       std::vector<StreamedRow>(rows.begin() + 150, rows.end()));
  int refused = 0;
  uint64_t loaded = 0;
  for (int allowed = 0; allowed < 200; ++allowed) {
    memory_.allocations_left = 1 << 30;
    Make(4, 4, 1u << 30, SIZE_MAX, true);
    ASSERT_TRUE(database_->LoadRows(first, &loaded).ok());
    const util::Bytes root = DatabasePeer::Root(*database_);
    memory_.allocations_left = allowed;
    const Status status = database_->LoadRows(second, &loaded);
    if (status.ok()) break;
    ++refused;
    ASSERT_EQ(status, Status(proto::ERROR_DB_HEAP_FULL));
    ASSERT_FALSE(database_->stopped());
    ASSERT_EQ(DatabasePeer::Root(*database_), root);
    ASSERT_EQ(DatabasePeer::Check(database_.get()), "");
    memory_.allocations_left = 1 << 30;
    ASSERT_TRUE(database_->LoadRows(second, &loaded).ok());
    ASSERT_EQ(database_->rows(), 300u);
    ASSERT_EQ(DatabasePeer::Check(database_.get()), "");
  }
  EXPECT_GT(refused, 5);
  EXPECT_LT(refused, 199);
  memory_.allocations_left = 1 << 30;
}

// Whatever its shape, a chunk whose memory could be reserved is loaded without one more.
TEST_F(MemoryTest, WhatIsReservedIsEnoughForAnyChunk) {
  const std::pair<uint32_t, uint32_t> shapes[] = {{4, 4}, {6, 4}, {4, 8}, {22, 100}};
  for (const auto& [leaf_rows, node_children] : shapes) {
    for (const uint64_t chunk_rows : {1u, 3u, 4u, 5u, 17u, 100u, 3000u}) {
      Make(leaf_rows, node_children, 1u << 30, SIZE_MAX, true);
      uint64_t id = 0;
      for (int chunk = 0; chunk < 20; ++chunk) {
        const uint64_t begin = id;
        std::vector<StreamedRow> rows;
        for (; id < begin + chunk_rows; ++id) {
          rows.push_back({MakeId(id), MakeVerifier(id), MakeData(id), 1, false});
        }
        uint64_t loaded = 0;
        ASSERT_TRUE(
            database_->LoadRows(MakeChunk(MakeId(begin), MakeId(id - 1), rows), &loaded).ok());
        ASSERT_EQ(loaded, chunk_rows);
      }
      ASSERT_EQ(DatabasePeer::Check(database_.get()), "") << leaf_rows << " " << chunk_rows;
    }
  }
}

// Rows that stream out do not stay behind in memory of the source, nor in that of a failed call.
TEST_F(MemoryTest, AFailedReadLeavesNothingInItsBuffer) {
  Make(4, 4);
  for (uint64_t i = 0; i < 50; ++i) Add(i);
  DatabasePeer::RowRegions(database_.get(), MakeId(40))[1].data[20] ^= 1;
  util::SecretBytes out = {1, 2, 3};
  out.reserve(100000);
  RowCursor cursor;
  EXPECT_EQ(database_->ReadRows(&cursor, 90000, &out), Status(proto::ERROR_INTEGRITY_MISMATCH));
  EXPECT_EQ(out, (util::SecretBytes{1, 2, 3}));
  EXPECT_EQ(cursor.next_id, Id{});
  out.resize(90000);
  for (size_t i = 3; i < out.size(); ++i) ASSERT_EQ(out[i], 0);
}

// A million rows in random order at the production sizes: at most 120 bytes a row (issue 2), every
// row there, nothing else.
TEST_F(MemoryTest, MillionRows) {
  client_.reset();
  database_.reset();
  env::FakeEnv env(1);
  database_ = std::move(Database::Create(&env, {})).value();
  client_ = std::make_unique<Client>(database_.get());
  constexpr uint64_t kRows = 1000000;
  const auto high = [](uint64_t i) { return i * 0x9e3779b97f4a7c15; };
  for (uint64_t i = 0; i < kRows; ++i) Add(i, high(i));
  EXPECT_EQ(database_->ReserveForBackups(1), Status(proto::ERROR_DB_ROWS_FULL)) << "the default";
  EXPECT_EQ(database_->rows(), kRows);
  EXPECT_LE(database_->heap_bytes(), 120 * kRows);
  for (uint64_t i = 0; i < kRows; i += 97) {
    ASSERT_EQ(client_->Tries(MakeId(i, high(i))).status, EffectStatus::kOk);
    ASSERT_EQ(client_->Tries(MakeId(i + 1, high(i))).status, EffectStatus::kMissing);
  }
  EXPECT_EQ(DatabasePeer::Check(database_.get()), "");
}

// Rows that are added in key order fill their leaves, as loaded ones do.
TEST_F(MemoryTest, RowsInOrderFillTheirLeaves) {
  Make(22, 100);
  for (uint64_t i = 0; i < 22000; ++i) Add(i);
  EXPECT_EQ(DatabasePeer::Leaves(database_.get()), 1000u);
  EXPECT_EQ(DatabasePeer::Check(database_.get()), "");
}

}  // namespace
}  // namespace svr2::db
