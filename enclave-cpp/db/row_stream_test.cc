// SPDX-License-Identifier: Apache-2.0
//
// Rows from a source to a joiner, one behaviour a test. "The source verifies each row against its
// tree before streaming; the joiner refuses impossible rows (0 tries, wrong sizes, out of order)"
// (protocol.md §5).

#include "db/row_stream.h"

#include <gtest/gtest.h>

#include "db/database_testing.h"

namespace svr2::db {
namespace {

const Id kFirst{};
const Id kLast = MakeId(UINT64_MAX, UINT64_MAX);

class RowStreamTest : public testing::Test {
 protected:
  void SetUp() override { Make(4, 4); }
  void TearDown() override {
    EXPECT_EQ(DatabasePeer::Check(source_.get()), "");
    EXPECT_EQ(DatabasePeer::Check(joiner_.get()), "");
  }

  void Make(uint32_t leaf_rows, uint32_t node_children, uint64_t joiner_max_rows = 1u << 30) {
    DatabaseOptions options;
    options.leaf_rows = leaf_rows;
    options.node_children = node_children;
    options.chunk_bytes = 4096;
    options.digest_key = key_;
    options.max_rows = 1u << 30;
    source_ = std::move(Database::Create(&env_, options)).value();
    options.max_rows = joiner_max_rows;
    options.loading = true;
    joiner_ = std::move(Database::Create(&env_, options)).value();
  }
  void Add(uint64_t low, uint64_t high = 0, size_t data_bytes = 32) {
    Client client(source_.get());
    client.Backup(MakeId(low, high), MakeVerifier(low), MakeData(low, data_bytes), 5);
    ASSERT_TRUE(client.status().ok());
  }
  static StreamedRow MakeRow(uint64_t low) {
    return {MakeId(low), MakeVerifier(low), MakeData(low), 5, false};
  }
  util::SecretBytes Read(RowCursor* cursor, size_t max_bytes) {
    util::SecretBytes chunk;
    EXPECT_TRUE(source_->ReadRows(cursor, max_bytes, &chunk).ok());
    return chunk;
  }
  Status Load(util::ByteView chunk) {
    rows_ = 999;
    return joiner_->LoadRows(chunk, &rows_);
  }
  // Both hold the same rows.
  void ExpectEqual() {
    EXPECT_FALSE(joiner_->loading());
    EXPECT_EQ(joiner_->rows(), source_->rows());
    EXPECT_TRUE(util::ConstantTimeEqual(joiner_->Digest().view(), source_->Digest().view()));
    Status status;
    EXPECT_TRUE(ReadAll(joiner_.get(), 1000, &status) == ReadAll(source_.get(), 777, &status));
  }
  void ExpectRefused(const util::Bytes& chunk, Error error) {
    const util::Bytes root = DatabasePeer::Root(*joiner_);
    EXPECT_EQ(Load(chunk), Status(error));
    EXPECT_EQ(DatabasePeer::Root(*joiner_), root) << "nothing has changed";
  }

