// SPDX-License-Identifier: Apache-2.0
//
// The guess-limited database: backup id → data, PIN verifier, tries left, state, with the
// semantics of protocol.md §2. Applies commands of committed log entries, one after the other; the
// same commands give the same effects on every replica.
//
// Structure. Rows lie sorted in fixed-size *leaves* (22 rows by default) below a B+ tree of *nodes*
// (64 children by default). A full leaf first gives rows to a neighbour and is split only when both
// neighbours are full too, which keeps leaves about 85 % full under random inserts; leaves that
// run empty are merged. Leaves and nodes are blocks of two pools (row_store.h, block_pool.h),
// carved from big chunks, addressed by number, reused when freed.
//
// Integrity (attacker: an operator who puts back old memory pages, protocol.md §2). Each row has an
// 8-byte keyed tag over its id and content. Each leaf has a 16-byte tag over its number, its
// covered range of ids, its row count and its row tags in order. The leaf tags lie under a Merkle
// tree of fan-out eight (integrity/tag_tree.h). An access copies the leaf's head and the row,
// checks row → leaf → root, decides on the copies alone, and computes new tags from the copies. So:
//   * an old row, leaf or tree node, or two exchanged ones, does not verify at the next access to
//   it;
//   * "no such row" is proved: the leaf's verified range covers the id, and the verified rows at
//   the two
//     neighbouring positions (or the range's end) enclose it;
//   * the B+ tree's nodes decide nothing: a node only says where to look, and a lookup that a stale
//     node misled ends in a leaf whose range does not cover the id. Nodes have tags too, checked
//     whenever the structure changes, so that no stale node is ever built upon.
// Splits, merges and moves verify both leaves, every row that they move, and the nodes they change.
// The first mismatch wipes the whole database; every later call returns ERROR_INTEGRITY_MISMATCH.
//
// The database's own fields (root, heights, sizes, Merkle top nodes) lie in this object and are
// covered by RootDigest(), which the owner keeps under the replica's integrity tree.
//
// Secrets. Erased and vacated row slots, freed blocks and all copies are wiped. PIN verifiers and
// exposed data are compared in constant time.
//
// What the next issue adds, and what here is made for it:
//   * Streaming to a joiner: leaves cover adjacent ranges, so "the first row with id ≥ k" verifies
//   like a
//     lookup, and a cursor is just the next id; it survives every change of the structure in
//     between. Rows come out verified, in key order, a leaf (one leaf tag check) at a time.
//   * Range digests for comparing replicas: a keyed hash, under a key derived from the group key,
//   over the
//     canonical rows (id, state, tries, verifier, data) of an id range in key order; independent of
//     blocks, because tags and blocks never enter it.
//   * Loading ascending rows fills leaves completely (an insert behind the last row of the last
//     leaf opens a new leaf instead of splitting).

#ifndef SVR2_DB_DATABASE_H_
#define SVR2_DB_DATABASE_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "db/command.h"
#include "env/env.h"
#include "integrity/memory.h"
#include "integrity/short_hash.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::db {

class RowStore;  // The verified B+ tree (row_store.h), not for use outside of this module.

// Result of one command as the client sees it (protocol.md §2; names of client.proto).
enum class EffectStatus : uint8_t { kOk, kMissing, kPinMismatch, kError };

// What a command did. Wiped when destroyed or reused.
struct Effect {
  Op op = Op::kTries;
  EffectStatus status = EffectStatus::kError;
  uint8_t tries = 0;     // restore: OK, PIN_MISMATCH; tries: OK.
  bool exposed = false;  // tries: OK.
  uint8_t data_size = 0;
  util::Secret<kMaxDataBytes> data_storage;

  // restore: the data when OK, else empty.
  util::ByteView data() const { return util::ByteView(data_storage.data(), data_size); }
};

