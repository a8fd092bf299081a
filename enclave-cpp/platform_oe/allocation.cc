// SPDX-License-Identifier: Apache-2.0

#include "platform_oe/allocation.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

// What dlmalloc keeps beside each block.
constexpr size_t kHeaderBytes = sizeof(size_t);

std::atomic<size_t> allocated{0};

void* Counted(void* block) {
  if (block != nullptr) {
    allocated.fetch_add(malloc_usable_size(block) + kHeaderBytes, std::memory_order_relaxed);
  }
  return block;
}

void* OrThrow(void* block) {
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

void* Allocate(size_t size) { return Counted(std::malloc(size == 0 ? 1 : size)); }

void* AllocateAligned(size_t size, std::align_val_t alignment) {
  void* block = nullptr;
  const size_t aligned = size_t(alignment) < sizeof(void*) ? sizeof(void*) : size_t(alignment);
  return posix_memalign(&block, aligned, size) == 0 ? Counted(block) : nullptr;
}

void Free(void* block) noexcept {
  if (block == nullptr) return;
  allocated.fetch_sub(malloc_usable_size(block) + kHeaderBytes, std::memory_order_relaxed);
  std::free(block);
}

}  // namespace

namespace svr2::platform_oe {

size_t AllocatedBytes() { return allocated.load(std::memory_order_relaxed); }

}  // namespace svr2::platform_oe

using std::align_val_t;
using std::nothrow_t;

void* operator new(size_t n) { return OrThrow(Allocate(n)); }
void* operator new[](size_t n) { return OrThrow(Allocate(n)); }
void* operator new(size_t n, align_val_t a) { return OrThrow(AllocateAligned(n, a)); }
void* operator new[](size_t n, align_val_t a) { return OrThrow(AllocateAligned(n, a)); }
void* operator new(size_t n, const nothrow_t&) noexcept { return Allocate(n); }
void* operator new[](size_t n, const nothrow_t&) noexcept { return Allocate(n); }
void* operator new(size_t n, align_val_t a, const nothrow_t&) noexcept {
  return AllocateAligned(n, a);
}
void* operator new[](size_t n, align_val_t a, const nothrow_t&) noexcept {
  return AllocateAligned(n, a);
}

void operator delete(void* p) noexcept { Free(p); }
void operator delete[](void* p) noexcept { Free(p); }
void operator delete(void* p, size_t) noexcept { Free(p); }
void operator delete[](void* p, size_t) noexcept { Free(p); }
void operator delete(void* p, align_val_t) noexcept { Free(p); }
void operator delete[](void* p, align_val_t) noexcept { Free(p); }
void operator delete(void* p, size_t, align_val_t) noexcept { Free(p); }
void operator delete[](void* p, size_t, align_val_t) noexcept { Free(p); }
void operator delete(void* p, const nothrow_t&) noexcept { Free(p); }
void operator delete[](void* p, const nothrow_t&) noexcept { Free(p); }
void operator delete(void* p, align_val_t, const nothrow_t&) noexcept { Free(p); }
void operator delete[](void* p, align_val_t, const nothrow_t&) noexcept { Free(p); }
