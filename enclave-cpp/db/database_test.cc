// SPDX-License-Identifier: Apache-2.0
//
// The database's semantics: one test for each sentence of protocol.md §2 that is the database's to
// keep. Each test's comment quotes its sentence.

#include "db/database.h"

#include <gtest/gtest.h>

#include "db/database_testing.h"

namespace svr2::db {
namespace {

class DatabaseTest : public testing::Test {
 protected:
  void SetUp() override {
    auto created = Database::Create(&env_, {});
    ASSERT_TRUE(created.ok());
    database_ = std::move(created).value();
    client_ = std::make_unique<Client>(database_.get());
  }
  void TearDown() override {
    EXPECT_TRUE(client_->status().ok());
    EXPECT_EQ(DatabasePeer::Check(database_.get()), "");
  }
  void BackUpAndExpose(const Id& id, uint8_t tries) {
    ASSERT_EQ(client_->Backup(id, right_, data_, tries).status, EffectStatus::kOk);
    ASSERT_EQ(client_->Expose(id, data_).status, EffectStatus::kOk);
  }
  // What restore says: status, tries, data.
  void ExpectRestore(const Id& id, const Verifier& verifier, EffectStatus status, int tries,
                     const util::Bytes& data) {
    const Effect& effect = client_->Restore(id, verifier);
    EXPECT_EQ(effect.op, Op::kRestore);
    EXPECT_EQ(effect.status, status);
    EXPECT_EQ(effect.tries, tries);
    EXPECT_TRUE(effect.data() == util::ByteView(data));
    EXPECT_FALSE(effect.exposed);
  }
  void ExpectTries(const Id& id, EffectStatus status, int tries, bool exposed) {
    const Effect& effect = client_->Tries(id);
    EXPECT_EQ(effect.op, Op::kTries);
    EXPECT_EQ(effect.status, status);
    EXPECT_EQ(effect.tries, tries);
    EXPECT_EQ(effect.exposed, exposed);
    EXPECT_TRUE(effect.data().empty());
  }

