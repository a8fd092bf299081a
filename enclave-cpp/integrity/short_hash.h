// SPDX-License-Identifier: Apache-2.0
//
// The keyed short hash under all integrity trees: SipHash-2-4 with 128-bit output (libsodium's
// crypto_shorthash_siphashx24; Aumasson and Bernstein, "SipHash: a fast short-input PRF",
// INDOCRYPT 2012), under keys that are drawn inside the enclave and never leave it.
//
// How long a tag must be. The attacker is the operator: he cannot read enclave memory or compute
// tags, he can put back an old page (or disturb one), and the first mismatch ends the replica.
// * Forging. A disturbed or guessed value passes with probability 2^-8n for n bytes, once per
//   replica: 8 bytes are plenty.
// * Waiting for a collision. SGX without replay protection encrypts deterministically by address,
// so
//   the operator can see when a 16-byte line of memory returns to an earlier ciphertext. A node
//   near the root changes with every request, by anyone's hand; with 8-byte tags two of 2^32 states
//   of one node have equal tags, and the older state, with an older victim's row below it, could be
//   put in the newer one's place. 2^32 requests are a day's work. With 16 bytes it is 2^64.
// So tree nodes and database blocks have 16-byte tags (Tag). A database row has 8 (RowTag): what
// collides must be two states of the *same victim's* row in the same place, and those are few:
// max_tries (at most 255) a backup, and only the victim's client can make the next backup matter.
// Half the length there saves 8 % of the database's memory.

#ifndef SVR2_INTEGRITY_SHORT_HASH_H_
#define SVR2_INTEGRITY_SHORT_HASH_H_

#include <cstddef>
#include <cstdint>

#include "util/secret.h"

namespace svr2::integrity {

inline constexpr size_t kTagBytes = 16;
inline constexpr size_t kShortHashKeyBytes = 16;

// 128 bits of SipHash-2-4. All zero means "nothing here" to TagTree, no hash has that value but by
// a chance of 2^-128.
struct Tag {
  uint64_t words[2];  // Uninitialized unless Tag{}: paths of tags live on stacks.

  // In time that does not depend on the values.
  friend bool operator==(const Tag& a, const Tag& b) {
    return ((a.words[0] ^ b.words[0]) | (a.words[1] ^ b.words[1])) == 0;
  }
  friend bool operator!=(const Tag& a, const Tag& b) { return !(a == b); }
};
static_assert(sizeof(Tag) == kTagBytes);

// A tag cut to 64 bits, for database rows.
using RowTag = uint64_t;

// Immutable, thread-safe. One key, one purpose: position and kind of what is hashed go into the
// input, different trees have different keys.
class ShortHash {
 public:
  // `key` is kShortHashKeyBytes long.
  explicit ShortHash(util::ByteView key) : key_(key) {}

  // Keyed hash of `size` bytes.
  Tag operator()(const void* data, size_t size) const;
  RowTag Short(const void* data, size_t size) const { return (*this)(data, size).words[0]; }

 private:
  util::Secret<kShortHashKeyBytes> key_;
};

}  // namespace svr2::integrity

#endif  // SVR2_INTEGRITY_SHORT_HASH_H_
