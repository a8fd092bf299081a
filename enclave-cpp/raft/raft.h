// SPDX-License-Identifier: Apache-2.0
//
// Consensus as a pure state machine: it takes ticks, messages and proposals, and TakeOutput hands
// back what to send and what is committed. No socket, thread, clock or random source inside; random
// numbers come from a function that the owner gives. Two copies that are given the same inputs (the
// random numbers among them) stay equal, so that a checker can explore it.
//
// An entry goes through four steps, and each index only ever rises, in this order:
//   last ≥ promise ≥ commit ≥ applied
// The leader appends it (last); a quorum stores it (promise); a quorum has acknowledged that
// promise (commit); the owner applied it and said so (applied). Nobody truncates at or below its
// promise. Why two rounds: a rolled-back voter cannot take back what others have promised.
//
// Where protocol.md §4 leaves room, the safe reading was taken:
// * "Same term": a follower refuses every append that would truncate an entry of the append's own
//   term, also one at a higher index than the conflict: only the leader of that term made it.
// * A leader whose own promise is exceeded, for an entry of its own term, by a member's answer was
//   rolled back, too, and stops. So was one that is shown an entry of its term in any answer,
//   expected or not.
// * A peer that was seen rolled back counts nowhere in this replica's memory any more: not for
//   promises, commits and check-quorum, and not as a vote, in later terms neither.
// * A voter takes as the promise check's proof any position of the request (the one asked for, the
//   candidate's last, its promise) at or past the voter's promise that it holds as well: equal
//   chain values there mean equal logs below. A refused candidate that can prove what it was told
//   asks that voter again at once.
// * A pre-candidate that learns of a higher term from a vote answer takes the term and goes on
//   asking; from any other message it becomes a follower.
// * Vote requests that the lease ignores get no answer and do not raise the term (thesis 4.2.3).
// * A leader goes on telling a removed member the log up to its removal, until it has seen that
//   committed or an election timeout has passed, since a replica that never sees its removal cannot
//   stop.
// * A joiner whose own log does not hold its membership yet is not stopped by dropped entries: its
//   source still streams them.
//
// Source: protocol.md §4; Ongaro's thesis, chapters 3, 4 and 6.

#ifndef SVR2_RAFT_RAFT_H_
#define SVR2_RAFT_RAFT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "raft/log.h"
#include "raft/membership.h"
#include "raft/message.h"
#include "raft/progress.h"
#include "raft/types.h"
#include "util/bytes.h"
#include "util/status.h"

namespace svr2::raft {

// Times are in ticks. Defaults are those of design.md §4.
struct Options {
  GroupConfig group;  // No default.
  uint32_t election_ticks = 10;
  uint32_t heartbeat_ticks = 2;
  LogLimits log;
};

// Removed members that still have to see their removal: those beyond are no longer told.
inline constexpr size_t kMaxLeaving = 4;

// Draws 64 fresh random bits. Called for election timeouts and nonces. When it fails the replica
// stops for good.
using RandomSource = std::function<Result<uint64_t>()>;

// What became of a position that some leader gave out for an entry; decides what a client may be
// told (protocol.md §3).
enum class Fate {
  kPending,    // Nothing is committed at that index yet.
  kCommitted,  // That very entry is committed: answer with its result once applied.
  kReplaced,   // An entry of another term is committed there: not applied, never will be.
  kUnknown,    // Same term, other hash: a leader was rolled back. May have been applied.
  kDropped,    // The log no longer holds that index. May have been applied.
};

struct Addressed {
  PeerId to{};
  Message message;
};

struct RoleChange {
  Role role = Role::kFollower;
  uint64_t term = 0;
};

// What TakeOutput hands back: everything that happened since the call before.
struct Output {
  std::vector<Addressed> messages;
  // Newly committed entries: the indexes from first_committed to last_committed, none when first >
  // last. Check them with Raft::log().ChainHolds, read them with Raft::log().At(index), apply them
  // in order, then call AppliedTo.
  uint64_t first_committed = 1;
  uint64_t last_committed = 0;
  // In the order in which they happened.
  std::vector<RoleChange> role_changes;
  // Entries dropped from the front of the log.
  uint64_t dropped_entries = 0;
  // Set, once, when this replica stopped for good: nothing else in this output is valid then.
  std::optional<Error> stopped;
};

// Copyable, thread-compatible: the owner's lock guards all calls.
class Raft {
 public:
  // Founds a group of one. The log's first entry is the membership {self, voting}, of term 0; then
  // the founder wins the election of term 1 by the ordinary code and appends that term's empty
  // entry. On return it is leader; both entries commit with the next TakeOutput. `group_key` is the
  // hash chain's value at index 0, drawn by the founder.
  // Fails with ERROR_RAFT_BAD_GROUP_CONFIG, ERROR_INVALID_ARGUMENT (ticks or bounds: election_ticks
  // ≥ 2, 1 ≤ heartbeat_ticks < election_ticks, log limits as in raft/log.h), or the error of
  // `random`.
  static Result<Raft> Found(const Options& options, const PeerId& self, const Hash& group_key,
                            RandomSource random);

