// SPDX-License-Identifier: Apache-2.0
//
// A key and its message counter: the CipherState of the Noise specification (revision 34, §5.1).
// One is for one direction of one session.

#ifndef SVR2_NOISE_CIPHER_STATE_H_
#define SVR2_NOISE_CIPHER_STATE_H_

#include <cstddef>
#include <cstdint>
#include <limits>

#include "crypto/aead.h"
#include "util/bytes.h"
#include "util/status.h"

namespace svr2::noise {

// Bytes that encryption adds to a plaintext.
inline constexpr size_t kTagBytes = crypto::kAeadTagBytes;
// Longest Noise message, of a handshake or of transport (§3).
inline constexpr size_t kMaxMessageBytes = 65'535;

// 48 bytes, no heap; the key is wiped with it. Moving wipes the source. Not copyable, since two
// states that count alike would encrypt twice under one nonce. Thread-compatible.
class CipherState {
 public:
  // The counter value that the specification reserves; no message is encrypted under it.
  static constexpr uint64_t kCounterLimit = std::numeric_limits<uint64_t>::max();

  // Without a key.
  CipherState() = default;
  CipherState(crypto::Aead aead, const crypto::AeadKey& key, uint64_t counter = 0);
  CipherState(CipherState&& other) noexcept;
  CipherState& operator=(CipherState&& other) noexcept;
  CipherState(const CipherState&) = delete;
  CipherState& operator=(const CipherState&) = delete;

  bool has_key() const { return has_key_; }
  // For owners who keep the key elsewhere between messages. Zeros without one.
  const crypto::AeadKey& key() const { return key_; }
  // Messages encrypted or decrypted so far, plus the constructor's `counter`.
  uint64_t counter() const { return counter_; }

  // Writes plaintext.size() + kTagBytes bytes to `ciphertext`, which may start where the plaintext
  // does. Fails with ERROR_NOISE_BAD_STATE without a key, ERROR_NOISE_MESSAGE_TOO_LONG above
  // kMaxMessageBytes of ciphertext, ERROR_CRYPTO_NONCE_EXHAUSTED at the end of the counter, and
  // ERROR_CRYPTO_UNAVAILABLE. A failure writes nothing and leaves the counter as it is.
  Status EncryptWithAd(util::ByteView ad, util::ByteView plaintext, uint8_t* ciphertext);

  // Writes ciphertext.size() - kTagBytes bytes to `plaintext`, which may start where the ciphertext
  // does. Fails as above, and with ERROR_NOISE_DECRYPT_FAILED when the message does not verify or
  // is shorter than a tag; then that range is zeroed. A failure leaves the counter as it is (§5.1).
  Status DecryptWithAd(util::ByteView ad, util::ByteView ciphertext, uint8_t* plaintext);

  // Forgets the key: every later call answers ERROR_NOISE_BAD_STATE.
  void Clear();

 private:
  Status CheckUsable(size_t ciphertext_bytes) const;

  crypto::AeadKey key_;
  uint64_t counter_ = 0;
  crypto::Aead aead_ = crypto::Aead::kChaCha20Poly1305;
  bool has_key_ = false;
};

static_assert(sizeof(CipherState) <= 48);

}  // namespace svr2::noise

#endif  // SVR2_NOISE_CIPHER_STATE_H_
