// SPDX-License-Identifier: Apache-2.0
//
// The C functions against the echo enclave: loading, isolation, limits, buffers, re-entry, closing.

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <string>
#include <thread>
#include <vector>

#include "native_testing.h"
#include "svr2_bridge.h"

namespace svr2::bridge {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kMalformedMessage = 100;
constexpr uint32_t kNotInitialized = 103;
constexpr uint32_t kAlreadyInitialized = 104;
constexpr uint32_t kOutOfMemory = 2;
constexpr uint32_t kOutputFailed = 113;

size_t OpenFiles() {
  DIR* dir = opendir("/proc/self/fd");
  size_t count = 0;
  while (readdir(dir) != nullptr) ++count;
  closedir(dir);
  return count;
}

// A gate that threads wait at, inside an output callback.
class Gate {
 public:
  uint32_t Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    return 0;
  }
  void AwaitWaiting(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ >= count; });
  }
  void Open() {
    std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

TEST(BridgeLoadTest, MissingFileIsNamed) {
  TestEnclave enclave("/no/such/image");
  EXPECT_EQ(enclave.created(), uint32_t{SVR2_BRIDGE_IMAGE_UNREADABLE});
  EXPECT_THAT(enclave.words(), HasSubstr("/no/such/image: No such file"));
}

TEST(BridgeLoadTest, FolderIsNoImage) {
  TestEnclave enclave("/tmp");
  EXPECT_EQ(enclave.created(), uint32_t{SVR2_BRIDGE_IMAGE_UNREADABLE});
}

TEST(BridgeLoadTest, AlteredImageDoesNotLoad) {
  std::string image = EchoImage();
  image[image.size() / 2] = static_cast<char>(image[image.size() / 2] ^ 1);
  const TempFile file(image);
  TestEnclave enclave(file.path());
  EXPECT_EQ(enclave.created(), uint32_t{SVR2_BRIDGE_IMAGE_SIGNATURE});
  EXPECT_THAT(enclave.words(), HasSubstr(file.path()));
}

TEST(BridgeLoadTest, SignedButNoObjectSaysWhatTheLoaderSays) {
  const TempFile file(SignedImage("not an object", kTestConf));
  TestEnclave enclave(file.path());
  EXPECT_EQ(enclave.created(), uint32_t{SVR2_BRIDGE_IMAGE_LOAD});
  EXPECT_THAT(enclave.words(), HasSubstr("glibc"));
}

TEST(BridgeLoadTest, PlatformsNotBuiltInAreNamed) {
  svr2_enclave* enclave = nullptr;
  const svr2_output_callback output = [](void*, const uint8_t*, size_t) { return 0u; };
  const std::string path = EchoImagePath();
  EXPECT_EQ(svr2_bridge_create(7, path.c_str(), 0, output, nullptr, &enclave),
            uint32_t{SVR2_BRIDGE_UNKNOWN_PLATFORM});
  EXPECT_THAT(svr2_bridge_last_error(), HasSubstr("no platform 7"));
  const uint32_t open_enclave = 1u << SVR2_PLATFORM_OE_SIMULATION | 1u << SVR2_PLATFORM_SGX;
  EXPECT_EQ(svr2_bridge_platforms() & ~open_enclave, 1u << SVR2_PLATFORM_LOCAL);
  if ((svr2_bridge_platforms() & open_enclave) != 0) {
    EXPECT_EQ(svr2_bridge_platforms() & open_enclave, open_enclave);
    GTEST_SKIP() << "built with an Open Enclave SDK";
  }
  EXPECT_EQ(svr2_bridge_create(SVR2_PLATFORM_SGX, path.c_str(), 0, output, nullptr, &enclave),
            uint32_t{SVR2_BRIDGE_UNKNOWN_PLATFORM});
  EXPECT_THAT(svr2_bridge_last_error(), HasSubstr("without platform sgx: no Open Enclave SDK"));
}

TEST(BridgeLoadTest, BadArguments) {
  svr2_enclave* enclave = nullptr;
  const svr2_output_callback output = [](void*, const uint8_t*, size_t) { return 0u; };
  const uint32_t bad = SVR2_BRIDGE_BAD_ARGUMENT;
  EXPECT_EQ(svr2_bridge_create(1, nullptr, 0, output, nullptr, &enclave), bad);
  EXPECT_EQ(svr2_bridge_create(1, "x", 0, nullptr, nullptr, &enclave), bad);
  EXPECT_EQ(svr2_bridge_create(1, "x", 0, output, nullptr, nullptr), bad);
  EXPECT_EQ(svr2_bridge_create(1, "x", 2, output, nullptr, &enclave), bad);
  uint8_t byte = 0;
  EXPECT_EQ(svr2_bridge_input(nullptr, &byte, 1), bad);
  EXPECT_EQ(svr2_bridge_input(reinterpret_cast<svr2_enclave*>(uintptr_t{0x7ff}), &byte, 1), bad);
  EXPECT_EQ(svr2_bridge_destroy(nullptr), 0u);
}

TEST(BridgeLoadTest, DebugOnlyWhereTheImageAllowsIt) {
  std::string conf = kTestConf;
  conf.replace(conf.find("Debug=1"), 7, "Debug=0");
  const TempFile file(SignedImage(EchoObject(), conf));
  TestEnclave refused(file.path(), SVR2_CREATE_DEBUG);
  EXPECT_EQ(refused.created(), uint32_t{SVR2_BRIDGE_DEBUG_NOT_ALLOWED});
  TestEnclave plain(file.path());
  EXPECT_EQ(plain.created(), 0u);
  TestEnclave debug(EchoImagePath(), SVR2_CREATE_DEBUG);
  ASSERT_EQ(debug.Init(), 0u);
  EXPECT_EQ(debug.Ask("m").at(32), 1);
}

TEST(BridgeLoadTest, InspectDescribesOrSaysWhy) {
  char text[1024];
  ASSERT_EQ(svr2_bridge_inspect(EchoImagePath().c_str(), text, sizeof(text)), 0u);
  EXPECT_THAT(text, HasSubstr("platform=local\nmeasurement="));
  EXPECT_THAT(text, HasSubstr("\nNumTCS="));
  EXPECT_EQ(svr2_bridge_inspect("/no/such", text, sizeof(text)),
            uint32_t{SVR2_BRIDGE_IMAGE_UNREADABLE});
  EXPECT_THAT(text, HasSubstr("/no/such"));
  char small[4];
  svr2_bridge_inspect(EchoImagePath().c_str(), small, sizeof(small));
  EXPECT_STREQ(small, "pla");
}

// The bytes that were checked run, whatever happens to the file afterwards.
TEST(BridgeLoadTest, RunsTheBytesThatWereCheckedAndLeavesNothingOpen) {
  const size_t before = OpenFiles();
  for (int i = 0; i < 20; ++i) {
    TestEnclave enclave;
    ASSERT_EQ(enclave.created(), 0u) << enclave.words();
    EXPECT_EQ(enclave.Init(), 0u);
  }
  EXPECT_EQ(OpenFiles(), before);
  EXPECT_EQ(svr2_bridge_live(), 0u);
}

TEST(BridgeCallTest, InitOnceAndBeforeInput) {
  TestEnclave enclave;
  EXPECT_EQ(enclave.Input("n"), kNotInitialized);
  EXPECT_EQ(enclave.Init(), 0u);
  EXPECT_NE(enclave.peer_id(), std::string(32, '\0'));
  EXPECT_EQ(enclave.Init(), kAlreadyInitialized);
  EXPECT_EQ(enclave.Input("n"), 0u);
}

TEST(BridgeCallTest, EmptyAndNullInput) {
  TestEnclave enclave;
  ASSERT_EQ(enclave.Init(), 0u);
  EXPECT_EQ(enclave.Input(""), kMalformedMessage);
  EXPECT_EQ(svr2_bridge_input(enclave.handle(), nullptr, 0), kMalformedMessage);
  EXPECT_EQ(svr2_bridge_input(enclave.handle(), nullptr, 1), uint32_t{SVR2_BRIDGE_BAD_ARGUMENT});
  EXPECT_EQ(svr2_bridge_init(enclave.handle(), nullptr, 0, nullptr),
            uint32_t{SVR2_BRIDGE_BAD_ARGUMENT});
}

TEST(BridgeCallTest, BytesOfAllSizesComeBack) {
  TestEnclave enclave;
  ASSERT_EQ(enclave.Init(), 0u);
  for (size_t size : {1u, 2u, 4095u, 4096u, 4097u, 65536u, 1u << 20, (1u << 20) + 1, 5u << 20}) {
    std::string message(size, 'x');
    for (size_t i = 0; i < size; ++i) message[i] = static_cast<char>(i * 31);
    message[0] = 'e';
    EXPECT_EQ(enclave.Ask(message), message);
  }
}

TEST(BridgeCallTest, TheEnclaveWorksOnItsOwnCopy) {
  TestEnclave enclave;
  ASSERT_EQ(enclave.Init(), 0u);
  const std::string message = "w" + std::string(9999, 'a');
  const std::string before = message;
  EXPECT_EQ(enclave.Ask(message), "w");
  EXPECT_EQ(message, before);
}

TEST(BridgeCallTest, RefusedOutputIsToldToTheEnclave) {
  TestEnclave enclave;
  ASSERT_EQ(enclave.Init(), 0u);
  enclave.OnOutput([](const std::string&) { return 7u; });
  EXPECT_EQ(enclave.Input("e"), kOutputFailed);
  enclave.OnOutput([](const std::string&) -> uint32_t { throw std::string("oops"); });
  EXPECT_EQ(enclave.Input("e"), kOutputFailed);
}

TEST(BridgeCallTest, OutputsComeInOrder) {
  TestEnclave enclave;
  ASSERT_EQ(enclave.Init(), 0u);
  ASSERT_EQ(enclave.Input(Command('o', 1000)), 0u);
  const std::vector<std::string> out = enclave.TakeOutput();
  ASSERT_EQ(out.size(), 1000u);
  for (size_t i = 0; i < out.size(); ++i) {
    EXPECT_EQ(static_cast<uint8_t>(out[i][0]) | static_cast<uint8_t>(out[i][1]) << 8,
              static_cast<int>(i));
  }
}

TEST(BridgeHeapTest, LimitIsNumHeapPagesAndIsReached) {
  const TempFile file(SignedImage(EchoObject(), kTestConf));
  TestEnclave enclave(file.path());
  ASSERT_EQ(enclave.Init(), 0u);
  const std::vector<uint64_t> before = enclave.AskNumbers("h");
  EXPECT_EQ(before.at(1), 4096u * 4096u);
  EXPECT_LT(before.at(0), before.at(1) / 8);
  for (uint32_t kib : {1u, 4u, 7u, 64u, 1024u}) {
    const uint64_t got = enclave.AskNumbers(Command('a', kib)).at(0);
    EXPECT_LE(got + before.at(0), before.at(1)) << kib;
    EXPECT_GT(got, before.at(1) * 3 / 4) << kib;
  }
  EXPECT_EQ(enclave.AskNumbers("h").at(0), before.at(0)) << "something was not given back";
}

TEST(BridgeHeapTest, MessageLargerThanTheHeapIsRefused) {
  const TempFile file(SignedImage(EchoObject(), kTestConf));
  TestEnclave enclave(file.path());
  ASSERT_EQ(enclave.Init(), 0u);
  EXPECT_EQ(enclave.Input(std::string(20 << 20, 'e')), kOutOfMemory);
  EXPECT_EQ(enclave.Ask("e still there"), "e still there");
}

TEST(BridgeIsolationTest, InstancesShareNothing) {
  TestEnclave a, b;
  ASSERT_EQ(a.Init(), 0u);
  EXPECT_EQ(b.Input("n"), kNotInitialized);
  ASSERT_EQ(b.Init(), 0u);
  for (uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(a.AskNumbers("c").at(0), i);
  EXPECT_EQ(b.AskNumbers("c").at(0), 1u);
  const uint64_t used = b.AskNumbers("h").at(0);
  EXPECT_GT(a.AskNumbers(Command('a', 64)).at(0), 0u);
  EXPECT_EQ(b.AskNumbers("h").at(0), used);
  EXPECT_NE(a.Ask("v"), b.Ask("v"));
}

TEST(BridgeIsolationTest, ManyAtOnceAndInAnyOrder) {
  std::vector<std::unique_ptr<TestEnclave>> enclaves;
  for (int i = 0; i < 50; ++i) {
    enclaves.push_back(std::make_unique<TestEnclave>());
    ASSERT_EQ(enclaves.back()->created(), 0u) << i << ": " << enclaves.back()->words();
    ASSERT_EQ(enclaves.back()->Init(), 0u);
    if (i % 3 == 2) enclaves.erase(enclaves.begin() + i / 3);
    EXPECT_EQ(enclaves.back()->AskNumbers("c").at(0), 1u);
  }
}

TEST(BridgeThreadsTest, NumTcsIsTheLimit) {
  TestEnclave enclave;
  ASSERT_EQ(enclave.Init(), 0u);
  const uint32_t limit = svr2_bridge_num_tcs(enclave.handle());
  ASSERT_EQ(limit, 4u);
  Gate gate;
  enclave.OnOutput([&](const std::string&) { return gate.Wait(); });
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < limit; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(enclave.Input("e"), 0u); });
  }
  gate.AwaitWaiting(static_cast<int>(limit));
  EXPECT_EQ(enclave.Input("n"), uint32_t{SVR2_BRIDGE_OUT_OF_THREADS});
  uint8_t measurement[32];
  EXPECT_EQ(svr2_bridge_measurement(enclave.handle(), measurement), 0u);
  gate.Open();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(enclave.Input("n"), 0u);
}

