// SPDX-License-Identifier: Apache-2.0
//
// Whether evidence is good enough, given what its verification found (protocol.md §6). A pure
// decision: no clock, no signature and no parsing of quotes here (Env::VerifyEvidence does that,
// the evidence's dates and claims hash included), and no state. Every enclave judges its peers by
// it; invariant 5 of design.md §7 rests on it. Functions are thread-safe.

#ifndef SVR2_ATTESTATION_POLICY_H_
#define SVR2_ATTESTATION_POLICY_H_

#include <array>
#include <cstdint>
#include <set>
#include <string>

#include "attestation/claims.h"
#include "crypto/x25519.h"
#include "env/env.h"
#include "svr2/config.pb.h"
#include "util/status.h"

namespace svr2::attestation {

// Key in MinimumLimits: the number that Intel raises with each TCB recovery, u64 big-endian.
inline constexpr char kTcbEvaluationDataNumber[] = "sgx_tcb_evaluation_data_number";

// Which group the other side may name. All other fields of the configuration are equal always.
enum class GroupIdRule {
  kOurs,              // Between members.
  kOursOrNone,        // A member judging one that may still be joining, which has no group yet.
  kAnyExistingGroup,  // A joiner judging its source, from which it takes the group.
};

// What the other side must be.
struct Expectation {
  std::array<uint8_t, 32> measurement{};
  proto::RaftGroupConfig config;
  GroupIdRule group_id = GroupIdRule::kOurs;
  // Lower limits that the *evidence* itself must meet. The minimums that the other side claims to
  // enforce are not compared: between a raise and its next evidence they may lag behind.
  proto::MinimumLimits minimums;
  // Software advisories (INTEL-SA-…) that are taken as dealt with.
  std::set<std::string> accepted_advisories;
};

// Evidence that was accepted, and what it binds.
struct AcceptedEvidence {
  crypto::PublicKey pk{};
  proto::RaftGroupConfig config;
  proto::MinimumLimits minimum_limits;
};

// Judges evidence. Fails, in this order, with
//   ERROR_ATTESTATION_WRONG_FORMAT      simulated evidence where our configuration does not say
//                                       simulated, or the reverse;
//   ERROR_ATTESTATION_DEBUG             the DEBUG attribute, in any format (the measurement does
//   not
//                                       cover it);
//   ERROR_ATTESTATION_TCB_STATUS        neither UpToDate nor SWHardeningNeeded;
//   ERROR_ATTESTATION_MEASUREMENT       another measurement;
//   ERROR_ATTESTATION_MALFORMED_CLAIMS  a claims block that DecodeClaims refuses, or claims that do
//                                       not parse;
//   ERROR_ATTESTATION_WRONG_FORMAT      a `config` claim whose `simulated` denies the format;
//   ERROR_ATTESTATION_GROUP_CONFIG      another group configuration;
//   ERROR_ATTESTATION_MINIMUMS          a value below one of `minimums`, or a minimum that this
//   kind
//                                       of evidence has no value for;
//   ERROR_ATTESTATION_ADVISORY          SWHardeningNeeded with an advisory that is not accepted, or
//                                       with none named (nothing then says what to harden).
Result<AcceptedEvidence> JudgeEvidence(const env::VerifiedEvidence& evidence,
                                       const Expectation& expectation);

// The values that evidence has for keys of MinimumLimits: the TCB evaluation data number of SGX
// evidence; none for simulated evidence. A hardware group is founded with the founder's.
proto::MinimumLimits EvidenceValues(const env::VerifiedEvidence& evidence);

}  // namespace svr2::attestation

#endif  // SVR2_ATTESTATION_POLICY_H_
