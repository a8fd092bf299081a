// SPDX-License-Identifier: Apache-2.0
//
// The replica's integrity tree over contents (design.md §4, Integrity): what its callers rely on.

#include "integrity/tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <thread>

#include "env/fake_env.h"
#include "integrity/tree_testing.h"

namespace svr2::integrity {
namespace {

const Status kMismatch = proto::ERROR_INTEGRITY_MISMATCH;

class TreeTest : public testing::Test {
 protected:
  void SetUp() override { tree_ = Make(100); }
  std::unique_ptr<Tree> Make(uint32_t slots) {
    return std::move(Tree::Create(&env_, slots)).value();
  }
  static std::string Content(uint32_t i) { return "content " + std::to_string(i); }

  env::FakeEnv env_{1};
  std::unique_ptr<Tree> tree_;
};

TEST_F(TreeTest, HoldsContentsOfAnySize) {
  for (const size_t size : {0u, 1u, 24u, 1023u, 1024u, 1025u, 5000u}) {
    std::string content(size, 'x');
    const Slot slot = tree_->Allocate(content).value();
    EXPECT_TRUE(tree_->Verify(slot, content).ok()) << size;
    std::string other = content + "x";
    EXPECT_TRUE(tree_->Update(slot, content, other).ok()) << size;
    EXPECT_TRUE(tree_->Verify(slot, other).ok()) << size;
    EXPECT_TRUE(tree_->Release(slot, other).ok()) << size;
  }
  EXPECT_EQ(tree_->used(), 0u);
}

TEST_F(TreeTest, EachWrongCallIsAMismatchForGood) {
  using Call = std::function<Status(Tree*, Slot)>;
  const Call wrong_calls[] = {
      [](Tree* t, Slot s) { return t->Verify(s, std::string("old")); },
      [](Tree* t, Slot s) { return t->Update(s, std::string("old"), std::string("new")); },
      [](Tree* t, Slot s) { return t->Release(s, std::string("old")); },
      [](Tree* t, Slot s) { return t->Verify(s + 1, std::string("now")); },
      [](Tree* t, Slot) { return t->Verify(0xffffffff, std::string("now")); },
  };
  for (const Call& wrong : wrong_calls) {
    std::unique_ptr<Tree> tree = Make(10);
    const Slot slot = tree->Allocate(std::string("now")).value();
    EXPECT_EQ(wrong(tree.get(), slot), kMismatch);
    // The replica must stop: what was right before is refused too.
    EXPECT_EQ(tree->Verify(slot, std::string("now")), kMismatch);
    EXPECT_EQ(tree->Update(slot, std::string("now"), std::string("now")), kMismatch);
    EXPECT_EQ(tree->Allocate(std::string("other")).status(), kMismatch);
    EXPECT_EQ(tree->Release(slot, std::string("now")), kMismatch);
  }
}

TEST_F(TreeTest, ContentsAreBoundToTheirSlots) {
  const Slot first = tree_->Allocate(std::string("same")).value();
  const Slot second = tree_->Allocate(std::string("same")).value();
  std::vector<OldMemory> nodes = TreePeer::Nodes(TreePeer::tags(tree_.get()));
  uint8_t* tags = nodes[0].data;
  EXPECT_FALSE(std::equal(tags + first * kTagBytes, tags + (first + 1) * kTagBytes,
                          tags + second * kTagBytes))
      << "equal contents have different tags";
}

TEST_F(TreeTest, RefusesBeyondItsLimitAndGoesOn) {
  std::unique_ptr<Tree> tree = Make(3);
  for (uint32_t i = 0; i < 3; ++i) ASSERT_TRUE(tree->Allocate(Content(i)).ok());
  EXPECT_EQ(tree->Allocate(Content(3)).error(), proto::ERROR_INTEGRITY_FULL);
  EXPECT_TRUE(tree->Release(1, Content(1)).ok());
  EXPECT_EQ(tree->Allocate(Content(4)).value(), 1u);
  EXPECT_TRUE(tree->Verify(1, Content(4)).ok());
}

TEST_F(TreeTest, NeedsRandomKeys) {
  env_.FailRandom(true);
  EXPECT_EQ(Tree::Create(&env_, 10).error(), proto::ERROR_RANDOM_FAILED);
  env_.FailRandom(false);
  EXPECT_EQ(Tree::Create(&env_, TagTree::kMaxSlots + 1).error(), proto::ERROR_INVALID_ARGUMENT);
  // Two trees, the same contents, other tags: the key is the enclave's own and drawn anew.
  std::unique_ptr<Tree> other = Make(10);
  ASSERT_TRUE(tree_->Allocate(Content(0)).ok());
  ASSERT_TRUE(other->Allocate(Content(0)).ok());
  EXPECT_NE(TreePeer::Nodes(TreePeer::tags(tree_.get()))[0].bytes,
            TreePeer::Nodes(TreePeer::tags(other.get()))[0].bytes);
}

// A client session's counters, say, or the Raft term, put back by the operator: content only, tree
// only, each node of the tree, in every order of events.
TEST_F(TreeTest, AnyOldPieceStopsTheReplica) {
  constexpr uint32_t kSlots = 600;
  constexpr Slot kVictim = 444;
  const auto fill = [](Tree* tree) {
    for (uint32_t i = 0; i < kSlots; ++i) ASSERT_TRUE(tree->Allocate(Content(i)).ok());
  };
  size_t regions = 0;
  for (size_t region = 0; region <= regions; ++region) {
    std::unique_ptr<Tree> tree = Make(kSlots);
    fill(tree.get());
    const std::vector<OldMemory> old = TreePeer::Nodes(TreePeer::tags(tree.get()));
    regions = old.size();
    ASSERT_TRUE(tree->Update(kVictim, Content(kVictim), Content(9999)).ok());
    if (region < regions) {
      if (!old[region].Changed()) continue;
      old[region].Restore();
      // The owner's content is the new one; some node is old.
      EXPECT_EQ(tree->Verify(kVictim, Content(9999)), kMismatch) << old[region].name;
    } else {
      // The owner's content is the old one; the tree is new.
      EXPECT_EQ(tree->Verify(kVictim, Content(kVictim)), kMismatch);
    }
  }
}

TEST_F(TreeTest, ThreadsShareIt) {
  std::unique_ptr<Tree> tree = Make(4000);
  std::vector<std::thread> threads;
  std::array<bool, 4> good{};
  for (size_t t = 0; t < good.size(); ++t) {
    threads.emplace_back([&tree, &good, t] {
      bool ok = true;
      std::vector<std::pair<Slot, std::string>> mine;
      for (uint32_t i = 0; i < 500; ++i) {
        const std::string content = std::to_string(t) + "/" + std::to_string(i);
        const Result<Slot> slot = tree->Allocate(content);
        ok &= slot.ok();
        if (slot.ok()) mine.emplace_back(*slot, content);
        auto& [s, c] = mine[i / 2];
        ok &= tree->Update(s, c, c + "'").ok();
        c += "'";
      }
      for (const auto& [s, c] : mine) ok &= tree->Verify(s, c).ok() && tree->Release(s, c).ok();
      good[t] = ok;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const bool ok : good) EXPECT_TRUE(ok);
  EXPECT_EQ(tree->used(), 0u);
}

}  // namespace
}  // namespace svr2::integrity
