// SPDX-License-Identifier: Apache-2.0
//
// CipherState: counting, the end of the counter, misuse, and that a failure changes nothing.

#include "noise/cipher_state.h"

#include <gtest/gtest.h>

#include "crypto/init.h"
#include "noise/noise_testing.h"

namespace svr2::noise {
namespace {

using crypto::Aead;
using util::Bytes;
using util::ByteView;

class CipherStateTest : public testing::TestWithParam<Aead> {
 protected:
  void SetUp() override {
    Must(crypto::Init());
    if (!crypto::AeadAvailable(GetParam())) GTEST_SKIP() << "this CPU lacks the instructions";
  }
  CipherState Make(uint64_t counter = 0) { return CipherState(GetParam(), key_, counter); }

  const crypto::AeadKey key_{ByteView(Bytes(32, 0x61))};
  const Bytes ad_ = {7};
  const Bytes plaintext_ = {1, 2, 3};
  Bytes sealed_ = Bytes(3 + kTagBytes);
  Bytes opened_ = Bytes(3);
};

INSTANTIATE_TEST_SUITE_P(Both, CipherStateTest,
                         testing::Values(Aead::kChaCha20Poly1305, Aead::kAes256Gcm),
                         [](const auto& param_info) {
                           return param_info.param == Aead::kAes256Gcm ? "Aes" : "ChaCha";
                         });

TEST_P(CipherStateTest, CountsMessagesAndUsesTheCountAsNonce) {
  CipherState state = Make();
  for (uint64_t i = 0; i < 300; ++i) {
    EXPECT_EQ(state.counter(), i);
    ASSERT_TRUE(state.EncryptWithAd(ad_, plaintext_, sealed_.data()).ok());
    Bytes expected(sealed_.size());
    ASSERT_TRUE(crypto::AeadEncrypt(GetParam(), key_, crypto::CounterNonce(GetParam(), i), ad_,
                                    plaintext_, expected.data())
                    .ok());
    ASSERT_EQ(sealed_, expected);
  }
}

TEST_P(CipherStateTest, ReplayedReorderedAndDroppedMessagesAreRefused) {
  CipherState sender = Make();
  CipherState receiver = Make();
  Bytes messages[3];
  for (Bytes& message : messages) {
    message.resize(sealed_.size());
    ASSERT_TRUE(sender.EncryptWithAd(ad_, plaintext_, message.data()).ok());
  }
  EXPECT_EQ(receiver.DecryptWithAd(ad_, messages[1], opened_.data()),
            proto::ERROR_NOISE_DECRYPT_FAILED);
  ASSERT_TRUE(receiver.DecryptWithAd(ad_, messages[0], opened_.data()).ok());
  EXPECT_EQ(receiver.DecryptWithAd(ad_, messages[0], opened_.data()),
            proto::ERROR_NOISE_DECRYPT_FAILED);
  EXPECT_EQ(receiver.DecryptWithAd(ad_, messages[2], opened_.data()),
            proto::ERROR_NOISE_DECRYPT_FAILED);
  // None of this moved the counter.
  ASSERT_TRUE(receiver.DecryptWithAd(ad_, messages[1], opened_.data()).ok());
  ASSERT_TRUE(receiver.DecryptWithAd(ad_, messages[2], opened_.data()).ok());
  EXPECT_EQ(opened_, plaintext_);
  EXPECT_EQ(receiver.counter(), 3u);
}

TEST_P(CipherStateTest, TheCounterNeverWrapsNorReachesTheReservedValue) {
  CipherState sender = Make(CipherState::kCounterLimit - 2);
  CipherState receiver = Make(CipherState::kCounterLimit - 2);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(sender.EncryptWithAd(ad_, plaintext_, sealed_.data()).ok());
    ASSERT_TRUE(receiver.DecryptWithAd(ad_, sealed_, opened_.data()).ok());
  }
  const Bytes before = sealed_;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(sender.EncryptWithAd(ad_, plaintext_, sealed_.data()),
              proto::ERROR_CRYPTO_NONCE_EXHAUSTED);
    EXPECT_EQ(receiver.DecryptWithAd(ad_, sealed_, opened_.data()),
              proto::ERROR_CRYPTO_NONCE_EXHAUSTED);
  }
  EXPECT_EQ(sealed_, before);
  EXPECT_EQ(sender.counter(), CipherState::kCounterLimit);
}

TEST_P(CipherStateTest, WithoutAKeyNothingWorks) {
  CipherState state;
  EXPECT_FALSE(state.has_key());
  EXPECT_EQ(state.EncryptWithAd(ad_, plaintext_, sealed_.data()), proto::ERROR_NOISE_BAD_STATE);
  EXPECT_EQ(state.DecryptWithAd(ad_, sealed_, opened_.data()), proto::ERROR_NOISE_BAD_STATE);
}

TEST_P(CipherStateTest, ClearedAndMovedFromStatesHoldNoKey) {
  const auto holds_key = [this](const CipherState& state) {
    const std::string memory(reinterpret_cast<const char*>(&state), sizeof(state));
    return memory.find(key_.view().ToString()) != std::string::npos;
  };
  CipherState a = Make(5);
  EXPECT_TRUE(holds_key(a));
  CipherState b = std::move(a);
  EXPECT_FALSE(holds_key(a) || a.has_key());  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(holds_key(b));
  EXPECT_EQ(b.counter(), 5u);
  CipherState c;
  c = std::move(b);
  EXPECT_FALSE(holds_key(b) || b.has_key());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(a.EncryptWithAd(ad_, plaintext_, sealed_.data()), proto::ERROR_NOISE_BAD_STATE);
  c.Clear();
  EXPECT_FALSE(holds_key(c));
  EXPECT_EQ(c.DecryptWithAd(ad_, sealed_, opened_.data()), proto::ERROR_NOISE_BAD_STATE);
}

TEST_P(CipherStateTest, SizesAtTheLimit) {
  CipherState sender = Make();
  CipherState receiver = Make();
  const Bytes most(kMaxMessageBytes - kTagBytes, 3);
  Bytes sealed(kMaxMessageBytes);
  ASSERT_TRUE(sender.EncryptWithAd(ad_, most, sealed.data()).ok());
  Bytes opened(most.size());
  ASSERT_TRUE(receiver.DecryptWithAd(ad_, sealed, opened.data()).ok());
  EXPECT_EQ(opened, most);
  EXPECT_EQ(sender.EncryptWithAd(ad_, Bytes(most.size() + 1), sealed.data()),
            proto::ERROR_NOISE_MESSAGE_TOO_LONG);
  EXPECT_EQ(receiver.DecryptWithAd(ad_, Bytes(kMaxMessageBytes + 1), opened.data()),
            proto::ERROR_NOISE_MESSAGE_TOO_LONG);
  EXPECT_EQ(receiver.DecryptWithAd(ad_, Bytes(kTagBytes - 1), opened.data()),
            proto::ERROR_NOISE_DECRYPT_FAILED);
  EXPECT_EQ(sender.counter(), 1u);
  EXPECT_EQ(receiver.counter(), 1u);
}

}  // namespace
}  // namespace svr2::noise
