// SPDX-License-Identifier: Apache-2.0
//
// Authenticated encryption: vectors of RFC 8439 §2.8.2 and of the GCM specification, nonces as
// Noise writes them, and refusal of everything altered. Wycheproof's vectors are in
// wycheproof_test.cc.

#include "crypto/aead.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "crypto/init.h"
#include "util/hex_testing.h"

namespace svr2::crypto {
namespace {

using util::Bytes;
using util::ByteView;
using util::FromHex;
using util::ToHex;

AeadNonce Nonce(const char* hex) { return util::ToArray<kAeadNonceBytes>(FromHex(hex)); }

class AeadTest : public testing::TestWithParam<Aead> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Init().ok());
    if (!AeadAvailable(GetParam())) GTEST_SKIP() << "this CPU lacks the instructions";
  }
  Bytes Encrypt(ByteView ad, ByteView plaintext) {
    Bytes out(plaintext.size() + kAeadTagBytes);
    EXPECT_TRUE(AeadEncrypt(GetParam(), key_, nonce_, ad, plaintext, out.data()).ok());
    return out;
  }

  const AeadKey key_{FromHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")};
  const AeadNonce nonce_ = CounterNonce(GetParam(), 5);
};

INSTANTIATE_TEST_SUITE_P(Both, AeadTest, testing::Values(Aead::kChaCha20Poly1305, Aead::kAes256Gcm),
                         [](const auto& param_info) {
                           return param_info.param == Aead::kAes256Gcm ? "Aes" : "ChaCha";
                         });

struct KnownAnswer {
  Aead aead;
  const char* key;
  const char* nonce;
  const char* ad;
  const char* plaintext;
  const char* ciphertext;
};

