// SPDX-License-Identifier: Apache-2.0
//
// svr2-image as a person uses it whose key lives elsewhere: digest out, signature in. `openssl`
// stands for the hardware security module; what it is told is what the tool's help says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "native_testing.h"
#include "oe_image.h"
#include "oe_image_testing.h"

namespace svr2::bridge {
namespace {

using ::testing::HasSubstr;

// Shared by both kinds of images: one folder with keys, and commands that run in it.
class ImageToolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "svr2-image-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    Write("KEY", RsaKey(3072, 3));
    ASSERT_EQ(Shell("openssl rsa -in KEY -pubout -out PUBLIC.pem"), 0) << said_;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Its exit code; what it wrote is in said_.
  int Shell(const std::string& command) {
    const std::string whole = "cd '" + folder_ + "' && { " + command + "; } 2>&1";
    FILE* pipe = popen(whole.c_str(), "r");
    said_.clear();
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof(part), pipe)) > 0;) said_.append(part, n);
    const int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int Tool(const std::string& arguments) {
    return Shell("'" + std::filesystem::absolute(std::getenv("SVR2_IMAGE_TOOL")).string() + "' " +
                 arguments);
  }
  int SignElsewhere(const std::string& key = "KEY") {
    return Shell("openssl pkeyutl -sign -inkey " + key +
                 " -pkeyopt digest:sha256 -in digest -out signature");
  }

  void Write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << bytes;
  }
  std::string Read(const std::string& name) {
    std::string bytes;
    const Outcome outcome = ReadFile(folder_ + "/" + name, size_t{1} << 30, &bytes);
    EXPECT_TRUE(outcome.ok()) << outcome.text;
    return bytes;
  }
  bool Exists(const std::string& name) { return std::filesystem::exists(folder_ + "/" + name); }

  // Both steps with `inputs`, and then whatever may be wrong with the signature: nothing is
  // written.
  void SignInTwoSteps(const std::string& digest, const std::string& attach) {
    ASSERT_EQ(Tool(digest), 0) << said_;
    EXPECT_EQ(Read("digest").size(), 32u);
    ASSERT_EQ(SignElsewhere(), 0) << said_;
    ASSERT_EQ(Tool(attach), 0) << said_;
    EXPECT_THAT(said_, HasSubstr("measurement "));
    ASSERT_EQ(Tool("inspect image.signed"), 0) << said_;
    std::filesystem::rename(folder_ + "/image.signed", folder_ + "/image.good");

    const std::string signature = Read("signature");
    const auto refused = [&](const std::string& with, const std::string& why) {
      Write("signature", with);
      EXPECT_EQ(Tool(attach), 1) << why;
      EXPECT_THAT(said_, HasSubstr("signature")) << why;
      EXPECT_FALSE(Exists("image.signed")) << why;
    };
    std::string altered = signature;
    altered[100] = static_cast<char>(altered[100] ^ 1);
    refused(altered, "altered");
    refused(signature.substr(1), "too short");
    refused(signature + signature, "too long");
    refused("", "empty");
    Write("OTHER", RsaKey(3072, 3));
    ASSERT_EQ(SignElsewhere("OTHER"), 0) << said_;
    refused(Read("signature"), "another key");
  }

  std::string folder_;
  std::string said_;
};

TEST_F(ImageToolTest, AnImageOfLocalIsSignedWhereTheKeyIs) {
  Write("object", EchoObject());
  Write("conf", kTestConf);
  SignInTwoSteps("digest --object object --conf conf --public-key PUBLIC.pem --out digest",
                 "attach --object object --conf conf --public-key PUBLIC.pem --signature signature"
                 " --out image.signed");
  EXPECT_EQ(Read("image.good"), SignedImage(EchoObject(), kTestConf, Read("KEY")));
}

TEST_F(ImageToolTest, AnImageOfOpenEnclaveIsSignedWhereTheKeyIs) {
  std::string image = UnsignedOeImage();
  SignOeImage(&image, SigningKey());
  Write("image", image);
  SignInTwoSteps("digest --image image --out digest",
                 "attach --image image --public-key PUBLIC.pem --signature signature"
                 " --out image.signed");
  SignOeImage(&image, Read("KEY"));
  EXPECT_EQ(Read("image.good"), image);
}

// The same bytes as oesign writes when it has the key. It signs the day, too: hence two attempts.
TEST_F(ImageToolTest, AnImageIsSignedAsOesignWould) {
  if (std::getenv("SVR2_OESIGN") == nullptr) GTEST_SKIP() << "no Open Enclave SDK";
  Write("image", FileFromEnvironment("SVR2_OE_OBJECT"));
  Write("conf", kTestConf);
  Write("development", SigningKey());
  const std::string oesign = std::string(std::getenv("SVR2_OESIGN")) + " sign -e image -c conf -k ";
  for (int attempt = 0;; ++attempt) {
    ASSERT_EQ(Shell(oesign + "development && mv image.signed image.development"), 0) << said_;
    ASSERT_EQ(Tool("digest --image image.development --out digest"), 0) << said_;
    ASSERT_EQ(SignElsewhere(), 0) << said_;
    ASSERT_EQ(Tool("attach --image image.development --public-key PUBLIC.pem --signature signature"
                   " --out image.production"),
              0)
        << said_;
    ASSERT_EQ(Shell(oesign + "KEY"), 0) << said_;
    const bool equal = Read("image.production") == Read("image.signed");
    if (equal || attempt == 1) {
      EXPECT_TRUE(equal);
      break;
    }
  }
  svr2_enclave* enclave = nullptr;
  const std::string path = folder_ + "/image.production";
  EXPECT_EQ(svr2_bridge_create(
                SVR2_PLATFORM_OE_SIMULATION, path.c_str(), 0,
                [](void*, const uint8_t*, size_t) { return uint32_t{0}; }, nullptr, &enclave),
            0u)
      << svr2_bridge_last_error();
  EXPECT_EQ(svr2_bridge_destroy(enclave), 0u);
}

TEST_F(ImageToolTest, WhatIsNotTheImageOfAnEnclaveHasNoDigest) {
  std::string altered = UnsignedOeImage();
  Write("image", altered);
  EXPECT_EQ(Tool("digest --image image --out digest"), 1);
  EXPECT_THAT(said_, HasSubstr("not signed"));
  SignOeImage(&altered, SigningKey());
  Store<uint64_t>(&altered, kInfoAt + 8, 5000);  // A heap that was not signed is no matter here …
  altered[kStructureAt + 960] = 0;               // … but a measurement is.
  Write("image", altered);
  EXPECT_EQ(Tool("digest --image image --out digest"), 1);
  EXPECT_THAT(said_, HasSubstr("signature does not verify"));
  Write("image", EchoImage());
  EXPECT_EQ(Tool("digest --image image --out digest"), 1);
  EXPECT_FALSE(Exists("digest"));
}

TEST_F(ImageToolTest, OptionsOfBothKindsDoNotMix) {
  EXPECT_EQ(Tool("digest --image image --conf conf --out digest"), 2);
  EXPECT_THAT(said_, HasSubstr("--conf"));
  EXPECT_EQ(Tool("attach --image image --out out --signature s"), 2);
  EXPECT_THAT(said_, HasSubstr("--public-key is missing"));
  EXPECT_EQ(Tool("sign --image image --key KEY --out out"), 2);
  EXPECT_EQ(Tool("digest --image absent --out digest"), 1);
  EXPECT_THAT(said_, HasSubstr("absent"));
}

}  // namespace
}  // namespace svr2::bridge
