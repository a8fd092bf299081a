// SPDX-License-Identifier: Apache-2.0

#include "env/rdrand.h"

#include <immintrin.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "util/check.h"
#include "util/secret.h"

namespace svr2::env {

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

constexpr randombytes_implementation kSodiumRdrand = {SodiumName,         SodiumWord,
                                                      nullptr /* stir */, nullptr /* uniform */,
                                                      SodiumBuffer,       nullptr /* close */};

}  // namespace

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

Status FillFromRdrand(uint8_t* out, size_t size) { return FillRandom(RdrandStep, out, size); }

void UseRdrandInLibsodium() {
  // libsodium keeps the pointer and never writes through it.
  SVR2_CHECK(
      randombytes_set_implementation(const_cast<randombytes_implementation*>(&kSodiumRdrand)) == 0);
}

}  // namespace svr2::env
