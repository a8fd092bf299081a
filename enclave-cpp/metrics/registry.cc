// SPDX-License-Identifier: Apache-2.0

#include "metrics/registry.h"

namespace svr2::metrics {

void Registry::Write(proto::MetricsReply* reply) const {
  for (int i = 1; i < proto::Counter_ARRAYSIZE; ++i) {
    if (!proto::Counter_IsValid(i)) continue;
    proto::CounterValue* value = reply->add_counters();
    value->set_counter(static_cast<proto::Counter>(i));
    value->set_value(Get(static_cast<proto::Counter>(i)));
  }
  for (int i = 1; i < proto::Gauge_ARRAYSIZE; ++i) {
    if (!proto::Gauge_IsValid(i)) continue;
    proto::GaugeValue* value = reply->add_gauges();
    value->set_gauge(static_cast<proto::Gauge>(i));
    value->set_value(Get(static_cast<proto::Gauge>(i)));
  }
  for (int i = 1; i < proto::Error_ARRAYSIZE; ++i) {
    if (!proto::Error_IsValid(i)) continue;
    const uint64_t count = GetErrors(static_cast<Error>(i));
    if (count == 0) continue;
    proto::ErrorCount* value = reply->add_errors();
    value->set_error(static_cast<Error>(i));
    value->set_count(count);
  }
}

}  // namespace svr2::metrics
