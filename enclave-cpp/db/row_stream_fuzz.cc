// SPDX-License-Identifier: Apache-2.0
//
// Mutated chunks of rows: the loader never reads outside of them (run under ASan), what it refuses
// changes nothing, and what it accepts comes out again byte for byte.

#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "db/database_testing.h"
#include "util/seed_testing.h"

namespace svr2::db {
namespace {

class RowStreamFuzz : public testing::Test {
 protected:
  uint64_t Pick(uint64_t below) { return random_() % below; }

  // Up to 30 rows in a range that begins at `first`.
  util::Bytes Valid(uint64_t first) {
    std::vector<StreamedRow> rows;
    uint64_t id = first;
    for (uint64_t count = Pick(30); count > 0; --count) {
      id += Pick(3);
      rows.push_back({MakeId(id), MakeVerifier(id), MakeData(id, 16 + Pick(33)),
                      static_cast<int>(1 + Pick(255)), Pick(2) == 0});
      ++id;
    }
    const Id last = Pick(10) == 0 ? MakeId(UINT64_MAX, UINT64_MAX) : MakeId(id + Pick(3));
    return MakeChunk(MakeId(first), last, rows);
  }

  void Mutate(util::Bytes* chunk) {
    for (uint64_t times = Pick(4); times > 0; --times) {
      const size_t at = Pick(chunk->size() + 1);
      const auto place = chunk->begin() + static_cast<std::ptrdiff_t>(at);
      const bool inside = at < chunk->size();
      switch (Pick(5)) {
        case 0:
          if (inside) *place = static_cast<uint8_t>(random_());
          break;
        case 1:  // Where the first row's size, state and tries are.
          if (chunk->size() > 50) (*chunk)[48 + Pick(2)] = static_cast<uint8_t>(Pick(256));
          break;
        case 2:
          chunk->resize(at);
          break;
        case 3:
          chunk->insert(place, static_cast<uint8_t>(Pick(256)));
          break;
        default:
          if (inside) chunk->erase(place);
      }
    }
  }

  std::unique_ptr<Database> NewJoiner(uint64_t seed) {
    env::FakeEnv env(seed);
    DatabaseOptions options;
    options.leaf_rows = 4;
    options.node_children = 4;
    options.chunk_bytes = 4096;
    options.loading = true;
    options.max_rows = 300;
    return std::move(Database::Create(&env, options)).value();
  }

  std::mt19937_64 random_;
};

TEST_F(RowStreamFuzz, MutatedChunks) {
  const uint64_t inputs = util::FuzzInputs(20000);
  const uint64_t seed = util::TestSeed();
  random_.seed(seed);
  uint64_t accepted = 0;
  std::unique_ptr<Database> joiner;
  util::Bytes loaded_rows;  // All that was accepted, without headers.
  uint64_t next = 0;
  for (uint64_t i = 0; i < inputs; ++i) {
    if (joiner == nullptr) {
      joiner = NewJoiner(seed);
      loaded_rows.clear();
      next = 0;
    }
    util::Bytes chunk = Valid(next);
    Mutate(&chunk);
    // Exactly as long as the chunk, so that ASan sees any byte read beyond.
    const std::unique_ptr<uint8_t[]> exact(new uint8_t[chunk.size()]);
    std::copy(chunk.begin(), chunk.end(), exact.get());
    const util::Bytes root = DatabasePeer::Root(*joiner);
    uint64_t rows = 0;
    const Status status = joiner->LoadRows(util::ByteView(exact.get(), chunk.size()), &rows);
    if (!status.ok()) {
      ASSERT_TRUE(status == Status(proto::ERROR_DB_OUT_OF_ORDER) ||
                  status == Status(proto::ERROR_DB_IMPOSSIBLE_ROW) ||
                  status == Status(proto::ERROR_DB_ROWS_FULL))
          << "SVR2_SEED=" << seed << " input " << i;
      ASSERT_EQ(DatabasePeer::Root(*joiner), root) << "SVR2_SEED=" << seed << " input " << i;
      if (status == Status(proto::ERROR_DB_ROWS_FULL)) joiner = nullptr;
      continue;
    }
    ++accepted;
    util::Append(&loaded_rows, util::ByteView(chunk).From(kRowsHeaderBytes));
    next = util::LoadBigEndian64(&chunk[24]) + 1;
    const bool small = util::LoadBigEndian64(&chunk[16]) == 0 && next < 1000000;
    if (small && joiner->loading()) continue;
    // To the end, and out again.
    if (joiner->loading()) {
      joiner = nullptr;  // A mutated end of the range, which this test cannot continue.
      continue;
    }
    ASSERT_EQ(DatabasePeer::Check(joiner.get()), "") << "SVR2_SEED=" << seed << " input " << i;
    RowCursor cursor;
    util::SecretBytes out;
    ASSERT_TRUE(joiner->ReadRows(&cursor, 1 << 20, &out).ok());
    ASSERT_TRUE(cursor.done);
    ASSERT_TRUE(util::View(out).From(kRowsHeaderBytes) == util::ByteView(loaded_rows))
        << "SVR2_SEED=" << seed << " input " << i;
    joiner = nullptr;
  }
  std::printf("%llu of %llu accepted\n", static_cast<unsigned long long>(accepted),
              static_cast<unsigned long long>(inputs));
  EXPECT_GT(accepted, inputs / 10);
  EXPECT_LT(accepted, inputs * 9 / 10);
}

}  // namespace
}  // namespace svr2::db
