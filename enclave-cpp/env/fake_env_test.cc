// SPDX-License-Identifier: Apache-2.0
//
// The fake that other tests stand on: repeatable by seed, and failing when told to.

#include "env/fake_env.h"

#include <gtest/gtest.h>

#include "env/simulated_evidence.h"

namespace svr2::env {
namespace {

using util::Bytes;

Bytes Draw(FakeEnv* env, size_t size) {
  Bytes out(size);
  EXPECT_TRUE(env->RandomBytes(out.data(), size).ok());
  return out;
}

TEST(FakeEnvTest, TheSeedAndTheOrderOfCallsDecideTheBytes) {
  FakeEnv a(1);
  FakeEnv same(1);
  FakeEnv other(2);
  const Bytes first = Draw(&a, 37);
  const Bytes second = Draw(&a, 37);
  EXPECT_EQ(Draw(&same, 37), first);
  EXPECT_EQ(Draw(&same, 37), second);
  EXPECT_NE(first, second);
  EXPECT_NE(Draw(&other, 37), first);
}

TEST(FakeEnvTest, FailsWhenTold) {
  FakeEnv env(1);
  env.FailRandom(true);
  uint8_t out;
  EXPECT_EQ(env.RandomBytes(&out, 1), proto::ERROR_RANDOM_FAILED);
  env.FailRandom(false);
  EXPECT_TRUE(env.RandomBytes(&out, 1).ok());
  env.FailEvidence(true);
  EXPECT_EQ(env.GetEvidence({}).error(), proto::ERROR_ATTESTATION_UNAVAILABLE);
}

TEST(FakeEnvTest, EvidenceIsSimulatedAndOfItself) {
  FakeEnv env(1);
  env.SetDebug(true);
  const Result<Evidence> evidence = env.GetEvidence(Bytes{9});
  ASSERT_TRUE(evidence.ok());
  const Result<VerifiedEvidence> verified =
      env.VerifyEvidence(evidence->evidence, evidence->endorsements, 0);
  ASSERT_TRUE(verified.ok());
  EXPECT_EQ(verified->measurement, env.Measurement());
  EXPECT_TRUE(verified->debug);
  EXPECT_EQ(verified->custom_claims, "\x09");
}

TEST(FakeEnvTest, OutputIsCollectedOrHandled) {
  FakeEnv env(1);
  EXPECT_TRUE(env.Output(Bytes{'a'}).ok());
  EXPECT_TRUE(env.Output(Bytes{'b'}).ok());
  EXPECT_EQ(env.TakeOutput(), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(env.TakeOutput().empty());
  std::string seen;
  env.SetOutputHandler([&seen](util::ByteView message) -> Status {
    seen = message.ToString();
    return proto::ERROR_CORE_OUTPUT_FAILED;
  });
  EXPECT_EQ(env.Output(Bytes{'c'}), proto::ERROR_CORE_OUTPUT_FAILED);
  EXPECT_EQ(seen, "c");
  EXPECT_TRUE(env.TakeOutput().empty());
}

TEST(FakeEnvTest, HeapIsWhatWasSet) {
  FakeEnv env(1);
  EXPECT_LT(env.HeapBytesUsed(), env.HeapBytesLimit());
  env.SetHeap(7, 9);
  EXPECT_EQ(env.HeapBytesUsed(), 7u);
  EXPECT_EQ(env.HeapBytesLimit(), 9u);
}

}  // namespace
}  // namespace svr2::env
