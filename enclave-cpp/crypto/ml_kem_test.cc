// SPDX-License-Identifier: Apache-2.0
//
// ML-KEM-1024: a vector of our own, the checks of FIPS 203 §7 on what comes from outside, and what
// stays behind in memory. Wycheproof's vectors are in wycheproof_test.cc.

#include "crypto/ml_kem.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <memory>

#include "crypto/hash.h"
#include "crypto/init.h"
#include "env/fake_env.h"
#include "util/hex_testing.h"

namespace svr2::crypto {
namespace {

using util::Bytes;
using util::ByteView;
using util::ToHex;

// Gives the same byte for ever.
class ConstantEnv : public env::FakeEnv {
 public:
  explicit ConstantEnv(uint8_t fill) : FakeEnv(0), fill_(fill) {}
  Status RandomBytes(uint8_t* out, size_t size) override {
    std::memset(out, fill_, size);
    drawn_ += size;
    return Status::Ok();
  }
  size_t drawn() const { return drawn_; }

 private:
  const uint8_t fill_;
  size_t drawn_ = 0;
};

class MlKemTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Init().ok());
    ASSERT_TRUE(GenerateKemKey(&env_, key_.get()).ok());
    public_key_ = PublicKeyOf(*key_).ToBytes();
    ASSERT_TRUE(Encapsulate(&env_, public_key_, ciphertext_.data(), &shared_).ok());
  }
  // Number `i` of the vector in the public key := `value`.
  void SetNumber(size_t i, unsigned value) {
    uint8_t* const p = &public_key_[i / 2 * 3];
    if (i % 2 == 0) {
      p[0] = static_cast<uint8_t>(value);
      p[1] = static_cast<uint8_t>((p[1] & 0xf0) | value >> 8);
    } else {
      p[1] = static_cast<uint8_t>((p[1] & 0x0f) | (value & 15) << 4);
      p[2] = static_cast<uint8_t>(value >> 4);
    }
  }

  env::FakeEnv env_{7};
  const std::unique_ptr<KemPrivateKey> key_ = std::make_unique<KemPrivateKey>();
  Bytes public_key_;
  Bytes ciphertext_ = Bytes(kKemCiphertextBytes);
  KemSharedSecret shared_;
};

// Made by this code when it passed Wycheproof's vectors; seed and coins all 0x55 and 0x66.
TEST_F(MlKemTest, OwnVector) {
  ConstantEnv seed(0x55);
  ASSERT_TRUE(GenerateKemKey(&seed, key_.get()).ok());
  EXPECT_EQ(seed.drawn(), kKemSeedBytes);
  EXPECT_EQ(ToHex(Sha256(PublicKeyOf(*key_))),
            "b610a075017b1f47a8fb87148aaafe5a85b8d753497ee6e683c793cd77b2a32d");
  EXPECT_EQ(ToHex(Sha256(key_->view())),
            "a5e812c4bad2935213da721db60ef9684b96544e0f817882a59dad7bea44daa1");
  ConstantEnv coins(0x66);
  ASSERT_TRUE(Encapsulate(&coins, PublicKeyOf(*key_), ciphertext_.data(), &shared_).ok());
  EXPECT_EQ(coins.drawn(), kKemCoinsBytes);
  EXPECT_EQ(ToHex(Sha256(ciphertext_)),
            "4c11a64085570e36d8dda8ee4c52fdd0b1e9c9ea45386b29710243dd4aec6aec");
  EXPECT_EQ(ToHex(shared_.view()),
            "ff9d1989cd956435efd1d3b9f7081a01b06dd990aeb603679d5746935f2c84b4");
  KemSharedSecret opened;
  ASSERT_TRUE(Decapsulate(*key_, ciphertext_, &opened).ok());
  EXPECT_EQ(opened.view(), shared_.view());
}

TEST_F(MlKemTest, BothSidesGetTheSameSecretAndNoTwoKeysOrSecretsAreAlike) {
  KemSharedSecret opened;
  ASSERT_TRUE(Decapsulate(*key_, ciphertext_, &opened).ok());
  EXPECT_EQ(opened.view(), shared_.view());
  ASSERT_TRUE(Encapsulate(&env_, public_key_, ciphertext_.data(), &opened).ok());
  EXPECT_NE(opened.view(), shared_.view());
  KemPrivateKey other;
  ASSERT_TRUE(GenerateKemKey(&env_, &other).ok());
  EXPECT_NE(PublicKeyOf(other), ByteView(public_key_));
}

// §6.3, implicit rejection: another secret, always the same for the same ciphertext.
TEST_F(MlKemTest, AnAlteredCiphertextGivesASecretOfItsOwn) {
  for (const size_t at : {size_t{0}, size_t{700}, size_t{1407}, size_t{1408}, size_t{1567}}) {
    SCOPED_TRACE(at);
    Bytes altered = ciphertext_;
    altered[at] ^= 1;
    KemSharedSecret first;
    KemSharedSecret second;
    ASSERT_TRUE(Decapsulate(*key_, altered, &first).ok());
    ASSERT_TRUE(Decapsulate(*key_, altered, &second).ok());
    EXPECT_NE(first.view(), shared_.view());
    EXPECT_EQ(first.view(), second.view());
    EXPECT_NE(ToHex(first.view()), std::string(64, '0'));
  }
  KemPrivateKey other;
  ASSERT_TRUE(GenerateKemKey(&env_, &other).ok());
  KemSharedSecret opened;
  ASSERT_TRUE(Decapsulate(other, ciphertext_, &opened).ok());
  EXPECT_NE(opened.view(), shared_.view());
}

