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
  uint64_t difference = 0;
  // The barriers keep the compiler from leaving a loop early.
  size_t i = 0;
  for (; a.size() - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
    uint64_t word_a;
    uint64_t word_b;
    std::memcpy(&word_a, a.data() + i, sizeof(word_a));
    std::memcpy(&word_b, b.data() + i, sizeof(word_b));
    difference |= word_a ^ word_b;
    __asm__ __volatile__("" : "+r"(difference));
  }
  for (; i < a.size(); ++i) {
    difference |= static_cast<uint64_t>(a.data()[i] ^ b.data()[i]);
    __asm__ __volatile__("" : "+r"(difference));
  }
  return difference == 0;
}

}  // namespace svr2::util
