// SPDX-License-Identifier: Apache-2.0

#include "core/replica.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "crypto/hash.h"
#include "util/endian.h"

namespace svr2::core {

namespace {

uint64_t Tag(const raft::PeerId& id) { return util::LoadBigEndian64(id.data()); }

raft::Options RaftOptions(const Settings& settings) {
  raft::Options options;
  options.group.min_voting_replicas = settings.group.min_voting_replicas();
  options.group.max_voting_replicas = settings.group.max_voting_replicas();
  options.group.super_majority = settings.group.super_majority();
  options.election_ticks = settings.election_ticks;
  options.heartbeat_ticks = settings.heartbeat_ticks;
  options.log.max_bytes = settings.log_max_bytes;
  options.log.min_entries = settings.log_min_entries;
  options.log.max_age_ticks = settings.log_max_age_ticks;
  return options;
}

// A random u64 that is not 0.
Result<uint64_t> DrawNonZero(env::Env* env) {
  uint64_t value = 0;
  while (value == 0) {
    SVR2_RETURN_IF_ERROR(env->RandomBytes(reinterpret_cast<uint8_t*>(&value), sizeof(value)));
  }
  return value;
}

}  // namespace

Replica::Replica(env::Env* env, const Settings& settings, const raft::PeerId& self,
                 integrity::Tree* tree, metrics::Registry* metrics)
    : env_(env),
      settings_(settings),
      self_(self),
      tag_(Tag(self)),
      tree_(tree),
      metrics_(metrics),
      log_room_bytes_(settings.log_max_bytes) {}

Replica::~Replica() = default;

Result<proto::RaftGroupConfig> Replica::Found(Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (group_ != nullptr) return proto::ERROR_CORE_GROUP_EXISTS;

  const Result<uint64_t> group_id = DrawNonZero(env_);
  if (!group_id.ok()) return group_id.status();
  raft::Hash group_key;
  util::ScopedWipe wipe(group_key.data(), group_key.size());
  SVR2_RETURN_IF_ERROR(env_->RandomBytes(group_key.data(), group_key.size()));

  env::Env* const env = env_;
  Result<raft::Raft> raft =
      raft::Raft::Found(RaftOptions(settings_), self_, group_key, [env]() -> Result<uint64_t> {
        uint64_t bits = 0;
        SVR2_RETURN_IF_ERROR(env->RandomBytes(reinterpret_cast<uint8_t*>(&bits), sizeof(bits)));
        return bits;
      });
  if (!raft.ok()) return raft.status();
  db::DatabaseOptions options;
  options.max_rows = settings_.max_rows;
  const db::DigestKey digest_key = db::DeriveDigestKey(group_key);
  options.digest_key = digest_key.view();
  Result<std::unique_ptr<db::Database>> database = db::Database::Create(env_, options);
  if (!database.ok()) return database.status();

  auto group = std::make_unique<GroupState>(std::move(*raft), std::move(*database));
  group->config = settings_.group;
  group->config.set_group_id(*group_id);
  auto pin_key = std::make_unique<const db::PinKey>(db::DerivePinKey(group_key));

  group_ = std::move(group);
  Anchor before;
  ReadAnchor(&before);
  const Result<integrity::Slot> slot = tree_->Allocate(before.view());
  if (!slot.ok()) {
    group_.reset();
    return slot.status();
  }
  group_->slot = *slot;
  pin_key_owner_ = std::move(pin_key);
  try {
    AdvanceLocked(before, 0, outcome);
  } catch (const std::bad_alloc&) {
    StopLocked(proto::ERROR_OUT_OF_MEMORY, outcome);
  }
  if (stopped_.has_value()) return *stopped_;
  pin_key_.store(pin_key_owner_.get(), std::memory_order_release);
  return group_->config;
}

void Replica::Tick(uint64_t unix_ms, uint64_t now_tick, Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value()) {
    // Said again, should the call that stopped it have found no memory to say so.
    outcome->stopped = stopped_;
    return;
  }
  clock_.SetOwn(unix_ms);
  if (group_ == nullptr) return;
  try {
    Anchor before;
    ReadAnchor(&before);
    group_->raft.Tick();
    AdvanceLocked(before, 0, outcome);
    ExpireWaiting(now_tick, outcome);
  } catch (const std::bad_alloc&) {
    StopLocked(proto::ERROR_OUT_OF_MEMORY, outcome);
  }
}

