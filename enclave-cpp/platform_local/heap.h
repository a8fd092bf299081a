// SPDX-License-Identifier: Apache-2.0
//
// The enclave's heap on platform `local`: memory of its own, NumHeapPages large and not a byte
// more, so that running out of it happens here as it does in SGX. What malloc, operator new and the
// libraries linked into the object use (libc_symbols.cc); one heap per loaded copy of the object.
//
// Blocks up to 8 KiB come from slabs: runs of pages cut into slots of one of 32 sizes. Larger
// blocks are runs of pages of their own; free runs are merged with their neighbours at once. What
// is known about each page lies outside of the heap pages. A mutex per slot size and one for the
// runs.
//
// Usable before any constructor has run: a Heap is all zeros at first, and libraries allocate while
// the object is being loaded. Until SetLimit it has kBootstrapPages.

#ifndef SVR2_PLATFORM_LOCAL_HEAP_H_
#define SVR2_PLATFORM_LOCAL_HEAP_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "util/mutex.h"

namespace svr2::platform_local {

inline constexpr size_t kPageBytes = 4096;
inline constexpr size_t kBootstrapPages = 256;
inline constexpr size_t kMaxHeapPages = size_t{1} << 24;  // 64 GiB
inline constexpr size_t kMaxSlotBytes = 8192;
inline constexpr size_t kMinAlignment = 16;

// Thread-safe. Never gives memory back to the system by itself; see memory().
class Heap {
 public:
  constexpr Heap() = default;
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  // Sets the size, once: kBootstrapPages ≤ pages ≤ kMaxHeapPages. False when it was set before, is
  // outside the range, or the system does not give the memory.
  bool SetLimit(size_t pages) SVR2_EXCLUDES(runs_mutex_);

  // A block of at least `size` bytes at a multiple of `alignment` (a power of two), contents
  // undefined; null when the heap has no room for it. Every block has at least 16 bytes.
  void* Allocate(size_t size, size_t alignment = kMinAlignment);

  // Gives back a block of this heap; null is allowed. Anything else aborts, where it is noticed.
  void Free(void* block);

  // As realloc. On failure the old block stays.
  void* Reallocate(void* block, size_t size);

  // How many bytes of a block may be used.
  size_t UsableBytes(const void* block);

  // Bytes in blocks that are in use, rounded up to slots and pages; and the size of the heap.
  size_t BytesUsed();
  size_t BytesLimit() SVR2_EXCLUDES(runs_mutex_);

  // The address range that this heap holds. Whoever unmaps it ends the heap with every block in it.
  void* memory() SVR2_EXCLUDES(runs_mutex_);
  size_t memory_bytes() SVR2_EXCLUDES(runs_mutex_);

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kSlotSizes = 32;
  static constexpr size_t kRunBins = 25;  // By log2 of the run's pages.

  enum Kind : uint8_t { kInside = 0, kFreeRun = 1, kLargeBlock = 2, kSlab = 3 };

  // About one page. The first page of a run speaks for the run; in a free run and a large block the
  // last page is written too, in a slab every page's kind and first.
  struct Page {
    Kind kind;
    uint8_t slot_size;  // Slab: index of the size.
    uint16_t reserved;
    uint32_t run_pages;  // First page: length of the run.
    uint32_t first;      // The run's first page.
    uint32_t next;       // Neighbours in the list of free runs, or of slabs with room.
    uint32_t previous;
    uint32_t free_slot;  // Slab: last slot given back, or kNone; the slot holds the next.
    uint32_t untouched;  // Slab: slots from here on were never used.
    uint32_t used;       // Slab: slots in use.
  };
  static_assert(sizeof(Page) == 32);
  static constexpr size_t kPageTableBytes = kMaxHeapPages * sizeof(Page);

  // Slots of one size.
  struct SlotSize {
    util::Mutex mutex;
    bool started SVR2_GUARDED_BY(mutex) = false;
    uint32_t with_room SVR2_GUARDED_BY(mutex) = 0;  // First slab with room, or kNone.
    size_t used SVR2_GUARDED_BY(mutex) = 0;
  };

  static size_t SlotBytes(size_t slot_size);
  static size_t SlotSizeFor(size_t size, size_t alignment);
  static uint32_t SlabPages(size_t slot_size);
  static uint32_t SlabSlots(size_t slot_size);

  bool Start() SVR2_REQUIRES(runs_mutex_);
  uint32_t TakeRun(size_t pages, size_t alignment_pages, Kind kind, size_t slot_size)
      SVR2_EXCLUDES(runs_mutex_);
  uint32_t FindRun(size_t pages) SVR2_REQUIRES(runs_mutex_);
  void GiveRun(uint32_t first) SVR2_EXCLUDES(runs_mutex_);
  void AddFreeRun(uint32_t first, uint32_t pages) SVR2_REQUIRES(runs_mutex_);
  void RemoveFreeRun(uint32_t first) SVR2_REQUIRES(runs_mutex_);
  void MarkRun(uint32_t first, uint32_t pages, Kind kind, size_t slot_size)
      SVR2_REQUIRES(runs_mutex_);

  void* AllocateSlot(size_t slot_size);
  void FreeSlot(uint32_t slab, uint8_t* block);
  void LinkSlab(SlotSize* size, uint32_t slab) SVR2_REQUIRES(size->mutex);
  void UnlinkSlab(SlotSize* size, uint32_t slab) SVR2_REQUIRES(size->mutex);

  uint32_t PageOf(const void* block) const;
  uint8_t* Address(uint32_t page) const { return pages_base_ + size_t{page} * kPageBytes; }

  std::array<SlotSize, kSlotSizes> slot_sizes_{};

  util::Mutex runs_mutex_;
  bool started_ SVR2_GUARDED_BY(runs_mutex_) = false;
  bool limit_set_ SVR2_GUARDED_BY(runs_mutex_) = false;
  size_t limit_pages_ SVR2_GUARDED_BY(runs_mutex_) = 0;
  size_t large_pages_ SVR2_GUARDED_BY(runs_mutex_) = 0;
  std::array<uint32_t, kRunBins> free_runs_ SVR2_GUARDED_BY(runs_mutex_){};

  // Written once, by the first allocation, before any block exists.
  Page* page_table_ = nullptr;
  uint8_t* pages_base_ = nullptr;
};

// The heap of this copy of the object.
Heap* EnclaveHeap();

}  // namespace svr2::platform_local

#endif  // SVR2_PLATFORM_LOCAL_HEAP_H_
