// SPDX-License-Identifier: Apache-2.0
//
// The database alone, at one and four million rows in random order, each row exposed. One database
// of a size is built once and shared by the benchmarks of that size. `bytes_per_row` is the growth
// of the heap in use (mallinfo2: arena and mapped) divided by the rows, so all in.

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <memory>

#include "crypto/init.h"
#include "db/database_testing.h"

namespace svr2::db {
namespace {

constexpr int64_t kMillion = 1000000;

// A permutation of 64-bit numbers (SplitMix64's finalizer): random order, no repeats, no table.
uint64_t Scatter(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}
Id RandomId(uint64_t number) { return MakeId(Scatter(~number), Scatter(number)); }

size_t HeapInUse() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

struct Filled {
  std::unique_ptr<Database> database;
  double bytes_per_row = 0;
  PinKey pin_key;
};

const util::Bytes& Pin() {
  static const util::Bytes pin(kPinBytes, 7);
  return pin;
}

void AddRow(Filled* filled, Client* client, uint64_t number) {
  const Id id = RandomId(number);
  const PinVerifier verifier = MakePinVerifier(filled->pin_key, id, Pin()).value();
  const util::Bytes data(kMaxDataBytes, static_cast<uint8_t>(number));
  client->Backup(id, util::ToArray<kPinVerifierBytes>(verifier.view()), data, 255);
  if (!client->status().ok()) std::abort();
}

std::unique_ptr<Database> NewDatabase() {
  env::FakeEnv env(1);
  DatabaseOptions options;
  options.max_rows = 8 * kMillion;
  return std::move(Database::Create(&env, options)).value();
}

// The database of `rows` rows; the one of another size is given back first.
Filled* Fill(int64_t rows) {
  static std::unique_ptr<Filled> filled;
  static int64_t filled_rows = 0;
  if (filled_rows == rows) return filled.get();
  filled.reset();
  if (!crypto::Init().ok()) std::abort();
  filled_rows = rows;
  filled = std::make_unique<Filled>();
  const size_t before = HeapInUse();
  filled->database = NewDatabase();
  Client client(filled->database.get());
  for (int64_t i = 0; i < rows; ++i) AddRow(filled.get(), &client, static_cast<uint64_t>(i));
  filled->bytes_per_row = static_cast<double>(HeapInUse() - before) / static_cast<double>(rows);
  for (int64_t i = 0; i < rows; ++i) {
    const util::Bytes data(kMaxDataBytes, static_cast<uint8_t>(i));
    if (client.Expose(RandomId(static_cast<uint64_t>(i)), data).status != EffectStatus::kOk) {
      std::abort();
    }
  }
  return filled.get();
}

// Each iteration takes another row, in an order that no cache foresees. Ids and verifiers of a
// block of rows are prepared beforehand, outside of the measured time.
struct Prepared {
  Id id;
  Verifier verifier;
};

class Requests {
 public:
  Requests(Filled* filled, int64_t rows, bool right_pin) {
    list_.reserve(kCount);
    for (uint64_t i = 0; i < kCount; ++i) {
      const Id id = RandomId(Scatter(i) % static_cast<uint64_t>(rows));
      util::Bytes pin = Pin();
      if (!right_pin) pin[0] ^= 1;
      list_.push_back({id, util::ToArray<kPinVerifierBytes>(
                               MakePinVerifier(filled->pin_key, id, pin).value().view())});
    }
  }
  const Prepared& Next() { return list_[next_++ % kCount]; }

