// SPDX-License-Identifier: Apache-2.0
//
// A verifier that says anything: each claim that is missing, of another size or of another value.

#include "platform_oe/oe_evidence.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "platform_oe/sdk_results.h"
#include "platform_oe/sdk_words.h"

namespace svr2::platform_oe {
namespace {

constexpr SdkResult kTcbLevelInvalid = 34;

template <typename T>
std::string Bytes(const T& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::string Date(uint32_t year, uint32_t month, uint32_t day) {
  const uint32_t date[6] = {year, month, day, 0, 0, 0};
  return Bytes(date);
}

SdkClaims Good() {
  SdkClaims claims;
  claims["unique_id"] = std::string(32, 'm');
  claims["attributes"] = Bytes(uint64_t{2});
  claims["format_uuid"] = "\xa3\xa2\x1e\x87\x1b\x4d\x40\x14\xb7\x0a\xa1\x25\xd2\xfb\xcd\x8c";
  claims["custom_claims_buffer"] = "claims";
  claims["tcb_status"] = Bytes(uint32_t{5});
  claims["tcb_date"] = Date(2023, 2, 15);
  claims["sgx_tcb_info"] =
      R"({"tcbInfo":{"tcbEvaluationDataNumber":17,"tcbLevels":[{"tcbDate":"2023-02-15T00:00:00Z",)"
      R"("tcbStatus":"SWHardeningNeeded","advisoryIDs":["INTEL-SA-00001"]},)"
      R"({"tcbDate":"2023-02-15T00:00:00Z","tcbStatus":"OutOfDate"},)"
      R"({"tcbDate":"2023-02-15T00:00:00Z","tcbStatus":"UpToDate"}]}})";
  return claims;
}

TEST(OeEvidence, FactsAreTranslated) {
  const Result<env::VerifiedEvidence> out = TranslateClaims(kSdkOk, Good());
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->format, env::EvidenceFormat::kSgxEcdsa);
  EXPECT_EQ(out->measurement[31], 'm');
  EXPECT_FALSE(out->debug);
  EXPECT_EQ(out->tcb_status, env::TcbStatus::kSwHardeningNeeded);
  EXPECT_EQ(out->advisories, std::vector<std::string>{"INTEL-SA-00001"});
  EXPECT_EQ(out->tcb_evaluation_data_number, 17u);
  EXPECT_EQ(out->custom_claims, "claims");
}

TEST(OeEvidence, DebugIsAFact) {
  SdkClaims claims = Good();
  claims["attributes"] = Bytes(uint64_t{3});
  EXPECT_TRUE(TranslateClaims(kSdkOk, claims)->debug);
}

// The level is for the policy to judge, but never better than the SDK found it.
TEST(OeEvidence, APlatformThatIsNotUpToDateIsAFactToo) {
  SdkClaims claims = Good();
  claims["tcb_status"] = Bytes(uint32_t{1});
  const Result<env::VerifiedEvidence> out = TranslateClaims(kTcbLevelInvalid, claims);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->tcb_status, env::TcbStatus::kOutOfDate);
  claims["tcb_status"] = Bytes(uint32_t{0});
  EXPECT_TRUE(TranslateClaims(kSdkOk, claims).ok());
  EXPECT_EQ(TranslateClaims(kTcbLevelInvalid, claims).error(), proto::ERROR_ATTESTATION_TCB_STATUS);
}

TEST(OeEvidence, AStatusThatIsNotKnownIsRefused) {
  for (const uint32_t status : {7u, 8u, 0x7fffffffu, 0xffffffffu}) {
    SdkClaims claims = Good();
    claims["tcb_status"] = Bytes(status);
    EXPECT_EQ(TranslateClaims(kSdkOk, claims).error(), proto::ERROR_ATTESTATION_TCB_STATUS);
  }
}

TEST(OeEvidence, OtherFormatsAndLocalReportsAreRefused) {
  SdkClaims claims = Good();
  claims["format_uuid"][15] ^= 1;
  EXPECT_EQ(TranslateClaims(kSdkOk, claims).error(), proto::ERROR_ATTESTATION_WRONG_FORMAT);
  claims = Good();
  claims["attributes"] = Bytes(uint64_t{0});
  EXPECT_EQ(TranslateClaims(kSdkOk, claims).error(), proto::ERROR_ATTESTATION_WRONG_FORMAT);
}

TEST(OeEvidence, EachClaimMustBeThereInItsSize) {
  for (const auto& [name, value] : Good()) {
    SdkClaims claims = Good();
    claims.erase(name);
    EXPECT_FALSE(TranslateClaims(kSdkOk, claims).ok()) << name;
    if (name == "custom_claims_buffer") continue;  // Of any size.
    claims[name] = value.substr(1);
    EXPECT_FALSE(TranslateClaims(kSdkOk, claims).ok()) << name;
    claims[name] = value + "x";
    EXPECT_FALSE(TranslateClaims(kSdkOk, claims).ok()) << name;
  }
}

TEST(OeEvidence, WhatTheSdkRefusesHasNoFacts) {
  for (SdkResult result = 1; result < 100; ++result) {
    if (result == kTcbLevelInvalid) continue;
    const Result<env::VerifiedEvidence> out = TranslateClaims(result, Good());
    ASSERT_FALSE(out.ok());
    EXPECT_EQ(out.error(), EvidenceError(result));
  }
}

TEST(SdkResults, EveryCodeHasWordsAndAnError) {
  std::set<std::string> names;
  uint32_t next = 0;
  for (const SdkWords& words : kSdkWords) {
    EXPECT_TRUE(names.insert(words.name).second) << words.name;
    EXPECT_GT(std::string(words.meaning).size(), 3u) << words.name;
    EXPECT_GE(words.code, next) << words.name;
    next = words.code + 1;
    EXPECT_EQ(EvidenceError(words.code) == proto::OK, words.code == 0) << words.name;
    EXPECT_EQ(FindSdkWords(words.code), &words);
  }
  EXPECT_EQ(names.size(), 62u);
  EXPECT_EQ(FindSdkWords(51), nullptr);
  EXPECT_EQ(FindSdkWords(63), nullptr);
  EXPECT_EQ(EvidenceError(51), proto::ERROR_ATTESTATION_UNAVAILABLE);
  EXPECT_EQ(EvidenceError(35), proto::ERROR_ATTESTATION_QUOTE_PROVIDER);
  EXPECT_EQ(EvidenceError(44), proto::ERROR_ATTESTATION_REVOKED);
}

}  // namespace
}  // namespace svr2::platform_oe
