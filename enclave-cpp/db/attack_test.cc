// SPDX-License-Identifier: Apache-2.0
//
// The operator's attacks (protocol.md §2, "Integrity failure" and the reason for expose;
// peer-figures.md, failure 6). He holds answers back, and he puts old pieces of enclave memory
// back. Each old piece must be found at the next access that depends on it, before any answer is
// given; then the replica stops for good and its database is wiped. However he combines pieces, an
// answer is right or there is none.

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "db/database_testing.h"
#include "integrity/tree.h"
#include "integrity/tree_testing.h"

namespace svr2::db {
namespace {

const Status kMismatch = proto::ERROR_INTEGRITY_MISMATCH;

bool Any(const std::string&) { return true; }
// A leaf, not a node of the tree over the leaves' tags ("leaf tags …").
bool IsLeaf(const std::string& name) {
  return name.rfind("leaf ", 0) == 0 && name.rfind("leaf tags", 0) != 0;
}

class AttackTest : public testing::Test {
 protected:
  static constexpr uint64_t kRows = 120;

  void SetUp() override { Build(); }

  // Even ids 0 … 2 · kRows, exposed, 5 tries each, in small blocks; odd ids are absent.
  void Build() {
    DatabaseOptions options;
    options.leaf_rows = 4;
    options.node_children = 4;
    options.chunk_bytes = 4096;
    env::FakeEnv env(1);  // The same keys and layout each time.
    database_ = std::move(Database::Create(&env, options)).value();
    client_ = std::make_unique<Client>(database_.get());
    for (uint64_t i = 0; i < kRows; ++i) AddRow(2 * (i * 37 % kRows));
    client_->Backup(populated_, right_, MakeData(5), 5);
    ASSERT_EQ(database_->rows(), kRows + 1);
    ASSERT_GE(DatabasePeer::Height(database_.get()), 2u);
    tree_ = std::move(integrity::Tree::Create(&env, 10)).value();
  }
  void AddRow(uint64_t i) {
    client_->Backup(MakeId(i), right_, MakeData(i), 5);
    client_->Expose(MakeId(i), MakeData(i));
    ASSERT_TRUE(client_->status().ok());
  }

  using Access = std::function<void(Client*, const Id&)>;
  std::vector<Access> Accesses() const {
    return {[](Client* c, const Id& id) { c->Tries(id); },
            [this](Client* c, const Id& id) { c->Restore(id, right_); },
            [this](Client* c, const Id& id) { c->Restore(id, wrong_); },
            [](Client* c, const Id& id) { c->Expose(id, MakeData(3)); },
            [](Client* c, const Id& id) { c->Delete(id); },
            [this](Client* c, const Id& id) { c->Backup(id, right_, MakeData(1), 3); }};
  }

  // The replica has stopped for good: ERROR to this request and to all that follow, nothing left.
  void ExpectStopped() {
    EXPECT_EQ(client_->status(), kMismatch);
    EXPECT_EQ(client_->effect().status, EffectStatus::kError);
    EXPECT_EQ(client_->effect().tries, 0);
    EXPECT_TRUE(client_->effect().data().empty());
    EXPECT_TRUE(database_->stopped());
    EXPECT_EQ(database_->rows(), 0u);
    EXPECT_EQ(database_->heap_bytes(), 0u) << "wiped and given back";
    for (const Access& access : Accesses()) {
      access(client_.get(), MakeId(2));
      EXPECT_EQ(client_->status(), kMismatch);
      EXPECT_EQ(client_->effect().status, EffectStatus::kError);
    }
    EXPECT_EQ(database_->ReserveForBackups(1), kMismatch);
  }

