// SPDX-License-Identifier: Apache-2.0
//
// Consensus and the database of one enclave behind one lock: takes encoded requests, ticks, peers'
// messages and orders, and gives back what became of requests. Under the lock there is no
// cryptography but the short hashes of the integrity tree and the log's chain, no protobuf
// serialization and no output (design.md §4 "Locks"): what goes to peers is left in their outboxes,
// whose order is that of the decisions. Before anything that was decided is handed out, the
// integrity tree has confirmed that the state it was decided on is the state that was last written;
// a mismatch stops the replica for good (protocol.md §2 "Integrity failure").
//
// A replica begins without a group. It founds one (Found), or loads one from a source
// (BeginLoading, then Load over and over) and is then a follower that is not yet a member.
//
// replica.cc holds the life of a replica and clients' requests, replica_apply.cc what happens to
// committed entries, replica_group.cc what concerns the other replicas, replica_state.cc both ends
// of a stream of state.

#ifndef SVR2_CORE_REPLICA_H_
#define SVR2_CORE_REPLICA_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/healing.h"
#include "core/request_batch.h"
#include "core/settings.h"
#include "core/state_stream.h"
#include "db/command.h"
#include "db/database.h"
#include "env/env.h"
#include "groupclock/groupclock.h"
#include "integrity/tree.h"
#include "metrics/registry.h"
#include "minimums/minimums.h"
#include "peers/table.h"
#include "raft/raft.h"
#include "svr2/boundary.pb.h"
#include "util/mutex.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::core {

// A log entry to be forwarded to the leader. Its requests wait in the replica already.
struct Forward {
  raft::PeerId leader{};
  uint64_t first_request = 0;
  util::SecretBytes payload;
};

// A host's transaction on the group (a change of membership, of minimums, of leadership) that
// ended.
struct GroupCommandEnd {
  uint64_t transaction_id = 0;
  proto::HostRequest::RequestCase kind = proto::HostRequest::REQUEST_NOT_SET;
  Error error = proto::OK;
};

// A message of consensus that a peer's session brought.
struct PeerMessage {
  raft::PeerId from{};
  raft::Message message;
};

// What a call on the replica brought about, for the caller to act on without the lock.
struct Outcome {
  std::vector<Completion> completions;
  // In the order in which they happened.
  std::vector<raft::RoleChange> role_changes;
  std::optional<Forward> forward;
  std::vector<GroupCommandEnd> commands;
  // Peers that something was left for: their outboxes want draining.
  std::vector<std::shared_ptr<peers::Peer>> touched;
  // Entries were applied that joiners wait for.
  bool streams_ready = false;
  // The own evidence must name the new minimums.
  bool minimums_changed = false;
  bool membership_changed = false;
  // Set by the call that stopped the replica for good, and by each tick after it.
  std::optional<Error> stopped;
};

// A consistent copy of what status and metrics report.
struct Snapshot {
  bool has_group = false;
  raft::Role role = raft::Role::kFollower;
  bool voting = false;
  // The own membership is committed.
  bool member = false;
  uint64_t term = 0;
  std::optional<raft::PeerId> leader;
  uint64_t last_index = 0;
  uint64_t promise_index = 0;
  uint64_t commit_index = 0;
  uint64_t applied_index = 0;
  uint64_t rows = 0;
  uint64_t rows_loaded = 0;
  uint64_t log_bytes = 0;
  uint64_t log_entries = 0;
  size_t streams = 0;
  std::vector<raft::Member> members;
  // On the leader.
  std::vector<raft::Raft::MemberProgress> progress;
  minimums::Minimums minimums;
  // Whether requests can be taken now, and the reason when not.
  Status serving;
  // Unix seconds; 0 when no quorum of voters backs a time.
  uint64_t group_time_seconds = 0;
};

// Database digest at an index of the log.
struct DigestAt {
  uint64_t index = 0;
  db::DatabaseDigest digest;
};

// Thread-safe.
class Replica {
 public:
  // Belongs to no group yet. Everything given outlives the replica.
  Replica(env::Env* env, const Settings& settings, const raft::PeerId& self, integrity::Tree* tree,
          metrics::Registry* metrics, peers::Table* peers);
  ~Replica();

