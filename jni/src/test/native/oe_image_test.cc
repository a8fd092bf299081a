// SPDX-License-Identifier: Apache-2.0
//
// Images of Open Enclave, read and signed without its SDK.

#include "oe_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "native_testing.h"
#include "oe_image_testing.h"

namespace svr2::bridge {
namespace {

using ::testing::AnyOf;
using ::testing::Eq;
using ::testing::HasSubstr;

Outcome Parse(const std::string& file) {
  OeImage image;
  return ParseOeImage(file, &image);
}

class OeImageTest : public ::testing::Test {
 protected:
  void SetUp() override { SignOeImage(&file_, SigningKey()); }
  std::string file_ = UnsignedOeImage();
};

TEST_F(OeImageTest, HoldsWhatWasSigned) {
  OeImage image;
  const Outcome outcome = ParseOeImage(file_, &image);
  ASSERT_TRUE(outcome.ok()) << outcome.text;
  EXPECT_EQ(CanonicalProperties(image.properties), kTestConf);
  EXPECT_EQ(std::string(image.measurement.begin(), image.measurement.end()), std::string(32, 'm'));
}

TEST_F(OeImageTest, TheSignerIsNamedAsInImagesOfLocal) {
  OeImage image;
  ASSERT_TRUE(ParseOeImage(file_, &image).ok());
  LocalImage local;
  ASSERT_TRUE(ParseLocalImage(SignedImage("object", kTestConf), &local).ok());
  EXPECT_EQ(Hex(image.signer), Hex(local.signer));
}

TEST_F(OeImageTest, InspectSaysWhatItIs) {
  const TempFile file(file_);
  char text[4096];
  ASSERT_EQ(svr2_bridge_inspect(file.path().c_str(), text, sizeof(text)), 0u) << text;
  EXPECT_THAT(text, HasSubstr("platform=sgx\n"));
  EXPECT_THAT(text, HasSubstr("NumTCS=4\n"));
}

TEST_F(OeImageTest, UnsignedItIsRefused) {
  EXPECT_THAT(Parse(UnsignedOeImage()).text, HasSubstr("not signed"));
}

TEST_F(OeImageTest, AlteredAnywhereInWhatIsSignedItIsRefused) {
  for (size_t at = 0; at < 1028; ++at) {
    std::string altered = file_;
    altered[kStructureAt + at] = static_cast<char>(altered[kStructureAt + at] ^ 1);
    EXPECT_THAT(Parse(altered).code, AnyOf(Eq(uint32_t{SVR2_BRIDGE_IMAGE_SIGNATURE}),
                                           Eq(uint32_t{SVR2_BRIDGE_IMAGE_MALFORMED})))
        << at;
  }
}

TEST_F(OeImageTest, PropertiesBesideTheSignatureMustAgreeWithIt) {
  for (size_t at : {32u, 34u, 72u}) {
    std::string altered = file_;
    altered[kInfoAt + at] = static_cast<char>(altered[kInfoAt + at] ^ 3);
    EXPECT_EQ(Parse(altered).code, uint32_t{SVR2_BRIDGE_IMAGE_PROPERTIES}) << at;
  }
}

TEST_F(OeImageTest, PropertiesThatAConfCannotSayAreRefused) {
  for (size_t at : {36u, 40u, 71u, 73u}) {
    std::string altered = UnsignedOeImage();
    altered[kInfoAt + at] = 1;
    SignOeImage(&altered, SigningKey());
    EXPECT_EQ(Parse(altered).code, uint32_t{SVR2_BRIDGE_IMAGE_PROPERTIES}) << at;
  }
  std::string threads = file_;
  Store<uint64_t>(&threads, kInfoAt + 24, 33);
  EXPECT_THAT(Parse(threads).text, HasSubstr("NumTCS"));
}

TEST_F(OeImageTest, AnyCutIsRefused) {
  for (size_t size = 0; size < file_.size(); size += size < 200 ? 1 : 37) {
    EXPECT_EQ(Parse(file_.substr(0, size)).code, uint32_t{SVR2_BRIDGE_IMAGE_MALFORMED}) << size;
  }
}

// Headers come from a file that nobody has checked yet: no number in them may lead outside.
TEST_F(OeImageTest, AnyByteOfTheHeadersMayBeWrong) {
  for (size_t at = 0; at < file_.size(); at += at + 1 == kInfoAt ? kNamesAt - kInfoAt + 1 : 1) {
    for (int value : {0, 1, 0x7f, 0xff}) {
      std::string altered = file_;
      altered[at] = static_cast<char>(value);
      const Outcome outcome = Parse(altered);
      EXPECT_NE(outcome.ok(), !outcome.text.empty());
    }
  }
}

TEST_F(OeImageTest, AnObjectOfLocalIsNone) {
  EXPECT_THAT(Parse(EchoObject()).text, HasSubstr("without .oeinfo"));
  EXPECT_EQ(Parse("text").code, uint32_t{SVR2_BRIDGE_IMAGE_MALFORMED});
}

TEST_F(OeImageTest, AWrongQuotientIsRefused) {
  for (size_t at : {1040u, 1423u, 1424u, 1807u}) {
    std::string altered = file_;
    altered[kStructureAt + at] = static_cast<char>(altered[kStructureAt + at] ^ 1);
    EXPECT_THAT(Parse(altered).text, HasSubstr("Q1 and Q2")) << at;
  }
}

// The two steps of signing where the key is not here: only the signature changes.
TEST_F(OeImageTest, AnotherKeySignsInTwoSteps) {
  const std::string hsm_key = RsaKey(3072, 3);
  Digest digest;
  ASSERT_TRUE(DigestOfOeImage(file_, &digest).ok());
  std::string signed_by_hsm;
  const Outcome outcome =
      ReplaceOeSignature(file_, hsm_key, SignDigest(digest, hsm_key), &signed_by_hsm);
  ASSERT_TRUE(outcome.ok()) << outcome.text;
  OeImage before, after;
  ASSERT_TRUE(ParseOeImage(file_, &before).ok());
  ASSERT_TRUE(ParseOeImage(signed_by_hsm, &after).ok());
  EXPECT_EQ(after.measurement, before.measurement);
  EXPECT_NE(after.signer, before.signer);
  std::string directly = file_;
  SignOeImage(&directly, hsm_key);
  EXPECT_EQ(signed_by_hsm, directly);
}

TEST_F(OeImageTest, ASignatureThatIsNotTheKeysOverTheDigestIsRefused) {
  const std::string hsm_key = RsaKey(3072, 3);
  Digest digest;
  ASSERT_TRUE(DigestOfOeImage(file_, &digest).ok());
  const std::string signature = SignDigest(digest, hsm_key);
  std::string out;
  const auto refused = [&](const std::string& key, const std::string& with) {
    return ReplaceOeSignature(file_, key, with, &out).text;
  };
  EXPECT_THAT(refused(SigningKey(), signature), HasSubstr("not this key's"));
  EXPECT_THAT(refused(hsm_key, signature.substr(1)), HasSubstr("not this key's"));
  EXPECT_THAT(refused(hsm_key, signature + "x"), HasSubstr("not this key's"));
  EXPECT_THAT(refused(hsm_key, std::string(signature.rbegin(), signature.rend())),
              HasSubstr("not this key's"));
  digest[0] ^= 1;
  EXPECT_THAT(refused(hsm_key, SignDigest(digest, hsm_key)), HasSubstr("not this key's"));
  EXPECT_THAT(refused(EcKey(), signature), HasSubstr("exponent 3"));
  EXPECT_THAT(refused(RsaKey(3072, 65537), signature), HasSubstr("exponent 3"));
  EXPECT_THAT(refused("no key", signature), HasSubstr("not a PEM key"));
  EXPECT_EQ(out, "");
}

TEST_F(OeImageTest, OtherKeysAreRefused) {
  Store<uint32_t>(&file_, kStructureAt + 512, 5);
  EXPECT_THAT(Parse(file_).text, HasSubstr("exponent 3"));
}

}  // namespace
}  // namespace svr2::bridge