  // Lets `happen` happen, then puts each changed region back, one at a time and in a database of
  // its own, and expects the very next access to `victim` to find it, whatever access it is.
  // Returns how many regions changed.
  int ExpectEachOldRegionFound(const Id& victim, bool whole_blocks,
                               const std::function<void(Client*)>& happen,
                               const std::function<bool(const std::string&)>& wanted) {
    int found = 0;
    const size_t regions = DatabasePeer::Regions(database_.get(), whole_blocks).size();
    for (size_t region = 0; region < regions; ++region) {
      for (const Access& access : Accesses()) {
        Build();
        const std::vector<OldRegion> old = DatabasePeer::Snapshot(database_.get(), whole_blocks);
        happen(client_.get());
        if (!old[region].Changed() || !wanted(old[region].name())) break;
        old[region].Restore();
        access(client_.get(), victim);
        EXPECT_EQ(client_->status(), kMismatch) << old[region].name();
        ExpectStopped();
        found += &access == &Accesses().front() ? 0 : 1;
      }
    }
    return found;
  }

  // An absent id whose backup changes one leaf only: the others would not be on its path.
  Id IdOfLeafWithRoom() {
    for (uint64_t i = 1; i < 2 * kRows; i += 2) {
      Build();
      const std::vector<OldRegion> old = DatabasePeer::Snapshot(database_.get(), true);
      client_->Backup(MakeId(i), right_, MakeData(5), 3);
      int leaves = 0;
      for (const OldRegion& region : old) leaves += region.Changed() && IsLeaf(region.name());
      if (leaves == 1) return MakeId(i);
    }
    ADD_FAILURE() << "no leaf has room";
    return MakeId(1);
  }

