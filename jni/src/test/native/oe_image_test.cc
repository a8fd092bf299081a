// SPDX-License-Identifier: Apache-2.0
//
// Images of Open Enclave, read without its SDK: a small ELF file with .oeinfo is made here, and
// signed as SGX asks for.

#include "oe_image.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "native_testing.h"
#include "rsa.h"

namespace svr2::bridge {
namespace {

using ::testing::AnyOf;
using ::testing::Eq;
using ::testing::HasSubstr;

constexpr size_t kInfoAt = sizeof(Elf64_Ehdr);
constexpr size_t kInfoBytes = 1960;
constexpr size_t kStructureAt = kInfoAt + 144;
constexpr size_t kNamesAt = kInfoAt + kInfoBytes;
constexpr char kNames[] = "\0.shstrtab\0.oeinfo";
constexpr size_t kSectionsAt = kNamesAt + 24;

template <typename T>
void Store(std::string* file, size_t at, T value) {
  std::memcpy(file->data() + at, &value, sizeof(value));
}

Key ReadKey(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  Key key(PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr));
  BIO_free(bio);
  return key;
}

// As an HSM would.
std::string SignDigest(const Digest& digest, const std::string& pem) {
  const Key key = ReadKey(pem);
  const KeyContext context = StartPkcs1(key.get(), EVP_PKEY_sign_init);
  std::string signature(kSignatureBytes, '\0');
  size_t size = signature.size();
  EXPECT_EQ(EVP_PKEY_sign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                          digest.data(), digest.size()),
            1);
  return signature;
}

// Signs what the structure's two parts say now.
void Sign(std::string* file, const std::string& pem) {
  const Key key = ReadKey(pem);
  BIGNUM* modulus = nullptr;
  ASSERT_EQ(EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_N, &modulus), 1);
  BN_bn2lebinpad(modulus, reinterpret_cast<unsigned char*>(file->data()) + kStructureAt + 128, 384);
  BN_free(modulus);
  Store<uint32_t>(file, kStructureAt + 512, 3);
  const std::string_view all(*file);
  const Digest digest =
      Sha256({all.substr(kStructureAt, 128), all.substr(kStructureAt + 900, 128)});
  const std::string signature = SignDigest(digest, pem);
  std::reverse_copy(signature.begin(), signature.end(), file->begin() + kStructureAt + 516);
  const Quotients quotients = QuotientsOf(signature, ModulusOf(key.get()));
  std::reverse_copy(quotients.q1.begin(), quotients.q1.end(), file->begin() + kStructureAt + 1040);
  std::reverse_copy(quotients.q2.begin(), quotients.q2.end(), file->begin() + kStructureAt + 1424);
}

// An ELF file with properties as in kTestConf, not signed.
std::string UnsignedImage() {
  std::string file(kSectionsAt + 3 * sizeof(Elf64_Shdr), '\0');
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = EM_X86_64;
  header.e_shoff = kSectionsAt;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shstrndx = 1;
  Store(&file, 0, header);
  std::memcpy(file.data() + kNamesAt, kNames, sizeof(kNames));
  Elf64_Shdr names{};
  names.sh_name = 1;
  names.sh_type = SHT_STRTAB;
  names.sh_offset = kNamesAt;
  names.sh_size = sizeof(kNames);
  Store(&file, kSectionsAt + sizeof(Elf64_Shdr), names);
  Elf64_Shdr info{};
  info.sh_name = 11;
  info.sh_type = SHT_PROGBITS;
  info.sh_offset = kInfoAt;
  info.sh_size = kInfoBytes;
  Store(&file, kSectionsAt + 2 * sizeof(Elf64_Shdr), info);
  Store<uint32_t>(&file, kInfoAt, kInfoBytes);
  Store<uint32_t>(&file, kInfoAt + 4, 2);
  Store<uint64_t>(&file, kInfoAt + 8, 4096);
  Store<uint64_t>(&file, kInfoAt + 16, 64);
  Store<uint64_t>(&file, kInfoAt + 24, 4);
  Store<uint16_t>(&file, kInfoAt + 32, 2);
  Store<uint16_t>(&file, kInfoAt + 34, 1);
  Store<uint64_t>(&file, kInfoAt + 72, 6);
  Store<uint64_t>(&file, kInfoAt + 1952, 0xecececececececec);
  std::memcpy(file.data() + kStructureAt, "\x06\0\0\0\xe1\0\0\0\0\0\x01\0\0\0\0\0", 16);
  std::memcpy(file.data() + kStructureAt + 24, "\x01\x01\0\0\x60\0\0\0\x60\0\0\0\x01\0\0\0", 16);
  Store<uint64_t>(&file, kStructureAt + 928, 6);
  std::memset(file.data() + kStructureAt + 960, 'm', 32);
  Store<uint16_t>(&file, kStructureAt + 1024, 2);
  Store<uint16_t>(&file, kStructureAt + 1026, 1);
  return file;
}

Outcome Parse(const std::string& file) {
  OeImage image;
  return ParseOeImage(file, &image);
}

class OeImageTest : public ::testing::Test {
 protected:
  void SetUp() override { Sign(&file_, SigningKey()); }
  std::string file_ = UnsignedImage();
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
  EXPECT_THAT(Parse(UnsignedImage()).text, HasSubstr("not signed"));
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
    std::string altered = UnsignedImage();
    altered[kInfoAt + at] = 1;
    Sign(&altered, SigningKey());
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
  Sign(&directly, hsm_key);
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
