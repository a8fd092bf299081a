// SPDX-License-Identifier: Apache-2.0
//
// Handling of secrets: wiping that the compiler may not remove, comparison in constant time, and
// buffers that wipe themselves.

#ifndef SVR2_UTIL_SECRET_H_
#define SVR2_UTIL_SECRET_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "util/bytes.h"

namespace svr2::util {

// Overwrites `size` bytes with zeros, also where the compiler sees no later read.
void Wipe(void* data, size_t size);

// Wipes a protobuf `bytes` field in place and empties it.
void Wipe(std::string* bytes);
void Wipe(Bytes* bytes);

// True when both ranges hold the same bytes. Time depends on the sizes only.
bool ConstantTimeEqual(ByteView a, ByteView b);

// Fixed-size secret: wiped when destroyed. Copyable, since keys are copied into cipher states;
// every copy wipes itself.
template <size_t N>
class Secret {
 public:
  Secret() : bytes_{} {}
  explicit Secret(ByteView view) : bytes_(ToArray<N>(view)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret() { Wipe(bytes_.data(), N); }

  static constexpr size_t size() { return N; }
  uint8_t* data() { return bytes_.data(); }
  const uint8_t* data() const { return bytes_.data(); }
  ByteView view() const { return ByteView(bytes_); }

 private:
  std::array<uint8_t, N> bytes_;
};

// An allocator that wipes memory before it gives it back.
template <typename T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <typename U>
  WipingAllocator(const WipingAllocator<U>&) {}  // NOLINT(runtime/explicit)

  T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T))); }
  void deallocate(T* p, size_t n) {
    Wipe(p, n * sizeof(T));
    ::operator delete(p);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) { return true; }
  friend bool operator!=(const WipingAllocator&, const WipingAllocator&) { return false; }
};

// A growable buffer for secrets: every block it held is wiped before release.
using SecretBytes = std::vector<uint8_t, WipingAllocator<uint8_t>>;

inline ByteView View(const SecretBytes& bytes) { return ByteView(bytes.data(), bytes.size()); }

// Calls Wipe on a range at the end of a scope.
class ScopedWipe {
 public:
  ScopedWipe(void* data, size_t size) : data_(data), size_(size) {}
  ScopedWipe(const ScopedWipe&) = delete;
  ScopedWipe& operator=(const ScopedWipe&) = delete;
  ~ScopedWipe() { Wipe(data_, size_); }

 private:
  void* data_;
  size_t size_;
};

}  // namespace svr2::util

#endif  // SVR2_UTIL_SECRET_H_
