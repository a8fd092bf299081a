// SPDX-License-Identifier: Apache-2.0
//
// Which membership change a leader should propose next so that the group heals by itself: silent
// voters are demoted, silent members removed, the freshest non-voter promoted while there is room.
// A pure decision over what the leader knows; consensus refuses what is not safe.
// Source: design.md §4 "Healing", protocol.md §4 "Membership" and "Rollback seen".

#ifndef SVR2_CORE_HEALING_H_
#define SVR2_CORE_HEALING_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "raft/membership.h"
#include "raft/raft.h"

namespace svr2::core {

struct HealingOptions {
  raft::GroupConfig group;
  // A member that answered within so many ticks is alive: fit to be promoted.
  uint64_t fresh_ticks = 10;
  // A voter that is silent for longer is demoted (replica_voting_timeout_ticks).
  uint64_t voting_timeout_ticks = 600;
  // A member that is silent for longer is removed (replica_membership_timeout_ticks).
  uint64_t membership_timeout_ticks = 36000;
  // A non-voter that lacks more entries than this is not yet promoted.
  uint64_t max_lag_entries = 1000;
};

struct HealingChange {
  raft::ChangeKind kind = raft::ChangeKind::kPromote;
  raft::PeerId id{};
};

// The change to propose now, or none. `others` is raft::Raft::OtherMembers of the leader, `voters`
// counts it in, `last_index` is its last entry. In this order:
//   1. promote the freshest non-voter while fewer than max vote;
//   2. take the vote from (or remove) one whose memory was rolled back, then from one that is
//      silent, as long as min_voting_replicas still vote;
//   3. remove a non-voter that is silent for too long.
std::optional<HealingChange> DecideHealing(const HealingOptions& options, size_t voters,
                                           uint64_t last_index,
                                           const std::vector<raft::Raft::MemberProgress>& others);

}  // namespace svr2::core

#endif  // SVR2_CORE_HEALING_H_