  std::unique_ptr<Database> database_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<integrity::Tree> tree_;
  const Verifier right_ = MakeVerifier(1);
  const Verifier wrong_ = MakeVerifier(2);
  const Id victim_ = MakeId(88);
  const Id populated_ = MakeId(1000);  // Not exposed.
};

// "Were a backup restorable at once, the operator could hold back its answer, spend the tries, and
// wait for the repeat, without end."
TEST_F(AttackTest, HoldingBackAnswersOfBackupsGainsNoGuess) {
  const Id id = MakeId(1);
  int told = 0;  // Answers that tell that a PIN was wrong.
  for (int repeat = 0; repeat < 50; ++repeat) {
    client_->Backup(id, right_, MakeData(1), 3);  // The client repeats; its answer is held back.
    for (int guess = 0; guess < 10; ++guess) {
      const Effect& effect = client_->Restore(id, wrong_);
      EXPECT_EQ(effect.status, EffectStatus::kMissing);
      EXPECT_EQ(client_->Restore(id, right_).status, EffectStatus::kMissing)
          << "the same to a right guess";
    }
    // Only who knows the data can expose.
    EXPECT_EQ(client_->Expose(id, MakeData(2)).status, EffectStatus::kError);
  }
  client_->Expose(id, MakeData(1));  // The client exposes, and repeats no backup from here on.
  for (int guess = 0; guess < 10; ++guess) {
    const bool there = client_->Tries(id).status == EffectStatus::kOk;
    client_->Restore(id, wrong_);
    told += there ? 1 : 0;
    client_->Expose(id, MakeData(1));  // Repeats of the expose do no harm.
  }
  EXPECT_EQ(told, 3);
}

// Old memory from before a wrong guess: the row, its tag, each node above.
TEST_F(AttackTest, MemoryFromBeforeAWrongGuess) {
  EXPECT_GT(ExpectEachOldRegionFound(
                victim_, false, [this](Client* c) { c->Restore(victim_, wrong_); }, Any),
            4);
}

// The same, page by page: the whole leaf.
TEST_F(AttackTest, OldLeafFromBeforeAWrongGuess) {
  EXPECT_GT(ExpectEachOldRegionFound(
                victim_, true, [this](Client* c) { c->Restore(victim_, wrong_); }, Any),
            2);
}

TEST_F(AttackTest, MemoryFromBeforeAReplacingBackup) {
  EXPECT_GT(
      ExpectEachOldRegionFound(
          victim_, false, [this](Client* c) { c->Backup(victim_, wrong_, MakeData(5), 1); }, Any),
      4);
}

TEST_F(AttackTest, MemoryFromBeforeAnExpose) {
  EXPECT_GT(ExpectEachOldRegionFound(
                populated_, false, [this](Client* c) { c->Expose(populated_, MakeData(5)); }, Any),
            4);
}

// "missing" is proved: an old leaf without the row, after the backup.
// peer-figures.md, failure 6: "missing" answers.
TEST_F(AttackTest, OldAbsencePageAfterABackup) {
  const Id fresh = IdOfLeafWithRoom();
  EXPECT_GT(ExpectEachOldRegionFound(
                fresh, true, [&](Client* c) { c->Backup(fresh, right_, MakeData(5), 3); }, Any),
            2);
}

// An old node that leads past rows that have since moved to a new leaf does not make them missing.
// And an old node that still leads the right way decides nothing; but no change is ever built upon
// it.
TEST_F(AttackTest, OldNode) {
  int misled = 0;
  int refused = 0;
  const size_t regions = DatabasePeer::Regions(database_.get(), true).size();
  for (size_t region = 0; region < regions; ++region) {
    Build();
    const std::vector<OldRegion> old = DatabasePeer::Snapshot(database_.get(), true);
    if (old[region].name().rfind("node ", 0) != 0) continue;
    for (uint64_t i = 1; i < 2 * kRows; i += 2) AddRow(i);
    if (!old[region].Changed()) continue;
    old[region].Restore();
    for (uint64_t i = 0; i < 2 * kRows && client_->status().ok(); ++i) {
      const Effect& effect = client_->Restore(MakeId(i), right_);
      EXPECT_EQ(effect.status, client_->status().ok() ? EffectStatus::kOk : EffectStatus::kError);
    }
    misled += client_->status().ok() ? 0 : 1;
    for (uint64_t i = 0; i < 2 * kRows && client_->status().ok(); ++i) client_->Delete(MakeId(i));
    EXPECT_FALSE(client_->status().ok()) << "built upon " << old[region].name();
    ++refused;
  }
  EXPECT_GT(misled, 10);
  EXPECT_GT(refused, 10);
}

// An old leaf with the row, after the delete; and after the last wrong guess.
// peer-figures.md, failure 6: deletes.
TEST_F(AttackTest, OldRowAfterADelete) {
  EXPECT_GT(ExpectEachOldRegionFound(
                victim_, true, [this](Client* c) { c->Delete(victim_); },
                [](const std::string& name) { return name.rfind("node ", 0) != 0; }),
            2);
}

TEST_F(AttackTest, OldRowAfterTheLastWrongGuess) {
  EXPECT_GT(ExpectEachOldRegionFound(
                victim_, true,
                [this](Client* c) {
                  for (int i = 0; i < 5; ++i) c->Restore(victim_, wrong_);
                },
                [](const std::string& name) { return name.rfind("node ", 0) != 0; }),
            2);
}

// A key that is moved or garbled in the search array makes the search miss the row; that is no
// proof.
TEST_F(AttackTest, AHiddenKeyDoesNotMakeARowMissing) {
  for (const uint8_t flip : util::Bytes{0x01, 0x80}) {
    for (const Access& access : Accesses()) {
      Build();
      const Region key = DatabasePeer::RowRegions(database_.get(), victim_)[0];
      key.data[0] ^= flip;
      access(client_.get(), victim_);
      ExpectStopped();
    }
  }
}

void Swap(const Region& a, const Region& b) { std::swap_ranges(a.data, a.data + a.bytes, b.data); }

// Two rows change places: bodies only (the victim's id with the attacker's PIN), with their tags,
// and as a whole; in one leaf and across leaves.
TEST_F(AttackTest, ExchangedRows) {
  for (const Id& other : {MakeId(86), MakeId(90), MakeId(10), MakeId(200)}) {
    for (unsigned parts = 1; parts < 8; ++parts) {
      Build();
      // The two rows must differ in every part.
      client_->Backup(other, wrong_, MakeData(9), 9);
      client_->Expose(other, MakeData(9));
      const std::vector<Region> a = DatabasePeer::RowRegions(database_.get(), victim_);
      const std::vector<Region> b = DatabasePeer::RowRegions(database_.get(), other);
      for (unsigned i = 0; i < 3; ++i) {
        if ((parts >> i & 1) != 0) Swap(a[i], b[i]);
      }
      client_->Restore(victim_, wrong_);
      ExpectStopped();
    }
  }
}

TEST_F(AttackTest, ExchangedLeaves) {
  for (const Access& access : Accesses()) {
    for (const Id& at : {victim_, MakeId(20), MakeId(89)}) {
      Build();
      const Region a = DatabasePeer::LeafRegion(database_.get(), victim_);
      const Region b = DatabasePeer::LeafRegion(database_.get(), MakeId(20));
      ASSERT_NE(a.data, b.data);
      Swap(a, b);
      access(client_.get(), at);
      ExpectStopped();
    }
  }
}

// An old root: the tree's top pointer from before it grew.
TEST_F(AttackTest, OldRoot) {
  DatabaseOptions options;
  options.leaf_rows = 4;
  options.node_children = 4;
  env::FakeEnv env(1);
  database_ = std::move(Database::Create(&env, options)).value();
  client_ = std::make_unique<Client>(database_.get());
  for (uint64_t i = 0; i < 16; ++i) AddRow(i);
  const uint32_t height = DatabasePeer::Height(database_.get());
  const OldRegion old(DatabasePeer::RootField(database_.get()));
  for (uint64_t i = 16; i < 80; ++i) AddRow(i);
  ASSERT_GT(DatabasePeer::Height(database_.get()), height);
  old.Restore();
  client_->Restore(MakeId(70), right_);
  ExpectStopped();
}

// Everything old at once but for the root, which lies elsewhere.
TEST_F(AttackTest, AllOldButTheRoot) {
  for (const bool whole_blocks : {false, true}) {
    Build();
    const std::vector<OldRegion> old = DatabasePeer::Snapshot(database_.get(), whole_blocks);
    client_->Restore(victim_, wrong_);
    for (const OldRegion& region : old) {
      if (region.name().find("top") == std::string::npos) region.Restore();
    }
    client_->Restore(victim_, wrong_);
    ExpectStopped();
  }
}

// The whole database, its root included, from before the guess: consistent in itself. The root,
// which the replica keeps under its integrity tree together with the commit index, shows it.
TEST_F(AttackTest, AWholeOldDatabaseDiffersFromTheReplicasTree) {
  const auto root = [this] { return DatabasePeer::Root(*database_); };
  const integrity::Slot slot = tree_->Allocate(root()).value();
  const util::Bytes before = root();
  std::vector<OldRegion> old = DatabasePeer::Snapshot(database_.get(), true);
  old.emplace_back(DatabasePeer::DigestField(database_.get()));
  client_->Restore(victim_, wrong_);
  ASSERT_TRUE(tree_->Update(slot, before, root()).ok());
  for (const OldRegion& region : old) region.Restore();
  EXPECT_EQ(root(), before) << "undetectable from inside the database";
  EXPECT_EQ(tree_->Verify(slot, root()), kMismatch);
}

// An old digest, which would make replicas that differ look alike, or alike ones differ.
TEST_F(AttackTest, AnOldDigestDiffersFromTheReplicasTree) {
  const OldRegion old(DatabasePeer::DigestField(database_.get()));
  client_->Restore(victim_, wrong_);
  const integrity::Slot slot = tree_->Allocate(DatabasePeer::Root(*database_)).value();
  old.Restore();
  EXPECT_EQ(tree_->Verify(slot, DatabasePeer::Root(*database_)), kMismatch);
}

}  // namespace
}  // namespace svr2::db
