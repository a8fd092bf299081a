// SPDX-License-Identifier: Apache-2.0
//
// The evidence of platforms that protect nothing, in the layout of protocol.md §6: the 8 ASCII
// bytes SVR2SIM1, measurement (32 bytes), attributes (u64 little-endian, bit 1 = DEBUG), then the
// claims block; no signature. Shared by platform_local, platform_oe's simulation mode and tests.

#ifndef SVR2_ENV_SIMULATED_EVIDENCE_H_
#define SVR2_ENV_SIMULATED_EVIDENCE_H_

#include <array>
#include <string>

#include "env/env.h"

namespace svr2::env {

inline constexpr size_t kSimulatedEvidenceHeaderBytes = 8 + 32 + 8;

// Evidence that says: an enclave of this measurement made these claims.
Evidence MakeSimulatedEvidence(const std::array<uint8_t, 32>& measurement, bool debug,
                               util::ByteView custom_claims);

// Reads simulated evidence. Fails with ERROR_ATTESTATION_WRONG_FORMAT when it does not start with
// SVR2SIM1, with ERROR_ATTESTATION_MALFORMED_EVIDENCE when it is too short, has unknown attribute
// bits or comes with endorsements.
Result<VerifiedEvidence> ParseSimulatedEvidence(util::ByteView evidence,
                                                util::ByteView endorsements);

}  // namespace svr2::env

#endif  // SVR2_ENV_SIMULATED_EVIDENCE_H_
