// SPDX-License-Identifier: Apache-2.0

#include "env/rdrand.h"

#include <cpuid.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <array>
#include <set>
#include <string>

namespace svr2::env {
namespace {

int calls = 0;
int failures_before_success = 0;

// A generator that fails so often before each word.
bool Flaky(uint64_t* word) {
  if (calls++ % (failures_before_success + 1) != failures_before_success) return false;
  *word = 0x0807060504030201u;
  return true;
}

bool HasRdrand() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_RDRND) != 0;
}

class RdrandTest : public ::testing::Test {
 protected:
  void SetUp() override { calls = 0; }
};

TEST_F(RdrandTest, TriesTenTimesAWordAndThenGivesUp) {
  std::array<uint8_t, 24> out;
  failures_before_success = kRandomTries - 1;
  EXPECT_TRUE(FillRandom(Flaky, out.data(), out.size()).ok());
  EXPECT_EQ(calls, 3 * kRandomTries);
  calls = 0;
  failures_before_success = kRandomTries;
  EXPECT_EQ(FillRandom(Flaky, out.data(), out.size()).error(), proto::ERROR_RANDOM_FAILED);
  EXPECT_EQ(calls, kRandomTries);
}

TEST_F(RdrandTest, FailureLeavesZeros) {
  std::array<uint8_t, 20> out;
  out.fill(0xee);
  const RandomStep one_word_only = [](uint64_t* word) {
    *word = ~uint64_t{0};
    return calls++ == 0;
  };
  EXPECT_FALSE(FillRandom(one_word_only, out.data(), out.size()).ok());
  EXPECT_EQ(out, (std::array<uint8_t, 20>{}));
}

TEST_F(RdrandTest, WritesExactlyTheBytesAskedFor) {
  failures_before_success = 0;
  for (size_t size = 0; size <= 17; ++size) {
    std::array<uint8_t, 18> out{};
    EXPECT_TRUE(FillRandom(Flaky, out.data(), size).ok());
    for (size_t i = 0; i < out.size(); ++i) {
      EXPECT_EQ(out[i], i < size ? i % 8 + 1 : 0) << size << " " << i;
    }
  }
}

TEST_F(RdrandTest, RdrandNeverRepeats) {
  if (!HasRdrand()) GTEST_SKIP() << "this CPU has no RDRAND";
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    std::string out(16, '\0');
    ASSERT_TRUE(FillFromRdrand(reinterpret_cast<uint8_t*>(out.data()), out.size()).ok());
    EXPECT_TRUE(seen.insert(out).second);
  }
}

TEST_F(RdrandTest, LibsodiumDrawsFromIt) {
  if (!HasRdrand()) GTEST_SKIP() << "this CPU has no RDRAND";
  UseRdrandInLibsodium();
  ASSERT_GE(sodium_init(), 0);
  EXPECT_STREQ(randombytes_implementation_name(), "rdrand");
  std::set<uint32_t> seen;
  for (int i = 0; i < 20; ++i) seen.insert(randombytes_random());
  EXPECT_GT(seen.size(), 15u);
  EXPECT_LT(randombytes_uniform(7), 7u);
}

}  // namespace
}  // namespace svr2::env
