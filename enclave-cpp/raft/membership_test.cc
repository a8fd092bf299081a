// SPDX-License-Identifier: Apache-2.0
//
// Quorums, group configuration and the byte form of a membership: protocol.md §4.

#include "raft/membership.h"

#include <gtest/gtest.h>

#include <random>

#include "raft/raft_testing.h"

namespace svr2::raft {
namespace {

// §4 Quorum: "min(n, (n − s) / 2 + 1 + s), integer division".
TEST(QuorumTest, IsTheFormulaOfTheProtocol) {
  // voters, super-majority, quorum: worked out by hand.
  const size_t table[][3] = {{1, 0, 1}, {2, 0, 2}, {3, 0, 2}, {4, 0, 3}, {5, 0, 3}, {7, 0, 4},
                             {1, 1, 1}, {2, 1, 2}, {3, 1, 3}, {4, 1, 3}, {5, 1, 4}, {7, 1, 5},
                             {1, 2, 1}, {3, 2, 3}, {5, 2, 4}, {7, 2, 5}, {2, 5, 2}};
  for (const auto& row : table) {
    EXPECT_EQ(QuorumSize(row[0], static_cast<uint32_t>(row[1])), row[2])
        << row[0] << " voters, s = " << row[1];
  }
}

// §4 Quorum: "Up to s rolled-back voters cannot make the group forget a counted guess": any two
// quorums share more than s voters, unless all voters are needed anyway.
TEST(QuorumTest, TwoQuorumsShareMoreThanTheRolledBackVoters) {
  for (size_t n = 1; n <= kMaxMembers; ++n) {
    for (uint32_t s = 0; s < n; ++s) {
      const size_t quorum = QuorumSize(n, s);
      EXPECT_LE(quorum, n);
      EXPECT_TRUE(quorum == n || 2 * quorum - n > s) << n << " voters, s = " << s;
    }
  }
}

// §4 Quorum: "Crashes survived without a rollback: s = 1: 4 or 5 voters 1; s = 2: 5 voters 1, 7
// voters 2".
TEST(QuorumTest, CrashesSurvived) {
  EXPECT_EQ(4 - QuorumSize(4, 1), 1u);
  EXPECT_EQ(5 - QuorumSize(5, 1), 1u);
  EXPECT_EQ(5 - QuorumSize(5, 2), 1u);
  EXPECT_EQ(7 - QuorumSize(7, 2), 2u);
}

TEST(QuorumTest, IndexThatAQuorumReached) {
  uint64_t alone[] = {9};
  EXPECT_EQ(QuorumIndex(alone, 1, 1), 9u);
  uint64_t five[] = {3, 9, 1, 7, 5};
  EXPECT_EQ(QuorumIndex(five, 5, 3), 5u);
  EXPECT_EQ(QuorumIndex(five, 5, 4), 3u);
  EXPECT_EQ(QuorumIndex(five, 5, 5), 1u);
  EXPECT_EQ(QuorumIndex(five, 5, 1), 9u);
}

TEST(QuorumTest, IndexAgreesWithCounting) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 2000; ++round) {
    const size_t n = 1 + random() % kMaxMembers;
    const size_t quorum = 1 + random() % n;
    std::vector<uint64_t> values(n);
    for (uint64_t& value : values) value = random() % 8;
    uint64_t expected = 0;
    for (const uint64_t candidate : values) {
      size_t reached = 0;
      for (const uint64_t value : values) reached += value >= candidate ? 1 : 0;
      if (reached >= quorum) expected = std::max(expected, candidate);
    }
    EXPECT_EQ(QuorumIndex(values.data(), n, quorum), expected);
  }
}

// §4 Membership: "Validated: super_majority < min ≤ max."
TEST(GroupConfigTest, Validated) {
  const auto refused = [](uint32_t min, uint32_t max, uint32_t s) {
    return ValidateGroupConfig(GroupConfig{min, max, s}) == proto::ERROR_RAFT_BAD_GROUP_CONFIG;
  };
  EXPECT_FALSE(refused(1, 1, 0));
  EXPECT_FALSE(refused(3, 5, 0));
  EXPECT_FALSE(refused(4, 7, 3));
  EXPECT_FALSE(refused(1, kMaxMembers, 0));
  EXPECT_TRUE(refused(0, 0, 0));
  EXPECT_TRUE(refused(0, 5, 0));
  EXPECT_TRUE(refused(3, 2, 0));
  EXPECT_TRUE(refused(3, 5, 3));
  EXPECT_TRUE(refused(3, 5, UINT32_MAX));
  EXPECT_TRUE(refused(1, kMaxMembers + 1, 0));
}