  // Joins a group whose state up to `position` has been loaded: an empty log that continues
  // `position`, which counts as promised, committed and applied; `membership` is the one in force
  // there (written at `membership_index`), need not hold `self`, and term starts at position.term.
  // A follower that never campaigns while it does not vote. Fails as Found does.
  static Result<Raft> Join(const Options& options, const PeerId& self, const Position& position,
                           const Membership& membership, uint64_t membership_index,
                           RandomSource random);

  // For a replica that joins: the next committed entry, as its source streams it (entries that it
  // already holds are checked and otherwise ignored). It comes out of the next TakeOutput as
  // committed. Fails with ERROR_RAFT_MALFORMED_MESSAGE (a gap, or a hash that does not continue the
  // chain; nothing changed), ERROR_RAFT_SAME_TERM_CONFLICT or ERROR_RAFT_CONFLICT_BELOW_PROMISE
  // (differs from what it holds).
  Status AppendCommitted(const Entry& entry);

  // As leader, appends the membership that results from one change: kAdd (as non-voter), kPromote,
  // kDemote, kRemove. `force` permits going below min_voting_replicas, never to no voter. Refused
  // with nothing appended: ERROR_CORE_STOPPED, ERROR_RAFT_NOT_LEADER,
  // ERROR_RAFT_TRANSFER_IN_PROGRESS, ERROR_RAFT_CHANGE_IN_FLIGHT, ERROR_RAFT_TERM_NOT_COMMITTED,
  // ERROR_RAFT_BELOW_MIN_VOTERS, ERROR_RAFT_MAX_VOTERS, ERROR_RAFT_NOT_A_MEMBER,
  // ERROR_RAFT_NO_CHANGE, ERROR_RAFT_IS_LEADER, ERROR_RAFT_TOO_MANY_MEMBERS, ERROR_RAFT_REMOVED (an
  // id that was removed does not return), ERROR_RAFT_LOG_FULL.
  Result<Position> ChangeMembership(ChangeKind kind, const PeerId& id, bool force);

  // As leader, hands leadership over: an empty entry, then no more proposals, then TimeoutNow to
  // `target`, or to the first voter that has all of the log. `transferring()` until another leads
  // or the election timeout has passed. Fails with ERROR_CORE_STOPPED, ERROR_RAFT_NOT_LEADER,
  // ERROR_RAFT_TRANSFER_IN_PROGRESS, ERROR_RAFT_NO_TRANSFER_TARGET.
  Status TransferLeadership(const std::optional<PeerId>& target);
  bool transferring() const;

  // A new session with a peer stands: what was on the way to it is lost. Resets replication
  // progress, not what it has acknowledged.
  void PeerConnected(const PeerId& peer);

  // As leader: what is known of each other member, in the order of the membership; else empty.
  struct MemberProgress {
    PeerId id{};
    bool voting = false;
    uint64_t stored = 0;
    uint64_t promised = 0;
    uint64_t silent_ticks = 0;  // Since its last successful answer, or since this leader began.
    bool rolled_back = false;   // Never counted again; its removal should be proposed.
  };
  std::vector<MemberProgress> OtherMembers() const;

  // True when the own membership is in a committed entry.
  bool membership_committed() const;

  // One tick passed: election timeout (drawn anew from [t, 2t) ticks each time), check-quorum, and
  // entries that grew too old. May drop entries: views of entries end here.
  void Tick();

  // A message from an attested peer of this group. A refused message changes nothing but what its
  // term says (protocol.md §4 "Accepted", "Refused"); the error names the reason and goes into a
  // counter, no more. What makes this replica stop for good shows in the next TakeOutput. After a
  // stop: ERROR_CORE_STOPPED.
  Status Step(const PeerId& from, const Message& message);

  // Appends an entry as leader and returns its position; the bytes are copied into the log.
  // On failure nothing was appended:
  //   ERROR_CORE_STOPPED           stopped for good
  //   ERROR_INVALID_ARGUMENT       not kData or kMinimums, or an empty payload
  //   ERROR_RAFT_ENTRY_TOO_LARGE   more than max_payload_bytes()
  //   ERROR_RAFT_NOT_LEADER
  //   ERROR_RAFT_TRANSFER_IN_PROGRESS
  //   ERROR_RAFT_TOO_FEW_VOTERS    kData while the membership holds fewer than min voters
  //   ERROR_RAFT_LOG_FULL          entries not yet committed and applied fill log_max_bytes
  Result<Position> Propose(EntryKind kind, util::ByteView payload);
  Result<Position> Propose(EntryKind kind, const util::SecretBytes& payload) {
    return Propose(kind, util::View(payload));
  }