  // Founds a group of one: draws group id and group key and wins the first election. Fails with
  // ERROR_CORE_GROUP_EXISTS, ERROR_RANDOM_FAILED, ERROR_DB_HEAP_FULL, ERROR_CORE_STOPPED and as
  // raft::Raft::Found does.
  Result<proto::RaftGroupConfig> Found(Outcome* outcome) SVR2_EXCLUDES(mutex_);

  // The host's clock and one tick: consensus' timeouts, requests that waited too long, healing.
  void Tick(uint64_t unix_ms, uint64_t now_tick, Outcome* outcome) SVR2_EXCLUDES(mutex_);

  // Appends entries in the making, or has them forwarded; applies what is committed. Each origin of
  // `entry` gets exactly one completion: in this outcome or in that of a later call.
  void Submit(EntryInTheMaking entry, uint64_t now_tick, Outcome* outcome) SVR2_EXCLUDES(mutex_);

  // Reserves a transaction id of the host until its completion is handed out. False when in use.
  bool OpenTransaction(uint64_t id) SVR2_EXCLUDES(mutex_);

  // Gives a transaction id back whose request was never submitted.
  void CloseTransaction(uint64_t id) SVR2_EXCLUDES(mutex_);

  // ---- Other replicas (replica_group.cc) ----

  // Consensus messages of peers, those of each peer in order. What follows from all of them
  // together is decided, confirmed and sent once.
  void Step(const std::vector<PeerMessage>& messages, Outcome* outcome) SVR2_EXCLUDES(mutex_);

  // An entry that a peer's clients want in the log. `payload` is checked: whole commands under the
  // peer's own tag. Fails as clients' own requests do, then nothing was appended.
  Result<raft::Position> AppendForwarded(const raft::PeerId& from, util::ByteView payload,
                                         Outcome* outcome) SVR2_EXCLUDES(mutex_);

  // What became of a forward: the position that the leader gave it, a refusal (nothing appended),
  // or no answer.
  void ForwardAppended(uint64_t first_request, const raft::Position& position, Outcome* outcome)
      SVR2_EXCLUDES(mutex_);
  void ForwardRefused(uint64_t first_request, Error error, Outcome* outcome) SVR2_EXCLUDES(mutex_);
  void ForwardLost(uint64_t first_request, Error error, Outcome* outcome) SVR2_EXCLUDES(mutex_);

  // As leader. Fails as raft::Raft::ChangeMembership does, and with ERROR_CORE_NO_GROUP.
  Result<raft::Position> ChangeMembership(raft::ChangeKind kind, const raft::PeerId& id, bool force,
                                          Outcome* outcome) SVR2_EXCLUDES(mutex_);

  // As leader: appends the present minimums raised by `raise`. Fails with ERROR_RAFT_NOT_LEADER,
  // ERROR_RAFT_CHANGE_IN_FLIGHT (another is not yet committed), ERROR_MINIMUMS_…, and as
  // raft::Raft::Propose does.
  Result<raft::Position> RaiseMinimums(const minimums::Minimums& raise, Outcome* outcome)
      SVR2_EXCLUDES(mutex_);

  // As leader: begins to hand leadership over. Fails as raft::Raft::TransferLeadership does.
  Status TransferLeadership(Outcome* outcome) SVR2_EXCLUDES(mutex_);

  // A host's transaction that ends when `position` is committed, or when leadership has moved.
  void WatchCommit(const raft::Position& position, uint64_t transaction_id,
                   proto::HostRequest::RequestCase kind, uint64_t deadline_tick, Outcome* outcome)
      SVR2_EXCLUDES(mutex_);
  void WatchTransfer(uint64_t transaction_id, Outcome* outcome) SVR2_EXCLUDES(mutex_);

  // A session with a peer stands, or ended.
  void PeerConnected(const raft::PeerId& peer, Outcome* outcome) SVR2_EXCLUDES(mutex_);
  void PeerLost(const raft::PeerId& peer) SVR2_EXCLUDES(mutex_);
  void SetPeerClock(const raft::PeerId& peer, uint64_t unix_ms) SVR2_EXCLUDES(mutex_);

  // The leader of the current term, where known; and whether this replica is it.
  std::optional<raft::PeerId> Leader(bool* is_leader) SVR2_EXCLUDES(mutex_);

  // ---- State streams (replica_state.cc) ----

