// SPDX-License-Identifier: Apache-2.0
//
// Membership changes and leadership transfer. Source: protocol.md §4 "Membership", "Leadership
// transfer"; thesis 3.10, 4.1, 4.2.

#include <algorithm>

#include "crypto/hash.h"
#include "raft/raft.h"
#include "util/check.h"

namespace svr2::raft {
namespace {

// The ids are public; the key only gives the hash its size and purpose.
constexpr std::array<uint8_t, 16> kRemovedKey = {'s', 'v', 'r', '2', ' ', 'r', 'e', 'm',
                                                 'o', 'v', 'e', 'd', ' ', 'i', 'd', 's'};

Hash RemovedDigest(const Membership& membership) {
  if (membership.removed().empty()) return Hash{};
  crypto::Blake2bHasher hasher(kRemovedKey, std::tuple_size<Hash>::value);
  for (const PeerId& id : membership.removed()) hasher.Update(id);
  Hash digest;
  hasher.Final(digest.data());
  return digest;
}

}  // namespace

// Whether quorums are needed in the membership before, too.
bool Raft::Joint() const { return options_.group.super_majority > 0 && memberships_.size() > 1; }

bool Raft::RemovedIdsHold(const MembershipAt& at) const {
  return util::ConstantTimeEqual(RemovedDigest(at.membership), at.removed_digest);
}

// In force from now on.
void Raft::Adopt(uint64_t index, Membership membership) {
  MembershipAt at;
  at.index = index;
  at.removed_digest = RemovedDigest(membership);
  at.membership = std::move(membership);
  memberships_.push_back(std::move(at));
  if (role_ == Role::kLeader) RefreshProgress();
}

// Brings progress_ in line with the memberships, keeping what is known of each member.
void Raft::RefreshProgress() {
  const Membership& now = membership();
  const MembershipAt* const before =
      memberships_.size() > 1 ? &memberships_[memberships_.size() - 2] : nullptr;
  std::vector<Progress> refreshed;
  const auto add = [this, &refreshed](const PeerId& id) -> Progress& {
    const Progress* const known = FindProgress(id);
    refreshed.push_back(known == nullptr ? Progress{} : *known);
    Progress& progress = refreshed.back();
    progress.id = id;
    if (known == nullptr) progress.next = log_.last_index() + 1;
    progress.rolled_back = IsRolledBack(id);
    progress.voted_before = false;
    return progress;
  };
  for (const Member& member : now.members()) {
    if (member.id == self_) continue;
    Progress& progress = add(member.id);
    progress.member = true;
    progress.voting = member.voting;
  }
  const auto leave = [&add, &now, this](const PeerId& id) {
    if (now.IsMember(id) || id == self_) return;
    Progress& progress = add(id);
    if (progress.member) progress.removed_at = membership_index();
    progress.member = progress.voting = false;
  };
  const size_t members = refreshed.size();
  for (const Progress& progress : progress_) leave(progress.id);
  if (before != nullptr) {
    for (const Member& member : before->membership.members()) {
      const auto same = [&member](const Progress& other) { return other.id == member.id; };
      if (std::none_of(refreshed.begin(), refreshed.end(), same)) leave(member.id);
    }
  }
  while (refreshed.size() > members + kMaxLeaving) {
    refreshed.erase(refreshed.begin() + static_cast<ptrdiff_t>(members));
  }
  progress_ = std::move(refreshed);
  votes_ = now.IsVoter(self_);
  voted_before_ = Joint() && before->membership.IsVoter(self_);
  if (!Joint()) return;
  for (Progress& progress : progress_) {
    progress.voted_before = before->membership.IsVoter(progress.id);
  }
}

// After the commit index rose.
void Raft::MembershipsCommitted() {
  if (memberships_.size() == 1 || memberships_[1].index > commit_) return;
  while (memberships_.size() > 1 && memberships_[1].index <= commit_) {
    memberships_.erase(memberships_.begin());
    if (!RemovedIdsHold(memberships_.front())) return Stop(proto::ERROR_INTEGRITY_MISMATCH);
    if (memberships_.front().membership.WasRemoved(self_)) return Stop(proto::ERROR_RAFT_REMOVED);
  }
  if (memberships_.size() == 1) {
    const auto gone = [this](const PeerId& id) { return !membership().IsMember(id); };
    rolled_back_.erase(std::remove_if(rolled_back_.begin(), rolled_back_.end(), gone),
                       rolled_back_.end());
  }
  if (role_ != Role::kLeader) return;
  RefreshProgress();
  // It led for the sake of its own demotion (MayLead).
  if (memberships_.size() == 1 && !is_voter()) StepDown();
}

bool Raft::membership_committed() const {
  return memberships_.front().index <= commit_ && memberships_.front().membership.IsMember(self_);
}

Result<Position> Raft::ChangeMembership(ChangeKind kind, const PeerId& id, bool force) {
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (role_ != Role::kLeader) return proto::ERROR_RAFT_NOT_LEADER;
  if (transfer_.has_value()) return proto::ERROR_RAFT_TRANSFER_IN_PROGRESS;
  if (membership_index() > commit_) return proto::ERROR_RAFT_CHANGE_IN_FLIGHT;
  // A change made before could overlap with one of an earlier leader (thesis 4.1; the fault of
  // single-server changes found in 2015).
  if (!own_term_committed()) return proto::ERROR_RAFT_TERM_NOT_COMMITTED;
  if (!RemovedIdsHold(memberships_.back())) {
    Stop(proto::ERROR_INTEGRITY_MISMATCH);
    return proto::ERROR_CORE_STOPPED;
  }
  const bool leaves_voters = kind == ChangeKind::kDemote || kind == ChangeKind::kRemove;
  if (leaves_voters && id == self_) return proto::ERROR_RAFT_IS_LEADER;
  Result<Membership> next = membership().After(kind, id);
  if (!next.ok()) return next.status();
  if (next->voters() < voters() && next->voters() < options_.group.min_voting_replicas && !force) {
    return proto::ERROR_RAFT_BELOW_MIN_VOTERS;
  }
  if (next->voters() > voters() && next->voters() > options_.group.max_voting_replicas) {
    return proto::ERROR_RAFT_MAX_VOTERS;
  }
  const util::Bytes payload = next->Encode();
  if (!log_.HasRoomFor(payload.size())) return proto::ERROR_RAFT_LOG_FULL;
  const Position position = Append(EntryKind::kMembership, payload);
  Adopt(position.index, std::move(*next));
  return position;
}

Status Raft::TransferLeadership(const std::optional<PeerId>& target) {
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (role_ != Role::kLeader) return proto::ERROR_RAFT_NOT_LEADER;
  if (transfer_.has_value()) return proto::ERROR_RAFT_TRANSFER_IN_PROGRESS;
  const auto fits = [&target](const Progress& progress) {
    return progress.voting && !progress.rolled_back && target.value_or(progress.id) == progress.id;
  };
  if (std::none_of(progress_.begin(), progress_.end(), fits)) {
    return proto::ERROR_RAFT_NO_TRANSFER_TARGET;
  }
  Append(EntryKind::kNothing, util::ByteView());
  transfer_ = Transfer{target, false, 0};
  return Status::Ok();
}

bool Raft::transferring() const { return transfer_.has_value(); }

}  // namespace svr2::raft