  // As leader promises and commits what can be; hands over what is new, with at most one request a
  // member in the common case: entries, promise and commit go together. Nothing leaves this class
  // anywhere else, so the owner confirms its integrity tree once, after this call and before it
  // hands out anything of it. Call it after each batch of inputs: what waits for it is bounded by
  // what was put in.
  Output TakeOutput();

  // The owner applied every entry up to `index`. Needs applied_index() ≤ index ≤ commit_index().
  // May drop entries from the front of the log: views of entries end here.
  void AppliedTo(uint64_t index);

  // Stops for good: wipes the log, keeps the indexes, refuses everything from now on. The first
  // reason stays.
  void Stop(Error reason);

  // What became of `position`, as far as this replica knows; kDropped for every index once it has
  // stopped. O(1).
  Fate FateOf(const Position& position) const;

  // Everything small that decides, in one canonical form for the integrity tree: term, vote,
  // leader, role, stop reason, first, last, promise, commit and applied position; the membership in
  // force and, while that is not known committed, the one before, with a digest of the removed ids
  // that is checked where they are used; as leader what each other member has stored, promised and
  // acknowledged, and a leadership transfer; as (pre-)candidate the nonce, the votes and what was
  // asked of whom; who was seen rolled back. What only decides when something is sent is not in it.
  // Writes at most kMaxIntegrityStateBytes and returns how many (under 400 in a group of three); no
  // allocation, no hashing.
  static constexpr size_t kMaxIntegrityStateBytes =
      480 + 2 * 33 * kMaxMembers + 59 * (kMaxMembers + kMaxLeaving) + 8 * kMaxMembers;
  size_t WriteIntegrityState(uint8_t* out) const;

  const PeerId& self() const { return self_; }
  Role role() const { return role_; }
  bool is_leader() const { return role_ == Role::kLeader; }
  uint64_t term() const { return term_; }
  // Of the current term, where known.
  const std::optional<PeerId>& leader() const { return leader_; }
  const std::optional<PeerId>& voted_for() const { return vote_; }
  const std::optional<Error>& stopped() const { return stopped_; }

  // The membership of the last membership entry in the log, committed or not, and its index.
  const Membership& membership() const { return memberships_.back().membership; }
  uint64_t membership_index() const { return memberships_.back().index; }
  // The one before, where quorums are needed in it, too (null where not).
  const Membership* membership_before() const {
    return Joint() ? &memberships_[memberships_.size() - 2].membership : nullptr;
  }
  bool is_voter() const { return membership().IsVoter(self_); }
  size_t voters() const { return membership().voters(); }
  // Votes that make a quorum of the membership in force.
  size_t quorum() const { return QuorumSize(voters(), options_.group.super_majority); }

  uint64_t last_index() const { return log_.last_index(); }
  uint64_t promise_index() const { return promise_; }
  uint64_t commit_index() const { return commit_; }
  uint64_t applied_index() const { return log_.applied_index(); }
  Position last() const { return log_.last(); }
  // After a stop term and hash are zero.
  Position promise() const { return PositionOf(promise_); }
  Position commit() const { return PositionOf(commit_); }
  Position applied() const { return PositionOf(applied_index()); }

  // True when this term's leader has committed an entry of its own term: what it knows as committed
  // is then all that was.
  bool own_term_committed() const;

  size_t max_payload_bytes() const { return log_.max_payload_bytes(); }
  const Log& log() const { return log_; }
  const Options& options() const { return options_; }

 private:
  friend struct RaftTesting;  // raft/raft_testing.h

  // A membership entry. The first is the last one known committed, or the first there was.
  struct MembershipAt {
    uint64_t index = 0;
    Membership membership;
    Hash removed_digest{};  // Of membership.removed(), zeros when there are none.
  };
  // What a (pre-)candidate knows of a replica that it asks.
  struct Asked {
    PeerId id{};
    uint64_t promise = 0;  // That it told last.
    uint64_t proved = 0;   // The index of the proof in the last request to it.
    bool granted = false;
  };
  struct Transfer {
    std::optional<PeerId> target;
    bool ordered = false;  // TimeoutNow is sent.
    uint32_t ticks = 0;
  };

  Raft(const Options& options, const PeerId& self, const Position& base, RandomSource random);

  static Result<Raft> NewFounder(const Options& options, const PeerId& self, const Hash& group_key,
                                 RandomSource random);

  // raft.cc
  Position Append(EntryKind kind, util::ByteView payload);
  void Send(const PeerId& to, Message message);
  Position PositionOf(uint64_t index) const;

