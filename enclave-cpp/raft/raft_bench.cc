// SPDX-License-Identifier: Apache-2.0
//
// CPU per log entry from proposal to applied, alone and in batches, and bytes per retained entry.

#include <benchmark/benchmark.h>
#include <malloc.h>

#include "crypto/init.h"
#include "raft/raft_testing.h"

namespace svr2::raft {
namespace {

// As every Core does: libsodium then picks the implementations that this CPU can run.
const bool kReady = crypto::Init().ok();

constexpr size_t kPayloadBytes = 100;  // About what one request makes.

// Propose, commit, check the chain, read, apply: what a core does for each entry besides the
// database. Range: entries a batch.
void ProposeToApplied(benchmark::State& state) {
  if (!kReady) return state.SkipWithError("libsodium");
  const util::Bytes payload(kPayloadBytes, 7);
  Raft raft = FoundedAlone();
  const auto batch = static_cast<int>(state.range(0));
  int64_t entries = 0;
  for (auto _ : state) {
    for (int i = 0; i < batch; ++i) {
      benchmark::DoNotOptimize(raft.Propose(EntryKind::kData, payload).ok());
    }
    const Output output = raft.TakeOutput();
    if (!raft.log().ChainHolds(output.first_committed, output.last_committed)) {
      state.SkipWithError("chain");
      break;
    }
    for (uint64_t i = output.first_committed; i <= output.last_committed; ++i) {
      benchmark::DoNotOptimize(raft.log().At(i).payload.data());
    }
    raft.AppliedTo(output.last_committed);
    entries += batch;
  }
  state.SetItemsProcessed(entries);
}
BENCHMARK(ProposeToApplied)->Arg(1)->Arg(64);

void ChainOneEntry(benchmark::State& state) {
  const util::Bytes payload(kPayloadBytes, 7);
  Hash hash = TestGroupKey();
  uint64_t index = 0;
  for (auto _ : state) hash = ChainHash(hash, EntryKind::kData, ++index, 1, payload);
  benchmark::DoNotOptimize(hash);
}
BENCHMARK(ChainOneEntry);

// Twice a batch.
void WriteIntegrityState(benchmark::State& state) {
  const Raft raft = FoundedAlone();
  uint8_t out[Raft::kMaxIntegrityStateBytes];
  for (auto _ : state) {
    benchmark::DoNotOptimize(raft.WriteIntegrityState(out));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(WriteIntegrityState);

// For a checker, which copies at each step.
void CopySmallReplica(benchmark::State& state) {
  Options options = GroupOfOne();
  options.log.max_bytes = 4096;
  const Raft raft = FoundedAlone(options);
  for (auto _ : state) {
    Raft copy = raft;
    benchmark::DoNotOptimize(copy.term());
  }
}
BENCHMARK(CopySmallReplica);

// Heap growth by retained entries (peer-figures.md: ~323 bytes).
void BytesPerRetainedEntry(benchmark::State& state) {
  constexpr int kEntries = 200000;
  const util::Bytes payload(kPayloadBytes, 7);
  double bytes = 0;
  for (auto _ : state) {
    const struct mallinfo2 before = mallinfo2();
    Log log(LogLimits{}, Position{0, 0, TestGroupKey()});
    for (int i = 0; i < kEntries; ++i) log.Append(EntryKind::kData, 1, payload, 0);
    const struct mallinfo2 after = mallinfo2();
    bytes = static_cast<double>(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) /
            kEntries;
  }
  state.counters["bytes_per_entry"] = bytes;
}
BENCHMARK(BytesPerRetainedEntry)->Iterations(3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace svr2::raft
