// SPDX-License-Identifier: Apache-2.0
//
// The growing Merkle tree of tags. Load is the only place that reads the tree, Replace the only one
// that writes it.

#include "integrity/tag_tree.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace svr2::integrity {

namespace {

// Entry of a free slot: this mark and the next free slot. No hash looks like it but by a chance of
// 2^-96.
constexpr uint64_t kFreeMark = 0x46524545;  // FREE

Tag FreeEntry(uint32_t next) { return Tag{{(kFreeMark << 32) | next, 0}}; }
bool IsFreeEntry(const Tag& tag) { return tag.words[1] == 0 && (tag.words[0] >> 32) == kFreeMark; }

}  // namespace

TagTree::TagTree(util::ByteView key, Memory* memory) : hash_(key), memory_(memory) {}

TagTree::~TagTree() {
  for (Level& level : levels_) {
    for (Node* chunk : level.chunks) memory_->Free(chunk, kNodesPerChunk * sizeof(Node));
  }
}

uint32_t TagTree::HeightFor(uint32_t slots) {
  uint32_t height = 0;
  for (uint64_t capacity = kFanOut; capacity < slots; capacity *= kFanOut) ++height;
  return height;
}

Status TagTree::AddChunks(uint32_t level, uint32_t nodes) {
  std::vector<Node*>* chunks = &levels_[level].chunks;
  const size_t bytes = kNodesPerChunk * sizeof(Node);
  while (chunks->size() * kNodesPerChunk < nodes) {
    try {
      if (chunks->size() == chunks->capacity()) chunks->reserve(2 * chunks->size() + 8);
    } catch (const std::bad_alloc&) {
      return proto::ERROR_OUT_OF_MEMORY;
    }
    void* chunk = memory_->Allocate(bytes);
    if (chunk == nullptr) return proto::ERROR_OUT_OF_MEMORY;
    std::memset(chunk, 0, bytes);
    chunks->push_back(static_cast<Node*>(chunk));
    memory_bytes_ += bytes;
  }
  return Status::Ok();
}

Status TagTree::Reserve(uint32_t slots) {
  const uint32_t fresh = slots > free_count_ ? slots - free_count_ : 0;
  if (fresh > kMaxSlots - size_) return proto::ERROR_INTEGRITY_FULL;
  const uint32_t total = size_ + fresh;
  const uint32_t height = HeightFor(total);
  for (uint32_t level = 0; level < height; ++level) {
    const uint32_t nodes = total == 0 ? 0 : NodeIndex(total - 1, level) + 1;
    SVR2_RETURN_IF_ERROR(AddChunks(level, nodes));
  }
  return Status::Ok();
}

Tag TagTree::HashStep(const Path::Step& step) const {
  static_assert(sizeof(Path::Step) == sizeof(uint64_t) + sizeof(Node), "hashed without padding");
  return hash_(&step, sizeof(step));
}

Status TagTree::Load(uint32_t slot, bool fresh, Path* path) const {
  if (slot >= size_ + (fresh ? 1 : 0) || HeightFor(slot + 1) > height_) {
    return proto::ERROR_INTEGRITY_MISMATCH;
  }
  path->slot_ = slot;
  uint32_t new_nodes = 0;  // The lowest levels, whose nodes this slot is the first to use.
  for (uint32_t level = 0; level < height_; ++level) {
    Path::Step* step = &path->steps_[level];
    const uint32_t index = NodeIndex(slot, level);
    step->position = (uint64_t{level} << 32) | index;
    if (fresh && (slot & ((1u << (3 * (level + 1))) - 1)) == 0) {
      step->tags = Node{};
      new_nodes = level + 1;
    } else {
      const std::vector<Node*>& chunks = levels_[level].chunks;
      if (index / kNodesPerChunk >= chunks.size()) return proto::ERROR_INTEGRITY_MISMATCH;
      step->tags = *levels_[level].node(index);
    }
  }
  path->steps_[height_].tags = top_;
  // All levels are looked at before the verdict: their hashes do not depend on each other, so the
  // CPU overlaps what it can.
  bool good = true;
  for (uint32_t level = 0; level < height_; ++level) {
    const Tag& expected = path->steps_[level + 1].tags[EntryIndex(slot, level + 1)];
    const Tag actual = level < new_nodes ? Tag{} : HashStep(path->steps_[level]);
    good &= actual == expected;
  }
  if (!good) return proto::ERROR_INTEGRITY_MISMATCH;
  return Status::Ok();
}

