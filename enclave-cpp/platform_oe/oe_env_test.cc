// SPDX-License-Identifier: Apache-2.0

#include "platform_oe/oe_env.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "platform_oe/simulated_identity.h"
#include "svr2/config.pb.h"

namespace svr2::platform_oe {
namespace {

class FakeSdk : public Sdk {
 public:
  bool Output(util::ByteView message) override {
    if (refuses) return false;
    outputs.emplace_back(message.begin(), message.end());
    return true;
  }
  SdkResult OwnIdentity(std::array<uint8_t, 32>* measurement, bool* debug) override {
    if (!hardware) return 16;  // OE_UNSUPPORTED
    measurement->fill('h');
    *debug = hardware_debug;
    return kSdkOk;
  }
  SdkResult MakeEvidence(util::ByteView custom_claims, std::string* evidence,
                         std::string* endorsements) override {
    if (result != kSdkOk) return result;
    *evidence = "quote of " + custom_claims.ToString();
    *endorsements = "endorsed";
    return kSdkOk;
  }
  SdkResult VerifyEvidence(util::ByteView, util::ByteView, uint64_t unix_seconds,
                           SdkClaims* claims) override {
    verified_at = unix_seconds;
    *claims = verified;
    return result;
  }
  size_t HeapBytesUsed() override { return 1000; }
  size_t HeapBytesLimit() override { return 4096; }

  bool refuses = false;
  bool hardware = false;
  bool hardware_debug = false;
  SdkResult result = kSdkOk;
  SdkClaims verified;
  uint64_t verified_at = 0;
  std::vector<std::string> outputs;
};

class OeEnvTest : public ::testing::Test {
 protected:
  Status Prepare(const std::string& measurement, bool debug) {
    proto::EnclaveConfig config;
    config.mutable_simulated_identity()->set_measurement(measurement);
    config.mutable_simulated_identity()->set_debug(debug);
    return env_.Prepare(util::ByteView(config.SerializeAsString()));
  }

