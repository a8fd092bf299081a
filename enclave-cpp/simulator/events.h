// SPDX-License-Identifier: Apache-2.0
//
// What happens next: events in the order of their time, and of their making where times are equal.

#ifndef SVR2_SIMULATOR_EVENTS_H_
#define SVR2_SIMULATOR_EVENTS_H_

#include <cstddef>
#include <cstdint>
#include <queue>
#include <vector>

namespace svr2::simulator {

enum class EventKind : uint8_t { kTick, kLink, kReset, kFault, kLoad, kHeal, kStart };

struct Event {
  uint64_t time = 0;  // Hundredths of a tick.
  uint64_t order = 0;
  EventKind kind = EventKind::kTick;
  uint32_t a = 0;  // Host, sending host, or number of the fault.
  uint32_t b = 0;  // Receiving host.
};

// Thread-compatible.
class EventQueue {
 public:
  void Add(uint64_t time, EventKind kind, size_t a = 0, size_t b = 0) {
    events_.push(Event{time, ++order_, kind, static_cast<uint32_t>(a), static_cast<uint32_t>(b)});
  }
  bool empty() const { return events_.empty(); }
  const Event& next() const { return events_.top(); }
  Event Take() {
    const Event event = events_.top();
    events_.pop();
    return event;
  }

 private:
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.time != b.time ? a.time > b.time : a.order > b.order;
    }
  };
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  uint64_t order_ = 0;
};

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_EVENTS_H_
