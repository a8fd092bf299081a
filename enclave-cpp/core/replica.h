// SPDX-License-Identifier: Apache-2.0
//
// Consensus and the database of one enclave behind one lock: takes encoded requests, ticks and
// orders, and gives back what became of requests. Under the lock there is no cryptography but the
// short hashes of the integrity tree and the log's chain, no protobuf and no output (design.md §4
// "Locks"). Before anything that was decided is handed out, the integrity tree has confirmed that
// the state it was decided on is the state that was last written; a mismatch stops the replica
// for good (protocol.md §2 "Integrity failure").

#ifndef SVR2_CORE_REPLICA_H_
#define SVR2_CORE_REPLICA_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/request_batch.h"
#include "core/settings.h"
#include "db/command.h"
#include "db/database.h"
#include "env/env.h"
#include "groupclock/groupclock.h"
#include "integrity/tree.h"
#include "metrics/registry.h"
#include "minimums/minimums.h"
#include "raft/raft.h"
#include "util/mutex.h"
#include "util/status.h"

namespace svr2::core {

// What a call on the replica brought about, for the caller to act on without the lock.
struct Outcome {
  std::vector<Completion> completions;
  // In the order in which they happened.
  std::vector<raft::RoleChange> role_changes;
  // Set by the call that stopped the replica for good, and by each tick after it.
  std::optional<Error> stopped;
};

// A consistent copy of what status and metrics report.
struct Snapshot {
  bool has_group = false;
  raft::Role role = raft::Role::kFollower;
  bool voting = false;
  uint64_t term = 0;
  std::optional<raft::PeerId> leader;
  uint64_t last_index = 0;
  uint64_t promise_index = 0;
  uint64_t commit_index = 0;
  uint64_t applied_index = 0;
  uint64_t rows = 0;
  uint64_t log_bytes = 0;
  uint64_t log_entries = 0;
  std::vector<raft::Member> members;
  minimums::Minimums minimums;
  // Whether requests can be taken now, and the reason when not.
  Status serving;
  // Unix seconds; 0 when no quorum of voters backs a time.
  uint64_t group_time_seconds = 0;
};

// Thread-safe.
class Replica {
 public:
  // Belongs to no group yet. Everything given outlives the replica.
  Replica(env::Env* env, const Settings& settings, const raft::PeerId& self, integrity::Tree* tree,
          metrics::Registry* metrics);
  ~Replica();

  // Founds a group of one: draws group id and group key and wins the first election. Fails with
  // ERROR_CORE_GROUP_EXISTS, ERROR_RANDOM_FAILED, ERROR_DB_HEAP_FULL, ERROR_CORE_STOPPED and as
  // raft::Raft::Found does.
  Result<proto::RaftGroupConfig> Found(Outcome* outcome) SVR2_EXCLUDES(mutex_);

  // The host's clock and one tick: consensus' timeouts, requests that waited too long.
  void Tick(uint64_t unix_ms, uint64_t now_tick, Outcome* outcome) SVR2_EXCLUDES(mutex_);

  // Appends entries in the making, applies what is committed. Each origin of `entry` gets exactly
  // one completion: in this outcome or in that of a later call.
  void Submit(EntryInTheMaking entry, uint64_t now_tick, Outcome* outcome) SVR2_EXCLUDES(mutex_);

  // Reserves a transaction id of the host until its completion is handed out. False when in use.
  bool OpenTransaction(uint64_t id) SVR2_EXCLUDES(mutex_);

  // Gives a transaction id back whose request was never submitted.
  void CloseTransaction(uint64_t id) SVR2_EXCLUDES(mutex_);

  // Why this replica stopped for good; OK while it has not.
  Error stop_reason() const { return stop_reason_.load(std::memory_order_acquire); }

  // Bytes that the log may still grow by.
  uint64_t log_room_bytes() const { return log_room_bytes_.load(std::memory_order_relaxed); }

  // Stops for good from outside, when the tree was found altered elsewhere.
  void Stop(Error reason, Outcome* outcome) SVR2_EXCLUDES(mutex_);

  // Key of PIN verifiers; null until there is a group. Constant afterwards.
  const db::PinKey* pin_key() const { return pin_key_.load(std::memory_order_acquire); }

  // Group time in unix seconds, or ERROR_GROUPCLOCK_NO_QUORUM, ERROR_CORE_NO_GROUP.
  Result<uint64_t> GroupTimeSeconds() SVR2_EXCLUDES(mutex_);

  // The group with its id; ERROR_CORE_NO_GROUP.
  Result<proto::RaftGroupConfig> Group() SVR2_EXCLUDES(mutex_);

