// SPDX-License-Identifier: Apache-2.0
//
// Simulated evidence, byte for byte (protocol.md §6), and everything that is not such evidence.

#include "env/simulated_evidence.h"

#include <gtest/gtest.h>

#include "util/hex_testing.h"

namespace svr2::env {
namespace {

using util::Bytes;
using util::ByteView;
using util::ToHex;

std::array<uint8_t, 32> Measurement() {
  std::array<uint8_t, 32> measurement;
  for (size_t i = 0; i < 32; ++i) measurement[i] = static_cast<uint8_t>(i);
  return measurement;
}

TEST(SimulatedEvidenceTest, BytesAsProtocolSection6Says) {
  const std::string measurement =
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
  const Evidence evidence = MakeSimulatedEvidence(Measurement(), false, Bytes{0xc1, 0xc2});
  EXPECT_EQ(ToHex(ByteView(evidence.evidence)),
            "5356523253494d31" + measurement + "0000000000000000" + "c1c2");
  EXPECT_EQ(evidence.endorsements, "");
  const Evidence debug = MakeSimulatedEvidence(Measurement(), true, {});
  EXPECT_EQ(ToHex(ByteView(debug.evidence)), "5356523253494d31" + measurement + "0200000000000000");
  EXPECT_EQ(debug.evidence.size(), kSimulatedEvidenceHeaderBytes);
}

TEST(SimulatedEvidenceTest, WhatIsMadeIsRead) {
  for (const bool debug : {false, true}) {
    const Evidence evidence = MakeSimulatedEvidence(Measurement(), debug, Bytes{1, 2, 3});
    const Result<VerifiedEvidence> parsed =
        ParseSimulatedEvidence(evidence.evidence, evidence.endorsements);
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed->format, EvidenceFormat::kSimulated);
    EXPECT_EQ(parsed->measurement, Measurement());
    EXPECT_EQ(parsed->debug, debug);
    EXPECT_EQ(parsed->tcb_status, TcbStatus::kUpToDate);
    EXPECT_TRUE(parsed->advisories.empty());
    EXPECT_EQ(parsed->tcb_evaluation_data_number, 0u);
    EXPECT_EQ(parsed->custom_claims, "\1\2\3");
  }
}

TEST(SimulatedEvidenceTest, AnotherFormatIsCalledSo) {
  const std::string good = MakeSimulatedEvidence(Measurement(), false, {}).evidence;
  for (size_t at = 0; at < 8; ++at) {
    std::string other = good;
    other[at] = static_cast<char>(other[at] ^ 0x20);
    EXPECT_EQ(ParseSimulatedEvidence(other, {}).error(), proto::ERROR_ATTESTATION_WRONG_FORMAT);
  }
  for (size_t size = 0; size < 8; ++size) {
    EXPECT_EQ(ParseSimulatedEvidence(good.substr(0, size), {}).error(),
              proto::ERROR_ATTESTATION_WRONG_FORMAT);
  }
}

TEST(SimulatedEvidenceTest, ShortUnknownAttributesAndEndorsementsAreMalformed) {
  const std::string good = MakeSimulatedEvidence(Measurement(), true, {}).evidence;
  ASSERT_TRUE(ParseSimulatedEvidence(good, {}).ok());
  for (size_t size = 8; size < good.size(); ++size) {
    EXPECT_EQ(ParseSimulatedEvidence(good.substr(0, size), {}).error(),
              proto::ERROR_ATTESTATION_MALFORMED_EVIDENCE);
  }
  for (size_t bit = 0; bit < 64; ++bit) {
    std::string altered = good;
    char& byte = altered[40 + bit / 8];
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
    const Result<VerifiedEvidence> parsed = ParseSimulatedEvidence(altered, {});
    if (bit == 1) {
      ASSERT_TRUE(parsed.ok());
      EXPECT_FALSE(parsed->debug);
    } else {
      EXPECT_EQ(parsed.error(), proto::ERROR_ATTESTATION_MALFORMED_EVIDENCE) << bit;
    }
  }
  EXPECT_EQ(ParseSimulatedEvidence(good, Bytes{0}).error(),
            proto::ERROR_ATTESTATION_MALFORMED_EVIDENCE);
}

}  // namespace
}  // namespace svr2::env
