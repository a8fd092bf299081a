// SPDX-License-Identifier: Apache-2.0

#include "crypto/x25519.h"

#include <sodium.h>

namespace svr2::crypto {

static_assert(crypto_scalarmult_curve25519_BYTES == kX25519Bytes);
static_assert(crypto_scalarmult_curve25519_SCALARBYTES == kX25519Bytes);

Result<KeyPair> GenerateKeyPair(env::Env* env) {
  KeyPair pair;
  SVR2_RETURN_IF_ERROR(env->RandomBytes(pair.private_key.data(), pair.private_key.size()));
  pair.public_key = DerivePublicKey(pair.private_key);
  return pair;
}

PublicKey DerivePublicKey(const PrivateKey& private_key) {
  PublicKey public_key;
  // A clamped scalar is no multiple of the base point's order, so this cannot fail.
  SVR2_CHECK(crypto_scalarmult_curve25519_base(public_key.data(), private_key.data()) == 0);
  return public_key;
}

Status Agree(const PrivateKey& our_private_key, const PublicKey& their_public_key,
             util::Secret<kX25519Bytes>* shared) {
  // libsodium itself refuses the all-zero result.
  if (crypto_scalarmult_curve25519(shared->data(), our_private_key.data(),
                                   their_public_key.data()) != 0) {
    util::Wipe(shared->data(), shared->size());
    return proto::ERROR_CRYPTO_BAD_KEY;
  }
  return Status::Ok();
}

}  // namespace svr2::crypto
