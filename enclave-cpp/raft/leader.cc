// SPDX-License-Identifier: Apache-2.0
//
// What a leader counts and what it sends. Source: protocol.md §4 "Promise, then commit", "Rollback
// seen", "Commit news", "Leadership transfer", "Log"; thesis 3.5, 3.6.2, 3.10, 10.2.1.

#include <algorithm>
#include <array>

#include "raft/raft.h"
#include "util/check.h"

namespace svr2::raft {

Progress* Raft::FindProgress(const PeerId& id) {
  for (Progress& progress : progress_) {
    if (progress.id == id) return &progress;
  }
  return nullptr;
}

// ---- The two rounds ----

uint64_t Raft::QuorumOf(uint64_t Progress::*reached, uint64_t own) const {
  const uint64_t index = QuorumIn(false, reached, own);
  return Joint() ? std::min(index, QuorumIn(true, reached, own)) : index;
}

// The highest index that a quorum of the membership in force, or of the one before, has reached.
uint64_t Raft::QuorumIn(bool before, uint64_t Progress::*reached, uint64_t own) const {
  std::array<uint64_t, kMaxMembers + kMaxLeaving + 1> values;
  size_t count = 0;
  if (before ? voted_before_ : votes_) values[count++] = own;
  for (const Progress& progress : progress_) {
    if (!(before ? progress.voted_before : progress.voting)) continue;
    values[count++] = progress.rolled_back ? 0 : progress.*reached;
  }
  if (count == 0) return 0;
  return QuorumIndex(values.data(), count, QuorumSize(count, options_.group.super_majority));
}

uint64_t Raft::StoredByAll() const {
  uint64_t least = log_.last_index();
  for (const Progress& progress : progress_) {
    if (progress.member) least = std::min(least, progress.stored);
  }
  return least;
}

// Index i is promised when a quorum stores it and it is of the own term.
void Raft::AdvancePromise() {
  const uint64_t index = QuorumOf(&Progress::stored, log_.last_index());
  if (index > promise_ && log_.TermAt(index) == term_) promise_ = index;
}

// Index i is committed when a quorum has acknowledged a promise ≥ i and it is of the own term.
void Raft::AdvanceCommit() {
  const uint64_t index = std::min(promise_, QuorumOf(&Progress::promised, promise_));
  if (index <= commit_ || log_.TermAt(index) != term_) return;
  commit_ = index;
  MembershipsCommitted();
}

// ---- Answers ----

// Only this leader makes entries of its term and promises them: whoever shows one that is not held
// here, or promised one that is not promised here, knows what we have forgotten.
bool Raft::ShowsRollbackOfSelf(const AppendAnswer& answer) const {
  const Position& shown = answer.position;
  if (shown.index < log_.base().index) return false;
  const bool held = log_.HasPosition(shown.index) && log_.PositionAt(shown.index) == shown;
  if (!held) return answer.accepted || shown.term == term_;
  return answer.accepted && answer.promise_index > promise_ &&
         answer.promise_index <= shown.index && log_.TermAt(answer.promise_index) == term_;
}

// In an answer to a request that was sent after it had acknowledged more. Requests never begin
// below what was acknowledged.
bool Raft::ShowsRollbackOfPeer(const Progress& progress, const AppendAnswer& answer) {
  if (answer.round <= progress.acknowledged_round) return false;
  return answer.position.index < progress.stored ||
         (answer.accepted && answer.promise_index < progress.promised);
}

void Raft::MarkRolledBack(Progress* progress) {
  progress->rolled_back = true;
  if (!IsRolledBack(progress->id) && rolled_back_.size() < kMaxMembers) {
    rolled_back_.push_back(progress->id);
  }
}

bool Raft::IsRolledBack(const PeerId& id) const {
  return std::find(rolled_back_.begin(), rolled_back_.end(), id) != rolled_back_.end();
}

Status Raft::On(const PeerId& from, const AppendAnswer& answer) {
  // Answers on their way while it left are no questions.
  const bool asks = answer.round == 0 || FindProgress(from) == nullptr;
  if (asks && TellRemoved(from)) return Status::Ok();
  if (answer.term > term_) AdoptTerm(answer.term);
  if (stopped_.has_value()) return *stopped_;
  if (answer.term < term_) return Status::Ok();  // From before; its sender knows our term by now.
  if (role_ != Role::kLeader) {
    // A refusal tells a term to one that led until now; nobody else was to be told of success.
    if (!answer.accepted) return Status::Ok();
    return proto::ERROR_RAFT_UNEXPECTED_ANSWER;
  }
  if (ShowsRollbackOfSelf(answer)) {
    Stop(proto::ERROR_RAFT_ROLLED_BACK);
    return proto::ERROR_RAFT_ROLLED_BACK;
  }
  // It answers nothing that was asked: a member that was not heard for long shows up.
  if (!answer.accepted && answer.round == 0) return Status::Ok();
  Progress* const progress = FindProgress(from);
  if (progress == nullptr || answer.round <= progress->answered_round ||
      answer.round > progress->sent_round) {
    return proto::ERROR_RAFT_UNEXPECTED_ANSWER;
  }
  progress->answered_round = answer.round;
  progress->window.AnsweredTo(answer.round);
  if (ShowsRollbackOfPeer(*progress, answer)) MarkRolledBack(progress);
  if (answer.accepted) {
    Accepted(progress, answer);
  } else {
    Refused(progress, answer);
  }
  return Status::Ok();
}

void Raft::Accepted(Progress* progress, const AppendAnswer& answer) {
  progress->silent_ticks = 0;
  const uint64_t verified = answer.position.index;
  // Below the base it cannot be compared any more, and brings nothing.
  if (!progress->rolled_back && verified >= log_.base().index) {
    if (verified > progress->stored || answer.promise_index > progress->promised) {
      progress->acknowledged_round = progress->sent_round;
    }
    progress->stored = std::max(progress->stored, verified);
    progress->promised = std::max(progress->promised, answer.promise_index);
  }
  if (progress->probing) {
    progress->probing = false;
    progress->probe_sent = false;
    progress->window.Clear();
    progress->next = verified + 1;
  }
  progress->next = std::max(progress->next, verified + 1);
}

void Raft::Refused(Progress* progress, const AppendAnswer& answer) {
  if (answer.round <= progress->probe_round) return;  // Sent before the one that led here.
  uint64_t next = NextAfterRefusal(*progress, answer.position);
  if (!progress->rolled_back) next = std::max(next, progress->stored + 1);
  // Refused again at the same place: asking at once again would go on for ever.
  progress->probe_sent = progress->probing && next == progress->next;
  progress->probing = true;
  progress->probe_round = progress->sent_round;
  progress->next = next;
  progress->told_promise = 0;
  progress->told_commit = 0;
  progress->window.Clear();
}

// Where the member's log may meet ours, given what it holds instead. Whole terms are skipped
// (thesis 3.5): between a leader's two branches of one term lies nothing to find.
uint64_t Raft::NextAfterRefusal(const Progress& progress, const Position& shown) const {
  const uint64_t base = log_.base().index;
  if (shown.index < base) return shown.index + 1;  // It needs what was dropped.
  if (log_.HasPosition(shown.index) && log_.PositionAt(shown.index) == shown) {
    return shown.index + 1;
  }
  if (shown.index == base) return base;  // Likewise.
  uint64_t term = shown.term;
  uint64_t index = shown.index - 1;
  if (shown.index > log_.last_index()) {
    index = std::min(log_.last_index(), progress.next >= 2 ? progress.next - 2 : 0);
    if (index < base) return base;
  } else if (log_.TermAt(shown.index) == term && term > 0) {
    --term;
  }
  return log_.LastIndexOfTermAtMost(term, index) + 1;
}

void Raft::PeerConnected(const PeerId& peer) {
  if (stopped_.has_value()) return;
  if (role_ == Role::kPreCandidate || role_ == Role::kCandidate) {
    Asked* const asked = FindAsked(peer);
    if (asked != nullptr && !asked->granted) Ask(asked);
  }
  Progress* const progress = FindProgress(peer);
  if (progress == nullptr) return;
  progress->answered_round = progress->sent_round;
  progress->probe_round = progress->sent_round;
  progress->probing = true;
  progress->probe_sent = false;
  if (progress->stored > 0 && !progress->rolled_back) progress->next = progress->stored + 1;
  progress->told_promise = 0;
  progress->told_commit = 0;
  progress->window.Clear();
}

std::vector<Raft::MemberProgress> Raft::OtherMembers() const {
  std::vector<MemberProgress> members;
  for (const Progress& progress : progress_) {
    if (!progress.member) continue;
    members.push_back(MemberProgress{progress.id, progress.voting, progress.stored,
                                     progress.promised, progress.silent_ticks,
                                     progress.rolled_back});
  }
  return members;
}

// ---- Requests ----

void Raft::SendAppends() {
  if (transfer_.has_value()) OrderTransfer();
  // Mostly one request a member.
  output_messages_.reserve(output_messages_.size() + progress_.size());
  for (Progress& progress : progress_) SendTo(&progress);
}

void Raft::SendTo(Progress* progress) {
  const bool due = progress->heartbeat_due;
  if (progress->probing || progress->next <= log_.base().index) {
    progress->probing = true;
    if (progress->probe_sent && !due) return;
    SendOne(progress, !progress->probe_sent, true);
    progress->probe_sent = true;
    return;
  }
  // A removed member gets nothing of what came after it, once that is certain.
  const uint64_t limit =
      progress->member || commit_ < progress->removed_at ? log_.last_index() : progress->removed_at;
  bool sent = false;
  while (progress->next <= limit && !progress->window.Full()) {
    SendOne(progress, true, true);
    sent = true;
  }
  if (sent) return;
  const bool room = !progress->window.Full();
  const uint64_t reach = progress->next - 1;
  if (due || (room && std::min(promise_, reach) > progress->told_promise)) {
    SendOne(progress, false, true);
  } else if (room && std::min(commit_, reach) > progress->told_commit) {
    SendOne(progress, false, false);
  }
}

// One request from progress->next on. Where the member needs entries that are gone, it is told so.
void Raft::SendOne(Progress* progress, bool with_entries, bool wants_answer) {
  AppendRequest request;
  request.term = term_;
  request.round = ++progress->sent_round;
  request.wants_answer = wants_answer;
  request.entries_dropped = progress->next <= log_.base().index;
  const uint64_t previous = request.entries_dropped ? log_.base().index : progress->next - 1;
  request.previous = log_.PositionAt(previous);
  size_t bytes = 0;
  if (with_entries && !request.entries_dropped) {
    const uint64_t limit = progress->member || commit_ < progress->removed_at
                               ? log_.last_index()
                               : std::min(log_.last_index(), progress->removed_at);
    bytes = CopyEntries(progress->next, limit, &request.entries);
  }
  const uint64_t end = previous + request.entries.size();
  request.promise_index = progress->told_promise = std::min(promise_, end);
  request.commit_index = progress->told_commit = std::min(commit_, end);
  request.acknowledged_by_all = std::max(log_.acknowledged_index(), StoredByAll());
  // Sent without waiting for the answer to those before; what is lost shows by a refusal.
  if (!progress->probing) progress->next = end + 1;
  progress->heartbeat_due = false;
  if (wants_answer) {
    progress->unsent_ticks = 0;
    if (!progress->window.Full()) progress->window.Add(request.round, bytes);
  }
  Send(progress->id, std::move(request));
}

// As many entries from `first` to `limit` as one request holds.
size_t Raft::CopyEntries(uint64_t first, uint64_t limit, std::vector<Entry>* out) const {
  size_t bytes = 0;
  uint64_t end = first;
  for (; end <= limit; ++end) {
    const size_t more = log_.At(end).payload.size() + Log::kEntryOverheadBytes;
    if (end > first && bytes + more > kMaxAppendBytes) break;
    bytes += more;
  }
  out->reserve(static_cast<size_t>(end - first));
  for (uint64_t index = first; index < end; ++index) {
    const EntryView view = log_.At(index);
    Entry entry;
    entry.index = view.index;
    entry.term = view.term;
    entry.kind = view.kind;
    entry.hash = view.hash;
    entry.payload.assign(view.payload.begin(), view.payload.end());
    out->push_back(std::move(entry));
  }
  return bytes;
}

void Raft::TickLeader() {
  for (Progress& progress : progress_) {
    ++progress.silent_ticks;
    if (++progress.unsent_ticks >= options_.heartbeat_ticks) progress.heartbeat_due = true;
  }
  const auto done = [this](Progress& progress) {
    if (progress.member || commit_ < progress.removed_at) return false;
    return (progress.stored >= progress.removed_at &&
            progress.told_commit >= progress.removed_at) ||
           ++progress.leaving_ticks >= options_.election_ticks;
  };
  progress_.erase(std::remove_if(progress_.begin(), progress_.end(), done), progress_.end());
  if (transfer_.has_value() && ++transfer_->ticks >= options_.election_ticks) transfer_.reset();
  CheckQuorum();
}

// Tells the first replica that has all of the log to campaign now.
void Raft::OrderTransfer() {
  if (transfer_->ordered) return;
  for (const Progress& progress : progress_) {
    if (!progress.voting || progress.rolled_back || progress.stored < log_.last_index() ||
        transfer_->target.value_or(progress.id) != progress.id) {
      continue;
    }
    transfer_->ordered = true;
    return Send(progress.id, TimeoutNow{term_});
  }
}

}  // namespace svr2::raft
