// SPDX-License-Identifier: Apache-2.0
//
// Access to single rows: find, update, insert where there is room, erase.

#include "db/row_store.h"

#include <algorithm>
#include <cstring>

namespace svr2::db {

using integrity::Tag;

namespace {

util::ByteView PartOfKey(const RowStore::HashKeys& keys, size_t index) {
  return keys.view().Sub(index * integrity::kShortHashKeyBytes, integrity::kShortHashKeyBytes);
}

uint32_t BlocksPerChunk(size_t chunk_bytes, size_t block_bytes) {
  return static_cast<uint32_t>(std::max<size_t>(1, chunk_bytes / block_bytes));
}

void PrefetchRange(const void* begin, size_t bytes) {
  const char* p = static_cast<const char*>(begin);
  for (size_t offset = 0; offset < bytes; offset += 64) __builtin_prefetch(p + offset);
}

}  // namespace

void* RowStore::LimitedMemory::Allocate(size_t bytes) {
  if (!may_grow_ || bytes > limit_ - used_) return nullptr;
  void* block = base_->Allocate(bytes);
  if (block != nullptr) used_ += bytes;
  return block;
}

void RowStore::LimitedMemory::Free(void* block, size_t bytes) {
  used_ -= bytes;
  base_->Free(block, bytes);
}

RowStore::RowStore(const HashKeys& keys, const RowStoreOptions& options)
    : memory_(options.memory, options.max_heap_bytes),
      leaf_rows_(options.leaf_rows),
      node_children_(options.node_children),
      row_hash_(PartOfKey(keys, 0)),
      leaf_hash_(PartOfKey(keys, 1)),
      node_hash_(PartOfKey(keys, 2)),
      leaves_(PartOfKey(keys, 3), Leaf::Bytes(leaf_rows_),
              BlocksPerChunk(options.chunk_bytes, Leaf::Bytes(leaf_rows_)), &memory_),
      nodes_(PartOfKey(keys, 4), Node::Bytes(node_children_),
             BlocksPerChunk(options.chunk_bytes / 8, Node::Bytes(node_children_)), &memory_) {}

Status RowStore::Init() {
  SVR2_RETURN_IF_ERROR(leaves_.Reserve(1));
  LeafCopy copy;
  root_ = leaves_.NextNumber();
  copy.head = LeafHead{kMinKey, kMaxKey, root_, 0, 0};
  *Leaf(leaves_.block(root_), leaf_rows_).head() = copy.head;
  return leaves_.Allocate(LeafTag(copy));
}

Status RowStore::Descend(Key key, Trail* trail) const {
  uint32_t number = root_;
  Key low = kMinKey;  // What the node covers, for the interpolation only.
  Key high = kMaxKey;
  if (height_ > kMaxHeight) return proto::ERROR_INTEGRITY_MISMATCH;
  for (uint32_t level = height_; level-- > 0;) {
    const Node node(nodes_.block(number), node_children_);
    if (node.missing()) return proto::ERROR_INTEGRITY_MISMATCH;
    const uint32_t count = node.head()->count;
    if (count == 0 || count > node_children_) return proto::ERROR_INTEGRITY_MISMATCH;
    const uint32_t index = FindChild(node.lows(), count, key, low, high);
    if (index + 1 < count) high = node.lows()[index + 1] - 1;
    low = node.lows()[index];
    trail->nodes[level] = number;
    trail->indexes[level] = index;
    number = node.children()[index];
  }
  trail->leaf = number;
  return Status::Ok();
}

void RowStore::PrefetchLeaf(uint32_t number) const {
  const uint8_t* block = leaves_.block(number);
  if (block == nullptr) return;
  PrefetchRange(block, Leaf::BodiesOffset(leaf_rows_));
  leaves_.tags().Prefetch(number);
}

void RowStore::PrefetchBodies(uint32_t number) const {
  uint8_t* block = leaves_.block(number);
  if (block == nullptr) return;
  PrefetchRange(Leaf(block, leaf_rows_).bodies(), leaf_rows_ * sizeof(RowBody));
}

void RowStore::Prefetch(Key key) const {
  Trail trail;
  if (Descend(key, &trail).ok()) PrefetchLeaf(trail.leaf);
}

// Copies a leaf's head and tags and computes its tag; does not check it yet.
Status RowStore::ReadLeaf(uint32_t number, Leaf* leaf, LeafCopy* copy, Tag* tag) const {
  uint8_t* block = leaves_.block(number);
  if (block == nullptr) return proto::ERROR_INTEGRITY_MISMATCH;
  *leaf = Leaf(block, leaf_rows_);
  copy->head = *leaf->head();
  if (copy->head.count > leaf_rows_ || copy->head.number != number) {
    return proto::ERROR_INTEGRITY_MISMATCH;
  }
  std::memcpy(copy->tags, leaf->tags(), copy->head.count * sizeof(copy->tags[0]));
  *tag = LeafTag(*copy);
  return Status::Ok();
}

// Copies a row and its hash, and checks it.
Status RowStore::LoadRow(const Leaf& leaf, const LeafCopy& copy, uint32_t index, Row* row,
                         Tag* hash) const {
  row->set_key(leaf.keys()[index]);
  row->body = leaf.bodies()[index];
  *hash = row_hash_(row, sizeof(*row));
  if (hash->words[0] != copy.tags[index]) return proto::ERROR_INTEGRITY_MISMATCH;
  return Status::Ok();
}

Status RowStore::Find(Key key, Access* access) {
  Trail trail;
  SVR2_RETURN_IF_ERROR(Descend(key, &trail));
  PrefetchLeaf(trail.leaf);
  Tag tag;
  SVR2_RETURN_IF_ERROR(ReadLeaf(trail.leaf, &access->leaf_, &access->copy_, &tag));
  const LeafHead& head = access->copy_.head;
  const uint32_t index = LowerBound(access->leaf_.keys(), head.count, key);
  access->index_ = index;
  PrefetchRange(&access->leaf_.bodies()[index], sizeof(RowBody));
  SVR2_RETURN_IF_ERROR(leaves_.tags().Verify(trail.leaf, tag, &access->path_));
  if (key < head.low || key > head.high) return proto::ERROR_INTEGRITY_MISMATCH;
  access->found_ = index < head.count && access->leaf_.keys()[index] == key;
  if (!access->found_) return ProveAbsent(key, access);
  SVR2_RETURN_IF_ERROR(
      LoadRow(access->leaf_, access->copy_, index, &access->row_, &access->row_hash_));
  if (access->row_.key() != key) return proto::ERROR_INTEGRITY_MISMATCH;
  return Status::Ok();
}

// The verified rows at both sides of the key's place, adjacent in the verified order of tags,
// enclose it. Where there is none, the leaf's verified range does.
Status RowStore::ProveAbsent(Key key, Access* access) const {
  const uint32_t index = access->index_;
  Row neighbour;
  Tag hash;
  if (index > 0) {
    SVR2_RETURN_IF_ERROR(LoadRow(access->leaf_, access->copy_, index - 1, &neighbour, &hash));
    if (neighbour.key() >= key) return proto::ERROR_INTEGRITY_MISMATCH;
  }
  if (index < access->copy_.head.count) {
    SVR2_RETURN_IF_ERROR(LoadRow(access->leaf_, access->copy_, index, &neighbour, &hash));
    if (neighbour.key() <= key) return proto::ERROR_INTEGRITY_MISMATCH;
  }
  return Status::Ok();
}

void RowStore::CommitLeaf(Access* access) {
  leaves_.tags().Replace(&access->path_, LeafTag(access->copy_));
}

void RowStore::Update(Access* access) {
  const uint32_t index = access->index_;
  const Tag hash = row_hash_(&access->row_, sizeof(Row));
  digest_ += Number(hash) - Number(access->row_hash_);
  access->row_hash_ = hash;
  access->copy_.tags[index] = hash.words[0];
  access->leaf_.bodies()[index] = access->row_.body;
  access->leaf_.tags()[index] = hash.words[0];
  CommitLeaf(access);
}

Status RowStore::Insert(Access* access, const Row& row) {
  if (access->copy_.head.count == leaf_rows_) {
    SVR2_RETURN_IF_ERROR(MakeRoom(row.key()));
    SVR2_RETURN_IF_ERROR(Find(row.key(), access));
    if (access->found_ || access->copy_.head.count >= leaf_rows_) {
      return proto::ERROR_INTEGRITY_MISMATCH;
    }
  }
  const uint32_t index = access->index_;
  LeafCopy& copy = access->copy_;
  const Leaf& leaf = access->leaf_;
  const uint32_t behind = copy.head.count - index;
  std::memmove(&copy.tags[index + 1], &copy.tags[index], behind * sizeof(copy.tags[0]));
  std::memmove(&leaf.keys()[index + 1], &leaf.keys()[index], behind * sizeof(Key));
  std::memmove(&leaf.bodies()[index + 1], &leaf.bodies()[index], behind * sizeof(RowBody));
  leaf.keys()[index] = row.key();
  leaf.bodies()[index] = row.body;
  const Tag hash = row_hash_(&row, sizeof(row));
  digest_ += Number(hash);
  copy.tags[index] = hash.words[0];
  ++copy.head.count;
  leaf.head()->count = copy.head.count;
  std::memcpy(&leaf.tags()[index], &copy.tags[index], (behind + 1) * sizeof(copy.tags[0]));
  CommitLeaf(access);
  ++rows_;
  return Status::Ok();
}

Status RowStore::Erase(Access* access) {
  const uint32_t index = access->index_;
  const Key key = access->row_.key();
  LeafCopy& copy = access->copy_;
  const Leaf& leaf = access->leaf_;
  const uint32_t last = --copy.head.count;
  const uint32_t behind = last - index;
  std::memmove(&copy.tags[index], &copy.tags[index + 1], behind * sizeof(copy.tags[0]));
  std::memmove(&leaf.keys()[index], &leaf.keys()[index + 1], behind * sizeof(Key));
  std::memmove(&leaf.bodies()[index], &leaf.bodies()[index + 1], behind * sizeof(RowBody));
  util::Wipe(&leaf.keys()[last], sizeof(Key));
  util::Wipe(&leaf.bodies()[last], sizeof(RowBody));
  leaf.head()->count = last;
  std::memcpy(&leaf.tags()[index], &copy.tags[index], behind * sizeof(copy.tags[0]));
  util::Wipe(&leaf.tags()[last], sizeof(copy.tags[0]));
  util::Wipe(&access->row_, sizeof(Row));
  CommitLeaf(access);
  if (rows_ == 0) return proto::ERROR_INTEGRITY_MISMATCH;
  --rows_;
  digest_ -= Number(access->row_hash_);
  if (last >= leaf_rows_ / 2 || height_ == 0) return Status::Ok();
  Trail trail;
  SVR2_RETURN_IF_ERROR(Descend(key, &trail));
  return TryMerge(trail);
}

// Each insert may find its leaf full: one leaf each.
Status RowStore::Reserve(uint64_t inserts, bool may_grow) {
  if (!may_grow && inserts > leaves_.freed()) return proto::ERROR_DB_HEAP_FULL;
  memory_.set_may_grow(may_grow);
  const Status status = ReserveSplits(inserts);
  memory_.set_may_grow(true);
  return status;
}

// Memory for so many more leaves, wherever they come to lie.
Status RowStore::ReserveSplits(uint64_t leaves) {
  if (leaves > integrity::TagTree::kMaxSlots) return proto::ERROR_DB_HEAP_FULL;
  // A node is split by a split below it; each node that exists may be full, and one that was just
  // split takes half its children to fill.
  uint64_t nodes = 0;
  uint64_t splits = leaves;
  for (uint32_t level = 0; splits > 0 && level < kMaxHeight; ++level) {
    const uint64_t again = splits / (node_children_ / 2);
    splits = std::min(splits, nodes_per_level_[level] + again);
    nodes += splits + (level >= height_ ? 1 : 0);  // A new root.
    if (level >= height_ && splits == 0) break;
  }
  SVR2_RETURN_IF_ERROR(leaves_.Reserve(leaves));
  return nodes_.Reserve(nodes);
}

void RowStore::Wipe() {
  leaves_.Wipe();
  nodes_.Wipe();
  rows_ = 0;
}

size_t RowStore::WriteRoot(uint8_t* out) const {
  // Sizes first: they say how long the rest is.
  struct {
    unsigned __int128 digest;
    uint64_t rows;
    uint32_t root;
    uint32_t height;
  } fields = {digest_, rows_, root_, height_};
  static_assert(sizeof(fields) == 32, "no padding");
  uint8_t* end = out;
  std::memcpy(end, &fields, sizeof(fields));
  end += sizeof(fields);
  end += leaves_.tags().WriteRoot(end);
  end += nodes_.tags().WriteRoot(end);
  const size_t levels_bytes = std::min(height_, kMaxHeight) * sizeof(nodes_per_level_[0]);
  std::memcpy(end, nodes_per_level_.data(), levels_bytes);
  return static_cast<size_t>(end - out) + levels_bytes;
}

}  // namespace svr2::db
