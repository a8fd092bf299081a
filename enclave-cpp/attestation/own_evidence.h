// SPDX-License-Identifier: Apache-2.0
//
// Evidence of this very enclave: for clients in the first item of a session (protocol.md §1), for
// peers in their handshakes (§5). Functions are thread-safe.

#ifndef SVR2_ATTESTATION_OWN_EVIDENCE_H_
#define SVR2_ATTESTATION_OWN_EVIDENCE_H_

#include <string>

#include "crypto/x25519.h"
#include "env/env.h"
#include "svr2/config.pb.h"
#include "util/status.h"

namespace svr2::attestation {

// Whether a group of this configuration may run on this platform (protocol.md §6, design.md §3).
// Fails with ERROR_PLATFORM_NOT_SIMULATED (`simulated` unset where nothing is protected),
// ERROR_PLATFORM_SIMULATED (set on hardware), ERROR_PLATFORM_DEBUG (unset in a debug enclave).
Status CheckPlatform(env::Env* env, const proto::RaftGroupConfig& config);

// Evidence that binds `pk`, the configuration and the minimums to this enclave. May take
// milliseconds and leave the enclave: call it without a lock. Fails as CheckPlatform does, and with
// ERROR_ATTESTATION_UNAVAILABLE.
Result<env::Evidence> MakeOwnEvidence(env::Env* env, const crypto::PublicKey& pk,
                                      const proto::RaftGroupConfig& config,
                                      const proto::MinimumLimits& minimums);

// The serialized ClientHandshakeStart that shows `evidence`. Its test_only_pubkey stays empty.
std::string MakeClientHandshakeStart(const env::Evidence& evidence);

}  // namespace svr2::attestation

#endif  // SVR2_ATTESTATION_OWN_EVIDENCE_H_
