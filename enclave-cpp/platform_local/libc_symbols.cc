// SPDX-License-Identifier: Apache-2.0
//
// The C and C++ allocation functions and abort, as this object sees them: every allocation in it,
// those of the libraries linked into it included, comes from the enclave's own heap, and a failed
// assertion ends the enclave instead of the process. exports.map keeps these names inside the
// object.
//
// Not for functions of the system's C library that allocate and let the caller free (strdup,
// getline, …): `make object` refuses an object that uses one (platform_local/check_object).

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "platform_local/abort_guard.h"
#include "platform_local/heap.h"

using svr2::platform_local::EnclaveHeap;

namespace {

void* AllocateOrSetErrno(size_t size, size_t alignment) {
  void* block = EnclaveHeap()->Allocate(size, alignment);
  if (block == nullptr) errno = ENOMEM;
  return block;
}

void* AllocateOrThrow(size_t size, size_t alignment) {
  void* block = EnclaveHeap()->Allocate(size, alignment);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

bool IsPowerOfTwo(size_t value) { return value != 0 && (value & (value - 1)) == 0; }

}  // namespace

extern "C" {

void* malloc(size_t size) { return AllocateOrSetErrno(size, 16); }

void free(void* block) { EnclaveHeap()->Free(block); }

void* calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  void* block = AllocateOrSetErrno(bytes, 16);
  if (block != nullptr) std::memset(block, 0, bytes);
  return block;
}

void* realloc(void* block, size_t size) {
  if (block != nullptr && size == 0) {
    EnclaveHeap()->Free(block);
    return nullptr;
  }
  void* moved = EnclaveHeap()->Reallocate(block, size);
  if (moved == nullptr) errno = ENOMEM;
  return moved;
}

void* reallocarray(void* block, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return realloc(block, bytes);
}

int posix_memalign(void** out, size_t alignment, size_t size) {
  if (!IsPowerOfTwo(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  void* block = EnclaveHeap()->Allocate(size, alignment);
  if (block == nullptr) return ENOMEM;
  *out = block;
  return 0;
}

void* aligned_alloc(size_t alignment, size_t size) {
  if (!IsPowerOfTwo(alignment)) {
    errno = EINVAL;
    return nullptr;
  }
  return AllocateOrSetErrno(size, alignment);
}

void* memalign(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }

size_t malloc_usable_size(void* block) {
  return block == nullptr ? 0 : EnclaveHeap()->UsableBytes(block);
}

// libstdc++'s locales use it.
char* strdup(const char* text) {
  const size_t bytes = std::strlen(text) + 1;
  void* copy = AllocateOrSetErrno(bytes, 16);
  return copy == nullptr ? nullptr : static_cast<char*>(std::memcpy(copy, text, bytes));
}

void abort() { svr2::platform_local::AbortEnclave(); }

}  // extern "C"

// All forms, so that none comes from a library (a sanitizer's, for one).
using std::align_val_t;
using std::nothrow_t;

void* operator new(size_t n) { return AllocateOrThrow(n, 16); }
void* operator new[](size_t n) { return AllocateOrThrow(n, 16); }
void* operator new(size_t n, align_val_t a) { return AllocateOrThrow(n, size_t(a)); }
void* operator new[](size_t n, align_val_t a) { return AllocateOrThrow(n, size_t(a)); }
void* operator new(size_t n, const nothrow_t&) noexcept { return EnclaveHeap()->Allocate(n); }
void* operator new[](size_t n, const nothrow_t&) noexcept { return EnclaveHeap()->Allocate(n); }
void* operator new(size_t n, align_val_t a, const nothrow_t&) noexcept {
  return EnclaveHeap()->Allocate(n, size_t(a));
}
void* operator new[](size_t n, align_val_t a, const nothrow_t&) noexcept {
  return EnclaveHeap()->Allocate(n, size_t(a));
}

void operator delete(void* p) noexcept { EnclaveHeap()->Free(p); }
void operator delete[](void* p) noexcept { EnclaveHeap()->Free(p); }
void operator delete(void* p, size_t) noexcept { EnclaveHeap()->Free(p); }
void operator delete[](void* p, size_t) noexcept { EnclaveHeap()->Free(p); }
void operator delete(void* p, align_val_t) noexcept { EnclaveHeap()->Free(p); }
void operator delete[](void* p, align_val_t) noexcept { EnclaveHeap()->Free(p); }
void operator delete(void* p, size_t, align_val_t) noexcept { EnclaveHeap()->Free(p); }
void operator delete[](void* p, size_t, align_val_t) noexcept { EnclaveHeap()->Free(p); }
void operator delete(void* p, const nothrow_t&) noexcept { EnclaveHeap()->Free(p); }
void operator delete[](void* p, const nothrow_t&) noexcept { EnclaveHeap()->Free(p); }
void operator delete(void* p, align_val_t, const nothrow_t&) noexcept { EnclaveHeap()->Free(p); }
void operator delete[](void* p, align_val_t, const nothrow_t&) noexcept { EnclaveHeap()->Free(p); }
