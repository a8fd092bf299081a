// SPDX-License-Identifier: Apache-2.0
//
// What the integrity tree is given of consensus. It is hashed twice a step, so it is kept short
// without leaving anything out: numbers take as many bytes as they need, and what is often equal to
// what was written before is then one byte.

#include <cstring>
#include <iterator>

#include "raft/raft.h"
#include "util/check.h"

namespace svr2::raft {
namespace {

// Appends to a buffer that the caller knows to be large enough.
class Writer {
 public:
  explicit Writer(uint8_t* out) : begin_(out), out_(out) {}

  void Byte(uint8_t value) { *out_++ = value; }
  // Seven bits a byte, the lowest first; the top bit says that more follow.
  void Number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) Byte(static_cast<uint8_t>(value | 0x80));
    Byte(static_cast<uint8_t>(value));
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
    if (value.has_value()) Bytes(*value);
  }
  void OptionalAfter(const std::optional<PeerId>& value, const std::optional<PeerId>& before) {
    if (value == before) return Byte(kAsBefore);
    Optional(value);
  }
  void At(const Position& value) {
    Number(value.index);
    Number(value.term);
    Bytes(value.hash);
  }
  void AtAfter(const Position& value, const Position& before) {
    if (value == before) return Byte(kAsBefore);
    Byte(0);
    At(value);
  }
  void Members(uint64_t index, const Membership& membership, const Hash& removed_digest) {
    Number(index);
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
  static constexpr uint8_t kAsBefore = 2;

  uint8_t* const begin_;
  uint8_t* out_;
};

}  // namespace

size_t Raft::WriteIntegrityState(uint8_t* out) const {
  Writer writer(out);
  writer.Number(term_);
  writer.Byte(static_cast<uint8_t>(role_));
  writer.Optional(vote_);
  writer.OptionalAfter(leader_, vote_);
  writer.Number(static_cast<uint64_t>(stopped_.value_or(proto::OK)));
  writer.At(log_.base());
  // Each is read where it is used from, whether or not it ends as a byte.
  const Position positions[] = {log_.last(), promise(), commit(), applied()};
  writer.At(positions[0]);
  for (size_t i = 1; i < std::size(positions); ++i) writer.AtAfter(positions[i], positions[i - 1]);
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
      writer.Number(asked.promise);
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
      writer.Number(progress.stored);
      writer.Number(progress.promised);
      writer.Number(progress.acknowledged_round);
      writer.Number(progress.sent_round);
      writer.Number(progress.answered_round);
    }
  }
  SVR2_CHECK(writer.size() <= kMaxIntegrityStateBytes);
  return writer.size();
}

}  // namespace svr2::raft