  // As source: a peer that joins wants rows. Fails with ERROR_CORE_JOINING, ERROR_CORE_NO_GROUP,
  // ERROR_CORE_TOO_MANY_STREAMS. A second request of the same peer starts over.
  Status StartStream(const raft::PeerId& joiner) SVR2_EXCLUDES(mutex_);
  // The next push of some stream whose window is open, or nothing.
  bool NextPush(raft::PeerId* joiner, StreamPush* push, Outcome* outcome) SVR2_EXCLUDES(mutex_);
  // The joiner has taken a push, with so many rows.
  void PushTaken(const raft::PeerId& joiner, uint64_t rows) SVR2_EXCLUDES(mutex_);
  void EndStream(const raft::PeerId& joiner) SVR2_EXCLUDES(mutex_);
  // The group key, for a peer that joins; only where a group is.
  Result<util::Secret<32>> GroupKey() SVR2_EXCLUDES(mutex_);

  // As joiner: from now on Load takes what `source` pushes. What was loaded before goes, which is
  // only possible while this replica has not taken part in consensus (ERROR_CORE_GROUP_EXISTS).
  Status BeginLoading(const raft::PeerId& source, const proto::RaftGroupConfig& config,
                      util::ByteView group_key) SVR2_EXCLUDES(mutex_);
  struct Taken {
    uint64_t rows = 0;
    bool loaded = false;  // All rows are here, and the group stands.
  };
  // Takes a push. After a failure the stream is of no use any more: begin again.
  Status Load(const raft::PeerId& source, const proto::StatePush& head, util::ByteView attachment,
              Taken* taken, Outcome* outcome) SVR2_EXCLUDES(mutex_);
  // Drops what was loaded so far.
  void AbandonLoading() SVR2_EXCLUDES(mutex_);

  // The database's digest at `index` where still known, else at the newest index applied.
  Result<DigestAt> DigestNear(uint64_t index) SVR2_EXCLUDES(mutex_);
  // Whether `other` is what this replica has at that index: OK, ERROR_CORE_DIGEST_MISMATCH, or
  // ERROR_CORE_JOINING when it is not there yet or no longer remembers.
  Status CompareDigest(const DigestAt& other) SVR2_EXCLUDES(mutex_);
  // So many further voters have shown equal digests: this replica may answer and vote.
  void SetCompared() SVR2_EXCLUDES(mutex_);

  // HMAC of digest and index for the host (protocol.md §4 "Hash chain"). ERROR_CORE_NO_GROUP.
  Result<proto::HashReply> KeyedHash() SVR2_EXCLUDES(mutex_);

  // ---- Everything else ----

  // Why this replica stopped for good; OK while it has not.
  Error stop_reason() const { return stop_reason_.load(std::memory_order_acquire); }

  // The own membership is committed, and what was loaded is compared: clients may be served.
  bool may_serve() const { return may_serve_.load(std::memory_order_acquire); }

  // Bytes that the log may still grow by.
  uint64_t log_room_bytes() const { return log_room_bytes_.load(std::memory_order_relaxed); }

  // Stops for good from outside, when the tree was found altered elsewhere.
  void Stop(Error reason, Outcome* outcome) SVR2_EXCLUDES(mutex_);

  // Key of PIN verifiers; null until there is a group. Constant afterwards.
  const db::PinKey* pin_key() const { return pin_key_.load(std::memory_order_acquire); }

  // Group time in unix seconds, or ERROR_GROUPCLOCK_NO_QUORUM, ERROR_CORE_NO_GROUP.
  Result<uint64_t> GroupTimeSeconds() SVR2_EXCLUDES(mutex_);
  // The own host's clock, before there is a group.
  uint64_t own_seconds() const { return own_seconds_.load(std::memory_order_relaxed); }

  // The group with its id; ERROR_CORE_NO_GROUP.
  Result<proto::RaftGroupConfig> Group() SVR2_EXCLUDES(mutex_);

  // Members of the group, committed or not; empty without one.
  std::vector<raft::Member> Members() SVR2_EXCLUDES(mutex_);

  // Some leader was heard within the election timeout. False without a group.
  bool HearsLeader() SVR2_EXCLUDES(mutex_);

  Snapshot TakeSnapshot() SVR2_EXCLUDES(mutex_);

 private:
  friend class ReplicaPeer;  // Tests reach the memory through it, to roll it back.

