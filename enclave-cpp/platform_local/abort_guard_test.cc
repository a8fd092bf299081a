// SPDX-License-Identifier: Apache-2.0
//
// Each case in a process of its own: an abort is for ever.

#include "platform_local/abort_guard.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "platform_local/local_entry.h"

namespace svr2::platform_local {
namespace {

uint32_t Add(void* argument) { return ++*static_cast<uint32_t*>(argument); }
uint32_t Abort(void*) { AbortEnclave(); }

TEST(AbortGuardTest, PassesResultsThrough) {
  uint32_t number = 41;
  EXPECT_EQ(RunGuarded(Add, &number), 42u);
  EXPECT_EQ(number, 42u);
}

TEST(AbortGuardTest, AnAbortEndsThisCallAndAllLaterOnes) {
  EXPECT_EXIT(
      {
        uint32_t number = 0;
        const bool ok = RunGuarded(Add, &number) == 1 &&
                        RunGuarded(Abort, nullptr) == SVR2_LOCAL_ABORTED &&
                        RunGuarded(Add, &number) == SVR2_LOCAL_ABORTED && number == 1;
        uint32_t elsewhere = 0;
        std::thread([&] { elsewhere = RunGuarded(Add, &number); }).join();
        std::_Exit(ok && elsewhere == SVR2_LOCAL_ABORTED && number == 1 ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(AbortGuardTest, OutsideOfACallTheProcessEnds) {
  EXPECT_EXIT(AbortEnclave(), ::testing::KilledBySignal(SIGABRT), "");
}

}  // namespace
}  // namespace svr2::platform_local
