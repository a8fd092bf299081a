// SPDX-License-Identifier: Apache-2.0
//
// All peers of one enclave by id. Bounded: members as many as a group has, strangers (joiners, the
// source of a joiner, whoever the host makes up) kMaxStrangers more. A stranger that is not
// connected and that nobody has asked for in a while is forgotten; what must not be forgotten of a
// member, its highest acknowledged index, is Raft's to keep. Source: protocol.md §5,
// peer-figures.md failure 7.

#ifndef SVR2_PEERS_TABLE_H_
#define SVR2_PEERS_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "peers/peer.h"
#include "raft/membership.h"
#include "util/mutex.h"
#include "util/status.h"

namespace svr2::peers {

inline constexpr size_t kMaxStrangers = 32;
inline constexpr size_t kMaxPeers = raft::kMaxMembers + kMaxStrangers;
// Slots of the integrity tree that all sessions together may take.
inline constexpr uint32_t kMaxTableSlots = static_cast<uint32_t>(kMaxPeers) * Session::kMaxSlots;

// Thread-safe. Its mutex is a leaf: no session's is taken under it.
class Table {
 public:
  explicit Table(const PeerId& self) : self_(self) {}
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Who the members are, from the newest membership; ourselves may be among them. At most
  // raft::kMaxMembers. Whoever is no member any more is a stranger from now on.
  void SetMembers(const std::vector<PeerId>& members) SVR2_EXCLUDES(mutex_);

  // The peer, made when it is not there. It counts as active now. For a peer that we want to reach,
  // and for one that sends a SYN (IsSyn); other messages of an unknown peer are answered with
  // RefusalOf and cost nothing. Fails with ERROR_INVALID_ARGUMENT for our own id and
  // ERROR_PEERS_TOO_MANY.
  Result<std::shared_ptr<Peer>> FindOrCreate(const PeerId& id, uint64_t now_tick)
      SVR2_EXCLUDES(mutex_);

  // The peer, which counts as active now; null when it is not known.
  std::shared_ptr<Peer> Find(const PeerId& id, uint64_t now_tick) SVR2_EXCLUDES(mutex_);

  // Every peer with whom a session stands, ascending by id; and every peer.
  std::vector<std::shared_ptr<Peer>> Connected() const SVR2_EXCLUDES(mutex_);
  std::vector<std::shared_ptr<Peer>> All() const SVR2_EXCLUDES(mutex_);
  size_t connected_count() const SVR2_EXCLUDES(mutex_);
  size_t size() const SVR2_EXCLUDES(mutex_);

  // Forgets every stranger without a session that was not active for `idle_ticks`, and gives its
  // slots back. Returns how many. Fails with ERROR_INTEGRITY_MISMATCH: the caller stops for good.
  // Called without any lock.
  Result<size_t> ForgetIdle(const Surroundings& surroundings, uint64_t now_tick,
                            uint64_t idle_ticks) SVR2_EXCLUDES(mutex_);

 private:
  bool IsMember(const PeerId& id) const SVR2_REQUIRES(mutex_) { return members_.count(id) != 0; }

  const PeerId self_;
  mutable util::Mutex mutex_;
  std::map<PeerId, std::shared_ptr<Peer>> peers_ SVR2_GUARDED_BY(mutex_);
  std::set<PeerId> members_ SVR2_GUARDED_BY(mutex_);
};

}  // namespace svr2::peers

#endif  // SVR2_PEERS_TABLE_H_