  FakeSdk sdk_;
  OeEnv env_{&sdk_};
};

TEST_F(OeEnvTest, IsWhoItsLoaderSays) {
  ASSERT_TRUE(Prepare(std::string(32, 'm'), true).ok());
  EXPECT_TRUE(env_.Simulated());
  EXPECT_TRUE(env_.Debug());
  EXPECT_EQ(env_.Measurement()[31], 'm');
  // A failed init may be repeated, with another word.
  ASSERT_TRUE(Prepare(std::string(32, 'n'), false).ok());
  EXPECT_FALSE(env_.Debug());
  EXPECT_EQ(env_.Measurement()[0], 'n');
}

// What the bridge writes without protobuf is the message that protobuf would write, and overrules a
// host's own.
TEST_F(OeEnvTest, TheLoadersBytesAreTheFieldOfTheConfiguration) {
  std::array<uint8_t, 32> measurement;
  for (size_t i = 0; i < measurement.size(); ++i) measurement[i] = static_cast<uint8_t>(i * 7);
  for (bool debug : {false, true}) {
    const std::vector<uint8_t> bytes = SimulatedIdentityBytes(measurement, debug);
    proto::EnclaveConfig alone;
    ASSERT_TRUE(alone.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    proto::EnclaveConfig expected;
    expected.mutable_simulated_identity()->set_measurement(measurement.data(), measurement.size());
    expected.mutable_simulated_identity()->set_debug(debug);
    EXPECT_EQ(alone.SerializeAsString(), expected.SerializeAsString());

    proto::EnclaveConfig config;
    config.mutable_group()->set_max_voting_replicas(5);
    config.mutable_simulated_identity()->set_measurement(std::string(32, 'h'));
    config.mutable_simulated_identity()->set_debug(!debug);
    std::string whole = config.SerializeAsString();
    whole.append(bytes.begin(), bytes.end());
    ASSERT_TRUE(env_.Prepare(util::ByteView(whole)).ok());
    EXPECT_EQ(env_.Measurement(), measurement);
    EXPECT_EQ(env_.Debug(), debug);
    proto::EnclaveConfig read;
    ASSERT_TRUE(read.ParseFromString(whole));
    EXPECT_EQ(read.group().max_voting_replicas(), 5u);
  }
}

TEST_F(OeEnvTest, ItsEvidenceSaysTheSame) {
  ASSERT_TRUE(Prepare(std::string(32, 'm'), true).ok());
  const std::string claims = "claims";
  Result<env::Evidence> evidence = env_.GetEvidence(util::ByteView(claims));
  ASSERT_TRUE(evidence.ok());
  Result<env::VerifiedEvidence> verified = env_.VerifyEvidence(
      util::ByteView(evidence->evidence), util::ByteView(evidence->endorsements), 1'800'000'000);
  ASSERT_TRUE(verified.ok());
  EXPECT_EQ(verified->format, env::EvidenceFormat::kSimulated);
  EXPECT_EQ(verified->measurement, env_.Measurement());
  EXPECT_TRUE(verified->debug);
  EXPECT_EQ(verified->custom_claims, claims);
}

TEST_F(OeEnvTest, WithoutAnIdentityNothingStarts) {
  EXPECT_EQ(env_.Prepare({}).error(), proto::ERROR_ATTESTATION_UNAVAILABLE);
  EXPECT_FALSE(env_.Simulated());
  EXPECT_EQ(env_.GetEvidence({}).error(), proto::ERROR_ATTESTATION_UNAVAILABLE);
  EXPECT_EQ(env_.VerifyEvidence({}, {}, 0).error(), proto::ERROR_ATTESTATION_UNAVAILABLE);
}

TEST_F(OeEnvTest, OnHardwareItIsWhoTheCpuSays) {
  sdk_.hardware = true;
  sdk_.hardware_debug = true;
  ASSERT_TRUE(env_.Prepare(util::ByteView(std::string())).ok());
  EXPECT_FALSE(env_.Simulated());
  EXPECT_TRUE(env_.Debug());
  EXPECT_EQ(env_.Measurement()[0], 'h');
  const Result<env::Evidence> evidence = env_.GetEvidence(util::ByteView(std::string("claims")));
  ASSERT_TRUE(evidence.ok());
  EXPECT_EQ(evidence->evidence, "quote of claims");
  EXPECT_EQ(evidence->endorsements, "endorsed");
  sdk_.result = 35;
  EXPECT_EQ(env_.GetEvidence({}).error(), proto::ERROR_ATTESTATION_QUOTE_PROVIDER);
}

TEST_F(OeEnvTest, OnHardwareEvidenceIsVerifiedAtTheGroupsTime) {
  sdk_.hardware = true;
  ASSERT_TRUE(env_.Prepare(util::ByteView(std::string())).ok());
  EXPECT_EQ(env_.VerifyEvidence({}, {}, 1'800'000'000).error(),
            proto::ERROR_ATTESTATION_MALFORMED_EVIDENCE);
  EXPECT_EQ(sdk_.verified_at, 1'800'000'000u);
  sdk_.result = 44;
  EXPECT_EQ(env_.VerifyEvidence({}, {}, 0).error(), proto::ERROR_ATTESTATION_REVOKED);
}

// Simulated evidence is nothing to a protected group, and the reverse.
TEST_F(OeEnvTest, EachKindTakesItsOwnEvidenceOnly) {
  ASSERT_TRUE(Prepare(std::string(32, 'm'), false).ok());
  const Result<env::Evidence> simulated = env_.GetEvidence({});
  ASSERT_TRUE(simulated.ok());
  sdk_.hardware = true;
  sdk_.result = 3;  // To the SDK these bytes are no evidence.
  EXPECT_FALSE(env_.VerifyEvidence(util::ByteView(std::string("a quote")), {}, 0).ok());
  ASSERT_TRUE(env_.Prepare(util::ByteView(std::string())).ok());
  EXPECT_EQ(env_.VerifyEvidence(util::ByteView(simulated->evidence), {}, 0).error(),
            proto::ERROR_ATTESTATION_MALFORMED_EVIDENCE);
}

TEST_F(OeEnvTest, MalformedIdentitiesAreRefused) {
  for (size_t size : {0u, 31u, 33u}) {
    EXPECT_EQ(Prepare(std::string(size, 'm'), false).error(), proto::ERROR_CORE_BAD_CONFIG) << size;
  }
  EXPECT_EQ(env_.Prepare(util::ByteView(std::string("\xff\xff"))).error(),
            proto::ERROR_CORE_BAD_CONFIG);
  EXPECT_FALSE(env_.Simulated());
}

TEST_F(OeEnvTest, OutputAndHeapAreTheSdks) {
  EXPECT_TRUE(env_.Output(util::ByteView(std::string("one"))).ok());
  EXPECT_EQ(sdk_.outputs, std::vector<std::string>{"one"});
  sdk_.refuses = true;
  EXPECT_EQ(env_.Output(util::ByteView(std::string("two"))).error(),
            proto::ERROR_CORE_OUTPUT_FAILED);
  EXPECT_EQ(env_.HeapBytesUsed(), 1000u);
  EXPECT_EQ(env_.HeapBytesLimit(), 4096u);
}

}  // namespace
}  // namespace svr2::platform_oe
