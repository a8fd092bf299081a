// SPDX-License-Identifier: Apache-2.0
//
// ML-KEM-1024 (FIPS 203), a key encapsulation that a quantum computer does not break: who has the
// public key makes a ciphertext and a shared secret, and who has the private key takes the same
// secret out of the ciphertext. The arithmetic is PQClean's; ml_kem.cc is the one file that knows
// it. All functions are thread-safe, run in time that does not depend on secrets, leave nothing
// secret on the stack, and throw std::bad_alloc like any that needs heap (some hundred bytes).

#ifndef SVR2_CRYPTO_ML_KEM_H_
#define SVR2_CRYPTO_ML_KEM_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "env/env.h"
#include "util/bytes.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::crypto {

inline constexpr size_t kKemPublicKeyBytes = 1568;
inline constexpr size_t kKemPrivateKeyBytes = 3168;
inline constexpr size_t kKemCiphertextBytes = 1568;
inline constexpr size_t kKemSharedSecretBytes = 32;
inline constexpr size_t kKemSeedBytes = 64;
inline constexpr size_t kKemCoinsBytes = 32;

using KemPublicKey = std::array<uint8_t, kKemPublicKeyBytes>;
// Holds the public key, too. Large: hold it by pointer.
using KemPrivateKey = util::Secret<kKemPrivateKeyBytes>;
using KemSharedSecret = util::Secret<kKemSharedSecretBytes>;

// Draws exactly kKemSeedBytes from `env`. About 50 µs. Fails with ERROR_RANDOM_FAILED; then
// `*private_key` is as it was.
Status GenerateKemKey(env::Env* env, KemPrivateKey* private_key);

// The key that a seed, d and z of FIPS 203 §7.1, makes.
void DeriveKemKey(const util::Secret<kKemSeedBytes>& seed, KemPrivateKey* private_key);

// The public half; valid as long as the private key is.
util::ByteView PublicKeyOf(const KemPrivateKey& private_key);

// The checks of FIPS 203 §7.2 for a key of someone else: its size, and that each number in it is
// below the modulus. About 1 µs. Fails with ERROR_CRYPTO_BAD_KEY.
Status CheckKemPublicKey(util::ByteView public_key);

// Draws exactly kKemCoinsBytes from `env`, writes kKemCiphertextBytes to `ciphertext` and the
// secret, which is uniform and may be used as it is. About 60 µs. Fails with ERROR_CRYPTO_BAD_KEY
// as above and ERROR_RANDOM_FAILED; then nothing is written.
Status Encapsulate(env::Env* env, util::ByteView public_key, uint8_t* ciphertext,
                   KemSharedSecret* shared);

// Takes the secret out. A ciphertext that was altered or made for another key is not seen as such:
// it gives another secret, that nobody else knows (§6.3); the messages under it then fail. About
// 75 µs. Fails with ERROR_CRYPTO_BAD_KEY for a ciphertext of wrong size, or when the private key
// does not agree with the hash in it (§7.3); then nothing is written.
Status Decapsulate(const KemPrivateKey& private_key, util::ByteView ciphertext,
                   KemSharedSecret* shared);

}  // namespace svr2::crypto

#endif  // SVR2_CRYPTO_ML_KEM_H_
