// SPDX-License-Identifier: Apache-2.0
//
// The SDK's result codes as errors of evidence; platform_oe/sdk_words.h has the words.

#ifndef SVR2_PLATFORM_OE_SDK_RESULTS_H_
#define SVR2_PLATFORM_OE_SDK_RESULTS_H_

#include <cstdint>

#include "util/status.h"

namespace svr2::platform_oe {

// What a code means when it comes of making or verifying evidence. ERROR_ATTESTATION_UNAVAILABLE
// for what says nothing of evidence, or is unknown; OK for OE_OK alone.
Error EvidenceError(uint32_t code);

}  // namespace svr2::platform_oe

#endif  // SVR2_PLATFORM_OE_SDK_RESULTS_H_
