// SPDX-License-Identifier: Apache-2.0
//
// The tree of tags: growth, free slots, running out of memory, and every node put back to an older
// state.

#include "integrity/tag_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <random>
#include <set>

#include "integrity/tree_testing.h"
#include "util/seed_testing.h"

namespace svr2::integrity {
namespace {

constexpr Error kMismatch = proto::ERROR_INTEGRITY_MISMATCH;

Tag MakeTag(uint64_t slot, uint64_t version) {
  return Tag{{slot * 0x9e3779b97f4a7c15 + version, ~(slot ^ (version << 32))}};
}

// Refuses from the `allowed`-th allocation on; checks that all is given back.
class CountedMemory final : public Memory {
 public:
  ~CountedMemory() override { EXPECT_EQ(live_, 0); }
  void* Allocate(size_t bytes) override {
    if (allowed == 0) return nullptr;
    --allowed;
    ++live_;
    return heap_.Allocate(bytes);
  }
  void Free(void* block, size_t bytes) override {
    --live_;
    heap_.Free(block, bytes);
  }
  int allowed = 1 << 30;

 private:
  HeapMemory heap_;
  int live_ = 0;
};

class TagTreeTest : public testing::Test {
 protected:
  void Append(uint32_t slots) {
    for (uint32_t i = 0; i < slots; ++i) {
      const uint32_t slot = tree_.NextSlot();
      ASSERT_TRUE(tree_.Allocate(MakeTag(slot, 0)).ok());
    }
  }

  static util::Bytes Root(const TagTree& tree) {
    util::Bytes root(TagTree::kMaxRootBytes);
    root.resize(tree.WriteRoot(root.data()));
    return root;
  }

