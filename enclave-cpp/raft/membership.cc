// SPDX-License-Identifier: Apache-2.0
//
// Quorums, group configuration and the byte form of a membership.

#include "raft/membership.h"

#include <algorithm>
#include <functional>

#include "util/check.h"

namespace svr2::raft {
namespace {

constexpr uint8_t kLayoutVersion = 1;
constexpr size_t kHeaderBytes = 2;
constexpr size_t kIdBytes = std::tuple_size<PeerId>::value;
constexpr size_t kMemberBytes = kIdBytes + 1;

}  // namespace

Status ValidateGroupConfig(const GroupConfig& config) {
  if (config.super_majority >= config.min_voting_replicas ||
      config.min_voting_replicas > config.max_voting_replicas ||
      config.max_voting_replicas > kMaxMembers) {
    return proto::ERROR_RAFT_BAD_GROUP_CONFIG;
  }
  return Status::Ok();
}

size_t QuorumSize(size_t voters, uint32_t super_majority) {
  SVR2_CHECK(voters >= 1);
  if (voters <= super_majority) return voters;
  return std::min(voters, (voters - super_majority) / 2 + 1 + super_majority);
}

uint64_t QuorumIndex(uint64_t* reached, size_t voters, size_t quorum) {
  SVR2_CHECK(quorum >= 1 && quorum <= voters);
  // In descending order the value at place `quorum` is one that that many have reached.
  std::nth_element(reached, reached + (quorum - 1), reached + voters, std::greater<uint64_t>());
  return reached[quorum - 1];
}

Membership Membership::Of(const PeerId& founder) {
  Membership membership;
  membership.members_.push_back(Member{founder, true});
  return membership;
}

Result<Membership> Membership::Decode(util::ByteView payload) {
  if (payload.size() < kHeaderBytes || payload[0] != kLayoutVersion || payload[1] > kMaxMembers ||
      payload.size() < kHeaderBytes + payload[1] * kMemberBytes) {
    return proto::ERROR_RAFT_MALFORMED_MESSAGE;
  }
  const size_t members_end = kHeaderBytes + payload[1] * kMemberBytes;
  const size_t removed = (payload.size() - members_end) / kIdBytes;
  if (payload.size() != members_end + removed * kIdBytes || removed > kMaxRemoved) {
    return proto::ERROR_RAFT_MALFORMED_MESSAGE;
  }
  Membership membership;
  membership.members_.reserve(payload[1]);
  for (size_t at = kHeaderBytes; at < members_end; at += kMemberBytes) {
    const Member member{util::ToArray<32>(payload.Sub(at, 32)), payload[at + 32] == 1};
    if (payload[at + 32] > 1 ||
        (!membership.members_.empty() && membership.members_.back().id >= member.id)) {
      return proto::ERROR_RAFT_MALFORMED_MESSAGE;
    }
    membership.members_.push_back(member);
  }
  for (size_t at = members_end; at < payload.size(); at += kIdBytes) {
    const PeerId id = util::ToArray<32>(payload.Sub(at, kIdBytes));
    if (membership.IsMember(id) || membership.WasRemoved(id)) {
      return proto::ERROR_RAFT_MALFORMED_MESSAGE;
    }
    membership.removed_.push_back(id);
  }
  if (membership.voters() == 0) return proto::ERROR_RAFT_MALFORMED_MESSAGE;
  return membership;
}

util::Bytes Membership::Encode() const {
  util::Bytes out;
  out.reserve(kHeaderBytes + members_.size() * kMemberBytes + removed_.size() * kIdBytes);
  out.push_back(kLayoutVersion);
  out.push_back(static_cast<uint8_t>(members_.size()));
  for (const Member& member : members_) {
    util::Append(&out, member.id);
    out.push_back(member.voting ? 1 : 0);
  }
  for (const PeerId& id : removed_) util::Append(&out, id);
  return out;
}

Result<Membership> Membership::After(ChangeKind kind, const PeerId& id) const {
  Membership next = *this;
  const auto place =
      std::lower_bound(next.members_.begin(), next.members_.end(), id,
                       [](const Member& member, const PeerId& other) { return member.id < other; });
  const bool is_member = place != next.members_.end() && place->id == id;
  if (kind == ChangeKind::kAdd) {
    if (is_member) return proto::ERROR_RAFT_NO_CHANGE;
    if (WasRemoved(id)) return proto::ERROR_RAFT_REMOVED;
    if (members_.size() >= kMaxMembers) return proto::ERROR_RAFT_TOO_MANY_MEMBERS;
    next.members_.insert(place, Member{id, false});
    return next;
  }
  if (!is_member) return proto::ERROR_RAFT_NOT_A_MEMBER;
  if (kind == ChangeKind::kRemove) {
    next.members_.erase(place);
    if (next.removed_.size() == kMaxRemoved) next.removed_.erase(next.removed_.begin());
    next.removed_.push_back(id);
  } else {
    const bool voting = kind == ChangeKind::kPromote;
    if (place->voting == voting) return proto::ERROR_RAFT_NO_CHANGE;
    place->voting = voting;
  }
  if (next.voters() == 0) return proto::ERROR_RAFT_BELOW_MIN_VOTERS;
  return next;
}

bool Membership::WasRemoved(const PeerId& id) const {
  return std::find(removed_.begin(), removed_.end(), id) != removed_.end();
}

size_t Membership::voters() const {
  return static_cast<size_t>(std::count_if(members_.begin(), members_.end(),
                                           [](const Member& member) { return member.voting; }));
}

bool Membership::IsVoter(const PeerId& id) const {
  const Member* member = Find(id);
  return member != nullptr && member->voting;
}

const Member* Membership::Find(const PeerId& id) const {
  for (const Member& member : members_) {
    if (member.id == id) return &member;
  }
  return nullptr;
}

}  // namespace svr2::raft