  Snapshot TakeSnapshot() SVR2_EXCLUDES(mutex_);

 private:
  friend class ReplicaPeer;  // Tests reach the memory through it, to roll it back.

  // Requests of one entry that wait for its commit.
  struct Waiting {
    std::vector<Origin> origins;
    raft::Position position;
  };
  struct Deadline {
    uint64_t tick;
    uint64_t first_request;
  };
  // Everything that exists once there is a group.
  struct GroupState {
    GroupState(raft::Raft r, std::unique_ptr<db::Database> d)
        : raft(std::move(r)), db(std::move(d)) {}
    raft::Raft raft;
    std::unique_ptr<db::Database> db;
    minimums::Minimums minimums;
    proto::RaftGroupConfig config;
    integrity::Slot slot = 0;
  };
  // The bytes under the integrity tree: Raft's state, the database's root, a digest of the
  // minimums.
  struct Anchor {
    static constexpr size_t kMaxBytes =
        raft::Raft::kMaxIntegrityStateBytes + 32 + db::Database::kMaxRootBytes;
    std::array<uint8_t, kMaxBytes> bytes;
    size_t size = 0;
    util::ByteView view() const { return util::ByteView(bytes.data(), size); }
    // Chain values are in it.
    ~Anchor() { util::Wipe(bytes.data(), size); }
  };

  Status RefusalLocked() const SVR2_REQUIRES(mutex_);
  Result<uint64_t> GroupTimeLocked() const SVR2_REQUIRES(mutex_);
  Status AppendLocked(EntryInTheMaking* entry, uint64_t* index, bool* log_damaged)
      SVR2_REQUIRES(mutex_);
  Status CheckRoomForBackups(size_t backups) SVR2_REQUIRES(mutex_);
  void ReadAnchor(Anchor* anchor) const SVR2_REQUIRES(mutex_);
  // Promises, commits and applies what can be; then moves the anchor from `before` to what is now.
  // `appended` is the index that this very call appended, 0 when none.
  void AdvanceLocked(const Anchor& before, uint64_t appended, Outcome* outcome)
      SVR2_REQUIRES(mutex_);
  Status ApplyCommitted(uint64_t appended, Outcome* outcome) SVR2_REQUIRES(mutex_);
  Status ApplyEntry(const raft::EntryView& entry, Outcome* outcome) SVR2_REQUIRES(mutex_);
  Status ApplyData(const raft::EntryView& entry, Outcome* outcome) SVR2_REQUIRES(mutex_);
  void CountEffect(const db::Effect& effect);
  void ExpireWaiting(uint64_t now_tick, Outcome* outcome) SVR2_REQUIRES(mutex_);
  void Complete(Completion completion, Outcome* outcome) SVR2_REQUIRES(mutex_);
  void CompleteAll(std::vector<Origin> origins, Completion::Kind kind, Error error,
                   Outcome* outcome) SVR2_REQUIRES(mutex_);
  // Moves what a step brought about to the caller's outcome once the tree confirmed it; otherwise
  // takes every result out of it first.
  static void Publish(Outcome* made, Status confirmed, Outcome* outcome);
  void StopLocked(Error reason, Outcome* outcome) SVR2_REQUIRES(mutex_);

  env::Env* const env_;
  const Settings settings_;
  const raft::PeerId self_;
  const uint64_t tag_;
  integrity::Tree* const tree_;
  metrics::Registry* const metrics_;

  util::Mutex mutex_;
  std::optional<Error> stopped_ SVR2_GUARDED_BY(mutex_);
  std::unique_ptr<GroupState> group_ SVR2_GUARDED_BY(mutex_);
  groupclock::GroupClock clock_ SVR2_GUARDED_BY(mutex_);
  uint64_t unapplied_backups_ SVR2_GUARDED_BY(mutex_) = 0;
  std::unordered_map<uint64_t, Waiting> waiting_ SVR2_GUARDED_BY(mutex_);
  std::deque<Deadline> deadlines_ SVR2_GUARDED_BY(mutex_);
  std::unordered_set<uint64_t> transactions_ SVR2_GUARDED_BY(mutex_);
  std::unique_ptr<const db::PinKey> pin_key_owner_ SVR2_GUARDED_BY(mutex_);
  std::atomic<const db::PinKey*> pin_key_{nullptr};
  std::atomic<Error> stop_reason_{proto::OK};
  std::atomic<uint64_t> log_room_bytes_;
};

}  // namespace svr2::core

#endif  // SVR2_CORE_REPLICA_H_