  env::FakeEnv env_{1};
  const util::Bytes key_ = util::Bytes(kDigestKeyBytes, 7);
  std::unique_ptr<Database> source_;
  std::unique_ptr<Database> joiner_;
  uint64_t rows_ = 0;
};

// The bytes of row_stream.h's opening paragraph.
TEST_F(RowStreamTest, TheBytes) {
  Client client(source_.get());
  client.Backup(MakeId(0x0102), MakeVerifier(3), MakeData(4, 17), 9);
  client.Expose(MakeId(0x0102), MakeData(4, 17));
  RowCursor cursor;
  const util::SecretBytes chunk = Read(&cursor, 1000);
  EXPECT_TRUE(util::View(chunk) ==
              util::ByteView(MakeChunk(
                  kFirst, kLast, {{MakeId(0x0102), MakeVerifier(3), MakeData(4, 17), 9, true}})));
  EXPECT_EQ(chunk.size(), 16u + 16 + 16 + 1 + 1 + 16 + 17);
  EXPECT_EQ(chunk[32 + 15], 0x02);
  EXPECT_EQ(chunk[48], 17 | 0x80);
  EXPECT_EQ(chunk[49], 9);
  EXPECT_TRUE(cursor.done);
}

TEST_F(RowStreamTest, AnEmptyDatabaseIsOneChunkWithoutRows) {
  RowCursor cursor;
  const util::SecretBytes chunk = Read(&cursor, Database::kMinChunkBytes);
  EXPECT_TRUE(cursor.done);
  EXPECT_EQ(chunk.size(), kRowsHeaderBytes);
  EXPECT_TRUE(Load(util::View(chunk)).ok());
  EXPECT_EQ(rows_, 0u);
  ExpectEqual();
}

// Whatever the size of a chunk, all rows arrive, and no chunk is larger.
TEST_F(RowStreamTest, EveryChunkSizeBringsEveryRow) {
  for (size_t max_bytes = Database::kMinChunkBytes; max_bytes < 1200; max_bytes += 37) {
    Make(4, 4);
    for (uint64_t i = 0; i < 150; ++i) Add(i * 7919 % 1000, i % 3, 16 + i % 33);
    RowCursor cursor;
    uint64_t loaded = 0;
    while (!cursor.done) {
      const util::SecretBytes chunk = Read(&cursor, max_bytes);
      ASSERT_LE(chunk.size(), max_bytes);
      ASSERT_TRUE(Load(util::View(chunk)).ok());
      loaded += rows_;
    }
    EXPECT_EQ(loaded, 150u);
    ExpectEqual();
    ASSERT_EQ(DatabasePeer::Check(joiner_.get()), "");
  }
}

// The smallest and the greatest id are ids like others.
TEST_F(RowStreamTest, ExtremeIds) {
  Add(0);
  Add(UINT64_MAX, UINT64_MAX);
  Add(UINT64_MAX - 1, UINT64_MAX);
  RowCursor cursor;
  int chunks = 0;
  for (; !cursor.done; ++chunks) {
    ASSERT_TRUE(Load(util::View(Read(&cursor, Database::kMinChunkBytes))).ok());
  }
  EXPECT_EQ(chunks, 3);
  ExpectEqual();
}

// What is there already in `out` stays in front.
TEST_F(RowStreamTest, ReadRowsAppends) {
  Add(1);
  util::SecretBytes out = {1, 2, 3};
  RowCursor cursor;
  ASSERT_TRUE(source_->ReadRows(&cursor, 1000, &out).ok());
  EXPECT_EQ(out[2], 3);
  EXPECT_EQ(RowsOf(util::View(out).From(3), kFirst).size(), 1u);
}

TEST_F(RowStreamTest, ReadRowsRefusesWhatMakesNoSense) {
  util::SecretBytes out;
  RowCursor cursor;
  const Status refused = proto::ERROR_INVALID_ARGUMENT;
  EXPECT_EQ(source_->ReadRows(&cursor, Database::kMinChunkBytes - 1, &out), refused);
  EXPECT_EQ(joiner_->ReadRows(&cursor, 1000, &out), refused) << "it has not all rows itself";
  Read(&cursor, 1000);
  EXPECT_EQ(source_->ReadRows(&cursor, 1000, &out), refused) << "done";
  EXPECT_TRUE(out.empty());
}

// A call's work is bounded by max_bytes also where leaves have run empty.
TEST_F(RowStreamTest, EmptyLeavesDoNotMakeACallLong) {
  for (uint64_t i = 0; i < 3000; ++i) Add(i);
  Client client(source_.get());
  for (uint64_t i = 1; i < 3000; ++i) client.Delete(MakeId(i));
  const uint32_t leaves = DatabasePeer::Leaves(source_.get());
  ASSERT_GT(leaves, 3u) << "nothing to skip";
  RowCursor cursor;
  uint32_t calls = 0;
  for (; !cursor.done; ++calls) {
    ASSERT_TRUE(Load(util::View(Read(&cursor, Database::kMinChunkBytes))).ok());
  }
  EXPECT_EQ(calls, leaves) << "one leaf a call";
  ExpectEqual();
}

// "Commands on ids outside of the covered range do nothing."
TEST_F(RowStreamTest, CommandsBeyondTheLoadedRangeDoNothing) {
  for (uint64_t i = 0; i < 10; ++i) Add(10 * i);
  Client client(joiner_.get());
  EXPECT_FALSE(joiner_->Covers(kFirst));
  client.Backup(kFirst, MakeVerifier(1), MakeData(1), 1);
  EXPECT_TRUE(client.status().ok());
  EXPECT_EQ(client.effect().status, EffectStatus::kError);
  EXPECT_EQ(joiner_->rows(), 0u);

  RowCursor cursor;
  ASSERT_TRUE(Load(util::View(Read(&cursor, 32 + 3 * 66))).ok());  // 0, 10, 20.
  EXPECT_EQ(rows_, 3u);
  EXPECT_TRUE(joiner_->Covers(MakeId(20)));
  EXPECT_FALSE(joiner_->Covers(MakeId(21)));
  EXPECT_EQ(client.Backup(MakeId(15), MakeVerifier(1), MakeData(1), 1).status, EffectStatus::kOk);
  EXPECT_EQ(client.Delete(MakeId(10)).status, EffectStatus::kOk);
  EXPECT_EQ(client.Expose(MakeId(20), MakeData(20)).status, EffectStatus::kOk);
  EXPECT_EQ(client.Restore(MakeId(20), MakeVerifier(1)).tries, 4);
  EXPECT_EQ(client.Backup(MakeId(21), MakeVerifier(1), MakeData(1), 1).status,
            EffectStatus::kError);
  EXPECT_EQ(client.Delete(MakeId(30)).status, EffectStatus::kError);
  EXPECT_EQ(joiner_->rows(), 3u);

  ASSERT_TRUE(Load(util::View(Read(&cursor, 10000))).ok());
  EXPECT_EQ(rows_, 7u);
  EXPECT_TRUE(joiner_->Covers(kLast));
  EXPECT_EQ(client.Backup(kLast, MakeVerifier(1), MakeData(1), 1).status, EffectStatus::kOk);
}

// The last row that came may be gone when the next chunk comes.
TEST_F(RowStreamTest, LoadingGoesOnBehindErasedRows) {
  for (uint64_t i = 0; i < 60; ++i) Add(i);
  RowCursor cursor;
  ASSERT_TRUE(Load(util::View(Read(&cursor, 32 + 20 * 66))).ok());
  for (uint64_t i = 0; i < 20; ++i) {
    Client(joiner_.get()).Delete(MakeId(i));
    Client(source_.get()).Delete(MakeId(i));
  }
  EXPECT_EQ(joiner_->rows(), 0u);
  ASSERT_TRUE(Load(util::View(Read(&cursor, 10000))).ok());
  ExpectEqual();
}

TEST_F(RowStreamTest, LoadedLeavesAndNodesAreFull) {
  for (uint64_t i = 0; i < 4 * 4 * 4 * 4; ++i) Add(i * 91 % 256);
  EXPECT_GT(DatabasePeer::Leaves(source_.get()), 64u);
  RowCursor cursor;
  while (!cursor.done) ASSERT_TRUE(Load(util::View(Read(&cursor, 300))).ok());
  EXPECT_EQ(DatabasePeer::Leaves(joiner_.get()), 64u);
  // 64 / 4 at level 0, where nearly all nodes are; those above are half full.
  EXPECT_EQ(DatabasePeer::Nodes(joiner_.get()), 16u + 7 + 3 + 1);
  ExpectEqual();
}

// At the production sizes the wire has 82 bytes for a row with the longest data.
TEST_F(RowStreamTest, BytesOnTheWireAndInMemory) {
  Make(22, 100);
  for (uint64_t i = 0; i < 20000; ++i) Add(i, i * 0x9e3779b97f4a7c15, kMaxDataBytes);
  size_t bytes = 0;
  for (RowCursor cursor; !cursor.done;) {
    const util::SecretBytes chunk = Read(&cursor, 64 << 10);
    bytes += chunk.size();
    ASSERT_TRUE(Load(util::View(chunk)).ok());
  }
  EXPECT_LE(bytes, 83u * 20000);
  EXPECT_LE(DatabasePeer::Leaves(joiner_.get()), 20000u / 22 + 1);
  ExpectEqual();
}

// --- What a joiner refuses ---

TEST_F(RowStreamTest, ImpossibleRowsAreRefused) {
  StreamedRow row = MakeRow(1);
  row.tries = 0;
  ExpectRefused(MakeChunk(kFirst, kLast, {row}), proto::ERROR_DB_IMPOSSIBLE_ROW);
  for (const size_t bad : {0u, 1u, 15u, 49u, 64u, 127u}) {
    row = MakeRow(1);
    row.data = MakeData(1, bad);
    // A row behind it, so that bytes are not what is missing.
    ExpectRefused(MakeChunk(kFirst, kLast, {row, MakeRow(2)}), proto::ERROR_DB_IMPOSSIBLE_ROW);
  }
}

TEST_F(RowStreamTest, TruncatedChunksAreRefused) {
  const util::Bytes chunk = MakeChunk(kFirst, kLast, {MakeRow(1), MakeRow(2)});
  for (size_t size = 0; size < chunk.size(); ++size) {
    if (size == kRowsHeaderBytes || size == kRowsHeaderBytes + 66) continue;  // Whole rows.
    ExpectRefused(util::Bytes(chunk.begin(), chunk.begin() + static_cast<int>(size)),
                  proto::ERROR_DB_IMPOSSIBLE_ROW);
  }
}

TEST_F(RowStreamTest, RowsOutOfOrderAreRefused) {
  const Error error = proto::ERROR_DB_OUT_OF_ORDER;
  ExpectRefused(MakeChunk(kFirst, kLast, {MakeRow(1), MakeRow(1)}), error);
  ExpectRefused(MakeChunk(kFirst, kLast, {MakeRow(2), MakeRow(1)}), error);
  StreamedRow greatest = MakeRow(1);
  greatest.id = kLast;
  ExpectRefused(MakeChunk(kFirst, kLast, {greatest, MakeRow(0)}), error);
  ExpectRefused(MakeChunk(kFirst, MakeId(5), {MakeRow(6)}), error);
}

// A chunk twice, one left out, ranges that overlap, an end before the beginning.
TEST_F(RowStreamTest, RangesThatDoNotContinueAreRefused) {
  const Error error = proto::ERROR_DB_OUT_OF_ORDER;
  ExpectRefused(MakeChunk(MakeId(1), kLast, {}), error);
  ASSERT_TRUE(Load(MakeChunk(kFirst, MakeId(9), {MakeRow(3)})).ok());
  ExpectRefused(MakeChunk(kFirst, MakeId(9), {MakeRow(3)}), error);
  ExpectRefused(MakeChunk(MakeId(9), MakeId(20), {}), error);
  ExpectRefused(MakeChunk(MakeId(11), MakeId(20), {}), error);
  ExpectRefused(MakeChunk(MakeId(10), MakeId(9), {}), error);
  ExpectRefused(MakeChunk(MakeId(10), MakeId(20), {MakeRow(9)}), error);
  ASSERT_TRUE(Load(MakeChunk(MakeId(10), kLast, {MakeRow(10)})).ok());
  ExpectRefused(MakeChunk(kFirst, kLast, {}), error);  // All was loaded.
  EXPECT_EQ(joiner_->rows(), 2u);
}

TEST_F(RowStreamTest, ADatabaseThatWasNotMadeForItLoadsNothing) {
  uint64_t rows = 0;
  EXPECT_EQ(source_->LoadRows(MakeChunk(kFirst, kLast, {}), &rows),
            Status(proto::ERROR_DB_OUT_OF_ORDER));
}

// All or nothing at the limit of rows, too.
TEST_F(RowStreamTest, RowsAtTheirLimitAreRefused) {
  Make(4, 4, 3);
  ASSERT_TRUE(Load(MakeChunk(kFirst, MakeId(9), {MakeRow(1), MakeRow(2)})).ok());
  ExpectRefused(MakeChunk(MakeId(10), kLast, {MakeRow(10), MakeRow(11)}),
                proto::ERROR_DB_ROWS_FULL);
  EXPECT_TRUE(Load(MakeChunk(MakeId(10), kLast, {MakeRow(10)})).ok());
}

TEST_F(RowStreamTest, AStoppedDatabaseNeitherReadsNorLoads) {
  source_->Wipe();
  joiner_->Wipe();
  RowCursor cursor;
  util::SecretBytes out;
  EXPECT_EQ(source_->ReadRows(&cursor, 1000, &out), Status(proto::ERROR_CORE_STOPPED));
  EXPECT_EQ(Load(MakeChunk(kFirst, kLast, {})), Status(proto::ERROR_CORE_STOPPED));
  EXPECT_EQ(DatabasePeer::Root(*source_).size(), 0u);
  Make(4, 4);  // For TearDown.
}

}  // namespace
}  // namespace svr2::db