// §7.2, the modulus check: every number of the key, at the first bad value and at the largest.
TEST_F(MlKemTest, APublicKeyWithANumberAboveTheModulusIsRefused) {
  const Bytes good = public_key_;
  for (size_t i = 0; i < 1024; ++i) {
    SCOPED_TRACE(i);
    for (const unsigned value : {3329u, 4095u}) {
      SetNumber(i, value);
      ASSERT_EQ(CheckKemPublicKey(public_key_), proto::ERROR_CRYPTO_BAD_KEY);
    }
    for (const unsigned value : {0u, 3328u}) {
      SetNumber(i, value);
      ASSERT_TRUE(CheckKemPublicKey(public_key_).ok());
    }
    public_key_ = good;
  }
  for (size_t i = 1536; i < kKemPublicKeyBytes; ++i) public_key_[i] = 0xff;
  EXPECT_TRUE(CheckKemPublicKey(public_key_).ok());

  SetNumber(1023, 3329);
  const Bytes before = ciphertext_;
  KemSharedSecret unused;
  ConstantEnv env(1);
  EXPECT_EQ(Encapsulate(&env, public_key_, ciphertext_.data(), &unused),
            proto::ERROR_CRYPTO_BAD_KEY);
  EXPECT_EQ(ciphertext_, before);
  EXPECT_EQ(env.drawn(), 0u);
}

TEST_F(MlKemTest, WrongSizesAreRefused) {
  for (const size_t size : {size_t{0}, size_t{1567}, size_t{1569}, size_t{3168}}) {
    SCOPED_TRACE(size);
    EXPECT_EQ(CheckKemPublicKey(Bytes(size)), proto::ERROR_CRYPTO_BAD_KEY);
    EXPECT_EQ(Encapsulate(&env_, Bytes(size), ciphertext_.data(), &shared_),
              proto::ERROR_CRYPTO_BAD_KEY);
    EXPECT_EQ(Decapsulate(*key_, Bytes(size), &shared_), proto::ERROR_CRYPTO_BAD_KEY);
  }
}

// §7.3, the hash check.
TEST_F(MlKemTest, APrivateKeyThatWasAlteredIsRefused) {
  for (const size_t at : {size_t{1536}, size_t{3103}, size_t{3104}, size_t{3135}}) {
    SCOPED_TRACE(at);
    KemPrivateKey altered = *key_;
    altered.data()[at] ^= 1;
    EXPECT_EQ(Decapsulate(altered, ciphertext_, &shared_), proto::ERROR_CRYPTO_BAD_KEY);
  }
}

TEST_F(MlKemTest, WithoutRandomBytesThereIsNothing) {
  env_.FailRandom(true);
  const Bytes before = ciphertext_;
  KemPrivateKey key = *key_;
  EXPECT_EQ(GenerateKemKey(&env_, &key), proto::ERROR_RANDOM_FAILED);
  EXPECT_EQ(key.view(), key_->view());
  KemSharedSecret shared = shared_;
  EXPECT_EQ(Encapsulate(&env_, public_key_, ciphertext_.data(), &shared),
            proto::ERROR_RANDOM_FAILED);
  EXPECT_EQ(ciphertext_, before);
  EXPECT_EQ(shared.view(), shared_.view());
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kInstrumented = true;
#elif defined(__has_feature)
constexpr bool kInstrumented = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kInstrumented = false;
#endif

// Runs `call` on a stack of its own and looks at that stack afterwards: more than 2 KB below the
// caller's frame, where the library's frames were, hardly a byte may be left of what it wrote.
template <typename F>
void ExpectStackWiped(F call) {
  constexpr size_t kBytes = 256 * 1024;
  constexpr uint8_t kPaint = 0xa7;
  const auto stack = std::make_unique<std::array<uint8_t, kBytes + 4096>>();
  stack->fill(kPaint);
  uint8_t* const base = stack->data() + (4096 - reinterpret_cast<uintptr_t>(stack->data()) % 4096);
  struct Run {
    F call;
    const uint8_t* frame;
  } run{call, nullptr};
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstack(&attributes, base, kBytes), 0);
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, &attributes,
                [](void* arg) -> void* {
                  Run* const r = static_cast<Run*>(arg);
                  r->frame = static_cast<const uint8_t*>(__builtin_frame_address(0));
                  r->call();
                  return nullptr;
                },
                &run),
            0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  ASSERT_EQ(pthread_attr_destroy(&attributes), 0);
  size_t left = 0;
  const uint8_t* deepest = nullptr;
  for (const uint8_t* p = base; p < run.frame - 2048; ++p) {
    if (*p != kPaint && deepest == nullptr) deepest = p;
    if (*p != kPaint && *p != 0) ++left;
  }
  ASSERT_NE(deepest, nullptr);
  testing::Test::RecordProperty("stack_bytes", static_cast<int>(run.frame - deepest));
  EXPECT_LT(left, 200u) << "and the stack was used for " << run.frame - deepest << " bytes";
}

TEST_F(MlKemTest, NothingSecretStaysOnTheStack) {
  if (kInstrumented) GTEST_SKIP() << "sanitizers have frames of their own size";
  ExpectStackWiped([this] { EXPECT_TRUE(GenerateKemKey(&env_, key_.get()).ok()); });
  ExpectStackWiped(
      [this] { EXPECT_TRUE(Encapsulate(&env_, public_key_, ciphertext_.data(), &shared_).ok()); });
  ExpectStackWiped([this] { EXPECT_TRUE(Decapsulate(*key_, ciphertext_, &shared_).ok()); });
}

}  // namespace
}  // namespace svr2::crypto
