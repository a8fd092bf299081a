// SPDX-License-Identifier: Apache-2.0

#include "crypto/aead.h"

#include <sodium.h>

#include "util/endian.h"

namespace svr2::crypto {

static_assert(crypto_aead_chacha20poly1305_ietf_KEYBYTES == kAeadKeyBytes);
static_assert(crypto_aead_chacha20poly1305_ietf_NPUBBYTES == kAeadNonceBytes);
static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == kAeadTagBytes);
static_assert(crypto_aead_aes256gcm_KEYBYTES == kAeadKeyBytes);
static_assert(crypto_aead_aes256gcm_NPUBBYTES == kAeadNonceBytes);
static_assert(crypto_aead_aes256gcm_ABYTES == kAeadTagBytes);

namespace {

// The expanded AES key of one call, wiped with the scope.
class AesSchedule {
 public:
  explicit AesSchedule(const AeadKey& key) : wipe_(&state_, sizeof(state_)) {
    SVR2_CHECK(crypto_aead_aes256gcm_beforenm(&state_, key.data()) == 0);
  }
  const crypto_aead_aes256gcm_state* get() const { return &state_; }

 private:
  crypto_aead_aes256gcm_state state_;
  util::ScopedWipe wipe_;
};

}  // namespace

bool AeadAvailable(Aead aead) {
  switch (aead) {
    case Aead::kChaCha20Poly1305:
      return true;
    case Aead::kAes256Gcm:
      return crypto_aead_aes256gcm_is_available() == 1;
  }
  return false;
}

AeadNonce CounterNonce(Aead aead, uint64_t counter) {
  AeadNonce nonce{};
  uint8_t* const at = nonce.data() + kAeadNonceBytes - sizeof(counter);
  if (aead == Aead::kAes256Gcm) {
    util::StoreBigEndian64(at, counter);
  } else {
    util::StoreLittleEndian64(at, counter);
  }
  return nonce;
}

Status AeadEncrypt(Aead aead, const AeadKey& key, const AeadNonce& nonce, util::ByteView ad,
                   util::ByteView plaintext, uint8_t* ciphertext) {
  if (!AeadAvailable(aead)) return proto::ERROR_CRYPTO_UNAVAILABLE;
  int result;
  if (aead == Aead::kAes256Gcm) {
    const AesSchedule schedule(key);
    result = crypto_aead_aes256gcm_encrypt_afternm(ciphertext, nullptr, plaintext.data(),
                                                   plaintext.size(), ad.data(), ad.size(), nullptr,
                                                   nonce.data(), schedule.get());
  } else {
    result = crypto_aead_chacha20poly1305_ietf_encrypt(ciphertext, nullptr, plaintext.data(),
                                                       plaintext.size(), ad.data(), ad.size(),
                                                       nullptr, nonce.data(), key.data());
  }
  // Fails only for sizes beyond what memory holds.
  SVR2_CHECK(result == 0);
  return Status::Ok();
}

Status AeadDecrypt(Aead aead, const AeadKey& key, const AeadNonce& nonce, util::ByteView ad,
                   util::ByteView ciphertext, uint8_t* plaintext) {
  if (!AeadAvailable(aead)) return proto::ERROR_CRYPTO_UNAVAILABLE;
  if (ciphertext.size() < kAeadTagBytes) return proto::ERROR_CRYPTO_DECRYPT_FAILED;
  int result;
  if (aead == Aead::kAes256Gcm) {
    const AesSchedule schedule(key);
    result = crypto_aead_aes256gcm_decrypt_afternm(plaintext, nullptr, nullptr, ciphertext.data(),
                                                   ciphertext.size(), ad.data(), ad.size(),
                                                   nonce.data(), schedule.get());
  } else {
    result = crypto_aead_chacha20poly1305_ietf_decrypt(
        plaintext, nullptr, nullptr, ciphertext.data(), ciphertext.size(), ad.data(), ad.size(),
        nonce.data(), key.data());
  }
  if (result != 0) {
    util::Wipe(plaintext, ciphertext.size() - kAeadTagBytes);
    return proto::ERROR_CRYPTO_DECRYPT_FAILED;
  }
  return Status::Ok();
}

}  // namespace svr2::crypto
