// SPDX-License-Identifier: Apache-2.0

#include "peers/table.h"

#include <utility>

namespace svr2::peers {

void Table::SetMembers(const std::vector<PeerId>& members) {
  SVR2_CHECK(members.size() <= raft::kMaxMembers);
  std::set<PeerId> set(members.begin(), members.end());
  util::MutexLock lock(&mutex_);
  members_.swap(set);
}

Result<std::shared_ptr<Peer>> Table::FindOrCreate(const PeerId& id, uint64_t now_tick) {
  if (id == self_) return proto::ERROR_INVALID_ARGUMENT;
  util::MutexLock lock(&mutex_);
  auto found = peers_.find(id);
  if (found == peers_.end()) {
    if (peers_.size() >= kMaxPeers) return proto::ERROR_PEERS_TOO_MANY;
    if (!IsMember(id)) {
      size_t strangers = 0;
      for (const auto& [other, peer] : peers_) {
        if (!IsMember(other)) ++strangers;
      }
      if (strangers >= kMaxStrangers) return proto::ERROR_PEERS_TOO_MANY;
    }
    found = peers_.emplace(id, std::make_shared<Peer>(self_, id)).first;
  }
  found->second->last_active_tick_.store(now_tick, std::memory_order_relaxed);
  return found->second;
}

std::shared_ptr<Peer> Table::Find(const PeerId& id, uint64_t now_tick) {
  util::MutexLock lock(&mutex_);
  const auto found = peers_.find(id);
  if (found == peers_.end()) return nullptr;
  found->second->last_active_tick_.store(now_tick, std::memory_order_relaxed);
  return found->second;
}

std::vector<std::shared_ptr<Peer>> Table::Connected() const {
  std::vector<std::shared_ptr<Peer>> connected;
  util::MutexLock lock(&mutex_);
  for (const auto& [id, peer] : peers_) {
    if (peer->connected()) connected.push_back(peer);
  }
  return connected;
}

std::vector<std::shared_ptr<Peer>> Table::All() const {
  std::vector<std::shared_ptr<Peer>> all;
  util::MutexLock lock(&mutex_);
  for (const auto& [id, peer] : peers_) all.push_back(peer);
  return all;
}

size_t Table::connected_count() const {
  util::MutexLock lock(&mutex_);
  size_t count = 0;
  for (const auto& [id, peer] : peers_) {
    if (peer->connected()) ++count;
  }
  return count;
}

size_t Table::size() const {
  util::MutexLock lock(&mutex_);
  return peers_.size();
}

Result<size_t> Table::ForgetIdle(const Surroundings& surroundings, uint64_t now_tick,
                                 uint64_t idle_ticks) {
  std::vector<std::shared_ptr<Peer>> idle;
  {
    util::MutexLock lock(&mutex_);
    for (auto it = peers_.begin(); it != peers_.end();) {
      const uint64_t active = it->second->last_active_tick_.load(std::memory_order_relaxed);
      const bool forget = !IsMember(it->first) && !it->second->connected() && now_tick >= active &&
                          now_tick - active >= idle_ticks;
      if (!forget) {
        ++it;
        continue;
      }
      idle.push_back(std::move(it->second));
      it = peers_.erase(it);
    }
  }
  // A thread that found one of them just before is told ERROR_PEERS_UNKNOWN from here on.
  for (const std::shared_ptr<Peer>& peer : idle) {
    SVR2_RETURN_IF_ERROR(peer->Forget(surroundings));
  }
  return idle.size();
}

}  // namespace svr2::peers