void Replica::Submit(EntryInTheMaking entry, uint64_t now_tick, Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  Anchor before;
  uint64_t appended = 0;
  bool log_damaged = false;
  Status status;
  // What may fail for lack of memory comes before the entry is in the log: then it is refused.
  try {
    outcome->completions.reserve(outcome->completions.size() + entry.origins.size());
    status = RefusalLocked();
    if (status.ok()) {
      ReadAnchor(&before);
      deadlines_.push_back(
          Deadline{now_tick + settings_.client_request_timeout_ticks, entry.first_request});
      status = AppendLocked(&entry, &appended, &log_damaged);
    }
  } catch (const std::bad_alloc&) {
    status = proto::ERROR_OUT_OF_MEMORY;
  }
  if (!status.ok()) {
    const uint64_t number = entry.first_request;
    if (!deadlines_.empty() && deadlines_.back().first_request == number) deadlines_.pop_back();
    // Refusing is one thing; that memory was altered, or is half written, is another.
    if (log_damaged || status.error() == proto::ERROR_INTEGRITY_MISMATCH) {
      StopLocked(status.error(), outcome);
    }
    CompleteAll(std::move(entry.origins), Completion::Kind::kNotApplied, status.error(), outcome);
    return;
  }
  try {
    AdvanceLocked(before, appended, outcome);
    // Almost always answered by now; else the deadline stays.
    if (!stopped_.has_value() && waiting_.count(entry.first_request) == 0) deadlines_.pop_back();
  } catch (const std::bad_alloc&) {
    StopLocked(proto::ERROR_OUT_OF_MEMORY, outcome);
  }
}

bool Replica::OpenTransaction(uint64_t id) {
  util::MutexLock lock(&mutex_);
  return transactions_.insert(id).second;
}

void Replica::CloseTransaction(uint64_t id) {
  util::MutexLock lock(&mutex_);
  transactions_.erase(id);
}

void Replica::Stop(Error reason, Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  StopLocked(reason, outcome);
}

Result<uint64_t> Replica::GroupTimeSeconds() {
  util::MutexLock lock(&mutex_);
  return GroupTimeLocked();
}

Result<uint64_t> Replica::GroupTimeLocked() const {
  if (group_ == nullptr) return proto::ERROR_CORE_NO_GROUP;
  std::vector<raft::PeerId> other_voters;
  for (const raft::Member& member : group_->raft.membership().members()) {
    if (member.voting && member.id != self_) other_voters.push_back(member.id);
  }
  return clock_.Seconds(other_voters, group_->raft.is_voter(), group_->raft.quorum());
}

Result<proto::RaftGroupConfig> Replica::Group() {
  util::MutexLock lock(&mutex_);
  if (group_ == nullptr) return proto::ERROR_CORE_NO_GROUP;
  return group_->config;
}

Snapshot Replica::TakeSnapshot() {
  util::MutexLock lock(&mutex_);
  Snapshot out;
  out.serving = RefusalLocked();
  if (group_ == nullptr) return out;
  const raft::Raft& raft = group_->raft;
  out.has_group = true;
  out.role = raft.role();
  out.voting = raft.is_voter();
  out.term = raft.term();
  out.leader = raft.leader();
  out.last_index = raft.last_index();
  out.promise_index = raft.promise_index();
  out.commit_index = raft.commit_index();
  out.applied_index = raft.applied_index();
  out.rows = group_->db->rows();
  out.log_bytes = raft.log().bytes();
  out.log_entries = raft.log().entries();
  out.members = raft.membership().members();
  out.minimums = group_->minimums;
  const Result<uint64_t> time = GroupTimeLocked();
  if (time.ok()) out.group_time_seconds = *time;
  return out;
}

