// SPDX-License-Identifier: Apache-2.0
//
// Seeds and input counts of randomized tests, so that each failure can be run again. Never linked
// into an enclave.

#ifndef SVR2_UTIL_SEED_TESTING_H_
#define SVR2_UTIL_SEED_TESTING_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace svr2::util {

// SVR2_SEED where it is set, otherwise a fresh seed. Prints it either way: running the same program
// with SVR2_SEED set to it repeats the test.
inline uint64_t TestSeed() {
  const char* const given = std::getenv("SVR2_SEED");
  const uint64_t seed = given != nullptr
                            ? std::strtoull(given, nullptr, 10)
                            : (uint64_t{std::random_device()()} << 32) | std::random_device()();
  std::printf("SVR2_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

// SVR2_FUZZ_INPUTS where it is set.
inline uint64_t FuzzInputs(uint64_t otherwise) {
  const char* const given = std::getenv("SVR2_FUZZ_INPUTS");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

}  // namespace svr2::util

#endif  // SVR2_UTIL_SEED_TESTING_H_
