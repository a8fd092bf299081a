// SPDX-License-Identifier: Apache-2.0
//
// Fixed-size blocks addressed by number, each with a 16-byte tag under one Merkle tree
// (integrity/tag_tree.h). Blocks are carved from big chunks, which keeps the heap's own overhead
// away and lets the pages of a large platform be used well; chunks never move. A freed block is
// wiped and reused first; chunks go back to the heap with the pool, since a shrinking database that
// grows again soon is the common case and an enclave's heap is committed anyway.

#ifndef SVR2_DB_BLOCK_POOL_H_
#define SVR2_DB_BLOCK_POOL_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "integrity/memory.h"
#include "integrity/tag_tree.h"
#include "util/status.h"

namespace svr2::db {

// Thread-compatible. Errors: ERROR_INTEGRITY_MISMATCH where a tag does not verify,
// ERROR_DB_HEAP_FULL where memory runs out.
class BlockPool {
 public:
  // Blocks of `block_bytes` (a multiple of 64), `blocks_per_chunk` at a time. `memory` outlives the
  // pool.
  BlockPool(util::ByteView tree_key, size_t block_bytes, uint32_t blocks_per_chunk,
            integrity::Memory* memory);
  ~BlockPool();  // Wipes.
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // Makes sure that the next `blocks` allocations need no memory.
  Status Reserve(uint64_t blocks);

  // Block `number`, 64-byte aligned; nullptr when there is none. Numbers come from memory that may
  // have been rolled back, so any value is allowed.
  uint8_t* block(uint32_t number) const {
    const uint32_t chunk = number / blocks_per_chunk_;
    if (chunk >= chunks_.size()) return nullptr;
    return chunks_[chunk] + size_t{number % blocks_per_chunk_} * block_bytes_;
  }

  // The number of the next block; valid after Reserve(1). The caller fills the block, then calls
  // Allocate with its tag.
  uint32_t NextNumber() const { return tags_.NextSlot(); }
  Status Allocate(const integrity::Tag& tag);

  // Verifies that the block's tag is `tag`, wipes it and gives it back.
  Status Release(uint32_t number, const integrity::Tag& tag);

  integrity::TagTree& tags() { return tags_; }
  const integrity::TagTree& tags() const { return tags_; }
  uint32_t used() const { return tags_.used(); }
  uint32_t freed() const { return tags_.size() - tags_.used(); }

  // Zeroes all blocks.
  void Wipe();

 private:
  friend class DatabasePeer;

  const size_t block_bytes_;
  const uint32_t blocks_per_chunk_;
  integrity::Memory* const memory_;
  integrity::TagTree tags_;
  std::vector<uint8_t*> chunks_;
};

}  // namespace svr2::db

#endif  // SVR2_DB_BLOCK_POOL_H_
