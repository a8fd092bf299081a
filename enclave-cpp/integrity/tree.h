// SPDX-License-Identifier: Apache-2.0
//
// The replica's integrity tree (design.md §4, Integrity): Raft state, the database's root, minimums
// and the counters of every client session, each in a slot of its own, all under one root keyed
// inside the enclave. The contents stay with their owners, who pass them in with each call; the
// tree holds a 16-byte tag for each. Any mismatch means that some memory is not what the enclave
// last wrote: the replica must stop for good (protocol.md §2, "Integrity failure").
//
// A slot's tag covers its number, and each node's tag its level and index, so that nothing can be
// exchanged for anything else of the same tree. The tag's length is justified in short_hash.h, the
// tree's shape and its verify-before-update rule in tag_tree.h.
//
// Cost at 16,384 slots with 24-byte contents: about 0.4 µs for Verify, 0.8 µs for Update
// (`make bench BENCH_FILTER=Tree`); 18.3 bytes a slot.

#ifndef SVR2_INTEGRITY_TREE_H_
#define SVR2_INTEGRITY_TREE_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "env/env.h"
#include "integrity/memory.h"
#include "integrity/tag_tree.h"
#include "util/bytes.h"
#include "util/mutex.h"
#include "util/status.h"

namespace svr2::integrity {

// Names a content in the tree.
using Slot = uint32_t;

// Thread-safe. Its mutex is a leaf: no other lock is taken and nothing outside is called while it
// is held. After the first ERROR_INTEGRITY_MISMATCH every call returns that error.
class Tree {
 public:
  // An empty tree with fresh keys for at most `max_slots` contents (≤ TagTree::kMaxSlots). Fails
  // with ERROR_RANDOM_FAILED. `memory`, when given, outlives the tree; otherwise the heap is used.
  static Result<std::unique_ptr<Tree>> Create(env::Env* env, uint32_t max_slots,
                                              Memory* memory = nullptr);
  ~Tree();
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  // Puts a new content under the tree. Contents may have any size; up to 1,024 bytes are fastest.
  // Fails with ERROR_INTEGRITY_FULL, ERROR_OUT_OF_MEMORY or ERROR_INTEGRITY_MISMATCH.
  Result<Slot> Allocate(util::ByteView content) SVR2_EXCLUDES(mutex_);

  // Checks that `old_content` is what the slot holds, then makes it `new_content`. Fails with
  // ERROR_INTEGRITY_MISMATCH, having changed nothing.
  Status Update(Slot slot, util::ByteView old_content, util::ByteView new_content)
      SVR2_EXCLUDES(mutex_);

  // Checks that `content` is what the slot holds. Fails with ERROR_INTEGRITY_MISMATCH.
  Status Verify(Slot slot, util::ByteView content) SVR2_EXCLUDES(mutex_);

  // Checks that `content` is what the slot holds, then gives the slot up; a later Allocate may
  // return it again. Fails with ERROR_INTEGRITY_MISMATCH.
  Status Release(Slot slot, util::ByteView content) SVR2_EXCLUDES(mutex_);

  // Slots in use.
  uint32_t used() const SVR2_EXCLUDES(mutex_);

 private:
  friend class TreePeer;

  Tree(util::ByteView keys, uint32_t max_slots, Memory* memory);
  Tag ContentTag(Slot slot, util::ByteView content) const;
  Status Note(Status status) SVR2_REQUIRES(mutex_);

  HeapMemory heap_;
  const ShortHash content_hash_;
  const util::Secret<32> long_content_key_;
  const uint32_t max_slots_;
  mutable util::Mutex mutex_;
  TagTree tags_ SVR2_GUARDED_BY(mutex_);
  bool failed_ SVR2_GUARDED_BY(mutex_) = false;
};

}  // namespace svr2::integrity

#endif  // SVR2_INTEGRITY_TREE_H_
