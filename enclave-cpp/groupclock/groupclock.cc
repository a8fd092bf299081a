// SPDX-License-Identifier: Apache-2.0
//
// The middle of the clocks.

#include "groupclock/groupclock.h"

#include <algorithm>

namespace svr2::groupclock {

Status GroupClock::SetPeer(const PeerId& peer, uint64_t unix_ms) {
  const auto known = peer_seconds_.find(peer);
  if (known != peer_seconds_.end()) {
    known->second = unix_ms / 1000;
    return Status::Ok();
  }
  if (peer_seconds_.size() >= kMaxPeers) return proto::ERROR_INVALID_ARGUMENT;
  peer_seconds_.emplace(peer, unix_ms / 1000);
  return Status::Ok();
}

Result<uint64_t> GroupClock::Seconds(const std::vector<PeerId>& other_voters, bool own_votes,
                                     size_t quorum) const {
  if (!own_seconds_.has_value()) return proto::ERROR_GROUPCLOCK_NO_QUORUM;
  std::vector<uint64_t> values;
  values.reserve(other_voters.size() + 1);
  for (const PeerId& voter : other_voters) {
    const auto known = peer_seconds_.find(voter);
    if (known != peer_seconds_.end()) values.push_back(known->second);
  }
  if (values.size() + (own_votes ? 1 : 0) < quorum) return proto::ERROR_GROUPCLOCK_NO_QUORUM;
  values.push_back(*own_seconds_);
  const size_t middle = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(middle),
                   values.end());
  return values[middle];
}

}  // namespace svr2::groupclock