// Why no request can be taken now; OK when one can.
Status Replica::RefusalLocked() const {
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (group_ == nullptr) return proto::ERROR_CORE_NO_GROUP;
  if (!group_->raft.is_leader()) return proto::ERROR_RAFT_NOT_LEADER;
  if (group_->raft.voters() < settings_.group.min_voting_replicas()) {
    return proto::ERROR_RAFT_TOO_FEW_VOTERS;
  }
  // Answering clients needs a time that a quorum of voters backs (protocol.md §5).
  if (!GroupTimeLocked().ok()) return proto::ERROR_CORE_NO_QUORUM_TIME;
  return Status::Ok();
}

Status Replica::CheckRoomForBackups(size_t backups) {
  if (backups == 0) return Status::Ok();
  const uint64_t limit = env_->HeapBytesLimit();
  const uint64_t used = env_->HeapBytesUsed();
  // The log may grow to its bound whatever rows do.
  const uint64_t kept_free = HeapReserveBytes(limit) + log_room_bytes();
  if (used > limit || limit - used < kept_free) return proto::ERROR_DB_HEAP_FULL;
  return group_->db->ReserveForBackups(unapplied_backups_ + backups);
}

// Puts the entry into the log. On failure, std::bad_alloc among them, nothing was appended and
// `entry` still has its origins.
Status Replica::AppendLocked(EntryInTheMaking* entry, uint64_t* index, bool* log_damaged) {
  const size_t backups = entry->origins.front().op == db::Op::kBackup ? entry->origins.size() : 0;
  SVR2_RETURN_IF_ERROR(CheckRoomForBackups(backups));
  Waiting& waiting = waiting_[entry->first_request];
  Result<raft::Position> position = proto::ERROR_OUT_OF_MEMORY;
  try {
    position = group_->raft.Propose(raft::EntryKind::kData, entry->payload);
  } catch (const std::bad_alloc&) {
    // The log may be half changed: nothing can be built on it.
    *log_damaged = true;
  }
  if (!position.ok()) {
    waiting_.erase(entry->first_request);
    return position.status();
  }
  waiting.origins = std::move(entry->origins);
  waiting.position = *position;
  *index = position->index;
  unapplied_backups_ += backups;
  metrics_->Increment(proto::COUNTER_ENTRIES_APPENDED);
  return Status::Ok();
}

void Replica::ReadAnchor(Anchor* anchor) const {
  uint8_t* out = anchor->bytes.data();
  size_t size = group_->raft.WriteIntegrityState(out);
  size += group_->db->WriteRoot(out + size);
  if (!group_->minimums.empty()) {
    const crypto::Digest digest = crypto::Sha256(group_->minimums.serialized());
    std::memcpy(out + size, digest.data(), digest.size());
    size += digest.size();
  }
  anchor->size = size;
}

void Replica::AdvanceLocked(const Anchor& before, uint64_t appended, Outcome* outcome) {
  Outcome made;
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
  Publish(&made, status, outcome);
  if (!status.ok()) StopLocked(status.error(), outcome);
}

void Replica::Publish(Outcome* made, Status confirmed, Outcome* outcome) {
  for (Completion& completion : made->completions) {
    // Nothing that was decided on doubtful state is told to anyone.
    if (!confirmed.ok() && completion.kind == Completion::Kind::kResult) {
      const db::Op op = completion.effect.op;
      completion.effect = db::Effect();
      completion.effect.op = op;
      completion.error = confirmed.error();
    }
    outcome->completions.push_back(std::move(completion));
  }
  outcome->role_changes.insert(outcome->role_changes.end(), made->role_changes.begin(),
                               made->role_changes.end());
}

