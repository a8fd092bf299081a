// SPDX-License-Identifier: Apache-2.0
//
// What tests of raft share: seeds, a random source, a founder that has not campaigned yet, and
// access to single steps that TakeOutput takes together. Never linked into an enclave.

#ifndef SVR2_RAFT_RAFT_TESTING_H_
#define SVR2_RAFT_RAFT_TESTING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "raft/raft.h"
#include "util/bytes.h"
#include "util/seed_testing.h"

namespace svr2::raft {

// The seed of this run: from the environment's SVR2_SEED, else fresh. Always printed.
using util::TestSeed;

// A random source that counts up from `seed`.
RandomSource CountingRandom(uint64_t seed);
RandomSource FailingRandom();

PeerId TestPeer(uint8_t number);  // 32 times that byte.
Hash TestGroupKey();              // 00 01 02 … 1f

// min 1, max 1, super-majority 0.
Options GroupOfOne();

// GroupOfOne's founder, leader of term 1, first output taken and applied.
Raft FoundedAlone(const Options& options = GroupOfOne());

inline util::ByteView Text(const std::string& text) { return util::ByteView(text); }

// All output so far taken, and its entries applied.
Output TakeAndApply(Raft* raft);

std::vector<uint8_t> IntegrityState(const Raft& raft);

// Single steps and states that a group of one passes in one go or that need peers to be reached.
struct RaftTesting {
  static Result<Raft> NewFounder(const Options& options, RandomSource random) {
    return Raft::NewFounder(options, TestPeer(1), TestGroupKey(), std::move(random));
  }
  static void Campaign(Raft* raft) { raft->Campaign(); }
  // As if no leader had been heard for an election timeout.
  static void ForgetLeader(Raft* raft) {
    if (!raft->is_leader()) raft->leader_.reset();
  }
  static void StepDown(Raft* raft) { raft->StepDown(); }
  static void AdvancePromise(Raft* raft) { raft->AdvancePromise(); }
  static void AdvanceCommit(Raft* raft) { raft->AdvanceCommit(); }
  // As if a membership entry had come from elsewhere.
  static void SetMembership(Raft* raft, const Membership& membership) {
    raft->memberships_.back().membership = membership;
    if (raft->is_leader()) raft->RefreshProgress();
  }
  static void SetMembershipBefore(Raft* raft, const Membership& membership) {
    raft->memberships_.at(raft->memberships_.size() - 2).membership = membership;
  }
  static void MarkRolledBack(Raft* raft, const PeerId& id) {
    raft->MarkRolledBack(raft->FindProgress(id));
  }
  static void SetStored(Raft* raft, const PeerId& id, uint64_t index) {
    raft->FindProgress(id)->stored = index;
  }
  static void SetPromised(Raft* raft, const PeerId& id, uint64_t index) {
    raft->FindProgress(id)->promised = index;
  }
  static void SetAnswered(Raft* raft, const PeerId& id) {
    raft->FindProgress(id)->silent_ticks = 0;
  }
  static void Vote(Raft* raft, const PeerId& id) {
    raft->FindAsked(id)->granted = true;
    raft->CountVotes();
  }
  static uint32_t ElectionTimeoutTicks(const Raft& raft) { return raft.election_timeout_ticks_; }
};

// Ids 1 to `members`, of which the first `voters` vote.
Membership TestMembership(uint8_t members, uint8_t voters);

}  // namespace svr2::raft

#endif  // SVR2_RAFT_RAFT_TESTING_H_
