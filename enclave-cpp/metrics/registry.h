// SPDX-License-Identifier: Apache-2.0
//
// Counters and gauges of one enclave, and how often each error happened. Names are the enums of
// proto/…/metrics.proto and error.proto: bounded, and without any id. A count costs one relaxed
// atomic addition, so every path may count.

#ifndef SVR2_METRICS_REGISTRY_H_
#define SVR2_METRICS_REGISTRY_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "svr2/boundary.pb.h"
#include "svr2/metrics.pb.h"
#include "util/status.h"

namespace svr2::metrics {

// Thread-safe. One per Core; there is no global registry.
class Registry {
 public:
  Registry() = default;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  void Increment(proto::Counter counter, uint64_t by = 1) {
    counters_[Index(counter, kCounters)].fetch_add(by, std::memory_order_relaxed);
  }
  void Set(proto::Gauge gauge, uint64_t value) {
    gauges_[Index(gauge, kGauges)].store(value, std::memory_order_relaxed);
  }
  // Counts a failure; OK is not counted.
  void CountError(Error error) {
    if (error == proto::OK) return;
    errors_[Index(error, kErrors)].fetch_add(1, std::memory_order_relaxed);
  }

  uint64_t Get(proto::Counter counter) const {
    return counters_[Index(counter, kCounters)].load(std::memory_order_relaxed);
  }
  uint64_t Get(proto::Gauge gauge) const {
    return gauges_[Index(gauge, kGauges)].load(std::memory_order_relaxed);
  }
  uint64_t GetErrors(Error error) const {
    return errors_[Index(error, kErrors)].load(std::memory_order_relaxed);
  }

  // Every counter and gauge, and each error that happened at least once. Values of different names
  // need not be of the same moment.
  void Write(proto::MetricsReply* reply) const;

 private:
  static constexpr size_t kCounters = proto::Counter_ARRAYSIZE;
  static constexpr size_t kGauges = proto::Gauge_ARRAYSIZE;
  static constexpr size_t kErrors = proto::Error_ARRAYSIZE;

  template <typename E>
  static size_t Index(E value, size_t size) {
    const size_t index = static_cast<size_t>(value);
    SVR2_CHECK(index < size);
    return index;
  }

  std::array<std::atomic<uint64_t>, kCounters> counters_{};
  std::array<std::atomic<uint64_t>, kGauges> gauges_{};
  std::array<std::atomic<uint64_t>, kErrors> errors_{};
};

}  // namespace svr2::metrics

#endif  // SVR2_METRICS_REGISTRY_H_
