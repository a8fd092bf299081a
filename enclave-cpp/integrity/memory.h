// SPDX-License-Identifier: Apache-2.0
//
// Where the integrity trees and the database get their memory from. An interface rather than
// operator new, so that a limit or a test can refuse an allocation at any chosen point without
// global state, and so that running out is an error code and never an exception.

#ifndef SVR2_INTEGRITY_MEMORY_H_
#define SVR2_INTEGRITY_MEMORY_H_

#include <cstddef>

namespace svr2::integrity {

// Thread-safety is the implementation's to state; callers serialize calls per owner.
class Memory {
 public:
  static constexpr size_t kPageAlignedBytes = 65536;

  virtual ~Memory() = default;

  // `bytes` (> 0) bytes, contents undefined; nullptr when there are none. Aligned to a cache line
  // of 64 bytes; from kPageAlignedBytes on to a page of 4096, so that what is laid out in whole
  // fractions of a page never needs two of them.
  virtual void* Allocate(size_t bytes) = 0;

  // Gives back what Allocate(bytes) returned. Does not wipe: the owner has.
  virtual void Free(void* block, size_t bytes) = 0;
};

// The enclave's heap. Stateless and thread-safe.
class HeapMemory final : public Memory {
 public:
  void* Allocate(size_t bytes) override;
  void Free(void* block, size_t bytes) override;
};

}  // namespace svr2::integrity

#endif  // SVR2_INTEGRITY_MEMORY_H_
