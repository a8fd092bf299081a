// SPDX-License-Identifier: Apache-2.0
//
// Random bytes straight from the CPU: RDRAND, with the retry rule of Intel's "Digital Random Number
// Generator Software Implementation Guide" (§ 5.2.1: at most ten tries, then give up). No state is
// kept in memory, so that copying or rolling back memory tells and repeats nothing. Shared by the
// platforms; each must know before that its CPU has the instruction.

#ifndef SVR2_ENV_RDRAND_H_
#define SVR2_ENV_RDRAND_H_

#include <cstddef>
#include <cstdint>

#include "util/status.h"

namespace svr2::env {

inline constexpr int kRandomTries = 10;

// One try of a generator: true and 64 random bits, or false.
using RandomStep = bool (*)(uint64_t* word);

// RDRAND once.
bool RdrandStep(uint64_t* word);

// Fills `out`, each word with at most kRandomTries tries. Fails with ERROR_RANDOM_FAILED; then all
// of `out` is zero. Thread-safe when `step` is.
Status FillRandom(RandomStep step, uint8_t* out, size_t size);

// FillRandom from RDRAND.
Status FillFromRdrand(uint8_t* out, size_t size);

// Makes libsodium draw from RDRAND too, for whatever calls randombytes_… inside it; there a failure
// aborts, since libsodium has no way to report one. Call before sodium_init.
void UseRdrandInLibsodium();

}  // namespace svr2::env

#endif  // SVR2_ENV_RDRAND_H_
