// SPDX-License-Identifier: Apache-2.0
//
// Replica's part for the other replicas: their messages, forwarded entries, changes of membership
// and minimums, clocks, healing.

#include <algorithm>
#include <new>
#include <utility>

#include "core/replica.h"
#include "crypto/hash.h"
#include "util/endian.h"

namespace svr2::core {

namespace {

// Between two looks at what should heal: often enough beside timeouts of seconds.
constexpr uint64_t kHealingIntervalTicks = 2;

}  // namespace

uint64_t ReplicaTag(const raft::PeerId& id);

bool Replica::IsConnected(const raft::PeerId& id) const {
  const std::shared_ptr<peers::Peer> peer = peers_->Find(id, now_tick_);
  return peer != nullptr && peer->connected();
}

void Replica::Step(const std::vector<PeerMessage>& messages, Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value() || group_ == nullptr) {
    return metrics_->CountError(stopped_.has_value() ? proto::ERROR_CORE_STOPPED
                                                     : proto::ERROR_CORE_NO_GROUP);
  }
  try {
    Anchor before;
    ReadAnchor(&before);
    for (const PeerMessage& message : messages) {
      metrics_->CountError(group_->raft.Step(message.from, message.message).error());
    }
    AdvanceLocked(before, 0, outcome);
  } catch (const std::bad_alloc&) {
    StopLocked(proto::ERROR_OUT_OF_MEMORY, outcome);
  }
}

Result<raft::Position> Replica::AppendForwarded(const raft::PeerId& from, util::ByteView payload,
                                                Outcome* outcome) {
  Result<db::EntryReader> reader = db::EntryReader::Parse(payload);
  if (!reader.ok()) return reader.status();
  // Nobody may append under another replica's numbers.
  if (reader->tag() != ReplicaTag(from)) return proto::ERROR_DB_MALFORMED_COMMAND;
  size_t backups = 0;
  db::Command command;
  while (reader->Next(&command)) backups += command.op == db::Op::kBackup ? 1 : 0;

  util::MutexLock lock(&mutex_);
  SVR2_RETURN_IF_ERROR(RefusalLocked());
  // A forward ends here: passed on once more it could wander in circles.
  if (!group_->raft.is_leader()) return proto::ERROR_RAFT_NOT_LEADER;
  try {
    SVR2_RETURN_IF_ERROR(CheckRoomForBackups(backups));
    Anchor before;
    ReadAnchor(&before);
    const Result<raft::Position> position = group_->raft.Propose(raft::EntryKind::kData, payload);
    if (!position.ok()) return position;
    unapplied_backups_ += backups;
    metrics_->Increment(proto::COUNTER_ENTRIES_APPENDED);
    AdvanceLocked(before, position->index, outcome);
    if (stopped_.has_value()) return *stopped_;
    return position;
  } catch (const std::bad_alloc&) {
    StopLocked(proto::ERROR_OUT_OF_MEMORY, outcome);
    return proto::ERROR_OUT_OF_MEMORY;
  }
}

void Replica::ForwardAppended(uint64_t first_request, const raft::Position& position,
                              Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value() || group_ == nullptr) return;
  const auto found = waiting_.find(first_request);
  // The commit came first, or the wait was given up.
  if (found == waiting_.end() || found->second.position.has_value()) return;
  switch (group_->raft.FateOf(position)) {
    case raft::Fate::kPending:
      break;
    case raft::Fate::kReplaced:
      return GiveUp(first_request, Completion::Kind::kNotApplied, proto::ERROR_RAFT_ENTRY_REPLACED,
                    outcome);
    case raft::Fate::kDropped:
      return GiveUp(first_request, Completion::Kind::kUnknown, proto::ERROR_RAFT_INDEX_DROPPED,
                    outcome);
    case raft::Fate::kCommitted:
      // Committed but not yet applied, else its number had been found.
      if (position.index > group_->raft.applied_index()) break;
      return GiveUp(first_request, Completion::Kind::kUnknown, proto::ERROR_INTERNAL, outcome);
    case raft::Fate::kUnknown:
      return GiveUp(first_request, Completion::Kind::kUnknown, proto::ERROR_RAFT_ROLLED_BACK,
                    outcome);
  }
  waiting_at_.emplace(position.index, first_request);
  found->second.position = position;
}

