// SPDX-License-Identifier: Apache-2.0
//
// Who belongs to the group and who of them votes; how many votes make a quorum; what a group
// configuration must satisfy; and how a membership is written into a log entry. All values, no
// state beyond the list. Source: protocol.md §4 "Quorum", "Membership".

#ifndef SVR2_RAFT_MEMBERSHIP_H_
#define SVR2_RAFT_MEMBERSHIP_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "raft/types.h"
#include "util/bytes.h"
#include "util/status.h"

namespace svr2::raft {

// The part of RaftGroupConfig that consensus needs. No defaults: each group states its own.
struct GroupConfig {
  uint32_t min_voting_replicas = 0;
  uint32_t max_voting_replicas = 0;
  // Number of rolled-back voters that cannot make the group forget a counted guess.
  uint32_t super_majority = 0;
};

// Members a group may have, voting or not. Bounds every loop over members.
inline constexpr size_t kMaxMembers = 32;

// Fails with ERROR_RAFT_BAD_GROUP_CONFIG unless super_majority < min ≤ max ≤ kMaxMembers.
Status ValidateGroupConfig(const GroupConfig& config);

// Votes that make a quorum of `voters` voters: min(n, (n − s) / 2 + 1 + s). Any two quorums share
// at least s + 1 voters as long as n > s, so s of them rolled back still leave one that remembers.
// `voters` is at least 1.
size_t QuorumSize(size_t voters, uint32_t super_majority);

// The highest index that at least `quorum` of the voters have reached. `reached` holds one value a
// voter and is reordered; `quorum` is between 1 and `voters`.
uint64_t QuorumIndex(uint64_t* reached, size_t voters, size_t quorum);

// What one membership change does to one member (protocol.md §4 "Membership").
enum class ChangeKind : uint8_t { kAdd, kPromote, kDemote, kRemove };

struct Member {
  PeerId id{};
  bool voting = false;
};
inline bool operator==(const Member& a, const Member& b) {
  return a.id == b.id && a.voting == b.voting;
}

// A list of members, sorted by id, each once, and the ids that were removed. Value type;
// thread-compatible.
//
// A removed id never returns (protocol.md §4 "Membership"). That it was removed therefore travels
// with each membership entry, and so to joiners, too. The list is bounded: the 65th removal forgets
// the first. By then that replica's sessions have ended long ago, and ids, which are public keys
// drawn at each start, do not come back by chance.
class Membership {
 public:
  static constexpr size_t kMaxRemoved = 64;

  Membership() = default;

  // A group of one voting member.
  static Membership Of(const PeerId& founder);

  // From a membership entry's payload. Fails with ERROR_RAFT_MALFORMED_MESSAGE unless the bytes are
  // exactly what Encode gives for some membership with at least one voter.
  static Result<Membership> Decode(util::ByteView payload);

  // u8 layout version (1), u8 number of members, then per member, ascending by id: id (32 bytes),
  // u8 voting (0 or 1); then the removed ids (32 bytes each), the oldest removal first.
  util::Bytes Encode() const;

  // The membership after one change. Fails with ERROR_RAFT_REMOVED (kAdd of a removed id),
  // ERROR_RAFT_TOO_MANY_MEMBERS, ERROR_RAFT_NOT_A_MEMBER, ERROR_RAFT_NO_CHANGE (it already is as
  // asked), ERROR_RAFT_BELOW_MIN_VOTERS (nobody would vote).
  Result<Membership> After(ChangeKind kind, const PeerId& id) const;

  const std::vector<Member>& members() const { return members_; }
  const std::vector<PeerId>& removed() const { return removed_; }
  bool WasRemoved(const PeerId& id) const;
  size_t voters() const;
  bool IsMember(const PeerId& id) const { return Find(id) != nullptr; }
  bool IsVoter(const PeerId& id) const;

  friend bool operator==(const Membership& a, const Membership& b) {
    return a.members_ == b.members_ && a.removed_ == b.removed_;
  }

 private:
  const Member* Find(const PeerId& id) const;

  std::vector<Member> members_;
  std::vector<PeerId> removed_;
};

}  // namespace svr2::raft

#endif  // SVR2_RAFT_MEMBERSHIP_H_
