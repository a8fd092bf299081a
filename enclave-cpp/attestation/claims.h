// SPDX-License-Identifier: Apache-2.0
//
// What evidence binds: the custom claims block of protocol.md §6, in the layout of Open Enclave,
// little-endian: u64 version (1), u64 count, then per claim u64 name_size (with a trailing NUL),
// u64 value_size, name, value. Its SHA-256 stands in the report data of a quote; in simulated
// evidence the block itself follows the header. Functions are thread-safe.

#ifndef SVR2_ATTESTATION_CLAIMS_H_
#define SVR2_ATTESTATION_CLAIMS_H_

#include <cstddef>
#include <string>

#include "crypto/hash.h"
#include "crypto/x25519.h"
#include "svr2/config.pb.h"
#include "util/bytes.h"
#include "util/status.h"

namespace svr2::attestation {

// Longest claims block that is looked at.
inline constexpr size_t kMaxClaimsBytes = 64 * 1024;

// The three claims that this system makes.
struct Claims {
  crypto::PublicKey pk{};      // `pk`: X25519 key of the sessions that this evidence is shown for.
  std::string config;          // `config`: serialized RaftGroupConfig.
  std::string minimum_limits;  // `minimum_limits`: serialized MinimumLimits.
};

// The block for these claims, in the order pk, config, minimum_limits. Equal claims give equal
// bytes.
std::string EncodeClaims(const Claims& claims);

// Reads a block: any order, each of the three claims once and no other. Fails with
// ERROR_ATTESTATION_MALFORMED_CLAIMS for another version, a missing, repeated or unknown name, a
// key that is not 32 bytes, sizes beyond the block, bytes left over, or more than kMaxClaimsBytes.
Result<Claims> DecodeClaims(util::ByteView block);

// What the first 32 bytes of a quote's report data hold for a claims block; the other 32 are zero.
crypto::Digest HashClaims(util::ByteView block);

// Serializes with sorted keys. Protobuf's own order of map entries differs from run to run, and
// these bytes are hashed and compared.
std::string SerializeMinimumLimits(const proto::MinimumLimits& limits);

}  // namespace svr2::attestation

#endif  // SVR2_ATTESTATION_CLAIMS_H_