void Replica::ForwardRefused(uint64_t first_request, Error error, Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  GiveUp(first_request, Completion::Kind::kNotApplied, error, outcome);
}

void Replica::ForwardLost(uint64_t first_request, Error error, Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  GiveUp(first_request, Completion::Kind::kUnknown, error, outcome);
}

Result<raft::Position> Replica::ChangeMembership(raft::ChangeKind kind, const raft::PeerId& id,
                                                 bool force, Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (group_ == nullptr) return proto::ERROR_CORE_NO_GROUP;
  try {
    Anchor before;
    ReadAnchor(&before);
    const Result<raft::Position> position = group_->raft.ChangeMembership(kind, id, force);
    if (!position.ok()) return position;
    AdvanceLocked(before, position->index, outcome);
    if (stopped_.has_value()) return *stopped_;
    return position;
  } catch (const std::bad_alloc&) {
    StopLocked(proto::ERROR_OUT_OF_MEMORY, outcome);
    return proto::ERROR_OUT_OF_MEMORY;
  }
}

Result<raft::Position> Replica::RaiseMinimums(const minimums::Minimums& raise, Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (group_ == nullptr) return proto::ERROR_CORE_NO_GROUP;
  const raft::Raft& raft = group_->raft;
  if (!raft.is_leader()) return proto::ERROR_RAFT_NOT_LEADER;
  for (uint64_t i = raft.applied_index() + 1; i <= raft.last_index(); ++i) {
    if (raft.log().At(i).kind == raft::EntryKind::kMinimums) {
      return proto::ERROR_RAFT_CHANGE_IN_FLIGHT;
    }
  }
  const Result<minimums::Minimums> next = group_->minimums.RaisedBy(raise);
  if (!next.ok()) return next.status();
  try {
    Anchor before;
    ReadAnchor(&before);
    const Result<raft::Position> position =
        group_->raft.Propose(raft::EntryKind::kMinimums, util::ByteView(next->serialized()));
    if (!position.ok()) return position;
    AdvanceLocked(before, position->index, outcome);
    if (stopped_.has_value()) return *stopped_;
    return position;
  } catch (const std::bad_alloc&) {
    StopLocked(proto::ERROR_OUT_OF_MEMORY, outcome);
    return proto::ERROR_OUT_OF_MEMORY;
  }
}

Status Replica::TransferLeadership(Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (group_ == nullptr) return proto::ERROR_CORE_NO_GROUP;
  try {
    Anchor before;
    ReadAnchor(&before);
    SVR2_RETURN_IF_ERROR(group_->raft.TransferLeadership(std::nullopt));
    AdvanceLocked(before, 0, outcome);
  } catch (const std::bad_alloc&) {
    StopLocked(proto::ERROR_OUT_OF_MEMORY, outcome);
  }
  return stopped_.has_value() ? Status(*stopped_) : Status::Ok();
}

void Replica::WatchCommit(const raft::Position& position, uint64_t transaction_id,
                          proto::HostRequest::RequestCase kind, uint64_t deadline_tick,
                          Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value() || group_ == nullptr) {
    outcome->commands.push_back(
        GroupCommandEnd{transaction_id, kind, stopped_.value_or(proto::ERROR_CORE_NO_GROUP)});
    return;
  }
  commit_watches_.push_back(CommitWatch{position, transaction_id, kind, deadline_tick});
  ResolveWatches(outcome);
}

void Replica::WatchTransfer(uint64_t transaction_id, Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value() || group_ == nullptr) {
    outcome->commands.push_back(GroupCommandEnd{transaction_id,
                                                proto::HostRequest::kRelinquishLeadership,
                                                stopped_.value_or(proto::ERROR_CORE_NO_GROUP)});
    return;
  }
  transfer_watches_.push_back(transaction_id);
  ResolveWatches(outcome);
}

void Replica::PeerConnected(const raft::PeerId& peer, Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value() || group_ == nullptr) return;
  try {
    Anchor before;
    ReadAnchor(&before);
    group_->raft.PeerConnected(peer);
    AdvanceLocked(before, 0, outcome);
  } catch (const std::bad_alloc&) {
    StopLocked(proto::ERROR_OUT_OF_MEMORY, outcome);
  }
}

