// SPDX-License-Identifier: Apache-2.0
//
// What tests need around Database: short ways to make commands, a look at its memory (to put old
// regions back, as an operator may, and to search it for secrets), and a checker of its structure.
// Never linked into an enclave.

#ifndef SVR2_DB_DATABASE_TESTING_H_
#define SVR2_DB_DATABASE_TESTING_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "db/command.h"
#include "db/database.h"
#include "db/row_store.h"
#include "env/fake_env.h"

namespace svr2::db {

using Id = std::array<uint8_t, kBackupIdBytes>;
using Verifier = std::array<uint8_t, kPinVerifierBytes>;

// The id whose number is `high` ‖ `low`.
Id MakeId(uint64_t low, uint64_t high = 0);
// A verifier, data: all bytes depend on `seed`.
Verifier MakeVerifier(uint64_t seed);
util::Bytes MakeData(uint64_t seed, size_t bytes = 32);

// Applies one command and keeps what it did. The calls are those of a client.
class Client {
 public:
  explicit Client(Database* database) : database_(database) {}

  const Effect& Backup(const Id& id, const Verifier& verifier, const util::Bytes& data,
                       uint8_t max_tries);
  const Effect& Restore(const Id& id, const Verifier& verifier);
  const Effect& Expose(const Id& id, const util::Bytes& data);
  const Effect& Delete(const Id& id);
  const Effect& Tries(const Id& id);

  // Of the last call.
  Status status() const { return status_; }
  const Effect& effect() const { return effect_; }

 private:
  const Effect& Apply(const Command& command);

  Database* const database_;
  Status status_;
  Effect effect_;
};

// A row as it comes out of a stream.
struct StreamedRow {
  Id id;
  Verifier verifier;
  util::Bytes data;
  int tries;
  bool available;
  friend bool operator==(const StreamedRow& a, const StreamedRow& b) {
    return a.id == b.id && a.verifier == b.verifier && a.data == b.data && a.tries == b.tries &&
           a.available == b.available;
  }
};

// The rows of one chunk (row_stream.h), which must be valid and begin at `first`.
std::vector<StreamedRow> RowsOf(util::ByteView chunk, const Id& first);

// All rows, by chunks of at most `max_bytes`; `status` says when it could not read them all.
std::vector<StreamedRow> ReadAll(Database* database, size_t max_bytes, Status* status);

// A chunk as a malicious or broken source might send it.
util::Bytes MakeChunk(const Id& first, const Id& last, const std::vector<StreamedRow>& rows);

// A piece of the enclave's memory.
struct Region {
  std::string name;
  uint8_t* data;
  size_t bytes;
};

// What a region held at some time; Restore puts it back.
class OldRegion {
 public:
  explicit OldRegion(Region region)
      : region_(std::move(region)), bytes_(region_.data, region_.data + region_.bytes) {}
  const std::string& name() const { return region_.name; }
  bool Changed() const;
  void Restore() const;

 private:
  Region region_;
  util::Bytes bytes_;
};

// Friend of Database and its parts.
class DatabasePeer {
 public:
  // Every piece that is protected on its own: per leaf its head, row tags, and each row's key, body
  // and tag; each node; each node of the Merkle trees. With `whole_blocks`, whole leaves instead of
  // their parts.
  static std::vector<Region> Regions(Database* database, bool whole_blocks);
  static std::vector<OldRegion> Snapshot(Database* database, bool whole_blocks);
  // All block memory, free blocks included.
  static std::vector<Region> Chunks(Database* database);
  // True when `bytes` are anywhere in block memory.
  static bool Contains(Database* database, util::ByteView bytes);

  // Key, body and tag of a row: the pieces to exchange for another row's.
  static std::vector<Region> RowRegions(Database* database, const Id& id);
  // The whole leaf that is responsible for `id`.
  static Region LeafRegion(Database* database, const Id& id);
  // The fields of the store itself, which WriteRoot covers.
  static Region RootField(Database* database);
  static Region DigestField(Database* database);
  // What the owner keeps under its tree.
  static util::Bytes Root(const Database& database);

  // Every rule of the structure, and every tag. Empty when all is well, else what is wrong.
  static std::string Check(Database* database);

  static uint32_t Leaves(Database* database);
  static uint32_t Height(Database* database);
  static uint32_t Nodes(Database* database);
  // Blocks that are reserved but not in use: leaves, nodes.
  static std::pair<uint64_t, uint64_t> Spare(Database* database);

 private:
  struct Walk;
  static std::string CheckNode(RowStore* store, uint32_t number, uint32_t level, Key low, Key high,
                               Walk* walk);
  static std::string CheckLeaf(RowStore* store, uint32_t number, Key low, Key high, Walk* walk);
  static std::string CheckTotals(RowStore* store, const Walk& walk);
  static void AddLeafParts(RowStore* store, uint32_t number, std::vector<Region>* regions);
};

}  // namespace svr2::db

#endif  // SVR2_DB_DATABASE_TESTING_H_
