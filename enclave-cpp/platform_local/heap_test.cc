// SPDX-License-Identifier: Apache-2.0
//
// The enclave's heap: limits, alignment, reuse, and a model test that fills blocks with patterns.

#include "platform_local/heap.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "util/seed_testing.h"

namespace svr2::platform_local {
namespace {

constexpr size_t kPages = 1024;

class HeapTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(heap_->SetLimit(kPages)); }
  void TearDown() override { munmap(heap_->memory(), heap_->memory_bytes()); }

  std::unique_ptr<Heap> heap_ = std::make_unique<Heap>();
};

// Allocates blocks of one size until there is no room.
std::vector<void*> Fill(Heap* heap, size_t size) {
  std::vector<void*> blocks;
  while (void* block = heap->Allocate(size)) {
    std::memset(block, 0xa5, size);
    blocks.push_back(block);
  }
  return blocks;
}

TEST(HeapLimitTest, WorksBeforeTheLimitIsKnownAndKeepsWhatWasAllocated) {
  Heap heap;
  char* early = static_cast<char*>(heap.Allocate(70'000));
  ASSERT_NE(early, nullptr);
  std::strcpy(early, "early");
  EXPECT_EQ(heap.Allocate(kBootstrapPages * kPageBytes), nullptr);
  ASSERT_TRUE(heap.SetLimit(kPages));
  EXPECT_STREQ(early, "early");
  EXPECT_EQ(heap.BytesLimit(), kPages * kPageBytes);
  void* large = heap.Allocate(900 * kPageBytes);
  EXPECT_NE(large, nullptr);
  heap.Free(early);
  heap.Free(large);
  EXPECT_EQ(heap.BytesUsed(), 0u);
  // All merged: the whole heap is one run again.
  EXPECT_NE(heap.Allocate(kPages * kPageBytes), nullptr);
  munmap(heap.memory(), heap.memory_bytes());
}

TEST(HeapLimitTest, LimitIsSetOnceAndWithinItsRange) {
  Heap heap;
  EXPECT_FALSE(heap.SetLimit(kBootstrapPages - 1));
  EXPECT_FALSE(heap.SetLimit(kMaxHeapPages + 1));
  EXPECT_TRUE(heap.SetLimit(kBootstrapPages));
  EXPECT_FALSE(heap.SetLimit(kBootstrapPages));
  munmap(heap.memory(), heap.memory_bytes());
}

TEST_F(HeapTest, NeverMoreThanTheLimitAndNearlyAllOfIt) {
  for (size_t size : {16u, 24u, 100u, 1000u, 4096u, 8192u, 8193u, 100'000u}) {
    std::vector<void*> blocks = Fill(heap_.get(), size);
    const size_t used = heap_->BytesUsed();
    EXPECT_LE(used, heap_->BytesLimit());
    EXPECT_GE(used, heap_->BytesLimit() / 8 * 7) << size;
    EXPECT_GE(used, blocks.size() * size);
    for (void* block : blocks) heap_->Free(block);
    EXPECT_EQ(heap_->BytesUsed(), 0u) << size;
  }
}

TEST_F(HeapTest, HugeRequestsFail) {
  EXPECT_EQ(heap_->Allocate(kPages * kPageBytes + 1), nullptr);
  EXPECT_EQ(heap_->Allocate(SIZE_MAX), nullptr);
  EXPECT_EQ(heap_->Allocate(SIZE_MAX - 4095), nullptr);
  EXPECT_EQ(heap_->Allocate(16, size_t{1} << 40), nullptr);
  EXPECT_EQ(heap_->BytesUsed(), 0u);
}

TEST_F(HeapTest, BlocksAreAlignedAndLargeEnough) {
  for (size_t alignment = 16; alignment <= 1 << 16; alignment *= 2) {
    for (size_t size : {size_t{0}, size_t{1}, size_t{33}, alignment, alignment * 3 + 1}) {
      void* block = heap_->Allocate(size, alignment);
      ASSERT_NE(block, nullptr) << size << " at " << alignment;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0u);
      EXPECT_GE(heap_->UsableBytes(block), size);
      std::memset(block, 1, size);
      heap_->Free(block);
    }
  }
  EXPECT_EQ(heap_->BytesUsed(), 0u);
}

TEST_F(HeapTest, SlotsWasteAtMostAFifth) {
  for (size_t size = 129; size <= kMaxSlotBytes; ++size) {
    void* block = heap_->Allocate(size);
    ASSERT_GE(heap_->UsableBytes(block), size);
    ASSERT_LE(heap_->UsableBytes(block), size + size / 4) << size;
    heap_->Free(block);
  }
}

TEST_F(HeapTest, ReallocateKeepsTheBytes) {
  char* block = static_cast<char*>(heap_->Reallocate(nullptr, 10));
  std::memcpy(block, "0123456789", 10);
  for (size_t size : {11u, 500u, 9000u, 100'000u, 50u, 10u}) {
    block = static_cast<char*>(heap_->Reallocate(block, size));
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(std::memcmp(block, "0123456789", 10), 0) << size;
    EXPECT_GE(heap_->UsableBytes(block), size);
  }
  EXPECT_EQ(heap_->Reallocate(block, kPages * kPageBytes), nullptr);
  EXPECT_EQ(std::memcmp(block, "0123456789", 10), 0);
  heap_->Free(block);
  EXPECT_EQ(heap_->BytesUsed(), 0u);
}

TEST_F(HeapTest, WhatIsNoBlockAborts) {
  char* block = static_cast<char*>(heap_->Allocate(64));
  char* large = static_cast<char*>(heap_->Allocate(100'000));
  int outside = 0;
  EXPECT_DEATH(heap_->Free(&outside), "");
  EXPECT_DEATH(heap_->Free(block + 16), "");
  EXPECT_DEATH(heap_->Free(large + 16), "");
  EXPECT_DEATH(heap_->Free(block + 64), "");
  heap_->Free(block);
  EXPECT_DEATH(heap_->Free(block), "");
  heap_->Free(large);
  EXPECT_DEATH(heap_->Free(large), "");
}

// Random calls against a list of what should be there; every block holds its own pattern.
class Model {
 public:
  Model(Heap* heap, uint64_t seed) : heap_(heap), random_(seed) {}

  void Step() {
    const uint64_t what = random_() % 10;
    if (what < 5 || blocks_.empty()) {
      Add();
    } else if (what < 8) {
      Remove();
    } else {
      Resize();
    }
  }
  void Clear() {
    while (!blocks_.empty()) Remove();
  }
  size_t failed() const { return failed_; }

 private:
  struct Block {
    uint8_t* bytes;
    size_t size;
    uint8_t pattern;
  };

  size_t Size() {
    const uint64_t kind = random_() % 20;
    if (kind == 0) return random_() % 400'000;
    return kind < 5 ? random_() % 20'000 : random_() % 600;
  }
  void Add() {
    const size_t alignment = random_() % 8 == 0 ? size_t{16} << random_() % 9 : 16;
    const size_t size = Size();
    uint8_t* bytes = static_cast<uint8_t*>(heap_->Allocate(size, alignment));
    if (bytes == nullptr) {
      ++failed_;
      return;
    }
    ASSERT_EQ(reinterpret_cast<uintptr_t>(bytes) % alignment, 0u);
    blocks_.push_back({bytes, size, static_cast<uint8_t>(random_())});
    std::memset(bytes, blocks_.back().pattern, size);
  }
  void Check(const Block& block, size_t size) {
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(block.bytes[i], block.pattern) << i;
  }
  void Remove() {
    const size_t i = random_() % blocks_.size();
    Check(blocks_[i], blocks_[i].size);
    heap_->Free(blocks_[i].bytes);
    blocks_[i] = blocks_.back();
    blocks_.pop_back();
  }
  void Resize() {
    Block& block = blocks_[random_() % blocks_.size()];
    const size_t size = Size();
    uint8_t* bytes = static_cast<uint8_t*>(heap_->Reallocate(block.bytes, size));
    if (bytes == nullptr) {
      ++failed_;
      return;
    }
    const size_t kept = std::min(size, block.size);
    block.bytes = bytes;
    block.size = size;
    Check(block, kept);
    std::memset(bytes, block.pattern, size);
  }

  Heap* heap_;
  std::mt19937_64 random_;
  std::vector<Block> blocks_;
  size_t failed_ = 0;
};

TEST_F(HeapTest, RandomUseAgainstAModel) {
  Model model(heap_.get(), util::TestSeed());
  for (int i = 0; i < 60'000 && !HasFatalFailure(); ++i) model.Step();
  EXPECT_GT(model.failed(), 0u) << "never came near the limit";
  model.Clear();
  EXPECT_EQ(heap_->BytesUsed(), 0u);
}

TEST_F(HeapTest, ManyThreads) {
  const uint64_t seed = util::TestSeed();
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([this, seed, t] {
      Model model(heap_.get(), seed + t);
      for (int i = 0; i < 8000; ++i) model.Step();
      model.Clear();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(heap_->BytesUsed(), 0u);
}

}  // namespace
}  // namespace svr2::platform_local
