// SPDX-License-Identifier: Apache-2.0
//
// Elections, the two rounds, and what the owner may ask.

#include "raft/raft.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "util/check.h"
#include "util/endian.h"

namespace svr2::raft {
namespace {

constexpr uint64_t kMinLogBytes = 1024;

Status ValidateOptions(const Options& options) {
  SVR2_RETURN_IF_ERROR(ValidateGroupConfig(options.group));
  if (options.election_ticks < 2 || options.heartbeat_ticks < 1 ||
      options.heartbeat_ticks >= options.election_ticks || options.log.max_bytes < kMinLogBytes ||
      options.log.min_entries < 1 || options.log.max_age_ticks < 1 ||
      options.log.max_age_ticks >= (uint32_t{1} << 31)) {
    return proto::ERROR_INVALID_ARGUMENT;
  }
  return Status::Ok();
}

// Appends to a buffer that the caller knows to be large enough.
class Writer {
 public:
  explicit Writer(uint8_t* out) : begin_(out), out_(out) {}

  void Byte(uint8_t value) { *out_++ = value; }
  void Number32(uint32_t value) {
    util::StoreBigEndian32(out_, value);
    out_ += sizeof(value);
  }
  void Number64(uint64_t value) {
    util::StoreBigEndian64(out_, value);
    out_ += sizeof(value);
  }
  void Array(const std::array<uint8_t, 32>& value) {
    std::memcpy(out_, value.data(), value.size());
    out_ += value.size();
  }
  void Optional(const std::optional<PeerId>& value) {
    Byte(value.has_value() ? 1 : 0);
    Array(value.value_or(PeerId{}));
  }
  void At(const Position& value) {
    Number64(value.index);
    Number64(value.term);
    Array(value.hash);
  }
  size_t size() const { return static_cast<size_t>(out_ - begin_); }

