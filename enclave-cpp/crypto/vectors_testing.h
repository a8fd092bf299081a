// SPDX-License-Identifier: Apache-2.0
//
// Test vectors that other people published, as JSON. Header only and apart from
// crypto/vector_file_testing.h, since including it takes a compiler seconds.

#ifndef SVR2_CRYPTO_VECTORS_TESTING_H_
#define SVR2_CRYPTO_VECTORS_TESTING_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "crypto/vector_file_testing.h"
#include "util/hex_testing.h"

namespace svr2::crypto {

inline std::optional<nlohmann::json> ReadVectorJson(const std::string& name) {
  const std::optional<std::string> text = ReadVectorFile(name);
  if (!text) return std::nullopt;
  return nlohmann::json::parse(*text);
}

// A member with hex digits, as bytes.
inline util::Bytes HexMember(const nlohmann::json& object, const char* name) {
  return util::FromHex(object.at(name).get<std::string>());
}

}  // namespace svr2::crypto

#endif  // SVR2_CRYPTO_VECTORS_TESTING_H_
