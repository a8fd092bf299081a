// SPDX-License-Identifier: Apache-2.0
//
// Reads files of test vectors that other people published, from the folder that SVR2_VECTORS names.
// Never linked into an enclave.

#ifndef SVR2_CRYPTO_VECTOR_FILE_TESTING_H_
#define SVR2_CRYPTO_VECTOR_FILE_TESTING_H_

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

namespace svr2::crypto {

// Contents of a file below $SVR2_VECTORS; nothing when the variable is unset or the whole folder
// is absent. A folder without the file fails the test, by an exception.
inline std::optional<std::string> ReadVectorFile(const std::string& name) {
  const char* const folder = std::getenv("SVR2_VECTORS");
  if (folder == nullptr || !std::ifstream(std::string(folder) + "/README.md")) return std::nullopt;
  std::ifstream file(std::string(folder) + "/" + name, std::ios::binary);
  if (!file) throw std::runtime_error("no vector file " + name);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

}  // namespace svr2::crypto

#endif  // SVR2_CRYPTO_VECTOR_FILE_TESTING_H_