  CountedMemory memory_;
  const std::array<uint8_t, kShortHashKeyBytes> key_ = {1, 2, 3};
  TagTree tree_{key_, &memory_};
};

TEST_F(TagTreeTest, GrowsAndKeepsEveryTag) {
  for (uint32_t i = 0; i < 5000; ++i) {
    ASSERT_EQ(tree_.NextSlot(), i);
    ASSERT_TRUE(tree_.Allocate(MakeTag(i, 0)).ok());
    // Around each change of height, everything.
    if (i < 80 || (i > 505 && i < 520) || (i > 4090 && i < 4100)) {
      for (uint32_t j = 0; j <= i; ++j) ASSERT_TRUE(tree_.Verify(j, MakeTag(j, 0)).ok()) << i;
    }
  }
  EXPECT_EQ(tree_.used(), 5000u);
}

TEST_F(TagTreeTest, RefusesWrongTagsAndSlotsThatAreNotThere) {
  Append(100);
  EXPECT_EQ(tree_.Verify(3, MakeTag(4, 0)), Status(kMismatch));
  EXPECT_EQ(tree_.Verify(100, MakeTag(100, 0)), Status(kMismatch));
  EXPECT_EQ(tree_.Verify(0xffffffff, MakeTag(1, 0)), Status(kMismatch));
  EXPECT_EQ(tree_.Update(3, MakeTag(4, 0), MakeTag(3, 1)), Status(kMismatch));
  EXPECT_EQ(tree_.Release(3, MakeTag(4, 0)), Status(kMismatch));
  EXPECT_TRUE(tree_.Verify(3, MakeTag(3, 0)).ok()) << "a refused call changes nothing";
}

TEST_F(TagTreeTest, FreeSlotsAreReusedLastFirst) {
  Append(70);
  ASSERT_TRUE(tree_.Release(9, MakeTag(9, 0)).ok());
  ASSERT_TRUE(tree_.Release(66, MakeTag(66, 0)).ok());
  EXPECT_EQ(tree_.used(), 68u);
  EXPECT_EQ(tree_.Verify(9, MakeTag(9, 0)), Status(kMismatch));
  EXPECT_EQ(tree_.Release(9, MakeTag(9, 0)), Status(kMismatch)) << "released twice";
  for (const uint32_t expected : {66u, 9u, 70u}) {
    ASSERT_EQ(tree_.NextSlot(), expected);
    ASSERT_TRUE(tree_.Allocate(MakeTag(expected, 1)).ok());
    ASSERT_TRUE(tree_.Verify(expected, MakeTag(expected, 1)).ok());
  }
}

TEST_F(TagTreeTest, OldTagsDoNotVerifyAfterUpdate) {
  Append(600);
  ASSERT_TRUE(tree_.Update(77, MakeTag(77, 0), MakeTag(77, 1)).ok());
  EXPECT_EQ(tree_.Verify(77, MakeTag(77, 0)), Status(kMismatch));
  EXPECT_TRUE(tree_.Verify(77, MakeTag(77, 1)).ok());
  for (uint32_t i = 0; i < 600; ++i) {
    EXPECT_EQ(tree_.Verify(i, MakeTag(i, 0)).ok(), i != 77);
  }
}

TEST_F(TagTreeTest, RandomOperationsEqualAModel) {
  const uint64_t seed = util::TestSeed();
  std::mt19937_64 random(seed);
  std::map<uint32_t, uint64_t> model;  // Slot to version.
  uint64_t version = 0;
  for (int i = 0; i < 20000; ++i) {
    const uint64_t op = random() % 4;
    const auto any = model.lower_bound(static_cast<uint32_t>(random() % (tree_.size() + 1)));
    if (any == model.end() || op < (i < 12000 ? 2u : 1u)) {
      const uint32_t slot = tree_.NextSlot();
      ASSERT_TRUE(tree_.Allocate(MakeTag(slot, ++version)).ok());
      ASSERT_TRUE(model.emplace(slot, version).second) << "slot with two owners";
    } else if (op == 2) {
      ++version;
      ASSERT_TRUE(
          tree_.Update(any->first, MakeTag(any->first, any->second), MakeTag(any->first, version))
              .ok());
      any->second = version;
    } else {
      ASSERT_TRUE(tree_.Release(any->first, MakeTag(any->first, any->second)).ok());
      model.erase(any);
    }
    ASSERT_EQ(tree_.used(), model.size());
  }
  for (const auto& [slot, tag_version] : model) {
    ASSERT_TRUE(tree_.Verify(slot, MakeTag(slot, tag_version)).ok());
  }
}

TEST_F(TagTreeTest, MemoryRunningOutIsAnErrorAndChangesNothing) {
  Append(8);  // The top node alone, no memory.
  memory_.allowed = 0;
  EXPECT_EQ(tree_.Allocate(MakeTag(8, 0)), Status(proto::ERROR_OUT_OF_MEMORY));
  EXPECT_EQ(tree_.Reserve(1), Status(proto::ERROR_OUT_OF_MEMORY));
  for (uint32_t i = 0; i < 8; ++i) EXPECT_TRUE(tree_.Verify(i, MakeTag(i, 0)).ok());
  memory_.allowed = 1 << 30;
  Append(1);
  EXPECT_TRUE(tree_.Verify(8, MakeTag(8, 0)).ok());
}

TEST_F(TagTreeTest, WhatIsReservedNeedsNoMemory) {
  Append(3);
  ASSERT_TRUE(tree_.Release(1, MakeTag(1, 0)).ok());
  ASSERT_TRUE(tree_.Reserve(3000).ok());
  memory_.allowed = 0;
  Append(3000);
  EXPECT_EQ(tree_.used(), 3002u);
  EXPECT_EQ(tree_.Reserve(TagTree::kMaxSlots), Status(proto::ERROR_INTEGRITY_FULL));
}

// The attack: the operator takes a picture of memory, lets the enclave work, and puts one old
// region back.

// A region that an operation on `slot` changed. Putting it back must show at the next use of the
// slot.
TEST_F(TagTreeTest, EveryOldNodeIsFoundAtTheNextAccess) {
  Append(600);
  const uint32_t slot = 300;
  const std::vector<OldMemory> old = TreePeer::Nodes(&tree_);
  ASSERT_TRUE(tree_.Update(slot, MakeTag(slot, 0), MakeTag(slot, 1)).ok());
  std::vector<OldMemory> now = TreePeer::Nodes(&tree_);
  int changed = 0;
  for (size_t i = 0; i < old.size(); ++i) {
    if (!old[i].Changed()) continue;
    ++changed;
    old[i].Restore();
    for (const uint64_t version : {0u, 1u}) {
      EXPECT_EQ(tree_.Verify(slot, MakeTag(slot, version)), Status(kMismatch)) << old[i].name;
      EXPECT_EQ(tree_.Update(slot, MakeTag(slot, version), MakeTag(slot, 2)), Status(kMismatch));
      EXPECT_EQ(tree_.Release(slot, MakeTag(slot, version)), Status(kMismatch)) << old[i].name;
    }
    now[i].Restore();
    EXPECT_TRUE(tree_.Verify(slot, MakeTag(slot, 1)).ok());
  }
  EXPECT_EQ(changed, 4) << "600 slots: three stored levels and the top";
}

// An update next to a node that was put back must not build a root over it.
TEST_F(TagTreeTest, AnOldSiblingIsNeverLaundered) {
  Append(600);
  const std::vector<OldMemory> old = TreePeer::Nodes(&tree_);
  ASSERT_TRUE(tree_.Update(300, MakeTag(300, 0), MakeTag(300, 1)).ok());
  for (const OldMemory& region : old) {
    if (region.Changed() && region.name.rfind("level 0", 0) == 0) region.Restore();
  }
  // In the same node, in the same subtree, elsewhere.
  EXPECT_EQ(tree_.Update(301, MakeTag(301, 0), MakeTag(301, 1)), Status(kMismatch));
  EXPECT_TRUE(tree_.Update(310, MakeTag(310, 0), MakeTag(310, 1)).ok());
  EXPECT_TRUE(tree_.Update(5, MakeTag(5, 0), MakeTag(5, 1)).ok());
  EXPECT_EQ(tree_.Verify(300, MakeTag(300, 0)), Status(kMismatch));
  EXPECT_EQ(tree_.Verify(301, MakeTag(301, 0)), Status(kMismatch));
}

// Put back between the check and the write: the write comes from the verified copy.
TEST_F(TagTreeTest, ASiblingPutBackBetweenCheckAndWriteIsFoundLater) {
  Append(600);
  const std::vector<OldMemory> old = TreePeer::Nodes(&tree_);
  ASSERT_TRUE(tree_.Update(300, MakeTag(300, 0), MakeTag(300, 1)).ok());
  TagTree::Path path;
  ASSERT_TRUE(tree_.Verify(301, MakeTag(301, 0), &path).ok());
  for (const OldMemory& region : old) {
    if (region.name.rfind("level", 0) == 0) region.Restore();
  }
  tree_.Replace(&path, MakeTag(301, 1));
  EXPECT_EQ(tree_.Verify(300, MakeTag(300, 0)), Status(kMismatch));
}

TEST_F(TagTreeTest, ExchangedEntriesAndNodesAreFound) {
  Append(600);
  std::vector<OldMemory> nodes = TreePeer::Nodes(&tree_);
  uint8_t* first = nodes[3].data;
  uint8_t* second = nodes[4].data;
  std::swap_ranges(first, first + sizeof(TagTree::Node), second);
  EXPECT_EQ(tree_.Verify(3 * 8, MakeTag(4 * 8, 0)), Status(kMismatch)) << "node bound to its place";
  std::swap_ranges(first, first + sizeof(TagTree::Node), second);
  std::swap_ranges(first, first + sizeof(Tag), first + sizeof(Tag));
  EXPECT_EQ(tree_.Verify(3 * 8, MakeTag(3 * 8 + 1, 0)), Status(kMismatch)) << "entry to its place";
}

// An old list head or an old size would give a slot two owners.
TEST_F(TagTreeTest, OldFieldsNeverGiveASlotTwoOwners) {
  Append(600);
  ASSERT_TRUE(tree_.Release(20, MakeTag(20, 0)).ok());
  ASSERT_TRUE(tree_.Release(21, MakeTag(21, 0)).ok());
  const std::vector<OldMemory> free = TreePeer::Fields(&tree_);
  const util::Bytes root = Root(tree_);
  ASSERT_TRUE(tree_.Allocate(MakeTag(21, 1)).ok());
  for (const OldMemory& field : free) field.Restore();
  EXPECT_EQ(tree_.Allocate(MakeTag(21, 2)), Status(kMismatch));
  EXPECT_TRUE(tree_.Verify(21, MakeTag(21, 1)).ok());
  EXPECT_NE(Root(tree_), root) << "the owner's tree finds the fields";
}

TEST_F(TagTreeTest, AnOldSizeIsFound) {
  for (const uint32_t before : {7u, 8u, 63u, 64u, 600u}) {
    CountedMemory memory;
    TagTree tree(key_, &memory);
    for (uint32_t i = 0; i < before; ++i) ASSERT_TRUE(tree.Allocate(MakeTag(i, 0)).ok());
    const std::vector<OldMemory> fields = TreePeer::Fields(&tree);
    ASSERT_TRUE(tree.Allocate(MakeTag(before, 0)).ok());
    for (const OldMemory& field : fields) field.Restore();
    EXPECT_EQ(tree.Allocate(MakeTag(before, 1)), Status(kMismatch)) << before;
  }
}

TEST_F(TagTreeTest, RootChangesWithEverything) {
  std::set<util::Bytes> roots;
  const auto fresh = [&] { return roots.insert(Root(tree_)).second; };
  EXPECT_TRUE(fresh());
  for (uint32_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(tree_.Allocate(MakeTag(i, 0)).ok());
    EXPECT_TRUE(fresh());
  }
  ASSERT_TRUE(tree_.Update(50, MakeTag(50, 0), MakeTag(50, 1)).ok());
  EXPECT_TRUE(fresh());
  ASSERT_TRUE(tree_.Release(51, MakeTag(51, 0)).ok());
  EXPECT_TRUE(fresh());
  // Each entry of the top node that is in use stands in it.
  for (const OldMemory& node : TreePeer::Nodes(&tree_)) {
    if (node.name != "top") continue;
    for (size_t used = 0; used < 2 * sizeof(Tag); ++used) {
      node.data[used] ^= 1;
      EXPECT_TRUE(fresh()) << used;
      node.data[used] ^= 1;
    }
  }
}

}  // namespace
}  // namespace svr2::integrity
