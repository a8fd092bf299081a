// SPDX-License-Identifier: Apache-2.0

#include "noise/cipher_state.h"

namespace svr2::noise {

CipherState::CipherState(crypto::Aead aead, const crypto::AeadKey& key, uint64_t counter)
    : key_(key), counter_(counter), aead_(aead), has_key_(true) {}

CipherState::CipherState(CipherState&& other) noexcept
    : key_(other.key_), counter_(other.counter_), aead_(other.aead_), has_key_(other.has_key_) {
  other.Clear();
}

CipherState& CipherState::operator=(CipherState&& other) noexcept {
  if (this == &other) return *this;
  key_ = other.key_;
  counter_ = other.counter_;
  aead_ = other.aead_;
  has_key_ = other.has_key_;
  other.Clear();
  return *this;
}

void CipherState::Clear() {
  util::Wipe(key_.data(), key_.size());
  has_key_ = false;
}

Status CipherState::CheckUsable(size_t ciphertext_bytes) const {
  if (!has_key_) return proto::ERROR_NOISE_BAD_STATE;
  if (ciphertext_bytes > kMaxMessageBytes) return proto::ERROR_NOISE_MESSAGE_TOO_LONG;
  if (counter_ == kCounterLimit) return proto::ERROR_CRYPTO_NONCE_EXHAUSTED;
  return Status::Ok();
}

Status CipherState::EncryptWithAd(util::ByteView ad, util::ByteView plaintext,
                                  uint8_t* ciphertext) {
  SVR2_RETURN_IF_ERROR(CheckUsable(plaintext.size() + kTagBytes));
  SVR2_RETURN_IF_ERROR(crypto::AeadEncrypt(aead_, key_, crypto::CounterNonce(aead_, counter_), ad,
                                           plaintext, ciphertext));
  ++counter_;
  return Status::Ok();
}

Status CipherState::DecryptWithAd(util::ByteView ad, util::ByteView ciphertext,
                                  uint8_t* plaintext) {
  SVR2_RETURN_IF_ERROR(CheckUsable(ciphertext.size()));
  const Status status = crypto::AeadDecrypt(aead_, key_, crypto::CounterNonce(aead_, counter_), ad,
                                            ciphertext, plaintext);
  if (status == proto::ERROR_CRYPTO_DECRYPT_FAILED) return proto::ERROR_NOISE_DECRYPT_FAILED;
  SVR2_RETURN_IF_ERROR(status);
  ++counter_;
  return Status::Ok();
}

}  // namespace svr2::noise
