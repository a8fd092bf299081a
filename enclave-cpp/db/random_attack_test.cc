// SPDX-License-Identifier: Apache-2.0
//
// Random commands while an operator puts random old regions of memory back. Whatever he restores:
// an answer that is given is the right one, the end is ERROR_INTEGRITY_MISMATCH, and nothing
// crashes (run with SAN=address).

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <random>

#include "db/database_testing.h"
#include "util/seed_testing.h"

namespace svr2::db {
namespace {

struct Counts {
  int rounds = 0;
  int found = 0;
  int harmless = 0;  // The old region was overwritten or never needed again.
};

class RandomAttack {
 public:
  explicit RandomAttack(uint64_t seed) : random_(seed) {
    DatabaseOptions options;
    options.leaf_rows = 4 + 2 * static_cast<uint32_t>(Pick(3));
    options.node_children = 4 + 2 * static_cast<uint32_t>(Pick(2));
    options.chunk_bytes = 4096;
    env::FakeEnv env(seed);
    database_ = std::move(Database::Create(&env, options)).value();
    ids_ = 5 + Pick(150);
  }

  void Run(Counts* counts) {
    const uint64_t warm_up = Pick(300);
    for (uint64_t i = 0; i < warm_up; ++i) ASSERT_TRUE(Step()) << "no attack yet";
    const std::vector<OldRegion> old = DatabasePeer::Snapshot(database_.get(), Pick(2) == 0);
    const uint64_t between = 1 + Pick(30);
    for (uint64_t i = 0; i < between; ++i) ASSERT_TRUE(Step()) << "no attack yet";
    // A few regions, or most of them, but never the roots: those lie in the object and are
    // protected by the replica's tree.
    const uint64_t percent = Pick(2) == 0 ? 2 : 80;
    std::vector<const OldRegion*> changed;
    for (const OldRegion& region : old) {
      const bool top = region.name().find("top") != std::string::npos;
      if (region.Changed() && !top) changed.push_back(&region);
    }
    if (changed.empty()) return;
    changed[Pick(changed.size())]->Restore();
    for (const OldRegion* region : changed) {
      if (Pick(100) < percent) region->Restore();
    }
    ++counts->rounds;
    for (int i = 0; i < 400; ++i) {
      if (!Step()) {
        ++counts->found;
        return;
      }
      if (testing::Test::HasFatalFailure()) return;
    }
    ++counts->harmless;
  }

 private:
  struct Row {
    Verifier verifier;
    util::Bytes data;
    int tries;
    bool available;
  };

  uint64_t Pick(uint64_t below) { return random_() % below; }

  // One random command, its answer compared with the model's. False on a mismatch.
  bool Step() {
    Client client(database_.get());
    const uint64_t number = Pick(ids_);
    const Id id = MakeId(number);
    const auto row = rows_.find(number);
    const bool known = row != rows_.end();
    switch (Pick(6)) {
      case 0:
      case 1: {
        const Row fresh = {MakeVerifier(Pick(2)), MakeData(Pick(99)), static_cast<int>(1 + Pick(3)),
                           false};
        client.Backup(id, fresh.verifier, fresh.data, static_cast<uint8_t>(fresh.tries));
        if (client.status().ok()) rows_[number] = fresh;
        break;
      }
      case 2:
        if (known && client.Expose(id, row->second.data).status == EffectStatus::kOk) {
          row->second.available = true;
        }
        EXPECT_TRUE(!known || !client.status().ok() || row->second.available) << "expose refused";
        break;
      case 3: {
        const EffectStatus expected = known ? EffectStatus::kOk : EffectStatus::kMissing;
        const Effect& effect = client.Tries(id);
        if (!client.status().ok()) break;
        EXPECT_EQ(effect.status, expected);
        EXPECT_EQ(effect.tries, known ? row->second.tries : 0);
        break;
      }
      case 4:
        Guess(&client, number);
        break;
      default:
        client.Delete(id);
        if (client.status().ok()) rows_.erase(number);
    }
    if (client.status().ok()) return true;
    EXPECT_EQ(client.status(), Status(proto::ERROR_INTEGRITY_MISMATCH));
    EXPECT_TRUE(database_->stopped());
    return false;
  }

  void Guess(Client* client, uint64_t number) {
    const auto row = rows_.find(number);
    const Verifier verifier = MakeVerifier(Pick(2));
    const Effect& effect = client->Restore(MakeId(number), verifier);
    if (!client->status().ok()) return;
    if (row == rows_.end() || !row->second.available) {
      EXPECT_EQ(effect.status, EffectStatus::kMissing);
    } else if (row->second.verifier == verifier) {
      EXPECT_EQ(effect.status, EffectStatus::kOk);
      EXPECT_EQ(effect.tries, row->second.tries) << "a guess was forgotten";
      EXPECT_TRUE(effect.data() == util::ByteView(row->second.data));
    } else if (--row->second.tries == 0) {
      EXPECT_EQ(effect.status, EffectStatus::kMissing);
      rows_.erase(row);
    } else {
      EXPECT_EQ(effect.status, EffectStatus::kPinMismatch);
      EXPECT_EQ(effect.tries, row->second.tries) << "a guess was forgotten";
    }
  }

  std::mt19937_64 random_;
  std::unique_ptr<Database> database_;
  uint64_t ids_ = 0;
  std::map<uint64_t, Row> rows_;
};

TEST(RandomAttackTest, AnswersAreRightOrThereAreNone) {
  const uint64_t seed = util::TestSeed();
  Counts counts;
  for (uint64_t round = 0; round < 1500; ++round) {
    RandomAttack(seed + round).Run(&counts);
    ASSERT_FALSE(testing::Test::HasFailure()) << "SVR2_SEED=" << seed << " round " << round;
  }
  std::printf("%d attacks: %d found, %d without effect\n", counts.rounds, counts.found,
              counts.harmless);
  EXPECT_GT(counts.rounds, 1000);
  EXPECT_GT(counts.found, counts.rounds * 3 / 4);
}

}  // namespace
}  // namespace svr2::db
