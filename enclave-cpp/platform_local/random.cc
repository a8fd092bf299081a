// SPDX-License-Identifier: Apache-2.0

#include "platform_local/random.h"

#include <cpuid.h>
#include <immintrin.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "util/check.h"
#include "util/secret.h"

namespace svr2::platform_local {

namespace {

const char* SodiumName() { return "rdrand"; }

void SodiumBuffer(void* const out, const size_t size) {
  SVR2_CHECK(FillFromRdrand(static_cast<uint8_t*>(out), size).ok());
}

uint32_t SodiumWord() {
  uint32_t word;
  SodiumBuffer(&word, sizeof(word));
  return word;
}

randombytes_implementation sodium_rdrand = {SodiumName,         SodiumWord,
                                            nullptr /* stir */, nullptr /* uniform */,
                                            SodiumBuffer,       nullptr /* close */};

}  // namespace

bool HasRdrand() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_RDRND) != 0;
}

__attribute__((target("rdrnd"))) bool RdrandStep(uint64_t* word) {
  unsigned long long bits = 0;  // NOLINT(runtime/int): what the intrinsic takes.
  const bool ok = _rdrand64_step(&bits) == 1;
  *word = bits;
  return ok;
}

Status FillRandom(RandomStep step, uint8_t* out, size_t size) {
  for (size_t done = 0; done < size;) {
    uint64_t word = 0;
    util::ScopedWipe wipe_word(&word, sizeof(word));
    int tries = 0;
    while (!step(&word)) {
      if (++tries == kRandomTries) {
        util::Wipe(out, size);
        return proto::ERROR_RANDOM_FAILED;
      }
    }
    const size_t n = std::min(size - done, sizeof(word));
    std::memcpy(out + done, &word, n);
    done += n;
  }
  return Status::Ok();
}

Status FillFromRdrand(uint8_t* out, size_t size) {
  static const bool has_rdrand = HasRdrand();
  if (!has_rdrand) {
    if (size > 0) util::Wipe(out, size);
    return proto::ERROR_RANDOM_FAILED;
  }
  return FillRandom(RdrandStep, out, size);
}

void UseRdrandInLibsodium() { SVR2_CHECK(randombytes_set_implementation(&sodium_rdrand) == 0); }

}  // namespace svr2::platform_local
