// SPDX-License-Identifier: Apache-2.0
//
// design.md §4 "Healing", protocol.md §4 "Membership": which change the leader proposes.

#include "core/healing.h"

#include <gtest/gtest.h>

namespace svr2::core {
namespace {

using raft::ChangeKind;
using Member = raft::Raft::MemberProgress;

HealingOptions Options() {
  HealingOptions options;
  options.group = raft::GroupConfig{3, 5, 0};
  return options;
}

Member Make(uint8_t n, bool voting, uint64_t stored, uint64_t silent_ticks) {
  Member member;
  member.id[0] = n;
  member.voting = voting;
  member.stored = stored;
  member.silent_ticks = silent_ticks;
  return member;
}

void ExpectChange(const std::optional<HealingChange>& change, ChangeKind kind, uint8_t n) {
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->kind, kind);
  EXPECT_EQ(change->id[0], n);
}

TEST(HealingTest, NothingToDoInAHealthyGroup) {
  EXPECT_FALSE(DecideHealing(Options(), 3, 100, {Make(1, true, 100, 0), Make(2, true, 99, 3)}));
}

TEST(HealingTest, TheFreshestNonVoterIsPromotedWhileThereIsRoom) {
  const std::vector<Member> others = {Make(1, true, 100, 0), Make(2, true, 100, 0),
                                      Make(3, false, 90, 0), Make(4, false, 95, 0)};
  ExpectChange(DecideHealing(Options(), 3, 100, others), ChangeKind::kPromote, 4);
  EXPECT_FALSE(DecideHealing(Options(), 5, 100, others));
}

TEST(HealingTest, ANonVoterThatIsSilentOrFarBehindIsNotPromoted) {
  EXPECT_FALSE(DecideHealing(Options(), 3, 100, {Make(3, false, 100, 10)}));
  EXPECT_FALSE(DecideHealing(Options(), 3, 5000, {Make(3, false, 100, 0)}));
}

// Regression: right after an election everybody seems fresh. A dead one that was promoted raised
// the quorum beyond the living.
TEST(HealingTest, AMemberThatHasNotAnsweredThisLeaderIsNotPromoted) {
  EXPECT_FALSE(DecideHealing(Options(), 3, 100, {Make(3, false, 0, 0)}));
}

TEST(HealingTest, APromotionComesBeforeADemotion) {
  const std::vector<Member> others = {Make(1, true, 0, 700), Make(2, true, 100, 0),
                                      Make(3, true, 100, 0), Make(4, false, 100, 0)};
  ExpectChange(DecideHealing(Options(), 4, 100, others), ChangeKind::kPromote, 4);
}

TEST(HealingTest, ASilentVoterIsDemotedAboveTheMinimumOnly) {
  const std::vector<Member> others = {Make(1, true, 0, 600), Make(2, true, 100, 0)};
  EXPECT_FALSE(DecideHealing(Options(), 3, 100, others));
  ExpectChange(DecideHealing(Options(), 4, 100, others), ChangeKind::kDemote, 1);
  EXPECT_FALSE(DecideHealing(Options(), 4, 100, {Make(1, true, 0, 599)}));
}

TEST(HealingTest, ASilentMemberIsRemovedLongAfter) {
  ExpectChange(DecideHealing(Options(), 3, 100, {Make(1, false, 0, 36000)}), ChangeKind::kRemove,
               1);
  EXPECT_FALSE(DecideHealing(Options(), 3, 100, {Make(1, false, 0, 35999)}));
}

TEST(HealingTest, OneThatWasRolledBackIsRemoved) {
  Member rolled_back = Make(1, true, 100, 0);
  rolled_back.rolled_back = true;
  EXPECT_FALSE(DecideHealing(Options(), 3, 100, {rolled_back}));
  ExpectChange(DecideHealing(Options(), 4, 100, {rolled_back}), ChangeKind::kRemove, 1);
  rolled_back.voting = false;
  ExpectChange(DecideHealing(Options(), 3, 100, {rolled_back}), ChangeKind::kRemove, 1);
}

}  // namespace
}  // namespace svr2::core
