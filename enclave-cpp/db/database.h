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
// The database's own fields (root, heights, sizes, digest, Merkle top nodes) lie in this object;
// the owner keeps what WriteRoot() says of them under the replica's integrity tree.
//
// Secrets. Erased and vacated row slots, freed blocks and all copies are wiped. PIN verifiers and
// exposed data are compared in constant time.
//
// Streaming to a joiner (protocol.md §5). Leaves cover adjacent ranges, so "all rows from id k on"
// verifies like a lookup, and a cursor is just the next id: it survives every change of the
// structure in between. Rows come out verified, in key order, a leaf (one check of its tag and
// path) at a time, in chunks that state their range (row_stream.h). The joiner's database starts
// out covering no ids (DatabaseOptions::loading). Each chunk continues the covered range, and
// commands on ids outside of it do nothing: their effect is in the chunk that will bring those ids.
// So the source may apply commands between chunks as long as the joiner gets them in between, too.
// Loaded leaves, and the nodes above them, are completely full.
//
// Digest, for comparing replicas: the sum modulo 2^128 of a keyed hash of each canonical row (id,
// verifier, data padded with zeros, tries, size and state), MSet-Add-Hash of Clarke, Devadas, van
// Dijk, Gassend and Suh, "Incremental Multiset Hash Functions and Their Application to Memory
// Integrity Checking", ASIACRYPT 2003. It does not depend on order, blocks or history, so replicas
// with equal rows have equal digests, and a change of a row is a subtraction and an addition. The
// hash is SipHash-2-4-128 under a key of the group, *the same value* of which the first half is the
// row's tag in memory: so the digest costs no hashing at all beyond the tags. (Measured for the 82
// bytes of a row: SipHash 41 ns, keyed BLAKE2b-128 325 ns; two more of either would show in a wrong
// guess.) Why this is sound:
//   * Who wants to find two sets with equal sums, or to test PINs, needs to compute or to see
//     hashes. The key stays inside of the group's enclaves, so do tags and sums; a host sees at
//     most an HMAC of a sum and an index. (The paper's nonce, which masks sums that an adversary
//     sees, is therefore left out.)
//   * Tags may share the group's key although all other integrity keys are of one enclave only:
//     what pins a row to its place and time is the leaf's tag over the row tags, under a key of
//     this enclave. The row tag has only to be a value that nobody can steer (short_hash.h says why
//     8 bytes).

#ifndef SVR2_DB_DATABASE_H_
#define SVR2_DB_DATABASE_H_

#include <array>
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
  // The group's key of row hashes (DeriveDigestKey), kDigestKeyBytes long, copied. Empty: drawn at
  // random, and then Digest compares with no other database's.
  util::ByteView digest_key{};
  // A joiner's database: it covers no ids yet, see LoadRows.
  bool loading = false;
};

// Where a stream of rows to a joiner is. Just an id, so it stays valid whatever happens to the
// database between two calls. A fresh one is at the beginning.
struct RowCursor {
  std::array<uint8_t, kBackupIdBytes> next_id{};  // The first id not yet read; when not done.
  bool done = false;                              // All ids were read.
};

// Secret: it must not leave the enclave but as an HMAC, together with an index (protocol.md §4).
using DatabaseDigest = util::Secret<integrity::kTagBytes>;

// Thread-compatible: the owner's Raft lock guards it.
class Database {
 public:
  // An empty database with fresh random integrity keys. Fails with ERROR_RANDOM_FAILED,
  // ERROR_DB_HEAP_FULL, or ERROR_INVALID_ARGUMENT for options outside their limits.
  static Result<std::unique_ptr<Database>> Create(env::Env* env, const DatabaseOptions& options);