Status TagTree::Verify(uint32_t slot, const Tag& tag, Path* path) const {
  SVR2_RETURN_IF_ERROR(Load(slot, false, path));
  if (Entry(*path) != tag) return proto::ERROR_INTEGRITY_MISMATCH;
  return Status::Ok();
}

Status TagTree::Verify(uint32_t slot, const Tag& tag) const {
  Path path;
  return Verify(slot, tag, &path);
}

void TagTree::Replace(Path* path, const Tag& tag) {
  Tag below = tag;
  for (uint32_t level = 0;; ++level) {
    const uint32_t entry = EntryIndex(path->slot_, level);
    path->steps_[level].tags[entry] = below;
    if (level == height_) {
      top_[entry] = below;
      return;
    }
    (*levels_[level].node(NodeIndex(path->slot_, level)))[entry] = below;
    below = HashStep(path->steps_[level]);
  }
}

Status TagTree::Update(uint32_t slot, const Tag& old_tag, const Tag& new_tag) {
  Path path;
  SVR2_RETURN_IF_ERROR(Verify(slot, old_tag, &path));
  Replace(&path, new_tag);
  return Status::Ok();
}

Status TagTree::Release(uint32_t slot, const Tag& tag) {
  Path path;
  SVR2_RETURN_IF_ERROR(Verify(slot, tag, &path));
  Replace(&path, FreeEntry(free_head_));
  free_head_ = slot;
  ++free_count_;
  return Status::Ok();
}

Status TagTree::Allocate(const Tag& tag) {
  return free_head_ != kNone ? AllocateFree(tag) : Append(tag);
}

Status TagTree::AllocateFree(const Tag& tag) {
  Path path;
  SVR2_RETURN_IF_ERROR(Load(free_head_, false, &path));
  const Tag& entry = Entry(path);
  const uint32_t next = static_cast<uint32_t>(entry.words[0]);
  const bool last = next == kNone;
  if (!IsFreeEntry(entry) || (!last && next >= size_) || last != (free_count_ == 1)) {
    return proto::ERROR_INTEGRITY_MISMATCH;
  }
  Replace(&path, tag);
  free_head_ = next;
  --free_count_;
  return Status::Ok();
}

Status TagTree::Grow() {
  // A level is added when the top node is full; a gap means that size_ and height_ were put back.
  for (const Tag& tag : top_) {
    if (tag == Tag{}) return proto::ERROR_INTEGRITY_MISMATCH;
  }
  Path::Step step;
  step.position = uint64_t{height_} << 32;
  step.tags = top_;
  *levels_[height_].node(0) = top_;
  top_ = Node{};
  top_[0] = HashStep(step);
  ++height_;
  return Status::Ok();
}

Status TagTree::Append(const Tag& tag) {
  SVR2_RETURN_IF_ERROR(Reserve(1));
  if (HeightFor(size_ + 1) > height_) SVR2_RETURN_IF_ERROR(Grow());
  Path path;
  SVR2_RETURN_IF_ERROR(Load(size_, true, &path));
  // A slot that never was in use: an entry means that size_ was put back.
  if (Entry(path) != Tag{}) return proto::ERROR_INTEGRITY_MISMATCH;
  ++size_;
  Replace(&path, tag);
  return Status::Ok();
}

void TagTree::Prefetch(uint32_t slot) const {
  if (slot >= size_) return;
  for (uint32_t level = 0; level < height_; ++level) {
    const uint32_t index = NodeIndex(slot, level);
    const std::vector<Node*>& chunks = levels_[level].chunks;
    if (index / kNodesPerChunk >= chunks.size()) return;
    const Node* node = levels_[level].node(index);
    __builtin_prefetch(node);
    __builtin_prefetch(&(*node)[kFanOut / 2]);
  }
}

size_t TagTree::WriteRoot(uint8_t* out) const {
  const uint32_t fields[4] = {size_, free_head_, free_count_, height_};
  std::memcpy(out, fields, sizeof(fields));
  uint32_t used = size_ == 0 ? 0 : kFanOut;
  // Counters that old or disturbed memory holds may say anything.
  if (size_ > 0 && height_ < Path::kMaxLevels) {
    used = std::min(kFanOut, ((size_ - 1) >> (3 * height_)) + 1);
  }
  std::memcpy(out + sizeof(fields), &top_, used * sizeof(Tag));
  return sizeof(fields) + used * sizeof(Tag);
}

}  // namespace svr2::integrity
