// SPDX-License-Identifier: Apache-2.0
//
// Hashes, message authentication and key derivation by libsodium: SHA-256 (FIPS 180-4), HMAC-SHA256
// (RFC 2104), HKDF-SHA256 (RFC 5869, made of that HMAC since libsodium 1.0.18 has none) with the
// form that Noise uses, keyed BLAKE2b (RFC 7693), and SipHash-2-4 with 128-bit output. The
// functions are thread-safe; the classes are thread-compatible, do not allocate and wipe
// themselves.

#ifndef SVR2_CRYPTO_HASH_H_
#define SVR2_CRYPTO_HASH_H_

#include <sodium/crypto_auth_hmacsha256.h>
#include <sodium/crypto_generichash_blake2b.h>
#include <sodium/crypto_hash_sha256.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "util/bytes.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::crypto {

inline constexpr size_t kSha256Bytes = 32;
using Digest = std::array<uint8_t, kSha256Bytes>;

// --- SHA-256 ---

Digest Sha256(util::ByteView data);

// SHA-256 of data in pieces. Final may be called once, and nothing after it.
class Sha256Hasher {
 public:
  Sha256Hasher();
  Sha256Hasher(const Sha256Hasher&) = delete;
  Sha256Hasher& operator=(const Sha256Hasher&) = delete;
  ~Sha256Hasher();

  void Update(util::ByteView data);
  Digest Final();

 private:
  crypto_hash_sha256_state state_;
  bool done_ = false;
};

// --- HMAC-SHA256 and HKDF-SHA256 ---

// `key` of any size. The result is public or secret as its use is; who keeps it wipes it.
Digest HmacSha256(util::ByteView key, util::ByteView data);

inline constexpr size_t kHkdfMaxBytes = 255 * kSha256Bytes;

// RFC 5869 §2.2. An empty salt counts as 32 zero bytes.
util::Secret<kSha256Bytes> HkdfExtract(util::ByteView salt, util::ByteView input_key_material);

// RFC 5869 §2.3. Fails with ERROR_INVALID_ARGUMENT above kHkdfMaxBytes (nothing is written).
Status HkdfExpand(const util::Secret<kSha256Bytes>& pseudorandom_key, util::ByteView info,
                  uint8_t* out, size_t size);

// Extract and expand.
Status Hkdf(util::ByteView input_key_material, util::ByteView salt, util::ByteView info,
            uint8_t* out, size_t size);

// HKDF(chaining_key, input_key_material, 2 or 3) of the Noise specification, revision 34, §4.3,
// which is RFC 5869 with empty info. An output may be `chaining_key` itself; outputs are distinct.
void NoiseHkdf(const util::Secret<kSha256Bytes>& chaining_key, util::ByteView input_key_material,
               util::Secret<kSha256Bytes>* out1, util::Secret<kSha256Bytes>* out2);
void NoiseHkdf(const util::Secret<kSha256Bytes>& chaining_key, util::ByteView input_key_material,
               util::Secret<kSha256Bytes>* out1, util::Secret<kSha256Bytes>* out2,
               util::Secret<kSha256Bytes>* out3);

// --- Keyed BLAKE2b ---

inline constexpr size_t kBlake2bMinBytes = 16;  // Of the key and of the output.
inline constexpr size_t kBlake2bMaxBytes = 64;

// Keyed BLAKE2b of `data`, of `size` bytes. Key and output are each 16 to 64 bytes (asserted).
void Blake2b(util::ByteView key, util::ByteView data, uint8_t* out, size_t size);

// The same with the size in the type: Blake2b<32>(key, data).
template <size_t N>
std::array<uint8_t, N> Blake2b(util::ByteView key, util::ByteView data) {
  static_assert(N >= kBlake2bMinBytes && N <= kBlake2bMaxBytes);
  std::array<uint8_t, N> out;
  Blake2b(key, data, out.data(), N);
  return out;
}

// Keyed BLAKE2b of data in pieces. Final may be called once, and nothing after it.
class Blake2bHasher {
 public:
  // Sizes as above; the output size is part of the hash.
  Blake2bHasher(util::ByteView key, size_t output_size);
  Blake2bHasher(const Blake2bHasher&) = delete;
  Blake2bHasher& operator=(const Blake2bHasher&) = delete;
  ~Blake2bHasher();

  void Update(util::ByteView data);
  // Writes the output_size bytes of the constructor.
  void Final(uint8_t* out);

 private:
  crypto_generichash_blake2b_state state_;
  size_t output_size_;
  bool done_ = false;
};

// --- SipHash-2-4 ---

inline constexpr size_t kSipHashBytes = 16;  // Of the key and of the output.

// A fast keyed hash of short data, 128 bits out (Aumasson and Bernstein, SipHash-2-4-128). Not
// collision-resistant to anyone who knows the key.
std::array<uint8_t, kSipHashBytes> SipHash128(const util::Secret<kSipHashBytes>& key,
                                              util::ByteView data);

}  // namespace svr2::crypto

#endif  // SVR2_CRYPTO_HASH_H_
