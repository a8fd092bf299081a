// SPDX-License-Identifier: Apache-2.0
//
// The signed image of platform `local` (design.md §3): one file that holds the enclave object, its
// properties, a public key, and a signature over everything before it.
//
//   offset  bytes  what
//   0       8      ASCII "SVR2IMG1"; the last character is the version of this layout
//   8       8      O: size of the object
//   16      4      C: size of the conf
//   20      4      K: size of the public key
//   24      O      the object: a shared object with one export (platform_local/local_entry.h)
//   24+O    C      the conf in canonical form (properties.h)
//   …       K      the public key: DER SubjectPublicKeyInfo, RSA-3072 with exponent 3
//   …       384    RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 § 8.2) over all bytes before it; the
//                  file ends here
//
// Sizes are little-endian. Any key is taken whose signature verifies, as in SGX: what names an
// enclave is its measurement, which a signer cannot choose:
//
//   measurement = SHA-256("svr2-local-measurement-1" || u64(O) || object || u64(C) || conf)
//
// with big-endian u64. Debug allowed or not, the limits and the versions are in the conf, and so in
// the measurement; key and signature are not.

#ifndef SVR2_JNI_LOCAL_IMAGE_H_
#define SVR2_JNI_LOCAL_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "outcome.h"
#include "properties.h"
#include "rsa.h"

namespace svr2::bridge {

inline constexpr size_t kImageHeaderBytes = 24;
inline constexpr size_t kMaxImageBytes = size_t{256} << 20;
inline constexpr size_t kMaxConfBytes = 4096;
inline constexpr size_t kMaxKeyBytes = 1024;

// A checked image. Plain data.
struct LocalImage {
  std::string object;
  Properties properties;
  Digest measurement{};
  Digest signer{};  // SHA-256 over the public key as it stands in the file.
};

// Checks structure, signature and properties of a whole file, in this order; nothing of it is used
// before its signature verified. Fails with SVR2_BRIDGE_IMAGE_MALFORMED, …_SIGNATURE or
// …_PROPERTIES.
Outcome ParseLocalImage(const std::string& file, LocalImage* out);

// Signing in two steps, so that the private key may live elsewhere. First: the file without its
// signature, and the SHA-256 digest that is to be signed. `public_key_pem` is a PEM public key or
// private key, of which only the public part is used. `conf` is the text of a .conf file.
Outcome PrepareLocalImage(const std::string& object, const std::string& conf,
                          const std::string& public_key_pem, std::string* unsigned_file,
                          Digest* digest);

// Second: adds a signature made elsewhere. Fails when it does not verify.
Outcome FinishLocalImage(const std::string& unsigned_file, const std::string& signature,
                         std::string* file);

// A signature by a private key at hand (PEM, not encrypted) over a prepared file.
Outcome SignLocalImage(const std::string& unsigned_file, const std::string& private_key_pem,
                       std::string* signature);

// Reads a whole regular file of at most `max_bytes`, once. Fails with SVR2_BRIDGE_IMAGE_UNREADABLE;
// the text names the path and says why.
Outcome ReadFile(const std::string& path, size_t max_bytes, std::string* out);

// Lower-case hexadecimal.
std::string Hex(const Digest& digest);

}  // namespace svr2::bridge

#endif  // SVR2_JNI_LOCAL_IMAGE_H_
