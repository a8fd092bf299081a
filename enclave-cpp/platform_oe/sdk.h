// SPDX-License-Identifier: Apache-2.0
//
// What platform_oe needs of the Open Enclave SDK, as one interface, so that everything above it is
// compiled and tested where there is no SDK. The real one is in oe_entry.cc.

#ifndef SVR2_PLATFORM_OE_SDK_H_
#define SVR2_PLATFORM_OE_SDK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "util/bytes.h"

namespace svr2::platform_oe {

// An oe_result_t; platform_oe/sdk_words.h has the words.
using SdkResult = uint32_t;
inline constexpr SdkResult kSdkOk = 0;

// What evidence says, by the names of bits/evidence.h; values as the SDK gives them.
using SdkClaims = std::map<std::string, std::string>;

// Thread-safe: may be called from any thread that is inside the enclave.
class Sdk {
 public:
  virtual ~Sdk() = default;

  // The EDL's ocall. True when the host has taken the message.
  virtual bool Output(util::ByteView message) = 0;

  // Who this enclave is, by the CPU's word. Fails in simulation.
  virtual SdkResult OwnIdentity(std::array<uint8_t, 32>* measurement, bool* debug) = 0;

  // Evidence of format SGX ECDSA that binds a block of custom claims, with its endorsements.
  virtual SdkResult MakeEvidence(util::ByteView custom_claims, std::string* evidence,
                                 std::string* endorsements) = 0;

  // Checks such evidence, every date in it against `unix_seconds`. OE_TCB_LEVEL_INVALID means that
  // all was checked, but the platform is not up to date: the claims are there, too.
  virtual SdkResult VerifyEvidence(util::ByteView evidence, util::ByteView endorsements,
                                   uint64_t unix_seconds, SdkClaims* claims) = 0;

  // Bytes in blocks that are in use, and the size of the heap.
  virtual size_t HeapBytesUsed() = 0;
  virtual size_t HeapBytesLimit() = 0;
};

}  // namespace svr2::platform_oe

#endif  // SVR2_PLATFORM_OE_SDK_H_
