// SPDX-License-Identifier: Apache-2.0
//
// The digest: equal where rows are equal, however they came to be; other where anything of any row
// is other; the number that database.h says.

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "crypto/hash.h"
#include "db/database_testing.h"
#include "util/seed_testing.h"

namespace svr2::db {
namespace {

class DigestTest : public testing::Test {
 protected:
  std::unique_ptr<Database> Make(uint32_t leaf_rows = 4, uint64_t env_seed = 1) {
    env::FakeEnv env(env_seed);
    DatabaseOptions options;
    options.leaf_rows = leaf_rows;
    options.node_children = 4;
    options.chunk_bytes = 4096;
    options.digest_key = key_.view();
    return std::move(Database::Create(&env, options)).value();
  }
  static util::Bytes Of(const Database& database) { return database.Digest().view().ToBytes(); }

  // The definition: the sum of SipHash-2-4-128 of id (little-endian) ‖ verifier ‖ data ‖ zeros ‖
  // tries ‖ size and state.
  util::Bytes Model(const std::vector<StreamedRow>& rows) const {
    const util::Secret<16> key(key_.view());
    unsigned __int128 sum = 0;
    for (const StreamedRow& row : rows) {
      util::Bytes bytes(row.id.rbegin(), row.id.rend());
      util::Append(&bytes, row.verifier);
      util::Append(&bytes, row.data);
      bytes.resize(16 + 16 + 48);
      bytes.push_back(static_cast<uint8_t>(row.tries));
      bytes.push_back(static_cast<uint8_t>(row.data.size() | (row.available ? 0x80 : 0)));
      const auto hash = crypto::SipHash128(key, bytes);
      unsigned __int128 number;
      std::memcpy(&number, hash.data(), sizeof(number));
      sum += number;
    }
    util::Bytes digest(16);
    std::memcpy(digest.data(), &sum, sizeof(sum));
    return digest;
  }