TEST(BridgeThreadsTest, ManyThreadsCallAtOnce) {
  TestEnclave enclave;
  ASSERT_EQ(enclave.Init(), 0u);
  enclave.OnOutput([](const std::string&) { return 0u; });
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const std::string message =
            "e" + std::string(static_cast<size_t>((i * 37 + t) % 9000), 'x');
        if (enclave.Input(message) != 0) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
}

TEST(BridgeReentryTest, RefusedFromTheCallbackButNotForOthers) {
  TestEnclave enclave, other;
  ASSERT_EQ(enclave.Init(), 0u);
  ASSERT_EQ(other.Init(), 0u);
  std::vector<uint32_t> results;
  enclave.OnOutput([&](const std::string&) {
    results.push_back(enclave.Input("n"));
    results.push_back(enclave.Init());
    results.push_back(svr2_bridge_destroy(enclave.handle()));
    results.push_back(other.Input("n"));
    return 0u;
  });
  other.OnOutput([&](const std::string&) {
    results.push_back(enclave.Input("n"));  // Two levels down it is still re-entry.
    return 0u;
  });
  EXPECT_EQ(enclave.Input("e"), 0u);
  const uint32_t reentered = SVR2_BRIDGE_REENTERED;
  EXPECT_EQ(results, (std::vector<uint32_t>{reentered, reentered, reentered, 0}));
  results.clear();
  enclave.OnOutput([&](const std::string&) {
    results.push_back(other.Input("e"));
    return 0u;
  });
  EXPECT_EQ(enclave.Input("e"), 0u);
  EXPECT_EQ(results, (std::vector<uint32_t>{reentered, 0}));
  EXPECT_EQ(enclave.Input("n"), 0u);
}

