// SPDX-License-Identifier: Apache-2.0
//
// The verified B+ tree of rows under Database, which see for structure, integrity and wiping. Knows
// keys and rows, not what they mean.
//
// Names: a *leaf* holds rows, a *node* holds children (leaves at level 0, nodes above). height_ is
// the number of levels of nodes; at height 0 the root is a leaf. Lookups use nodes unverified, as
// hints; structural changes verify each node before they build on it.

#ifndef SVR2_DB_ROW_STORE_H_
#define SVR2_DB_ROW_STORE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "db/block_pool.h"
#include "db/blocks.h"
#include "db/row_stream.h"
#include "integrity/memory.h"
#include "integrity/short_hash.h"
#include "integrity/tag_tree.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::db {

struct RowStoreOptions {
  uint32_t leaf_rows;      // 4 to kMaxLeafRows.
  uint32_t node_children;  // 4 to kMaxNodeChildren.
  size_t chunk_bytes;
  size_t max_heap_bytes;
  integrity::Memory* memory;  // Not null; outlives the store.
};

// Thread-compatible. Errors: ERROR_INTEGRITY_MISMATCH and ERROR_DB_HEAP_FULL (only where memory was
// not reserved); after either the store must not be used but for Wipe.
class RowStore {
 public:
  static constexpr size_t kKeyCount = 5;
  // One for each purpose, random but for the first: the key of row hashes (Database::Digest).
  using HashKeys = util::Secret<kKeyCount * integrity::kShortHashKeyBytes>;

  // A lookup's result: verified private copies of the row (when found), its leaf's head and the
  // path to the root. Valid until the next change of the store. About 2 kB, on the caller's stack.
  class Access {
   public:
    bool found() const { return found_; }
    // The row; meaningful when found. Change the body, then call Update.
    Row& row() { return row_; }

   private:
    friend class RowStore;
    friend class DatabasePeer;
    bool found_;
    uint32_t index_;  // Of the row, or of the place where it would be.
    Leaf leaf_;
    LeafCopy copy_;
    integrity::TagTree::Path path_;
    Row row_;
    integrity::Tag row_hash_;  // Of the row as found.
  };

  RowStore(const HashKeys& keys, const RowStoreOptions& options);
  RowStore(const RowStore&) = delete;
  RowStore& operator=(const RowStore&) = delete;

  // Makes the first, empty leaf; once, before all else.
  Status Init();

  // Looks `key` up and proves the answer, be it presence or absence.
  Status Find(Key key, Access* access);

  // Writes access->row() back. Found rows only; the key stays.
  void Update(Access* access);

  // Inserts `row`, whose key `access` did not find.
  Status Insert(Access* access, const Row& row);

  // Erases the row that `access` found.
  Status Erase(Access* access);

  // Appends to `out` the rows from id `first` on, in key order, each verified and none left out,
  // until `out` is full, many leaves were visited, or the end. All ids up to *last are done then:
  // kMaxKey at the end. Cost in proportion to out->capacity().
  Status ReadRows(Key first, RowsWriter* out, Key* last) const;

  // Appends rows, all behind every row present. Fills leaves and nodes completely. Needs
  // ReserveAppend for as many rows.
  Status AppendRows(RowsReader rows);

  // Memory for AppendRows of so many rows.
  Status ReserveAppend(uint64_t rows);

  // Memory for `inserts` inserts at the worst places; unless `may_grow` only leaves that went make
  // room for new ones, and nothing is taken from the heap.
  Status Reserve(uint64_t inserts, bool may_grow);

  // Loads what Find(key) will read.
  void Prefetch(Key key) const;

  // Zeroes all memory that held rows.
  void Wipe();

  uint64_t rows() const { return rows_; }
  size_t heap_bytes() const { return memory_.used(); }
  // Sum of the hashes of all rows, see Database::Digest.
  integrity::Tag digest() const {
    return {{static_cast<uint64_t>(digest_), static_cast<uint64_t>(digest_ >> 64)}};
  }
  // Writes this object's own fields and, through them, everything; says how many bytes, at most
  // kMaxRootBytes.
  size_t WriteRoot(uint8_t* out) const;
  static constexpr uint32_t kMaxHeight = 12;
  static constexpr size_t kMaxRootBytes =
      2 * integrity::TagTree::kMaxRootBytes + 16 + 16 + 4 * kMaxHeight;

 private:
  friend class DatabasePeer;

  // Counts what is taken and refuses beyond a limit.
  class LimitedMemory final : public integrity::Memory {
   public:
    LimitedMemory(integrity::Memory* base, size_t limit) : base_(base), limit_(limit) {}
    void* Allocate(size_t bytes) override;
    void Free(void* block, size_t bytes) override;
    size_t used() const { return used_; }
    void set_may_grow(bool may_grow) { may_grow_ = may_grow; }

