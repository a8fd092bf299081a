// SPDX-License-Identifier: Apache-2.0
//
// The policy, a test for each sentence of protocol.md §6 that it enforces (and invariant 5 of
// design.md §7): each starts from evidence that passes and spoils one thing.

#include "attestation/policy.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "util/hex_testing.h"

namespace svr2::attestation {
namespace {

using env::EvidenceFormat;
using env::TcbStatus;
using env::VerifiedEvidence;
using util::ByteView;

std::string U64BigEndian(uint8_t low) { return std::string(7, '\0') + static_cast<char>(low); }

class PolicyTest : public testing::Test {
 protected:
  PolicyTest() {
    expectation_.measurement.fill(0x4d);
    proto::RaftGroupConfig& config = expectation_.config;
    config.set_group_id(77);
    config.set_min_voting_replicas(3);
    config.set_max_voting_replicas(5);
    config.set_super_majority(1);
    config.set_db_version(2);
    config.set_attestation_timeout(604'800);
    (*expectation_.minimums.mutable_lim())[kTcbEvaluationDataNumber] = U64BigEndian(17);
    theirs_ = config;
    their_minimums_ = expectation_.minimums;

    evidence_.format = EvidenceFormat::kSgxEcdsa;
    evidence_.measurement = expectation_.measurement;
    evidence_.tcb_evaluation_data_number = 17;
  }

  void MakeSimulated() {
    evidence_.format = EvidenceFormat::kSimulated;
    evidence_.tcb_evaluation_data_number = 0;
    expectation_.config.set_simulated(true);
    expectation_.minimums.Clear();
    their_minimums_.Clear();
    theirs_.set_simulated(true);
  }

  Result<AcceptedEvidence> Judge() {
    Claims claims;
    claims.pk.fill(0x70);
    claims.config = theirs_.SerializeAsString();
    claims.minimum_limits = SerializeMinimumLimits(their_minimums_);
    evidence_.custom_claims = EncodeClaims(claims);
    return JudgeEvidence(evidence_, expectation_);
  }
  void ExpectAccepted() { EXPECT_EQ(Judge().error(), proto::OK); }
  void ExpectRefused(Error error) { EXPECT_EQ(Judge().error(), error); }

  VerifiedEvidence evidence_;
  Expectation expectation_;
  proto::RaftGroupConfig theirs_;
  proto::MinimumLimits their_minimums_;
};

TEST_F(PolicyTest, GoodEvidenceIsAcceptedAndSaysWhatItBinds) {
  const Result<AcceptedEvidence> accepted = Judge();
  ASSERT_TRUE(accepted.ok());
  EXPECT_EQ(accepted->pk[0], 0x70);
  EXPECT_EQ(accepted->config.group_id(), 77u);
  EXPECT_EQ(accepted->minimum_limits.lim().at(kTcbEvaluationDataNumber), U64BigEndian(17));
}

// "a peer accepts it [simulated evidence] only when its own configuration says simulated … and …
// only when its `config` claim says simulated = true".
TEST_F(PolicyTest, SimulatedEvidenceOnlyInSimulatedGroups) {
  MakeSimulated();
  ExpectAccepted();
  theirs_.set_simulated(false);
  ExpectRefused(proto::ERROR_ATTESTATION_WRONG_FORMAT);
  expectation_.config.set_simulated(false);
  ExpectRefused(proto::ERROR_ATTESTATION_WRONG_FORMAT);
  theirs_.set_simulated(true);
  ExpectRefused(proto::ERROR_ATTESTATION_WRONG_FORMAT);
}

// "Peers and clients refuse … evidence of another format": real evidence in simulated groups too.
TEST_F(PolicyTest, RealEvidenceOnlyInRealGroups) {
  expectation_.config.set_simulated(true);
  ExpectRefused(proto::ERROR_ATTESTATION_WRONG_FORMAT);
  theirs_.set_simulated(true);
  ExpectRefused(proto::ERROR_ATTESTATION_WRONG_FORMAT);
  expectation_.config.set_simulated(false);
  ExpectRefused(proto::ERROR_ATTESTATION_WRONG_FORMAT);
}

// "refuse evidence with the DEBUG attribute (the measurement does not cover it)".
TEST_F(PolicyTest, DebugIsRefusedInEveryFormat) {
  evidence_.debug = true;
  ExpectRefused(proto::ERROR_ATTESTATION_DEBUG);
  MakeSimulated();
  ExpectRefused(proto::ERROR_ATTESTATION_DEBUG);
}

// "a TCB status other than UpToDate, or SWHardeningNeeded with every advisory accepted".
TEST_F(PolicyTest, OnlyTwoTcbStatusesPass) {
  evidence_.advisories = {"INTEL-SA-00615"};
  expectation_.accepted_advisories = {"INTEL-SA-00615"};
  for (const TcbStatus status : {TcbStatus::kUpToDate, TcbStatus::kSwHardeningNeeded}) {
    evidence_.tcb_status = status;
    ExpectAccepted();
  }
  for (const TcbStatus status :
       {TcbStatus::kConfigurationNeeded, TcbStatus::kConfigurationAndSwHardeningNeeded,
        TcbStatus::kOutOfDate, TcbStatus::kOutOfDateConfigurationNeeded, TcbStatus::kRevoked}) {
    evidence_.tcb_status = status;
    ExpectRefused(proto::ERROR_ATTESTATION_TCB_STATUS);
  }
}

TEST_F(PolicyTest, SwHardeningNeedsEveryAdvisoryAccepted) {
  evidence_.tcb_status = TcbStatus::kSwHardeningNeeded;
  evidence_.advisories = {"INTEL-SA-00615", "INTEL-SA-00657"};
  ExpectRefused(proto::ERROR_ATTESTATION_ADVISORY);
  expectation_.accepted_advisories = {"INTEL-SA-00615"};
  ExpectRefused(proto::ERROR_ATTESTATION_ADVISORY);
  expectation_.accepted_advisories = {"INTEL-SA-00615", "INTEL-SA-0065"};
  ExpectRefused(proto::ERROR_ATTESTATION_ADVISORY);
  expectation_.accepted_advisories = {"INTEL-SA-00615", "INTEL-SA-00657", "INTEL-SA-00001"};
  ExpectAccepted();
  // Hardening is needed and nothing says which.
  evidence_.advisories.clear();
  ExpectRefused(proto::ERROR_ATTESTATION_ADVISORY);
}

// "no row, entry or request … goes to a peer but one with equal measurement" (invariant 5).
TEST_F(PolicyTest, EveryOtherMeasurementIsRefused) {
  for (size_t bit = 0; bit < 256; ++bit) {
    evidence_.measurement = expectation_.measurement;
    evidence_.measurement[bit / 8] =
        static_cast<uint8_t>(evidence_.measurement[bit / 8] ^ (1u << (bit % 8)));
    ExpectRefused(proto::ERROR_ATTESTATION_MEASUREMENT);
  }
}

TEST_F(PolicyTest, MalformedClaimsAreRefused) {
  ASSERT_TRUE(Judge().ok());
  const std::string good = evidence_.custom_claims;
  for (size_t size = 0; size < good.size(); ++size) {
    evidence_.custom_claims = good.substr(0, size);
    ASSERT_EQ(JudgeEvidence(evidence_, expectation_).error(),
              proto::ERROR_ATTESTATION_MALFORMED_CLAIMS);
  }
  Claims claims;
  claims.config = "\xff";
  evidence_.custom_claims = EncodeClaims(claims);
  EXPECT_EQ(JudgeEvidence(evidence_, expectation_).error(),
            proto::ERROR_ATTESTATION_MALFORMED_CLAIMS);
  claims.config = theirs_.SerializeAsString();
  claims.minimum_limits = "\xff";
  evidence_.custom_claims = EncodeClaims(claims);
  EXPECT_EQ(JudgeEvidence(evidence_, expectation_).error(),
            proto::ERROR_ATTESTATION_MALFORMED_CLAIMS);
}

// "requires every other field to equal its own", under each rule for the group id.
TEST_F(PolicyTest, EveryFieldOfTheGroupConfigurationIsCompared) {
  using Config = proto::RaftGroupConfig;
  const std::vector<std::function<void(Config*)>> spoilers = {
      [](Config* c) { c->set_min_voting_replicas(1); },
      [](Config* c) { c->set_max_voting_replicas(7); },
      [](Config* c) { c->set_super_majority(0); },
      [](Config* c) { c->set_db_version(3); },
      [](Config* c) { c->set_attestation_timeout(604'801); },
  };
  for (const GroupIdRule rule :
       {GroupIdRule::kOurs, GroupIdRule::kOursOrNone, GroupIdRule::kAnyExistingGroup}) {
    expectation_.group_id = rule;
    for (const auto& spoil : spoilers) {
      theirs_ = expectation_.config;
      ExpectAccepted();
      spoil(&theirs_);
      ExpectRefused(proto::ERROR_ATTESTATION_GROUP_CONFIG);
    }
  }
}

TEST_F(PolicyTest, ConfigurationWithUnknownOrRepeatedFieldsIsNotEqual) {
  const std::string good = theirs_.SerializeAsString();
  // Field 15, and field 2 twice with the same value: both parse to equal fields.
  for (const std::string& more : {std::string("\x78\x01"), std::string("\x10\x03")}) {
    Claims claims;
    claims.config = good + more;
    proto::RaftGroupConfig parsed;
    ASSERT_TRUE(parsed.ParseFromString(claims.config));
    ASSERT_EQ(parsed.min_voting_replicas(), theirs_.min_voting_replicas());
    evidence_.custom_claims = EncodeClaims(claims);
    EXPECT_EQ(JudgeEvidence(evidence_, expectation_).error(),
              proto::ERROR_ATTESTATION_GROUP_CONFIG);
  }
}

// "group_id excepted until it joins".
TEST_F(PolicyTest, GroupIdByRule) {
  struct Case {
    GroupIdRule rule;
    uint64_t theirs;
    bool accepted;
  };
  const Case cases[] = {
      {GroupIdRule::kOurs, 77, true},
      {GroupIdRule::kOurs, 78, false},
      {GroupIdRule::kOurs, 0, false},
      {GroupIdRule::kOursOrNone, 77, true},
      {GroupIdRule::kOursOrNone, 78, false},
      {GroupIdRule::kOursOrNone, 0, true},
      {GroupIdRule::kAnyExistingGroup, 77, true},
      {GroupIdRule::kAnyExistingGroup, 78, true},
      {GroupIdRule::kAnyExistingGroup, 0, false},
  };
  for (const Case& c : cases) {
    expectation_.group_id = c.rule;
    theirs_.set_group_id(c.theirs);
    const Result<AcceptedEvidence> accepted = Judge();
    EXPECT_EQ(accepted.error(), c.accepted ? proto::OK : proto::ERROR_ATTESTATION_GROUP_CONFIG);
    if (accepted.ok()) {
      EXPECT_EQ(accepted->config.group_id(), c.theirs);
    }
  }
}

// "whose evidence values meet our minimums"; "u64 big-endian".
TEST_F(PolicyTest, TheTcbEvaluationDataNumberMeetsOurMinimum) {
  for (const uint64_t number : {uint64_t{17}, uint64_t{18}, uint64_t{256}, ~uint64_t{0}}) {
    evidence_.tcb_evaluation_data_number = number;
    ExpectAccepted();
  }
  for (const uint64_t number : {uint64_t{0}, uint64_t{16}}) {
    evidence_.tcb_evaluation_data_number = number;
    ExpectRefused(proto::ERROR_ATTESTATION_MINIMUMS);
  }
  // The most significant byte comes first, and bytes compare unsigned.
  (*expectation_.minimums.mutable_lim())[kTcbEvaluationDataNumber] = "\x80" + std::string(7, '\0');
  evidence_.tcb_evaluation_data_number = 0x7fffffffffffffff;
  ExpectRefused(proto::ERROR_ATTESTATION_MINIMUMS);
  evidence_.tcb_evaluation_data_number = 0x8000000000000000;
  ExpectAccepted();
}

TEST_F(PolicyTest, WithoutMinimumsAnyNumberPasses) {
  expectation_.minimums.Clear();
  evidence_.tcb_evaluation_data_number = 0;
  ExpectAccepted();
}

TEST_F(PolicyTest, MinimumsThatTheEvidenceHasNoValueForAreNotMet) {
  (*expectation_.minimums.mutable_lim())["another_version"] = "";
  ExpectRefused(proto::ERROR_ATTESTATION_MINIMUMS);
  expectation_.minimums.mutable_lim()->erase("another_version");
  ExpectAccepted();
  for (const size_t size : {0u, 7u, 9u}) {
    (*expectation_.minimums.mutable_lim())[kTcbEvaluationDataNumber] = std::string(size, '\0');
    ExpectRefused(proto::ERROR_ATTESTATION_MINIMUMS);
  }
}

// Between a raise and its next evidence a member's claimed minimums lag behind ours.
TEST_F(PolicyTest, ClaimedMinimumsAreReportedNotCompared) {
  their_minimums_.Clear();
  const Result<AcceptedEvidence> accepted = Judge();
  ASSERT_TRUE(accepted.ok());
  EXPECT_EQ(accepted->minimum_limits.lim_size(), 0);
}

// "Simulated groups have no sgx_tcb_evaluation_data_number".
TEST_F(PolicyTest, SimulatedEvidenceHasNoValues) {
  EXPECT_EQ(EvidenceValues(evidence_).lim().at(kTcbEvaluationDataNumber), U64BigEndian(17));
  MakeSimulated();
  EXPECT_EQ(EvidenceValues(evidence_).lim_size(), 0);
  (*expectation_.minimums.mutable_lim())[kTcbEvaluationDataNumber] = std::string(8, '\0');
  ExpectRefused(proto::ERROR_ATTESTATION_MINIMUMS);
}

}  // namespace
}  // namespace svr2::attestation
