// SPDX-License-Identifier: Apache-2.0
//
// Wiping is seen in memory, also after objects and allocations are gone; comparison gives the right
// answers for every differing bit.

#include "util/secret.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace svr2::util {
namespace {

// True when `size` bytes at `p` are all `value`. The compiler cannot see which object `p` points
// to, so it can assume nothing about bytes whose object is gone.
bool AllEqual(const void* p, size_t size, uint8_t value) {
  __asm__ __volatile__("" : "+r"(p) : : "memory");
  const volatile uint8_t* const bytes = static_cast<const volatile uint8_t*>(p);
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != value) return false;
  }
  return true;
}

constexpr uint8_t kSecretByte = 0xa7;

// What operator delete at the end of this file has seen: blocks, and blocks with a run of 16 secret
// bytes in them.
std::atomic<int> released{0};
std::atomic<int> released_with_secret{0};

void Observe(void* p) {
  if (p == nullptr) return;
  ++released;
  const volatile uint8_t* const bytes = static_cast<const volatile uint8_t*>(p);
  const size_t size = malloc_usable_size(p);
  size_t run = 0;
  for (size_t i = 0; i < size; ++i) {
    run = bytes[i] == kSecretByte ? run + 1 : 0;
    if (run == 16) {
      ++released_with_secret;
      return;
    }
  }
}

TEST(WipeTest, OverwritesJustTheRange) {
  uint8_t buffer[64];
  std::memset(buffer, 0x55, sizeof(buffer));
  Wipe(buffer + 8, 40);
  EXPECT_TRUE(AllEqual(buffer, 8, 0x55));
  EXPECT_TRUE(AllEqual(buffer + 8, 40, 0));
  EXPECT_TRUE(AllEqual(buffer + 48, 16, 0x55));
  Wipe(nullptr, 0);
}

// A dead memset is what an optimizer removes: the object is destroyed and never read again. The
// storage is ours, so that reading it afterwards is defined.
TEST(WipeTest, SecretsAreGoneAfterTheirDestructor) {
  alignas(Secret<32>) unsigned char storage[sizeof(Secret<32>)];
  const Bytes key(32, 0x42);
  auto* const secret = new (storage) Secret<32>{ByteView(key)};
  EXPECT_TRUE(AllEqual(storage, 32, 0x42));
  secret->~Secret();
  EXPECT_TRUE(AllEqual(storage, 32, 0));
}

TEST(WipeTest, EveryCopyOfASecretWipesItself) {
  alignas(Secret<16>) unsigned char storage[sizeof(Secret<16>)];
  const Secret<16> original{ByteView(Bytes(16, 0x24))};
  auto* const copy = new (storage) Secret<16>(original);
  EXPECT_EQ(copy->view(), original.view());
  copy->~Secret();
  EXPECT_TRUE(AllEqual(storage, 16, 0));
  EXPECT_TRUE(AllEqual(original.data(), 16, 0x24));
}

TEST(WipeTest, ADefaultSecretIsZero) {
  const Secret<32> secret;
  EXPECT_TRUE(AllEqual(secret.data(), 32, 0));
  EXPECT_EQ(Secret<32>::size(), 32u);
}

TEST(WipeTest, ScopedWipeWipesAtTheEndOfTheScope) {
  uint8_t buffer[32];
  {
    const ScopedWipe wipe(buffer, sizeof(buffer));
    std::memset(buffer, 0x66, sizeof(buffer));
    EXPECT_TRUE(AllEqual(buffer, sizeof(buffer), 0x66));
  }
  EXPECT_TRUE(AllEqual(buffer, sizeof(buffer), 0));
}

TEST(WipeTest, StringsAreWipedInPlaceAndEmptied) {
  for (const size_t size : {size_t{0}, size_t{5}, size_t{200}}) {
    std::string text(size, 'x');
    const char* const data = text.data();
    Wipe(&text);
    EXPECT_TRUE(text.empty());
    // The capacity, and so the bytes, still belong to the string.
    EXPECT_EQ(text.data(), data);
    EXPECT_TRUE(AllEqual(data, size, 0));
  }
}

TEST(WipeTest, ByteVectorsAreWipedInPlaceAndEmptied) {
  Bytes bytes(100, 0x12);
  const uint8_t* const data = bytes.data();
  Wipe(&bytes);
  EXPECT_TRUE(bytes.empty());
  EXPECT_EQ(bytes.data(), data);
  EXPECT_TRUE(AllEqual(data, 100, 0));
  Bytes none;
  Wipe(&none);
  EXPECT_TRUE(none.empty());
}

TEST(WipeTest, SecretBytesLeaveNoBlockUnwiped) {
  released_with_secret = 0;
  released = 0;
  {
    SecretBytes bytes;
    // Grows many times; each growth gives a block back.
    for (int i = 0; i < 1000; ++i) bytes.insert(bytes.end(), 16, kSecretByte);
    EXPECT_EQ(View(bytes).size(), 16'000u);
  }
  EXPECT_GT(released, 5);
  EXPECT_EQ(released_with_secret, 0);
  // That the observer would have seen it.
  { const Bytes plain(1000, kSecretByte); }
  EXPECT_EQ(released_with_secret, 1);
}

TEST(ConstantTimeEqualTest, EqualOnlyWhenEveryByteIs) {
  for (size_t size = 0; size <= 65; ++size) {
    const Bytes a(size, 0x5c);
    EXPECT_TRUE(ConstantTimeEqual(a, Bytes(size, 0x5c)));
    for (size_t at = 0; at < size; ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        Bytes b = a;
        b[at] = static_cast<uint8_t>(b[at] ^ (1u << bit));
        ASSERT_FALSE(ConstantTimeEqual(a, b)) << size << " " << at;
      }
    }
  }
}

// Two differences must not cancel each other out.
TEST(ConstantTimeEqualTest, DifferencesDoNotCancel) {
  EXPECT_FALSE(ConstantTimeEqual(Bytes{1, 1}, Bytes{2, 2}));
  EXPECT_FALSE(ConstantTimeEqual(Bytes{0, 255}, Bytes{255, 0}));
}

TEST(ConstantTimeEqualTest, OtherSizesAreNotEqual) {
  EXPECT_FALSE(ConstantTimeEqual(Bytes(31), Bytes(32)));
  EXPECT_FALSE(ConstantTimeEqual(Bytes(), Bytes(1)));
  EXPECT_TRUE(ConstantTimeEqual(ByteView(), Bytes()));
}

}  // namespace
}  // namespace svr2::util

// In this test program only: looks at each block that is given back. Both forms of new and delete
// that the program uses are replaced together.
void* operator new(size_t size) {
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
  svr2::util::Observe(p);
  std::free(p);
}
void operator delete(void* p, size_t) noexcept { operator delete(p); }
