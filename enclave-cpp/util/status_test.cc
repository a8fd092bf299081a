// SPDX-License-Identifier: Apache-2.0
//
// Status and Result: a value or an error, never both, and no access to what is not there. And the
// mutex under them all.

#include "util/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "util/mutex.h"

namespace svr2 {
namespace {

TEST(StatusTest, OkAndErrors) {
  EXPECT_TRUE(Status().ok());
  EXPECT_EQ(Status(), Status::Ok());
  const Status failed = proto::ERROR_INTERNAL;
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(failed.error(), proto::ERROR_INTERNAL);
  EXPECT_NE(failed, Status::Ok());
  EXPECT_NE(failed, Status(proto::ERROR_OUT_OF_MEMORY));
}

TEST(ResultTest, AValue) {
  Result<int> result = 5;
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(*result, 5);
  EXPECT_EQ(result.value(), 5);
  EXPECT_EQ(result.error(), proto::OK);
  EXPECT_TRUE(result.status().ok());
  *result = 6;
  EXPECT_EQ(*result, 6);
}

TEST(ResultTest, AnError) {
  const Result<int> from_error = proto::ERROR_INTERNAL;
  const Result<int> from_status = Status(proto::ERROR_INTERNAL);
  for (const Result<int>& result : {from_error, from_status}) {
    EXPECT_FALSE(result.ok());
    EXPECT_EQ(result.error(), proto::ERROR_INTERNAL);
    EXPECT_EQ(result.status(), Status(proto::ERROR_INTERNAL));
  }
}

TEST(ResultTest, MoveOnlyValues) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(**result, 7);
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 7);
}

TEST(ResultTest, MisuseStopsTheProgram) {
  Result<int> failed = proto::ERROR_INTERNAL;
  EXPECT_DEATH((void)*failed, "");
  EXPECT_DEATH((void)failed.value(), "");
  EXPECT_DEATH((void)std::move(failed).value(), "");
  EXPECT_DEATH((void)Result<int>{proto::OK}, "");
  EXPECT_DEATH((void)Result<int>{Status::Ok()}, "");
}

Status Passes(Status status, int* reached) {
  SVR2_RETURN_IF_ERROR(status);
  ++*reached;
  return Status::Ok();
}
Result<int> PassesResult(Status status) {
  SVR2_RETURN_IF_ERROR(status);
  return 1;
}

TEST(StatusTest, ReturnIfErrorReturnsJustErrors) {
  int reached = 0;
  EXPECT_TRUE(Passes(Status::Ok(), &reached).ok());
  EXPECT_EQ(reached, 1);
  EXPECT_EQ(Passes(proto::ERROR_INTERNAL, &reached), proto::ERROR_INTERNAL);
  EXPECT_EQ(reached, 1);
  EXPECT_EQ(PassesResult(proto::ERROR_INTERNAL).error(), proto::ERROR_INTERNAL);
  EXPECT_EQ(*PassesResult(Status::Ok()), 1);
}

TEST(CheckTest, StopsTheProgramWhenFalseAndOnlyThen) {
  SVR2_CHECK(1 + 1 == 2);
  EXPECT_DEATH(SVR2_CHECK(1 + 1 == 3), "");
}

TEST(MutexTest, OneAtATime) {
  struct {
    util::Mutex mutex;
    int count SVR2_GUARDED_BY(mutex) = 0;
  } shared;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&shared] {
      for (int j = 0; j < 10'000; ++j) {
        util::MutexLock lock(&shared.mutex);
        ++shared.count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  util::MutexLock lock(&shared.mutex);
  EXPECT_EQ(shared.count, 40'000);
  std::thread([&shared] {
    const bool taken = shared.mutex.TryLock();
    EXPECT_FALSE(taken);
    if (taken) shared.mutex.Unlock();
  }).join();
}

}  // namespace
}  // namespace svr2
