// SPDX-License-Identifier: Apache-2.0
//
// A join without what lies between the two replicas: rows out of a database whose rows came in
// random order, into an empty one, a chunk after the other. CPU time of one thread.

#include <benchmark/benchmark.h>

#include <memory>

#include "db/database_testing.h"

namespace svr2::db {
namespace {

constexpr int64_t kMillion = 1000000;
constexpr size_t kChunkBytes = 256 << 10;
const util::Bytes& DigestKeyBytes() {
  static const util::Bytes key(kDigestKeyBytes, 3);
  return key;
}

std::unique_ptr<Database> NewDatabase(bool loading) {
  env::FakeEnv env(1);
  DatabaseOptions options;
  options.max_rows = 8 * kMillion;
  options.digest_key = DigestKeyBytes();
  options.loading = loading;
  return std::move(Database::Create(&env, options)).value();
}

// Rows with data of the greatest size, at random ids. The one of another size is given back first.
Database* Source(int64_t rows) {
  static std::unique_ptr<Database> source;
  if (source != nullptr && source->rows() == static_cast<uint64_t>(rows)) return source.get();
  source.reset();
  source = NewDatabase(false);
  Client client(source.get());
  for (int64_t i = 0; i < rows; ++i) {
    const uint64_t n = static_cast<uint64_t>(i);
    const Id id = MakeId(n, n * 0x9e3779b97f4a7c15 ^ (n * 0xd1342543de82ef95 >> 17));
    client.Backup(id, MakeVerifier(n), util::Bytes(kMaxDataBytes, static_cast<uint8_t>(n)), 10);
    if (!client.status().ok()) std::abort();
  }
  return source.get();
}

void BM_ReadRows(benchmark::State& state) {
  Database* const source = Source(state.range(0));
  size_t bytes = 0;
  util::SecretBytes chunk;
  for (auto _ : state) {
    bytes = 0;
    for (RowCursor cursor; !cursor.done;) {
      chunk.clear();
      if (!source->ReadRows(&cursor, kChunkBytes, &chunk).ok()) std::abort();
      bytes += chunk.size();
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["wire_bytes_per_row"] =
      static_cast<double>(bytes) / static_cast<double>(state.range(0));
}
BENCHMARK(BM_ReadRows)->Arg(kMillion)->Arg(4 * kMillion)->Unit(benchmark::kMillisecond);

// Out of one database and into another, as the two replicas of a join do in turn.
void BM_ReadAndLoadRows(benchmark::State& state) {
  Database* const source = Source(state.range(0));
  util::SecretBytes chunk;
  for (auto _ : state) {
    const std::unique_ptr<Database> joiner = NewDatabase(true);
    uint64_t rows = 0;
    for (RowCursor cursor; !cursor.done;) {
      chunk.clear();
      if (!source->ReadRows(&cursor, kChunkBytes, &chunk).ok()) std::abort();
      if (!joiner->LoadRows(util::View(chunk), &rows).ok()) std::abort();
    }
    state.PauseTiming();
    if (!util::ConstantTimeEqual(joiner->Digest().view(), source->Digest().view())) std::abort();
    state.counters["bytes_per_row"] =
        static_cast<double>(joiner->heap_bytes()) / static_cast<double>(state.range(0));
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_ReadAndLoadRows)->Arg(kMillion)->Arg(4 * kMillion)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace svr2::db
