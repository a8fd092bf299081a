// SPDX-License-Identifier: Apache-2.0
//
// Byte buffers and views. ByteView is a borrowed, read-only range; the caller keeps the bytes alive
// for as long as the view is used. Nothing here allocates but Bytes itself.

#ifndef SVR2_UTIL_BYTES_H_
#define SVR2_UTIL_BYTES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "util/check.h"

namespace svr2::util {

using Bytes = std::vector<uint8_t>;

// A borrowed range of bytes (std::span is C++20). Thread-compatible, two words, pass by value.
class ByteView {
 public:
  constexpr ByteView() : data_(nullptr), size_(0) {}
  constexpr ByteView(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  ByteView(const Bytes& bytes)  // NOLINT(runtime/explicit)
      : data_(bytes.data()), size_(bytes.size()) {}
  template <size_t N>
  constexpr ByteView(const std::array<uint8_t, N>& bytes)  // NOLINT(runtime/explicit)
      : data_(bytes.data()), size_(N) {}
  // The bytes of a string (protobuf's `bytes` fields).
  ByteView(const std::string& bytes)  // NOLINT(runtime/explicit)
      : data_(reinterpret_cast<const uint8_t*>(bytes.data())), size_(bytes.size()) {}

  constexpr const uint8_t* data() const { return data_; }
  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr const uint8_t* begin() const { return data_; }
  constexpr const uint8_t* end() const { return data_ + size_; }
  uint8_t operator[](size_t i) const {
    SVR2_CHECK(i < size_);
    return data_[i];
  }

  // The `count` bytes from `offset`; the range must lie inside.
  ByteView Sub(size_t offset, size_t count) const {
    SVR2_CHECK(offset <= size_ && count <= size_ - offset);
    return ByteView(data_ + offset, count);
  }
  // All bytes from `offset`, which must not lie beyond the end.
  ByteView From(size_t offset) const {
    SVR2_CHECK(offset <= size_);
    return ByteView(data_ + offset, size_ - offset);
  }

  Bytes ToBytes() const { return Bytes(data_, data_ + size_); }
  std::string ToString() const { return std::string(reinterpret_cast<const char*>(data_), size_); }

 private:
  const uint8_t* data_;
  size_t size_;
};

// Equality in variable time, for values that are not secret.
inline bool operator==(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}
inline bool operator!=(ByteView a, ByteView b) { return !(a == b); }

// Copies exactly N bytes into an array; `view` must have that size.
template <size_t N>
std::array<uint8_t, N> ToArray(ByteView view) {
  SVR2_CHECK(view.size() == N);
  std::array<uint8_t, N> out;
  std::memcpy(out.data(), view.data(), N);
  return out;
}

// Appends to a buffer.
inline void Append(Bytes* out, ByteView view) { out->insert(out->end(), view.begin(), view.end()); }

}  // namespace svr2::util

#endif  // SVR2_UTIL_BYTES_H_
