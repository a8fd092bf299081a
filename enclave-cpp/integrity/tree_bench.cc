// SPDX-License-Identifier: Apache-2.0
//
// Cost of the integrity tree per operation, at the size of a full replica: 16,384 client sessions
// with a 24-byte content each (two counters and an id), visited in random order.

#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "env/fake_env.h"
#include "integrity/tree.h"

namespace svr2::integrity {
namespace {

using Content = std::array<uint8_t, 24>;

struct Filled {
  explicit Filled(int64_t slots) {
    env::FakeEnv env(1);
    tree = std::move(Tree::Create(&env, static_cast<uint32_t>(slots), &memory)).value();
    contents.resize(static_cast<size_t>(slots));
    for (Content& content : contents) {
      if (!tree->Allocate(content).ok()) std::abort();
    }
  }
  // Visits all slots in an order without pattern (slots are a power of two).
  uint32_t Next() {
    position = position * 1664525 + 1013904223;
    return static_cast<uint32_t>((position >> 12) % contents.size());
  }

  class CountingMemory final : public Memory {
   public:
    void* Allocate(size_t bytes) override {
      used += bytes;
      return heap.Allocate(bytes);
    }
    void Free(void* block, size_t bytes) override { heap.Free(block, bytes); }
    size_t used = 0;

   private:
    HeapMemory heap;
  } memory;
  std::unique_ptr<Tree> tree;
  std::vector<Content> contents;
  uint64_t position = 1;
};

void BM_TreeVerify(benchmark::State& state) {
  Filled filled(state.range(0));
  for (auto _ : state) {
    const uint32_t slot = filled.Next();
    if (!filled.tree->Verify(slot, filled.contents[slot]).ok()) std::abort();
  }
  state.counters["bytes_per_slot"] =
      static_cast<double>(filled.memory.used) / static_cast<double>(state.range(0));
}
BENCHMARK(BM_TreeVerify)->Arg(8)->Arg(1024)->Arg(16384)->Arg(262144);

void BM_TreeUpdate(benchmark::State& state) {
  Filled filled(state.range(0));
  for (auto _ : state) {
    const uint32_t slot = filled.Next();
    Content next = filled.contents[slot];
    ++next[0];
    if (!filled.tree->Update(slot, filled.contents[slot], next).ok()) std::abort();
    filled.contents[slot] = next;
  }
}
BENCHMARK(BM_TreeUpdate)->Arg(8)->Arg(1024)->Arg(16384)->Arg(262144);

void BM_TreeAllocateRelease(benchmark::State& state) {
  Filled filled(state.range(0));
  if (!filled.tree->Release(0, filled.contents[0]).ok()) std::abort();
  for (auto _ : state) {
    const Slot slot = filled.tree->Allocate(filled.contents[0]).value();
    if (!filled.tree->Release(slot, filled.contents[0]).ok()) std::abort();
  }
}
BENCHMARK(BM_TreeAllocateRelease)->Arg(16384);

}  // namespace
}  // namespace svr2::integrity
