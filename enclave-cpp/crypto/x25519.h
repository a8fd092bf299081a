// SPDX-License-Identifier: Apache-2.0
//
// X25519 key agreement (RFC 7748) by libsodium. Private keys are kept as drawn and clamped at use.
// All functions are thread-safe and run in time that does not depend on secrets.

#ifndef SVR2_CRYPTO_X25519_H_
#define SVR2_CRYPTO_X25519_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "env/env.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::crypto {

inline constexpr size_t kX25519Bytes = 32;

using PublicKey = std::array<uint8_t, kX25519Bytes>;
using PrivateKey = util::Secret<kX25519Bytes>;

// The private half wipes itself.
struct KeyPair {
  PrivateKey private_key;
  PublicKey public_key{};
};

// Draws exactly 32 bytes from `env` as the private key. About 28 µs. Fails with
// ERROR_RANDOM_FAILED.
Result<KeyPair> GenerateKeyPair(env::Env* env);

// The public key that belongs to a private key. About 28 µs, as much as a new key.
PublicKey DerivePublicKey(const PrivateKey& private_key);

// The shared secret of our private and their public key; about 31 µs. Fails with
// ERROR_CRYPTO_BAD_KEY when it is all zero, that is when `their_public_key` is of low order
// (RFC 7748 §6.1); then `shared` is all zero. Encodings of a point that are not canonical are
// accepted, as RFC 7748 §5 asks. `shared` is uniform only after a key derivation.
Status Agree(const PrivateKey& our_private_key, const PublicKey& their_public_key,
             util::Secret<kX25519Bytes>* shared);

}  // namespace svr2::crypto

#endif  // SVR2_CRYPTO_X25519_H_
