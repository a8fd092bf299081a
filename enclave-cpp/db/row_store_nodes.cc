// SPDX-License-Identifier: Apache-2.0
//
// The nodes above the leaves. Each is copied and verified as a whole before it is changed; they
// change with every split and merge, which is rare, so that the cost (about 1 µs a node) hardly
// counts.

#include <cstring>

#include "db/row_store.h"

namespace svr2::db {

using integrity::Tag;

Status RowStore::LoadNode(uint32_t number, uint32_t level, NodeCopy* copy) const {
  const uint8_t* block = nodes_.block(number);
  if (block == nullptr) return proto::ERROR_INTEGRITY_MISMATCH;
  const size_t bytes = Node::Bytes(node_children_);
  std::memcpy(copy->bytes, block, bytes);
  copy->tag = node_hash_(copy->bytes, bytes);
  SVR2_RETURN_IF_ERROR(nodes_.tags().Verify(number, copy->tag));
  const NodeHead& head = *NodeIn(copy).head();
  if (head.number != number || head.level != level || head.count == 0 ||
      head.count > node_children_) {
    return proto::ERROR_INTEGRITY_MISMATCH;
  }
  return Status::Ok();
}

Status RowStore::LoadParent(const Trail& trail, uint32_t level, uint32_t child,
                            NodeCopy* copy) const {
  SVR2_RETURN_IF_ERROR(LoadNode(trail.nodes[level], level, copy));
  const Node node = NodeIn(copy);
  const uint32_t index = trail.indexes[level];
  if (index >= node.head()->count || node.children()[index] != child) {
    return proto::ERROR_INTEGRITY_MISMATCH;
  }
  return Status::Ok();
}

Status RowStore::StoreNode(NodeCopy* copy) {
  const size_t bytes = Node::Bytes(node_children_);
  const uint32_t number = NodeIn(copy).head()->number;
  const Tag tag = node_hash_(copy->bytes, bytes);
  SVR2_RETURN_IF_ERROR(nodes_.tags().Update(number, copy->tag, tag));
  copy->tag = tag;
  std::memcpy(nodes_.block(number), copy->bytes, bytes);
  return Status::Ok();
}

// An empty node in the pool and in `copy`.
Status RowStore::NewNode(uint32_t level, NodeCopy* copy) {
  SVR2_RETURN_IF_ERROR(nodes_.Reserve(1));
  const size_t bytes = Node::Bytes(node_children_);
  const uint32_t number = nodes_.NextNumber();
  uint8_t* block = nodes_.block(number);
  if (block == nullptr || level >= kMaxHeight) return proto::ERROR_INTEGRITY_MISMATCH;
  std::memset(copy->bytes, 0, bytes);
  *NodeIn(copy).head() = NodeHead{number, level, 0, 0};
  copy->tag = node_hash_(copy->bytes, bytes);
  SVR2_RETURN_IF_ERROR(nodes_.Allocate(copy->tag));
  std::memcpy(block, copy->bytes, bytes);
  ++nodes_per_level_[level];
  return Status::Ok();
}

Status RowStore::FreeNode(NodeCopy* copy) {
  const NodeHead& head = *NodeIn(copy).head();
  --nodes_per_level_[head.level];
  return nodes_.Release(head.number, copy->tag);
}

// Adds `child`, which covers ids from `low` on, behind the child that `trail` took at `level`.
Status RowStore::InsertChild(const Trail& trail, uint32_t level, Key low, uint32_t child) {
  if (level == height_) return NewRoot(low, child);
  NodeCopy copy;
  SVR2_RETURN_IF_ERROR(LoadNode(trail.nodes[level], level, &copy));
  const Node node = NodeIn(&copy);
  const uint32_t count = node.head()->count;
  const uint32_t index = trail.indexes[level] + 1;
  if (index > count) return proto::ERROR_INTEGRITY_MISMATCH;
  if (count == node_children_) return SplitNode(trail, level, &copy, index, low, child);
  std::memmove(&node.lows()[index + 1], &node.lows()[index], (count - index) * sizeof(Key));
  std::memmove(&node.children()[index + 1], &node.children()[index],
               (count - index) * sizeof(uint32_t));
  node.lows()[index] = low;
  node.children()[index] = child;
  node.head()->count = count + 1;
  return StoreNode(&copy);
}

// Splits a full node in half, adds the child to the half where it belongs, and tells the level
// above.
Status RowStore::SplitNode(const Trail& trail, uint32_t level, NodeCopy* full, uint32_t index,
                           Key low, uint32_t child) {
  NodeCopy fresh_copy;
  SVR2_RETURN_IF_ERROR(NewNode(level, &fresh_copy));
  const Node node = NodeIn(full);
  const Node fresh = NodeIn(&fresh_copy);
  const uint32_t half = node_children_ / 2;
  const uint32_t moved = node_children_ - half;
  std::memcpy(fresh.lows(), &node.lows()[half], moved * sizeof(Key));
  std::memcpy(fresh.children(), &node.children()[half], moved * sizeof(uint32_t));
  std::memset(&node.lows()[half], 0, moved * sizeof(Key));
  std::memset(&node.children()[half], 0, moved * sizeof(uint32_t));
  node.head()->count = half;
  fresh.head()->count = moved;
  const bool right = index > half;
  const Node& target = right ? fresh : node;
  const uint32_t place = right ? index - half : index;
  const uint32_t behind = target.head()->count - place;
  std::memmove(&target.lows()[place + 1], &target.lows()[place], behind * sizeof(Key));
  std::memmove(&target.children()[place + 1], &target.children()[place], behind * sizeof(uint32_t));
  target.lows()[place] = low;
  target.children()[place] = child;
  ++target.head()->count;
  SVR2_RETURN_IF_ERROR(StoreNode(full));
  SVR2_RETURN_IF_ERROR(StoreNode(&fresh_copy));
  return InsertChild(trail, level + 1, fresh.lows()[0], fresh.head()->number);
}

Status RowStore::NewRoot(Key low, uint32_t child) {
  NodeCopy copy;
  SVR2_RETURN_IF_ERROR(NewNode(height_, &copy));
  const Node node = NodeIn(&copy);
  node.head()->count = 2;
  node.lows()[0] = kMinKey;
  node.children()[0] = root_;
  node.lows()[1] = low;
  node.children()[1] = child;
  SVR2_RETURN_IF_ERROR(StoreNode(&copy));
  root_ = node.head()->number;
  ++height_;
  return Status::Ok();
}

// Removes child `index` (> 0: the left of two merged children stays) from a loaded node.
Status RowStore::RemoveChild(const Trail& trail, uint32_t level, NodeCopy* copy, uint32_t index) {
  const Node node = NodeIn(copy);
  const uint32_t last = --node.head()->count;
  std::memmove(&node.lows()[index], &node.lows()[index + 1], (last - index) * sizeof(Key));
  std::memmove(&node.children()[index], &node.children()[index + 1],
               (last - index) * sizeof(uint32_t));
  node.lows()[last] = 0;
  node.children()[last] = 0;
  SVR2_RETURN_IF_ERROR(StoreNode(copy));
  if (level + 1 == height_) return last == 1 ? CollapseRoot() : Status::Ok();
  return last < node_children_ / 2 ? TryMergeNode(trail, level, node.head()->number) : Status::Ok();
}

// Merges a node that has run half empty with a neighbour, if a quarter stays free.
Status RowStore::TryMergeNode(const Trail& trail, uint32_t level, uint32_t number) {
  NodeCopy parent_copy;
  SVR2_RETURN_IF_ERROR(LoadParent(trail, level + 1, number, &parent_copy));
  const Node parent = NodeIn(&parent_copy);
  const uint32_t index = trail.indexes[level + 1];
  for (uint32_t right_index = index == 0 ? 1 : index;
       right_index <= index + 1 && right_index < parent.head()->count; ++right_index) {
    NodeCopy left_copy;
    NodeCopy right_copy;
    SVR2_RETURN_IF_ERROR(LoadNode(parent.children()[right_index - 1], level, &left_copy));
    SVR2_RETURN_IF_ERROR(LoadNode(parent.children()[right_index], level, &right_copy));
    const Node left = NodeIn(&left_copy);
    const Node right = NodeIn(&right_copy);
    const uint32_t left_count = left.head()->count;
    const uint32_t right_count = right.head()->count;
    if (left_count + right_count > node_children_ - node_children_ / 4) continue;
    std::memcpy(&left.lows()[left_count], right.lows(), right_count * sizeof(Key));
    std::memcpy(&left.children()[left_count], right.children(), right_count * sizeof(uint32_t));
    left.head()->count = left_count + right_count;
    SVR2_RETURN_IF_ERROR(StoreNode(&left_copy));
    SVR2_RETURN_IF_ERROR(FreeNode(&right_copy));
    return RemoveChild(trail, level + 1, &parent_copy, right_index);
  }
  return Status::Ok();
}

// Takes away roots with a single child.
Status RowStore::CollapseRoot() {
  while (height_ > 0) {
    NodeCopy copy;
    SVR2_RETURN_IF_ERROR(LoadNode(root_, height_ - 1, &copy));
    const Node node = NodeIn(&copy);
    if (node.head()->count > 1) return Status::Ok();
    const uint32_t child = node.children()[0];
    SVR2_RETURN_IF_ERROR(FreeNode(&copy));
    root_ = child;
    --height_;
  }
  return Status::Ok();
}

}  // namespace svr2::db
