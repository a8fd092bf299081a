// SPDX-License-Identifier: Apache-2.0
//
// Platform `oe-simulation` from C: loading, and what is refused. Runs where the SDK was there when
// this was built; there the image, which jni/Makefile makes, must be there too. The suite of all
// that an enclave must do at its boundary is in Java (OeSimulationConformanceTest).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "native_testing.h"
#include "oe_image.h"
#include "svr2_bridge.h"

namespace svr2::bridge {
namespace {

using ::testing::HasSubstr;

uint32_t Ignore(void*, const uint8_t*, size_t) { return 0; }

class OeBackendTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if ((svr2_bridge_platforms() & 1u << SVR2_PLATFORM_OE_SIMULATION) == 0) {
      GTEST_SKIP() << "built without an Open Enclave SDK";
    }
  }

  uint32_t Create(const std::string& path, uint32_t flags = 0) {
    svr2_enclave* enclave = nullptr;
    const uint32_t error = svr2_bridge_create(SVR2_PLATFORM_OE_SIMULATION, path.c_str(), flags,
                                              Ignore, nullptr, &enclave);
    words_ = svr2_bridge_last_error();
    if (error == 0) {
      EXPECT_EQ(svr2_bridge_destroy(enclave), 0u);
    }
    return error;
  }

  std::string words_;
};

TEST_F(OeBackendTest, TheImageIsWhatItsSignatureSays) {
  EXPECT_EQ(Create(std::getenv("SVR2_OE_IMAGE")), 0u) << words_;
}

TEST_F(OeBackendTest, OneByteAlteredItIsRefusedBeforeItRuns) {
  const std::string image = FileFromEnvironment("SVR2_OE_IMAGE");
  // In the code, and of the heap's size: both are measured, neither is signed itself.
  const size_t info = image.find(std::string("\xa8\x07\0\0\x02\0\0\0", 8));
  ASSERT_NE(info, std::string::npos);
  for (size_t at : {size_t{0x20000}, info + 9}) {
    std::string altered = image;
    altered[at] = static_cast<char>(altered[at] ^ 1);
    const TempFile file(altered);
    EXPECT_EQ(Create(file.path()), uint32_t{SVR2_BRIDGE_IMAGE_SIGNATURE}) << at;
    EXPECT_THAT(words_, HasSubstr("altered after it was signed")) << at;
  }
}

TEST_F(OeBackendTest, ImagesOfLocalAreRefused) {
  EXPECT_EQ(Create(EchoImagePath()), uint32_t{SVR2_BRIDGE_IMAGE_MALFORMED});
}

TEST_F(OeBackendTest, DebugOnlyWhereThePropertyAllowsIt) {
  EXPECT_EQ(Create(std::getenv("SVR2_OE_IMAGE"), SVR2_CREATE_DEBUG), 0u) << words_;
  EXPECT_EQ(Create(std::getenv("SVR2_OE_IMAGE_NO_DEBUG"), SVR2_CREATE_DEBUG),
            uint32_t{SVR2_BRIDGE_DEBUG_NOT_ALLOWED});
}

TEST_F(OeBackendTest, WithoutHardwareSgxSaysWhatItWants) {
  if (std::ifstream("/dev/sgx_enclave").good()) GTEST_SKIP() << "this machine has SGX";
  svr2_enclave* enclave = nullptr;
  EXPECT_EQ(svr2_bridge_create(SVR2_PLATFORM_SGX, std::getenv("SVR2_OE_IMAGE"), 0, Ignore, nullptr,
                               &enclave),
            uint32_t{SVR2_BRIDGE_IMAGE_LOAD});
  EXPECT_THAT(svr2_bridge_last_error(), HasSubstr("/dev/sgx_enclave"));
}

}  // namespace
}  // namespace svr2::bridge
