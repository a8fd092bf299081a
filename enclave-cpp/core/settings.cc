// SPDX-License-Identifier: Apache-2.0

#include "core/settings.h"

#include <limits>

#include "raft/membership.h"

namespace svr2::core {

namespace {

// One number of EnclaveConfig: 0 leaves the default, anything else must lie in [min, max].
template <typename T>
bool Take(const char* name, uint64_t given, uint64_t min, uint64_t max, T* setting,
          std::string* problem) {
  if (given == 0) return true;
  if (given < min || given > max) {
    *problem = std::string(name) + " is " + std::to_string(given) + ", must be from " +
               std::to_string(min) + " to " + std::to_string(max);
    return false;
  }
  *setting = static_cast<T>(given);
  return true;
}

constexpr uint64_t kMaxTicks = 1000000;
// Room for some ten thousand rows: less is no service.
constexpr uint64_t kLeastRowsBytes = uint64_t{2} << 20;
constexpr uint64_t kMaxSessions = 16777216;

bool TakeNumbers(const proto::EnclaveConfig& in, Settings* out, std::string* problem) {
  return Take("election_ticks", in.election_ticks(), 2, 10000, &out->election_ticks, problem) &&
         Take("heartbeat_ticks", in.heartbeat_ticks(), 1, kMaxTicks, &out->heartbeat_ticks,
              problem) &&
         Take("client_request_timeout_ticks", in.client_request_timeout_ticks(), 1, kMaxTicks,
              &out->client_request_timeout_ticks, problem) &&
         Take("peer_request_timeout_ticks", in.peer_request_timeout_ticks(), 1, kMaxTicks,
              &out->peer_request_timeout_ticks, problem) &&
         Take("replica_voting_timeout_ticks", in.replica_voting_timeout_ticks(), 1, kMaxTicks,
              &out->replica_voting_timeout_ticks, problem) &&
         Take("replica_membership_timeout_ticks", in.replica_membership_timeout_ticks(), 1,
              kMaxTicks, &out->replica_membership_timeout_ticks, problem) &&
         Take("session_idle_ticks", in.session_idle_ticks(), 1, kMaxTicks, &out->session_idle_ticks,
              problem) &&
         Take("attestation_refresh_ticks", in.attestation_refresh_ticks(), 1, kMaxTicks,
              &out->attestation_refresh_ticks, problem) &&
         Take("log_max_age_ticks", in.log_max_age_ticks(), 1, kMaxTicks, &out->log_max_age_ticks,
              problem) &&
         Take("log_max_bytes", in.log_max_bytes(), uint64_t{64} << 10, uint64_t{64} << 30,
              &out->log_max_bytes, problem) &&
         Take("log_min_entries", in.log_min_entries(), 1, 1000000000, &out->log_min_entries,
              problem) &&
         Take("max_rows", in.max_rows(), 1, 4000000000, &out->max_rows, problem) &&
         Take("max_client_sessions", in.max_client_sessions(), 1, kMaxSessions,
              &out->max_client_sessions, problem) &&
         Take("max_pending_handshakes", in.max_pending_handshakes(), 1, kMaxSessions,
              &out->max_pending_handshakes, problem);
}

Status CheckGroup(const proto::RaftGroupConfig& group, std::string* problem) {
  const auto bad = [problem](const char* why) -> Status {
    *problem = why;
    return proto::ERROR_RAFT_BAD_GROUP_CONFIG;
  };
  if (group.group_id() != 0) {
    return bad("group.group_id must not be set: the founding enclave draws it at random");
  }
  if (group.db_version() != 0 && group.db_version() != kDatabaseVersion) {
    return bad("group.db_version must be 2 or absent");
  }
  if (group.min_voting_replicas() == 0) return bad("group.min_voting_replicas must be at least 1");
  if (group.max_voting_replicas() < group.min_voting_replicas()) {
    return bad("group.max_voting_replicas must not be less than min_voting_replicas");
  }
  if (group.max_voting_replicas() > raft::kMaxMembers) {
    return bad("group.max_voting_replicas must not exceed 32");
  }
  if (group.super_majority() >= group.min_voting_replicas()) {
    return bad("group.super_majority must be less than min_voting_replicas");
  }
  if (group.attestation_timeout() == 0) {
    return bad("group.attestation_timeout must be set, in seconds");
  }
  return Status::Ok();
}

}  // namespace

Result<Settings> ParseSettings(util::ByteView config, uint64_t heap_bytes_limit,
                               std::string* problem) {
  proto::EnclaveConfig in;
  if (config.size() > static_cast<size_t>(std::numeric_limits<int>::max()) ||
      !in.ParseFromArray(config.data(), static_cast<int>(config.size()))) {
    *problem = "not a serialized EnclaveConfig";
    return proto::ERROR_CORE_BAD_CONFIG;
  }
  Settings out;
  if (!TakeNumbers(in, &out, problem)) return proto::ERROR_CORE_BAD_CONFIG;
  if (out.heartbeat_ticks >= out.election_ticks) {
    *problem = "heartbeat_ticks must be less than election_ticks";
    return proto::ERROR_CORE_BAD_CONFIG;
  }
  if (out.replica_voting_timeout_ticks <= out.election_ticks) {
    *problem = "replica_voting_timeout_ticks must be more than election_ticks";
    return proto::ERROR_CORE_BAD_CONFIG;
  }
  if (out.replica_membership_timeout_ticks < out.replica_voting_timeout_ticks) {
    *problem =
        "replica_membership_timeout_ticks must not be less than replica_voting_timeout_ticks";
    return proto::ERROR_CORE_BAD_CONFIG;
  }
  if (in.has_client_pq()) out.client_pq = in.client_pq();
  if (!proto::LogLevel_IsValid(in.log_level())) {
    *problem = "log_level is unknown";
    return proto::ERROR_CORE_BAD_CONFIG;
  }
  if (in.log_level() != proto::LOG_LEVEL_UNSET) out.log_level = in.log_level();
  // The log may fill its bound at any time; rows and sessions need room beside it.
  const uint64_t needed = out.log_max_bytes + HeapReserveBytes(heap_bytes_limit) + kLeastRowsBytes;
  if (out.log_max_bytes > heap_bytes_limit / 2 || needed > heap_bytes_limit) {
    *problem =
        "log_max_bytes is " + std::to_string(out.log_max_bytes) +
        ", which leaves too little of the heap for rows and sessions (at most half of it, and " +
        std::to_string(needed) + " bytes in all): NumHeapPages sets it to " +
        std::to_string(heap_bytes_limit) + " bytes";
    return proto::ERROR_CORE_BAD_CONFIG;
  }
  SVR2_RETURN_IF_ERROR(CheckGroup(in.group(), problem));
  out.group = in.group();
  out.group.set_db_version(kDatabaseVersion);
  return out;
}

}  // namespace svr2::core
