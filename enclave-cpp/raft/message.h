// SPDX-License-Identifier: Apache-2.0
//
// What replicas say to each other about consensus, as plain values. They travel only inside peer
// sessions, since they carry chain values and entries. Raft::Step takes them, Raft::TakeOutput
// makes them, raft/message_codec.h is their byte form. Source: protocol.md §4.

#ifndef SVR2_RAFT_MESSAGE_H_
#define SVR2_RAFT_MESSAGE_H_

#include <array>
#include <cstdint>
#include <variant>
#include <vector>

#include "raft/types.h"

namespace svr2::raft {

// Drawn fresh for each election, so that a vote replayed to a rolled-back candidate is ignored.
using Nonce = std::array<uint8_t, 16>;

// Leader to member: entries, news of promise and commit, or nothing as a heartbeat.
struct AppendRequest {
  uint64_t term = 0;
  // Counts this leader's requests to this member, echoed in the answer: an answer tells what the
  // member held after the request of that number was sent.
  uint64_t round = 0;
  Position previous;  // What must stand right before `entries`.
  // Of the leader, at most the last index of this request: what lies beyond is not proved by it.
  uint64_t promise_index = 0;
  uint64_t commit_index = 0;
  uint64_t acknowledged_by_all = 0;  // What members may drop down to log_min_entries.
  // False where only the commit index is new: nothing waits for an answer, and none is given unless
  // the request is refused.
  bool wants_answer = true;
  // The member needs entries that the leader no longer holds; `previous` is what its log continues.
  bool entries_dropped = false;
  // In order, without gaps, from previous.index + 1 on.
  std::vector<Entry> entries;
};

// Member to leader.
struct AppendAnswer {
  uint64_t term = 0;
  uint64_t round = 0;
  bool accepted = false;
  // Accepted: the last position that the request proved equal to the leader's log. Refused: what
  // the member holds instead, at the conflict or at its end.
  Position position;
  // min(own promise, verified index).
  uint64_t promise_index = 0;
};

// Candidate or pre-candidate to voter.
struct VoteRequest {
  uint64_t term = 0;  // The term that the election is for, also when pre_vote.
  bool pre_vote = false;
  bool ordered_by_leader = false;  // Leadership transfer: passes the lease.
  Nonce nonce{};
  Position last;
  // Promise check: the candidate's chain value at the promise index that this voter told last.
  Position proof;
  // Dead branch: the candidate's own promise.
  Position promise;
  // What the candidate's log continues: applied there, so committed. A voter whose promise lies at
  // or below it needs no proof: all that was committed up to there the candidate holds, and what
  // was promised there and not committed never will be.
  uint64_t base_index = 0;
};

// Voter to (pre-)candidate. Echoes what was asked; others are ignored.
struct VoteAnswer {
  uint64_t term = 0;  // The voter's own, also when pre_vote.
  bool pre_vote = false;
  bool granted = false;
  Nonce nonce{};
  Position last;
  // The voter's promise index: what the next request has to prove.
  uint64_t promise_index = 0;
};

// Leader to the replica that shall campaign now. Counts only from the leader of the current term.
struct TimeoutNow {
  uint64_t term = 0;
};

// Member to a replica that still asks though a committed membership has removed it: it was away,
// and nobody sends it entries any more. It stops.
struct Removed {
  uint64_t term = 0;
};

using Message =
    std::variant<AppendRequest, AppendAnswer, VoteRequest, VoteAnswer, TimeoutNow, Removed>;

}  // namespace svr2::raft

#endif  // SVR2_RAFT_MESSAGE_H_
