// SPDX-License-Identifier: Apache-2.0
//
// What lies in the blocks of the row store: the layout of leaves and nodes in memory, and the
// private copies on which every decision is made. A copy is taken, verified, decided upon and
// changed; then it is written back and the new tag is computed from it. Memory that changes behind
// our back between check and use therefore changes nothing but the next check.

#ifndef SVR2_DB_BLOCKS_H_
#define SVR2_DB_BLOCKS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "db/command.h"
#include "integrity/short_hash.h"
#include "integrity/tag_tree.h"
#include "util/endian.h"
#include "util/secret.h"

namespace svr2::db {

// A backup id as a big-endian number: numeric order is byte order.
using Key = unsigned __int128;
inline constexpr Key kMinKey = 0;
inline constexpr Key kMaxKey = ~Key{0};

inline Key LoadKey(const uint8_t* id) {
  return (Key{util::LoadBigEndian64(id)} << 64) | util::LoadBigEndian64(id + 8);
}

inline void StoreKey(Key key, uint8_t* id) {
  util::StoreBigEndian64(id, static_cast<uint64_t>(key >> 64));
  util::StoreBigEndian64(id + 8, static_cast<uint64_t>(key));
}

inline constexpr uint32_t kMaxLeafRows = 64;
inline constexpr uint32_t kMaxNodeChildren = 128;

// A row without its key. No padding: it is hashed as bytes.
struct RowBody {
  static constexpr uint8_t kAvailable = 0x80;

  uint8_t verifier[kPinVerifierBytes];
  uint8_t data[kMaxDataBytes];  // Zero from data_size() on.
  uint8_t tries;                // Left; never 0 in a stored row.
  uint8_t size_and_state;       // data size | kAvailable once exposed.

  uint8_t data_size() const { return size_and_state & 0x7f; }
  bool available() const { return (size_and_state & kAvailable) != 0; }
};
static_assert(sizeof(RowBody) == 66 && alignof(RowBody) == 1);

// A private copy of a row; wipes itself.
struct Row {
  uint8_t key_bytes[sizeof(Key)];  // A Key; bytes, so that there is no padding.
  RowBody body;

  Key key() const {
    Key key;
    std::memcpy(&key, key_bytes, sizeof(key));
    return key;
  }
  void set_key(Key key) { std::memcpy(key_bytes, &key, sizeof(key)); }
  ~Row() { util::Wipe(this, sizeof(*this)); }
};
static_assert(sizeof(Row) == 82 && alignof(Row) == 1);

// The part of a leaf that its tag covers, with the leaf's row tags behind it. Binds the block's
// number, the range of ids that the leaf is responsible for, and the order of its rows.
struct LeafHead {
  Key low;   // First id covered.
  Key high;  // Last id covered.
  uint32_t number;
  uint32_t count;
  uint64_t reserved;  // Zero.
};
static_assert(sizeof(LeafHead) == 48);

// Private copy of a leaf's head and row tags. Only tags[0, count) have values.
struct LeafCopy {
  LeafHead head;
  integrity::RowTag tags[kMaxLeafRows];

  size_t hashed_bytes() const { return sizeof(head) + head.count * sizeof(tags[0]); }
};

// A leaf in memory: head, row tags, keys (apart from the rows: the search touches few lines),
// bodies. A view; the pool owns the block.
class Leaf {
 public:
  static constexpr size_t KeysOffset(uint32_t rows) {
    return (sizeof(LeafHead) + rows * sizeof(integrity::RowTag) + 15) / 16 * 16;
  }
  static constexpr size_t BodiesOffset(uint32_t rows) {
    return KeysOffset(rows) + rows * sizeof(Key);
  }
  static constexpr size_t Bytes(uint32_t rows) {
    return (BodiesOffset(rows) + rows * sizeof(RowBody) + 63) / 64 * 64;
  }

