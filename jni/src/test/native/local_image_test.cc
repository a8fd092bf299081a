// SPDX-License-Identifier: Apache-2.0
//
// Signed images: what is refused, and what the measurement depends on.

#include "local_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <cstring>
#include <string>

#include "native_testing.h"

namespace svr2::bridge {
namespace {

using ::testing::AnyOf;
using ::testing::Eq;
using ::testing::HasSubstr;

constexpr uint32_t kMalformed = SVR2_BRIDGE_IMAGE_MALFORMED;
constexpr uint32_t kSignature = SVR2_BRIDGE_IMAGE_SIGNATURE;

uint32_t Parse(const std::string& file) {
  LocalImage image;
  return ParseLocalImage(file, &image).code;
}

LocalImage Parsed(const std::string& file) {
  LocalImage image;
  const Outcome outcome = ParseLocalImage(file, &image);
  EXPECT_TRUE(outcome.ok()) << outcome.text;
  return image;
}

// Where the parts of an image begin.
struct Layout {
  size_t conf, key, signature;
};
Layout LayoutOf(const std::string& file) {
  uint64_t object;
  uint32_t conf, key;
  std::memcpy(&object, file.data() + 8, 8);
  std::memcpy(&conf, file.data() + 16, 4);
  std::memcpy(&key, file.data() + 20, 4);
  return {24 + object, 24 + object + conf, 24 + object + conf + key};
}

class LocalImageTest : public ::testing::Test {
 protected:
  const std::string object_ = std::string("object") + std::string(100'000, 'o');
  const std::string file_ = SignedImage(object_, kTestConf);
};

TEST_F(LocalImageTest, HoldsWhatWasSigned) {
  const LocalImage image = Parsed(file_);
  EXPECT_EQ(image.object, object_);
  EXPECT_EQ(CanonicalProperties(image.properties), kTestConf);
}

// Written down independently of the code: the header's formula, by hand.
TEST_F(LocalImageTest, MeasurementIsTheFormulaOfTheHeader) {
  const std::string conf = kTestConf;
  std::string input = "svr2-local-measurement-1";
  for (int shift = 56; shift >= 0; shift -= 8) input += static_cast<char>(object_.size() >> shift);
  input += object_;
  for (int shift = 56; shift >= 0; shift -= 8) input += static_cast<char>(conf.size() >> shift);
  input += conf;
  Digest expected;
  SHA256(reinterpret_cast<const unsigned char*>(input.data()), input.size(), expected.data());
  EXPECT_EQ(Hex(Parsed(file_).measurement), Hex(expected));
}

TEST_F(LocalImageTest, SigningIsRepeatable) { EXPECT_EQ(SignedImage(object_, kTestConf), file_); }

TEST_F(LocalImageTest, AlteredAnywhereItIsRefused) {
  const Layout at = LayoutOf(file_);
  std::vector<size_t> places = {0,
                                7,
                                8,
                                15,
                                16,
                                19,
                                20,
                                23,
                                24,
                                at.conf - 1,
                                at.conf,
                                at.key - 1,
                                at.key,
                                at.signature - 1,
                                at.signature,
                                file_.size() - 1};
  for (size_t i = 0; i < 64; ++i) places.push_back(file_.size() * i / 64);
  for (size_t place = at.conf; place < file_.size(); place += 7) places.push_back(place);
  for (size_t place : places) {
    for (int bit : {0, 7}) {
      std::string altered = file_;
      altered[place] = static_cast<char>(altered[place] ^ (1 << bit));
      EXPECT_THAT(Parse(altered), AnyOf(Eq(kMalformed), Eq(kSignature))) << "byte " << place;
    }
  }
}

TEST_F(LocalImageTest, CutOffOrExtendedItIsRefused) {
  for (size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(Parse(file_.substr(0, file_.size() * i / 64)), kMalformed) << i;
  }
  EXPECT_EQ(Parse(file_.substr(0, file_.size() - 1)), kMalformed);
  EXPECT_EQ(Parse(file_ + "x"), kMalformed);
  EXPECT_EQ(Parse(file_ + file_), kMalformed);
}

TEST_F(LocalImageTest, UnsignedItIsRefused) {
  LocalImage image;
  EXPECT_THAT(ParseLocalImage(file_.substr(0, LayoutOf(file_).signature), &image).text,
              HasSubstr("not signed"));
  EXPECT_THAT(ParseLocalImage("\177ELF and so on, at length", &image).text,
              HasSubstr("sign it with svr2-image"));
  EXPECT_EQ(Parse(""), kMalformed);
}

TEST_F(LocalImageTest, SignatureOfAnotherImageIsRefused) {
  const std::string other = SignedImage("another object", kTestConf);
  const std::string moved =
      file_.substr(0, LayoutOf(file_).signature) + other.substr(LayoutOf(other).signature);
  EXPECT_EQ(Parse(moved), kSignature);
}

TEST_F(LocalImageTest, SignedAgainByAnotherKeyOnlyTheSignerDiffers) {
  const LocalImage other = Parsed(SignedImage(object_, kTestConf, RsaKey(3072, 3)));
  EXPECT_EQ(Hex(other.measurement), Hex(Parsed(file_).measurement));
  EXPECT_NE(Hex(other.signer), Hex(Parsed(file_).signer));
}

TEST_F(LocalImageTest, AlteredAndSignedAgainItsMeasurementDiffers) {
  const std::string before = Hex(Parsed(file_).measurement);
  std::string object = object_;
  object.back() = 'p';
  EXPECT_NE(Hex(Parsed(SignedImage(object, kTestConf)).measurement), before);
  std::string conf = kTestConf;
  conf.replace(conf.find("NumTCS=4"), 8, "NumTCS=5");
  EXPECT_NE(Hex(Parsed(SignedImage(object_, conf)).measurement), before);
}

TEST_F(LocalImageTest, OtherKeysAreRefusedInWords) {
  for (const std::string& key : {RsaKey(2048, 3), RsaKey(3072, 65537), EcKey()}) {
    std::string file, signature;
    Digest digest;
    const Outcome prepared = PrepareLocalImage(object_, kTestConf, key, &file, &digest);
    EXPECT_EQ(prepared.code, uint32_t{SVR2_BRIDGE_BAD_ARGUMENT});
    EXPECT_THAT(prepared.text, HasSubstr("3072 bits with exponent 3"));
    EXPECT_FALSE(SignLocalImage(file_, key, &signature).ok());
  }
  std::string file;
  Digest digest;
  EXPECT_THAT(PrepareLocalImage(object_, kTestConf, "no key", &file, &digest).text,
              HasSubstr("not a PEM key"));
}

// Whoever holds a key can sign a conf that our tool would refuse; the loader must refuse it too.
TEST_F(LocalImageTest, ValidSignatureOverWrongPropertiesIsRefused) {
  const Layout at = LayoutOf(file_);
  for (const char* conf :
       {"Debug=2\nNumHeapPages=4096\nNumStackPages=64\nNumTCS=4\nProductID=2\nSecurityVersion=1\n",
        "Debug=1\nNumHeapPages=4096\nNumStackPages=64\nNumTCS=4\nProductID=2\n",
        "Debug=1 \nNumHeapPages=4096\nNumStackPages=64\nNumTCS=4\nProductID=2\nSecurityVersion=1\n",
        "Fun=1\n"}) {
    std::string forged =
        file_.substr(0, at.conf) + conf + file_.substr(at.key, at.signature - at.key);
    const uint32_t size = static_cast<uint32_t>(std::strlen(conf));
    std::memcpy(forged.data() + 16, &size, sizeof(size));
    std::string signature;
    ASSERT_TRUE(SignLocalImage(forged, SigningKey(), &signature).ok());
    EXPECT_EQ(Parse(forged + signature), uint32_t{SVR2_BRIDGE_IMAGE_PROPERTIES}) << conf;
  }
}

TEST_F(LocalImageTest, SizesThatOverflowAreRefused) {
  for (size_t offset : {8u, 16u, 20u}) {
    std::string file = file_;
    std::memset(file.data() + offset, 0xff, offset == 8 ? 8 : 4);
    EXPECT_EQ(Parse(file), kMalformed);
  }
}

TEST_F(LocalImageTest, ASignatureMadeElsewhereIsCheckedWhenAdded) {
  std::string unsigned_file, signature, file;
  Digest digest;
  ASSERT_TRUE(PrepareLocalImage(object_, kTestConf, SigningKey(), &unsigned_file, &digest).ok());
  ASSERT_TRUE(SignLocalImage(unsigned_file, SigningKey(), &signature).ok());
  EXPECT_TRUE(FinishLocalImage(unsigned_file, signature, &file).ok());
  EXPECT_EQ(file, file_);
  signature[5] = static_cast<char>(signature[5] ^ 1);
  EXPECT_EQ(FinishLocalImage(unsigned_file, signature, &file).code, kSignature);
}

}  // namespace
}  // namespace svr2::bridge
