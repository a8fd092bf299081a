// SPDX-License-Identifier: Apache-2.0
//
// Structural changes of leaves: rows move to a neighbour, a leaf is split, two are merged. Each
// verifies both leaves, the rows that move and the node above before the first byte is written.

#include <algorithm>
#include <cstring>

#include "db/row_store.h"

namespace svr2::db {

using integrity::RowTag;
using integrity::Tag;

Status RowStore::Open(uint32_t number, OpenLeaf* leaf) const {
  SVR2_RETURN_IF_ERROR(ReadLeaf(number, &leaf->leaf, &leaf->copy, &leaf->tag));
  return leaves_.tags().Verify(number, leaf->tag);
}

void RowStore::WriteHead(const OpenLeaf& leaf) {
  *leaf.leaf.head() = leaf.copy.head;
  std::memcpy(leaf.leaf.tags(), leaf.copy.tags, leaf.count() * sizeof(RowTag));
  util::Wipe(leaf.leaf.tags() + leaf.count(), (leaf_rows_ - leaf.count()) * sizeof(RowTag));
}

Status RowStore::Close(OpenLeaf* leaf) {
  const Tag tag = LeafTag(leaf->copy);
  SVR2_RETURN_IF_ERROR(leaves_.tags().Update(leaf->copy.head.number, leaf->tag, tag));
  leaf->tag = tag;
  WriteHead(*leaf);
  return Status::Ok();
}

Status RowStore::VerifyRows(const OpenLeaf& leaf, uint32_t first, uint32_t count) const {
  Row row;
  Tag hash;
  for (uint32_t i = first; i < first + count; ++i) {
    SVR2_RETURN_IF_ERROR(LoadRow(leaf.leaf, leaf.copy, i, &row, &hash));
  }
  return Status::Ok();
}

// Copies rows between leaves, tags in the copies; counts and the source's rows stay.
void RowStore::CopyRows(const OpenLeaf& from, uint32_t from_index, OpenLeaf* to, uint32_t to_index,
                        uint32_t rows) const {
  std::memmove(&to->copy.tags[to_index], &from.copy.tags[from_index], rows * sizeof(RowTag));
  std::memmove(&to->leaf.keys()[to_index], &from.leaf.keys()[from_index], rows * sizeof(Key));
  std::memmove(&to->leaf.bodies()[to_index], &from.leaf.bodies()[from_index],
               rows * sizeof(RowBody));
}

void RowStore::WipeRows(const OpenLeaf& leaf, uint32_t first, uint32_t rows) const {
  util::Wipe(&leaf.leaf.keys()[first], rows * sizeof(Key));
  util::Wipe(&leaf.leaf.bodies()[first], rows * sizeof(RowBody));
}

// Moves the first `rows` rows of `right` (fewer than it has) behind those of `left`.
Status RowStore::ShiftLeft(OpenLeaf* left, OpenLeaf* right, uint32_t rows) const {
  // One more than moves: its key becomes the border.
  SVR2_RETURN_IF_ERROR(VerifyRows(*right, 0, rows + 1));
  const uint32_t stay = right->count() - rows;
  CopyRows(*right, 0, left, left->count(), rows);
  CopyRows(*right, rows, right, 0, stay);
  WipeRows(*right, stay, rows);
  left->copy.head.count += rows;
  right->copy.head.count = stay;
  right->copy.head.low = right->leaf.keys()[0];
  left->copy.head.high = right->copy.head.low - 1;
  return Status::Ok();
}

// Moves the last `rows` rows of `left` before those of `right`.
Status RowStore::ShiftRight(OpenLeaf* left, OpenLeaf* right, uint32_t rows) const {
  const uint32_t stay = left->count() - rows;
  SVR2_RETURN_IF_ERROR(VerifyRows(*left, stay, rows));
  CopyRows(*right, 0, right, rows, right->count());
  CopyRows(*left, stay, right, 0, rows);
  WipeRows(*left, stay, rows);
  left->copy.head.count = stay;
  right->copy.head.count += rows;
  right->copy.head.low = right->leaf.keys()[0];
  left->copy.head.high = right->copy.head.low - 1;
  return Status::Ok();
}

Status RowStore::MakeRoom(Key key) {
  Trail trail;
  SVR2_RETURN_IF_ERROR(Descend(key, &trail));
  OpenLeaf full;
  SVR2_RETURN_IF_ERROR(Open(trail.leaf, &full));
  if (full.count() != leaf_rows_ || key < full.copy.head.low || key > full.copy.head.high) {
    return proto::ERROR_INTEGRITY_MISMATCH;
  }
  bool done = false;
  if (height_ > 0) SVR2_RETURN_IF_ERROR(TryGiveToNeighbour(trail, &full, &done));
  if (!done) SVR2_RETURN_IF_ERROR(Split(trail, &full, key));
  return Status::Ok();
}

// Evens a full leaf out with the emptier of its neighbours below the same node. Both must have room
// afterwards, since the new row may belong to either.
Status RowStore::TryGiveToNeighbour(const Trail& trail, OpenLeaf* full, bool* done) {
  NodeCopy parent_copy;
  SVR2_RETURN_IF_ERROR(LoadParent(trail, 0, full->copy.head.number, &parent_copy));
  const Node parent = NodeIn(&parent_copy);
  const uint32_t index = trail.indexes[0];
  OpenLeaf left;
  OpenLeaf right;
  uint32_t left_count = leaf_rows_;
  uint32_t right_count = leaf_rows_;
  if (index > 0) {
    SVR2_RETURN_IF_ERROR(Open(parent.children()[index - 1], &left));
    left_count = left.count();
  }
  if (index + 1 < parent.head()->count) {
    SVR2_RETURN_IF_ERROR(Open(parent.children()[index + 1], &right));
    right_count = right.count();
  }
  const uint32_t rows = (leaf_rows_ - std::min(left_count, right_count)) / 2;
  if (rows == 0) return Status::Ok();
  *done = true;
  if (left_count <= right_count) {
    SVR2_RETURN_IF_ERROR(ShiftLeft(&left, full, rows));
    parent.lows()[index] = full->copy.head.low;
    SVR2_RETURN_IF_ERROR(Close(&left));
  } else {
    SVR2_RETURN_IF_ERROR(ShiftRight(full, &right, rows));
    parent.lows()[index + 1] = right.copy.head.low;
    SVR2_RETURN_IF_ERROR(Close(&right));
  }
  SVR2_RETURN_IF_ERROR(Close(full));
  return StoreNode(&parent_copy);
}

// Moves the upper half of a full leaf to a new one; nothing when the new row comes behind the last
// row of the last leaf, so that rows loaded in order fill their leaves.
Status RowStore::Split(const Trail& trail, OpenLeaf* full, Key key) {
  SVR2_RETURN_IF_ERROR(leaves_.Reserve(1));
  OpenLeaf fresh;
  const uint32_t number = leaves_.NextNumber();
  fresh.leaf = Leaf(leaves_.block(number), leaf_rows_);
  if (fresh.leaf.missing()) return proto::ERROR_INTEGRITY_MISMATCH;
  fresh.copy.head = LeafHead{key, full->copy.head.high, number, 0, 0};
  SVR2_RETURN_IF_ERROR(VerifyRows(*full, leaf_rows_ - 1, 1));
  if (full->copy.head.high == kMaxKey && full->leaf.keys()[leaf_rows_ - 1] < key) {
    full->copy.head.high = key - 1;
  } else {
    SVR2_RETURN_IF_ERROR(ShiftRight(full, &fresh, leaf_rows_ / 2));
  }
  SVR2_RETURN_IF_ERROR(Close(full));
  WriteHead(fresh);
  SVR2_RETURN_IF_ERROR(leaves_.Allocate(LeafTag(fresh.copy)));
  return InsertChild(trail, 0, fresh.copy.head.low, number);
}

// Merges a leaf that has run half empty with a neighbour below the same node, if an eighth stays
// free, so that the next inserts do not split it again.
Status RowStore::TryMerge(const Trail& trail) {
  NodeCopy parent_copy;
  SVR2_RETURN_IF_ERROR(LoadParent(trail, 0, trail.leaf, &parent_copy));
  const Node parent = NodeIn(&parent_copy);
  const uint32_t index = trail.indexes[0];
  for (uint32_t right_index = index == 0 ? 1 : index;
       right_index <= index + 1 && right_index < parent.head()->count; ++right_index) {
    OpenLeaf left;
    OpenLeaf right;
    SVR2_RETURN_IF_ERROR(Open(parent.children()[right_index - 1], &left));
    SVR2_RETURN_IF_ERROR(Open(parent.children()[right_index], &right));
    const uint32_t rows = right.count();
    if (left.count() + rows > leaf_rows_ - leaf_rows_ / 8) continue;
    SVR2_RETURN_IF_ERROR(VerifyRows(right, 0, rows));
    CopyRows(right, 0, &left, left.count(), rows);
    left.copy.head.count += rows;
    left.copy.head.high = right.copy.head.high;
    SVR2_RETURN_IF_ERROR(Close(&left));
    SVR2_RETURN_IF_ERROR(leaves_.Release(right.copy.head.number, right.tag));
    return RemoveChild(trail, 0, &parent_copy, right_index);
  }
  return Status::Ok();
}

}  // namespace svr2::db