  Leaf() = default;  // missing().
  Leaf(uint8_t* block, uint32_t rows)
      : block_(block),
        keys_(static_cast<Key*>(static_cast<void*>(block + KeysOffset(rows)))),
        bodies_(static_cast<RowBody*>(static_cast<void*>(block + BodiesOffset(rows)))) {}

  LeafHead* head() const { return static_cast<LeafHead*>(static_cast<void*>(block_)); }
  integrity::RowTag* tags() const {
    return static_cast<integrity::RowTag*>(static_cast<void*>(block_ + sizeof(LeafHead)));
  }
  Key* keys() const { return keys_; }
  RowBody* bodies() const { return bodies_; }
  bool missing() const { return block_ == nullptr; }

 private:
  uint8_t* block_ = nullptr;
  Key* keys_ = nullptr;
  RowBody* bodies_ = nullptr;
};

struct NodeHead {
  uint32_t number;
  uint32_t level;  // 0: children are leaves.
  uint32_t count;
  uint32_t reserved;  // Zero.
};
static_assert(sizeof(NodeHead) == 16);

// A node in memory: head, the first id of each child, the children's numbers. What is not in use
// is zero, and the tag covers the whole block. A view.
class Node {
 public:
  static constexpr size_t Bytes(uint32_t children) {
    return (sizeof(NodeHead) + children * (sizeof(Key) + sizeof(uint32_t)) + 63) / 64 * 64;
  }

  Node(uint8_t* block, uint32_t children) : block_(block), lows_bytes_(children * sizeof(Key)) {}

  NodeHead* head() const { return static_cast<NodeHead*>(static_cast<void*>(block_)); }
  Key* lows() const { return static_cast<Key*>(static_cast<void*>(block_ + sizeof(NodeHead))); }
  uint32_t* children() const {
    return static_cast<uint32_t*>(static_cast<void*>(block_ + sizeof(NodeHead) + lows_bytes_));
  }
  bool missing() const { return block_ == nullptr; }

 private:
  uint8_t* block_;
  size_t lows_bytes_;
};

// Private, verified copy of a whole node block; tag is what the tree holds for it.
struct NodeCopy {
  alignas(64) uint8_t bytes[Node::Bytes(kMaxNodeChildren)];
  integrity::Tag tag;
};

// Index of the first of `count` ascending keys that is not less than `key`. Without branches on
// the comparison: which half is taken is random, and a mispredicted branch costs more than a step.
inline uint32_t LowerBound(const Key* keys, uint32_t count, Key key) {
  uint32_t base = 0;
  while (count > 1) {
    const uint32_t half = count / 2;
    base = keys[base + half - 1] < key ? base + half : base;
    count -= half;
  }
  return count == 1 && keys[base] < key ? base + 1 : base;
}

// Index of the child whose range holds `key`, in a node that covers [low, high]: of the last of
// `count` (> 0) ascending lows that is not above `key`; 0 when there is none. Guesses by
// interpolation, since ids are mostly random, and walks from there: two or three lines of memory
// instead of the five of a binary search. Ids that an adversary chose make it a linear search of at
// most kMaxNodeChildren steps. Any values are allowed, in any order: they may have been rolled
// back.
inline uint32_t FindChild(const Key* lows, uint32_t count, Key key, Key low, Key high) {
  uint64_t range = static_cast<uint64_t>((high - low) >> 64);
  uint64_t offset = static_cast<uint64_t>((key - low) >> 64);
  // 32 significant bits, so that the product below fits.
  const int bits = range == 0 ? 0 : 64 - __builtin_clzll(range);
  const int shift = bits > 32 ? bits - 32 : 0;
  range >>= shift;
  offset >>= shift;
  uint64_t guess = offset <= range ? offset * count / (range + 1) : 0;
  if (guess >= count) guess = count - 1;
  uint32_t index = static_cast<uint32_t>(guess);
  while (index > 0 && lows[index] > key) --index;
  while (index + 1 < count && lows[index + 1] <= key) ++index;
  return index;
}

}  // namespace svr2::db

#endif  // SVR2_DB_BLOCKS_H_
