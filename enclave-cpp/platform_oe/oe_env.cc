// SPDX-License-Identifier: Apache-2.0

#include "platform_oe/oe_env.h"

#include <algorithm>

#include "env/rdrand.h"
#include "env/simulated_evidence.h"
#include "platform_oe/oe_evidence.h"
#include "platform_oe/sdk_results.h"
#include "svr2/config.pb.h"

namespace svr2::platform_oe {

Status OeEnv::Prepare(util::ByteView config) {
  proto::EnclaveConfig parsed;
  if (config.size() > INT32_MAX ||
      !parsed.ParseFromArray(config.data(), static_cast<int>(config.size()))) {
    return proto::ERROR_CORE_BAD_CONFIG;
  }
  if (!parsed.has_simulated_identity()) {
    simulated_ = false;
    hardware_ = sdk_->OwnIdentity(&measurement_, &debug_) == kSdkOk;
    return hardware_ ? Status::Ok() : Status(proto::ERROR_ATTESTATION_UNAVAILABLE);
  }
  const proto::SimulatedIdentity& identity = parsed.simulated_identity();
  if (identity.measurement().size() != measurement_.size()) return proto::ERROR_CORE_BAD_CONFIG;
  std::copy(identity.measurement().begin(), identity.measurement().end(), measurement_.begin());
  debug_ = identity.debug();
  simulated_ = true;
  hardware_ = false;
  return Status::Ok();
}

// Every CPU with SGX has RDRAND, and the SDK itself cannot start without.
Status OeEnv::RandomBytes(uint8_t* out, size_t size) { return env::FillFromRdrand(out, size); }

Result<env::Evidence> OeEnv::GetEvidence(util::ByteView custom_claims) {
  if (simulated_) return env::MakeSimulatedEvidence(measurement_, debug_, custom_claims);
  if (!hardware_) return proto::ERROR_ATTESTATION_UNAVAILABLE;
  env::Evidence out;
  const SdkResult result = sdk_->MakeEvidence(custom_claims, &out.evidence, &out.endorsements);
  if (result != kSdkOk) return EvidenceError(result);
  return out;
}

Result<env::VerifiedEvidence> OeEnv::VerifyEvidence(util::ByteView evidence,
                                                    util::ByteView endorsements,
                                                    uint64_t unix_seconds) {
  // Each kind of group takes its own format only (attestation/policy.h).
  if (simulated_) return env::ParseSimulatedEvidence(evidence, endorsements);
  if (!hardware_) return proto::ERROR_ATTESTATION_UNAVAILABLE;
  SdkClaims claims;
  const SdkResult result = sdk_->VerifyEvidence(evidence, endorsements, unix_seconds, &claims);
  return TranslateClaims(result, claims);
}

Status OeEnv::Output(util::ByteView message) {
  return sdk_->Output(message) ? Status::Ok() : Status(proto::ERROR_CORE_OUTPUT_FAILED);
}

}  // namespace svr2::platform_oe