  // Requests of one entry that wait for its commit.
  struct Waiting {
    std::vector<Origin> origins;
    // Once the leader has told where the entry stands.
    std::optional<raft::Position> position;
  };
  struct Deadline {
    uint64_t tick;
    uint64_t first_request;
  };
  struct CommitWatch {
    raft::Position position;
    uint64_t transaction_id;
    proto::HostRequest::RequestCase kind;
    uint64_t deadline_tick;
  };
  // Keys that follow from the group key.
  struct GroupKeys {
    explicit GroupKeys(util::ByteView group_key);
    util::Secret<32> group_key;
    db::DigestKey digest_key;
    util::Secret<32> host_hash_key;
  };
  // Everything that exists once there is a group.
  struct GroupState {
    GroupState(raft::Raft r, std::unique_ptr<db::Database> d, const GroupKeys& k)
        : raft(std::move(r)), db(std::move(d)), keys(k) {}
    raft::Raft raft;
    std::unique_ptr<db::Database> db;
    GroupKeys keys;
    minimums::Minimums minimums;
    proto::RaftGroupConfig config;
    integrity::Slot slot = 0;
    // With super_majority > 0 a joiner must have compared what it loaded.
    bool compared = true;
    // It came by a stream, and consensus has not yet reached it.
    bool streaming = false;
    raft::PeerId source{};
    uint64_t next_sequence = 0;
  };
  // What a joiner has so far.
  struct Loading;
  // The bytes under the integrity tree: Raft's state, the database's root, a digest of the
  // minimums.
  struct Anchor {
    static constexpr size_t kMaxBytes =
        raft::Raft::kMaxIntegrityStateBytes + db::Database::kMaxRootBytes + 32;
    std::array<uint8_t, kMaxBytes> bytes;
    size_t size = 0;
    util::ByteView view() const { return util::ByteView(bytes.data(), size); }
    // Chain values are in it.
    ~Anchor() { util::Wipe(bytes.data(), size); }
  };

  // replica.cc
  Result<std::unique_ptr<db::Database>> NewDatabase(const GroupKeys& keys, bool loading);
  raft::RandomSource RandomBits();
  Status InstallGroup(std::unique_ptr<GroupState> group) SVR2_REQUIRES(mutex_);
  Status RefusalLocked() const SVR2_REQUIRES(mutex_);
  Result<uint64_t> GroupTimeLocked() const SVR2_REQUIRES(mutex_);
  Status SubmitLocked(EntryInTheMaking* entry, uint64_t now_tick, uint64_t* appended,
                      bool* log_damaged, Outcome* outcome) SVR2_REQUIRES(mutex_);
  Status AppendLocked(EntryInTheMaking* entry, uint64_t* index, bool* log_damaged)
      SVR2_REQUIRES(mutex_);
  Status CheckRoomForBackups(size_t backups) SVR2_REQUIRES(mutex_);
  void ReadAnchor(Anchor* anchor) const SVR2_REQUIRES(mutex_);
  void ExpireWaiting(uint64_t now_tick, Outcome* outcome) SVR2_REQUIRES(mutex_);
  void Complete(Completion completion, Outcome* outcome) SVR2_REQUIRES(mutex_);
  void CompleteAll(std::vector<Origin> origins, Completion::Kind kind, Error error,
                   Outcome* outcome) SVR2_REQUIRES(mutex_);
  void GiveUp(uint64_t first_request, Completion::Kind kind, Error error, Outcome* outcome)
      SVR2_REQUIRES(mutex_);
  void StopLocked(Error reason, Outcome* outcome) SVR2_REQUIRES(mutex_);

  // replica_apply.cc
  // Promises, commits and applies what can be; then moves the anchor from `before` to what is now.
  // `appended` is the index that this very call appended, 0 when none.
  void AdvanceLocked(const Anchor& before, uint64_t appended, Outcome* outcome)
      SVR2_REQUIRES(mutex_);
  // What one call made, until the tree has confirmed it.
  struct Made;
  Status ApplyCommitted(uint64_t appended, Made* made) SVR2_REQUIRES(mutex_);
  Status ApplyRange(const raft::Output& output, uint64_t appended, Made* made)
      SVR2_REQUIRES(mutex_);
  Status ApplyEntry(const raft::EntryView& entry, Made* made) SVR2_REQUIRES(mutex_);
  Status ApplyData(const raft::EntryView& entry, Made* made) SVR2_REQUIRES(mutex_);
  void ResolveWaitingAt(const raft::EntryView& entry, Outcome* outcome) SVR2_REQUIRES(mutex_);
  void ResolveWatches(Outcome* outcome) SVR2_REQUIRES(mutex_);
  void CountEffect(const db::Effect& effect);
  void RecountBackups() SVR2_REQUIRES(mutex_);
  void RememberDigest(uint64_t index) SVR2_REQUIRES(mutex_);
  // Moves what a step brought about to the caller's outcome once the tree confirmed it; otherwise
  // takes every result out of it first.
  void Publish(Made* made, Status confirmed, Outcome* outcome) SVR2_REQUIRES(mutex_);
  void SendLocked(std::vector<raft::Addressed>* messages, Outcome* outcome) SVR2_REQUIRES(mutex_);

