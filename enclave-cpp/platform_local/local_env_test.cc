// SPDX-License-Identifier: Apache-2.0

#include "platform_local/local_env.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <string>

namespace svr2::platform_local {
namespace {

struct Taken {
  std::string message;
  uint32_t answer = 0;
};

uint32_t Take(void* context, const uint8_t* message, size_t size) {
  Taken* taken = static_cast<Taken*>(context);
  taken->message.assign(reinterpret_cast<const char*>(message), size);
  return taken->answer;
}

class LocalEnvTest : public ::testing::Test {
 protected:
  LocalEnvTest() {
    host_.version = SVR2_LOCAL_VERSION;
    host_.debug = 1;
    for (uint8_t i = 0; i < 32; ++i) host_.measurement[i] = i;
    host_.output = Take;
    host_.context = &taken_;
  }

  Heap heap_;
  Taken taken_;
  svr2_local_host host_{};
};

TEST_F(LocalEnvTest, EvidenceSaysWhatTheLoaderSaid) {
  LocalEnv env(host_, &heap_);
  EXPECT_TRUE(env.Simulated());
  EXPECT_TRUE(env.Debug());
  const std::string claims = "claims";
  const Result<env::Evidence> made = env.GetEvidence(claims);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->evidence.substr(0, 8), "SVR2SIM1");
  const Result<env::VerifiedEvidence> seen =
      env.VerifyEvidence(made->evidence, made->endorsements, 0);
  ASSERT_TRUE(seen.ok());
  EXPECT_EQ(seen->format, env::EvidenceFormat::kSimulated);
  EXPECT_EQ(seen->measurement, env.Measurement());
  EXPECT_EQ(seen->measurement[31], 31);
  EXPECT_TRUE(seen->debug);
  EXPECT_EQ(seen->custom_claims, claims);
}

TEST_F(LocalEnvTest, OutputGoesToTheHostAndItsRefusalBack) {
  LocalEnv env(host_, &heap_);
  const std::string message = "message";
  EXPECT_TRUE(env.Output(message).ok());
  EXPECT_EQ(taken_.message, message);
  taken_.answer = 7;
  EXPECT_EQ(env.Output(message).error(), proto::ERROR_CORE_OUTPUT_FAILED);
}

TEST_F(LocalEnvTest, HeapFactsAreTheHeaps) {
  ASSERT_TRUE(heap_.SetLimit(kBootstrapPages));
  LocalEnv env(host_, &heap_);
  EXPECT_EQ(env.HeapBytesLimit(), kBootstrapPages * kPageBytes);
  EXPECT_EQ(env.HeapBytesUsed(), 0u);
  void* block = heap_.Allocate(kPageBytes * 3);
  EXPECT_EQ(env.HeapBytesUsed(), kPageBytes * 3);
  heap_.Free(block);
  munmap(heap_.memory(), heap_.memory_bytes());
}

}  // namespace
}  // namespace svr2::platform_local
