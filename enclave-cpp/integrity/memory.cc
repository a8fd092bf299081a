// SPDX-License-Identifier: Apache-2.0
//
// The heap as a Memory: aligned operator new without exceptions.

#include "integrity/memory.h"

#include <new>

namespace svr2::integrity {

namespace {
constexpr std::align_val_t kAlignment{64};
}

void* HeapMemory::Allocate(size_t bytes) { return ::operator new(bytes, kAlignment, std::nothrow); }

void HeapMemory::Free(void* block, size_t) { ::operator delete(block, kAlignment); }

}  // namespace svr2::integrity