TEST(BridgeCloseTest, WaitsForCallsInsideAndThenIsClosed) {
  TestEnclave enclave;
  ASSERT_EQ(enclave.Init(), 0u);
  Gate gate;
  enclave.OnOutput([&](const std::string&) { return gate.Wait(); });
  std::thread inside([&] { EXPECT_EQ(enclave.Input("e"), 0u); });
  gate.AwaitWaiting(1);
  std::atomic<int> destroyed{0};
  std::vector<std::thread> destroyers;
  for (int i = 0; i < 3; ++i) {
    destroyers.emplace_back([&] {
      const uint32_t result = svr2_bridge_destroy(enclave.handle());
      if (result == 0) ++destroyed;
      EXPECT_TRUE(result == 0 || result == SVR2_BRIDGE_CLOSED);
    });
  }
  while (enclave.Input("n") != SVR2_BRIDGE_CLOSED) std::this_thread::yield();
  EXPECT_EQ(destroyed.load(), 0);
  gate.Open();
  inside.join();
  for (std::thread& thread : destroyers) thread.join();
  EXPECT_EQ(destroyed.load(), 1);
  EXPECT_EQ(enclave.Input("n"), uint32_t{SVR2_BRIDGE_CLOSED});
  EXPECT_EQ(svr2_bridge_num_tcs(enclave.handle()), 0u);
  EXPECT_EQ(svr2_bridge_destroy(enclave.handle()), uint32_t{SVR2_BRIDGE_CLOSED});
}

