// SPDX-License-Identifier: Apache-2.0
//
// A growing array of 16-byte tags under a Merkle tree, the base of both `Tree` (slots of small
// contents) and the database (a tag a block). It finds any single region of its memory that was
// put back to an older state.
//
// Shape. Nodes hold eight tags. Level 0 holds the slots' tags; entry i of a node at level l + 1 is
// the keyed hash of (level l, index, node i's eight tags). The topmost node lies in this object
// itself and is the root: hashing it too would protect nothing, since its hash would lie on the
// same page. 8 × 16 bytes is where the cost per verified bit of address is lowest with SipHash (72
// ns for three bits; four tags 45 ns for two, sixteen 130 ns for four), it makes nodes of two cache
// lines, and because nodes are found by arithmetic, not by pointers, all levels of a path are
// fetched at once. Memory: 16 × 8/7 = 18.3 bytes a slot. 16,384 slots have 4 hashed levels, 143,000
// have 5.
//
// Verify before update. Every change starts from a Path: a private copy of the nodes from a slot to
// the root that has been verified as a whole. The new hashes are computed from that copy, and only
// the changed entries are written. So a sibling that was rolled back, before the verification or
// between it and the write, is never laundered into the new root.
//
// Free slots form a list through their own entries, which the tree protects like tags: a stale
// list head ends in ERROR_INTEGRITY_MISMATCH, not in a slot with two owners.

#ifndef SVR2_INTEGRITY_TAG_TREE_H_
#define SVR2_INTEGRITY_TAG_TREE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "integrity/memory.h"
#include "integrity/short_hash.h"
#include "util/bytes.h"
#include "util/status.h"

namespace svr2::integrity {

// Thread-compatible: the owner serializes calls. Not copyable.
class TagTree {
 public:
  static constexpr uint32_t kFanOut = 8;
  // Slots are numbered below this.
  static constexpr uint32_t kMaxSlots = 1u << 30;

  using Node = std::array<Tag, kFanOut>;

  // A verified private copy of the nodes from one slot to the root. Valid until the next change of
  // the tree. About 1.4 kB; lives on the caller's stack.
  class Path {
   public:
    uint32_t slot() const { return slot_; }

   private:
    friend class TagTree;
    static constexpr uint32_t kMaxLevels = 10;  // 8^10 = kMaxSlots.
    struct Step {
      uint64_t position;  // Level and index; hashed in front of the tags.
      Node tags;
    };
    uint32_t slot_;
    std::array<Step, kMaxLevels> steps_;
  };

  // `key` is kShortHashKeyBytes long. `memory` outlives the tree.
  TagTree(util::ByteView key, Memory* memory);
  ~TagTree();
  TagTree(const TagTree&) = delete;
  TagTree& operator=(const TagTree&) = delete;

  // Makes sure that the next `slots` calls of Allocate need no memory. Fails with
  // ERROR_OUT_OF_MEMORY; then nothing has changed but for memory already taken.
  Status Reserve(uint32_t slots);

  // The slot that the next Allocate takes, so that its tag can be bound to its number.
  uint32_t NextSlot() const { return free_head_ != kNone ? free_head_ : size_; }

  // Takes slot NextSlot() and sets its tag. Fails with ERROR_OUT_OF_MEMORY (not after a sufficient
  // Reserve), ERROR_INTEGRITY_FULL, ERROR_INTEGRITY_MISMATCH.
  Status Allocate(const Tag& tag);

  // Checks that `slot` is in use and has `tag`, all the way to the root. Fails with
  // ERROR_INTEGRITY_MISMATCH, also when there is no such slot: slot numbers come from memory that
  // may have been rolled back.
  Status Verify(uint32_t slot, const Tag& tag, Path* path) const;
  Status Verify(uint32_t slot, const Tag& tag) const;

  // Sets the tag of path->slot(). `path` is one that Verify filled since the last change; it
  // remains valid for the same slot.
  void Replace(Path* path, const Tag& tag);

  // Verify and Replace.
  Status Update(uint32_t slot, const Tag& old_tag, const Tag& new_tag);

  // Verifies, then gives the slot back.
  Status Release(uint32_t slot, const Tag& tag);

  // Starts loading the memory that Verify(slot) will read. `slot` may be any number.
  void Prefetch(uint32_t slot) const;

  // Slots that are in use, and slots that ever were.
  uint32_t used() const { return size_ - free_count_; }
  uint32_t size() const { return size_; }

  // Writes what must be kept under another tree to protect this object's own memory, and says how
  // many bytes (at most kMaxRootBytes): the counters and the entries in use of the top node, as
  // they are. Changes whenever anything in the tree does. Not hashed here, since the other tree
  // hashes it anyway. Entries of the top node that no slot has used yet are left out: they are
  // zero and always were, so old memory holds nothing else; and a new slot checks its entry.
  // Tags must not leave the enclave: who writes them elsewhere wipes them.
  size_t WriteRoot(uint8_t* out) const;
  static constexpr size_t kMaxRootBytes = 4 * sizeof(uint32_t) + sizeof(Node);

  // Bytes taken from `memory`.
  size_t memory_bytes() const { return memory_bytes_; }

 private:
  friend class TreePeer;  // Tests reach the memory through it, to roll it back.

  static constexpr uint32_t kNone = 0xffffffff;
  static constexpr uint32_t kNodesPerChunk = 32;  // 4 KiB.

  // Nodes of one level, in chunks that never move.
  struct Level {
    std::vector<Node*> chunks;
    Node* node(uint32_t index) const {
      return &chunks[index / kNodesPerChunk][index % kNodesPerChunk];
    }
  };

  static uint32_t NodeIndex(uint32_t slot, uint32_t level) { return slot >> (3 * (level + 1)); }
  static uint32_t EntryIndex(uint32_t slot, uint32_t level) { return (slot >> (3 * level)) % 8; }
  static uint32_t HeightFor(uint32_t slots);

  Status AddChunks(uint32_t level, uint32_t nodes);
  Tag HashStep(const Path::Step& step) const;
  // Copies the path of `slot` and checks it; `fresh` when slot == size_ is about to be appended.
  Status Load(uint32_t slot, bool fresh, Path* path) const;
  static const Tag& Entry(const Path& path) {
    return path.steps_[0].tags[EntryIndex(path.slot_, 0)];
  }
  // Adds a level above the top node.
  Status Grow();
  Status AllocateFree(const Tag& tag);
  Status Append(const Tag& tag);

  const ShortHash hash_;
  Memory* const memory_;
  uint32_t size_ = 0;
  uint32_t free_head_ = kNone;
  uint32_t free_count_ = 0;
  uint32_t height_ = 0;  // Stored levels; the top node is level height_.
  Node top_{};
  std::array<Level, Path::kMaxLevels> levels_;
  size_t memory_bytes_ = 0;
};

}  // namespace svr2::integrity

#endif  // SVR2_INTEGRITY_TAG_TREE_H_
