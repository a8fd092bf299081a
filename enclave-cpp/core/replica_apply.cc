// SPDX-License-Identifier: Apache-2.0
//
// Replica's part for committed entries: they are applied, what waited for them is answered, and
// only what the integrity tree confirmed is handed out.

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "core/replica.h"

namespace svr2::core {

namespace {

// Indexes whose database digest is remembered, for joiners that compare.
constexpr size_t kRememberedDigests = 4096;

}  // namespace

// Completions and messages that one call made. They are lost when the tree denies the state that
// they were made on.
struct Replica::Made {
  Outcome outcome;
  std::vector<raft::Addressed> messages;
};

void Replica::AdvanceLocked(const Anchor& before, uint64_t appended, Outcome* outcome) {
  Made made;
  Status status = ApplyCommitted(appended, &made);
  if (status.ok()) {
    Anchor after;
    ReadAnchor(&after);
    // Confirms `before`, too: what was just decided was decided on the state last written.
    status = before.view() == after.view()
                 ? tree_->Verify(group_->slot, after.view())
                 : tree_->Update(group_->slot, before.view(), after.view());
  }
  const uint64_t log_bytes = std::min(group_->raft.log().bytes(), settings_.log_max_bytes);
  log_room_bytes_.store(settings_.log_max_bytes - log_bytes, std::memory_order_relaxed);
  may_serve_.store(group_->compared && group_->raft.membership_committed(),
                   std::memory_order_release);
  Publish(&made, status, outcome);
  if (!status.ok()) StopLocked(status.error(), outcome);
}

void Replica::Publish(Made* made, Status confirmed, Outcome* outcome) {
  for (Completion& completion : made->outcome.completions) {
    // Nothing that was decided on doubtful state is told to anyone.
    if (!confirmed.ok() && completion.kind == Completion::Kind::kResult) {
      const db::Op op = completion.effect.op;
      completion.effect = db::Effect();
      completion.effect.op = op;
      completion.error = confirmed.error();
    }
    outcome->completions.push_back(std::move(completion));
  }
  Outcome& from = made->outcome;
  outcome->role_changes.insert(outcome->role_changes.end(), from.role_changes.begin(),
                               from.role_changes.end());
  outcome->commands.insert(outcome->commands.end(), from.commands.begin(), from.commands.end());
  outcome->minimums_changed |= from.minimums_changed;
  outcome->membership_changed |= from.membership_changed;
  outcome->streams_ready |= from.streams_ready;
  if (confirmed.ok()) SendLocked(&made->messages, outcome);
}

// Leaves messages in the peers' outboxes, in the order of the decisions.
void Replica::SendLocked(std::vector<raft::Addressed>* messages, Outcome* outcome) {
  for (raft::Addressed& addressed : *messages) {
    std::shared_ptr<peers::Peer> peer = peers_->Find(addressed.to, now_tick_);
    if (peer == nullptr) continue;
    // Consensus copes with lost messages.
    if (!peer->Push(std::move(addressed.message)).ok()) continue;
    std::vector<std::shared_ptr<peers::Peer>>& touched = outcome->touched;
    if (std::find(touched.begin(), touched.end(), peer) != touched.end()) continue;
    if (touched.empty()) touched.reserve(messages->size());
    touched.push_back(std::move(peer));
  }
}

Status Replica::ApplyCommitted(uint64_t appended, Made* made) {
  raft::Raft& raft = group_->raft;
  for (;;) {
    raft::Output output = raft.TakeOutput();
    if (output.stopped.has_value()) return *output.stopped;
    metrics_->Increment(proto::COUNTER_ENTRIES_DROPPED, output.dropped_entries);
    if (made->messages.empty()) {
      made->messages = std::move(output.messages);
    } else {
      std::move(output.messages.begin(), output.messages.end(), std::back_inserter(made->messages));
    }
    for (const raft::RoleChange& change : output.role_changes) {
      made->outcome.role_changes.push_back(change);
      if (change.role == raft::Role::kPreCandidate) metrics_->Increment(proto::COUNTER_ELECTIONS);
      if (change.role == raft::Role::kLeader) metrics_->Increment(proto::COUNTER_TERMS_LED);
    }
    if (!output.role_changes.empty() && raft.is_leader()) RecountBackups();
    ResolveWatches(&made->outcome);
    // How far entries were handed out is not under the tree; how far they were applied is. Without
    // this an old value would have them applied twice.
    if (output.first_committed != raft.applied_index() + 1) return proto::ERROR_INTEGRITY_MISMATCH;
    if (output.first_committed > output.last_committed) return Status::Ok();
    SVR2_RETURN_IF_ERROR(ApplyRange(output, appended, made));
  }
}

Status Replica::ApplyRange(const raft::Output& output, uint64_t appended, Made* made) {
  raft::Raft& raft = group_->raft;
  // An entry that lay in memory since an earlier call may have been put back; the one that this
  // call just hashed into the chain was not.
  if ((output.first_committed < appended || output.last_committed != appended) &&
      !raft.log().ChainHolds(output.first_committed, output.last_committed)) {
    return proto::ERROR_INTEGRITY_MISMATCH;
  }
  for (uint64_t i = output.first_committed; i <= output.last_committed; ++i) {
    const raft::EntryView entry = raft.log().At(i);
    SVR2_RETURN_IF_ERROR(ApplyEntry(entry, made));
    RememberDigest(i);
    FeedStreams(entry, &made->outcome);
  }
  metrics_->Increment(proto::COUNTER_ENTRIES_COMMITTED,
                      output.last_committed - output.first_committed + 1);
  raft.AppliedTo(output.last_committed);
  ResolveWatches(&made->outcome);
  return Status::Ok();
}

Status Replica::ApplyEntry(const raft::EntryView& entry, Made* made) {
  Status status;
  switch (entry.kind) {
    case raft::EntryKind::kNothing:
      break;
    case raft::EntryKind::kMembership:  // Effective since it was appended.
      metrics_->Increment(proto::COUNTER_MEMBERSHIP_CHANGES);
      made->outcome.membership_changed = true;
      break;
    case raft::EntryKind::kMinimums: {
      Result<minimums::Minimums> next = minimums::Minimums::Parse(entry.payload);
      if (!next.ok()) return next.status();
      SVR2_RETURN_IF_ERROR(group_->minimums.CheckChange(*next));
      group_->minimums = std::move(*next);
      made->outcome.minimums_changed = true;
      break;
    }
    case raft::EntryKind::kData:
      status = ApplyData(entry, made);
      break;
  }
  ResolveWaitingAt(entry, &made->outcome);
  return status;
}

Status Replica::ApplyData(const raft::EntryView& entry, Made* made) {
  Result<db::EntryReader> reader = db::EntryReader::Parse(entry.payload);
  if (!reader.ok()) return reader.status();
  auto found = waiting_.end();
  if (reader->tag() == tag_) found = waiting_.find(reader->first_request());
  // An old entry of ours whose requests were given up, or nobody's here. One whose position we have
  // not yet been told is found by its number alone: only we use it, and once.
  const bool ours = found != waiting_.end() && (!found->second.position.has_value() ||
                                                *found->second.position == entry.position());
  std::vector<Origin> origins;
  if (ours) {
    origins = std::move(found->second.origins);
    waiting_.erase(found);
    SVR2_CHECK(origins.size() == reader->count());
  }
  db::Command command;
  if (reader->count() > 1) {
    for (db::EntryReader ahead = *reader; ahead.Next(&command);) {
      group_->db->Prefetch(command.backup_id);
    }
  }
  Status status;
  for (size_t i = 0; reader->Next(&command); ++i) {
    Completion completion;
    if (status.ok()) {
      completion.kind = Completion::Kind::kResult;
      const uint64_t rows_before = group_->db->rows();
      status = group_->db->Apply(command, &completion.effect);
      CountEffect(completion.effect);
      if (command.op == db::Op::kRestore && status.ok() && group_->db->rows() < rows_before) {
        metrics_->Increment(proto::COUNTER_GUESSES_EXHAUSTED);
      }
    }
    completion.error = status.error();
    if (command.op == db::Op::kBackup && unapplied_backups_ > 0) --unapplied_backups_;
    if (!ours) continue;
    completion.origin = std::move(origins[i]);
    completion.request = reader->first_request() + i;
    Complete(std::move(completion), &made->outcome);
  }
  return status;
}

// An entry is committed and applied at this index: whoever waited for another one there knows now
// (protocol.md §3, rows three and four).
void Replica::ResolveWaitingAt(const raft::EntryView& entry, Outcome* outcome) {
  for (auto at = waiting_at_.begin(); at != waiting_at_.end() && at->first <= entry.index;) {
    const uint64_t first_request = at->second;
    at = waiting_at_.erase(at);
    const auto found = waiting_.find(first_request);
    if (found == waiting_.end()) continue;  // It was this one, and is answered.
    const bool replaced =
        found->second.position->index == entry.index && found->second.position->term != entry.term;
    std::vector<Origin> origins = std::move(found->second.origins);
    waiting_.erase(found);
    if (replaced) {
      CompleteAll(std::move(origins), Completion::Kind::kNotApplied,
                  proto::ERROR_RAFT_ENTRY_REPLACED, outcome);
    } else {
      CompleteAll(std::move(origins), Completion::Kind::kUnknown, proto::ERROR_RAFT_ROLLED_BACK,
                  outcome);
    }
  }
}

// Transactions of the host that wait for an entry, or for another leader.
void Replica::ResolveWatches(Outcome* outcome) {
  const raft::Raft& raft = group_->raft;
  for (size_t i = 0; i < commit_watches_.size();) {
    const CommitWatch& watch = commit_watches_[i];
    Error error = proto::OK;
    switch (raft.FateOf(watch.position)) {
      case raft::Fate::kPending:
        ++i;
        continue;
      case raft::Fate::kCommitted:
        break;
      case raft::Fate::kReplaced:
        error = proto::ERROR_RAFT_ENTRY_REPLACED;
        break;
      case raft::Fate::kUnknown:
        error = proto::ERROR_RAFT_ROLLED_BACK;
        break;
      case raft::Fate::kDropped:
        error = proto::ERROR_RAFT_INDEX_DROPPED;
        break;
    }
    outcome->commands.push_back(GroupCommandEnd{watch.transaction_id, watch.kind, error});
    commit_watches_.erase(commit_watches_.begin() + static_cast<ptrdiff_t>(i));
  }
  if (transfer_watches_.empty() || (raft.is_leader() && raft.transferring())) return;
  if (!raft.is_leader() && !raft.leader().has_value()) return;  // Not yet known who won.
  const Error error = raft.is_leader() ? proto::ERROR_RAFT_TRANSFER_FAILED : proto::OK;
  for (const uint64_t id : transfer_watches_) {
    outcome->commands.push_back(
        GroupCommandEnd{id, proto::HostRequest::kRelinquishLeadership, error});
  }
  transfer_watches_.clear();
}

// A new leader counts what earlier ones have left in its log.
void Replica::RecountBackups() {
  const raft::Log& log = group_->raft.log();
  unapplied_backups_ = 0;
  for (uint64_t i = log.applied_index() + 1; i <= log.last_index(); ++i) {
    const raft::EntryView entry = log.At(i);
    if (entry.kind != raft::EntryKind::kData) continue;
    Result<db::EntryReader> reader = db::EntryReader::Parse(entry.payload);
    if (!reader.ok()) continue;  // Applying it stops this replica.
    db::Command command;
    while (reader->Next(&command)) unapplied_backups_ += command.op == db::Op::kBackup ? 1 : 0;
  }
}

void Replica::RememberDigest(uint64_t index) {
  if (settings_.group.super_majority() == 0) return;
  if (digests_.empty()) digests_.resize(kRememberedDigests);
  digests_[index % kRememberedDigests] = DigestAt{index, group_->db->Digest()};
}

void Replica::CountEffect(const db::Effect& effect) {
  using db::EffectStatus;
  switch (effect.op) {
    case db::Op::kBackup:
      metrics_->Increment(proto::COUNTER_BACKUPS);
      break;
    case db::Op::kExpose:
      metrics_->Increment(effect.status == EffectStatus::kOk ? proto::COUNTER_EXPOSES_OK
                                                             : proto::COUNTER_EXPOSES_ERROR);
      break;
    case db::Op::kRestore:
      if (effect.status == EffectStatus::kOk) {
        metrics_->Increment(proto::COUNTER_RESTORES_OK);
      } else if (effect.status == EffectStatus::kPinMismatch) {
        metrics_->Increment(proto::COUNTER_RESTORES_PIN_MISMATCH);
      } else if (effect.status == EffectStatus::kMissing) {
        metrics_->Increment(proto::COUNTER_RESTORES_MISSING);
      }
      break;
    case db::Op::kDelete:
      metrics_->Increment(proto::COUNTER_DELETES);
      break;
    case db::Op::kTries:
      metrics_->Increment(proto::COUNTER_TRIES);
      break;
  }
}

}  // namespace svr2::core
