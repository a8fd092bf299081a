// SPDX-License-Identifier: Apache-2.0
//
// Own evidence: that what is made passes the policy and carries what it should, and that no
// platform makes evidence for the wrong kind of group.

#include "attestation/own_evidence.h"

#include <gtest/gtest.h>

#include "attestation/policy.h"
#include "env/fake_env.h"
#include "svr2/client.pb.h"

namespace svr2::attestation {
namespace {

// A platform that says it is hardware, to test what depends on that.
class HardwareEnv : public env::FakeEnv {
 public:
  HardwareEnv() : FakeEnv(1) {}
  bool Simulated() override { return false; }
};

class OwnEvidenceTest : public testing::Test {
 protected:
  OwnEvidenceTest() : env_(1) {
    pk_.fill(0x33);
    config_.set_group_id(5);
    config_.set_min_voting_replicas(1);
    config_.set_max_voting_replicas(1);
    config_.set_db_version(2);
    config_.set_attestation_timeout(604'800);
    config_.set_simulated(true);
  }

  env::FakeEnv env_;
  crypto::PublicKey pk_{};
  proto::RaftGroupConfig config_;
  proto::MinimumLimits minimums_;
};

TEST_F(OwnEvidenceTest, PassesThePolicyOfAnEqualEnclave) {
  (*minimums_.mutable_lim())["later"] = "v";
  const Result<env::Evidence> evidence = MakeOwnEvidence(&env_, pk_, config_, minimums_);
  ASSERT_TRUE(evidence.ok());
  const Result<env::VerifiedEvidence> verified =
      env_.VerifyEvidence(evidence->evidence, evidence->endorsements, 0);
  ASSERT_TRUE(verified.ok());
  Expectation expectation;
  expectation.measurement = env_.Measurement();
  expectation.config = config_;
  const Result<AcceptedEvidence> accepted = JudgeEvidence(*verified, expectation);
  ASSERT_TRUE(accepted.ok());
  EXPECT_EQ(accepted->pk, pk_);
  EXPECT_EQ(accepted->config.SerializeAsString(), config_.SerializeAsString());
  EXPECT_EQ(accepted->minimum_limits.lim().at("later"), "v");
}

TEST_F(OwnEvidenceTest, EqualInputsGiveEqualBytes) {
  proto::MinimumLimits back;
  for (char c = 'a'; c <= 'z'; ++c) {
    (*minimums_.mutable_lim())[std::string(1, c)] = "v";
    (*back.mutable_lim())[std::string(1, static_cast<char>('a' + 'z' - c))] = "v";
  }
  EXPECT_EQ(MakeOwnEvidence(&env_, pk_, config_, minimums_)->evidence,
            MakeOwnEvidence(&env_, pk_, config_, back)->evidence);
}

TEST_F(OwnEvidenceTest, FailsWithThePlatform) {
  env_.FailEvidence(true);
  EXPECT_EQ(MakeOwnEvidence(&env_, pk_, config_, minimums_).error(),
            proto::ERROR_ATTESTATION_UNAVAILABLE);
}

// design.md §3, Platforms; protocol.md §6: "An enclave that finds itself in debug refuses
// `simulated = false`".
TEST_F(OwnEvidenceTest, GroupsRunOnPlatformsOfTheirKindOnly) {
  EXPECT_TRUE(CheckPlatform(&env_, config_).ok());
  config_.set_simulated(false);
  EXPECT_EQ(CheckPlatform(&env_, config_), proto::ERROR_PLATFORM_NOT_SIMULATED);
  EXPECT_EQ(MakeOwnEvidence(&env_, pk_, config_, minimums_).error(),
            proto::ERROR_PLATFORM_NOT_SIMULATED);

  HardwareEnv hardware;
  EXPECT_TRUE(CheckPlatform(&hardware, config_).ok());
  hardware.SetDebug(true);
  EXPECT_EQ(CheckPlatform(&hardware, config_), proto::ERROR_PLATFORM_DEBUG);
  hardware.SetDebug(false);
  config_.set_simulated(true);
  EXPECT_EQ(CheckPlatform(&hardware, config_), proto::ERROR_PLATFORM_SIMULATED);
}

// protocol.md §1.
TEST_F(OwnEvidenceTest, ClientHandshakeStartShowsTheEvidenceAndNoTestKey) {
  const env::Evidence evidence{"the evidence", "the endorsements"};
  proto::ClientHandshakeStart start;
  ASSERT_TRUE(start.ParseFromString(MakeClientHandshakeStart(evidence)));
  EXPECT_EQ(start.evidence(), "the evidence");
  EXPECT_EQ(start.endorsement(), "the endorsements");
  EXPECT_EQ(start.test_only_pubkey(), "");
}

}  // namespace
}  // namespace svr2::attestation
