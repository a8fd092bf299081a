// SPDX-License-Identifier: Apache-2.0
//
// SipHash-2-4-128 by libsodium, called directly: it is the inner loop of every database access.

#include "integrity/short_hash.h"

#include <sodium/crypto_shorthash_siphash24.h>

namespace svr2::integrity {

static_assert(kTagBytes == crypto_shorthash_siphashx24_BYTES);
static_assert(kShortHashKeyBytes == crypto_shorthash_siphashx24_KEYBYTES);

Tag ShortHash::operator()(const void* data, size_t size) const {
  Tag tag;
  // Cannot fail: it returns 0 always.
  crypto_shorthash_siphashx24(reinterpret_cast<unsigned char*>(tag.words),
                              static_cast<const unsigned char*>(data), size, key_.data());
  return tag;
}

}  // namespace svr2::integrity
