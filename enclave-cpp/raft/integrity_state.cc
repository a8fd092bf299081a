// SPDX-License-Identifier: Apache-2.0
//
// What the integrity tree is given of consensus.

#include <cstring>

#include "raft/raft.h"
#include "util/check.h"
#include "util/endian.h"

namespace svr2::raft {
namespace {

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
  template <size_t N>
  void Bytes(const std::array<uint8_t, N>& value) {
    std::memcpy(out_, value.data(), N);
    out_ += N;
  }
  // Ids are random: any part of one tells it from the others.
  void Name(const PeerId& id) {
    std::memcpy(out_, id.data(), sizeof(uint64_t));
    out_ += sizeof(uint64_t);
  }
  void Optional(const std::optional<PeerId>& value) {
    Byte(value.has_value() ? 1 : 0);
    Bytes(value.value_or(PeerId{}));
  }
  void At(const Position& value) {
    Number64(value.index);
    Number64(value.term);
    Bytes(value.hash);
  }
  void Members(uint64_t index, const Membership& membership, const Hash& removed_digest) {
    Number64(index);
    Byte(static_cast<uint8_t>(membership.members().size()));
    for (const Member& member : membership.members()) {
      Bytes(member.id);
      Byte(member.voting ? 1 : 0);
    }
    Byte(static_cast<uint8_t>(membership.removed().size()));
    if (!membership.removed().empty()) Bytes(removed_digest);
  }
  size_t size() const { return static_cast<size_t>(out_ - begin_); }

 private:
  uint8_t* const begin_;
  uint8_t* out_;
};

}  // namespace

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
  // Those between the first and the last are of use only once the last was truncated.
  writer.Byte(static_cast<uint8_t>(memberships_.size() > 1 ? 2 : 1));
  writer.Members(memberships_.back().index, memberships_.back().membership,
                 memberships_.back().removed_digest);
  if (memberships_.size() > 1) {
    const MembershipAt& before = memberships_[memberships_.size() - 2];
    writer.Members(before.index, before.membership, before.removed_digest);
  }
  writer.Byte(static_cast<uint8_t>(rolled_back_.size()));
  for (const PeerId& id : rolled_back_) writer.Name(id);
  if (role_ == Role::kPreCandidate || role_ == Role::kCandidate) {
    writer.Bytes(nonce_);
    writer.Byte(ordered_by_leader_ ? 1 : 0);
    writer.Byte(static_cast<uint8_t>(asked_.size()));
    for (const Asked& asked : asked_) {
      writer.Name(asked.id);
      writer.Number64(asked.promise);
      writer.Byte(asked.granted ? 1 : 0);
    }
  }
  if (role_ == Role::kLeader) {
    writer.Byte(static_cast<uint8_t>((votes_ ? 1 : 0) | (voted_before_ ? 2 : 0) |
                                     (transfer_.has_value() ? 4 : 0)));
    writer.Byte(static_cast<uint8_t>(progress_.size()));
    for (const Progress& progress : progress_) {
      writer.Name(progress.id);
      writer.Byte(static_cast<uint8_t>((progress.voting ? 1 : 0) | (progress.voted_before ? 2 : 0) |
                                       (progress.member ? 4 : 0) | (progress.rolled_back ? 8 : 0)));
      writer.Number64(progress.stored);
      writer.Number64(progress.promised);
      writer.Number64(progress.acknowledged_round);
      writer.Number64(progress.sent_round);
      writer.Number64(progress.answered_round);
    }
  }
  SVR2_CHECK(writer.size() <= kMaxIntegrityStateBytes);
  return writer.size();
}

}  // namespace svr2::raft
