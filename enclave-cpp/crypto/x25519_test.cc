// SPDX-License-Identifier: Apache-2.0
//
// X25519: the vectors of RFC 7748 §5.2 and §6.1, and the contract of crypto/x25519.h. Wycheproof's
// vectors are in wycheproof_test.cc.

#include "crypto/x25519.h"

#include <gtest/gtest.h>

#include "crypto/init.h"
#include "env/fake_env.h"
#include "util/hex_testing.h"

namespace svr2::crypto {
namespace {

using util::FromHex;
using util::ToHex;

PublicKey Public(const char* hex) { return util::ToArray<kX25519Bytes>(FromHex(hex)); }
PrivateKey Private(const char* hex) { return PrivateKey(FromHex(hex)); }

class X25519Test : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(Init().ok()); }
};

TEST_F(X25519Test, Rfc7748Section5_2) {
  PrivateKey shared;
  ASSERT_TRUE(Agree(Private("a046e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                    Public("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
                    &shared)
                  .ok());
  EXPECT_EQ(ToHex(shared.view()),
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
}

TEST_F(X25519Test, Rfc7748Section5_2Iterated) {
  PrivateKey k(FromHex("0900000000000000000000000000000000000000000000000000000000000000"));
  PublicKey u = util::ToArray<32>(k.view());
  for (int i = 1; i <= 1000; ++i) {
    PrivateKey next;
    ASSERT_TRUE(Agree(k, u, &next).ok());
    u = util::ToArray<32>(k.view());
    k = next;
    if (i == 1) {
      EXPECT_EQ(ToHex(k.view()),
                "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
  }
  EXPECT_EQ(ToHex(k.view()), "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

TEST_F(X25519Test, Rfc7748Section6_1) {
  const PrivateKey alice =
      Private("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const PrivateKey bob =
      Private("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  EXPECT_EQ(ToHex(DerivePublicKey(alice)),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(ToHex(DerivePublicKey(bob)),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  PrivateKey shared_alice;
  PrivateKey shared_bob;
  ASSERT_TRUE(Agree(alice, DerivePublicKey(bob), &shared_alice).ok());
  ASSERT_TRUE(Agree(bob, DerivePublicKey(alice), &shared_bob).ok());
  EXPECT_EQ(ToHex(shared_alice.view()),
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  EXPECT_EQ(shared_alice.view(), shared_bob.view());
}

TEST_F(X25519Test, GenerateDrawsThePrivateKeyFromTheEnv) {
  env::FakeEnv env(7);
  env::FakeEnv same(7);
  PrivateKey expected;
  ASSERT_TRUE(same.RandomBytes(expected.data(), expected.size()).ok());
  const Result<KeyPair> pair = GenerateKeyPair(&env);
  ASSERT_TRUE(pair.ok());
  EXPECT_EQ(pair->private_key.view(), expected.view());
  EXPECT_EQ(pair->public_key, DerivePublicKey(expected));
  const Result<KeyPair> next = GenerateKeyPair(&env);
  ASSERT_TRUE(next.ok());
  EXPECT_NE(util::ByteView(next->public_key), util::ByteView(pair->public_key));
}

TEST_F(X25519Test, GenerateFailsWithTheGenerator) {
  env::FakeEnv env(7);
  env.FailRandom(true);
  EXPECT_EQ(GenerateKeyPair(&env).error(), proto::ERROR_RANDOM_FAILED);
}

// The points of small order and their non-canonical encodings, https://cr.yp.to/ecdh.html#validate.
TEST_F(X25519Test, LowOrderPointsAreRefusedAndGiveNoSecret) {
  env::FakeEnv env(8);
  const Result<KeyPair> ours = GenerateKeyPair(&env);
  ASSERT_TRUE(ours.ok());
  const char* const points[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  };
  for (const char* point : points) {
    for (const uint8_t top_bit : {uint8_t{0x00}, uint8_t{0x80}}) {
      PublicKey theirs = Public(point);
      theirs[31] = static_cast<uint8_t>(theirs[31] | top_bit);
      PrivateKey shared(FromHex(std::string(64, 'a')));
      EXPECT_EQ(Agree(ours->private_key, theirs, &shared), proto::ERROR_CRYPTO_BAD_KEY) << point;
      EXPECT_EQ(ToHex(shared.view()), std::string(64, '0'));
    }
  }
}

}  // namespace
}  // namespace svr2::crypto
