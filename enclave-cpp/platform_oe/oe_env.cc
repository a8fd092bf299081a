// SPDX-License-Identifier: Apache-2.0

#include "platform_oe/oe_env.h"

#include <algorithm>

#include "env/rdrand.h"
#include "env/simulated_evidence.h"
#include "svr2/config.pb.h"

namespace svr2::platform_oe {

Status OeEnv::Prepare(util::ByteView config) {
  proto::EnclaveConfig parsed;
  if (config.size() > INT32_MAX ||
      !parsed.ParseFromArray(config.data(), static_cast<int>(config.size()))) {
    return proto::ERROR_CORE_BAD_CONFIG;
  }
  // Of the CPU's own word, and evidence made of it, nothing is implemented yet.
  if (!parsed.has_simulated_identity()) return proto::ERROR_ATTESTATION_UNAVAILABLE;
  const proto::SimulatedIdentity& identity = parsed.simulated_identity();
  if (identity.measurement().size() != measurement_.size()) return proto::ERROR_CORE_BAD_CONFIG;
  std::copy(identity.measurement().begin(), identity.measurement().end(), measurement_.begin());
  debug_ = identity.debug();
  simulated_ = true;
  return Status::Ok();
}

// Every CPU with SGX has RDRAND, and the SDK itself cannot start without.
Status OeEnv::RandomBytes(uint8_t* out, size_t size) { return env::FillFromRdrand(out, size); }

Result<env::Evidence> OeEnv::GetEvidence(util::ByteView custom_claims) {
  if (!simulated_) return proto::ERROR_ATTESTATION_UNAVAILABLE;
  return env::MakeSimulatedEvidence(measurement_, debug_, custom_claims);
}

Result<env::VerifiedEvidence> OeEnv::VerifyEvidence(util::ByteView evidence,
                                                    util::ByteView endorsements, uint64_t) {
  if (!simulated_) return proto::ERROR_ATTESTATION_UNAVAILABLE;
  return env::ParseSimulatedEvidence(evidence, endorsements);
}

Status OeEnv::Output(util::ByteView message) {
  return sdk_->Output(message) ? Status::Ok() : Status(proto::ERROR_CORE_OUTPUT_FAILED);
}

}  // namespace svr2::platform_oe
