// SPDX-License-Identifier: Apache-2.0
//
// protocol.md §5 "Group time", a test a sentence.

#include "groupclock/groupclock.h"

#include <gtest/gtest.h>

#include <vector>

namespace svr2::groupclock {
namespace {

PeerId Peer(uint8_t number) {
  PeerId id;
  id.fill(number);
  return id;
}

std::vector<PeerId> Peers(uint8_t count) {
  std::vector<PeerId> peers;
  for (uint8_t i = 1; i <= count; ++i) peers.push_back(Peer(i));
  return peers;
}

constexpr uint64_t kSecond = 1000;

// A clock whose own value is `own` seconds and whose peers 1, 2, … told `others`.
GroupClock ClockOf(uint64_t own, const std::vector<uint64_t>& others) {
  GroupClock clock;
  clock.SetOwn(own * kSecond);
  uint8_t number = 0;
  for (const uint64_t value : others)
    EXPECT_TRUE(clock.SetPeer(Peer(++number), value * kSecond).ok());
  return clock;
}

// "the middle of the sorted clock values of the connected voters and our own"
TEST(GroupClockTest, IsTheMiddle) {
  EXPECT_EQ(*ClockOf(50, {10, 30}).Seconds(Peers(2), true, 2), 30u);
  EXPECT_EQ(*ClockOf(30, {10, 50}).Seconds(Peers(2), true, 2), 30u);
  EXPECT_EQ(*ClockOf(10, {90, 20, 80, 30}).Seconds(Peers(4), true, 3), 30u);
}

// "(the upper for even counts)"
TEST(GroupClockTest, UpperForEvenCounts) {
  EXPECT_EQ(*ClockOf(10, {20}).Seconds(Peers(1), true, 2), 20u);
  EXPECT_EQ(*ClockOf(20, {10}).Seconds(Peers(1), true, 2), 20u);
  EXPECT_EQ(*ClockOf(10, {20, 30, 40}).Seconds(Peers(3), true, 3), 30u);
}

// "it may go back"
TEST(GroupClockTest, MayGoBack) {
  GroupClock clock = ClockOf(100, {});
  EXPECT_EQ(*clock.Seconds({}, true, 1), 100u);
  clock.SetOwn(40 * kSecond);
  EXPECT_EQ(*clock.Seconds({}, true, 1), 40u);
}

// "our own counts toward the quorum only if we vote"; it takes part in the middle all the same.
TEST(GroupClockTest, OwnCountsTowardTheQuorumOnlyIfWeVote) {
  const GroupClock clock = ClockOf(50, {10, 90});
  EXPECT_EQ(clock.Seconds(Peers(2), false, 3).error(), proto::ERROR_GROUPCLOCK_NO_QUORUM);
  EXPECT_EQ(*clock.Seconds(Peers(2), true, 3), 50u);
  EXPECT_EQ(*clock.Seconds(Peers(2), false, 2), 50u);
}

// "the connected voters": peers that do not vote do not take part, …
TEST(GroupClockTest, NonVotersTakeNoPart) {
  const GroupClock clock = ClockOf(50, {90, 91, 92});
  EXPECT_EQ(*clock.Seconds({}, true, 1), 50u);
  EXPECT_EQ(clock.Seconds(Peers(1), true, 3).error(), proto::ERROR_GROUPCLOCK_NO_QUORUM);
}

// … and voters that are no longer connected neither.
TEST(GroupClockTest, DisconnectedVotersTakeNoPart) {
  GroupClock clock = ClockOf(50, {90, 91});
  EXPECT_EQ(*clock.Seconds(Peers(2), true, 2), 90u);
  clock.ForgetPeer(Peer(2));
  clock.ForgetPeer(Peer(9));
  EXPECT_EQ(*clock.Seconds(Peers(2), true, 2), 90u);
  clock.ForgetPeer(Peer(1));
  EXPECT_EQ(clock.Seconds(Peers(2), true, 2).error(), proto::ERROR_GROUPCLOCK_NO_QUORUM);
}

// "It protects against some lying hosts": a minority's lies move the time only between honest
// clocks.
TEST(GroupClockTest, AMinorityOfLiarsStaysWithinTheHonest) {
  for (const uint64_t lie : {uint64_t{0}, UINT64_MAX / kSecond}) {
    const uint64_t time = *ClockOf(1000, {lie, 1001, lie, 1002}).Seconds(Peers(4), true, 3);
    EXPECT_GE(time, 1000u);
    EXPECT_LE(time, 1002u);
  }
}

// "Joining, voting and answering clients need a time backed by a quorum of voters."
TEST(GroupClockTest, NeedsAQuorumOfVoters) {
  const GroupClock clock = ClockOf(50, {50, 50});
  EXPECT_TRUE(clock.Seconds(Peers(4), true, 3).ok());
  EXPECT_EQ(clock.Seconds(Peers(6), true, 4).error(), proto::ERROR_GROUPCLOCK_NO_QUORUM);
}

// For a group of one the own clock is the quorum.
TEST(GroupClockTest, AloneTheOwnClockIsTheQuorum) {
  EXPECT_EQ(*ClockOf(1234567890, {}).Seconds({}, true, 1), 1234567890u);
}

// Before the first tick there is no time, whatever others say.
TEST(GroupClockTest, NoTimeBeforeTheFirstTick) {
  GroupClock clock;
  EXPECT_EQ(clock.Seconds({}, true, 1).error(), proto::ERROR_GROUPCLOCK_NO_QUORUM);
  for (const PeerId& peer : Peers(3)) EXPECT_TRUE(clock.SetPeer(peer, 5 * kSecond).ok());
  EXPECT_EQ(clock.Seconds(Peers(3), true, 1).error(), proto::ERROR_GROUPCLOCK_NO_QUORUM);
}

// design.md §4: ages are judged in seconds; ticks bring milliseconds, whatever the host writes
// there.
TEST(GroupClockTest, SecondsOfMilliseconds) {
  GroupClock clock;
  clock.SetOwn(1999);
  EXPECT_EQ(*clock.Seconds({}, true, 1), 1u);
  clock.SetOwn(0);
  EXPECT_EQ(*clock.Seconds({}, true, 1), 0u);
  clock.SetOwn(UINT64_MAX);
  EXPECT_EQ(*clock.Seconds({}, true, 1), UINT64_MAX / 1000);
}

TEST(GroupClockTest, APeersNewerValueReplacesTheOlder) {
  GroupClock clock = ClockOf(10, {20});
  EXPECT_TRUE(clock.SetPeer(Peer(1), 70 * kSecond).ok());
  EXPECT_EQ(*clock.Seconds(Peers(1), true, 2), 70u);
}

TEST(GroupClockTest, PeersAreBounded) {
  GroupClock clock;
  for (uint8_t i = 1; i <= GroupClock::kMaxPeers; ++i) EXPECT_TRUE(clock.SetPeer(Peer(i), 1).ok());
  EXPECT_EQ(clock.SetPeer(Peer(200), 1), Status(proto::ERROR_INVALID_ARGUMENT));
  EXPECT_TRUE(clock.SetPeer(Peer(3), 2).ok()) << "a known one is no new one";
  clock.ForgetPeer(Peer(3));
  EXPECT_TRUE(clock.SetPeer(Peer(200), 1).ok());
}

}  // namespace
}  // namespace svr2::groupclock
