// SPDX-License-Identifier: Apache-2.0
//
// Starting libsodium, and what holds before it was started.

#include "crypto/init.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>
#include <vector>

#include "crypto/aead.h"

namespace svr2::crypto {
namespace {

TEST(InitTest, MayBeCalledManyTimesFromManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([] {
      for (int j = 0; j < 100; ++j) EXPECT_TRUE(Init().ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Ends the process: 0 when AES fails closed and works after Init, another code otherwise.
[[noreturn]] void UseAesBeforeAndAfterInit() {
  const AeadKey key;
  uint8_t out[kAeadTagBytes + 1];
  out[0] = 0x77;
  const uint8_t plaintext[1] = {1};
  const util::ByteView view(plaintext, 1);
  const util::ByteView ciphertext(out, sizeof(out));
  uint8_t opened[1];
  if (AeadAvailable(Aead::kAes256Gcm)) std::exit(2);
  if (AeadEncrypt(Aead::kAes256Gcm, key, AeadNonce{}, {}, view, out) !=
      proto::ERROR_CRYPTO_UNAVAILABLE) {
    std::exit(3);
  }
  if (out[0] != 0x77) std::exit(4);
  if (AeadDecrypt(Aead::kAes256Gcm, key, AeadNonce{}, {}, ciphertext, opened) !=
      proto::ERROR_CRYPTO_UNAVAILABLE) {
    std::exit(5);
  }
  if (!AeadEncrypt(Aead::kChaCha20Poly1305, key, AeadNonce{}, {}, view, out).ok()) std::exit(6);
  if (!Init().ok() || !AeadAvailable(Aead::kAes256Gcm)) std::exit(7);
  std::exit(AeadEncrypt(Aead::kAes256Gcm, key, AeadNonce{}, {}, view, out).ok() ? 0 : 8);
}

// Stands for a CPU without AES instructions: libsodium reports none before it has looked. In a
// fresh process, since other tests have started libsodium in this one.
TEST(InitDeathTest, AesFailsClosedWhereTheCpuIsNotKnownToHaveIt) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(UseAesBeforeAndAfterInit(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace svr2::crypto
