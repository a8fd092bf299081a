// SPDX-License-Identifier: Apache-2.0
//
// A source streams while random commands go on, the joiner gets each of them too, between the
// chunks: it ends with the source's rows. And while an operator puts old regions of the source's or
// the joiner's memory back: it ends with the source's rows, or one of them stops.

#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "db/database_testing.h"
#include "util/seed_testing.h"

namespace svr2::db {
namespace {

class Join {
 public:
  explicit Join(uint64_t seed) : random_(seed) {
    source_ = Make(false);
    ids_ = 1 + Pick(400);
    if (Pick(3) == 0) spread_ = 0x9e3779b97f4a7c15;  // Over the whole range of ids.
  }

  void Fill() {
    const uint64_t commands = Pick(800);
    for (uint64_t i = 0; i < commands; ++i) ASSERT_TRUE(Command(60)) << "no attack yet";
    joiner_ = Make(true);
  }

  // One chunk, then some commands at both. False when one of the two has stopped.
  bool Step() {
    util::SecretBytes chunk;
    const Status read = source_->ReadRows(&cursor_, 128 + Pick(2000), &chunk);
    if (!Fine(read)) return false;
    uint64_t rows = 0;
    if (!Fine(joiner_->LoadRows(util::View(chunk), &rows))) return false;
    EXPECT_EQ(joiner_->loading(), !cursor_.done);
    const int grow_percent = static_cast<int>(Pick(100));
    for (uint64_t commands = Pick(20); commands > 0; --commands) {
      if (!Command(grow_percent)) return false;
    }
    return true;
  }
  bool done() const { return cursor_.done; }

  void ExpectEqual() {
    Status status;
    const auto theirs = ReadAll(source_.get(), 4096, &status);
    if (!Fine(status)) return;
    const auto ours = ReadAll(joiner_.get(), 999, &status);
    if (!Fine(status)) return;
    EXPECT_TRUE(ours == theirs);
    EXPECT_TRUE(util::ConstantTimeEqual(joiner_->Digest().view(), source_->Digest().view()));
    EXPECT_EQ(joiner_->rows(), source_->rows());
  }
  void ExpectWhole() {
    EXPECT_EQ(DatabasePeer::Check(source_.get()), "");
    EXPECT_EQ(DatabasePeer::Check(joiner_.get()), "");
  }

  uint64_t Pick(uint64_t below) { return random_() % below; }
  Database* source() { return source_.get(); }
  Database* joiner() { return joiner_.get(); }

 private:
  std::unique_ptr<Database> Make(bool loading) {
    env::FakeEnv env(random_());
    DatabaseOptions options;
    options.leaf_rows = 4 + 2 * static_cast<uint32_t>(Pick(3));
    options.node_children = 4 + 2 * static_cast<uint32_t>(Pick(2));
    options.chunk_bytes = 4096;
    options.digest_key = key_;
    options.loading = loading;
    return std::move(Database::Create(&env, options)).value();
  }

  // The same at the source and at the joiner, which answer alike where the joiner has the id.
  bool Command(int grow_percent) {
    const uint64_t number = Pick(ids_);
    const Id id = MakeId(number, number * spread_);
    const Verifier verifier = MakeVerifier(Pick(2));
    const uint64_t content = Pick(3);
    const bool grow = Pick(100) < static_cast<uint64_t>(grow_percent);
    const uint64_t op = grow ? 0 : 1 + Pick(4);
    const size_t bytes = 16 + Pick(33);
    const auto apply = [&](Client* client) {
      if (op == 0) client->Backup(id, verifier, MakeData(content, bytes), 2);
      if (op == 1) client->Expose(id, MakeData(content));
      if (op == 2) client->Restore(id, verifier);
      if (op > 2) client->Delete(id);
    };
    Client at_source(source_.get());
    apply(&at_source);
    if (!Fine(at_source.status())) return false;
    if (joiner_ == nullptr) return true;
    Client at_joiner(joiner_.get());
    const bool covered = joiner_->Covers(id);
    apply(&at_joiner);
    if (!Fine(at_joiner.status())) return false;
    if (covered) {
      EXPECT_EQ(at_joiner.effect().status, at_source.effect().status);
      EXPECT_EQ(at_joiner.effect().tries, at_source.effect().tries);
    }
    return true;
  }

  static bool Fine(Status status) {
    if (status.ok()) return true;
    EXPECT_EQ(status, Status(proto::ERROR_INTEGRITY_MISMATCH));
    return false;
  }

  std::mt19937_64 random_;
  const util::Bytes key_ = util::Bytes(kDigestKeyBytes, 7);
  uint64_t ids_ = 0;
  uint64_t spread_ = 0;
  std::unique_ptr<Database> source_;
  std::unique_ptr<Database> joiner_;
  RowCursor cursor_;
};

TEST(JoinTest, EndsEqualWhateverIsAppliedMeanwhile) {
  const uint64_t seed = util::TestSeed();
  for (uint64_t round = 0; round < 1500; ++round) {
    Join join(seed + round);
    join.Fill();
    while (!join.done()) ASSERT_TRUE(join.Step());
    join.ExpectEqual();
    join.ExpectWhole();
    ASSERT_FALSE(testing::Test::HasFailure()) << "SVR2_SEED=" << seed << " round " << round;
  }
}

// Regions of the trees but for the objects' own fields, which the replica's tree protects.
std::vector<OldRegion> ProtectedRegions(Database* database, bool whole_blocks) {
  std::vector<OldRegion> regions;
  for (OldRegion& region : DatabasePeer::Snapshot(database, whole_blocks)) {
    if (region.name().find("top") == std::string::npos) regions.push_back(std::move(region));
  }
  return regions;
}

TEST(JoinTest, OldMemoryPutBackMeanwhileIsFoundOrWithoutEffect) {
  const uint64_t seed = util::TestSeed();
  int attacks = 0;
  int found = 0;
  for (uint64_t round = 0; round < 1500; ++round) {
    Join join(seed + round);
    join.Fill();
    const uint64_t before = join.Pick(5);
    for (uint64_t i = 0; i < before && !join.done(); ++i) ASSERT_TRUE(join.Step());
    Database* const attacked = join.Pick(4) == 0 ? join.joiner() : join.source();
    const std::vector<OldRegion> old = ProtectedRegions(attacked, join.Pick(2) == 0);
    for (int i = 0; i < 2 && !join.done(); ++i) ASSERT_TRUE(join.Step());
    const uint64_t percent = join.Pick(2) == 0 ? 5 : 80;
    int restored = 0;
    for (const OldRegion& region : old) {
      if (!region.Changed() || join.Pick(100) >= percent) continue;
      region.Restore();
      ++restored;
    }
    if (restored == 0) continue;
    ++attacks;
    while (!join.done() && join.Step()) {
    }
    if (!join.source()->stopped() && !join.joiner()->stopped()) join.ExpectEqual();
    found += join.source()->stopped() || join.joiner()->stopped();
    ASSERT_FALSE(testing::Test::HasFailure()) << "SVR2_SEED=" << seed << " round " << round;
  }
  std::printf("%d attacks, %d found\n", attacks, found);
  EXPECT_GT(attacks, 500);
  EXPECT_GT(found, attacks * 3 / 4);
}

}  // namespace
}  // namespace svr2::db
