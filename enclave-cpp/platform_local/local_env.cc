// SPDX-License-Identifier: Apache-2.0

#include "platform_local/local_env.h"

#include <algorithm>

#include "env/rdrand.h"
#include "env/simulated_evidence.h"

namespace svr2::platform_local {

Status LocalEnv::RandomBytes(uint8_t* out, size_t size) { return env::FillFromRdrand(out, size); }

Result<env::Evidence> LocalEnv::GetEvidence(util::ByteView custom_claims) {
  return env::MakeSimulatedEvidence(Measurement(), Debug(), custom_claims);
}

Result<env::VerifiedEvidence> LocalEnv::VerifyEvidence(util::ByteView evidence,
                                                       util::ByteView endorsements, uint64_t) {
  return env::ParseSimulatedEvidence(evidence, endorsements);
}

std::array<uint8_t, 32> LocalEnv::Measurement() {
  std::array<uint8_t, 32> out;
  std::copy(std::begin(host_.measurement), std::end(host_.measurement), out.begin());
  return out;
}

Status LocalEnv::Output(util::ByteView message) {
  const uint32_t error = host_.output(host_.context, message.data(), message.size());
  return error == 0 ? Status::Ok() : Status(proto::ERROR_CORE_OUTPUT_FAILED);
}

}  // namespace svr2::platform_local
