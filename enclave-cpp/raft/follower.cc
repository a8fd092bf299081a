// SPDX-License-Identifier: Apache-2.0
//
// What a leader's appends do to the log. Source: protocol.md §4 "Promise, then commit", "Same
// term", "Accepted"; thesis 3.5.

#include <algorithm>

#include "raft/raft.h"
#include "util/check.h"

namespace svr2::raft {

// What an append came to: what its answer says.
struct Raft::Checked {
  bool accepted = false;
  Position position;  // Accepted: the last that was proved equal. Refused: what is held instead.
};

// What no honest leader sends. Changes nothing.
Status Raft::CheckAppend(const PeerId& from, const AppendRequest& request) const {
  // Two leaders of one term: more voters were rolled back than the group withstands.
  if (role_ == Role::kLeader || leader_.value_or(from) != from) {
    return proto::ERROR_RAFT_SAME_TERM_CONFLICT;
  }
  if (request.commit_index > request.promise_index) return proto::ERROR_RAFT_COMMIT_ABOVE_PROMISE;
  if (request.previous.index > UINT64_MAX - request.entries.size() ||
      request.previous.term > request.term) {
    return proto::ERROR_RAFT_MALFORMED_MESSAGE;
  }
  if (request.promise_index > request.previous.index + request.entries.size()) {
    return proto::ERROR_RAFT_PROMISE_BEYOND_ENTRIES;
  }
  uint64_t index = request.previous.index;
  uint64_t term = request.previous.term;
  for (const Entry& entry : request.entries) {
    if (entry.index != ++index || entry.term < term || entry.term > request.term ||
        entry.payload.size() > Log::kMaxPayloadBytes) {
      return proto::ERROR_RAFT_MALFORMED_MESSAGE;
    }
    term = entry.term;
  }
  return Status::Ok();
}

// Whether the entries from `index` on, the first that conflicts, may go. When not, tells what is
// held there.
Status Raft::MayReplace(const AppendRequest& request, uint64_t index, Checked* checked) {
  checked->position = log_.PositionAt(index);
  if (log_.last_term() == request.term) {
    // Only that leader can have made it, and it no longer knows.
    if (checked->position.term != request.term) checked->position = log_.last();
    return proto::ERROR_RAFT_SAME_TERM_CONFLICT;
  }
  if (index > promise_) return Status::Ok();
  if (request.commit_index < index) return proto::ERROR_RAFT_CONFLICT_BELOW_PROMISE;
  Stop(proto::ERROR_RAFT_PROMISE_CONFLICT);
  return proto::ERROR_RAFT_PROMISE_CONFLICT;
}

void Raft::Truncate(uint64_t index) {
  log_.TruncateFrom(index);
  while (memberships_.size() > 1 && memberships_.back().index >= index) memberships_.pop_back();
}

// Appends an entry that some leader made, when it continues the chain.
Status Raft::AppendFrom(const Entry& entry) {
  Membership membership;
  if (entry.kind == EntryKind::kMembership) {
    Result<Membership> decoded = Membership::Decode(util::View(entry.payload));
    if (!decoded.ok()) return decoded.status();
    membership = std::move(*decoded);
  }
  const uint64_t first = log_.first_index();
  const Position position =
      log_.Append(entry.kind, entry.term, util::View(entry.payload), now_ticks_);
  output_dropped_ += log_.first_index() - first;
  if (position.index != entry.index || !util::ConstantTimeEqual(position.hash, entry.hash)) {
    log_.TruncateFrom(position.index);
    return proto::ERROR_RAFT_MALFORMED_MESSAGE;
  }
  if (entry.kind == EntryKind::kMembership) Adopt(position.index, std::move(membership));
  return Status::Ok();
}

// The entries from place `first` on are not held. Nothing is truncated for one that does not
// continue the chain.
Status Raft::AppendVerified(const AppendRequest& request, size_t first, Checked* checked) {
  for (size_t i = first; i < request.entries.size(); ++i) {
    const Entry& entry = request.entries[i];
    if (entry.index <= log_.last_index()) {
      SVR2_RETURN_IF_ERROR(MayReplace(request, entry.index, checked));
      const Hash before = log_.PositionAt(entry.index - 1).hash;
      const Hash hash =
          ChainHash(before, entry.kind, entry.index, entry.term, util::View(entry.payload));
      if (!util::ConstantTimeEqual(hash, entry.hash) ||
          (entry.kind == EntryKind::kMembership &&
           !Membership::Decode(util::View(entry.payload)).ok())) {
        checked->position = log_.last();
        return proto::ERROR_RAFT_MALFORMED_MESSAGE;
      }
      Truncate(entry.index);
    }
    const Status status = AppendFrom(entry);
    if (!status.ok()) {
      checked->position = log_.last();
      return status;
    }
  }
  checked->accepted = true;
  checked->position = log_.last();
  return Status::Ok();
}

// Compares and takes what the request brings.
Status Raft::TakeEntries(const AppendRequest& request, Checked* checked) {
  const Position& base = log_.base();
  Position known = request.previous;
  size_t skipped = 0;
  if (known.index < base.index) {
    // What lies before the base was applied and dropped. The base itself can be compared.
    const uint64_t behind = base.index - known.index;
    if (behind > request.entries.size()) {
      checked->position = commit();
      return Status::Ok();
    }
    skipped = static_cast<size_t>(behind);
    const Entry& at_base = request.entries[skipped - 1];
    known = Position{at_base.index, at_base.term, at_base.hash};
  }
  if (known.index > log_.last_index()) {
    checked->position = log_.last();
    return Status::Ok();
  }
  if (log_.PositionAt(known.index) != known) return MayReplace(request, known.index, checked);
  while (skipped < request.entries.size()) {
    const Entry& entry = request.entries[skipped];
    if (entry.index > log_.last_index()) break;
    known = Position{entry.index, entry.term, entry.hash};
    if (log_.PositionAt(entry.index) != known) break;
    ++skipped;
  }
  if (skipped < request.entries.size()) return AppendVerified(request, skipped, checked);
  checked->accepted = true;
  checked->position = known;
  return Status::Ok();
}

Status Raft::On(const PeerId& from, const AppendRequest& request) {
  if (request.term < term_) {
    Send(from, AppendAnswer{term_, request.round, false, log_.last(), 0});
    return Status::Ok();
  }
  if (request.term > term_) AdoptTerm(request.term);
  if (stopped_.has_value()) return *stopped_;
  SVR2_RETURN_IF_ERROR(CheckAppend(from, request));
  if (role_ != Role::kFollower) BecomeFollower();
  if (stopped_.has_value()) return *stopped_;
  leader_ = from;
  elapsed_ticks_ = 0;

  Checked checked;
  Status status = TakeEntries(request, &checked);
  if (stopped_.has_value()) return *stopped_;
  if (!checked.accepted && request.entries_dropped) {
    if (!membership().IsMember(self_)) return proto::ERROR_RAFT_ENTRIES_DROPPED;
    Stop(proto::ERROR_RAFT_ENTRIES_DROPPED);
    return proto::ERROR_RAFT_ENTRIES_DROPPED;
  }
  uint64_t verified = 0;
  if (checked.accepted) {
    verified = checked.position.index;
    promise_ = std::max(promise_, std::min(request.promise_index, verified));
    commit_ = std::max(commit_, std::min(request.commit_index, verified));
    log_.AcknowledgedTo(
        std::max(log_.acknowledged_index(), std::min(request.acknowledged_by_all, verified)));
  }
  if (request.wants_answer || !checked.accepted) {
    Send(from, AppendAnswer{term_, request.round, checked.accepted, checked.position,
                            std::min(promise_, verified)});
  }
  if (checked.accepted) MembershipsCommitted();
  return status;
}

Status Raft::AppendCommitted(const Entry& entry) {
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (entry.payload.size() > Log::kMaxPayloadBytes || entry.index > log_.last_index() + 1) {
    return proto::ERROR_RAFT_MALFORMED_MESSAGE;
  }
  if (entry.index < log_.base().index) return Status::Ok();  // Applied and dropped.
  const bool held = entry.index <= log_.last_index() &&
                    log_.PositionAt(entry.index) == Position{entry.index, entry.term, entry.hash};
  if (!held) {
    if (entry.index <= promise_) return proto::ERROR_RAFT_CONFLICT_BELOW_PROMISE;
    const Position before = log_.PositionAt(entry.index - 1);
    if (entry.term < before.term ||
        !util::ConstantTimeEqual(entry.hash, ChainHash(before.hash, entry.kind, entry.index,
                                                       entry.term, util::View(entry.payload)))) {
      return proto::ERROR_RAFT_MALFORMED_MESSAGE;
    }
    if (entry.index <= log_.last_index()) {
      if (log_.TermAt(entry.index) == entry.term) return proto::ERROR_RAFT_SAME_TERM_CONFLICT;
      Truncate(entry.index);
    }
    SVR2_RETURN_IF_ERROR(AppendFrom(entry));
    if (entry.term > term_) AdoptTerm(entry.term);
    if (stopped_.has_value()) return *stopped_;
  }
  promise_ = std::max(promise_, entry.index);
  commit_ = std::max(commit_, entry.index);
  MembershipsCommitted();
  return Status::Ok();
}

}  // namespace svr2::raft
