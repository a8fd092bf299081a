// SPDX-License-Identifier: Apache-2.0
//
// A header with the free lists, then blocks. A block's size class stands in the 16 bytes before it;
// freed blocks go to their class's list and stay what they were otherwise. All of that lies in the
// memory itself, so that a copy of it is complete.

#include "simulator/enclave_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "util/check.h"

namespace svr2::simulator {
namespace {

constexpr uintptr_t kFirstAddress = uintptr_t{0x600000000000};
constexpr size_t kHeaderBytes = 4096;
constexpr size_t kBlockHeaderBytes = 16;
constexpr size_t kClasses = 2 * 48;

// In the first page.
struct Header {
  size_t touched;  // Offset behind the last block ever made.
  size_t used;
  void* free_blocks[kClasses];
};
static_assert(sizeof(Header) <= kHeaderBytes);

struct BlockHeader {
  uint32_t size_class;
  uint32_t shift;  // From the block's begin to what was given out, for alignment.
};

uint8_t* entered = nullptr;
bool taken[EnclaveMemory::kMaxEnclaves];

// Two classes a power of two.
size_t ClassOf(size_t bytes) {
  size_t size_class = 0;
  for (size_t power = 32;; power *= 2, size_class += 2) {
    if (bytes <= power) return size_class;
    if (bytes <= power + power / 2) return size_class + 1;
  }
}
size_t BytesOf(size_t size_class) {
  const size_t power = size_t{32} << (size_class / 2);
  return size_class % 2 == 0 ? power : power + power / 2;
}

Header* HeaderOf(uint8_t* base) { return reinterpret_cast<Header*>(base); }

void* Allocate(uint8_t* base, size_t bytes, size_t alignment) {
  if (bytes > EnclaveMemory::kMaxBytes) return nullptr;
  const size_t padding = alignment > kBlockHeaderBytes ? alignment : 0;
  const size_t size_class = ClassOf(bytes + padding + kBlockHeaderBytes);
  Header* const header = HeaderOf(base);
  uint8_t* block = static_cast<uint8_t*>(header->free_blocks[size_class]);
  if (block != nullptr) {
    std::memcpy(&header->free_blocks[size_class], block + kBlockHeaderBytes, sizeof(void*));
  } else {
    if (header->touched + BytesOf(size_class) > EnclaveMemory::kMaxBytes) return nullptr;
    block = base + header->touched;
    header->touched += BytesOf(size_class);
  }
  header->used += BytesOf(size_class);
  uint8_t* given = block + kBlockHeaderBytes;
  if (padding > 0) {
    given += (alignment - reinterpret_cast<uintptr_t>(given) % alignment) % alignment;
  }
  const BlockHeader at_block = {static_cast<uint32_t>(size_class),
                                static_cast<uint32_t>(given - block)};
  std::memcpy(given - kBlockHeaderBytes, &at_block, sizeof(at_block));
  return given;
}

void Free(uint8_t* base, uint8_t* given) {
  BlockHeader at_block;
  std::memcpy(&at_block, given - kBlockHeaderBytes, sizeof(at_block));
  SVR2_CHECK(at_block.size_class < kClasses);
  Header* const header = HeaderOf(base);
  uint8_t* const block = given - at_block.shift;
  header->used -= BytesOf(at_block.size_class);
  std::memcpy(block + kBlockHeaderBytes, &header->free_blocks[at_block.size_class], sizeof(void*));
  header->free_blocks[at_block.size_class] = block;
}

void* New(size_t bytes, size_t alignment) {
  if (entered != nullptr) return Allocate(entered, bytes, alignment);
  if (alignment <= alignof(std::max_align_t)) return std::malloc(bytes == 0 ? 1 : bytes);
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void* NewOrThrow(size_t bytes, size_t alignment) {
  void* const block = New(bytes, alignment);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

void Delete(void* given) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(given);
  constexpr uintptr_t kEnd = kFirstAddress + EnclaveMemory::kMaxEnclaves * EnclaveMemory::kMaxBytes;
  if (address < kFirstAddress || address >= kEnd) return std::free(given);
  const uintptr_t number = (address - kFirstAddress) / EnclaveMemory::kMaxBytes;
  Free(reinterpret_cast<uint8_t*>(kFirstAddress + number * EnclaveMemory::kMaxBytes),
       static_cast<uint8_t*>(given));
}

}  // namespace

EnclaveMemory::EnclaveMemory() {
  const bool* const place = std::find(taken, taken + kMaxEnclaves, false);
  SVR2_CHECK(place != taken + kMaxEnclaves);
  const size_t number = static_cast<size_t>(place - taken);
  taken[number] = true;
  base_ = reinterpret_cast<uint8_t*>(kFirstAddress + number * kMaxBytes);
  // Always the same addresses: a seed means the same run.
  void* const memory =
      mmap(base_, kMaxBytes, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  SVR2_CHECK(memory == base_);
  HeaderOf(base_)->touched = kHeaderBytes;
}

EnclaveMemory::~EnclaveMemory() {
  SVR2_CHECK(munmap(base_, kMaxBytes) == 0);
  taken[(reinterpret_cast<uintptr_t>(base_) - kFirstAddress) / kMaxBytes] = false;
}

std::vector<uint8_t> EnclaveMemory::Copy() const {
  return std::vector<uint8_t>(base_, base_ + touched_bytes());
}

void EnclaveMemory::Restore(const std::vector<uint8_t>& copy) {
  const size_t touched = touched_bytes();
  std::memcpy(base_, copy.data(), copy.size());
  if (touched > copy.size()) std::memset(base_ + copy.size(), 0, touched - copy.size());
}

size_t EnclaveMemory::touched_bytes() const { return HeaderOf(base_)->touched; }
size_t EnclaveMemory::used_bytes() const { return HeaderOf(base_)->used; }

bool EnclaveMemory::Holds(const uint8_t* bytes, size_t size) const {
  return memmem(base_, touched_bytes(), bytes, size) != nullptr;
}

InEnclave::InEnclave(EnclaveMemory* memory) : before_(entered) { entered = memory->base_; }
InEnclave::~InEnclave() { entered = before_; }
OutsideOfEnclave::OutsideOfEnclave() : before_(entered) { entered = nullptr; }
OutsideOfEnclave::~OutsideOfEnclave() { entered = before_; }

// For the operators below.
void* TakeMemory(size_t bytes, size_t alignment);
void* TryTakeMemory(size_t bytes, size_t alignment);
void GiveMemory(void* block);

void* TakeMemory(size_t bytes, size_t alignment) { return NewOrThrow(bytes, alignment); }
void* TryTakeMemory(size_t bytes, size_t alignment) { return New(bytes, alignment); }
void GiveMemory(void* block) {
  if (block != nullptr) Delete(block);
}

}  // namespace svr2::simulator

using svr2::simulator::GiveMemory;
using svr2::simulator::TakeMemory;
using svr2::simulator::TryTakeMemory;

void* operator new(size_t bytes) { return TakeMemory(bytes, 16); }
void* operator new[](size_t bytes) { return TakeMemory(bytes, 16); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return TryTakeMemory(bytes, 16);
}
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept {
  return TryTakeMemory(bytes, 16);
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  return TakeMemory(bytes, static_cast<size_t>(alignment));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return TakeMemory(bytes, static_cast<size_t>(alignment));
}
void* operator new(size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return TryTakeMemory(bytes, static_cast<size_t>(alignment));
}
void* operator new[](size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return TryTakeMemory(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* block) noexcept { GiveMemory(block); }
void operator delete[](void* block) noexcept { GiveMemory(block); }
void operator delete(void* block, size_t) noexcept { GiveMemory(block); }
void operator delete[](void* block, size_t) noexcept { GiveMemory(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { GiveMemory(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { GiveMemory(block); }
void operator delete(void* block, std::align_val_t) noexcept { GiveMemory(block); }
void operator delete[](void* block, std::align_val_t) noexcept { GiveMemory(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept { GiveMemory(block); }
void operator delete[](void* block, size_t, std::align_val_t) noexcept { GiveMemory(block); }
void operator delete(void* block, std::align_val_t, const std::nothrow_t&) noexcept {
  GiveMemory(block);
}
void operator delete[](void* block, std::align_val_t, const std::nothrow_t&) noexcept {
  GiveMemory(block);
}
