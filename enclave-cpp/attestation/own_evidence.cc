// SPDX-License-Identifier: Apache-2.0

#include "attestation/own_evidence.h"

#include "attestation/claims.h"
#include "svr2/client.pb.h"

namespace svr2::attestation {

Status CheckPlatform(env::Env* env, const proto::RaftGroupConfig& config) {
  if (env->Simulated() && !config.simulated()) return proto::ERROR_PLATFORM_NOT_SIMULATED;
  if (!env->Simulated() && config.simulated()) return proto::ERROR_PLATFORM_SIMULATED;
  if (env->Debug() && !config.simulated()) return proto::ERROR_PLATFORM_DEBUG;
  return Status::Ok();
}

Result<env::Evidence> MakeOwnEvidence(env::Env* env, const crypto::PublicKey& pk,
                                      const proto::RaftGroupConfig& config,
                                      const proto::MinimumLimits& minimums) {
  SVR2_RETURN_IF_ERROR(CheckPlatform(env, config));
  Claims claims;
  claims.pk = pk;
  claims.config = config.SerializeAsString();
  claims.minimum_limits = SerializeMinimumLimits(minimums);
  return env->GetEvidence(EncodeClaims(claims));
}

std::string MakeClientHandshakeStart(const env::Evidence& evidence) {
  proto::ClientHandshakeStart start;
  start.set_evidence(evidence.evidence);
  start.set_endorsement(evidence.endorsements);
  return start.SerializeAsString();
}

}  // namespace svr2::attestation
