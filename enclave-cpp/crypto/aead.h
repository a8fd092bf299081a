// SPDX-License-Identifier: Apache-2.0
//
// Authenticated encryption with associated data by libsodium: ChaCha20-Poly1305 (RFC 8439) and
// AES-256-GCM (NIST SP 800-38D), both with 32-byte keys, 12-byte nonces and 16-byte tags at the
// end. Encrypting twice under one key and nonce gives both plaintexts away: who calls keeps count.
// AES needs a CPU with AES-NI and PCLMUL; without them there is no slower substitute, since table
// implementations leak keys through the cache.

#ifndef SVR2_CRYPTO_AEAD_H_
#define SVR2_CRYPTO_AEAD_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "util/bytes.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::crypto {

inline constexpr size_t kAeadKeyBytes = 32;
inline constexpr size_t kAeadNonceBytes = 12;
inline constexpr size_t kAeadTagBytes = 16;

using AeadKey = util::Secret<kAeadKeyBytes>;
using AeadNonce = std::array<uint8_t, kAeadNonceBytes>;

enum class Aead : uint8_t { kChaCha20Poly1305, kAes256Gcm };

// True when this CPU can run `aead`. False for AES before crypto::Init.
bool AeadAvailable(Aead aead);

// A message counter as nonce, the way the Noise specification (revision 34, §12) encodes it: four
// zero bytes, then the counter, little-endian for ChaCha20-Poly1305 and big-endian for AES-256-GCM.
AeadNonce CounterNonce(Aead aead, uint64_t counter);

// Writes plaintext.size() + kAeadTagBytes bytes to `ciphertext`, which may start where the
// plaintext starts but not overlap it otherwise. Fails with ERROR_CRYPTO_UNAVAILABLE (nothing is
// written). Thread-safe.
Status AeadEncrypt(Aead aead, const AeadKey& key, const AeadNonce& nonce, util::ByteView ad,
                   util::ByteView plaintext, uint8_t* ciphertext);

// Writes ciphertext.size() - kAeadTagBytes bytes to `plaintext`, which may start where the
// ciphertext starts but not overlap it otherwise. Fails with ERROR_CRYPTO_DECRYPT_FAILED when the
// tag does not verify or the ciphertext is shorter than one; then that range holds zeros and no
// byte of the plaintext. Fails with ERROR_CRYPTO_UNAVAILABLE (nothing is written). Thread-safe.
Status AeadDecrypt(Aead aead, const AeadKey& key, const AeadNonce& nonce, util::ByteView ad,
                   util::ByteView ciphertext, uint8_t* plaintext);

}  // namespace svr2::crypto

#endif  // SVR2_CRYPTO_AEAD_H_