TEST(AeadKnownAnswerTest, PublishedExamples) {
  ASSERT_TRUE(Init().ok());
  const KnownAnswer answers[] = {
      // RFC 8439 §2.8.2.
      {Aead::kChaCha20Poly1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
       "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
       "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a20496620"
       "4920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652"
       "c"
       "2073756e73637265656e20776f756c642062652069742e",
       "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da"
       "92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad6759455858"
       "0"
       "8b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116"
       "1ae10b594f09e26a7e902ecbd0600691"},
      // McGrew and Viega, The Galois/Counter Mode of Operation, test cases 13 and 14.
      {Aead::kAes256Gcm, "0000000000000000000000000000000000000000000000000000000000000000",
       "000000000000000000000000", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
      {Aead::kAes256Gcm, "0000000000000000000000000000000000000000000000000000000000000000",
       "000000000000000000000000", "", "00000000000000000000000000000000",
       "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
      // Test case 16, with associated data.
      {Aead::kAes256Gcm, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
       "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
       "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e24"
       "49a6b525b16aedf5aa0de657ba637b39",
       "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10"
       "56828838c5f61e6393ba7a0abcc9f662"
       "76fc6ece0f4e1768cddf8853bb2d551b"},
  };
  for (const KnownAnswer& answer : answers) {
    if (!AeadAvailable(answer.aead)) continue;
    const AeadKey key(FromHex(answer.key));
    const Bytes plaintext = FromHex(answer.plaintext);
    Bytes out(plaintext.size() + kAeadTagBytes);
    ASSERT_TRUE(AeadEncrypt(answer.aead, key, Nonce(answer.nonce), FromHex(answer.ad), plaintext,
                            out.data())
                    .ok());
    EXPECT_EQ(ToHex(out), answer.ciphertext);
    Bytes opened(plaintext.size());
    ASSERT_TRUE(
        AeadDecrypt(answer.aead, key, Nonce(answer.nonce), FromHex(answer.ad), out, opened.data())
            .ok());
    EXPECT_EQ(opened, plaintext);
  }
}

// Noise, revision 34, §12.3 and §12.4.
TEST(AeadNonceTest, CountersAreWrittenAsNoiseSays) {
  EXPECT_EQ(ToHex(CounterNonce(Aead::kChaCha20Poly1305, 0x0102030405060708)),
            "000000000807060504030201");
  EXPECT_EQ(ToHex(CounterNonce(Aead::kAes256Gcm, 0x0102030405060708)), "000000000102030405060708");
}

TEST_P(AeadTest, EverySizeOpensToWhatWasSealed) {
  const Bytes ad = {1, 2, 3};
  for (size_t size = 0; size <= 300; ++size) {
    Bytes plaintext(size);
    for (size_t i = 0; i < size; ++i) plaintext[i] = static_cast<uint8_t>(i * 7);
    const Bytes sealed = Encrypt(ad, plaintext);
    Bytes opened(size);
    ASSERT_TRUE(AeadDecrypt(GetParam(), key_, nonce_, ad, sealed, opened.data()).ok());
    ASSERT_EQ(opened, plaintext);
  }
}

TEST_P(AeadTest, InPlace) {
  Bytes buffer(100 + kAeadTagBytes, 0x42);
  const ByteView plaintext(buffer.data(), 100);
  const Bytes expected = Encrypt({}, plaintext.ToBytes());
  ASSERT_TRUE(AeadEncrypt(GetParam(), key_, nonce_, {}, plaintext, buffer.data()).ok());
  EXPECT_EQ(buffer, expected);
  ASSERT_TRUE(AeadDecrypt(GetParam(), key_, nonce_, {}, buffer, buffer.data()).ok());
  EXPECT_EQ(plaintext, Bytes(100, 0x42));
}

TEST_P(AeadTest, EveryFlippedBitIsRefusedAndThePlaintextIsZeroed) {
  const Bytes ad = {9, 9};
  const Bytes sealed = Encrypt(ad, Bytes(20, 0xab));
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes altered = sealed;
    altered[bit / 8] = static_cast<uint8_t>(altered[bit / 8] ^ (1u << (bit % 8)));
    Bytes out(20, 0xee);
    ASSERT_EQ(AeadDecrypt(GetParam(), key_, nonce_, ad, altered, out.data()),
              proto::ERROR_CRYPTO_DECRYPT_FAILED);
    ASSERT_EQ(out, Bytes(20, 0)) << "bit " << bit;
  }
}

TEST_P(AeadTest, OtherKeyNonceOrAssociatedDataIsRefused) {
  const Bytes ad = {9, 9};
  const Bytes sealed = Encrypt(ad, Bytes(20, 0xab));
  Bytes out(20);
  AeadKey other_key = key_;
  other_key.data()[31] ^= 1;
  EXPECT_EQ(AeadDecrypt(GetParam(), other_key, nonce_, ad, sealed, out.data()),
            proto::ERROR_CRYPTO_DECRYPT_FAILED);
  EXPECT_EQ(AeadDecrypt(GetParam(), key_, CounterNonce(GetParam(), 6), ad, sealed, out.data()),
            proto::ERROR_CRYPTO_DECRYPT_FAILED);
  EXPECT_EQ(AeadDecrypt(GetParam(), key_, nonce_, Bytes{9, 8}, sealed, out.data()),
            proto::ERROR_CRYPTO_DECRYPT_FAILED);
  EXPECT_EQ(AeadDecrypt(GetParam(), key_, nonce_, {}, sealed, out.data()),
            proto::ERROR_CRYPTO_DECRYPT_FAILED);
  EXPECT_TRUE(AeadDecrypt(GetParam(), key_, nonce_, ad, sealed, out.data()).ok());
}

TEST_P(AeadTest, EveryTruncationIsRefused) {
  const Bytes sealed = Encrypt({}, Bytes(20, 0xab));
  for (size_t size = 0; size < sealed.size(); ++size) {
    Bytes out(20);
    ASSERT_EQ(AeadDecrypt(GetParam(), key_, nonce_, {}, ByteView(sealed.data(), size), out.data()),
              proto::ERROR_CRYPTO_DECRYPT_FAILED)
        << size;
  }
}

}  // namespace
}  // namespace svr2::crypto
