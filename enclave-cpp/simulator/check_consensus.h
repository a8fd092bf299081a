// SPDX-License-Identifier: Apache-2.0
//
// Checkers of consensus, each an object of its own that watches all replicas of a group: one leader
// a term, committed entries never change, equal states after equal indexes, indexes in order. They
// know nothing of how replicas work and serve both levels of the simulator. Source: design.md §7.

#ifndef SVR2_SIMULATOR_CHECK_CONSENSUS_H_
#define SVR2_SIMULATOR_CHECK_CONSENSUS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "raft/membership.h"
#include "raft/types.h"
#include "simulator/verdict.h"
#include "util/status.h"

namespace svr2::simulator {

// At most one leader a term: one replica, that is. The same one may lead a term twice when it was
// rolled back.
class LeaderChecker {
 public:
  void Leads(uint64_t term, uint32_t replica, Verdict* verdict);
  size_t terms() const { return leaders_.size(); }

 private:
  std::unordered_map<uint64_t, uint32_t> leaders_;
};

// What some replica committed at an index is what every replica commits there.
class CommitChecker {
 public:
  void Committed(uint32_t replica, const raft::Position& position, Verdict* verdict);
  uint64_t highest() const { return entries_.empty() ? 0 : entries_.rbegin()->first; }

 private:
  struct Entry {
    raft::Position position;
    uint32_t replica = 0;  // That committed it first.
  };
  std::map<uint64_t, Entry> entries_;
};

// Replicas that applied the same index have the same state. A digest is whatever tells states
// apart.
class DigestChecker {
 public:
  void Applied(uint32_t replica, uint64_t index, const std::string& digest, Verdict* verdict);

 private:
  struct State {
    std::string digest;
    uint32_t replica = 0;
  };
  std::unordered_map<uint64_t, State> states_;
};

// last ≥ promise ≥ commit ≥ applied, and all but last never fall while a replica lives.
class IndexChecker {
 public:
  struct Indexes {
    uint64_t term = 0;
    uint64_t last = 0;
    uint64_t promise = 0;
    uint64_t commit = 0;
    uint64_t applied = 0;
  };
  void Seen(uint32_t replica, const Indexes& indexes, Verdict* verdict);
  // Its memory was put back: it may show less from now on.
  void RolledBack(uint32_t replica) { seen_.erase(replica); }

 private:
  std::unordered_map<uint32_t, Indexes> seen_;
};

// What a client was told about a proposal holds: what was called not applied is never committed.
class FateChecker {
 public:
  void ToldNotApplied(uint64_t proposal, Verdict* verdict);
  void Committed(uint64_t proposal, Verdict* verdict);

 private:
  std::unordered_set<uint64_t> not_applied_;
  std::unordered_set<uint64_t> committed_;
};

// Memberships as they are committed, one after the other: one change each, never below min once min
// was reached, never above max, and nobody who was removed comes back.
class MembershipChecker {
 public:
  MembershipChecker(uint32_t min_voters, uint32_t max_voters)
      : min_voters_(min_voters), max_voters_(max_voters) {}
  void Committed(uint64_t index, const raft::Membership& membership, Verdict* verdict);
  // The last one, and its index; 0 when there was none.
  const raft::Membership& last() const { return last_; }
  uint64_t index() const { return index_; }

 private:
  const uint32_t min_voters_;
  const uint32_t max_voters_;
  bool reached_min_ = false;
  uint64_t index_ = 0;
  raft::Membership last_;
  std::set<raft::PeerId> removed_;
};

// A replica that nobody can reach: it stops leading after an election timeout, and its term stays
// what it was (pre-vote).
class IsolationChecker {
 public:
  explicit IsolationChecker(uint32_t election_ticks) : election_ticks_(election_ticks) {}
  // At each of its ticks.
  void Ticked(uint32_t replica, bool isolated, bool leads, uint64_t term, Verdict* verdict);
  // It was told something after all: between two of its own ticks links may mend and break again.
  void Heard(uint32_t replica) { alone_.erase(replica); }
  // Its memory was put back, and what it heard since may be told to it again.
  void RolledBack(uint32_t replica) { alone_.erase(replica); }

 private:
  struct Alone {
    uint64_t term = 0;
    uint32_t ticks = 0;
  };
  const uint32_t election_ticks_;
  std::unordered_map<uint32_t, Alone> alone_;
};

// Replicas stop for good only for a cause. What is a cause depends on whether any memory of the
// group was rolled back.
class StopChecker {
 public:
  void Stopped(uint32_t replica, Error why, bool any_rollback, Verdict* verdict);
};

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_CHECK_CONSENSUS_H_