TEST(BridgeCloseTest, AnOldHandleIsNotTheNextEnclave) {
  svr2_enclave* old = nullptr;
  {
    TestEnclave enclave;
    old = enclave.handle();
  }
  TestEnclave next;
  ASSERT_EQ(next.Init(), 0u);
  const uint8_t message[] = {'n'};
  EXPECT_EQ(svr2_bridge_input(old, message, 1), uint32_t{SVR2_BRIDGE_CLOSED});
  EXPECT_EQ(svr2_bridge_destroy(old), uint32_t{SVR2_BRIDGE_CLOSED});
  EXPECT_EQ(next.Input("n"), 0u);
}

TEST(BridgeAbortTest, AFailedAssertionEndsTheEnclaveAndNotTheProcess) {
  TestEnclave enclave, bystander;
  ASSERT_EQ(enclave.Init(), 0u);
  ASSERT_EQ(bystander.Init(), 0u);
  EXPECT_EQ(enclave.Input("x"), uint32_t{SVR2_BRIDGE_ABORTED});
  EXPECT_EQ(enclave.Input("n"), uint32_t{SVR2_BRIDGE_ABORTED});
  EXPECT_EQ(bystander.Input("n"), 0u);
  EXPECT_EQ(bystander.Input("t"), uint32_t{SVR2_BRIDGE_ABORTED}) << "an exception at the border";
}

TEST(BridgeAbortTest, ThreadsThatNeverComeOutDoNotHoldUpClosing) {
  TestEnclave enclave;
  ASSERT_EQ(enclave.Init(), 0u);
  Gate gate;
  enclave.OnOutput(
      [&](const std::string& message) { return message[0] == 'e' ? gate.Wait() : 0u; });
  std::thread inside([&] { EXPECT_EQ(enclave.Input("e"), 0u); });
  gate.AwaitWaiting(1);
  EXPECT_EQ(enclave.Input("x"), uint32_t{SVR2_BRIDGE_ABORTED});
  EXPECT_EQ(svr2_bridge_destroy(enclave.handle()), uint32_t{SVR2_BRIDGE_ABORTED});
  gate.Open();  // It runs on in memory that is still there.
  inside.join();
  EXPECT_EQ(enclave.Input("n"), uint32_t{SVR2_BRIDGE_CLOSED});
}

}  // namespace
}  // namespace svr2::bridge
