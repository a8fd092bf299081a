// SPDX-License-Identifier: Apache-2.0
//
// Core's part for the host's transactions, and the evidence that clients are shown.

#include <memory>
#include <new>
#include <string>
#include <utility>

#include "attestation/own_evidence.h"
#include "core/call.h"
#include "core/core.h"
#include "svr2/boundary.pb.h"

namespace svr2::core {

namespace {

proto::RaftRole RoleOf(const Snapshot& snapshot) {
  if (!snapshot.has_group) return proto::RAFT_ROLE_NONE;
  switch (snapshot.role) {
    case raft::Role::kFollower:
      return proto::RAFT_ROLE_FOLLOWER;
    case raft::Role::kPreCandidate:
      return proto::RAFT_ROLE_PRE_CANDIDATE;
    case raft::Role::kCandidate:
      return proto::RAFT_ROLE_CANDIDATE;
    case raft::Role::kLeader:
      return proto::RAFT_ROLE_LEADER;
  }
  return proto::RAFT_ROLE_NONE;
}

void FillStatus(const Snapshot& snapshot, proto::StatusReply* out) {
  out->set_role(RoleOf(snapshot));
  out->set_voting(snapshot.voting);
  out->set_term(snapshot.term);
  if (snapshot.leader.has_value()) {
    out->set_leader_id(snapshot.leader->data(), snapshot.leader->size());
  }
  out->set_last_index(snapshot.last_index);
  out->set_promise_index(snapshot.promise_index);
  out->set_commit_index(snapshot.commit_index);
  out->set_applied_index(snapshot.applied_index);
  out->set_rows(snapshot.rows);
  out->set_log_bytes(snapshot.log_bytes);
  for (const raft::Member& member : snapshot.members) {
    proto::MemberStatus* entry = out->add_members();
    entry->set_peer_id(member.id.data(), member.id.size());
    entry->set_voting(member.voting);
  }
  if (!snapshot.minimums.empty()) *out->mutable_minimums() = snapshot.minimums.ToProto();
  out->set_group_time_seconds(snapshot.group_time_seconds);
  out->set_member(snapshot.member);
}

}  // namespace

void Core::HandleRequest(const proto::HostRequest& request, Call* call) {
  const uint64_t id = request.id();
  if (id == 0) {
    metrics_.CountError(proto::ERROR_INVALID_ARGUMENT);
    AddReply(id, proto::ERROR_INVALID_ARGUMENT, call);
    return;
  }
  switch (request.request_case()) {
    case proto::HostRequest::kNewClient:
      return OpenClient(id, request.new_client(), call);
    case proto::HostRequest::kDeleteBackup:
      return DeleteBackup(id, request.delete_backup(), call);
    case proto::HostRequest::kCreateGroup:
      return CreateGroup(id, call);
    case proto::HostRequest::kStatus:
      return ReportStatus(id, call);
    case proto::HostRequest::kMetrics:
      return ReportMetrics(id, call);
    case proto::HostRequest::kSetLogLevel:
      return SetLogLevel(id, request.set_log_level(), call);
    case proto::HostRequest::kEvidence:
      return ReportEvidence(id, call);
    default:
      if (HandleGroupRequest(request, call)) return;
      break;
  }
  AddReply(id, proto::ERROR_CORE_EMPTY_ITEM, call);
}

proto::EnclaveReply* Core::AddReply(uint64_t id, Error error, Call* call) {
  metrics_.CountError(error);
  proto::EnclaveReply* reply = call->output.AddItem()->mutable_reply();
  reply->set_id(id);
  reply->set_error(error);
  return reply;
}

void Core::OpenClient(uint64_t id, const proto::NewClientRequest& request, Call* call) {
  if (request.backup_id().size() != db::kBackupIdBytes) {
    AddReply(id, proto::ERROR_CORE_MALFORMED_ID, call);
    return;
  }
  Result<std::shared_ptr<const client::ServerKey>> key = UsableServerKey();
  Status status = key.status();
  if (status.ok()) status = CheckHeapForSession();
  if (!status.ok()) {
    AddReply(id, status.error(), call);
    return;
  }
  const util::ByteView backup_id(request.backup_id());
  Result<std::shared_ptr<client::Session>> session =
      sessions_.Open(util::ToArray<16>(backup_id), *key, now_tick_.load(std::memory_order_relaxed));
  if (!session.ok()) {
    WarnOfLimit(session.error(), call);
    AddReply(id, session.error(), call);
    return;
  }
  if (stopped_.load(std::memory_order_acquire)) {
    // Stopped meanwhile: the table was emptied, perhaps just before this session came into it.
    sessions_.Remove((*session)->id());
    AddReply(id, proto::ERROR_CORE_STOPPED, call);
    return;
  }
  metrics_.Increment(proto::COUNTER_CLIENT_SESSIONS_OPENED);
  proto::NewClientReply* reply = AddReply(id, proto::OK, call)->mutable_new_client();
  reply->set_client_id((*session)->id());
  reply->set_handshake_start((*key)->handshake_start);
  call->output.NoteBytes((*key)->handshake_start.size());
}

void Core::DeleteBackup(uint64_t id, const proto::DeleteBackupRequest& request, Call* call) {
  const auto refuse = [this, id, call](Error error, proto::CloseReason outcome) {
    AddReply(id, error, call)->set_outcome(outcome);
  };
  db::Command command;
  command.op = db::Op::kDelete;
  command.backup_id = request.backup_id();
  if (command.backup_id.size() != db::kBackupIdBytes) {
    return refuse(proto::ERROR_CORE_MALFORMED_ID, proto::CLOSE_REASON_INVALID_ARGUMENT);
  }
  // Submitted with the requests of clients that follow in this message, or at its end.
  if (call->requests.full()) SubmitRequests(call);
  if (!replica_.OpenTransaction(id)) {
    return refuse(proto::ERROR_CORE_DUPLICATE_TRANSACTION, proto::CLOSE_REASON_NOT_APPLIED);
  }
  try {
    const Status added = call->requests.Add(command, Origin{nullptr, id, command.op});
    SVR2_CHECK(added.ok());  // Its only size was checked above.
  } catch (const std::bad_alloc&) {
    replica_.CloseTransaction(id);
    refuse(proto::ERROR_OUT_OF_MEMORY, proto::CLOSE_REASON_NOT_APPLIED);
  }
}

void Core::CreateGroup(uint64_t id, Call* call) {
  Outcome outcome;
  Result<proto::RaftGroupConfig> group = replica_.Found(&outcome);
  Deliver(&outcome, call);
  if (!group.ok()) {
    AddReply(id, group.error(), call);
    return;
  }
  Log(proto::LOG_LEVEL_INFO, "founded a group", call);
  RefreshServerKey(call);
  *AddReply(id, proto::OK, call)->mutable_create_group()->mutable_group() = *group;
}

void Core::ReportStatus(uint64_t id, Call* call) {
  const Snapshot snapshot = replica_.TakeSnapshot();
  Status serving = snapshot.serving;
  if (serving.ok()) serving = UsableServerKey().status();
  proto::StatusReply* out = AddReply(id, proto::OK, call)->mutable_status();
  FillStatus(snapshot, out);
  FillPeers(snapshot, out);
  out->set_peer_id(peer_id().data(), peer_id().size());
  const Result<proto::RaftGroupConfig> group = replica_.Group();
  if (group.ok()) *out->mutable_group() = *group;
  out->set_client_sessions(sessions_.sessions());
  out->set_serving(serving.ok());
  out->set_not_serving_reason(serving.error());
  out->set_unprotected(env_->Simulated());
}

// What consensus does not know: which sessions stand, and how far joining is.
void Core::FillPeers(const Snapshot& snapshot, proto::StatusReply* out) {
  for (proto::MemberStatus& member : *out->mutable_members()) {
    const std::optional<raft::PeerId> id = ToPeerId(member.peer_id());
    member.set_connected(id.has_value() && (*id == peer_id() || IsConnected(*id)));
    for (const raft::Raft::MemberProgress& progress : snapshot.progress) {
      if (progress.id != id) continue;
      member.set_stored_index(progress.stored);
      member.set_silent_ticks(static_cast<uint32_t>(progress.silent_ticks));
    }
  }
  proto::JoinStatus* join = out->mutable_join();
  join->set_rows_loaded(snapshot.rows_loaded);
  util::MutexLock lock(&join_mutex_);
  join->set_phase(joiner_.phase());
  if (joiner_.active()) {
    join->set_source_id(joiner_.source().data(), joiner_.source().size());
  }
  join->set_attempts_failed(joiner_.attempts_failed());
  join->set_last_error(joiner_.last_error());
}

void Core::ReportMetrics(uint64_t id, Call* call) {
  UpdateGauges(replica_.TakeSnapshot());
  metrics_.Write(AddReply(id, proto::OK, call)->mutable_metrics());
}

void Core::UpdateGauges(const Snapshot& snapshot) {
  uint64_t voters = 0;
  for (const raft::Member& member : snapshot.members) voters += member.voting ? 1 : 0;
  metrics_.Set(proto::GAUGE_ROWS, snapshot.rows);
  metrics_.Set(proto::GAUGE_CLIENT_SESSIONS, sessions_.sessions());
  metrics_.Set(proto::GAUGE_PENDING_HANDSHAKES, sessions_.pending_handshakes());
  metrics_.Set(proto::GAUGE_LOG_BYTES, snapshot.log_bytes);
  metrics_.Set(proto::GAUGE_LOG_ENTRIES, snapshot.log_entries);
  metrics_.Set(proto::GAUGE_TERM, snapshot.term);
  metrics_.Set(proto::GAUGE_PROMISE_INDEX, snapshot.promise_index);
  metrics_.Set(proto::GAUGE_COMMIT_INDEX, snapshot.commit_index);
  metrics_.Set(proto::GAUGE_APPLIED_INDEX, snapshot.applied_index);
  metrics_.Set(proto::GAUGE_IS_LEADER,
               snapshot.has_group && snapshot.role == raft::Role::kLeader ? 1 : 0);
  metrics_.Set(proto::GAUGE_IS_VOTER, snapshot.voting ? 1 : 0);
  metrics_.Set(proto::GAUGE_IS_MEMBER, snapshot.member ? 1 : 0);
  metrics_.Set(proto::GAUGE_LEADER_KNOWN, snapshot.leader.has_value() ? 1 : 0);
  metrics_.Set(proto::GAUGE_PEERS_CONNECTED, peers_.Connected().size());
  metrics_.Set(proto::GAUGE_STATE_STREAMS, snapshot.streams);
  {
    util::MutexLock lock(&join_mutex_);
    metrics_.Set(proto::GAUGE_JOIN_PHASE, static_cast<uint64_t>(joiner_.phase()));
  }
  metrics_.Set(proto::GAUGE_VOTERS, voters);
  metrics_.Set(proto::GAUGE_MEMBERS, snapshot.members.size());
  metrics_.Set(proto::GAUGE_HEAP_BYTES_USED, env_->HeapBytesUsed());
  metrics_.Set(proto::GAUGE_HEAP_BYTES_LIMIT, env_->HeapBytesLimit());
  metrics_.Set(proto::GAUGE_GROUP_TIME_SECONDS, snapshot.group_time_seconds);
  uint64_t age = 0;
  {
    util::MutexLock lock(&server_key_mutex_);
    if (server_key_ != nullptr && snapshot.group_time_seconds > server_key_->made_at_seconds) {
      age = snapshot.group_time_seconds - server_key_->made_at_seconds;
    }
  }
  metrics_.Set(proto::GAUGE_EVIDENCE_AGE_SECONDS, age);
}

void Core::SetLogLevel(uint64_t id, const proto::SetLogLevelRequest& request, Call* call) {
  if (request.level() == proto::LOG_LEVEL_UNSET || !proto::LogLevel_IsValid(request.level())) {
    AddReply(id, proto::ERROR_INVALID_ARGUMENT, call);
    return;
  }
  log_level_.store(request.level(), std::memory_order_relaxed);
  AddReply(id, proto::OK, call)->mutable_set_log_level();
}

void Core::ReportEvidence(uint64_t id, Call* call) {
  Result<std::shared_ptr<const client::ServerKey>> key = UsableServerKey();
  if (!key.ok()) {
    AddReply(id, key.error(), call);
    return;
  }
  proto::EvidenceReply* reply = AddReply(id, proto::OK, call)->mutable_evidence();
  reply->set_handshake_start((*key)->handshake_start);
  reply->set_client_pq((*key)->post_quantum);
  call->output.NoteBytes((*key)->handshake_start.size());
}

Result<std::shared_ptr<const client::ServerKey>> Core::UsableServerKey() {
  const Result<uint64_t> now = replica_.GroupTimeSeconds();
  if (!now.ok()) {
    return now.error() == proto::ERROR_CORE_NO_GROUP ? now.status()
                                                     : Status(proto::ERROR_CORE_NO_QUORUM_TIME);
  }
  // No client session before the own membership is committed (protocol.md §5).
  if (!replica_.may_serve()) return proto::ERROR_CORE_JOINING;
  std::shared_ptr<const client::ServerKey> key;
  {
    util::MutexLock lock(&server_key_mutex_);
    key = server_key_;
  }
  if (key == nullptr) return proto::ERROR_ATTESTATION_UNAVAILABLE;
  if (*now > key->made_at_seconds &&
      *now - key->made_at_seconds > settings_.group.attestation_timeout()) {
    return proto::ERROR_ATTESTATION_TOO_OLD;
  }
  return key;
}

void Core::RefreshServerKey(Call* call) {
  const uint64_t now_tick = now_tick_.load(std::memory_order_relaxed);
  {
    util::MutexLock lock(&server_key_mutex_);
    if (server_key_ != nullptr &&
        now_tick < server_key_->made_at_tick + settings_.attestation_refresh_ticks) {
      return;
    }
  }
  RenewServerKey(call);
}

void Core::RenewServerKey(Call* call) {
  const Result<uint64_t> now_seconds = replica_.GroupTimeSeconds();
  if (!now_seconds.ok()) return;  // No group, or no time yet: the next tick tries again.
  const uint64_t now_tick = now_tick_.load(std::memory_order_relaxed);
  if (refreshing_.exchange(true, std::memory_order_acquire)) return;
  Status status;
  try {
    status = MakeServerKey(*now_seconds, now_tick);
  } catch (const std::bad_alloc&) {
    status = proto::ERROR_OUT_OF_MEMORY;
  }
  refreshing_.store(false, std::memory_order_release);
  if (status.ok()) {
    metrics_.Increment(proto::COUNTER_EVIDENCE_REFRESHES);
    if (evidence_failed_.exchange(false)) {
      Log(proto::LOG_LEVEL_INFO, "evidence for clients is available again", call);
    }
    return;
  }
  metrics_.Increment(proto::COUNTER_EVIDENCE_FAILURES);
  metrics_.CountError(status.error());
  // Said once; tried again at each tick.
  if (!evidence_failed_.exchange(true)) {
    Log(proto::LOG_LEVEL_ERROR,
        "cannot make evidence for clients: " + proto::Error_Name(status.error()), call);
  }
}

// Draws a new key pair for clients and has it attested. No lock is held meanwhile.
Status Core::MakeServerKey(uint64_t now_seconds, uint64_t now_tick) {
  const Result<proto::RaftGroupConfig> group = replica_.Group();
  if (!group.ok()) return group.status();
  auto key = std::make_shared<client::ServerKey>();
  Result<crypto::KeyPair> keys = crypto::GenerateKeyPair(env_);
  if (!keys.ok()) return keys.status();
  key->keys = std::move(*keys);
  key->post_quantum = settings_.client_pq;
  const Result<env::Evidence> evidence = attestation::MakeOwnEvidence(
      env_, key->keys.public_key, *group, replica_.TakeSnapshot().minimums.ToProto());
  if (!evidence.ok()) return evidence.status();
  key->handshake_start = attestation::MakeClientHandshakeStart(*evidence);
  key->made_at_seconds = now_seconds;
  key->made_at_tick = now_tick;
  util::MutexLock lock(&server_key_mutex_);
  if (stopped_.load(std::memory_order_acquire)) return proto::ERROR_CORE_STOPPED;
  server_key_ = std::move(key);
  evidence_fresh_.store(true, std::memory_order_relaxed);
  return Status::Ok();
}

// Refuses new sessions while there is still heap for those that exist and for the log.
Status Core::CheckHeapForSession() {
  const uint64_t limit = env_->HeapBytesLimit();
  const uint64_t used = env_->HeapBytesUsed();
  // Rows leave the whole reserve free; sessions may take half of it.
  const uint64_t kept_free = HeapReserveBytes(limit) / 2 + replica_.log_room_bytes();
  return used <= limit && limit - used >= kept_free ? Status::Ok()
                                                    : Status(proto::ERROR_OUT_OF_MEMORY);
}

}  // namespace svr2::core
