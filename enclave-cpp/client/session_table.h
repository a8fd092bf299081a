// SPDX-License-Identifier: Apache-2.0
//
// All client sessions of one enclave: found by id, capped in number, handed out when idle. Source:
// protocol.md §1 "Limits", design.md §4 "Settings".

#ifndef SVR2_CLIENT_SESSION_TABLE_H_
#define SVR2_CLIENT_SESSION_TABLE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "client/session.h"
#include "util/mutex.h"
#include "util/status.h"

namespace svr2::client {

struct SessionLimits {
  uint32_t max_client_sessions = 16384;
  // Of those, at most so many that have not finished their handshake.
  uint32_t max_pending_handshakes = 1024;
  uint32_t session_idle_ticks = 300;
};

// Thread-safe. Its locks are never held while a session's is taken.
class SessionTable {
 public:
  explicit SessionTable(const SessionLimits& limits) : limits_(limits) {}

  // A new session in phase kHandshake under an id that was never used before. Fails with
  // ERROR_CLIENT_TOO_MANY or ERROR_OUT_OF_MEMORY, having changed nothing.
  Result<std::shared_ptr<Session>> Open(const BackupId& backup_id,
                                        std::shared_ptr<const ServerKey> key, uint64_t now_tick);

  // The session, which counts as active now; null when there is none.
  std::shared_ptr<Session> Find(uint64_t id, uint64_t now_tick);

  // The session was written to: it counts as active now. Nothing happens when it is unknown.
  void Touch(uint64_t id, uint64_t now_tick);

  // Its handshake is through: it counts as pending no more. Once per session.
  void Established(uint64_t id);

  // Forgets the session and returns true, or false when it is unknown.
  bool Remove(uint64_t id);

  // Up to `most` sessions without activity for session_idle_ticks. They stay in the table and count
  // as active now: the caller removes those that it closes.
  void TakeIdle(uint64_t now_tick, size_t most, std::vector<std::shared_ptr<Session>>* idle);

  struct Entry {
    std::shared_ptr<Session> session;
    uint64_t last_active_tick;
    bool pending;
  };

  // Every session; for a replica that stops for good, perhaps since memory ran out: allocates
  // nothing. The table is empty afterwards.
  std::list<Entry> RemoveAll();

  size_t sessions() const { return sessions_.load(std::memory_order_relaxed); }
  size_t pending_handshakes() const { return pending_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kShards = 16;

  // One part of the table. `by_activity` runs from the longest idle to the latest active.
  struct Shard {
    util::Mutex mutex;
    std::list<Entry> by_activity SVR2_GUARDED_BY(mutex);
    std::unordered_map<uint64_t, std::list<Entry>::iterator> by_id SVR2_GUARDED_BY(mutex);
  };

  Shard& ShardOf(uint64_t id) { return shards_[id % kShards]; }

  const SessionLimits limits_;
  std::array<Shard, kShards> shards_;
  std::atomic<uint64_t> next_id_{1};
  std::atomic<size_t> sessions_{0};
  std::atomic<size_t> pending_{0};
};

}  // namespace svr2::client

#endif  // SVR2_CLIENT_SESSION_TABLE_H_
