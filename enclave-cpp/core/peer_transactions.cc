// SPDX-License-Identifier: Apache-2.0

#include "core/peer_transactions.h"

namespace svr2::core {

Result<uint64_t> PeerTransactions::Begin(const raft::PeerId& peer, Kind kind, uint64_t reference,
                                         uint64_t now_tick, uint64_t timeout_ticks) {
  util::MutexLock lock(&mutex_);
  if (open_.size() >= kMaxOpen) return proto::ERROR_PEERS_REQUEST_TIMEOUT;
  Open entry;
  entry.id = next_id_++;
  entry.peer = peer;
  entry.kind = kind;
  entry.reference = reference;
  entry.begun_tick = now_tick;
  entry.deadline_tick = now_tick + timeout_ticks;
  open_.emplace(entry.id, entry);
  return entry.id;
}

std::optional<PeerTransactions::Open> PeerTransactions::Take(const raft::PeerId& peer,
                                                             uint64_t id) {
  util::MutexLock lock(&mutex_);
  const auto found = open_.find(id);
  if (found == open_.end() || found->second.peer != peer) return std::nullopt;
  const Open entry = found->second;
  open_.erase(found);
  return entry;
}

template <typename Predicate>
std::vector<PeerTransactions::Open> PeerTransactions::TakeIf(Predicate predicate) {
  std::vector<Open> taken;
  util::MutexLock lock(&mutex_);
  for (auto it = open_.begin(); it != open_.end();) {
    if (!predicate(it->second)) {
      ++it;
      continue;
    }
    taken.push_back(it->second);
    it = open_.erase(it);
  }
  return taken;
}

std::vector<PeerTransactions::Open> PeerTransactions::TakeOfPeer(const raft::PeerId& peer) {
  return TakeIf([&peer](const Open& entry) { return entry.peer == peer; });
}

std::vector<PeerTransactions::Open> PeerTransactions::TakeExpired(uint64_t now_tick) {
  return TakeIf([now_tick](const Open& entry) { return entry.deadline_tick <= now_tick; });
}

size_t PeerTransactions::size() const {
  util::MutexLock lock(&mutex_);
  return open_.size();
}

}  // namespace svr2::core
