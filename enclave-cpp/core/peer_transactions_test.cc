// SPDX-License-Identifier: Apache-2.0
//
// protocol.md §5: "Each has a timeout in ticks; a reply is accepted only from the peer it was asked
// of, once."

#include "core/peer_transactions.h"

#include <gtest/gtest.h>

namespace svr2::core {
namespace {

raft::PeerId Id(uint8_t n) {
  raft::PeerId id{};
  id[0] = n;
  return id;
}

constexpr auto kPing = proto::PeerRequest::kPing;

TEST(PeerTransactionsTest, AReplyCountsOnce) {
  PeerTransactions transactions;
  const uint64_t id = *transactions.Begin(Id(1), kPing, 77, 5, 10);
  EXPECT_NE(id, 0u);
  const auto open = transactions.Take(Id(1), id);
  ASSERT_TRUE(open.has_value());
  EXPECT_EQ(open->reference, 77u);
  EXPECT_EQ(open->begun_tick, 5u);
  EXPECT_FALSE(transactions.Take(Id(1), id).has_value());
}

TEST(PeerTransactionsTest, AReplyCountsFromThePeerThatWasAskedOnly) {
  PeerTransactions transactions;
  const uint64_t id = *transactions.Begin(Id(1), kPing, 0, 0, 10);
  EXPECT_FALSE(transactions.Take(Id(2), id).has_value());
  EXPECT_TRUE(transactions.Take(Id(1), id).has_value());
}

TEST(PeerTransactionsTest, WhatIsNotAnsweredInTimeFails) {
  PeerTransactions transactions;
  const uint64_t id = *transactions.Begin(Id(1), kPing, 0, 100, 10);
  EXPECT_TRUE(transactions.TakeExpired(109).empty());
  const auto expired = transactions.TakeExpired(110);
  ASSERT_EQ(expired.size(), 1u);
  EXPECT_EQ(expired[0].id, id);
  EXPECT_EQ(transactions.size(), 0u);
}

TEST(PeerTransactionsTest, WhatAPeerWasAskedEndsWithItsSession) {
  PeerTransactions transactions;
  ASSERT_TRUE(transactions.Begin(Id(1), kPing, 0, 0, 10).ok());
  ASSERT_TRUE(transactions.Begin(Id(2), kPing, 0, 0, 10).ok());
  ASSERT_TRUE(transactions.Begin(Id(1), kPing, 0, 0, 10).ok());
  EXPECT_EQ(transactions.TakeOfPeer(Id(1)).size(), 2u);
  EXPECT_EQ(transactions.size(), 1u);
}

TEST(PeerTransactionsTest, TheirNumberIsBounded) {
  PeerTransactions transactions;
  for (size_t i = 0; i < PeerTransactions::kMaxOpen; ++i) {
    ASSERT_TRUE(transactions.Begin(Id(1), kPing, 0, 0, 10).ok());
  }
  EXPECT_FALSE(transactions.Begin(Id(1), kPing, 0, 0, 10).ok());
}

}  // namespace
}  // namespace svr2::core
