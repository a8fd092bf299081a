// SPDX-License-Identifier: Apache-2.0
//
// Reads the test vectors that other people published, from the folder that SVR2_VECTORS names.
// Header only, so that just the tests that include it need nlohmann-json.

#ifndef SVR2_CRYPTO_VECTORS_TESTING_H_
#define SVR2_CRYPTO_VECTORS_TESTING_H_

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>

#include "util/hex_testing.h"

namespace svr2::crypto {

// Contents of a file below $SVR2_VECTORS; nothing when the variable is unset or the whole folder
// is absent. A folder without the file fails the test, by an exception.
inline std::optional<std::string> ReadVectorFile(const std::string& name) {
  const char* const folder = std::getenv("SVR2_VECTORS");
  if (folder == nullptr || !std::ifstream(std::string(folder) + "/README.md")) return std::nullopt;
  std::ifstream file(std::string(folder) + "/" + name, std::ios::binary);
  if (!file) throw std::runtime_error("no vector file " + name);
  std::ostringstream contents;
  contents << file.rdbuf();
  return contents.str();
}

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
