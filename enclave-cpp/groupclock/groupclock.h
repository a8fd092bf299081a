// SPDX-License-Identifier: Apache-2.0
//
// Group time: the middle of what the connected voters' hosts and our own say the time is. It
// protects against some lying hosts, not against one operator who owns them all. Ages of evidence
// and the dates in it are judged by it, in seconds. Source: protocol.md §5 "Group time".

#ifndef SVR2_GROUPCLOCK_GROUPCLOCK_H_
#define SVR2_GROUPCLOCK_GROUPCLOCK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "util/status.h"

namespace svr2::groupclock {

using PeerId = std::array<uint8_t, 32>;

// Copyable, thread-compatible. Knows clock values only; who votes and how many make a quorum is
// given with each question, since only Raft knows it.
class GroupClock {
 public:
  // Connected peers whose clocks are kept; bounds the memory. As many as a group has members.
  static constexpr size_t kMaxPeers = 32;

  // Our host's clock, unix milliseconds, from a tick item.
  void SetOwn(uint64_t unix_ms) { own_seconds_ = unix_ms / 1000; }

  // The clock value that a connected peer told last, unix milliseconds. Beyond kMaxPeers peers
  // fails with ERROR_INVALID_ARGUMENT and changes nothing.
  Status SetPeer(const PeerId& peer, uint64_t unix_ms);

  // The peer is no longer connected: its value counts no more. An unknown peer changes nothing.
  void ForgetPeer(const PeerId& peer) { peer_seconds_.erase(peer); }

  // Group time in unix seconds: the middle, the upper for even counts, of the sorted values of the
  // connected peers among `other_voters` and our own. It may be less than the time before. Our own
  // value always takes part in the middle, and counts toward `quorum` only when `own_votes`.
  // `other_voters` are the voters of the membership without us, each once.
  // Fails with ERROR_GROUPCLOCK_NO_QUORUM when fewer than `quorum` voters' values are known, and
  // before the first SetOwn.
  Result<uint64_t> Seconds(const std::vector<PeerId>& other_voters, bool own_votes,
                           size_t quorum) const;

 private:
  std::optional<uint64_t> own_seconds_;
  std::map<PeerId, uint64_t> peer_seconds_;
};

}  // namespace svr2::groupclock

#endif  // SVR2_GROUPCLOCK_GROUPCLOCK_H_
