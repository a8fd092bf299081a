// SPDX-License-Identifier: Apache-2.0

#include "env/simulated_evidence.h"

#include <cstring>

#include "util/endian.h"

namespace svr2::env {

namespace {

constexpr char kMagic[] = "SVR2SIM1";
constexpr size_t kMagicBytes = 8;
constexpr uint64_t kDebugAttribute = 2;

}  // namespace

Evidence MakeSimulatedEvidence(const std::array<uint8_t, 32>& measurement, bool debug,
                               util::ByteView custom_claims) {
  Evidence out;
  out.evidence.reserve(kSimulatedEvidenceHeaderBytes + custom_claims.size());
  out.evidence.append(kMagic, kMagicBytes);
  out.evidence.append(reinterpret_cast<const char*>(measurement.data()), measurement.size());
  uint8_t attributes[8];
  util::StoreLittleEndian64(attributes, debug ? kDebugAttribute : 0);
  out.evidence.append(reinterpret_cast<const char*>(attributes), sizeof(attributes));
  out.evidence.append(reinterpret_cast<const char*>(custom_claims.data()), custom_claims.size());
  return out;
}

Result<VerifiedEvidence> ParseSimulatedEvidence(util::ByteView evidence,
                                                util::ByteView endorsements) {
  if (evidence.size() < kMagicBytes || std::memcmp(evidence.data(), kMagic, kMagicBytes) != 0) {
    return proto::ERROR_ATTESTATION_WRONG_FORMAT;
  }
  if (evidence.size() < kSimulatedEvidenceHeaderBytes || !endorsements.empty()) {
    return proto::ERROR_ATTESTATION_MALFORMED_EVIDENCE;
  }
  const uint64_t attributes = util::LoadLittleEndian64(evidence.data() + kMagicBytes + 32);
  if ((attributes & ~kDebugAttribute) != 0) return proto::ERROR_ATTESTATION_MALFORMED_EVIDENCE;
  VerifiedEvidence out;
  out.format = EvidenceFormat::kSimulated;
  out.measurement = util::ToArray<32>(evidence.Sub(kMagicBytes, 32));
  out.debug = (attributes & kDebugAttribute) != 0;
  out.custom_claims = evidence.From(kSimulatedEvidenceHeaderBytes).ToString();
  return out;
}

}  // namespace svr2::env
