// SPDX-License-Identifier: Apache-2.0

#include "util/secret.h"

#include <cstring>

namespace svr2::util {

void Wipe(void* data, size_t size) {
  if (size == 0) return;
  std::memset(data, 0, size);
  // The barrier makes the stores observable, so that they are not removed as dead.
  __asm__ __volatile__("" : : "r"(data) : "memory");
}

void Wipe(std::string* bytes) {
  if (!bytes->empty()) Wipe(&(*bytes)[0], bytes->size());
  bytes->clear();
}

void Wipe(Bytes* bytes) {
  if (!bytes->empty()) Wipe(bytes->data(), bytes->size());
  bytes->clear();
}

bool ConstantTimeEqual(ByteView a, ByteView b) {
  if (a.size() != b.size()) return false;
  uint32_t difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<uint32_t>(a.data()[i] ^ b.data()[i]);
    // Keeps the compiler from leaving the loop early.
    __asm__ __volatile__("" : "+r"(difference));
  }
  return difference == 0;
}

}  // namespace svr2::util
