// SPDX-License-Identifier: Apache-2.0
//
// The network between hosts: one ordered link from each host to each other one. An honest host
// delivers in order or tells that something was lost; what a hostile one does is for the caller,
// who gets each message in turn. Holds what is on the way, which links are cut, and who is slow.

#ifndef SVR2_SIMULATOR_NETWORK_H_
#define SVR2_SIMULATOR_NETWORK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "simulator/random.h"

namespace svr2::simulator {

// Simulated time is counted in hundredths of a tick.
inline constexpr uint64_t kUnitsPerTick = 100;

// Thread-compatible. `Message` is moved in and out.
template <typename Message>
class Network {
 public:
  // On the way on one link; beyond, the link loses its messages.
  static constexpr size_t kMaxQueuedMessages = 4096;

  Network(size_t hosts, Random random)
      : hosts_(hosts), random_(random), links_(hosts * hosts), slow_until_(hosts, 0) {}

  // Gives the message to the link. Returns when the link should be asked again (Take), or nullopt
  // when it is waiting already. `*lost` tells that the message, and so all on the way with it, is
  // lost: an honest host then resets both ends.
  std::optional<uint64_t> Send(size_t from, size_t to, uint64_t now, Message message, bool* lost) {
    Link& link = At(from, to);
    *lost = link.broken || link.queue.size() >= kMaxQueuedMessages ||
            (CutAt(link, now) && !link.keeps) || random_.PerMille(now < loss_until_ ? loss_ : 0);
    if (*lost) {
      link.broken = true;
      return std::nullopt;
    }
    uint64_t delay = random_.Between(1, 40);
    if (now < delay_until_) delay += random_.Below(delay_);
    if (now < std::max(slow_until_[from], slow_until_[to])) delay *= 8;
    link.queue.emplace_back(now + delay, std::move(message));
    if (link.waiting) return std::nullopt;
    link.waiting = true;
    return link.queue.front().first;
  }

  // The next message of the link, when it is due. `*again` is when to ask again, 0 for not at all.
  std::optional<Message> Take(size_t from, size_t to, uint64_t now, uint64_t* again, bool* lost) {
    Link& link = At(from, to);
    *again = 0;
    *lost = false;
    link.waiting = false;
    if (link.queue.empty()) return std::nullopt;
    if (CutAt(link, now)) {
      if (link.keeps) {
        link.waiting = true;
        *again = now + kUnitsPerTick / 2;
      } else {
        link.queue.clear();
        link.broken = *lost = true;
      }
      return std::nullopt;
    }
    std::optional<Message> message;
    if (link.queue.front().first <= now) {
      message = std::move(link.queue.front().second);
      link.queue.pop_front();
    }
    if (!link.queue.empty()) {
      link.waiting = true;
      *again = std::max(now, link.queue.front().first);
    }
    return message;
  }

  // Both directions begin anew; what is on the way is gone.
  void Reset(size_t a, size_t b) {
    for (Link* link : {&At(a, b), &At(b, a)}) {
      link->queue.clear();
      link->broken = false;
    }
  }

  // Nothing passes until then. With `keeps` the host holds messages and sends them later, without
  // it they are lost.
  void Cut(size_t from, size_t to, uint64_t until, bool keeps) {
    Link& link = At(from, to);
    link.cut_until = std::max(link.cut_until, until);
    link.keeps = keeps;
  }
  bool IsCut(size_t from, size_t to, uint64_t now) const {
    return CutAt(links_[from * hosts_ + to], now);
  }
  void SetLoss(uint64_t per_mille, uint64_t until) {
    loss_ = per_mille;
    loss_until_ = until;
  }
  void SetDelay(uint64_t units, uint64_t until) {
    delay_ = units;
    delay_until_ = until;
  }
  void SetSlow(size_t host, uint64_t until) { slow_until_[host] = until; }
  bool IsSlow(size_t host, uint64_t now) const { return now < slow_until_[host]; }

  // No more faults: nothing is cut, slow or lost from now on.
  void Heal() {
    for (Link& link : links_) link.cut_until = 0;
    std::fill(slow_until_.begin(), slow_until_.end(), 0);
    loss_until_ = delay_until_ = 0;
  }

 private:
  struct Link {
    std::deque<std::pair<uint64_t, Message>> queue;
    bool waiting = false;  // An event for it is under way.
    bool broken = false;   // Lost something; nothing passes before the reset.
    bool keeps = false;
    uint64_t cut_until = 0;
  };
  static bool CutAt(const Link& link, uint64_t now) { return now < link.cut_until; }
  Link& At(size_t from, size_t to) { return links_[from * hosts_ + to]; }

  size_t hosts_;
  Random random_;
  std::vector<Link> links_;
  std::vector<uint64_t> slow_until_;
  uint64_t loss_ = 0;
  uint64_t loss_until_ = 0;
  uint64_t delay_ = 1;
  uint64_t delay_until_ = 0;
};

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_NETWORK_H_
