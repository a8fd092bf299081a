// SPDX-License-Identifier: Apache-2.0
//
// Project Wycheproof's vectors for what this module wraps, counted. A vector is left out only when
// its sizes are not among those of our types (AES keys of 128 and 192 bits, nonces other than 96).

#include <gtest/gtest.h>

#include <cstdio>

#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/init.h"
#include "crypto/ml_kem.h"
#include "crypto/vectors_testing.h"
#include "crypto/x25519.h"

namespace svr2::crypto {
namespace {

using nlohmann::json;
using util::Bytes;

class WycheproofTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(Init().ok()); }
};

void Report(const char* what, int run, int left_out) {
  std::printf("wycheproof %s: %d vectors run, %d of other sizes left out\n", what, run, left_out);
}

TEST_F(WycheproofTest, X25519) {
  const auto file = ReadVectorJson("wycheproof/x25519_test.json");
  if (!file) GTEST_SKIP() << "no published vectors here";
  int run = 0;
  for (const json& group : file->at("testGroups")) {
    for (const json& test : group.at("tests")) {
      SCOPED_TRACE(test.dump());
      const Bytes expected = HexMember(test, "shared");
      PrivateKey shared;
      const Status status = Agree(PrivateKey(HexMember(test, "private")),
                                  util::ToArray<32>(HexMember(test, "public")), &shared);
      // "Acceptable" leaves the choice: we compute whatever is not all zero.
      const bool zero = expected == Bytes(32, 0);
      EXPECT_EQ(status, zero ? Status(proto::ERROR_CRYPTO_BAD_KEY) : Status::Ok());
      EXPECT_EQ(shared.view(), util::ByteView(expected));
      ++run;
    }
  }
  Report("x25519", run, 0);
  EXPECT_EQ(run, file->at("numberOfTests").get<int>());
}

void RunAead(Aead aead, const char* name) {
  const auto file = ReadVectorJson(std::string("wycheproof/") + name + "_test.json");
  if (!file) GTEST_SKIP() << "no published vectors here";
  if (!AeadAvailable(aead)) GTEST_SKIP() << "this CPU lacks the instructions";
  int run = 0;
  int left_out = 0;
  for (const json& group : file->at("testGroups")) {
    const bool ours = group.at("keySize") == 256 && group.at("ivSize") == 96;
    ASSERT_EQ(group.at("tagSize"), 128);
    for (const json& test : group.at("tests")) {
      if (!ours) {
        ++left_out;
        continue;
      }
      SCOPED_TRACE(test.dump());
      const AeadKey key(HexMember(test, "key"));
      const AeadNonce nonce = util::ToArray<kAeadNonceBytes>(HexMember(test, "iv"));
      const Bytes ad = HexMember(test, "aad");
      const Bytes plaintext = HexMember(test, "msg");
      Bytes expected = HexMember(test, "ct");
      util::Append(&expected, HexMember(test, "tag"));
      const bool valid = test.at("result") == "valid";
      Bytes sealed(plaintext.size() + kAeadTagBytes);
      ASSERT_TRUE(AeadEncrypt(aead, key, nonce, ad, plaintext, sealed.data()).ok());
      EXPECT_EQ(sealed == expected, valid);
      Bytes opened(expected.size() - kAeadTagBytes);
      EXPECT_EQ(AeadDecrypt(aead, key, nonce, ad, expected, opened.data()),
                valid ? Status::Ok() : Status(proto::ERROR_CRYPTO_DECRYPT_FAILED));
      EXPECT_EQ(opened, valid ? plaintext : Bytes(opened.size(), 0));
      ++run;
    }
  }
  Report(name, run, left_out);
  EXPECT_GT(run, 60);
  EXPECT_EQ(run + left_out, file->at("numberOfTests").get<int>());
}

TEST_F(WycheproofTest, ChaCha20Poly1305) { RunAead(Aead::kChaCha20Poly1305, "chacha20_poly1305"); }
TEST_F(WycheproofTest, Aes256Gcm) { RunAead(Aead::kAes256Gcm, "aes_gcm"); }

TEST_F(WycheproofTest, HkdfSha256) {
  const auto file = ReadVectorJson("wycheproof/hkdf_sha256_test.json");
  if (!file) GTEST_SKIP() << "no published vectors here";
  int run = 0;
  for (const json& group : file->at("testGroups")) {
    for (const json& test : group.at("tests")) {
      SCOPED_TRACE(test.at("comment").dump());
      Bytes out(test.at("size").get<size_t>());
      const Status status = Hkdf(HexMember(test, "ikm"), HexMember(test, "salt"),
                                 HexMember(test, "info"), out.data(), out.size());
      if (test.at("result") == "valid") {
        EXPECT_TRUE(status.ok());
        EXPECT_EQ(out, HexMember(test, "okm"));
      } else {
        EXPECT_EQ(status, proto::ERROR_INVALID_ARGUMENT);
      }
      ++run;
    }
  }
  Report("hkdf_sha256", run, 0);
  EXPECT_EQ(run, file->at("numberOfTests").get<int>());
}

// Seed, ciphertext and secret: a vector tells how a key is made and how a ciphertext is opened.
TEST_F(WycheproofTest, MlKem1024) {
  const auto file = ReadVectorJson("wycheproof/mlkem_1024_test.json");
  if (!file) GTEST_SKIP() << "no published vectors here";
  int run = 0;
  for (const json& group : file->at("testGroups")) {
    ASSERT_EQ(group.at("parameterSet"), "ML-KEM-1024");
    for (const json& test : group.at("tests")) {
      SCOPED_TRACE(test.at("tcId").dump());
      const Bytes seed = HexMember(test, "seed");
      const bool valid = test.at("result") == "valid";
      ++run;
      if (seed.size() != kKemSeedBytes) {
        EXPECT_FALSE(valid);  // No call of ours takes a seed of another size.
        continue;
      }
      KemPrivateKey key;
      DeriveKemKey(util::Secret<kKemSeedBytes>(seed), &key);
      EXPECT_EQ(util::ByteView(HexMember(test, "ek")), PublicKeyOf(key));
      KemSharedSecret shared;
      EXPECT_EQ(Decapsulate(key, HexMember(test, "c"), &shared),
                valid ? Status::Ok() : Status(proto::ERROR_CRYPTO_BAD_KEY));
      if (valid) {
        EXPECT_EQ(shared.view(), util::ByteView(HexMember(test, "K")));
      }
    }
  }
  Report("mlkem_1024", run, 0);
  EXPECT_EQ(run, file->at("numberOfTests").get<int>());
}

}  // namespace
}  // namespace svr2::crypto