   private:
    integrity::Memory* const base_;
    const size_t limit_;
    bool may_grow_ = true;
    size_t used_ = 0;
  };

  // The way from the root to a leaf: at each level the node and which of its children was taken.
  struct Trail {
    uint32_t nodes[kMaxHeight];
    uint32_t indexes[kMaxHeight];
    uint32_t leaf;
  };

  // A verified leaf that is being read or changed: rows in place, head and tags in the copy until
  // Close.
  struct OpenLeaf {
    Leaf leaf;
    LeafCopy copy;
    integrity::Tag tag;  // What the tree holds.

    uint32_t count() const { return copy.head.count; }
  };

  static unsigned __int128 Number(const integrity::Tag& hash) {
    return (static_cast<unsigned __int128>(hash.words[1]) << 64) | hash.words[0];
  }

  // row_store.cc: access to single rows.
  Status Descend(Key key, Trail* trail) const;
  void PrefetchLeaf(uint32_t number) const;
  void PrefetchBodies(uint32_t number) const;
  Status ReserveSplits(uint64_t leaves);
  Status ReadLeaf(uint32_t number, Leaf* leaf, LeafCopy* copy, integrity::Tag* tag) const;
  Status LoadRow(const Leaf& leaf, const LeafCopy& copy, uint32_t index, Row* row,
                 integrity::Tag* hash) const;
  Status ProveAbsent(Key key, Access* access) const;
  integrity::Tag LeafTag(const LeafCopy& copy) const {
    return leaf_hash_(&copy, copy.hashed_bytes());
  }
  void CommitLeaf(Access* access);

  // row_store_stream.cc: whole ranges of rows.
  struct Tail;
  Status ReadLeafRows(const OpenLeaf& leaf, Key* next, RowsWriter* out, bool* full) const;
  Status OpenTail(Key first, Tail* tail) const;
  bool FillTail(RowsReader* rows, Row* row, Tail* tail);
  Status StartTail(Key low, Tail* tail);
  Status CloseTail(Tail* tail);
  Status LinkTail(Tail* tail);
  Status StartParent(Tail* tail);

  // row_store_structure.cc: splits, moves and merges.
  Status Open(uint32_t number, OpenLeaf* leaf) const;
  Status Close(OpenLeaf* leaf);
  void WriteHead(const OpenLeaf& leaf);
  void CopyRows(const OpenLeaf& from, uint32_t from_index, OpenLeaf* to, uint32_t to_index,
                uint32_t rows) const;
  void WipeRows(const OpenLeaf& leaf, uint32_t first, uint32_t rows) const;
  Status VerifyRows(const OpenLeaf& leaf, uint32_t first, uint32_t count) const;
  Status ShiftLeft(OpenLeaf* left, OpenLeaf* right, uint32_t rows) const;
  Status ShiftRight(OpenLeaf* left, OpenLeaf* right, uint32_t rows) const;
  Status MakeRoom(Key key);
  Status TryGiveToNeighbour(const Trail& trail, OpenLeaf* full, bool* done);
  Status Split(const Trail& trail, OpenLeaf* full, Key key);
  Status TryMerge(const Trail& trail);

  // row_store_nodes.cc: the nodes above the leaves.
  Node NodeIn(NodeCopy* copy) const { return Node(copy->bytes, node_children_); }
  Status LoadNode(uint32_t number, uint32_t level, NodeCopy* copy) const;
  // The node that `trail` took at `level`, verified, and checked to lead to `child` there.
  Status LoadParent(const Trail& trail, uint32_t level, uint32_t child, NodeCopy* copy) const;
  Status StoreNode(NodeCopy* copy);
  Status NewNode(uint32_t level, NodeCopy* copy);
  Status FreeNode(NodeCopy* copy);
  Status InsertChild(const Trail& trail, uint32_t level, Key low, uint32_t child);
  Status SplitNode(const Trail& trail, uint32_t level, NodeCopy* full, uint32_t index, Key low,
                   uint32_t child);
  Status NewRoot(Key low, uint32_t child);
  Status RemoveChild(const Trail& trail, uint32_t level, NodeCopy* node, uint32_t index);
  Status TryMergeNode(const Trail& trail, uint32_t level, uint32_t number);
  Status CollapseRoot();

  LimitedMemory memory_;
  const uint32_t leaf_rows_;
  const uint32_t node_children_;
  const integrity::ShortHash row_hash_;
  const integrity::ShortHash leaf_hash_;
  const integrity::ShortHash node_hash_;
  BlockPool leaves_;
  BlockPool nodes_;
  unsigned __int128 digest_ = 0;
  uint64_t rows_ = 0;
  uint32_t root_ = 0;  // A leaf's number at height 0, else a node's.
  uint32_t height_ = 0;
  std::array<uint32_t, kMaxHeight> nodes_per_level_{};  // For Reserve's bound.
};

}  // namespace svr2::db

#endif  // SVR2_DB_ROW_STORE_H_
