// SPDX-License-Identifier: Apache-2.0

#include "core/healing.h"

namespace svr2::core {

namespace {

using MemberProgress = raft::Raft::MemberProgress;

const MemberProgress* FreshestNonVoter(const HealingOptions& options, uint64_t last_index,
                                       const std::vector<MemberProgress>& others) {
  const MemberProgress* best = nullptr;
  for (const MemberProgress& member : others) {
    if (member.voting || member.rolled_back || member.silent_ticks >= options.fresh_ticks) continue;
    // A leader that has just begun counts silence from then on: who has not answered it may be
    // dead.
    if (member.stored == 0 || member.stored + options.max_lag_entries < last_index) continue;
    if (best == nullptr || member.stored > best->stored) best = &member;
  }
  return best;
}

}  // namespace

std::optional<HealingChange> DecideHealing(const HealingOptions& options, size_t voters,
                                           uint64_t last_index,
                                           const std::vector<MemberProgress>& others) {
  using raft::ChangeKind;
  if (voters < options.group.max_voting_replicas) {
    const MemberProgress* fresh = FreshestNonVoter(options, last_index, others);
    if (fresh != nullptr) return HealingChange{ChangeKind::kPromote, fresh->id};
  }
  const bool spare_voter = voters > options.group.min_voting_replicas;
  for (const MemberProgress& member : others) {
    if (member.rolled_back && (spare_voter || !member.voting)) {
      return HealingChange{ChangeKind::kRemove, member.id};
    }
  }
  const MemberProgress* silent = nullptr;
  for (const MemberProgress& member : others) {
    const bool due = member.voting
                         ? spare_voter && member.silent_ticks >= options.voting_timeout_ticks
                         : member.silent_ticks >= options.membership_timeout_ticks;
    if (!due) continue;
    // Votes first: a dead voter raises the quorum, a dead member costs only memory.
    const bool better =
        silent == nullptr || (member.voting && !silent->voting) ||
        (member.voting == silent->voting && member.silent_ticks > silent->silent_ticks);
    if (better) silent = &member;
  }
  if (silent == nullptr) return std::nullopt;
  return HealingChange{silent->voting ? ChangeKind::kDemote : ChangeKind::kRemove, silent->id};
}

}  // namespace svr2::core
