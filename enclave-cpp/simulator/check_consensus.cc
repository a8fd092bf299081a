// SPDX-License-Identifier: Apache-2.0

#include "simulator/check_consensus.h"

namespace svr2::simulator {
namespace {

std::string Replica(uint32_t number) { return "replica " + std::to_string(number); }
std::string Index(uint64_t index) { return "index " + std::to_string(index); }

}  // namespace

void LeaderChecker::Leads(uint64_t term, uint32_t replica, Verdict* verdict) {
  const auto [place, first] = leaders_.emplace(term, replica);
  if (first || place->second == replica) return;
  verdict->Violation("one leader a term", Replica(replica) + " and " + Replica(place->second) +
                                              " lead term " + std::to_string(term));
}

void CommitChecker::Committed(uint32_t replica, const raft::Position& position, Verdict* verdict) {
  const auto [place, first] = entries_.emplace(position.index, Entry{position, replica});
  if (first || place->second.position == position) return;
  verdict->Violation("committed entries never change",
                     Replica(replica) + " commits an entry of term " +
                         std::to_string(position.term) + " at " + Index(position.index) + ", " +
                         Replica(place->second.replica) + " committed one of term " +
                         std::to_string(place->second.position.term));
}

void DigestChecker::Applied(uint32_t replica, uint64_t index, const std::string& digest,
                            Verdict* verdict) {
  const auto [place, first] = states_.emplace(index, State{digest, replica});
  if (first || place->second.digest == digest) return;
  verdict->Violation("equal index, equal database", Replica(replica) + " and " +
                                                        Replica(place->second.replica) +
                                                        " differ after " + Index(index));
}

void IndexChecker::Seen(uint32_t replica, const Indexes& now, Verdict* verdict) {
  if (now.last < now.promise || now.promise < now.commit || now.commit < now.applied) {
    verdict->Violation("indexes in order",
                       Replica(replica) + " has last " + std::to_string(now.last) + ", promise " +
                           std::to_string(now.promise) + ", commit " + std::to_string(now.commit) +
                           ", applied " + std::to_string(now.applied));
  }
  const auto [place, first] = seen_.emplace(replica, now);
  if (first) return;
  const Indexes& before = place->second;
  if (now.term < before.term || now.promise < before.promise || now.commit < before.commit ||
      now.applied < before.applied) {
    verdict->Violation("indexes never fall",
                       Replica(replica) + " went from promise " + std::to_string(before.promise) +
                           " to " + std::to_string(now.promise) + ", commit " +
                           std::to_string(before.commit) + " to " + std::to_string(now.commit) +
                           ", term " + std::to_string(before.term) + " to " +
                           std::to_string(now.term));
  }
  place->second = now;
}

void FateChecker::ToldNotApplied(uint64_t proposal, Verdict* verdict) {
  not_applied_.insert(proposal);
  if (committed_.count(proposal) > 0) {
    verdict->Violation("not applied means not applied",
                       "proposal " + std::to_string(proposal) + " was committed before");
  }
}

void FateChecker::Committed(uint64_t proposal, Verdict* verdict) {
  committed_.insert(proposal);
  if (not_applied_.count(proposal) > 0) {
    verdict->Violation("not applied means not applied",
                       "proposal " + std::to_string(proposal) + " is committed all the same");
  }
}

void MembershipChecker::Committed(uint64_t index, const raft::Membership& membership,
                                  Verdict* verdict) {
  if (index <= index_) return;
  const std::string at = " by the change at " + Index(index);
  const size_t voters = membership.voters();
  if (reached_min_ && voters < min_voters_) {
    verdict->Violation("min voters", "only " + std::to_string(voters) + " vote" + at);
  }
  if (voters > max_voters_) {
    verdict->Violation("max voters", std::to_string(voters) + " vote" + at);
  }
  size_t changes = 0;
  for (const raft::Member& member : membership.members()) {
    if (removed_.count(member.id) > 0) {
      verdict->Violation("removed for good", "a removed replica is a member again" + at);
    }
    if (!last_.IsMember(member.id) || last_.IsVoter(member.id) != member.voting) ++changes;
  }
  for (const raft::Member& member : last_.members()) {
    if (membership.IsMember(member.id)) continue;
    ++changes;
    removed_.insert(member.id);
  }
  if (changes > 1 && index_ > 0) {
    verdict->Violation("one change at a time", std::to_string(changes) + " members change" + at);
  }
  reached_min_ = reached_min_ || voters >= min_voters_;
  index_ = index;
  last_ = membership;
}

void IsolationChecker::Ticked(uint32_t replica, bool isolated, bool leads, uint64_t term,
                              Verdict* verdict) {
  if (!isolated) {
    alone_.erase(replica);
    return;
  }
  const auto [place, first] = alone_.emplace(replica, Alone{term, 0});
  Alone& alone = place->second;
  if (first) return;
  ++alone.ticks;
  if (term != alone.term) {
    verdict->Violation("pre-vote", Replica(replica) + " reaches nobody but went from term " +
                                       std::to_string(alone.term) + " to " + std::to_string(term));
  }
  if (leads && alone.ticks > 2 * election_ticks_) {
    verdict->Violation("check-quorum", Replica(replica) + " has reached nobody for " +
                                           std::to_string(alone.ticks) + " ticks and still leads");
  }
}

void StopChecker::Stopped(uint32_t replica, Error why, bool any_rollback, Verdict* verdict) {
  switch (why) {
    case proto::ERROR_RAFT_REMOVED:
    case proto::ERROR_RAFT_ENTRIES_DROPPED:
      return;
    case proto::ERROR_RAFT_ROLLED_BACK:
    case proto::ERROR_RAFT_SAME_TERM_CONFLICT:
    case proto::ERROR_RAFT_PROMISE_CONFLICT:
    case proto::ERROR_INTEGRITY_MISMATCH:
    case proto::ERROR_CORE_DIGEST_MISMATCH:
      if (any_rollback) return;
      break;
    default:
      break;
  }
  verdict->Violation("stops only for a cause",
                     Replica(replica) + " stopped with " + proto::Error_Name(why) +
                         (any_rollback ? "" : ", though no memory was rolled back"));
}

}  // namespace svr2::simulator