 private:
  static constexpr uint64_t kCount = 1 << 19;
  std::vector<Prepared> list_;
  uint64_t next_ = 0;
};

void BM_DatabaseInsert(benchmark::State& state) {
  for (auto _ : state) {
    Filled filled;
    const size_t before = HeapInUse();
    filled.database = NewDatabase();
    Client client(filled.database.get());
    for (int64_t i = 0; i < state.range(0); ++i) {
      AddRow(&filled, &client, static_cast<uint64_t>(i));
    }
    state.counters["bytes_per_row"] =
        static_cast<double>(HeapInUse() - before) / static_cast<double>(state.range(0));
    state.PauseTiming();
    filled.database.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_DatabaseInsert)->Arg(kMillion)->Arg(4 * kMillion)->Unit(benchmark::kMillisecond);

void Restore(benchmark::State& state, bool right_pin, EffectStatus expected) {
  Filled* filled = Fill(state.range(0));
  Requests requests(filled, state.range(0), right_pin);
  Effect effect;
  for (auto _ : state) {
    const Prepared& request = requests.Next();
    const Command command{Op::kRestore, 0, request.id, request.verifier, {}};
    if (!filled->database->Apply(command, &effect).ok() || effect.status != expected) {
      state.SkipWithError("unexpected answer");
      return;
    }
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["bytes_per_row"] = filled->bytes_per_row;
}

void BM_DatabaseRestoreRightPin(benchmark::State& state) {
  Restore(state, true, EffectStatus::kOk);
}
BENCHMARK(BM_DatabaseRestoreRightPin)->Arg(kMillion)->Arg(4 * kMillion);

void BM_DatabaseTries(benchmark::State& state) {
  Filled* filled = Fill(state.range(0));
  Requests requests(filled, state.range(0), true);
  Effect effect;
  for (auto _ : state) {
    const Command command{Op::kTries, 0, requests.Next().id, {}, {}};
    if (!filled->database->Apply(command, &effect).ok() || effect.status != EffectStatus::kOk) {
      state.SkipWithError("unexpected answer");
      return;
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_DatabaseTries)->Arg(kMillion)->Arg(4 * kMillion);

// The whole work on a restore in the database module: verifier from the PIN, then Apply.
void BM_DatabaseRestoreWithPinVerifier(benchmark::State& state) {
  Filled* filled = Fill(state.range(0));
  Requests requests(filled, state.range(0), true);
  Effect effect;
  for (auto _ : state) {
    const Prepared& request = requests.Next();
    const PinVerifier verifier = MakePinVerifier(filled->pin_key, request.id, Pin()).value();
    const Command command{Op::kRestore, 0, request.id, verifier.view(), {}};
    if (!filled->database->Apply(command, &effect).ok() || effect.status != EffectStatus::kOk) {
      state.SkipWithError("unexpected answer");
      return;
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_DatabaseRestoreWithPinVerifier)->Arg(4 * kMillion);

// Last, since it spends tries: a million guesses a repetition over half a million rows.
void BM_DatabaseRestoreWrongPin(benchmark::State& state) {
  Restore(state, false, EffectStatus::kPinMismatch);
}
BENCHMARK(BM_DatabaseRestoreWrongPin)->Arg(4 * kMillion)->Iterations(kMillion);

// The same with each request's memory fetched four requests ahead, as a replica can that has a
// batch of entries at hand.
void BM_DatabaseRestoreWrongPinPrefetched(benchmark::State& state) {
  Filled* filled = Fill(state.range(0));
  Requests requests(filled, state.range(0), false);
  Requests ahead = requests;
  for (int i = 0; i < 4; ++i) ahead.Next();
  Effect effect;
  for (auto _ : state) {
    filled->database->Prefetch(ahead.Next().id);
    const Prepared& request = requests.Next();
    const Command command{Op::kRestore, 0, request.id, request.verifier, {}};
    if (!filled->database->Apply(command, &effect).ok() ||
        effect.status != EffectStatus::kPinMismatch) {
      state.SkipWithError("unexpected answer");
      return;
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_DatabaseRestoreWrongPinPrefetched)->Arg(4 * kMillion)->Iterations(kMillion);

void BM_PinVerifier(benchmark::State& state) {
  if (!crypto::Init().ok()) std::abort();
  const PinKey key;
  const Id id = MakeId(1);
  for (auto _ : state) benchmark::DoNotOptimize(MakePinVerifier(key, id, Pin()));
}
BENCHMARK(BM_PinVerifier);

}  // namespace
}  // namespace svr2::db