 private:
  uint8_t* const begin_;
  uint8_t* out_;
};

}  // namespace

Raft::Raft(const Options& options, const PeerId& self, const Hash& group_key, RandomSource random)
    : options_(options),
      self_(self),
      random_(std::move(random)),
      log_(options.log, Position{0, 0, group_key}) {}

Result<Raft> Raft::Found(const Options& options, const PeerId& self, const Hash& group_key,
                         RandomSource random) {
  Result<Raft> raft = NewFounder(options, self, group_key, std::move(random));
  if (!raft.ok()) return raft.error();
  // There is nobody to wait for.
  raft->Campaign();
  if (raft->stopped_.has_value()) return *raft->stopped_;
  return raft;
}

Result<Raft> Raft::NewFounder(const Options& options, const PeerId& self, const Hash& group_key,
                              RandomSource random) {
  SVR2_RETURN_IF_ERROR(ValidateOptions(options));
  Raft raft(options, self, group_key, std::move(random));
  SVR2_RETURN_IF_ERROR(raft.DrawElectionTimeout());
  raft.membership_ = Membership::Of(self);
  raft.membership_index_ = raft.Append(EntryKind::kMembership, raft.membership_.Encode()).index;
  return raft;
}

void Raft::Tick() {
  if (stopped_.has_value()) return;
  ++now_ticks_;
  output_dropped_ += log_.DropAged(now_ticks_);
  ++elapsed_ticks_;
  if (role_ == Role::kLeader) {
    if (elapsed_ticks_ >= options_.election_ticks) CheckQuorum();
    return;
  }
  // A pre-candidate that was not heard or was refused asks again at each heartbeat interval.
  const uint32_t patience_ticks =
      role_ == Role::kPreCandidate ? options_.heartbeat_ticks : election_timeout_ticks_;
  if (elapsed_ticks_ >= patience_ticks) Campaign();
}

Status Raft::Step(const PeerId& from, const Message& message) {
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  // A group of one has no peers, and a message in our own name is a lie.
  (void)from;
  (void)message;
  return proto::ERROR_RAFT_UNKNOWN_PEER;
}

Result<Position> Raft::Propose(EntryKind kind, util::ByteView payload) {
  if (stopped_.has_value()) return proto::ERROR_CORE_STOPPED;
  if ((kind != EntryKind::kData && kind != EntryKind::kMinimums) || payload.empty()) {
    return proto::ERROR_INVALID_ARGUMENT;
  }
  if (payload.size() > max_payload_bytes()) return proto::ERROR_RAFT_ENTRY_TOO_LARGE;
  if (role_ != Role::kLeader) return proto::ERROR_RAFT_NOT_LEADER;
  // Minimums are set at founding, when there is but one voter.
  if (kind == EntryKind::kData && voters() < options_.group.min_voting_replicas) {
    return proto::ERROR_RAFT_TOO_FEW_VOTERS;
  }
  if (!log_.HasRoomFor(payload.size())) return proto::ERROR_RAFT_LOG_FULL;
  return Append(kind, payload);
}

Output Raft::TakeOutput() {
  Output output;
  if (stopped_.has_value()) {
    if (!std::exchange(output_stopped_, true)) output.stopped = stopped_;
    return output;
  }
  if (role_ == Role::kLeader) {
    AdvancePromise();
    AdvanceCommit();
  }
  output.first_committed = output_committed_ + 1;
  output.last_committed = output_committed_ = commit_;
  output.role_changes.swap(output_roles_);
  output.dropped_entries = std::exchange(output_dropped_, 0);
  return output;
}

void Raft::AppliedTo(uint64_t index) {
  if (stopped_.has_value()) return;
  SVR2_CHECK(index >= applied_index() && index <= output_committed_);
  log_.AppliedTo(index);
  if (role_ != Role::kLeader) return;
  log_.AcknowledgedTo(std::max(log_.acknowledged_index(), StoredByAll()));
  output_dropped_ += log_.DropAcknowledged();
}

void Raft::Stop(Error reason) {
  SVR2_CHECK(reason != proto::OK);
  if (stopped_.has_value()) return;
  stopped_ = reason;
  role_ = Role::kFollower;
  leader_.reset();
  votes_.clear();
  progress_.clear();
  output_roles_.clear();
  log_.WipeAll();
}

Fate Raft::FateOf(const Position& position) const {
  if (position.index < log_.first_index()) return Fate::kDropped;
  if (position.index > commit_) return Fate::kPending;
  const Position here = log_.PositionAt(position.index);
  if (here.term != position.term) return Fate::kReplaced;
  return here == position ? Fate::kCommitted : Fate::kUnknown;
}

size_t Raft::WriteIntegrityState(uint8_t* out) const {
  Writer writer(out);
  writer.Number64(term_);
  writer.Byte(static_cast<uint8_t>(role_));
  writer.Optional(vote_);
  writer.Optional(leader_);
  writer.Number32(static_cast<uint32_t>(stopped_.value_or(proto::OK)));
  writer.At(log_.base());
  writer.At(log_.last());
  writer.At(promise());
  writer.At(commit());
  writer.At(applied());
  writer.Number64(membership_index_);
  writer.Byte(static_cast<uint8_t>(membership_.members().size()));
  for (const Member& member : membership_.members()) {
    writer.Array(member.id);
    writer.Byte(member.voting ? 1 : 0);
  }
  SVR2_CHECK(writer.size() <= kMaxIntegrityStateBytes);
  return writer.size();
}

bool Raft::own_term_committed() const { return commit_ > 0 && commit().term == term_; }

// ---- Elections ----

Status Raft::DrawElectionTimeout() {
  const Result<uint64_t> random = random_();
  if (!random.ok()) {
    Stop(random.error());
    return random.error();
  }
  // In [t, 2t). The bias of the remainder is below 2^-50.
  election_timeout_ticks_ =
      options_.election_ticks + static_cast<uint32_t>(*random % options_.election_ticks);
  elapsed_ticks_ = 0;
  return Status::Ok();
}

void Raft::SetRole(Role role) {
  if (role_ == role) return;
  role_ = role;
  output_roles_.push_back(RoleChange{role, term_});
}

void Raft::StepDown() {
  leader_.reset();
  progress_.clear();
  SetRole(Role::kFollower);
  (void)DrawElectionTimeout();  // On failure it has stopped.
}

void Raft::Campaign() {
  if (!is_voter()) return;
  if (!DrawElectionTimeout().ok()) return;
  leader_.reset();
  votes_.assign(1, self_);
  SetRole(Role::kPreCandidate);
  if (VotesMakeQuorum()) BecomeCandidate();
}

void Raft::BecomeCandidate() {
  ++term_;
  vote_ = self_;
  votes_.assign(1, self_);
  SetRole(Role::kCandidate);
  if (VotesMakeQuorum()) BecomeLeader();
}

void Raft::BecomeLeader() {
  SetRole(Role::kLeader);
  leader_ = self_;
  votes_.clear();
  elapsed_ticks_ = 0;
  progress_.clear();
  for (const Member& member : membership_.members()) {
    Progress progress;
    progress.id = member.id;
    progress_.push_back(progress);
  }
  // Entries of earlier terms count only behind one of this term.
  Append(EntryKind::kNothing, util::ByteView());
}

// A leader that a quorum has not answered for an election timeout steps down: another may lead by
// now, and clients wait here in vain.
void Raft::CheckQuorum() {
  elapsed_ticks_ = 0;
  OwnProgress().answered = true;
  size_t answered = 0;
  for (Progress& progress : progress_) {
    if (std::exchange(progress.answered, false) && membership_.IsVoter(progress.id)) ++answered;
  }
  if (answered < quorum()) StepDown();
}

bool Raft::VotesMakeQuorum() const {
  const auto granted = std::count_if(votes_.begin(), votes_.end(),
                                     [this](const PeerId& id) { return membership_.IsVoter(id); });
  return static_cast<size_t>(granted) >= quorum();
}

// ---- The two rounds ----

Position Raft::Append(EntryKind kind, util::ByteView payload) {
  const uint64_t first = log_.first_index();
  const Position position = log_.Append(kind, term_, payload, now_ticks_);
  output_dropped_ += log_.first_index() - first;
  return position;
}

Raft::Progress& Raft::OwnProgress() {
  const auto own = std::find_if(progress_.begin(), progress_.end(),
                                [this](const Progress& progress) { return progress.id == self_; });
  SVR2_CHECK(own != progress_.end());  // A leader never removes itself.
  own->stored = log_.last_index();
  own->promised = promise_;
  return *own;
}

uint64_t Raft::QuorumOf(uint64_t Progress::*reached) const {
  std::array<uint64_t, kMaxMembers> values;
  size_t count = 0;
  for (const Progress& progress : progress_) {
    if (membership_.IsVoter(progress.id)) values[count++] = progress.*reached;
  }
  return QuorumIndex(values.data(), count, quorum());
}

uint64_t Raft::StoredByAll() const {
  uint64_t least = log_.last_index();
  for (const Progress& progress : progress_) least = std::min(least, progress.stored);
  return least;
}

// Index i is promised when a quorum stores it and it is of the own term.
void Raft::AdvancePromise() {
  OwnProgress();
  const uint64_t index = QuorumOf(&Progress::stored);
  if (index > promise_ && log_.TermAt(index) == term_) promise_ = index;
}

// Index i is committed when a quorum has acknowledged a promise ≥ i and it is of the own term.
void Raft::AdvanceCommit() {
  OwnProgress();
  const uint64_t index = QuorumOf(&Progress::promised);
  if (index > commit_ && log_.TermAt(index) == term_) commit_ = index;
  SVR2_CHECK(commit_ <= promise_);
}

Position Raft::PositionOf(uint64_t index) const {
  if (log_.HasPosition(index) && !stopped_.has_value()) return log_.PositionAt(index);
  SVR2_CHECK(stopped_.has_value());
  return Position{index, 0, Hash{}};
}

}  // namespace svr2::raft
