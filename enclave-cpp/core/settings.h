// SPDX-License-Identifier: Apache-2.0
//
// The configuration of one enclave with defaults filled in and every limit checked. Source:
// design.md §4 "Settings", proto/…/config.proto.

#ifndef SVR2_CORE_SETTINGS_H_
#define SVR2_CORE_SETTINGS_H_

#include <cstdint>
#include <string>

#include "svr2/config.pb.h"
#include "util/bytes.h"
#include "util/status.h"

namespace svr2::core {

// Version of this database in RaftGroupConfig.db_version (protocol.md §6).
inline constexpr uint32_t kDatabaseVersion = 2;

// Heap that rows never take, in bytes: for sessions, messages in work, and the allocator's slack.
constexpr uint64_t HeapReserveBytes(uint64_t limit) {
  constexpr uint64_t kLeast = uint64_t{4} << 20;
  return limit / 16 > kLeast ? limit / 16 : kLeast;
}

// Plain values, all within their limits. Thread-compatible.
struct Settings {
  proto::RaftGroupConfig group;  // group_id is 0: the founding enclave draws it.
  proto::LogLevel log_level = proto::LOG_LEVEL_INFO;
  uint32_t election_ticks = 10;
  uint32_t heartbeat_ticks = 2;
  uint32_t client_request_timeout_ticks = 50;
  uint32_t peer_request_timeout_ticks = 30;
  uint32_t session_idle_ticks = 300;
  uint32_t replica_voting_timeout_ticks = 600;
  uint32_t replica_membership_timeout_ticks = 36000;
  uint32_t attestation_refresh_ticks = 36000;
  uint32_t log_max_age_ticks = 36000;
  uint64_t log_max_bytes = uint64_t{64} << 20;
  uint64_t log_min_entries = 1000;
  uint64_t max_rows = 1000000;
  uint32_t max_client_sessions = 16384;
  uint32_t max_pending_handshakes = 1024;
  bool client_pq = true;
};

// Reads a serialized EnclaveConfig. On failure `*problem` says in one sentence which value is wrong
// and what it must be (it names settings only, no secret), and the result is ERROR_CORE_BAD_CONFIG
// or ERROR_RAFT_BAD_GROUP_CONFIG. Whether the group fits the platform is
// attestation::CheckPlatform's.
Result<Settings> ParseSettings(util::ByteView config, uint64_t heap_bytes_limit,
                               std::string* problem);

}  // namespace svr2::core

#endif  // SVR2_CORE_SETTINGS_H_
