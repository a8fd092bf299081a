// SPDX-License-Identifier: Apache-2.0
//
// The registry counts what it is told, and writes every name.

#include "metrics/registry.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace svr2::metrics {
namespace {

TEST(RegistryTest, WritesEveryCounterAndGaugeAndOnlyErrorsThatHappened) {
  Registry registry;
  registry.Increment(proto::COUNTER_TICKS);
  registry.Increment(proto::COUNTER_TICKS, 4);
  registry.Set(proto::GAUGE_ROWS, 7);
  registry.CountError(proto::ERROR_DB_ROWS_FULL);
  registry.CountError(proto::OK);

  proto::MetricsReply reply;
  registry.Write(&reply);

  EXPECT_EQ(reply.counters_size(), proto::Counter_ARRAYSIZE - 1);
  EXPECT_EQ(reply.gauges_size(), proto::Gauge_ARRAYSIZE - 1);
  ASSERT_EQ(reply.errors_size(), 1);
  EXPECT_EQ(reply.errors(0).error(), proto::ERROR_DB_ROWS_FULL);
  EXPECT_EQ(reply.errors(0).count(), 1u);
  EXPECT_EQ(registry.Get(proto::COUNTER_TICKS), 5u);
  EXPECT_EQ(registry.Get(proto::GAUGE_ROWS), 7u);
}

TEST(RegistryTest, LosesNoCountAcrossThreads) {
  Registry registry;
  constexpr int kThreads = 4, kCounts = 10000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&registry] {
      for (int i = 0; i < kCounts; ++i) registry.Increment(proto::COUNTER_CLIENT_REQUESTS);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(registry.Get(proto::COUNTER_CLIENT_REQUESTS), uint64_t{kThreads} * kCounts);
}

}  // namespace
}  // namespace svr2::metrics
