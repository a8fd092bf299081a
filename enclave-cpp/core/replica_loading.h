// SPDX-License-Identifier: Apache-2.0
//
// What a replica that joins has loaded so far; a part of Replica (core/replica_state.cc).

#ifndef SVR2_CORE_REPLICA_LOADING_H_
#define SVR2_CORE_REPLICA_LOADING_H_

#include <cstdint>
#include <memory>

#include "core/replica.h"

namespace svr2::core {

raft::Options RaftOptions(const Settings& settings);

// The first 8 bytes of an id: names a replica in the entries that its clients' requests make.
uint64_t ReplicaTag(const raft::PeerId& id);

struct Replica::Loading {
  explicit Loading(const GroupKeys& k) : keys(k) {}

  raft::PeerId source{};
  GroupKeys keys;
  proto::RaftGroupConfig config;
  uint64_t next_sequence = 1;
  // From the first push on. `db` holds the rows that it covers in the state at `applied`.
  std::unique_ptr<db::Database> db;
  raft::Position applied;
  raft::Membership membership;
  uint64_t membership_index = 0;
  minimums::Minimums minimums;
  integrity::Slot slot = 0;
};

}  // namespace svr2::core

#endif  // SVR2_CORE_REPLICA_LOADING_H_
