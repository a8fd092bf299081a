// SPDX-License-Identifier: Apache-2.0
//
// What the owner may ask. The rules are in election.cc (votes), follower.cc (appends taken),
// leader.cc (appends made, the two rounds) and change.cc (membership, transfer).

#include "raft/raft.h"

#include <algorithm>
#include <utility>

#include "util/check.h"

namespace svr2::raft {
namespace {

constexpr uint64_t kMinLogBytes = 1024;

Status ValidateOptions(const Options& options) {
  SVR2_RETURN_IF_ERROR(ValidateGroupConfig(options.group));
  if (options.election_ticks < 2 || options.heartbeat_ticks < 1 ||
      options.heartbeat_ticks >= options.election_ticks || options.log.max_bytes < kMinLogBytes ||
      options.log.min_entries < 1 || options.log.max_age_ticks < 1 ||
      options.log.max_age_ticks >= (uint32_t{1} << 31)) {
    return proto::ERROR_INVALID_ARGUMENT;
  }
  return Status::Ok();
}

}  // namespace

Raft::Raft(const Options& options, const PeerId& self, const Position& base, RandomSource random)
    : options_(options),
      self_(self),
      random_(std::move(random)),
      log_(options.log, base),
      promise_(base.index),
      commit_(base.index),
      output_committed_(base.index) {}

Result<Raft> Raft::Found(const Options& options, const PeerId& self, const Hash& group_key,
                         RandomSource random) {
  Result<Raft> raft = NewFounder(options, self, group_key, std::move(random));
  if (!raft.ok()) return raft.error();
  // There is nobody to wait for.
  raft->Campaign();
  if (raft->stopped_.has_value()) return *raft->stopped_;
  return raft;
}

Result<Raft> Raft::NewFounder(const Options& options, const PeerId& self, const Hash& group_key,
                              RandomSource random) {
  SVR2_RETURN_IF_ERROR(ValidateOptions(options));
  Raft raft(options, self, Position{0, 0, group_key}, std::move(random));
  SVR2_RETURN_IF_ERROR(raft.DrawElectionTimeout());
  Membership membership = Membership::Of(self);
  const Position position = raft.Append(EntryKind::kMembership, membership.Encode());
  raft.Adopt(position.index, std::move(membership));
  return raft;
}

Result<Raft> Raft::Join(const Options& options, const PeerId& self, const Position& position,
                        const Membership& membership, uint64_t membership_index,
                        RandomSource random) {
  SVR2_RETURN_IF_ERROR(ValidateOptions(options));
  if (membership.voters() == 0 || membership_index > position.index) {
    return proto::ERROR_INVALID_ARGUMENT;
  }
  if (membership.WasRemoved(self)) return proto::ERROR_RAFT_REMOVED;
  Raft raft(options, self, position, std::move(random));
  SVR2_RETURN_IF_ERROR(raft.DrawElectionTimeout());
  raft.term_ = position.term;
  raft.Adopt(membership_index, membership);
  return raft;
}

void Raft::Tick() {
  if (stopped_.has_value()) return;
  ++now_ticks_;
  output_dropped_ += log_.DropAged(now_ticks_);
  if (role_ == Role::kLeader) return TickLeader();
  ++elapsed_ticks_;
  // A pre-candidate that was not heard or was refused asks again at each heartbeat interval.
  const uint32_t patience_ticks =
      role_ == Role::kPreCandidate ? options_.heartbeat_ticks : election_timeout_ticks_;
  if (elapsed_ticks_ >= patience_ticks) Campaign();
}

Status Raft::Step(const PeerId& from, const Message& message) {
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  // A message in our own name is a lie.
  if (from == self_) return proto::ERROR_RAFT_UNKNOWN_PEER;
  return std::visit([this, &from](const auto& kind) { return On(from, kind); }, message);
}

Result<Position> Raft::Propose(EntryKind kind, util::ByteView payload) {
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if ((kind != EntryKind::kData && kind != EntryKind::kMinimums) || payload.empty()) {
    return proto::ERROR_INVALID_ARGUMENT;
  }
  if (payload.size() > max_payload_bytes()) return proto::ERROR_RAFT_ENTRY_TOO_LARGE;
  if (role_ != Role::kLeader) return proto::ERROR_RAFT_NOT_LEADER;
  if (transfer_.has_value()) return proto::ERROR_RAFT_TRANSFER_IN_PROGRESS;
  // Minimums are set at founding, when there is but one voter.
  if (kind == EntryKind::kData && voters() < options_.group.min_voting_replicas) {
    return proto::ERROR_RAFT_TOO_FEW_VOTERS;
  }
  if (!log_.HasRoomFor(payload.size())) return proto::ERROR_RAFT_LOG_FULL;
  return Append(kind, payload);
}

Output Raft::TakeOutput() {
  Output output;
  if (role_ == Role::kLeader) {
    AdvancePromise();
    AdvanceCommit();
    if (!stopped_.has_value() && role_ == Role::kLeader) SendAppends();
  }
  if (stopped_.has_value()) {
    if (!std::exchange(output_stopped_, true)) output.stopped = stopped_;
    return output;
  }
  output.messages.swap(output_messages_);
  output.first_committed = output_committed_ + 1;
  output.last_committed = output_committed_ = commit_;
  output.role_changes.swap(output_roles_);
  output.dropped_entries = std::exchange(output_dropped_, 0);
  return output;
}

void Raft::AppliedTo(uint64_t index) {
  if (stopped_.has_value()) return;
  SVR2_CHECK(index >= applied_index() && index <= output_committed_);
  log_.AppliedTo(index);
  if (role_ == Role::kLeader) {
    log_.AcknowledgedTo(std::max(log_.acknowledged_index(), StoredByAll()));
  }
  output_dropped_ += log_.DropAcknowledged();
}

void Raft::Stop(Error reason) {
  SVR2_CHECK(reason != proto::OK);
  if (stopped_.has_value()) return;
  stopped_ = reason;
  role_ = Role::kFollower;
  leader_.reset();
  asked_.clear();
  progress_.clear();
  transfer_.reset();
  output_messages_.clear();
  output_roles_.clear();
  log_.WipeAll();
}

Fate Raft::FateOf(const Position& position) const {
  if (position.index < log_.first_index()) return Fate::kDropped;
  if (position.index > commit_) return Fate::kPending;
  const Position here = log_.PositionAt(position.index);
  if (here.term != position.term) return Fate::kReplaced;
  return here == position ? Fate::kCommitted : Fate::kUnknown;
}

bool Raft::own_term_committed() const { return commit_ > 0 && commit().term == term_; }

Position Raft::Append(EntryKind kind, util::ByteView payload) {
  const uint64_t first = log_.first_index();
  const Position position = log_.Append(kind, term_, payload, now_ticks_);
  output_dropped_ += log_.first_index() - first;
  return position;
}

void Raft::Send(const PeerId& to, Message message) {
  output_messages_.push_back(Addressed{to, std::move(message)});
}

Position Raft::PositionOf(uint64_t index) const {
  if (log_.HasPosition(index) && !stopped_.has_value()) return log_.PositionAt(index);
  SVR2_CHECK(stopped_.has_value());
  return Position{index, 0, Hash{}};
}

}  // namespace svr2::raft
