// SPDX-License-Identifier: Apache-2.0
//
// The heap as a Memory: aligned operator new without exceptions.

#include "integrity/memory.h"

#include <new>

namespace svr2::integrity {

namespace {

std::align_val_t Alignment(size_t bytes) {
  return std::align_val_t{bytes >= Memory::kPageAlignedBytes ? 4096u : 64u};
}

}  // namespace

void* HeapMemory::Allocate(size_t bytes) {
  return ::operator new(bytes, Alignment(bytes), std::nothrow);
}

void HeapMemory::Free(void* block, size_t bytes) { ::operator delete(block, Alignment(bytes)); }

}  // namespace svr2::integrity