void Replica::PeerLost(const raft::PeerId& peer) {
  util::MutexLock lock(&mutex_);
  clock_.ForgetPeer(peer);
}

void Replica::SetPeerClock(const raft::PeerId& peer, uint64_t unix_ms) {
  util::MutexLock lock(&mutex_);
  metrics_->CountError(clock_.SetPeer(peer, unix_ms).error());
}

std::optional<raft::PeerId> Replica::Leader(bool* is_leader) {
  util::MutexLock lock(&mutex_);
  *is_leader = group_ != nullptr && !stopped_.has_value() && group_->raft.is_leader();
  if (group_ == nullptr || stopped_.has_value()) return std::nullopt;
  return group_->raft.leader();
}

// As leader, proposes the next change that the group needs. What consensus refuses is looked at
// again later.
void Replica::HealLocked(uint64_t now_tick, Outcome* outcome) {
  const raft::Raft& raft = group_->raft;
  if (!raft.is_leader() || now_tick < next_healing_tick_ || raft.transferring()) return;
  next_healing_tick_ = now_tick + kHealingIntervalTicks;
  const std::vector<raft::Raft::MemberProgress> others = raft.OtherMembers();
  if (others.empty()) return;
  const std::optional<HealingChange> change =
      DecideHealing(healing_, raft.voters(), raft.last_index(), others);
  if (!change.has_value()) return;
  // Voting needs a time that a quorum backs (protocol.md §5).
  if (change->kind == raft::ChangeKind::kPromote && !GroupTimeLocked().ok()) return;
  Anchor before;
  ReadAnchor(&before);
  const Result<raft::Position> position =
      group_->raft.ChangeMembership(change->kind, change->id, false);
  if (position.ok()) AdvanceLocked(before, position->index, outcome);
}

Result<util::Secret<32>> Replica::GroupKey() {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (group_ == nullptr) return proto::ERROR_CORE_NO_GROUP;
  return group_->keys.group_key;
}

Result<DigestAt> Replica::DigestNear(uint64_t index) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (group_ == nullptr) return proto::ERROR_CORE_NO_GROUP;
  if (!digests_.empty() && index > 0) {
    const DigestAt& remembered = digests_[index % digests_.size()];
    if (remembered.index == index) return remembered;
  }
  return DigestAt{group_->raft.applied_index(), group_->db->Digest()};
}

Status Replica::CompareDigest(const DigestAt& other) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (group_ == nullptr) return proto::ERROR_CORE_NO_GROUP;
  DigestAt own{group_->raft.applied_index(), group_->db->Digest()};
  if (own.index != other.index) {
    if (digests_.empty() || digests_[other.index % digests_.size()].index != other.index) {
      return proto::ERROR_CORE_JOINING;
    }
    own = digests_[other.index % digests_.size()];
  }
  return util::ConstantTimeEqual(own.digest.view(), other.digest.view())
             ? Status::Ok()
             : Status(proto::ERROR_CORE_DIGEST_MISMATCH);
}

void Replica::SetCompared() {
  util::MutexLock lock(&mutex_);
  if (group_ != nullptr) group_->compared = true;
}

Result<proto::HashReply> Replica::KeyedHash() {
  util::Secret<24> input;
  util::Secret<32> key;
  proto::HashReply reply;
  {
    util::MutexLock lock(&mutex_);
    if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
    if (group_ == nullptr) return proto::ERROR_CORE_NO_GROUP;
    // What is told must not come from memory that was put back.
    Anchor anchor;
    ReadAnchor(&anchor);
    SVR2_RETURN_IF_ERROR(tree_->Verify(group_->slot, anchor.view()));
    const db::DatabaseDigest digest = group_->db->Digest();
    std::copy(digest.data(), digest.data() + digest.size(), input.data());
    reply.set_applied_index(group_->raft.applied_index());
    util::StoreBigEndian64(input.data() + digest.size(), reply.applied_index());
    key = group_->keys.host_hash_key;
  }
  const crypto::Digest hash = crypto::HmacSha256(key.view(), input.view());
  reply.set_hash(hash.data(), hash.size());
  return reply;
}

}  // namespace svr2::core
