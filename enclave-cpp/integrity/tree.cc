// SPDX-License-Identifier: Apache-2.0
//
// Contents to tags; the rest is TagTree's.

#include "integrity/tree.h"

#include <cstring>
#include <new>

#include "crypto/hash.h"

namespace svr2::integrity {

namespace {

constexpr size_t kLongKeyBytes = 32;
// Contents up to this size are hashed by SipHash, longer ones by BLAKE2b first, which costs less
// from about 1 kB on (Raft's state of a small group is 400 bytes) and needs no buffer.
constexpr size_t kShortContentBytes = 1024;

}  // namespace

Result<std::unique_ptr<Tree>> Tree::Create(env::Env* env, uint32_t max_slots, Memory* memory) {
  if (max_slots > TagTree::kMaxSlots) return proto::ERROR_INVALID_ARGUMENT;
  util::Secret<2 * kShortHashKeyBytes + kLongKeyBytes> random;
  SVR2_RETURN_IF_ERROR(env->RandomBytes(random.data(), random.size()));
  std::unique_ptr<Tree> tree(new (std::nothrow) Tree(random.view(), max_slots, memory));
  if (tree == nullptr) return proto::ERROR_OUT_OF_MEMORY;
  return tree;
}

Tree::Tree(util::ByteView keys, uint32_t max_slots, Memory* memory)
    : content_hash_(keys.Sub(0, kShortHashKeyBytes)),
      long_content_key_(keys.From(2 * kShortHashKeyBytes)),
      max_slots_(max_slots),
      tags_(keys.Sub(kShortHashKeyBytes, kShortHashKeyBytes), memory != nullptr ? memory : &heap_) {
}

Tree::~Tree() = default;

Tag Tree::ContentTag(Slot slot, util::ByteView content) const {
  uint8_t buffer[sizeof(Slot) + sizeof(uint64_t) + kShortContentBytes];
  const uint64_t size = content.size();
  std::memcpy(buffer, &slot, sizeof(slot));
  std::memcpy(buffer + sizeof(slot), &size, sizeof(size));
  uint8_t* const body = buffer + sizeof(slot) + sizeof(size);
  size_t body_bytes = content.size();
  if (content.size() > kShortContentBytes) {
    body_bytes = kLongKeyBytes;
    crypto::Blake2b(long_content_key_.view(), content, body, body_bytes);
  } else if (!content.empty()) {
    std::memcpy(body, content.data(), content.size());
  }
  const size_t hashed_bytes = static_cast<size_t>(body - buffer) + body_bytes;
  const Tag tag = content_hash_(buffer, hashed_bytes);
  util::Wipe(buffer, hashed_bytes);
  return tag;
}

Status Tree::Note(Status status) {
  if (status == Status(proto::ERROR_INTEGRITY_MISMATCH)) failed_ = true;
  return status;
}

Result<Slot> Tree::Allocate(util::ByteView content) {
  util::MutexLock lock(&mutex_);
  if (failed_) return proto::ERROR_INTEGRITY_MISMATCH;
  if (tags_.used() >= max_slots_) return proto::ERROR_INTEGRITY_FULL;
  const Slot slot = tags_.NextSlot();
  SVR2_RETURN_IF_ERROR(Note(tags_.Allocate(ContentTag(slot, content))));
  return slot;
}

Status Tree::Update(Slot slot, util::ByteView old_content, util::ByteView new_content) {
  const Tag old_tag = ContentTag(slot, old_content);
  const Tag new_tag = ContentTag(slot, new_content);
  util::MutexLock lock(&mutex_);
  if (failed_) return proto::ERROR_INTEGRITY_MISMATCH;
  return Note(tags_.Update(slot, old_tag, new_tag));
}

Status Tree::Verify(Slot slot, util::ByteView content) {
  const Tag tag = ContentTag(slot, content);
  util::MutexLock lock(&mutex_);
  if (failed_) return proto::ERROR_INTEGRITY_MISMATCH;
  return Note(tags_.Verify(slot, tag));
}

Status Tree::Release(Slot slot, util::ByteView content) {
  const Tag tag = ContentTag(slot, content);
  util::MutexLock lock(&mutex_);
  if (failed_) return proto::ERROR_INTEGRITY_MISMATCH;
  return Note(tags_.Release(slot, tag));
}

uint32_t Tree::used() const {
  util::MutexLock lock(&mutex_);
  return tags_.used();
}

}  // namespace svr2::integrity