  // election.cc
  Result<uint64_t> Random();
  Status DrawElectionTimeout();
  Status DrawNonce();
  void SetRole(Role role);
  void AdoptTerm(uint64_t term);
  void BecomeFollower();
  void StepDown();
  void Campaign();
  void ShowUp();
  AppendAnswer Announcement() const { return AppendAnswer{term_, 0, false, log_.last(), 0}; }
  void BecomeCandidate(bool ordered_by_leader);
  void BecomeLeader();
  void CheckQuorum();
  bool VotesMakeQuorum() const;
  bool VotesMakeQuorumIn(const Membership& membership) const;
  void CountVotes();
  void AskAll();
  void Ask(Asked* asked);
  Asked* FindAsked(const PeerId& id);
  bool HearsLeader() const;
  bool ProvesPromise(const VoteRequest& request) const;
  bool IsUpToDate(const VoteRequest& request) const;
  void AnswerVote(const PeerId& to, const VoteRequest& request, bool granted);
  Status On(const PeerId& from, const VoteRequest& request);
  Status On(const PeerId& from, const VoteAnswer& answer);
  Status On(const PeerId& from, const TimeoutNow& order);
  bool TellRemoved(const PeerId& id);
  Status On(const PeerId& from, const Removed& news);

  // follower.cc
  struct Checked;
  Status CheckAppend(const PeerId& from, const AppendRequest& request) const;
  Status TakeEntries(const AppendRequest& request, Checked* checked);
  Status AppendVerified(const AppendRequest& request, size_t first, Checked* checked);
  Status MayReplace(const AppendRequest& request, uint64_t index, Checked* checked);
  Status AppendFrom(const Entry& entry);
  void Truncate(uint64_t index);
  Status On(const PeerId& from, const AppendRequest& request);

  // leader.cc
  Progress* FindProgress(const PeerId& id);
  uint64_t QuorumOf(uint64_t Progress::*reached, uint64_t own) const;
  uint64_t QuorumIn(bool before, uint64_t Progress::*reached, uint64_t own) const;
  uint64_t StoredByAll() const;
  void AdvancePromise();
  void AdvanceCommit();
  bool ShowsRollbackOfSelf(const AppendAnswer& answer) const;
  static bool ShowsRollbackOfPeer(const Progress& progress, const AppendAnswer& answer);
  void MarkRolledBack(Progress* progress);
  bool IsRolledBack(const PeerId& id) const;
  Status On(const PeerId& from, const AppendAnswer& answer);
  void Accepted(Progress* progress, const AppendAnswer& answer);
  void Refused(Progress* progress, const AppendAnswer& answer);
  uint64_t NextAfterRefusal(const Progress& progress, const Position& shown) const;
  void SendAppends();
  void SendTo(Progress* progress);
  void SendOne(Progress* progress, bool with_entries, bool wants_answer);
  size_t CopyEntries(uint64_t first, uint64_t limit, std::vector<Entry>* out) const;
  void TickLeader();
  void OrderTransfer();

  // change.cc
  bool Joint() const;
  bool MayLead() const;
  void Adopt(uint64_t index, Membership membership);
  void RefreshProgress();
  void MembershipsCommitted();
  bool RemovedIdsHold(const MembershipAt& at) const;

  Options options_;
  PeerId self_;
  RandomSource random_;

  Role role_ = Role::kFollower;
  uint64_t term_ = 0;
  std::optional<PeerId> vote_;
  std::optional<PeerId> leader_;
  std::optional<Error> stopped_;

  Log log_;
  uint64_t promise_ = 0;
  uint64_t commit_ = 0;
  // The one in force last; before it the others that are not known committed, and the one that they
  // change. Seldom more than two.
  std::vector<MembershipAt> memberships_;

  // (Pre-)candidate.
  Nonce nonce_{};
  bool ordered_by_leader_ = false;
  std::vector<Asked> asked_;
  // Leader: the other members in the order of the membership, then those that leave.
  std::vector<Progress> progress_;
  bool votes_ = false;         // Whether itself votes in the membership in force,
  bool voted_before_ = false;  // and in the one before.
  std::optional<Transfer> transfer_;
  // Whoever was seen rolled back, for as long as it is a member.
  std::vector<PeerId> rolled_back_;

  uint64_t now_ticks_ = 0;
  uint32_t elapsed_ticks_ = 0;  // Since the leader was heard, or since the campaign began.
  uint32_t election_timeout_ticks_ = 0;

  // Not yet handed over.
  std::vector<Addressed> output_messages_;
  uint64_t output_committed_ = 0;
  std::vector<RoleChange> output_roles_;
  uint64_t output_dropped_ = 0;
  bool output_stopped_ = false;
};

}  // namespace svr2::raft

#endif  // SVR2_RAFT_RAFT_H_
