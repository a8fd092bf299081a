// SPDX-License-Identifier: Apache-2.0

#include "crypto/hash.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

namespace svr2::crypto {

static_assert(crypto_hash_sha256_BYTES == kSha256Bytes);
static_assert(crypto_auth_hmacsha256_BYTES == kSha256Bytes);
static_assert(crypto_generichash_blake2b_KEYBYTES_MIN == kBlake2bMinBytes);
static_assert(crypto_generichash_blake2b_KEYBYTES_MAX == kBlake2bMaxBytes);
static_assert(crypto_generichash_blake2b_BYTES_MIN == kBlake2bMinBytes);
static_assert(crypto_generichash_blake2b_BYTES_MAX == kBlake2bMaxBytes);
static_assert(crypto_shorthash_siphashx24_KEYBYTES == kSipHashBytes);
static_assert(crypto_shorthash_siphashx24_BYTES == kSipHashBytes);

namespace {

// HMAC-SHA256 with the key's two blocks hashed already. Copying it saves hashing them again, a
// third of the work of a Noise key derivation.
class Hmac {
 public:
  explicit Hmac(util::ByteView key) {
    // libsodium declares that the key is never null, not even an empty one.
    constexpr uint8_t kNoKey = 0;
    crypto_auth_hmacsha256_init(&state_, key.empty() ? &kNoKey : key.data(), key.size());
  }
  Hmac(const Hmac&) = default;
  Hmac& operator=(const Hmac&) = delete;
  ~Hmac() { util::Wipe(&state_, sizeof(state_)); }

  void Update(util::ByteView data) {
    crypto_auth_hmacsha256_update(&state_, data.data(), data.size());
  }
  void Final(uint8_t* out) { crypto_auth_hmacsha256_final(&state_, out); }

 private:
  crypto_auth_hmacsha256_state state_;
};

// T(i) = HMAC(keyed, T(i-1) | info | i), RFC 5869 §2.3. `previous` may be `out`.
void HkdfBlock(const Hmac& keyed, util::ByteView previous, util::ByteView info, uint8_t i,
               uint8_t* out) {
  Hmac hmac(keyed);
  hmac.Update(previous);
  hmac.Update(info);
  hmac.Update(util::ByteView(&i, 1));
  hmac.Final(out);
}

void CheckBlake2bSizes(util::ByteView key, size_t output_size) {
  SVR2_CHECK(key.size() >= kBlake2bMinBytes && key.size() <= kBlake2bMaxBytes);
  SVR2_CHECK(output_size >= kBlake2bMinBytes && output_size <= kBlake2bMaxBytes);
}

}  // namespace

Digest Sha256(util::ByteView data) {
  Digest digest;
  crypto_hash_sha256(digest.data(), data.data(), data.size());
  return digest;
}

Sha256Hasher::Sha256Hasher() { crypto_hash_sha256_init(&state_); }
Sha256Hasher::~Sha256Hasher() { util::Wipe(&state_, sizeof(state_)); }

void Sha256Hasher::Update(util::ByteView data) {
  SVR2_CHECK(!done_);
  crypto_hash_sha256_update(&state_, data.data(), data.size());
}

Digest Sha256Hasher::Final() {
  SVR2_CHECK(!done_);
  done_ = true;
  Digest digest;
  crypto_hash_sha256_final(&state_, digest.data());
  return digest;
}

Digest HmacSha256(util::ByteView key, util::ByteView data) {
  Digest digest;
  Hmac hmac(key);
  hmac.Update(data);
  hmac.Final(digest.data());
  return digest;
}

util::Secret<kSha256Bytes> HkdfExtract(util::ByteView salt, util::ByteView input_key_material) {
  // HMAC pads a short key with zeros, so an empty salt needs no special case.
  util::Secret<kSha256Bytes> out;
  Hmac hmac(salt);
  hmac.Update(input_key_material);
  hmac.Final(out.data());
  return out;
}

Status HkdfExpand(const util::Secret<kSha256Bytes>& pseudorandom_key, util::ByteView info,
                  uint8_t* out, size_t size) {
  if (size > kHkdfMaxBytes) return proto::ERROR_INVALID_ARGUMENT;
  const Hmac keyed(pseudorandom_key.view());
  util::Secret<kSha256Bytes> block;
  uint8_t i = 0;
  for (size_t done = 0; done < size;) {
    const util::ByteView previous = i == 0 ? util::ByteView() : block.view();
    HkdfBlock(keyed, previous, info, ++i, block.data());
    const size_t n = std::min(size - done, kSha256Bytes);
    std::memcpy(out + done, block.data(), n);
    done += n;
  }
  return Status::Ok();
}

Status Hkdf(util::ByteView input_key_material, util::ByteView salt, util::ByteView info,
            uint8_t* out, size_t size) {
  return HkdfExpand(HkdfExtract(salt, input_key_material), info, out, size);
}

void NoiseHkdf(const util::Secret<kSha256Bytes>& chaining_key, util::ByteView input_key_material,
               util::Secret<kSha256Bytes>* out1, util::Secret<kSha256Bytes>* out2) {
  const Hmac keyed(HkdfExtract(chaining_key.view(), input_key_material).view());
  HkdfBlock(keyed, util::ByteView(), util::ByteView(), 1, out1->data());
  HkdfBlock(keyed, out1->view(), util::ByteView(), 2, out2->data());
}

void NoiseHkdf(const util::Secret<kSha256Bytes>& chaining_key, util::ByteView input_key_material,
               util::Secret<kSha256Bytes>* out1, util::Secret<kSha256Bytes>* out2,
               util::Secret<kSha256Bytes>* out3) {
  const Hmac keyed(HkdfExtract(chaining_key.view(), input_key_material).view());
  HkdfBlock(keyed, util::ByteView(), util::ByteView(), 1, out1->data());
  HkdfBlock(keyed, out1->view(), util::ByteView(), 2, out2->data());
  HkdfBlock(keyed, out2->view(), util::ByteView(), 3, out3->data());
}

void Blake2b(util::ByteView key, util::ByteView data, uint8_t* out, size_t size) {
  CheckBlake2bSizes(key, size);
  SVR2_CHECK(
      crypto_generichash_blake2b(out, size, data.data(), data.size(), key.data(), key.size()) == 0);
}

Blake2bHasher::Blake2bHasher(util::ByteView key, size_t output_size) : output_size_(output_size) {
  CheckBlake2bSizes(key, output_size);
  SVR2_CHECK(crypto_generichash_blake2b_init(&state_, key.data(), key.size(), output_size) == 0);
}

Blake2bHasher::~Blake2bHasher() { util::Wipe(&state_, sizeof(state_)); }

void Blake2bHasher::Update(util::ByteView data) {
  SVR2_CHECK(!done_);
  SVR2_CHECK(crypto_generichash_blake2b_update(&state_, data.data(), data.size()) == 0);
}

void Blake2bHasher::Final(uint8_t* out) {
  SVR2_CHECK(!done_);
  done_ = true;
  SVR2_CHECK(crypto_generichash_blake2b_final(&state_, out, output_size_) == 0);
}

std::array<uint8_t, kSipHashBytes> SipHash128(const util::Secret<kSipHashBytes>& key,
                                              util::ByteView data) {
  std::array<uint8_t, kSipHashBytes> out;
  crypto_shorthash_siphashx24(out.data(), data.data(), data.size(), key.data());
  return out;
}

}  // namespace svr2::crypto
