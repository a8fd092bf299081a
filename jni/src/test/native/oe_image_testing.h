// SPDX-License-Identifier: Apache-2.0
//
// Images of Open Enclave without its SDK: a small ELF file with .oeinfo, signed as SGX asks for. It
// has no pages: whoever loads it fails.

#ifndef SVR2_JNI_OE_IMAGE_TESTING_H_
#define SVR2_JNI_OE_IMAGE_TESTING_H_

#include <elf.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "local_image.h"

namespace svr2::bridge {

// Where things lie in it: .oeinfo, the signature structure therein, and the names behind it.
inline constexpr size_t kInfoAt = sizeof(Elf64_Ehdr);
inline constexpr size_t kStructureAt = kInfoAt + 144;
inline constexpr size_t kNamesAt = kInfoAt + 1960;

// Puts a number there, little-endian.
template <typename T>
void Store(std::string* file, size_t at, T value) {
  std::memcpy(file->data() + at, &value, sizeof(value));
}

// Its properties are those of kTestConf.
std::string UnsignedOeImage();

// Signs what the structure's two parts say now.
void SignOeImage(std::string* file, const std::string& private_key_pem);

// As an HSM would: RSASSA-PKCS1-v1_5, big-endian.
std::string SignDigest(const Digest& digest, const std::string& private_key_pem);

}  // namespace svr2::bridge

#endif  // SVR2_JNI_OE_IMAGE_TESTING_H_