Status Replica::ApplyCommitted(uint64_t appended, Outcome* outcome) {
  raft::Raft& raft = group_->raft;
  for (;;) {
    const raft::Output output = raft.TakeOutput();
    if (output.stopped.has_value()) return *output.stopped;
    metrics_->Increment(proto::COUNTER_ENTRIES_DROPPED, output.dropped_entries);
    outcome->role_changes.insert(outcome->role_changes.end(), output.role_changes.begin(),
                                 output.role_changes.end());
    // How far entries were handed out is not under the tree; how far they were applied is. Without
    // this an old value would have them applied twice.
    if (output.first_committed != raft.applied_index() + 1) return proto::ERROR_INTEGRITY_MISMATCH;
    if (output.first_committed > output.last_committed) return Status::Ok();
    // An entry that lay in memory since an earlier call may have been put back; the one that this
    // call just hashed into the chain was not.
    if ((output.first_committed < appended || output.last_committed != appended) &&
        !raft.log().ChainHolds(output.first_committed, output.last_committed)) {
      return proto::ERROR_INTEGRITY_MISMATCH;
    }
    for (uint64_t i = output.first_committed; i <= output.last_committed; ++i) {
      SVR2_RETURN_IF_ERROR(ApplyEntry(raft.log().At(i), outcome));
    }
    metrics_->Increment(proto::COUNTER_ENTRIES_COMMITTED,
                        output.last_committed - output.first_committed + 1);
    raft.AppliedTo(output.last_committed);
  }
}

Status Replica::ApplyEntry(const raft::EntryView& entry, Outcome* outcome) {
  switch (entry.kind) {
    case raft::EntryKind::kNothing:
    case raft::EntryKind::kMembership:  // Effective since it was appended.
      return Status::Ok();
    case raft::EntryKind::kMinimums: {
      Result<minimums::Minimums> next = minimums::Minimums::Parse(entry.payload);
      if (!next.ok()) return next.status();
      SVR2_RETURN_IF_ERROR(group_->minimums.CheckChange(*next));
      group_->minimums = std::move(*next);
      return Status::Ok();
    }
    case raft::EntryKind::kData:
      return ApplyData(entry, outcome);
  }
  return proto::ERROR_INTERNAL;
}

Status Replica::ApplyData(const raft::EntryView& entry, Outcome* outcome) {
  Result<db::EntryReader> reader = db::EntryReader::Parse(entry.payload);
  if (!reader.ok()) return reader.status();
  auto found = waiting_.end();
  if (reader->tag() == tag_) found = waiting_.find(reader->first_request());
  // An old entry of ours whose requests were given up, or nobody's here.
  const bool ours = found != waiting_.end() && found->second.position == entry.position();
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
    Complete(std::move(completion), outcome);
  }
  return status;
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

void Replica::ExpireWaiting(uint64_t now_tick, Outcome* outcome) {
  while (!deadlines_.empty() && deadlines_.front().tick <= now_tick) {
    const uint64_t first_request = deadlines_.front().first_request;
    deadlines_.pop_front();
    const auto found = waiting_.find(first_request);
    if (found == waiting_.end()) continue;
    std::vector<Origin> origins = std::move(found->second.origins);
    waiting_.erase(found);
    CompleteAll(std::move(origins), Completion::Kind::kUnknown, proto::ERROR_CORE_REQUEST_TIMEOUT,
                outcome);
  }
}

void Replica::Complete(Completion completion, Outcome* outcome) {
  if (completion.origin.session == nullptr) transactions_.erase(completion.origin.transaction_id);
  outcome->completions.push_back(std::move(completion));
}

void Replica::CompleteAll(std::vector<Origin> origins, Completion::Kind kind, Error error,
                          Outcome* outcome) {
  for (Origin& origin : origins) {
    Completion completion;
    completion.origin = std::move(origin);
    completion.kind = kind;
    completion.error = error;
    Complete(std::move(completion), outcome);
  }
}

void Replica::StopLocked(Error reason, Outcome* outcome) {
  if (stopped_.has_value()) return;
  stopped_ = reason;
  stop_reason_.store(reason, std::memory_order_release);
  outcome->stopped = reason;
  // First what must happen, then what needs memory, which may be just what ran out.
  if (group_ != nullptr) {
    group_->db->Wipe();
    group_->raft.Stop(reason);
  }
  deadlines_.clear();
  auto waiting = std::move(waiting_);
  waiting_.clear();
  for (auto& [first_request, requests] : waiting) {
    CompleteAll(std::move(requests.origins), Completion::Kind::kUnknown, reason, outcome);
  }
}

}  // namespace svr2::core
