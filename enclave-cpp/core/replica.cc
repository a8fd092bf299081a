// SPDX-License-Identifier: Apache-2.0

#include "core/replica.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "core/replica_loading.h"
#include "crypto/hash.h"
#include "util/endian.h"

namespace svr2::core {

namespace {

raft::GroupConfig GroupOf(const Settings& settings) {
  raft::GroupConfig group;
  group.min_voting_replicas = settings.group.min_voting_replicas();
  group.max_voting_replicas = settings.group.max_voting_replicas();
  group.super_majority = settings.group.super_majority();
  return group;
}

HealingOptions HealingOf(const Settings& settings) {
  HealingOptions options;
  options.group = GroupOf(settings);
  options.fresh_ticks = settings.election_ticks;
  options.voting_timeout_ticks = settings.replica_voting_timeout_ticks;
  options.membership_timeout_ticks = settings.replica_membership_timeout_ticks;
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

constexpr char kHostHashLabel[] = "svr2 host hash v1";

}  // namespace

raft::Options RaftOptions(const Settings& settings) {
  raft::Options options;
  options.group = GroupOf(settings);
  options.election_ticks = settings.election_ticks;
  options.heartbeat_ticks = settings.heartbeat_ticks;
  options.log.max_bytes = settings.log_max_bytes;
  options.log.min_entries = settings.log_min_entries;
  options.log.max_age_ticks = settings.log_max_age_ticks;
  return options;
}

uint64_t ReplicaTag(const raft::PeerId& id) { return util::LoadBigEndian64(id.data()); }

Replica::GroupKeys::GroupKeys(util::ByteView key)
    : group_key(key), digest_key(db::DeriveDigestKey(key)) {
  crypto::Blake2b(
      key,
      util::ByteView(reinterpret_cast<const uint8_t*>(kHostHashLabel), sizeof(kHostHashLabel) - 1),
      host_hash_key.data(), host_hash_key.size());
}

Replica::Replica(env::Env* env, const Settings& settings, const raft::PeerId& self,
                 integrity::Tree* tree, metrics::Registry* metrics, peers::Table* peers)
    : env_(env),
      settings_(settings),
      self_(self),
      tag_(ReplicaTag(self)),
      healing_(HealingOf(settings)),
      tree_(tree),
      metrics_(metrics),
      peers_(peers),
      log_room_bytes_(settings.log_max_bytes) {}

Replica::~Replica() = default;

Result<proto::RaftGroupConfig> Replica::Found(Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (group_ != nullptr) return proto::ERROR_CORE_GROUP_EXISTS;
  if (loading_ != nullptr) return proto::ERROR_CORE_JOINING;

  const Result<uint64_t> group_id = DrawNonZero(env_);
  if (!group_id.ok()) return group_id.status();
  raft::Hash group_key;
  util::ScopedWipe wipe(group_key.data(), group_key.size());
  SVR2_RETURN_IF_ERROR(env_->RandomBytes(group_key.data(), group_key.size()));

  Result<raft::Raft> raft =
      raft::Raft::Found(RaftOptions(settings_), self_, group_key, RandomBits());
  if (!raft.ok()) return raft.status();
  const GroupKeys keys(group_key);
  Result<std::unique_ptr<db::Database>> database = NewDatabase(keys, false);
  if (!database.ok()) return database.status();

  auto group = std::make_unique<GroupState>(std::move(*raft), std::move(*database), keys);
  group->config = settings_.group;
  group->config.set_group_id(*group_id);
  SVR2_RETURN_IF_ERROR(InstallGroup(std::move(group)));
  try {
    Anchor before;
    ReadAnchor(&before);
    AdvanceLocked(before, 0, outcome);
  } catch (const std::bad_alloc&) {
    StopLocked(proto::ERROR_OUT_OF_MEMORY, outcome);
  }
  if (stopped_.has_value()) return *stopped_;
  return group_->config;
}

raft::RandomSource Replica::RandomBits() {
  env::Env* const env = env_;
  return [env]() -> Result<uint64_t> {
    uint64_t bits = 0;
    SVR2_RETURN_IF_ERROR(env->RandomBytes(reinterpret_cast<uint8_t*>(&bits), sizeof(bits)));
    return bits;
  };
}

Result<std::unique_ptr<db::Database>> Replica::NewDatabase(const GroupKeys& keys, bool loading) {
  db::DatabaseOptions options;
  options.max_rows = settings_.max_rows;
  options.digest_key = keys.digest_key.view();
  options.loading = loading;
  return db::Database::Create(env_, options);
}

// Makes `group` the group of this replica and puts it under the tree.
Status Replica::InstallGroup(std::unique_ptr<GroupState> group) {
  auto pin_key = std::make_unique<const db::PinKey>(db::DerivePinKey(group->keys.group_key.view()));
  group_ = std::move(group);
  Anchor anchor;
  ReadAnchor(&anchor);
  const Result<integrity::Slot> slot = tree_->Allocate(anchor.view());
  if (!slot.ok()) {
    group_.reset();
    return slot.status();
  }
  group_->slot = *slot;
  pin_key_owner_ = std::move(pin_key);
  pin_key_.store(pin_key_owner_.get(), std::memory_order_release);
  return Status::Ok();
}

void Replica::Tick(uint64_t unix_ms, uint64_t now_tick, Outcome* outcome) {
  util::MutexLock lock(&mutex_);
  if (stopped_.has_value()) {
    // Said again, should the call that stopped it have found no memory to say so.
    outcome->stopped = stopped_;
    return;
  }
  now_tick_ = now_tick;
  clock_.SetOwn(unix_ms);
  own_seconds_.store(unix_ms / 1000, std::memory_order_relaxed);
  if (group_ == nullptr) return;
  try {
    Anchor before;
    ReadAnchor(&before);
    group_->raft.Tick();
    AdvanceLocked(before, 0, outcome);
    ExpireWaiting(now_tick, outcome);
    if (!stopped_.has_value()) HealLocked(now_tick, outcome);
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
      status = SubmitLocked(&entry, now_tick, &appended, &log_damaged, outcome);
    }
  } catch (const std::bad_alloc&) {
    status = proto::ERROR_OUT_OF_MEMORY;
  }
  if (!status.ok()) {
    const uint64_t number = entry.first_request;
    waiting_.erase(number);
    if (!deadlines_.empty() && deadlines_.back().first_request == number) deadlines_.pop_back();
    // Refusing is one thing; that memory was altered, or is half written, is another.
    if (log_damaged || status.error() == proto::ERROR_INTEGRITY_MISMATCH) {
      StopLocked(status.error(), outcome);
    }
    CompleteAll(std::move(entry.origins), Completion::Kind::kNotApplied, status.error(), outcome);
    return;
  }
  if (appended == 0) return;  // Forwarded: nothing changed here.
  try {
    AdvanceLocked(before, appended, outcome);
    // In a group of one it is answered by now; else the deadline stays.
    if (!stopped_.has_value() && waiting_.count(entry.first_request) == 0) deadlines_.pop_back();
  } catch (const std::bad_alloc&) {
    StopLocked(proto::ERROR_OUT_OF_MEMORY, outcome);
  }
}

// Appends as leader, else prepares the forward. On failure nothing was appended or sent, and
// `entry` still has its origins.
Status Replica::SubmitLocked(EntryInTheMaking* entry, uint64_t now_tick, uint64_t* appended,
                             bool* log_damaged, Outcome* outcome) {
  deadlines_.push_back(
      Deadline{now_tick + settings_.client_request_timeout_ticks, entry->first_request});
  if (group_->raft.is_leader()) return AppendLocked(entry, appended, log_damaged);
  const std::optional<raft::PeerId>& leader = group_->raft.leader();
  if (!leader.has_value()) return proto::ERROR_RAFT_NO_LEADER;
  if (!IsConnected(*leader)) return proto::ERROR_PEERS_NOT_CONNECTED;
  Waiting& waiting = waiting_[entry->first_request];
  outcome->forward.emplace();
  outcome->forward->leader = *leader;
  outcome->forward->first_request = entry->first_request;
  outcome->forward->payload = std::move(entry->payload);
  waiting.origins = std::move(entry->origins);
  return Status::Ok();
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
  other_voters.reserve(group_->raft.membership().members().size());
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

std::vector<raft::Member> Replica::Members() {
  util::MutexLock lock(&mutex_);
  if (group_ == nullptr) return {};
  return group_->raft.membership().members();
}

bool Replica::HearsLeader() {
  util::MutexLock lock(&mutex_);
  return group_ != nullptr && group_->raft.leader().has_value();
}

Snapshot Replica::TakeSnapshot() {
  util::MutexLock lock(&mutex_);
  Snapshot out;
  out.serving = RefusalLocked();
  if (loading_ != nullptr) out.rows_loaded = loading_->db == nullptr ? 0 : loading_->db->rows();
  if (group_ == nullptr) return out;
  const raft::Raft& raft = group_->raft;
  out.has_group = true;
  out.role = raft.role();
  out.voting = raft.is_voter();
  out.member = raft.membership_committed();
  out.term = raft.term();
  out.leader = raft.leader();
  out.last_index = raft.last_index();
  out.promise_index = raft.promise_index();
  out.commit_index = raft.commit_index();
  out.applied_index = raft.applied_index();
  out.rows = group_->db->rows();
  out.rows_loaded = out.rows;
  out.log_bytes = raft.log().bytes();
  out.log_entries = raft.log().entries();
  out.streams = streams_.size();
  out.members = raft.membership().members();
  out.progress = raft.OtherMembers();
  out.minimums = group_->minimums;
  const Result<uint64_t> time = GroupTimeLocked();
  if (time.ok()) out.group_time_seconds = *time;
  return out;
}

// Why no request can be taken now; OK when one can.
Status Replica::RefusalLocked() const {
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if (group_ == nullptr) {
    return loading_ != nullptr ? proto::ERROR_CORE_JOINING : proto::ERROR_CORE_NO_GROUP;
  }
  const raft::Raft& raft = group_->raft;
  if (!raft.membership_committed() || !group_->compared) return proto::ERROR_CORE_JOINING;
  if (!raft.is_leader() && !raft.leader().has_value()) return proto::ERROR_RAFT_NO_LEADER;
  if (raft.voters() < settings_.group.min_voting_replicas()) {
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
  const bool may_grow = used <= limit && limit - used >= kept_free;
  // What deleted rows took stays with the database, and is for backups to come.
  return group_->db->ReserveForBackups(unapplied_backups_ + backups, may_grow);
}

// Puts the entry into the log. On failure, std::bad_alloc among them, nothing was appended and
// `entry` still has its origins.
Status Replica::AppendLocked(EntryInTheMaking* entry, uint64_t* index, bool* log_damaged) {
  const size_t backups = entry->origins.front().op == db::Op::kBackup ? entry->origins.size() : 0;
  SVR2_RETURN_IF_ERROR(CheckRoomForBackups(backups));
  Waiting& waiting = waiting_[entry->first_request];
  const auto at = waiting_at_.emplace(UINT64_MAX, entry->first_request);
  Result<raft::Position> position = proto::ERROR_OUT_OF_MEMORY;
  try {
    position = group_->raft.Propose(raft::EntryKind::kData, entry->payload);
  } catch (const std::bad_alloc&) {
    // The log may be half changed: nothing can be built on it.
    *log_damaged = true;
  }
  if (!position.ok()) {
    waiting_at_.erase(at);
    waiting_.erase(entry->first_request);
    return position.status();
  }
  // No allocation from here on: the entry is in the log.
  auto node = waiting_at_.extract(at);
  node.key() = position->index;
  waiting_at_.insert(std::move(node));
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

void Replica::ExpireWaiting(uint64_t now_tick, Outcome* outcome) {
  while (!deadlines_.empty() && deadlines_.front().tick <= now_tick) {
    const uint64_t first_request = deadlines_.front().first_request;
    deadlines_.pop_front();
    GiveUp(first_request, Completion::Kind::kUnknown, proto::ERROR_CORE_REQUEST_TIMEOUT, outcome);
  }
  for (size_t i = 0; i < commit_watches_.size();) {
    const CommitWatch& watch = commit_watches_[i];
    if (watch.deadline_tick > now_tick) {
      ++i;
      continue;
    }
    outcome->commands.push_back(
        GroupCommandEnd{watch.transaction_id, watch.kind, proto::ERROR_CORE_REQUEST_TIMEOUT});
    commit_watches_.erase(commit_watches_.begin() + static_cast<ptrdiff_t>(i));
  }
}

// Ends the wait for an entry without its result; nothing when it is over already.
void Replica::GiveUp(uint64_t first_request, Completion::Kind kind, Error error, Outcome* outcome) {
  const auto found = waiting_.find(first_request);
  if (found == waiting_.end()) return;
  if (found->second.position.has_value()) {
    const auto range = waiting_at_.equal_range(found->second.position->index);
    for (auto at = range.first; at != range.second; ++at) {
      if (at->second != first_request) continue;
      waiting_at_.erase(at);
      break;
    }
  }
  std::vector<Origin> origins = std::move(found->second.origins);
  waiting_.erase(found);
  CompleteAll(std::move(origins), kind, error, outcome);
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
  loading_.reset();
  streams_.clear();
  deadlines_.clear();
  waiting_at_.clear();
  outcome->forward.reset();
  auto waiting = std::move(waiting_);
  waiting_.clear();
  for (auto& [first_request, requests] : waiting) {
    CompleteAll(std::move(requests.origins), Completion::Kind::kUnknown, reason, outcome);
  }
  for (const CommitWatch& watch : commit_watches_) {
    outcome->commands.push_back(GroupCommandEnd{watch.transaction_id, watch.kind, reason});
  }
  commit_watches_.clear();
  for (const uint64_t id : transfer_watches_) {
    outcome->commands.push_back(
        GroupCommandEnd{id, proto::HostRequest::kRelinquishLeadership, reason});
  }
  transfer_watches_.clear();
}

}  // namespace svr2::core
