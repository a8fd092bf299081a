// SPDX-License-Identifier: Apache-2.0
//
// Hexadecimal for tests: readable vectors in, readable failures out. Never linked into an enclave.

#ifndef SVR2_UTIL_HEX_TESTING_H_
#define SVR2_UTIL_HEX_TESTING_H_

#include <stdexcept>
#include <string>
#include <string_view>

#include "util/bytes.h"

namespace svr2::util {

inline int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  throw std::invalid_argument("not a hex digit");
}

// Throws std::invalid_argument, so that a mistyped vector fails its test.
inline Bytes FromHex(std::string_view hex) {
  if (hex.size() % 2 != 0) throw std::invalid_argument("odd number of hex digits");
  Bytes out;
  for (size_t i = 0; i < hex.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(HexDigit(hex[i]) * 16 + HexDigit(hex[i + 1])));
  }
  return out;
}

inline std::string ToHex(ByteView bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

}  // namespace svr2::util

#endif  // SVR2_UTIL_HEX_TESTING_H_