  // replica_group.cc
  void HealLocked(uint64_t now_tick, Outcome* outcome) SVR2_REQUIRES(mutex_);
  bool IsConnected(const raft::PeerId& peer) const SVR2_REQUIRES(mutex_);

  // replica_state.cc
  void FeedStreams(const raft::EntryView& entry, Outcome* outcome) SVR2_REQUIRES(mutex_);
  void ReadLoadingAnchor(Anchor* anchor) const SVR2_REQUIRES(mutex_);
  Status LoadFirst(const proto::StatePush& head) SVR2_REQUIRES(mutex_);
  Status LoadEntries(util::ByteView bytes) SVR2_REQUIRES(mutex_);
  Status LoadEntry(const raft::Entry& entry) SVR2_REQUIRES(mutex_);
  Status LoadPart(const proto::StatePush& head, util::ByteView attachment, uint64_t* rows)
      SVR2_REQUIRES(mutex_);
  Status FinishLoading(Outcome* outcome) SVR2_REQUIRES(mutex_);
  Status ContinueStream(const raft::PeerId& source, const proto::StatePush& head,
                        util::ByteView attachment, Outcome* outcome) SVR2_REQUIRES(mutex_);
  void DropLoading() SVR2_REQUIRES(mutex_);

  env::Env* const env_;
  const Settings settings_;
  const raft::PeerId self_;
  const uint64_t tag_;
  const HealingOptions healing_;
  integrity::Tree* const tree_;
  metrics::Registry* const metrics_;
  peers::Table* const peers_;

  util::Mutex mutex_;
  std::optional<Error> stopped_ SVR2_GUARDED_BY(mutex_);
  std::unique_ptr<GroupState> group_ SVR2_GUARDED_BY(mutex_);
  std::unique_ptr<Loading> loading_ SVR2_GUARDED_BY(mutex_);
  groupclock::GroupClock clock_ SVR2_GUARDED_BY(mutex_);
  // As leader: backups in the log that are not yet applied.
  uint64_t unapplied_backups_ SVR2_GUARDED_BY(mutex_) = 0;
  std::unordered_map<uint64_t, Waiting> waiting_ SVR2_GUARDED_BY(mutex_);
  // Index to first_request, of those of `waiting_` that have a position.
  std::multimap<uint64_t, uint64_t> waiting_at_ SVR2_GUARDED_BY(mutex_);
  std::deque<Deadline> deadlines_ SVR2_GUARDED_BY(mutex_);
  std::unordered_set<uint64_t> transactions_ SVR2_GUARDED_BY(mutex_);
  std::vector<CommitWatch> commit_watches_ SVR2_GUARDED_BY(mutex_);
  std::vector<uint64_t> transfer_watches_ SVR2_GUARDED_BY(mutex_);
  std::vector<StateStream> streams_ SVR2_GUARDED_BY(mutex_);
  std::vector<DigestAt> digests_ SVR2_GUARDED_BY(mutex_);
  uint64_t now_tick_ SVR2_GUARDED_BY(mutex_) = 0;
  uint64_t next_healing_tick_ SVR2_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<const db::PinKey> pin_key_owner_ SVR2_GUARDED_BY(mutex_);
  std::atomic<const db::PinKey*> pin_key_{nullptr};
  std::atomic<Error> stop_reason_{proto::OK};
  std::atomic<bool> may_serve_{false};
  std::atomic<uint64_t> log_room_bytes_;
  std::atomic<uint64_t> own_seconds_{0};
};

}  // namespace svr2::core

#endif  // SVR2_CORE_REPLICA_H_