  env::FakeEnv env_{1};
  std::unique_ptr<Database> database_;
  std::unique_ptr<Client> client_;
  const Id id_ = MakeId(7);
  const Verifier right_ = MakeVerifier(1);
  const Verifier wrong_ = MakeVerifier(2);
  const util::Bytes data_ = MakeData(1);
  const util::Bytes other_data_ = MakeData(2);
  const util::Bytes none_{};
};

// "The row's key is the client's authenticated id (16 bytes)."
TEST_F(DatabaseTest, TheKeyIsTheWholeId) {
  for (size_t i = 0; i < kBackupIdBytes; ++i) {
    Id id{};
    id[i] = 1;
    client_->Backup(id, MakeVerifier(i), MakeData(i), 3);
    client_->Expose(id, MakeData(i));
  }
  EXPECT_EQ(database_->rows(), kBackupIdBytes);
  for (size_t i = 0; i < kBackupIdBytes; ++i) {
    Id id{};
    id[i] = 1;
    ExpectRestore(id, MakeVerifier(i), EffectStatus::kOk, 3, MakeData(i));
  }
  ExpectTries(Id{}, EffectStatus::kMissing, 0, false);
}

// The smallest and the greatest id are ids like others.
TEST_F(DatabaseTest, ExtremeIds) {
  Id greatest;
  greatest.fill(0xff);
  for (const Id& id : {Id{}, greatest}) {
    ExpectTries(id, EffectStatus::kMissing, 0, false);
    BackUpAndExpose(id, 2);
    ExpectRestore(id, right_, EffectStatus::kOk, 2, data_);
  }
  EXPECT_EQ(client_->Delete(greatest).status, EffectStatus::kOk);
  ExpectRestore(Id{}, right_, EffectStatus::kOk, 2, data_);
}

// "backup replaces whatever was there: state populated, tries = max_tries."
TEST_F(DatabaseTest, BackupReplacesWhateverWasThere) {
  BackUpAndExpose(id_, 3);
  client_->Restore(id_, wrong_);
  ExpectTries(id_, EffectStatus::kOk, 2, true);
  EXPECT_EQ(client_->Backup(id_, wrong_, other_data_, 9).status, EffectStatus::kOk);
  ExpectTries(id_, EffectStatus::kOk, 9, false);
  EXPECT_EQ(client_->Expose(id_, data_).status, EffectStatus::kError) << "the old data is gone";
  EXPECT_EQ(client_->Expose(id_, other_data_).status, EffectStatus::kOk);
  ExpectRestore(id_, wrong_, EffectStatus::kOk, 9, other_data_);
  EXPECT_EQ(database_->rows(), 1u);
}

// A shorter secret leaves nothing of a longer one behind.
TEST_F(DatabaseTest, BackupOfLessData) {
  const util::Bytes longer = MakeData(1, 48);
  client_->Backup(id_, right_, longer, 3);
  client_->Backup(id_, right_, MakeData(2, 16), 3);
  client_->Expose(id_, MakeData(2, 16));
  ExpectRestore(id_, right_, EffectStatus::kOk, 3, MakeData(2, 16));
  const util::Bytes tail(longer.begin() + 16, longer.end());
  EXPECT_FALSE(DatabasePeer::Contains(database_.get(), tail));
}

// "Not restorable yet." and "restore: absent or not available → MISSING." Without counting.
TEST_F(DatabaseTest, NothingIsRestoredBeforeTheExpose) {
  ExpectRestore(id_, right_, EffectStatus::kMissing, 0, none_);
  client_->Backup(id_, right_, data_, 3);
  for (int i = 0; i < 10; ++i) {
    ExpectRestore(id_, right_, EffectStatus::kMissing, 0, none_);
    ExpectRestore(id_, wrong_, EffectStatus::kMissing, 0, none_);
  }
  ExpectTries(id_, EffectStatus::kOk, 3, false);
}

// "expose with exactly the stored data makes the row available and answers OK, also when it already
// is"
TEST_F(DatabaseTest, ExposeMakesAvailable) {
  client_->Backup(id_, right_, data_, 3);
  EXPECT_EQ(client_->Expose(id_, data_).status, EffectStatus::kOk);
  ExpectTries(id_, EffectStatus::kOk, 3, true);
  EXPECT_EQ(client_->Expose(id_, data_).status, EffectStatus::kOk);
  ExpectTries(id_, EffectStatus::kOk, 3, true);
  ExpectRestore(id_, right_, EffectStatus::kOk, 3, data_);
}

// "other data, or no row, is ERROR." Exactly: not a prefix, not padded, not one bit off.
TEST_F(DatabaseTest, ExposeOfOtherDataIsAnError) {
  EXPECT_EQ(client_->Expose(id_, data_).status, EffectStatus::kError) << "no row";
  client_->Backup(id_, right_, data_, 3);
  util::Bytes flipped = MakeData(1);
  flipped[flipped.size() - 1] ^= 0x80;
  util::Bytes longer = data_;
  longer.push_back(0);
  const util::Bytes shorter(data_.begin(), data_.end() - 1);
  for (const util::Bytes& wrong : {flipped, longer, shorter, other_data_}) {
    EXPECT_EQ(client_->Expose(id_, wrong).status, EffectStatus::kError);
    ExpectTries(id_, EffectStatus::kOk, 3, false);
  }
  EXPECT_EQ(client_->Expose(id_, data_).status, EffectStatus::kOk);
  EXPECT_EQ(client_->Expose(id_, flipped).status, EffectStatus::kError);
  ExpectTries(id_, EffectStatus::kOk, 3, true);
}

// Data that ends in zeros and the shorter data without them differ.
TEST_F(DatabaseTest, ExposeComparesTheSizeToo) {
  util::Bytes zeros(20, 0);
  client_->Backup(id_, right_, zeros, 3);
  EXPECT_EQ(client_->Expose(id_, util::Bytes(19, 0)).status, EffectStatus::kError);
  EXPECT_EQ(client_->Expose(id_, util::Bytes(21, 0)).status, EffectStatus::kError);
  EXPECT_EQ(client_->Expose(id_, zeros).status, EffectStatus::kOk);
}

// "It is an uncounted equality test on the data"
TEST_F(DatabaseTest, ExposeIsNotCounted) {
  BackUpAndExpose(id_, 2);
  for (int i = 0; i < 300; ++i) client_->Expose(id_, other_data_);
  ExpectTries(id_, EffectStatus::kOk, 2, true);
}

// "PIN equal (constant time) → OK, data and tries; tries are not reset."
TEST_F(DatabaseTest, TheRightPinDoesNotResetTries) {
  BackUpAndExpose(id_, 5);
  ExpectRestore(id_, right_, EffectStatus::kOk, 5, data_);
  ExpectRestore(id_, wrong_, EffectStatus::kPinMismatch, 4, none_);
  ExpectRestore(id_, wrong_, EffectStatus::kPinMismatch, 3, none_);
  for (int i = 0; i < 10; ++i) ExpectRestore(id_, right_, EffectStatus::kOk, 3, data_);
  ExpectRestore(id_, wrong_, EffectStatus::kPinMismatch, 2, none_);
}

// Every byte of the verifier counts.
TEST_F(DatabaseTest, AnyDifferentBitIsAWrongPin) {
  BackUpAndExpose(id_, 255);
  int tries = 255;
  for (size_t bit = 0; bit < 8 * kPinVerifierBytes; ++bit) {
    Verifier close = right_;
    close[bit / 8] = static_cast<uint8_t>(close[bit / 8] ^ (1u << bit % 8));
    ExpectRestore(id_, close, EffectStatus::kPinMismatch, --tries, none_);
  }
}

// "Not equal → tries − 1; above 0: PIN_MISMATCH with the tries left; at 0: the row is zeroed,
// erased, and the answer is MISSING."
TEST_F(DatabaseTest, TheLastWrongPinErases) {
  for (const uint8_t max_tries : {uint8_t{1}, uint8_t{2}, uint8_t{255}}) {
    BackUpAndExpose(id_, max_tries);
    for (int left = max_tries - 1; left > 0; --left) {
      ExpectRestore(id_, wrong_, EffectStatus::kPinMismatch, left, none_);
    }
    EXPECT_TRUE(DatabasePeer::Contains(database_.get(), data_));
    ExpectRestore(id_, wrong_, EffectStatus::kMissing, 0, none_);
    EXPECT_EQ(database_->rows(), 0u);
    EXPECT_FALSE(DatabasePeer::Contains(database_.get(), data_)) << "zeroed";
    EXPECT_FALSE(DatabasePeer::Contains(database_.get(), right_)) << "zeroed";
    ExpectRestore(id_, right_, EffectStatus::kMissing, 0, none_);
    ExpectTries(id_, EffectStatus::kMissing, 0, false);
    EXPECT_EQ(client_->Expose(id_, data_).status, EffectStatus::kError);
  }
}

// "delete always answers"
TEST_F(DatabaseTest, DeleteAlwaysAnswers) {
  EXPECT_EQ(client_->Delete(id_).status, EffectStatus::kOk);
  BackUpAndExpose(id_, 3);
  EXPECT_EQ(client_->Delete(id_).status, EffectStatus::kOk);
  EXPECT_EQ(database_->rows(), 0u);
  EXPECT_FALSE(DatabasePeer::Contains(database_.get(), data_));
  ExpectRestore(id_, right_, EffectStatus::kMissing, 0, none_);
  EXPECT_EQ(client_->Delete(id_).status, EffectStatus::kOk);
}

// "tries reports without counting."
TEST_F(DatabaseTest, TriesDoesNotCount) {
  ExpectTries(id_, EffectStatus::kMissing, 0, false);
  client_->Backup(id_, right_, data_, 2);
  for (int i = 0; i < 300; ++i) ExpectTries(id_, EffectStatus::kOk, 2, false);
  client_->Expose(id_, data_);
  for (int i = 0; i < 300; ++i) ExpectTries(id_, EffectStatus::kOk, 2, true);
}

// No command touches the row of another id.
TEST_F(DatabaseTest, RowsAreIndependent) {
  const Id other = MakeId(8);
  BackUpAndExpose(id_, 3);
  client_->Backup(other, wrong_, other_data_, 1);
  client_->Expose(other, other_data_);
  ExpectRestore(other, right_, EffectStatus::kMissing, 0, none_);
  client_->Delete(MakeId(6));
  ExpectRestore(id_, right_, EffectStatus::kOk, 3, data_);
}

// An Effect keeps nothing of an earlier answer.
TEST_F(DatabaseTest, EffectsStartClean) {
  BackUpAndExpose(id_, 3);
  ExpectRestore(id_, right_, EffectStatus::kOk, 3, data_);
  const Effect& effect = client_->Delete(id_);
  EXPECT_EQ(effect.tries, 0);
  EXPECT_TRUE(effect.data().empty());
  for (size_t i = 0; i < kMaxDataBytes; ++i) EXPECT_EQ(effect.data_storage.data()[i], 0);
}

// Sizes of blocks that the layout cannot hold, and keys that cannot be drawn.
TEST_F(DatabaseTest, OptionsOutsideTheirLimitsAreRefused) {
  const auto error = [this](uint32_t leaf_rows, uint32_t node_children) {
    DatabaseOptions options;
    options.leaf_rows = leaf_rows;
    options.node_children = node_children;
    const auto created = Database::Create(&env_, options);
    return created.ok() ? proto::OK : created.error();
  };
  EXPECT_EQ(error(4, 4), proto::OK);
  EXPECT_EQ(error(64, 128), proto::OK);
  for (const uint32_t bad : {0u, 2u, 5u, 66u}) {
    EXPECT_EQ(error(bad, 4), proto::ERROR_INVALID_ARGUMENT) << bad;
  }
  for (const uint32_t bad : {0u, 2u, 7u, 130u}) {
    EXPECT_EQ(error(4, bad), proto::ERROR_INVALID_ARGUMENT) << bad;
  }
  env_.FailRandom(true);
  EXPECT_EQ(error(4, 4), proto::ERROR_RANDOM_FAILED);
}

}  // namespace
}  // namespace svr2::db
