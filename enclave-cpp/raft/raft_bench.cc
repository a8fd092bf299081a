// SPDX-License-Identifier: Apache-2.0
//
// CPU per log entry from proposal to applied, alone, in batches and in a group of three (all three
// replicas in one thread, without peer encryption), and bytes per retained entry.

#include <benchmark/benchmark.h>
#include <malloc.h>

#include "crypto/init.h"
#include "raft/message_codec.h"
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

// Three replicas and the way between them: what each core does for consensus, byte form included.
class Three {
 public:
  Three() {
    Options options;
    options.group = GroupConfig{3, 3, 0};
    const Membership membership = TestMembership(3, 3);
    const Position first{1, 0, TestGroupKey()};
    for (uint8_t i = 1; i <= 3; ++i) {
      replicas_.push_back(
          *Raft::Join(options, TestPeer(i), first, membership, 1, CountingRandom(i)));
    }
    RaftTesting::Campaign(&replicas_[0]);
    Settle();
  }
  Raft& leader() { return replicas_[0]; }
  uint64_t messages() const { return messages_; }
  uint64_t bytes() const { return bytes_; }

  // Delivers until all is quiet. What arrives together is stepped together, as in a core.
  void Settle() {
    for (bool moved = true; moved;) {
      moved = false;
      for (uint8_t i = 0; i < 3; ++i) {
        for (const auto& [from, data] : inboxes_[i]) {
          const Result<Message> message = DecodeMessage(util::View(data));
          benchmark::DoNotOptimize(replicas_[i].Step(TestPeer(from), *message).ok());
        }
        inboxes_[i].clear();
        moved = Take(i) || moved;
      }
    }
  }

 private:
  bool Take(uint8_t i) {
    Raft& raft = replicas_[i];
    const Output output = raft.TakeOutput();
    for (const Addressed& message : output.messages) {
      util::SecretBytes data;
      EncodeMessage(message.message, &data);
      ++messages_;
      bytes_ += data.size();
      inboxes_[message.to[0] - 1].emplace_back(static_cast<uint8_t>(i + 1), std::move(data));
    }
    if (output.first_committed <= output.last_committed) {
      if (!raft.log().ChainHolds(output.first_committed, output.last_committed)) std::abort();
      raft.AppliedTo(output.last_committed);
    }
    return !output.messages.empty();
  }

  std::vector<Raft> replicas_;
  std::vector<std::pair<uint8_t, util::SecretBytes>> inboxes_[3];
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
};

// Range: operations in flight, and how many of them share an entry.
void ThreeReplicas(benchmark::State& state) {
  if (!kReady) return state.SkipWithError("libsodium");
  const auto depth = static_cast<int>(state.range(0));
  const auto shared = static_cast<int>(state.range(1));
  const util::Bytes payload(kPayloadBytes * static_cast<size_t>(shared), 7);
  Three group;
  const uint64_t messages = group.messages();
  const uint64_t bytes = group.bytes();
  int64_t operations = 0;
  for (auto _ : state) {
    for (int i = 0; i < depth; i += shared) {
      if (!group.leader().Propose(EntryKind::kData, payload).ok()) state.SkipWithError("refused");
    }
    group.Settle();
    operations += depth;
  }
  state.SetItemsProcessed(operations);
  const auto each = static_cast<double>(operations);
  state.counters["messages_per_op"] = static_cast<double>(group.messages() - messages) / each;
  state.counters["bytes_per_op"] = static_cast<double>(group.bytes() - bytes) / each;
}
BENCHMARK(ThreeReplicas)->Args({1, 1})->Args({64, 1})->Args({64, 64});

void ChainOneEntry(benchmark::State& state) {
  const util::Bytes payload(kPayloadBytes, 7);
  Hash hash = TestGroupKey();
  uint64_t index = 0;
  for (auto _ : state) hash = ChainHash(hash, EntryKind::kData, ++index, 1, payload);
  benchmark::DoNotOptimize(hash);
}
BENCHMARK(ChainOneEntry);

// Twice a batch. Range: members.
void WriteIntegrityState(benchmark::State& state) {
  Raft raft = FoundedAlone();
  const auto members = static_cast<uint8_t>(state.range(0));
  RaftTesting::SetMembership(&raft, TestMembership(members, members));
  uint8_t out[Raft::kMaxIntegrityStateBytes];
  for (auto _ : state) {
    benchmark::DoNotOptimize(raft.WriteIntegrityState(out));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(WriteIntegrityState)->Arg(1)->Arg(3);

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