struct DatabaseOptions {
  // Rows at most; beyond, ReserveForBackups refuses.
  uint64_t max_rows = 1000000;
  // Heap that the database may take, in bytes; beyond, ReserveForBackups refuses.
  size_t max_heap_bytes = SIZE_MAX;
  // Rows in a leaf, 4–64, and children of a node, 4–128, both even. Tests use small ones. These
  // make blocks of 2,048 bytes each, two to a page, so that an access to a leaf misses the TLB
  // once; fewer rows mean less to hash (46 ns for 22 row tags, twice an update), more rows fewer
  // leaves.
  uint32_t leaf_rows = 22;
  uint32_t node_children = 100;
  // Leaves are allocated in chunks of about so many bytes.
  size_t chunk_bytes = size_t{1} << 20;
  // Where memory comes from; nullptr: the heap. Outlives the database.
  integrity::Memory* memory = nullptr;
};

// Thread-compatible: the owner's Raft lock guards it.
class Database {
 public:
  // An empty database with fresh random integrity keys. Fails with ERROR_RANDOM_FAILED,
  // ERROR_DB_HEAP_FULL, or ERROR_INVALID_ARGUMENT for options outside their limits.
  static Result<std::unique_ptr<Database>> Create(env::Env* env, const DatabaseOptions& options);
  ~Database();  // Wipes.
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Applies one command, which must pass CheckCommand (EntryReader's do), and says in `effect` what
  // it did. Fails only with ERROR_INTEGRITY_MISMATCH, and for good: the database has wiped itself,
  // every later call returns the same, `effect` reads ERROR. (A backup that was not covered by
  // ReserveForBackups and finds no memory ends the database in the same way, with
  // ERROR_DB_HEAP_FULL: a replica that cannot apply must stop.)
  Status Apply(const Command& command, Effect* effect);

  // Makes sure that `backups` backups, each of a new id at the worst place, can be applied without
  // memory or rows running out. The leader calls it before it appends, with the number of backups
  // in its log that are not yet applied plus those it is about to append; a follower likewise
  // before it accepts. Cheap when already satisfied. Fails, having changed nothing that a client
  // could see, with ERROR_DB_ROWS_FULL, ERROR_DB_HEAP_FULL (allocation refused or max_heap_bytes
  // exceeded), or ERROR_INTEGRITY_MISMATCH once stopped.
  Status ReserveForBackups(uint64_t backups);

  // Starts loading the memory that Apply of a command on this id will touch. No effect otherwise.
  // For callers with several commands at hand: prefetch some commands ahead.
  void Prefetch(util::ByteView backup_id) const;

  // Zeroes all rows and gives all memory back. The database is then stopped for good: later calls
  // return ERROR_CORE_STOPPED, or the error that had stopped it before.
  void Wipe();

  // True after a mismatch, after Wipe, or after memory ran out: Apply will only fail.
  bool stopped() const { return !failure_.ok(); }

  // Rows present; 0 once stopped.
  uint64_t rows() const;

  // 16 bytes that change whenever anything in the database does, keyed, meaningful in this enclave
  // only. The owner keeps them in a slot of its integrity tree: compares before it relies on the
  // database (once per batch), updates after applying. About 0.2 µs.
  integrity::Tag RootDigest() const;

  // Bytes taken from the heap, reserves included.
  size_t heap_bytes() const;

 private:
  friend class DatabasePeer;  // Tests reach the memory through it, to roll it back and to check it.

  Database(std::unique_ptr<RowStore> store, uint64_t max_rows);

  Status Backup(const Command& command, Effect* effect);
  Status Restore(const Command& command, Effect* effect);
  Status Expose(const Command& command, Effect* effect);
  Status Delete(const Command& command, Effect* effect);
  Status Tries(const Command& command, Effect* effect);
  void Stop(Status why);

  const uint64_t max_rows_;
  Status failure_;
  std::unique_ptr<RowStore> store_;
};

}  // namespace svr2::db

#endif  // SVR2_DB_DATABASE_H_
