// SPDX-License-Identifier: Apache-2.0
//
// What signed images of every platform share: RSA-3072 keys with exponent 3, as SGX asks for, and
// RSASSA-PKCS1-v1_5 with SHA-256, over OpenSSL.

#ifndef SVR2_JNI_RSA_H_
#define SVR2_JNI_RSA_H_

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace svr2::bridge {

using Digest = std::array<uint8_t, 32>;

inline constexpr size_t kSignatureBytes = 384;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;

// SHA-256 over parts one after the other.
Digest Sha256(std::initializer_list<std::string_view> parts);

// Whether a key is RSA of 3072 bits with exponent 3.
bool IsAcceptable(EVP_PKEY* key);

// A key of that kind from its modulus (big-endian); null when it is none.
Key KeyOfModulus(std::string_view modulus);

// The public half as DER SubjectPublicKeyInfo; empty when it cannot be encoded.
std::string PublicKeyDer(EVP_PKEY* key);

// An operation on a SHA-256 digest, begun by `init`: EVP_PKEY_sign_init or EVP_PKEY_verify_init.
// Null on failure.
KeyContext StartPkcs1(EVP_PKEY* key, int (*init)(EVP_PKEY_CTX*));

// Whether `signature` (big-endian) is the key's over `digest`.
bool Verifies(EVP_PKEY* key, const Digest& digest, std::string_view signature);

// Why the last call of OpenSSL failed; forgets it.
std::string OpensslError();

inline const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace svr2::bridge

#endif  // SVR2_JNI_RSA_H_
