// SPDX-License-Identifier: Apache-2.0
//
// Who leads: terms, pre-votes, votes, and the two orders that start or end a leadership. Source:
// protocol.md §4 "Votes", "Election", "Leadership transfer"; thesis 3.4, 3.6.1, 4.2.3, 9.6.

#include <algorithm>

#include "raft/raft.h"
#include "util/check.h"
#include "util/endian.h"

namespace svr2::raft {

Result<uint64_t> Raft::Random() {
  const Result<uint64_t> random = random_();
  if (!random.ok()) Stop(random.error());
  return random;
}

Status Raft::DrawElectionTimeout() {
  const Result<uint64_t> random = Random();
  if (!random.ok()) return random.error();
  // In [t, 2t). The bias of the remainder is below 2^-50.
  election_timeout_ticks_ =
      options_.election_ticks + static_cast<uint32_t>(*random % options_.election_ticks);
  elapsed_ticks_ = 0;
  return Status::Ok();
}

Status Raft::DrawNonce() {
  for (size_t at = 0; at < nonce_.size(); at += sizeof(uint64_t)) {
    const Result<uint64_t> random = Random();
    if (!random.ok()) return random.error();
    util::StoreBigEndian64(nonce_.data() + at, *random);
  }
  return Status::Ok();
}

void Raft::SetRole(Role role) {
  if (role_ == role) return;
  role_ = role;
  output_roles_.push_back(RoleChange{role, term_});
}

// A higher term was met: it has a vote of its own and a leader that is not known yet.
void Raft::AdoptTerm(uint64_t term) {
  SVR2_CHECK(term > term_);
  term_ = term;
  vote_.reset();
  leader_.reset();
  if (role_ != Role::kFollower) BecomeFollower();
}

void Raft::BecomeFollower() {
  progress_.clear();
  transfer_.reset();
  SetRole(Role::kFollower);
  (void)DrawElectionTimeout();  // On failure it has stopped.
}

void Raft::StepDown() {
  leader_.reset();
  BecomeFollower();
}

// A voter whose removal or demotion may not be committed is still needed: it may hold the longest
// log, so that no other can win a quorum of the membership before. Thesis 4.2.2.
bool Raft::MayLead() const {
  return is_voter() || (memberships_.size() > 1 &&
                        memberships_[memberships_.size() - 2].membership.IsVoter(self_));
}

void Raft::Campaign() {
  leader_.reset();  // It was not heard for an election timeout.
  if (!DrawElectionTimeout().ok()) return;
  if (!MayLead()) return ShowUp();
  SetRole(Role::kPreCandidate);
  ordered_by_leader_ = false;
  AskAll();
}

// A member without a vote cannot ask for any. Somebody may have removed it and tell it so.
void Raft::ShowUp() {
  for (const Member& member : membership().members()) {
    if (member.voting && member.id != self_) Send(member.id, Announcement());
  }
}

void Raft::BecomeCandidate(bool ordered_by_leader) {
  ++term_;
  vote_ = self_;
  leader_.reset();
  SetRole(Role::kCandidate);
  ordered_by_leader_ = ordered_by_leader;
  AskAll();
}

void Raft::BecomeLeader() {
  SetRole(Role::kLeader);
  leader_ = self_;
  progress_.clear();
  RefreshProgress();
  // Entries of earlier terms count only behind one of this term.
  Append(EntryKind::kNothing, util::ByteView());
}

// A leader that a quorum has not answered for an election timeout steps down: another may lead by
// now, and clients wait here in vain.
void Raft::CheckQuorum() {
  const auto heard = [this](bool before) {
    size_t voters = (before ? voted_before_ : votes_) ? 1 : 0;
    size_t answered = voters;
    for (const Progress& progress : progress_) {
      if (!(before ? progress.voted_before : progress.voting)) continue;
      ++voters;
      if (!progress.rolled_back && progress.silent_ticks < options_.election_ticks) ++answered;
    }
    return voters > 0 && answered >= QuorumSize(voters, options_.group.super_majority);
  };
  if (!heard(false) || (Joint() && !heard(true))) StepDown();
}

// ---- Asking ----

// Asks every voter anew. Who was asked before has told its promise: it is remembered.
void Raft::AskAll() {
  std::vector<Asked> asked;
  const auto add = [this, &asked](const Membership& membership) {
    for (const Member& member : membership.members()) {
      const auto same = [&member](const Asked& other) { return other.id == member.id; };
      if (!member.voting || member.id == self_ || std::any_of(asked.begin(), asked.end(), same)) {
        continue;
      }
      const Asked* const known = FindAsked(member.id);
      asked.push_back(Asked{member.id, known == nullptr ? 0 : known->promise, 0, false});
    }
  };
  add(membership());
  if (Joint()) add(*membership_before());
  asked_ = std::move(asked);
  if (VotesMakeQuorum()) return CountVotes();
  if (!DrawNonce().ok()) return;
  for (Asked& one : asked_) Ask(&one);
}

void Raft::Ask(Asked* asked) {
  VoteRequest request;
  request.pre_vote = role_ == Role::kPreCandidate;
  request.term = request.pre_vote ? term_ + 1 : term_;
  request.ordered_by_leader = ordered_by_leader_;
  request.nonce = nonce_;
  request.last = log_.last();
  request.base_index = log_.base().index;
  if (asked->promise > 0 && log_.HasPosition(asked->promise)) {
    request.proof = log_.PositionAt(asked->promise);
  }
  request.promise = promise();
  asked->proved = asked->promise;
  Send(asked->id, request);
}

Raft::Asked* Raft::FindAsked(const PeerId& id) {
  for (Asked& asked : asked_) {
    if (asked.id == id) return &asked;
  }
  return nullptr;
}

void Raft::CountVotes() {
  if (!VotesMakeQuorum()) return;
  if (role_ == Role::kPreCandidate) {
    BecomeCandidate(false);
  } else if (role_ == Role::kCandidate) {
    BecomeLeader();
  }
}

bool Raft::VotesMakeQuorum() const {
  return VotesMakeQuorumIn(membership()) && (!Joint() || VotesMakeQuorumIn(*membership_before()));
}

bool Raft::VotesMakeQuorumIn(const Membership& membership) const {
  size_t granted = membership.IsVoter(self_) ? 1 : 0;
  for (const Asked& asked : asked_) {
    if (asked.granted && membership.IsVoter(asked.id) && !IsRolledBack(asked.id)) ++granted;
  }
  return granted >= QuorumSize(membership.voters(), options_.group.super_majority);
}

Status Raft::On(const PeerId& from, const VoteAnswer& answer) {
  Asked* const asked = FindAsked(from);
  if (asked == nullptr && answer.term <= term_) return proto::ERROR_RAFT_UNEXPECTED_ANSWER;
  const bool awaited = role_ == (answer.pre_vote ? Role::kPreCandidate : Role::kCandidate);
  const bool echoes = asked != nullptr && util::ConstantTimeEqual(answer.nonce, nonce_) &&
                      answer.last == log_.last();
  if (awaited && echoes) asked->promise = answer.promise_index;
  if (answer.term > term_) {
    if (role_ != Role::kPreCandidate) {
      AdoptTerm(answer.term);
      return Status::Ok();
    }
    // It goes on asking, for the term after this one: what was granted so far was for another.
    term_ = answer.term;
    vote_.reset();
    for (Asked& one : asked_) one.granted = false;
    return DrawNonce();
  }
  if (!awaited) return Status::Ok();  // Late: that election is over.
  if (!echoes || (role_ == Role::kCandidate && answer.term != term_)) {
    return proto::ERROR_RAFT_UNEXPECTED_ANSWER;
  }
  if (answer.granted) {
    asked->granted = true;
    CountVotes();
  } else if (asked->proved != asked->promise && log_.HasPosition(asked->promise)) {
    Ask(asked);
  }
  return Status::Ok();
}

// ---- Answering ----

// Whoever hears a leader wants no other.
bool Raft::HearsLeader() const {
  return role_ == Role::kLeader || (role_ == Role::kFollower && leader_.has_value() &&
                                    elapsed_ticks_ < options_.election_ticks);
}

// The candidate holds this log up to our promise when the chains agree there or anywhere behind.
bool Raft::ProvesPromise(const VoteRequest& request) const {
  // Members acknowledge what they store, so a candidate may have dropped entries that a voter has
  // not promised yet, and cannot show them any more.
  if (promise_ <= request.base_index) return true;
  for (const Position* position : {&request.proof, &request.last, &request.promise}) {
    if (position->index >= promise_ && log_.HasPosition(position->index) &&
        log_.PositionAt(position->index) == *position) {
      return true;
    }
  }
  return false;
}

// Thesis 3.6.1, but for a dead branch: entries that no quorum can hold any more, since the
// candidate has promised another of that index and term.
bool Raft::IsUpToDate(const VoteRequest& request) const {
  uint64_t index = log_.last_index();
  uint64_t term = log_.last_term();
  const Position& promised = request.promise;
  if (promised.index > promise_ && log_.HasEntry(promised.index)) {
    const Position here = log_.PositionAt(promised.index);
    if (here.term == promised.term && here != promised && term == here.term) {
      index = promised.index - 1;
      term = log_.TermAt(index);
    }
  }
  return request.last.term > term || (request.last.term == term && request.last.index >= index);
}

void Raft::AnswerVote(const PeerId& to, const VoteRequest& request, bool granted) {
  VoteAnswer answer;
  answer.term = term_;
  answer.pre_vote = request.pre_vote;
  answer.granted = granted;
  answer.nonce = request.nonce;
  answer.last = request.last;
  answer.promise_index = promise_;
  Send(to, answer);
}

Status Raft::On(const PeerId& from, const VoteRequest& request) {
  if (request.term == 0) return proto::ERROR_RAFT_MALFORMED_MESSAGE;
  if (TellRemoved(from)) return Status::Ok();
  const uint64_t term_of_asker = request.pre_vote ? request.term - 1 : request.term;
  if (term_of_asker < term_) {
    AnswerVote(from, request, false);
    return Status::Ok();
  }
  if (HearsLeader() && !request.ordered_by_leader) return Status::Ok();
  if (!request.pre_vote && request.term > term_) AdoptTerm(request.term);
  if (stopped_.has_value()) return *stopped_;
  bool granted = ProvesPromise(request) && IsUpToDate(request);
  if (!request.pre_vote) {
    granted = granted && vote_.value_or(from) == from;
    if (granted) {
      vote_ = from;
      elapsed_ticks_ = 0;  // Somebody may lead soon.
      if (role_ == Role::kPreCandidate) BecomeFollower();
      if (stopped_.has_value()) return *stopped_;
    }
  }
  AnswerVote(from, request, granted);
  return Status::Ok();
}

// True when `id` was removed for good: what it asks for is not answered, its term means nothing.
bool Raft::TellRemoved(const PeerId& id) {
  const MembershipAt& committed = memberships_.front();
  if (committed.index > commit_ || !committed.membership.WasRemoved(id)) return false;
  if (RemovedIdsHold(committed)) {
    Send(id, Removed{term_});
  } else {
    Stop(proto::ERROR_INTEGRITY_MISMATCH);
  }
  return true;
}

// Ids do not come back: however old the message, it stays true. Whoever leads has our promises no
// more, nor counts them.
Status Raft::On(const PeerId& /*from*/, const Removed& /*news*/) {
  Stop(proto::ERROR_RAFT_REMOVED);
  return proto::ERROR_RAFT_REMOVED;
}

Status Raft::On(const PeerId& from, const TimeoutNow& order) {
  if (order.term < term_) {
    Send(from, Announcement());
    return Status::Ok();
  }
  if (order.term > term_) AdoptTerm(order.term);
  // It counts only from the leader of the current term.
  if (leader_ != from || role_ == Role::kLeader) return proto::ERROR_RAFT_NOT_LEADER;
  if (!is_voter()) return proto::ERROR_RAFT_NO_TRANSFER_TARGET;
  SVR2_RETURN_IF_ERROR(DrawElectionTimeout());
  BecomeCandidate(true);
  return Status::Ok();
}

}  // namespace svr2::raft
