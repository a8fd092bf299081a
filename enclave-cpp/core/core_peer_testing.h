// SPDX-License-Identifier: Apache-2.0
//
// Tests' way to a core's memory: what an operator who swaps memory pages can reach, and what must
// not be found there. No lock is taken: for one thread at a time. Never linked into an enclave.

#ifndef SVR2_CORE_CORE_PEER_TESTING_H_
#define SVR2_CORE_CORE_PEER_TESTING_H_

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "client/session.h"
#include "core/core.h"
#include "core/replica.h"
#include "db/database.h"
#include "integrity/tree_testing.h"
#include "minimums/minimums.h"
#include "raft/raft.h"

namespace svr2::core {

// Friend of Replica.
class ReplicaPeer {
 public:
  // What follows needs a group.
  static bool has_group(Replica* replica) SVR2_NO_THREAD_SAFETY_ANALYSIS {
    return replica->group_ != nullptr;
  }
  static raft::Raft* raft(Replica* replica) SVR2_NO_THREAD_SAFETY_ANALYSIS {
    return &replica->group_->raft;
  }
  static db::Database* db(Replica* replica) SVR2_NO_THREAD_SAFETY_ANALYSIS {
    return replica->group_->db.get();
  }
  static minimums::Minimums* minimums(Replica* replica) SVR2_NO_THREAD_SAFETY_ANALYSIS {
    return &replica->group_->minimums;
  }
  static std::optional<Error>* stopped(Replica* replica) SVR2_NO_THREAD_SAFETY_ANALYSIS {
    return &replica->stopped_;
  }
  // Entries whose requests wait for an answer.
  static size_t waiting(Replica* replica) SVR2_NO_THREAD_SAFETY_ANALYSIS {
    return replica->waiting_.size();
  }
  static bool Locked(Replica* replica) SVR2_NO_THREAD_SAFETY_ANALYSIS {
    if (!replica->mutex_.TryLock()) return true;
    replica->mutex_.Unlock();
    return false;
  }
};

// Friend of Core.
class CorePeer {
 public:
  static Replica* replica(Core* core) { return &core->replica_; }
  static raft::Raft* raft(Core* core) { return ReplicaPeer::raft(&core->replica_); }
  static db::Database* db(Core* core) { return ReplicaPeer::db(&core->replica_); }
  static integrity::Tree* tree(Core* core) { return core->tree_.get(); }
  static std::atomic<bool>* stopped(Core* core) { return &core->stopped_; }
  static client::SessionTable* sessions(Core* core) { return &core->sessions_; }
  static peers::Table* peers(Core* core) { return &core->peers_; }
  static size_t links(Core* core) SVR2_NO_THREAD_SAFETY_ANALYSIS { return core->links_.size(); }
  static size_t transactions(Core* core) { return core->transactions_.size(); }
  static std::shared_ptr<client::Session> session(Core* core, uint64_t client_id) {
    return core->sessions_.Find(client_id, core->now_tick_.load());
  }
  // True when some lock of the core is held by anyone.
  static bool Locked(Core* core) SVR2_NO_THREAD_SAFETY_ANALYSIS {
    if (ReplicaPeer::Locked(&core->replica_)) return true;
    if (!core->server_key_mutex_.TryLock()) return true;
    core->server_key_mutex_.Unlock();
    return false;
  }
};

// Each 8-byte word of an object that held `old_value` when `before` was copied and holds
// `new_value` now, as a region that puts the old value back.
inline std::vector<integrity::OldMemory> ChangedWords(void* object, const std::string& before,
                                                      uint64_t old_value, uint64_t new_value) {
  std::vector<integrity::OldMemory> words;
  char* const begin = static_cast<char*>(object);
  for (size_t at = 0; at + 8 <= before.size(); at += 8) {
    uint64_t then, now;
    std::memcpy(&then, &before[at], 8);
    std::memcpy(&now, begin + at, 8);
    if (then != old_value || now != new_value) continue;
    words.emplace_back("word at " + std::to_string(at), begin + at, 8);
    std::memcpy(words.back().bytes.data(), &then, 8);
  }
  return words;
}

// The bytes of an object.
inline std::string CopyOf(const void* object, size_t size) {
  return std::string(static_cast<const char*>(object), size);
}

}  // namespace svr2::core

#endif  // SVR2_CORE_CORE_PEER_TESTING_H_
