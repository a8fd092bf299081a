// SPDX-License-Identifier: Apache-2.0
//
// Random commands against a model that a reader can check at a glance, at block sizes so small that
// splits, moves and merges happen all the time; and again at the production sizes.

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "db/database_testing.h"
#include "util/seed_testing.h"

namespace svr2::db {
namespace {

// protocol.md §2, as short as it gets.
struct Model {
  struct Row {
    Verifier verifier;
    util::Bytes data;
    int tries;
    bool available;
  };
  std::map<Id, Row> rows;

  EffectStatus Expose(const Id& id, const util::Bytes& data) {
    if (rows.count(id) == 0 || rows[id].data != data) return EffectStatus::kError;
    rows[id].available = true;
    return EffectStatus::kOk;
  }
  EffectStatus Restore(const Id& id, const Verifier& verifier) {
    if (rows.count(id) == 0 || !rows[id].available) return EffectStatus::kMissing;
    if (rows[id].verifier == verifier) return EffectStatus::kOk;
    if (--rows[id].tries > 0) return EffectStatus::kPinMismatch;
    rows.erase(id);
    return EffectStatus::kMissing;
  }
};

struct Shape {
  uint32_t leaf_rows;
  uint32_t node_children;
  int ids;
  int steps;
};

class ModelTest : public testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    seed_ = util::TestSeed();
    RecordProperty("seed", std::to_string(seed_));
    random_.seed(seed_);
    DatabaseOptions options;
    options.leaf_rows = GetParam().leaf_rows;
    options.node_children = GetParam().node_children;
    options.chunk_bytes = 4096;
    env::FakeEnv env(seed_);
    auto created = Database::Create(&env, options);
    ASSERT_TRUE(created.ok());
    database_ = std::move(created).value();
  }

  uint64_t Pick(uint64_t below) { return random_() % below; }
  // Ids that differ in the upper half only, in the lower half only, and in both.
  Id PickId() {
    const uint64_t n = Pick(static_cast<uint64_t>(GetParam().ids));
    return n % 3 == 0 ? MakeId(n) : n % 3 == 1 ? MakeId(7, n) : MakeId(n * 0x9e3779b97f4a7c15, n);
  }

  void Step(int grow_percent);

  uint64_t seed_ = 0;
  std::mt19937_64 random_;
  std::unique_ptr<Database> database_;
  Model model_;
};

// Grows while grow_percent is high, shrinks while it is low.
void ModelTest::Step(int grow_percent) {
  Client client(database_.get());
  const Id id = PickId();
  const auto row = model_.rows.find(id);
  const bool known = row != model_.rows.end();
  const Verifier right = known ? row->second.verifier : MakeVerifier(1);
  const Verifier verifier = Pick(2) == 0 ? right : MakeVerifier(Pick(3));
  const util::Bytes data = known && Pick(4) != 0 ? row->second.data : MakeData(Pick(50));
  if (Pick(100) < static_cast<uint64_t>(grow_percent)) {
    const Model::Row fresh = {MakeVerifier(Pick(3)), MakeData(Pick(50), 16 + Pick(33)),
                              static_cast<int>(1 + Pick(4)), false};
    ASSERT_EQ(
        client.Backup(id, fresh.verifier, fresh.data, static_cast<uint8_t>(fresh.tries)).status,
        EffectStatus::kOk);
    model_.rows[id] = fresh;
  } else if (const uint64_t op = Pick(8); op < 2) {
    ASSERT_EQ(client.Expose(id, data).status, model_.Expose(id, data));
  } else if (op < 4) {
    const EffectStatus expected = model_.Restore(id, verifier);
    const Effect& effect = client.Restore(id, verifier);
    ASSERT_EQ(effect.status, expected);
    const bool counts = expected == EffectStatus::kOk || expected == EffectStatus::kPinMismatch;
    ASSERT_EQ(effect.tries, counts ? model_.rows[id].tries : 0);
    ASSERT_EQ(effect.data().ToBytes(),
              expected == EffectStatus::kOk ? model_.rows[id].data : util::Bytes());
  } else if (op < 7) {
    ASSERT_EQ(client.Delete(id).status, EffectStatus::kOk);
    model_.rows.erase(id);
  } else {
    const Effect& effect = client.Tries(id);
    ASSERT_EQ(effect.status, known ? EffectStatus::kOk : EffectStatus::kMissing);
    ASSERT_EQ(effect.tries, known ? row->second.tries : 0);
    ASSERT_EQ(effect.exposed, known && row->second.available);
  }
  ASSERT_TRUE(client.status().ok());
  ASSERT_EQ(database_->rows(), model_.rows.size());
}

TEST_P(ModelTest, EqualsTheModel) {
  const int steps = GetParam().steps;
  uint32_t greatest_height = 0;
  uint32_t most_leaves = 0;
  for (int i = 0; i < steps; ++i) {
    const int phase = i * 6 / steps;  // Grow, shrink, three times over.
    Step(phase % 2 == 0 ? 70 : 5);
    if (HasFatalFailure()) FAIL() << "step " << i << ", SVR2_SEED=" << seed_;
    greatest_height = std::max(greatest_height, DatabasePeer::Height(database_.get()));
    most_leaves = std::max(most_leaves, DatabasePeer::Leaves(database_.get()));
    if (i % (steps / 300 + 1) == 0) {
      ASSERT_EQ(DatabasePeer::Check(database_.get()), "") << i;
    }
  }
  ASSERT_EQ(DatabasePeer::Check(database_.get()), "");
  ASSERT_GE(greatest_height, 1u) << "the structure was not exercised";
  Client client(database_.get());
  while (!model_.rows.empty()) {
    client.Delete(model_.rows.begin()->first);
    ASSERT_TRUE(client.status().ok());
    model_.rows.erase(model_.rows.begin());
  }
  ASSERT_EQ(DatabasePeer::Check(database_.get()), "");
  ASSERT_EQ(database_->rows(), 0u);
  // Leaves that ran empty without a neighbour below the same node stay for the next insert there.
  ASSERT_LE(DatabasePeer::Leaves(database_.get()), most_leaves / 10 + 1);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ModelTest,
                         testing::Values(Shape{4, 4, 60, 30000}, Shape{4, 4, 3000, 60000},
                                         Shape{6, 8, 3000, 60000}, Shape{16, 6, 5000, 60000},
                                         Shape{22, 100, 20000, 100000},
                                         Shape{64, 128, 20000, 50000}));

}  // namespace
}  // namespace svr2::db
