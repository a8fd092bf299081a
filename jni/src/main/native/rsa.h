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

#include "outcome.h"

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

inline constexpr char kKeyWanted[] =
    "the key must be RSA of 3072 bits with exponent 3 (openssl genrsa -3 3072), as SGX asks for";

// From a PEM public key, or the public half of an unencrypted PEM private key; asks for no
// passphrase. Fails with SVR2_BRIDGE_BAD_ARGUMENT, also for a key that is not acceptable.
Outcome ReadPublicKey(const std::string& pem, Key* out);
Outcome ReadPrivateKey(const std::string& pem, Key* out);

// The modulus, big-endian, kSignatureBytes bytes.
std::string ModulusOf(EVP_PKEY* key);

// What SGX keeps beside a signature s for a modulus m, so that a CPU need not divide: the whole
// parts of s²/m and of (s³ - q1·s·m)/m (Intel SDM, volume 3D, SIGSTRUCT). All big-endian, of
// kSignatureBytes bytes.
struct Quotients {
  std::string q1;
  std::string q2;
};
Quotients QuotientsOf(std::string_view signature, std::string_view modulus);

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
