// SPDX-License-Identifier: Apache-2.0

#include "db/database_testing.h"

#include <algorithm>
#include <cstring>

#include "integrity/tree_testing.h"

namespace svr2::db {

Id MakeId(uint64_t low, uint64_t high) {
  Id id;
  util::StoreBigEndian64(id.data(), high);
  util::StoreBigEndian64(id.data() + 8, low);
  return id;
}

Verifier MakeVerifier(uint64_t seed) {
  Verifier verifier;
  for (size_t i = 0; i < verifier.size(); ++i) {
    verifier[i] = static_cast<uint8_t>((seed * 0x9e3779b97f4a7c15u + i * 0x51) >> (i % 7 * 8));
  }
  return verifier;
}

util::Bytes MakeData(uint64_t seed, size_t bytes) {
  util::Bytes data(bytes);
  for (size_t i = 0; i < bytes; ++i) {
    data[i] = static_cast<uint8_t>(((seed + 1) * 0xd1342543de82ef95u + i * 0x9f) >> (i % 8 * 8));
  }
  return data;
}

const Effect& Client::Apply(const Command& command) {
  status_ = database_->Apply(command, &effect_);
  return effect_;
}

const Effect& Client::Backup(const Id& id, const Verifier& verifier, const util::Bytes& data,
                             uint8_t max_tries) {
  return Apply({Op::kBackup, max_tries, id, verifier, data});
}
const Effect& Client::Restore(const Id& id, const Verifier& verifier) {
  return Apply({Op::kRestore, 0, id, verifier, {}});
}
const Effect& Client::Expose(const Id& id, const util::Bytes& data) {
  return Apply({Op::kExpose, 0, id, {}, data});
}
const Effect& Client::Delete(const Id& id) { return Apply({Op::kDelete, 0, id, {}, {}}); }
const Effect& Client::Tries(const Id& id) { return Apply({Op::kTries, 0, id, {}, {}}); }

std::vector<StreamedRow> RowsOf(util::ByteView chunk, const Id& first) {
  std::vector<StreamedRow> rows;
  Result<RowsReader> reader = RowsReader::Parse(chunk, LoadKey(first.data()));
  SVR2_CHECK(reader.ok());
  Row row;
  while (reader->Next(&row)) {
    StreamedRow streamed;
    StoreKey(row.key(), streamed.id.data());
    std::memcpy(streamed.verifier.data(), row.body.verifier, kPinVerifierBytes);
    streamed.data.assign(row.body.data, row.body.data + row.body.data_size());
    streamed.tries = row.body.tries;
    streamed.available = row.body.available();
    rows.push_back(std::move(streamed));
  }
  return rows;
}

std::vector<StreamedRow> ReadAll(Database* database, size_t max_bytes, Status* status) {
  std::vector<StreamedRow> all;
  RowCursor cursor;
  while (!cursor.done) {
    const Id first = cursor.next_id;
    util::SecretBytes chunk;
    *status = database->ReadRows(&cursor, max_bytes, &chunk);
    if (!status->ok()) return all;
    SVR2_CHECK(chunk.size() <= max_bytes);
    for (StreamedRow& row : RowsOf(util::View(chunk), first)) all.push_back(std::move(row));
  }
  return all;
}

util::Bytes MakeChunk(const Id& first, const Id& last, const std::vector<StreamedRow>& rows) {
  util::Bytes chunk(first.begin(), first.end());
  util::Append(&chunk, last);
  for (const StreamedRow& row : rows) {
    util::Append(&chunk, row.id);
    chunk.push_back(static_cast<uint8_t>(row.data.size() | (row.available ? 0x80 : 0)));
    chunk.push_back(static_cast<uint8_t>(row.tries));
    util::Append(&chunk, row.verifier);
    util::Append(&chunk, row.data);
  }
  return chunk;
}

bool OldRegion::Changed() const {
  return std::memcmp(region_.data, bytes_.data(), bytes_.size()) != 0;
}
void OldRegion::Restore() const { std::memcpy(region_.data, bytes_.data(), bytes_.size()); }

namespace {

Region MakeRegion(std::string name, void* data, size_t bytes) {
  return Region{std::move(name), static_cast<uint8_t*>(data), bytes};
}

void AddTagNodes(const std::string& name, integrity::TagTree* tags, std::vector<Region>* regions) {
  for (const integrity::OldMemory& node : integrity::TreePeer::Nodes(tags)) {
    regions->push_back(Region{name + " " + node.name, node.data, node.bytes.size()});
  }
}

bool AllZero(const void* data, size_t bytes) {
  const uint8_t* p = static_cast<const uint8_t*>(data);
  return std::all_of(p, p + bytes, [](uint8_t b) { return b == 0; });
}

}  // namespace

void DatabasePeer::AddLeafParts(RowStore* store, uint32_t number, std::vector<Region>* regions) {
  const Leaf leaf(store->leaves_.block(number), store->leaf_rows_);
  const std::string name = "leaf " + std::to_string(number);
  regions->push_back(MakeRegion(name + " head", leaf.head(), sizeof(LeafHead)));
  for (uint32_t i = 0; i < store->leaf_rows_; ++i) {
    const std::string row = name + " row " + std::to_string(i);
    regions->push_back(MakeRegion(row + " tag", &leaf.tags()[i], sizeof(integrity::RowTag)));
    regions->push_back(MakeRegion(row + " key", &leaf.keys()[i], sizeof(Key)));
    regions->push_back(MakeRegion(row + " body", &leaf.bodies()[i], sizeof(RowBody)));
  }
}

std::vector<Region> DatabasePeer::Regions(Database* database, bool whole_blocks) {
  RowStore* store = database->store_.get();
  std::vector<Region> regions;
  for (uint32_t i = 0; i < store->leaves_.tags().size(); ++i) {
    if (whole_blocks) {
      regions.push_back(MakeRegion("leaf " + std::to_string(i), store->leaves_.block(i),
                                   store->leaves_.block_bytes_));
    } else {
      AddLeafParts(store, i, &regions);
    }
  }
  for (uint32_t i = 0; i < store->nodes_.tags().size(); ++i) {
    regions.push_back(MakeRegion("node " + std::to_string(i), store->nodes_.block(i),
                                 store->nodes_.block_bytes_));
  }
  AddTagNodes("leaf tags", &store->leaves_.tags(), &regions);
  AddTagNodes("node tags", &store->nodes_.tags(), &regions);
  return regions;
}

std::vector<OldRegion> DatabasePeer::Snapshot(Database* database, bool whole_blocks) {
  std::vector<OldRegion> old;
  for (Region& region : Regions(database, whole_blocks)) old.emplace_back(std::move(region));
  return old;
}

std::vector<Region> DatabasePeer::Chunks(Database* database) {
  std::vector<Region> chunks;
  for (BlockPool* pool : {&database->store_->leaves_, &database->store_->nodes_}) {
    for (uint8_t* chunk : pool->chunks_) {
      chunks.push_back(MakeRegion("chunk", chunk, pool->blocks_per_chunk_ * pool->block_bytes_));
    }
  }
  return chunks;
}

bool DatabasePeer::Contains(Database* database, util::ByteView bytes) {
  for (const Region& chunk : Chunks(database)) {
    const uint8_t* end = chunk.data + chunk.bytes;
    if (std::search(static_cast<const uint8_t*>(chunk.data), end, bytes.begin(), bytes.end()) !=
        end) {
      return true;
    }
  }
  return false;
}

Region DatabasePeer::LeafRegion(Database* database, const Id& id) {
  RowStore* store = database->store_.get();
  RowStore::Trail trail;
  SVR2_CHECK(store->Descend(LoadKey(id.data()), &trail).ok());
  return MakeRegion("leaf", store->leaves_.block(trail.leaf), store->leaves_.block_bytes_);
}

std::vector<Region> DatabasePeer::RowRegions(Database* database, const Id& id) {
  const Leaf leaf(LeafRegion(database, id).data, database->store_->leaf_rows_);
  const uint32_t index = LowerBound(leaf.keys(), leaf.head()->count, LoadKey(id.data()));
  SVR2_CHECK(index < leaf.head()->count && leaf.keys()[index] == LoadKey(id.data()));
  return {MakeRegion("key", &leaf.keys()[index], sizeof(Key)),
          MakeRegion("body", &leaf.bodies()[index], sizeof(RowBody)),
          MakeRegion("tag", &leaf.tags()[index], sizeof(integrity::RowTag))};
}

Region DatabasePeer::RootField(Database* database) {
  return MakeRegion("root", &database->store_->root_, sizeof(database->store_->root_));
}

Region DatabasePeer::DigestField(Database* database) {
  return MakeRegion("digest", &database->store_->digest_, sizeof(database->store_->digest_));
}

util::Bytes DatabasePeer::Root(const Database& database) {
  util::Bytes root(Database::kMaxRootBytes);
  root.resize(database.WriteRoot(root.data()));
  return root;
}

uint32_t DatabasePeer::Leaves(Database* database) { return database->store_->leaves_.used(); }
uint32_t DatabasePeer::Nodes(Database* database) { return database->store_->nodes_.used(); }
uint32_t DatabasePeer::Height(Database* database) { return database->store_->height_; }

std::pair<uint64_t, uint64_t> DatabasePeer::Spare(Database* database) {
  const auto spare = [](const BlockPool& pool) {
    return uint64_t{pool.blocks_per_chunk_} * pool.chunks_.size() - pool.used();
  };
  return {spare(database->store_->leaves_), spare(database->store_->nodes_)};
}

// --- The checker ---

struct DatabasePeer::Walk {
  std::vector<bool> leaves;
  std::vector<bool> nodes;
  std::vector<uint32_t> nodes_per_level;
  uint64_t rows = 0;
  unsigned __int128 digest = 0;
};

std::string DatabasePeer::CheckLeaf(RowStore* store, uint32_t number, Key low, Key high,
                                    Walk* walk) {
  const std::string name = "leaf " + std::to_string(number) + ": ";
  if (number >= walk->leaves.size() || walk->leaves[number]) return name + "linked twice";
  walk->leaves[number] = true;
  Leaf leaf;
  LeafCopy copy;
  integrity::Tag tag;
  if (!store->ReadLeaf(number, &leaf, &copy, &tag).ok()) return name + "unreadable";
  if (!store->leaves_.tags().Verify(number, tag).ok()) return name + "wrong tag";
  if (copy.head.low != low || copy.head.high != high) return name + "wrong range";
  Key previous = low;
  for (uint32_t i = 0; i < copy.head.count; ++i) {
    Row row;
    integrity::Tag hash;
    if (!store->LoadRow(leaf, copy, i, &row, &hash).ok()) return name + "wrong row tag";
    walk->digest += RowStore::Number(hash);
    const Key key = row.key();
    if (key < previous || (i > 0 && key == previous) || key > high) return name + "order";
    if (row.body.tries == 0) return name + "0 tries";
    if (row.body.data_size() < kMinDataBytes || row.body.data_size() > kMaxDataBytes) {
      return name + "data size";
    }
    previous = key;
  }
  const uint32_t unused = store->leaf_rows_ - copy.head.count;
  if (!AllZero(&leaf.keys()[copy.head.count], unused * sizeof(Key)) ||
      !AllZero(&leaf.bodies()[copy.head.count], unused * sizeof(RowBody)) ||
      !AllZero(&leaf.tags()[copy.head.count], unused * sizeof(integrity::RowTag))) {
    return name + "vacated places not wiped";
  }
  walk->rows += copy.head.count;
  return "";
}

std::string DatabasePeer::CheckNode(RowStore* store, uint32_t number, uint32_t level, Key low,
                                    Key high, Walk* walk) {
  const std::string name = "node " + std::to_string(number) + ": ";
  if (number >= walk->nodes.size() || walk->nodes[number]) return name + "linked twice";
  walk->nodes[number] = true;
  ++walk->nodes_per_level[level];
  NodeCopy copy;
  if (!store->LoadNode(number, level, &copy).ok()) return name + "does not verify";
  const Node node = store->NodeIn(&copy);
  const uint32_t count = node.head()->count;
  if (node.lows()[0] != low) return name + "wrong low";
  for (uint32_t i = 0; i < count; ++i) {
    const Key child_low = node.lows()[i];
    const Key child_high = i + 1 < count ? node.lows()[i + 1] - 1 : high;
    if (child_low > child_high) return name + "order";
    const std::string wrong =
        level == 0 ? CheckLeaf(store, node.children()[i], child_low, child_high, walk)
                   : CheckNode(store, node.children()[i], level - 1, child_low, child_high, walk);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::string DatabasePeer::CheckTotals(RowStore* store, const Walk& walk) {
  if (walk.rows != store->rows_) return "row count";
  if (walk.digest != store->digest_) return "digest";
  for (uint32_t i = 0; i < walk.nodes_per_level.size(); ++i) {
    if (walk.nodes_per_level[i] != store->nodes_per_level_[i]) return "nodes per level";
  }
  const std::pair<BlockPool*, const std::vector<bool>*> pools[] = {{&store->leaves_, &walk.leaves},
                                                                   {&store->nodes_, &walk.nodes}};
  for (const auto& [pool, linked] : pools) {
    const auto used = std::count(linked->begin(), linked->end(), true);
    if (used != static_cast<int64_t>(pool->used())) return "blocks lost";
    for (uint32_t i = 0; i < linked->size(); ++i) {
      if (!(*linked)[i] && !AllZero(pool->block(i), pool->block_bytes_)) {
        return "freed block not wiped";
      }
    }
  }
  return "";
}

std::string DatabasePeer::Check(Database* database) {
  RowStore* store = database->store_.get();
  if (store == nullptr) return "stopped";
  Walk walk;
  walk.leaves.resize(store->leaves_.tags().size());
  walk.nodes.resize(store->nodes_.tags().size());
  walk.nodes_per_level.resize(RowStore::kMaxHeight);
  const std::string wrong =
      store->height_ == 0
          ? CheckLeaf(store, store->root_, kMinKey, kMaxKey, &walk)
          : CheckNode(store, store->root_, store->height_ - 1, kMinKey, kMaxKey, &walk);
  return wrong.empty() ? CheckTotals(store, walk) : wrong;
}

}  // namespace svr2::db