TEST(MembershipTest, FounderIsTheOnlyVoter) {
  const Membership membership = Membership::Of(TestPeer(7));
  EXPECT_EQ(membership.members().size(), 1u);
  EXPECT_EQ(membership.voters(), 1u);
  EXPECT_TRUE(membership.IsVoter(TestPeer(7)));
  EXPECT_FALSE(membership.IsMember(TestPeer(8)));
  EXPECT_FALSE(membership.IsVoter(TestPeer(8)));
}

TEST(MembershipTest, BytesAreAsDocumented) {
  util::Bytes expected = {1, 1};
  util::Append(&expected, TestPeer(7));
  expected.push_back(1);
  EXPECT_EQ(Membership::Of(TestPeer(7)).Encode(), expected);
}

TEST(MembershipTest, DecodesWhatItEncodes) {
  for (uint8_t members = 1; members <= kMaxMembers; ++members) {
    const Membership membership = TestMembership(members, static_cast<uint8_t>(1 + members / 2));
    const Result<Membership> again = Membership::Decode(membership.Encode());
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE(*again == membership);
    EXPECT_EQ(again->voters(), 1u + members / 2u);
  }
  EXPECT_TRUE(TestMembership(3, 2).IsMember(TestPeer(3)));
  EXPECT_FALSE(TestMembership(3, 2).IsVoter(TestPeer(3)));
}

TEST(MembershipTest, RefusesAllOtherBytes) {
  const util::Bytes good = TestMembership(3, 2).Encode();
  const auto refused = [](const util::Bytes& bytes) {
    return Membership::Decode(bytes).status() == proto::ERROR_RAFT_MALFORMED_MESSAGE;
  };
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_TRUE(refused(util::Bytes(good.begin(), good.begin() + static_cast<long>(size)))) << size;
  }
  util::Bytes bad = good;
  bad.push_back(0);
  EXPECT_TRUE(refused(bad)) << "too long";
  bad = good;
  bad[0] = 2;
  EXPECT_TRUE(refused(bad)) << "another layout";
  bad = good;
  bad[2 + 32] = 2;
  EXPECT_TRUE(refused(bad)) << "a flag that is neither 0 nor 1";
  bad = good;
  bad[2 + 32] = bad[2 + 33 + 32] = 0;
  EXPECT_TRUE(refused(bad)) << "nobody votes";
  bad = good;
  std::copy(good.begin() + 2, good.begin() + 2 + 33, bad.begin() + 2 + 33);
  EXPECT_TRUE(refused(bad)) << "a member twice";
  bad = good;
  std::swap_ranges(bad.begin() + 2, bad.begin() + 2 + 33, bad.begin() + 2 + 33);
  EXPECT_TRUE(refused(bad)) << "not sorted";
  bad = {1, kMaxMembers + 1};
  for (uint8_t i = 0; i <= kMaxMembers; ++i) {
    util::Append(&bad, TestPeer(i));
    bad.push_back(1);
  }
  EXPECT_TRUE(refused(bad)) << "too many";
}

// Mutated bytes are refused, or are the one form of another membership.
TEST(MembershipTest, MutatedBytesAreRefusedOrCanonical) {
  std::mt19937_64 random(TestSeed());
  int accepted = 0;
  for (int i = 0; i < 50000; ++i) {
    util::Bytes bytes = TestMembership(static_cast<uint8_t>(1 + random() % 5), 1).Encode();
    for (uint64_t n = 1 + random() % 3; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    }
    if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 40));
    const Result<Membership> membership = Membership::Decode(bytes);
    if (!membership.ok()) continue;
    ASSERT_EQ(membership->Encode(), bytes);
    ++accepted;
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace svr2::raft
