// SPDX-License-Identifier: Apache-2.0
//
// The claims block (protocol.md §6): its bytes, that it is read back, that everything else is
// refused, and the blocks in real evidence.

#include "attestation/claims.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "crypto/vector_file_testing.h"
#include "svr2/client.pb.h"
#include "util/endian.h"
#include "util/hex_testing.h"

namespace svr2::attestation {
namespace {

using util::Bytes;
using util::ByteView;
using util::ToHex;

std::string U64(uint64_t v) {
  uint8_t bytes[8];
  util::StoreLittleEndian64(bytes, v);
  return ByteView(bytes, 8).ToString();
}

// One claim; `name` without its NUL.
std::string Claim(const std::string& name, const std::string& value) {
  return U64(name.size() + 1) + U64(value.size()) + name + '\0' + value;
}

const std::string kPk(32, 'k');

std::string Block(const std::vector<std::string>& claims) {
  std::string block = U64(1) + U64(claims.size());
  for (const std::string& claim : claims) block += claim;
  return block;
}

std::string GoodBlock() {
  return Block({Claim("pk", kPk), Claim("config", "cc"), Claim("minimum_limits", "mmm")});
}

void ExpectMalformed(const std::string& block) {
  EXPECT_EQ(DecodeClaims(block).error(), proto::ERROR_ATTESTATION_MALFORMED_CLAIMS)
      << ToHex(ByteView(block));
}

TEST(ClaimsTest, BytesAsProtocolSection6Says) {
  Claims claims;
  claims.pk.fill(0xab);
  claims.config = "\x10\x03";
  claims.minimum_limits = "";
  EXPECT_EQ(ToHex(ByteView(EncodeClaims(claims))),
            "0100000000000000"  // version
            "0300000000000000"  // count
            "0300000000000000"  // name_size counts the NUL
            "2000000000000000"
            "706b00"
            "abababababababababababababababababababababababababababababababab"
            "0700000000000000"
            "0200000000000000"
            "636f6e66696700"
            "1003"
            "0f00000000000000"
            "0000000000000000"
            "6d696e696d756d5f6c696d69747300");
}

TEST(ClaimsTest, WhatIsEncodedDecodes) {
  const Result<Claims> claims = DecodeClaims(GoodBlock());
  ASSERT_TRUE(claims.ok());
  EXPECT_EQ(ByteView(claims->pk), ByteView(kPk));
  EXPECT_EQ(claims->config, "cc");
  EXPECT_EQ(claims->minimum_limits, "mmm");
  EXPECT_EQ(EncodeClaims(*claims), GoodBlock());
  EXPECT_EQ(HashClaims(GoodBlock()), crypto::Sha256(GoodBlock()));
}

TEST(ClaimsTest, AnyOrderIsRead) {
  std::vector<std::string> claims = {Claim("config", "cc"), Claim("minimum_limits", ""),
                                     Claim("pk", kPk)};
  std::sort(claims.begin(), claims.end());
  int orders = 0;
  do {
    const Result<Claims> decoded = DecodeClaims(Block(claims));
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded->config, "cc");
    ++orders;
  } while (std::next_permutation(claims.begin(), claims.end()));
  EXPECT_EQ(orders, 6);
}

TEST(ClaimsTest, AnotherVersionOrCountIsRefused) {
  for (const uint64_t version : {uint64_t{0}, uint64_t{2}, uint64_t{1} << 32}) {
    ExpectMalformed(U64(version) + GoodBlock().substr(8));
  }
  for (const uint64_t count : {uint64_t{0}, uint64_t{2}, uint64_t{4}, ~uint64_t{0}}) {
    ExpectMalformed(U64(1) + U64(count) + GoodBlock().substr(16));
  }
}

TEST(ClaimsTest, MissingRepeatedAndUnknownNamesAreRefused) {
  const std::string pk = Claim("pk", kPk);
  const std::string config = Claim("config", "cc");
  const std::string limits = Claim("minimum_limits", "");
  ExpectMalformed(Block({pk, config}));
  ExpectMalformed(Block({pk, limits}));
  ExpectMalformed(Block({config, limits}));
  ExpectMalformed(Block({}));
  ExpectMalformed(Block({pk, pk, config}));
  ExpectMalformed(Block({pk, config, config}));
  ExpectMalformed(Block({pk, limits, limits}));
  ExpectMalformed(Block({pk, config, Claim("minimum", "")}));
  ExpectMalformed(Block({pk, config, limits, Claim("more", "")}));
  ExpectMalformed(Block({pk, config, limits, pk}));
}

TEST(ClaimsTest, NamesAreExactAndEndInNul) {
  const std::string config = Claim("config", "cc");
  const std::string limits = Claim("minimum_limits", "");
  // Without the NUL, with two, with other case, empty.
  ExpectMalformed(Block({U64(2) + U64(32) + "pk" + kPk, config, limits}));
  ExpectMalformed(Block({U64(4) + U64(32) + "pk" + std::string(2, '\0') + kPk, config, limits}));
  ExpectMalformed(Block({Claim("PK", kPk), config, limits}));
  ExpectMalformed(Block({U64(0) + U64(32) + kPk, config, limits}));
}

TEST(ClaimsTest, AKeyOfOtherSizeIsRefused) {
  for (const size_t size : {0u, 31u, 33u, 64u}) {
    ExpectMalformed(Block(
        {Claim("pk", std::string(size, 'k')), Claim("config", "cc"), Claim("minimum_limits", "")}));
  }
}

TEST(ClaimsTest, EveryTruncationAndExtensionIsRefused) {
  const std::string good = GoodBlock();
  for (size_t size = 0; size < good.size(); ++size) ExpectMalformed(good.substr(0, size));
  ExpectMalformed(good + '\0');
}

TEST(ClaimsTest, HugeSizesAreRefused) {
  // Sizes that overflow when added to an offset.
  for (const uint64_t huge : {~uint64_t{0}, ~uint64_t{0} - 15, uint64_t{1} << 63}) {
    ExpectMalformed(U64(1) + U64(3) + U64(huge) + U64(32) + GoodBlock().substr(32));
    ExpectMalformed(U64(1) + U64(3) + U64(3) + U64(huge) + GoodBlock().substr(32));
  }
}

TEST(ClaimsTest, BlocksUpToTheLimitOnly) {
  const size_t rest =
      Block({Claim("pk", kPk), Claim("config", ""), Claim("minimum_limits", "")}).size();
  for (const bool above : {false, true}) {
    const std::string config(kMaxClaimsBytes - rest + (above ? 1 : 0), 'c');
    const std::string block =
        Block({Claim("pk", kPk), Claim("config", config), Claim("minimum_limits", "")});
    EXPECT_EQ(DecodeClaims(block).ok(), !above);
  }
}

// Each single altered byte is refused or changes a value; no altered block reads as the original.
TEST(ClaimsTest, NoAlteredByteGoesUnseen) {
  const std::string good = GoodBlock();
  for (size_t at = 0; at < good.size(); ++at) {
    for (int delta = 1; delta < 256; ++delta) {
      std::string altered = good;
      altered[at] = static_cast<char>(altered[at] ^ delta);
      const Result<Claims> claims = DecodeClaims(altered);
      if (claims.ok()) {
        ASSERT_EQ(EncodeClaims(*claims), altered);
      }
    }
  }
}

TEST(ClaimsTest, MinimumLimitsSerializeWithSortedKeys) {
  proto::MinimumLimits forth;
  proto::MinimumLimits back;
  for (int i = 0; i < 26; ++i) {
    const std::string key(3, static_cast<char>('a' + i));
    (*forth.mutable_lim())[key] = "v";
    (*back.mutable_lim())[std::string(3, static_cast<char>('z' - i))] = "v";
  }
  const std::string bytes = SerializeMinimumLimits(forth);
  EXPECT_EQ(bytes, SerializeMinimumLimits(back));
  size_t last = 0;
  for (int i = 0; i < 26; ++i) {
    const size_t at = bytes.find(std::string(3, static_cast<char>('a' + i)));
    ASSERT_NE(at, std::string::npos);
    EXPECT_GE(at, last);
    last = at;
  }
  EXPECT_EQ(SerializeMinimumLimits(proto::MinimumLimits()), "");
}

// The claims of a deployed SVR2 enclave, whose block ends its evidence.
TEST(RealClaimsTest, OfDeployedEvidence) {
  const auto bytes = crypto::ReadVectorFile("sgx/svr2.handshakestart");
  if (!bytes) GTEST_SKIP() << "no published vectors here";
  proto::ClientHandshakeStart start;
  ASSERT_TRUE(start.ParseFromString(*bytes));
  const std::string& evidence = start.evidence();
  const size_t at = evidence.rfind(U64(1) + U64(3) + U64(3) + U64(32) + "pk");
  ASSERT_NE(at, std::string::npos);
  const std::string block = evidence.substr(at);
  const Result<Claims> claims = DecodeClaims(block);
  ASSERT_TRUE(claims.ok());
  EXPECT_EQ(EncodeClaims(*claims), block);
  EXPECT_EQ(ByteView(claims->pk), ByteView(*crypto::ReadVectorFile("sgx/svr2.pubkey")));
  EXPECT_EQ(claims->config, *crypto::ReadVectorFile("sgx/svr2.group_config"));

  // Its hash stands in the quote's report data: SGX quote v3, 48 bytes of header, then the report
  // body with its report data at 320.
  EXPECT_EQ(ByteView(evidence).Sub(48 + 320, 32), ByteView(HashClaims(block)));
  EXPECT_EQ(ByteView(evidence).Sub(48 + 352, 32), ByteView(Bytes(32, 0)));

  // Deployed serializations equal ours.
  proto::RaftGroupConfig config;
  ASSERT_TRUE(config.ParseFromString(claims->config));
  EXPECT_EQ(config.SerializeAsString(), claims->config);
  EXPECT_EQ(config.attestation_timeout(), 604'800u);
  proto::MinimumLimits limits;
  ASSERT_TRUE(limits.ParseFromString(claims->minimum_limits));
  EXPECT_EQ(SerializeMinimumLimits(limits), claims->minimum_limits);
  EXPECT_EQ(ToHex(ByteView(limits.lim().at("sgx_tcb_evaluation_data_number"))), "0000000000000015");
}

// Another enclave's evidence carries one claim only, so it is not one of ours.
TEST(RealClaimsTest, OfAnotherKindOfEnclaveAreRefused) {
  const auto evidence = crypto::ReadVectorFile("sgx/dcap.evidence");
  if (!evidence) GTEST_SKIP() << "no published vectors here";
  const size_t at = evidence->rfind(U64(1) + U64(1) + U64(3) + U64(32) + "pk");
  ASSERT_NE(at, std::string::npos);
  const std::string block = evidence->substr(at);
  EXPECT_EQ(ByteView(*evidence).Sub(48 + 320, 32), ByteView(HashClaims(block)));
  ExpectMalformed(block);
}

}  // namespace
}  // namespace svr2::attestation
