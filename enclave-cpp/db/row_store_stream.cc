// SPDX-License-Identifier: Apache-2.0
//
// Whole ranges of rows: read in key order for a joining replica, and appended behind the last one
// by it. Both take a leaf at a time, so that a leaf's tag, its path to the root and (when
// appending) the node above are checked and hashed once for many rows.

#include <cstring>

#include "db/row_store.h"

namespace svr2::db {

using integrity::Tag;

namespace {

// A visit to a leaf counts as so many bytes at least, so that leaves that hold few rows do not make
// a call long.
constexpr size_t kMinBytesPerLeaf = 256;

}  // namespace

// --- Reading ---

// Nothing is skipped: the verified range of each leaf covers the id that is next, the row before
// that id's place (verified, adjacent in the verified order of tags) is below it, and the next leaf
// has to cover the id behind the range's end.
Status RowStore::ReadRows(Key first, RowsWriter* out, Key* last) const {
  Key next = first;
  Trail trail;
  SVR2_RETURN_IF_ERROR(Descend(next, &trail));
  for (size_t leaves = 1 + out->capacity() / kMinBytesPerLeaf; leaves > 0; --leaves) {
    OpenLeaf leaf;
    SVR2_RETURN_IF_ERROR(Open(trail.leaf, &leaf));
    const LeafHead& head = leaf.copy.head;
    if (next < head.low || next > head.high) return proto::ERROR_INTEGRITY_MISMATCH;
    const bool is_last = head.high == kMaxKey;
    if (!is_last) {
      SVR2_RETURN_IF_ERROR(Descend(head.high + 1, &trail));
      PrefetchLeaf(trail.leaf);
      PrefetchBodies(trail.leaf);
    }
    bool full = false;
    SVR2_RETURN_IF_ERROR(ReadLeafRows(leaf, &next, out, &full));
    if (full) break;
    if (is_last) {
      *last = kMaxKey;
      return Status::Ok();
    }
    next = head.high + 1;
  }
  *last = next - 1;
  return Status::Ok();
}

// Adds the leaf's rows from id *next on and moves *next behind each; `full` when one did not fit.
Status RowStore::ReadLeafRows(const OpenLeaf& leaf, Key* next, RowsWriter* out, bool* full) const {
  const LeafHead& head = leaf.copy.head;
  Row row;
  Tag hash;
  uint32_t index = *next == head.low ? 0 : LowerBound(leaf.leaf.keys(), head.count, *next);
  if (index > 0) {
    SVR2_RETURN_IF_ERROR(LoadRow(leaf.leaf, leaf.copy, index - 1, &row, &hash));
    if (row.key() >= *next) return proto::ERROR_INTEGRITY_MISMATCH;
  }
  for (; index < head.count; ++index) {
    SVR2_RETURN_IF_ERROR(LoadRow(leaf.leaf, leaf.copy, index, &row, &hash));
    const Key key = row.key();
    if (key < *next || key > head.high) return proto::ERROR_INTEGRITY_MISMATCH;
    *full = !out->Add(row);
    if (*full) return Status::Ok();
    *next = key + 1;
    // No id above it, so no row behind it; *next may have wrapped around.
    if (key == head.high && index + 1 < head.count) return proto::ERROR_INTEGRITY_MISMATCH;
  }
  return Status::Ok();
}

// --- Appending ---

// The last leaf, being filled, and the node above it once a leaf was added to that.
struct RowStore::Tail {
  OpenLeaf leaf;
  bool fresh = false;  // The leaf is not yet in the pool.
  uint32_t previous = 0;
  bool parent_open = false;
  Trail trail;      // To the node, when open.
  NodeCopy parent;  // To be stored at the end.
};

Status RowStore::ReserveAppend(uint64_t rows) { return ReserveSplits(rows / leaf_rows_ + 1); }

Status RowStore::AppendRows(RowsReader rows) {
  Row row;
  if (!rows.Next(&row)) return Status::Ok();
  Tail tail;
  SVR2_RETURN_IF_ERROR(OpenTail(row.key(), &tail));
  while (FillTail(&rows, &row, &tail)) {
    tail.leaf.copy.head.high = row.key() - 1;
    SVR2_RETURN_IF_ERROR(CloseTail(&tail));
    SVR2_RETURN_IF_ERROR(StartTail(row.key(), &tail));
  }
  SVR2_RETURN_IF_ERROR(CloseTail(&tail));
  return tail.parent_open ? StoreNode(&tail.parent) : Status::Ok();
}

// Opens the last leaf and proves that all rows are below `first`.
Status RowStore::OpenTail(Key first, Tail* tail) const {
  Trail trail;
  SVR2_RETURN_IF_ERROR(Descend(kMaxKey, &trail));
  SVR2_RETURN_IF_ERROR(Open(trail.leaf, &tail->leaf));
  const OpenLeaf& leaf = tail->leaf;
  if (leaf.copy.head.high != kMaxKey || first < leaf.copy.head.low) {
    return proto::ERROR_INTEGRITY_MISMATCH;
  }
  if (leaf.count() > 0) {
    Row row;
    Tag hash;
    SVR2_RETURN_IF_ERROR(LoadRow(leaf.leaf, leaf.copy, leaf.count() - 1, &row, &hash));
    if (row.key() >= first) return proto::ERROR_INTEGRITY_MISMATCH;
  }
  return Status::Ok();
}

// Appends `row` and those that follow it until the leaf is full. True when one is left, in `row`.
bool RowStore::FillTail(RowsReader* rows, Row* row, Tail* tail) {
  OpenLeaf* leaf = &tail->leaf;
  while (leaf->count() < leaf_rows_) {
    const uint32_t index = leaf->copy.head.count++;
    const Tag hash = row_hash_(row, sizeof(*row));
    leaf->copy.tags[index] = hash.words[0];
    leaf->leaf.keys()[index] = row->key();
    leaf->leaf.bodies()[index] = row->body;
    digest_ += Number(hash);
    ++rows_;
    if (!rows->Next(row)) return false;
  }
  return true;
}

Status RowStore::StartTail(Key low, Tail* tail) {
  OpenLeaf* leaf = &tail->leaf;
  tail->previous = leaf->copy.head.number;
  tail->fresh = true;
  const uint32_t number = leaves_.NextNumber();
  leaf->leaf = Leaf(leaves_.block(number), leaf_rows_);
  if (leaf->leaf.missing()) return proto::ERROR_INTEGRITY_MISMATCH;
  leaf->copy.head = LeafHead{low, kMaxKey, number, 0, 0};
  return Status::Ok();
}

Status RowStore::CloseTail(Tail* tail) {
  if (!tail->fresh) return Close(&tail->leaf);
  WriteHead(tail->leaf);
  SVR2_RETURN_IF_ERROR(leaves_.Allocate(LeafTag(tail->leaf.copy)));
  return LinkTail(tail);
}

// Puts the tail's leaf behind the one before it in the node above. The node stays open for the next
// leaf: storing it costs as much as a hundred rows.
Status RowStore::LinkTail(Tail* tail) {
  const LeafHead& head = tail->leaf.copy.head;
  if (height_ == 0) return NewRoot(head.low, head.number);
  const Node parent = NodeIn(&tail->parent);
  if (!tail->parent_open) {
    SVR2_RETURN_IF_ERROR(Descend(kMaxKey, &tail->trail));
    SVR2_RETURN_IF_ERROR(LoadParent(tail->trail, 0, tail->previous, &tail->parent));
    if (tail->trail.indexes[0] + 1 != parent.head()->count) return proto::ERROR_INTEGRITY_MISMATCH;
    tail->parent_open = true;
  }
  const uint32_t count = parent.head()->count;
  if (count == node_children_) return StartParent(tail);
  parent.lows()[count] = head.low;
  parent.children()[count] = head.number;
  parent.head()->count = count + 1;
  return Status::Ok();
}

// The node above is full, and stays so: a new one takes the tail's leaf as its first child.
Status RowStore::StartParent(Tail* tail) {
  SVR2_RETURN_IF_ERROR(StoreNode(&tail->parent));
  tail->parent_open = false;
  const LeafHead& head = tail->leaf.copy.head;
  NodeCopy* const fresh = &tail->parent;
  SVR2_RETURN_IF_ERROR(NewNode(0, fresh));
  const Node node = NodeIn(fresh);
  node.lows()[0] = head.low;
  node.children()[0] = head.number;
  node.head()->count = 1;
  SVR2_RETURN_IF_ERROR(StoreNode(fresh));
  return InsertChild(tail->trail, 1, head.low, node.head()->number);
}

}  // namespace svr2::db
