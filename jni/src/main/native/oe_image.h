// SPDX-License-Identifier: Apache-2.0
//
// The signed image of platforms `oe-simulation` and `sgx`: an ELF file whose section .oeinfo holds
// the properties that oesign bound and SGX's signature structure (Intel SDM, volume 3D, § 38.13).
// Read here without the SDK, so that any machine can say what an image is.
//
//   .oeinfo: offset  bytes  what (little-endian)
//            0       4      size of all this, 1960
//            4       4      kind of enclave, 2 = SGX
//            8       24     heap pages, stack pages, TCS
//            32      4      ProductID, SecurityVersion
//            36      4      flags, and 32 bytes of family and extended product id: all zero here
//            72      8      attributes: bit 1 = DEBUG is allowed, bit 2 = 64 bits
//            80      64     set by the SDK's loader
//            144     1808   signature structure
//            1952    8      end mark
//
// The measurement that this finds is the one that was signed. What the file's pages amount to is
// only found when it is loaded: the CPU compares both on `sgx`, oe_backend.cc on `oe-simulation`.

#ifndef SVR2_JNI_OE_IMAGE_H_
#define SVR2_JNI_OE_IMAGE_H_

#include <string>

#include "outcome.h"
#include "properties.h"
#include "rsa.h"

namespace svr2::bridge {

// Plain data.
struct OeImage {
  Properties properties;
  Digest measurement{};  // As signed.
  Digest signer{};       // SHA-256 over the public key, DER, as of images of platform `local`.
};

// Whether a file is an ELF file, that is, no image of platform `local`.
bool IsElf(const std::string& file);

// Checks structure, signature and properties of a whole file, in this order. Fails with
// SVR2_BRIDGE_IMAGE_MALFORMED, …_SIGNATURE or …_PROPERTIES.
Outcome ParseOeImage(const std::string& file, OeImage* out);

// Signing in two steps, so that the key can be where no SDK is. The measurement is the SDK's: some
// key, as that of a development build, has signed the file before, and only its signature is
// replaced.
//
// What is to be signed, RSASSA-PKCS1-v1_5 with SHA-256. The same for every key.
Outcome DigestOfOeImage(const std::string& file, Digest* out);
// The file with another key's signature (big-endian, kSignatureBytes), which must verify.
Outcome ReplaceOeSignature(const std::string& file, const std::string& public_key_pem,
                           const std::string& signature, std::string* out);

}  // namespace svr2::bridge

#endif  // SVR2_JNI_OE_IMAGE_H_
