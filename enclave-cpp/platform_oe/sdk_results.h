// SPDX-License-Identifier: Apache-2.0
//
// Every result code of the Open Enclave SDK: what it means here, and what to do. Used inside for
// errors of evidence, and by the bridge for words. oe_entry.cc checks the numbers against the SDK.

#ifndef SVR2_PLATFORM_OE_SDK_RESULTS_H_
#define SVR2_PLATFORM_OE_SDK_RESULTS_H_

#include <cstddef>
#include <cstdint>

#include "util/status.h"

namespace svr2::platform_oe {

struct SdkResultInfo {
  uint32_t code;
  const char* name;     // As in openenclave/bits/result.h.
  Error error;          // When it comes of making or verifying evidence.
  const char* meaning;  // One line: what it means and the next step.
};

// All of them, ascending by code.
const SdkResultInfo* SdkResults(size_t* count);

// nullptr for a code that no SDK version here has.
const SdkResultInfo* FindSdkResult(uint32_t code);

// ERROR_ATTESTATION_UNAVAILABLE for what is unknown; never OK but for OE_OK.
Error EvidenceError(uint32_t code);

}  // namespace svr2::platform_oe

#endif  // SVR2_PLATFORM_OE_SDK_RESULTS_H_
