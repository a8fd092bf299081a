// SPDX-License-Identifier: Apache-2.0
//
// How deep the stack gets. Nothing checks an enclave's stack at run time (open-enclave.md: its
// guard pages can be written), so NumStackPages must leave a margin over the deepest path: half of
// it here, for other compilers and flags. Measured with the test's own frames on top, which makes
// it an upper bound.

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>

#include <fstream>
#include <functional>
#include <string>

#include "core/hosts_testing.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kInstrumented = true;
#elif defined(__has_feature)
constexpr bool kInstrumented = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kInstrumented = false;
#endif

namespace svr2::core {
namespace {

const char kData[] = "a secret of 32 bytes, quite enou";
constexpr size_t kPageBytes = 4096;

// NumStackPages of both images, in bytes.
size_t StackBytesOfImages() {
  size_t least = SIZE_MAX;
  for (const char* name : {"../svr2.conf", "../svr2_test.conf"}) {
    std::ifstream file(name);
    const std::string key = "NumStackPages=";
    for (std::string line; std::getline(file, line);) {
      if (line.rfind(key, 0) != 0) continue;
      least = std::min<size_t>(least, std::stoul(line.substr(key.size())) * kPageBytes);
    }
  }
  return least;
}

// Bytes of stack that `scene` used, on a thread whose stack was painted before.
size_t StackUsed(const std::function<void()>& scene) {
  constexpr size_t kBytes = size_t{4} << 20;
  constexpr uint8_t kPaint = 0xa7;
  void* const memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  SVR2_CHECK(memory != MAP_FAILED);
  auto* const base = static_cast<uint8_t*>(memory);
  std::fill_n(base, kBytes, kPaint);
  struct Run {
    const std::function<void()>* scene;
    const uint8_t* frame;
  } run{&scene, nullptr};
  pthread_attr_t attributes;
  SVR2_CHECK(pthread_attr_init(&attributes) == 0);
  SVR2_CHECK(pthread_attr_setstack(&attributes, base, kBytes) == 0);
  pthread_t thread;
  const auto body = [](void* argument) -> void* {
    Run* const r = static_cast<Run*>(argument);
    r->frame = static_cast<const uint8_t*>(__builtin_frame_address(0));
    (*r->scene)();
    return nullptr;
  };
  SVR2_CHECK(pthread_create(&thread, &attributes, body, &run) == 0);
  SVR2_CHECK(pthread_join(thread, nullptr) == 0);
  SVR2_CHECK(pthread_attr_destroy(&attributes) == 0);
  const uint8_t* deepest = base;
  while (*deepest == kPaint) ++deepest;
  const auto used = static_cast<size_t>(run.frame - deepest);
  SVR2_CHECK(munmap(memory, kBytes) == 0);
  return used;
}

void ExpectMargin(const char* what, const std::function<void()>& scene) {
  if (kInstrumented) GTEST_SKIP() << "sanitizers have frames of their own size";
  const size_t used = StackUsed(scene);
  std::printf("%s: %zu KiB of stack\n", what, (used + 1023) / 1024);
  EXPECT_GT(used, kPageBytes);
  EXPECT_LT(used, StackBytesOfImages() / 2) << "NumStackPages in svr2.conf, svr2_test.conf";
}

TEST(StackTest, ConfsAreRead) { EXPECT_EQ(StackBytesOfImages() % kPageBytes, 0u); }

TEST(StackTest, ClientsHandshakesAndRequests) {
  TestGroup group;
  group.Form(3);
  ExpectMargin("clients", [&] {
    for (size_t i = 0; i < 3; ++i) {
      TestClient client = TestClient::Connected(&group.host(i), BackupIdOf(i));
      ASSERT_TRUE(group.Call(i, &client, BackupOf(kData, "1234", 3)).has_value());
      ASSERT_TRUE(group.Call(i, &client, ExposeOf(kData)).has_value());
      for (const char* pin : {"1234", "9999", "9999", "9999"}) {
        ASSERT_TRUE(group.Call(i, &client, RestoreOf(pin)).has_value());
      }
    }
  });
}

TEST(StackTest, FoundingJoiningElectingHealing) {
  ExpectMargin("peers", [] {
    TestGroup group;
    group.Form(3);
    TestClient client = TestClient::Connected(&group.host(0), BackupIdOf(1));
    ASSERT_TRUE(group.Call(0, &client, BackupOf(kData, "1234", 3)).has_value());
    const size_t joiner = group.Join();
    ASSERT_TRUE(group.TickUntil([&] { return group.host(joiner).GetStatus().voting(); }));
    group.Kill(*group.Leader());
    ASSERT_TRUE(group.TickUntil([&] { return group.Leader().has_value(); }));
  });
}

// Messages within messages, as deep as the parser goes along.
TEST(StackTest, NestedNonsense) {
  TestGroup group;
  group.Form(3);
  std::string groups;
  for (int i = 0; i < 5000; ++i) groups.push_back('\x7b');  // Field 15, a group begins.
  std::string items;
  for (int i = 0; i < 30; ++i) {
    // items { request { … } } within itself, each with its length.
    if (items.size() > 100) break;
    items = std::string("\x0a") + static_cast<char>(items.size()) + items;
  }
  ExpectMargin("nested", [&] {
    EXPECT_FALSE(group.host(0).core().Input(groups).ok());
    (void)group.host(0).core().Input(items).ok();
  });
}

}  // namespace
}  // namespace svr2::core