  // The least max_bytes of ReadRows: more than a chunk of one row.
  static constexpr size_t kMinChunkBytes = 128;
  ~Database();  // Wipes.
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Applies one command, which must pass CheckCommand (EntryReader's do), and says in `effect` what
  // it did. On an id that is not covered yet (Covers) it does nothing, and `effect` reads ERROR.
  // Fails only with ERROR_INTEGRITY_MISMATCH, and for good: the database has wiped itself, every
  // later call returns the same, `effect` reads ERROR. (A backup that was not covered by
  // ReserveForBackups and finds no memory ends the database in the same way, with
  // ERROR_DB_HEAP_FULL: a replica that cannot apply must stop.)
  Status Apply(const Command& command, Effect* effect);

  // Makes sure that `backups` backups, each of a new id at the worst place, can be applied without
  // memory or rows running out. The leader calls it before it appends, with the number of backups
  // in its log that are not yet applied plus those it is about to append; a follower likewise
  // before it accepts. Cheap when already satisfied. Fails, having changed nothing that a client
  // could see, with ERROR_DB_ROWS_FULL, ERROR_DB_HEAP_FULL (allocation refused or max_heap_bytes
  // exceeded), or ERROR_INTEGRITY_MISMATCH once stopped. Without `may_grow` nothing is taken from
  // the heap: what deleted rows have left must do.
  Status ReserveForBackups(uint64_t backups, bool may_grow = true);

  // Appends to `out` one chunk (row_stream.h) of at most `max_bytes` bytes: all rows from the
  // cursor on, in key order, each verified, until the next does not fit or the end; then moves the
  // cursor. Takes time in proportion to `max_bytes` whatever the database's size: it runs under the
  // owner's lock. A chunk may hold no row at all, where few rows are left over. Fails with
  // ERROR_INVALID_ARGUMENT below kMinChunkBytes, when the cursor is done, or while this database is
  // itself loading; with ERROR_OUT_OF_MEMORY when `out` cannot grow; neither changes anything. With
  // ERROR_INTEGRITY_MISMATCH as Apply does, for good; `out` is then as it was.
  Status ReadRows(RowCursor* cursor, size_t max_bytes, util::SecretBytes* out);

  // For a joiner: loads one chunk of ReadRows, which must begin where the covered range ends; then
  // that range ends where the chunk's does, and *rows says how many rows came. All or nothing:
  // ERROR_DB_OUT_OF_ORDER (the chunk begins elsewhere, also when all ids are covered already; its
  // ids do not ascend), ERROR_DB_IMPOSSIBLE_ROW (a row that no database holds, or cut off),
  // ERROR_DB_ROWS_FULL and ERROR_DB_HEAP_FULL have changed nothing that a client could see.
  // ERROR_INTEGRITY_MISMATCH as Apply does, for good.
  Status LoadRows(util::ByteView chunk, uint64_t* rows);

  // Whether commands on this id (16 bytes) have an effect: always, but while loading only up to
  // the last id of the last chunk.
  bool Covers(util::ByteView backup_id) const;

  // Whether rows are still missing.
  bool loading() const { return loading_; }

  // The digest of all rows, see above; all zero once stopped. Costs nothing.
  DatabaseDigest Digest() const;

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

  // Writes bytes, at most kMaxRootBytes, that change whenever anything in the database does, and
  // returns how many (80 for a database of a few rows). The owner keeps them in a slot of its
  // integrity tree: compares before it relies on the database (once per batch), updates after
  // applying. They are what lies in memory, not hashed, since that tree hashes what it is given.
  // The digest is among them: the owner wipes its copy.
  size_t WriteRoot(uint8_t* out) const;
  static constexpr size_t kMaxRootBytes = 384;

  // Bytes taken from the heap, reserves included.
  size_t heap_bytes() const;

 private:
  friend class DatabasePeer;  // Tests reach the memory through it, to roll it back and to check it.

  Database(std::unique_ptr<RowStore> store, const DatabaseOptions& options);

  Status Backup(const Command& command, Effect* effect);
  Status Restore(const Command& command, Effect* effect);
  Status Expose(const Command& command, Effect* effect);
  Status Delete(const Command& command, Effect* effect);
  Status Tries(const Command& command, Effect* effect);
  void Stop(Status why);

  const uint64_t max_rows_;
  Status failure_;
  bool loading_;
  // While loading: the first id that is not covered.
  std::array<uint8_t, kBackupIdBytes> uncovered_{};
  std::unique_ptr<RowStore> store_;
};

}  // namespace svr2::db

#endif  // SVR2_DB_DATABASE_H_
