// SPDX-License-Identifier: Apache-2.0

#include "platform_local/heap.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "util/check.h"

namespace svr2::platform_local {

namespace {

constexpr size_t RoundUp(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Constant-initialized, and never destroyed: destructors of other objects still give blocks back.
Heap enclave_heap;

size_t Log2(size_t value) { return 63u - static_cast<size_t>(__builtin_clzll(value)); }

bool MakeUsable(void* address, size_t bytes) {
  return mprotect(address, RoundUp(bytes, kPageBytes), PROT_READ | PROT_WRITE) == 0;
}

}  // namespace

// Sizes 16, 32, … 128, then four steps a doubling: 160, 192, 224, 256, 320, … 8192.
size_t Heap::SlotBytes(size_t slot_size) {
  if (slot_size < 8) return (slot_size + 1) * 16;
  const size_t doubling = (slot_size - 8) / 4;
  const size_t step = (slot_size - 8) % 4 + 1;
  return (size_t{128} << doubling) + step * (size_t{32} << doubling);
}

// The smallest size that holds `size` bytes and has all slots aligned, or kSlotSizes.
size_t Heap::SlotSizeFor(size_t size, size_t alignment) {
  if (size > kMaxSlotBytes || alignment > kPageBytes) return kSlotSizes;
  size_t i = 0;
  if (size <= 128) {
    i = size <= 16 ? 0 : (size - 1) / 16;
  } else {
    const size_t doubling = Log2(size - 1) - 7;
    i = 8 + doubling * 4 + ((size - 1) - (size_t{128} << doubling)) / (size_t{32} << doubling);
  }
  while (i < kSlotSizes && SlotBytes(i) % alignment != 0) ++i;
  return i;
}

// Eight slots or a page, whichever is more: small heaps keep room for every size.
uint32_t Heap::SlabPages(size_t slot_size) {
  return static_cast<uint32_t>(RoundUp(SlotBytes(slot_size) * 8, kPageBytes) / kPageBytes);
}

uint32_t Heap::SlabSlots(size_t slot_size) {
  return static_cast<uint32_t>(SlabPages(slot_size) * kPageBytes / SlotBytes(slot_size));
}

// Reserves addresses for the page table and the largest heap. Addresses cost nothing; SetLimit
// gives back what is not needed. The page table's own address range stays reserved, so that nothing
// else comes to lie inside memory().
bool Heap::Start() {
  if (started_) return pages_base_ != nullptr;
  started_ = true;
  void* base = mmap(nullptr, kPageTableBytes + kMaxHeapPages * kPageBytes, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return false;
  uint8_t* bytes = static_cast<uint8_t*>(base);
  if (!MakeUsable(bytes, kBootstrapPages * sizeof(Page)) ||
      !MakeUsable(bytes + kPageTableBytes, kBootstrapPages * kPageBytes)) {
    return false;
  }
  page_table_ = static_cast<Page*>(base);
  pages_base_ = bytes + kPageTableBytes;
  free_runs_.fill(kNone);
  limit_pages_ = kBootstrapPages;
  AddFreeRun(0, kBootstrapPages);
  return true;
}

bool Heap::SetLimit(size_t pages) {
  util::MutexLock lock(&runs_mutex_);
  if (limit_set_ || pages < kBootstrapPages || pages > kMaxHeapPages || !Start()) return false;
  if (!MakeUsable(page_table_, pages * sizeof(Page)) ||
      !MakeUsable(pages_base_, pages * kPageBytes)) {
    return false;
  }
  munmap(pages_base_ + pages * kPageBytes, (kMaxHeapPages - pages) * kPageBytes);
  limit_set_ = true;
  limit_pages_ = pages;
  if (pages > kBootstrapPages) {
    AddFreeRun(kBootstrapPages, static_cast<uint32_t>(pages - kBootstrapPages));
  }
  return true;
}

void Heap::AddFreeRun(uint32_t first, uint32_t pages) {
  if (first > 0) {
    const Page& before = page_table_[first - 1];
    if (before.kind == kFreeRun) {
      const uint32_t merged = before.first;
      pages += page_table_[merged].run_pages;
      RemoveFreeRun(merged);
      first = merged;
    }
  }
  if (const size_t after = size_t{first} + pages;
      after < limit_pages_ && page_table_[after].kind == kFreeRun) {
    pages += page_table_[after].run_pages;
    RemoveFreeRun(static_cast<uint32_t>(after));
  }
  MarkRun(first, pages, kFreeRun, 0);
  uint32_t& head = free_runs_[Log2(pages)];
  page_table_[first].previous = kNone;
  page_table_[first].next = head;
  if (head != kNone) page_table_[head].previous = first;
  head = first;
}

void Heap::RemoveFreeRun(uint32_t first) {
  Page& run = page_table_[first];
  SVR2_CHECK(run.kind == kFreeRun && run.first == first);
  if (run.previous != kNone) {
    page_table_[run.previous].next = run.next;
  } else {
    free_runs_[Log2(run.run_pages)] = run.next;
  }
  if (run.next != kNone) page_table_[run.next].previous = run.previous;
}

// Writes what neighbours and blocks look for: first and last page, in slabs every page.
void Heap::MarkRun(uint32_t first, uint32_t pages, Kind kind, size_t slot_size) {
  Page& head = page_table_[first];
  head = Page{};
  head.kind = kind;
  head.slot_size = static_cast<uint8_t>(slot_size);
  head.run_pages = pages;
  head.first = first;
  head.next = head.previous = head.free_slot = kNone;
  for (uint32_t i = kind == kSlab ? 1 : std::max(pages, 2u) - 1; i < pages; ++i) {
    page_table_[first + i].kind = kind == kLargeBlock ? kInside : kind;
    page_table_[first + i].first = first;
  }
}

// A free run of at least `pages`, or kNone. The bin of the same log2 needs a search; any run of a
// higher bin fits.
uint32_t Heap::FindRun(size_t pages) {
  for (uint32_t run = free_runs_[Log2(pages)]; run != kNone; run = page_table_[run].next) {
    if (page_table_[run].run_pages >= pages) return run;
  }
  for (size_t bin = Log2(pages) + 1; bin < kRunBins; ++bin) {
    if (free_runs_[bin] != kNone) return free_runs_[bin];
  }
  return kNone;
}

uint32_t Heap::TakeRun(size_t pages, size_t alignment_pages, Kind kind, size_t slot_size) {
  util::MutexLock lock(&runs_mutex_);
  if (!Start()) return kNone;
  const size_t wanted = pages + alignment_pages - 1;
  if (wanted > limit_pages_) return kNone;
  uint32_t run = FindRun(wanted);
  if (run == kNone) return kNone;
  const uint32_t run_pages = page_table_[run].run_pages;
  RemoveFreeRun(run);
  const uintptr_t address = reinterpret_cast<uintptr_t>(Address(run)) / kPageBytes;
  const uint32_t front = static_cast<uint32_t>(RoundUp(address, alignment_pages) - address);
  const uint32_t taken = static_cast<uint32_t>(pages);
  // Marked before the rest is given back: merging looks at neighbours.
  MarkRun(run + front, taken, kind, slot_size);
  if (front > 0) AddFreeRun(run, front);
  if (const uint32_t rest = run_pages - front - taken; rest > 0) {
    AddFreeRun(run + front + taken, rest);
  }
  if (kind == kLargeBlock) large_pages_ += pages;
  return run + front;
}

void Heap::GiveRun(uint32_t first) {
  util::MutexLock lock(&runs_mutex_);
  const Page& run = page_table_[first];
  if (run.kind == kLargeBlock) large_pages_ -= run.run_pages;
  AddFreeRun(first, run.run_pages);
}

void Heap::LinkSlab(SlotSize* size, uint32_t slab) {
  page_table_[slab].previous = kNone;
  page_table_[slab].next = size->with_room;
  if (size->with_room != kNone) page_table_[size->with_room].previous = slab;
  size->with_room = slab;
}

void Heap::UnlinkSlab(SlotSize* size, uint32_t slab) {
  const Page& page = page_table_[slab];
  if (page.previous != kNone) {
    page_table_[page.previous].next = page.next;
  } else {
    size->with_room = page.next;
  }
  if (page.next != kNone) page_table_[page.next].previous = page.previous;
}

void* Heap::AllocateSlot(size_t slot_size) {
  SlotSize* size = &slot_sizes_[slot_size];
  util::MutexLock lock(&size->mutex);
  if (!size->started) {
    size->started = true;
    size->with_room = kNone;
  }
  if (size->with_room == kNone) {
    const uint32_t slab = TakeRun(SlabPages(slot_size), 1, kSlab, slot_size);
    if (slab == kNone) return nullptr;
    LinkSlab(size, slab);
  }
  const uint32_t slab = size->with_room;
  Page& page = page_table_[slab];
  const uint32_t slot = page.free_slot != kNone ? page.free_slot : page.untouched;
  uint8_t* block = Address(slab) + slot * SlotBytes(slot_size);
  if (page.free_slot != kNone) {
    std::memcpy(&page.free_slot, block, sizeof(page.free_slot));
  } else {
    ++page.untouched;
  }
  ++size->used;
  if (++page.used == SlabSlots(slot_size)) UnlinkSlab(size, slab);
  return block;
}

void Heap::FreeSlot(uint32_t slab, uint8_t* block) {
  const size_t slot_size = page_table_[slab].slot_size;
  SlotSize* size = &slot_sizes_[slot_size];
  util::MutexLock lock(&size->mutex);
  Page& page = page_table_[slab];
  const size_t offset = static_cast<size_t>(block - Address(slab));
  SVR2_CHECK(offset % SlotBytes(slot_size) == 0 && page.used > 0);
  const uint32_t slot = static_cast<uint32_t>(offset / SlotBytes(slot_size));
  SVR2_CHECK(slot < page.untouched && slot != page.free_slot);  // The commonest double free.
  std::memcpy(block, &page.free_slot, sizeof(page.free_slot));
  page.free_slot = slot;
  --size->used;
  if (page.used-- == SlabSlots(slot_size)) {
    LinkSlab(size, slab);
  } else if (page.used == 0 && (page.next != kNone || page.previous != kNone)) {
    // The last slab with room stays, so that one block taken and given in turn costs nothing.
    UnlinkSlab(size, slab);
    GiveRun(slab);
  }
}

uint32_t Heap::PageOf(const void* block) const {
  const uintptr_t offset =
      reinterpret_cast<uintptr_t>(block) - reinterpret_cast<uintptr_t>(pages_base_);
  SVR2_CHECK(offset < kMaxHeapPages * kPageBytes);
  return static_cast<uint32_t>(offset / kPageBytes);
}

void* Heap::Allocate(size_t size, size_t alignment) {
  const size_t slot_size = SlotSizeFor(size, alignment);
  if (slot_size < kSlotSizes) return AllocateSlot(slot_size);
  if (size > kMaxHeapPages * kPageBytes || alignment > kMaxHeapPages * kPageBytes) return nullptr;
  const size_t pages = std::max(RoundUp(size, kPageBytes) / kPageBytes, size_t{1});
  const size_t alignment_pages = std::max(alignment / kPageBytes, size_t{1});
  const uint32_t run = TakeRun(pages, alignment_pages, kLargeBlock, 0);
  return run == kNone ? nullptr : Address(run);
}

void Heap::Free(void* block) {
  if (block == nullptr) return;
  const uint32_t page = PageOf(block);
  if (page_table_[page].kind == kSlab) {
    FreeSlot(page_table_[page].first, static_cast<uint8_t*>(block));
    return;
  }
  SVR2_CHECK(page_table_[page].kind == kLargeBlock && Address(page) == block);
  GiveRun(page);
}

size_t Heap::UsableBytes(const void* block) {
  const Page& page = page_table_[PageOf(block)];
  if (page.kind == kSlab) return SlotBytes(page_table_[page.first].slot_size);
  SVR2_CHECK(page.kind == kLargeBlock);
  return size_t{page.run_pages} * kPageBytes;
}

void* Heap::Reallocate(void* block, size_t size) {
  if (block == nullptr) return Allocate(size);
  const size_t usable = UsableBytes(block);
  if (size <= usable && size > usable / 2) return block;
  void* moved = Allocate(size);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, block, std::min(usable, size));
  Free(block);
  return moved;
}

size_t Heap::BytesUsed() {
  size_t used = 0;
  for (size_t i = 0; i < kSlotSizes; ++i) {
    SlotSize* size = &slot_sizes_[i];
    util::MutexLock lock(&size->mutex);
    used += size->used * SlotBytes(i);
  }
  util::MutexLock lock(&runs_mutex_);
  return used + large_pages_ * kPageBytes;
}

size_t Heap::BytesLimit() {
  util::MutexLock lock(&runs_mutex_);
  return limit_pages_ * kPageBytes;
}

void* Heap::memory() {
  util::MutexLock lock(&runs_mutex_);
  return page_table_;
}

size_t Heap::memory_bytes() {
  util::MutexLock lock(&runs_mutex_);
  return kPageTableBytes + (limit_set_ ? limit_pages_ : kMaxHeapPages) * kPageBytes;
}

Heap* EnclaveHeap() { return &enclave_heap; }

}  // namespace svr2::platform_local
