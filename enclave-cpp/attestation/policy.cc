// SPDX-License-Identifier: Apache-2.0

#include "attestation/policy.h"

#include "util/endian.h"
#include "util/secret.h"

namespace svr2::attestation {

namespace {

Status CheckFormat(env::EvidenceFormat format, bool simulated) {
  // One expected format for each kind of group: a new format passes in neither.
  const env::EvidenceFormat expected =
      simulated ? env::EvidenceFormat::kSimulated : env::EvidenceFormat::kSgxEcdsa;
  return format == expected ? Status::Ok() : Status(proto::ERROR_ATTESTATION_WRONG_FORMAT);
}

Status CheckTcbStatus(env::TcbStatus status) {
  const bool good =
      status == env::TcbStatus::kUpToDate || status == env::TcbStatus::kSwHardeningNeeded;
  return good ? Status::Ok() : Status(proto::ERROR_ATTESTATION_TCB_STATUS);
}

Status CheckAdvisories(const env::VerifiedEvidence& evidence,
                       const std::set<std::string>& accepted) {
  if (evidence.tcb_status == env::TcbStatus::kUpToDate) return Status::Ok();
  if (evidence.advisories.empty()) return proto::ERROR_ATTESTATION_ADVISORY;
  for (const std::string& advisory : evidence.advisories) {
    if (accepted.count(advisory) == 0) return proto::ERROR_ATTESTATION_ADVISORY;
  }
  return Status::Ok();
}

bool GroupIdAllowed(uint64_t theirs, uint64_t ours, GroupIdRule rule) {
  switch (rule) {
    case GroupIdRule::kOurs:
      return theirs == ours;
    case GroupIdRule::kOursOrNone:
      return theirs == ours || theirs == 0;
    case GroupIdRule::kAnyExistingGroup:
      return theirs != 0;
  }
  return false;
}

// Compares the claim's bytes, not fields: unknown or repeated fields do not pass as equal.
Status CheckConfig(const std::string& claim, const proto::RaftGroupConfig& theirs,
                   const Expectation& expectation) {
  if (!GroupIdAllowed(theirs.group_id(), expectation.config.group_id(), expectation.group_id)) {
    return proto::ERROR_ATTESTATION_GROUP_CONFIG;
  }
  proto::RaftGroupConfig expected = expectation.config;
  expected.set_group_id(theirs.group_id());
  if (expected.SerializeAsString() != claim) return proto::ERROR_ATTESTATION_GROUP_CONFIG;
  return Status::Ok();
}

Status CheckMinimums(const env::VerifiedEvidence& evidence, const proto::MinimumLimits& minimums) {
  const proto::MinimumLimits values = EvidenceValues(evidence);
  for (const auto& [key, minimum] : minimums.lim()) {
    const auto value = values.lim().find(key);
    // Byte strings of equal length, compared from the most significant byte. std::string compares
    // as unsigned char.
    if (value == values.lim().end() || value->second.size() != minimum.size() ||
        value->second < minimum) {
      return proto::ERROR_ATTESTATION_MINIMUMS;
    }
  }
  return Status::Ok();
}

}  // namespace

Result<AcceptedEvidence> JudgeEvidence(const env::VerifiedEvidence& evidence,
                                       const Expectation& expectation) {
  SVR2_RETURN_IF_ERROR(CheckFormat(evidence.format, expectation.config.simulated()));
  if (evidence.debug) return proto::ERROR_ATTESTATION_DEBUG;
  SVR2_RETURN_IF_ERROR(CheckTcbStatus(evidence.tcb_status));
  if (!util::ConstantTimeEqual(evidence.measurement, expectation.measurement)) {
    return proto::ERROR_ATTESTATION_MEASUREMENT;
  }
  const Result<Claims> claims = DecodeClaims(evidence.custom_claims);
  if (!claims.ok()) return claims.status();
  AcceptedEvidence accepted;
  accepted.pk = claims->pk;
  if (!accepted.config.ParseFromString(claims->config) ||
      !accepted.minimum_limits.ParseFromString(claims->minimum_limits)) {
    return proto::ERROR_ATTESTATION_MALFORMED_CLAIMS;
  }
  SVR2_RETURN_IF_ERROR(CheckFormat(evidence.format, accepted.config.simulated()));
  SVR2_RETURN_IF_ERROR(CheckConfig(claims->config, accepted.config, expectation));
  SVR2_RETURN_IF_ERROR(CheckMinimums(evidence, expectation.minimums));
  SVR2_RETURN_IF_ERROR(CheckAdvisories(evidence, expectation.accepted_advisories));
  return accepted;
}

proto::MinimumLimits EvidenceValues(const env::VerifiedEvidence& evidence) {
  proto::MinimumLimits values;
  if (evidence.format == env::EvidenceFormat::kSgxEcdsa) {
    uint8_t number[8];
    util::StoreBigEndian64(number, evidence.tcb_evaluation_data_number);
    (*values.mutable_lim())[kTcbEvaluationDataNumber] =
        util::ByteView(number, sizeof(number)).ToString();
  }
  return values;
}

}  // namespace svr2::attestation