  const util::Bytes group_key_ = util::Bytes(kGroupKeyBytes, 5);
  const DigestKey key_ = DeriveDigestKey(group_key_);
  const Id id_ = MakeId(7);
};

TEST_F(DigestTest, OfNothingIsZero) { EXPECT_EQ(Of(*Make()), util::Bytes(16)); }

// Keys for different purposes differ, and with the group.
TEST_F(DigestTest, TheKeyIsTheGroupsAndItsOwn) {
  EXPECT_TRUE(DeriveDigestKey(group_key_).view() == key_.view());
  EXPECT_FALSE(DeriveDigestKey(util::Bytes(kGroupKeyBytes, 6)).view() == key_.view());
  EXPECT_FALSE(DerivePinKey(group_key_).view().Sub(0, 16) == key_.view());
}

// Each step away and back again.
TEST_F(DigestTest, EachChangeOfARowChangesItAndOnlyThat) {
  const auto database = Make();
  Client client(database.get());
  util::Bytes before = Of(*database);
  const auto changed = [&] {
    const util::Bytes now = Of(*database);
    const bool differs = now != before;
    before = now;
    return differs;
  };
  const auto backup = [&](const Id& id, uint64_t pin, const util::Bytes& data, uint8_t tries) {
    client.Backup(id, MakeVerifier(pin), data, tries);
  };
  backup(id_, 1, MakeData(1), 5);
  const util::Bytes first = Of(*database);
  EXPECT_TRUE(changed());
  backup(id_, 1, MakeData(1), 5);
  EXPECT_FALSE(changed()) << "the same again";
  backup(id_, 2, MakeData(1), 5);
  EXPECT_TRUE(changed()) << "PIN";
  backup(id_, 2, MakeData(2), 5);
  EXPECT_TRUE(changed()) << "data";
  util::Bytes longer = MakeData(2);
  longer.push_back(0);
  backup(id_, 2, longer, 5);
  EXPECT_TRUE(changed()) << "size";
  backup(id_, 2, longer, 6);
  EXPECT_TRUE(changed()) << "tries";
  client.Restore(id_, MakeVerifier(1));
  client.Tries(id_);
  EXPECT_FALSE(changed()) << "not available: nothing counted";
  client.Expose(id_, longer);
  EXPECT_TRUE(changed()) << "state";
  client.Restore(id_, MakeVerifier(2));
  client.Tries(id_);
  client.Expose(id_, longer);
  EXPECT_FALSE(changed());
  client.Restore(id_, MakeVerifier(1));
  EXPECT_TRUE(changed()) << "a guess";
  backup(id_, 1, MakeData(1), 5);
  EXPECT_EQ(Of(*database), first);
  client.Delete(id_);
  EXPECT_EQ(Of(*database), util::Bytes(16));
  backup(MakeId(8), 1, MakeData(1), 5);
  EXPECT_NE(Of(*database), first) << "another id";
}

// The guess that erases the row.
TEST_F(DigestTest, TheLastGuessTakesTheRowOut) {
  const auto database = Make();
  Client client(database.get());
  client.Backup(id_, MakeVerifier(1), MakeData(1), 1);
  client.Expose(id_, MakeData(1));
  client.Restore(id_, MakeVerifier(2));
  EXPECT_EQ(Of(*database), util::Bytes(16));
}

// Not of blocks, order, history, or the enclave's own keys.
TEST_F(DigestTest, RandomHistoriesOfEqualRowsAndTheModelAgree) {
  const uint64_t seed = util::TestSeed();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20; ++round) {
    const auto a = Make(4, random());
    for (int i = 0; i < 400; ++i) {
      Client client(a.get());
      const Id id = MakeId(random() % 80);
      const uint64_t what = random() % 7;
      const uint64_t content = random() % 3;
      if (what < 3) {
        client.Backup(id, MakeVerifier(content), MakeData(content, 16 + random() % 33), 2);
      } else if (what == 3) {
        client.Delete(id);
      } else if (what == 4) {
        client.Expose(id, MakeData(content));
      } else {
        client.Restore(id, MakeVerifier(content));
      }
      ASSERT_TRUE(client.status().ok());
    }
    Status status;
    std::vector<StreamedRow> rows = ReadAll(a.get(), 500, &status);
    ASSERT_TRUE(status.ok());
    ASSERT_EQ(Of(*a), Model(rows)) << "SVR2_SEED=" << seed;
    // The same rows put together by another replica in another way.
    const auto b = Make(16, random());
    std::shuffle(rows.begin(), rows.end(), random);
    Client client(b.get());
    for (const StreamedRow& row : rows) {
      client.Backup(row.id, row.verifier, row.data, static_cast<uint8_t>(row.tries));
      if (row.available) client.Expose(row.id, row.data);
    }
    ASSERT_EQ(Of(*b), Of(*a)) << "SVR2_SEED=" << seed;
  }
}

// Under another key, or a random one, it says nothing.
// peer-figures.md, failure 6: the row hash has an all-zero key.
TEST_F(DigestTest, AnotherKeyAnotherDigest) {
  env::FakeEnv env(1);
  DatabaseOptions options;
  const auto a = std::move(Database::Create(&env, options)).value();
  const auto b = std::move(Database::Create(&env, options)).value();
  const auto c = Make();
  for (Database* database : {a.get(), b.get(), c.get()}) {
    Client(database).Backup(id_, MakeVerifier(1), MakeData(1), 5);
  }
  EXPECT_NE(Of(*a), Of(*b));
  EXPECT_NE(Of(*a), Of(*c));
  options.digest_key = util::ByteView(group_key_).Sub(0, 15);
  EXPECT_EQ(Database::Create(&env, options).status(), Status(proto::ERROR_INVALID_ARGUMENT));
}

TEST_F(DigestTest, OfAStoppedDatabaseIsZero) {
  const auto database = Make();
  Client(database.get()).Backup(id_, MakeVerifier(1), MakeData(1), 5);
  database->Wipe();
  EXPECT_EQ(Of(*database), util::Bytes(16));
}

}  // namespace
}  // namespace svr2::db
