// SPDX-License-Identifier: Apache-2.0
//
// Chunks of blocks; the tag tree's slots are the block numbers.

#include "db/block_pool.h"

#include <cstring>
#include <new>

#include "util/secret.h"

namespace svr2::db {

BlockPool::BlockPool(util::ByteView tree_key, size_t block_bytes, uint32_t blocks_per_chunk,
                     integrity::Memory* memory)
    : block_bytes_(block_bytes),
      blocks_per_chunk_(blocks_per_chunk),
      memory_(memory),
      tags_(tree_key, memory) {
  SVR2_CHECK(block_bytes % 64 == 0 && blocks_per_chunk > 0);
}

BlockPool::~BlockPool() {
  Wipe();
  for (uint8_t* chunk : chunks_) memory_->Free(chunk, blocks_per_chunk_ * block_bytes_);
}

Status BlockPool::Reserve(uint64_t blocks) {
  const uint64_t free = tags_.size() - tags_.used();
  const uint64_t fresh = blocks > free ? blocks - free : 0;
  const uint64_t needed = tags_.size() + fresh;
  if (needed > integrity::TagTree::kMaxSlots) return proto::ERROR_DB_HEAP_FULL;
  while (uint64_t{blocks_per_chunk_} * chunks_.size() < needed) {
    try {
      if (chunks_.size() == chunks_.capacity()) chunks_.reserve(2 * chunks_.size() + 8);
    } catch (const std::bad_alloc&) {
      return proto::ERROR_DB_HEAP_FULL;
    }
    const size_t bytes = blocks_per_chunk_ * block_bytes_;
    void* chunk = memory_->Allocate(bytes);
    if (chunk == nullptr) return proto::ERROR_DB_HEAP_FULL;
    std::memset(chunk, 0, bytes);
    chunks_.push_back(static_cast<uint8_t*>(chunk));
  }
  if (!tags_.Reserve(static_cast<uint32_t>(free + fresh)).ok()) return proto::ERROR_DB_HEAP_FULL;
  return Status::Ok();
}

Status BlockPool::Allocate(const integrity::Tag& tag) {
  const Status status = tags_.Allocate(tag);
  if (status.ok() || status == Status(proto::ERROR_INTEGRITY_MISMATCH)) return status;
  return proto::ERROR_DB_HEAP_FULL;
}

Status BlockPool::Release(uint32_t number, const integrity::Tag& tag) {
  SVR2_RETURN_IF_ERROR(tags_.Release(number, tag));
  util::Wipe(block(number), block_bytes_);
  return Status::Ok();
}

void BlockPool::Wipe() {
  for (uint8_t* chunk : chunks_) util::Wipe(chunk, blocks_per_chunk_ * block_bytes_);
}

}  // namespace svr2::db
