// SPDX-License-Identifier: Apache-2.0
//
// The table of peers: bounds, and who is forgotten when. Source: peer-figures.md failure 7.

#include "peers/table.h"

#include <gtest/gtest.h>

#include <thread>

#include "peers/peers_testing.h"

namespace svr2::peers {
namespace {

PeerId IdOf(size_t n) {
  PeerId id{};
  id[0] = 9;
  id[1] = static_cast<uint8_t>(n);
  id[2] = static_cast<uint8_t>(n >> 8);
  return id;
}

class TableTest : public testing::Test {
 protected:
  TableTest() : table_(pair_.low->id()) {}

  // Connects `peer`, which stands for the higher end, with it.
  void Connect(Peer* peer) {
    End& low = *pair_.low;
    End& high = *pair_.high;
    const auto sent = [&] {
      bool already = false;
      std::vector<std::string> messages;
      Peer::Output output;
      EXPECT_TRUE(peer->Claim(this, &already));
      while (peer->TakeOutput(low.surroundings(), this, &output)) {
        for (std::string& message : output.messages) messages.push_back(std::move(message));
      }
      return messages.at(0);
    };
    ASSERT_TRUE(peer->Connect(low.surroundings(), low.identity()).ok());
    ASSERT_TRUE(high.Receive(sent()).ok());
    Received received;
    ASSERT_TRUE(peer->Receive(low.surroundings(), low.identity(), low.judge(), high.received.answer,
                              &received)
                    .ok());
    ASSERT_TRUE(high.Receive(sent()).ok());
  }

  Pair pair_;
  Table table_;
};

TEST_F(TableTest, FindsWhatItMade) {
  EXPECT_EQ(table_.Find(IdOf(1), 0), nullptr);
  const auto peer = Must(table_.FindOrCreate(IdOf(1), 0));
  EXPECT_EQ(peer->id(), IdOf(1));
  EXPECT_EQ(table_.Find(IdOf(1), 0), peer);
  EXPECT_EQ(Must(table_.FindOrCreate(IdOf(1), 0)), peer);
  EXPECT_EQ(table_.size(), 1u);
  EXPECT_EQ(table_.All().size(), 1u);
}

TEST_F(TableTest, OurOwnIdIsNoPeer) {
  EXPECT_EQ(table_.FindOrCreate(pair_.low->id(), 0).error(), proto::ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(TableTest, StrangersAreBoundedAndLeaveRoomForMembers) {
  std::vector<PeerId> members;
  for (size_t i = 0; i < raft::kMaxMembers; ++i) members.push_back(IdOf(1000 + i));
  table_.SetMembers(members);
  for (size_t i = 0; i < kMaxStrangers; ++i) {
    ASSERT_TRUE(table_.FindOrCreate(IdOf(i), 0).ok());
  }
  EXPECT_EQ(table_.FindOrCreate(IdOf(kMaxStrangers), 0).error(), proto::ERROR_PEERS_TOO_MANY);
  EXPECT_TRUE(table_.FindOrCreate(IdOf(0), 0).ok());
  for (const PeerId& member : members) ASSERT_TRUE(table_.FindOrCreate(member, 0).ok());
  EXPECT_EQ(table_.size(), kMaxPeers);
  // Former members count as strangers, and all together stay below the bound.
  table_.SetMembers({IdOf(2000)});
  EXPECT_EQ(table_.FindOrCreate(IdOf(2000), 0).error(), proto::ERROR_PEERS_TOO_MANY);
  EXPECT_EQ(Must(table_.ForgetIdle(pair_.low->surroundings(), 100, 10)), kMaxPeers);
  EXPECT_TRUE(table_.FindOrCreate(IdOf(2000), 100).ok());
}

TEST_F(TableTest, ForgetsStrangersThatAreNeitherActiveNorConnected) {
  const Surroundings surroundings = pair_.low->surroundings();
  table_.SetMembers({IdOf(1)});
  const auto member = Must(table_.FindOrCreate(IdOf(1), 0));
  const auto stranger = Must(table_.FindOrCreate(pair_.high->id(), 0));
  const auto active = Must(table_.FindOrCreate(IdOf(3), 0));
  ASSERT_NO_FATAL_FAILURE(Connect(stranger.get()));
  EXPECT_EQ(table_.Connected(), std::vector<std::shared_ptr<Peer>>{stranger});
  EXPECT_EQ(table_.connected_count(), 1u);

  EXPECT_EQ(Must(table_.ForgetIdle(surroundings, 9, 10)), 0u);
  EXPECT_EQ(table_.Find(IdOf(3), 9), active);
  EXPECT_EQ(Must(table_.ForgetIdle(surroundings, 15, 10)), 0u);
  EXPECT_EQ(Must(table_.ForgetIdle(surroundings, 19, 10)), 1u);
  EXPECT_EQ(table_.Find(IdOf(3), 19), nullptr);
  bool disconnected = false;
  ASSERT_TRUE(stranger->Reset(surroundings, &disconnected).ok());
  EXPECT_EQ(Must(table_.ForgetIdle(surroundings, 19, 10)), 1u);
  EXPECT_EQ(table_.size(), 1u);
  EXPECT_EQ(table_.Find(IdOf(1), 19), member);
  table_.SetMembers({});
  EXPECT_EQ(Must(table_.ForgetIdle(surroundings, 29, 10)), 1u);
}

TEST_F(TableTest, WhatIsForgottenGivesItsSlotsBack) {
  const auto peer = Must(table_.FindOrCreate(pair_.high->id(), 0));
  ASSERT_TRUE(peer->Connect(pair_.low->surroundings(), pair_.low->identity()).ok());
  EXPECT_EQ(pair_.low->tree->used(), 1u);
  EXPECT_EQ(Must(table_.ForgetIdle(pair_.low->surroundings(), 10, 10)), 1u);
  EXPECT_EQ(pair_.low->tree->used(), 0u);
  EXPECT_EQ(peer->Connect(pair_.low->surroundings(), pair_.low->identity()),
            Status(proto::ERROR_PEERS_UNKNOWN));
}

TEST_F(TableTest, ThreadsFindCreateAndForgetAtOnce) {
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (size_t i = 0; i < 500; ++i) {
        const Result<std::shared_ptr<Peer>> peer = table_.FindOrCreate(IdOf((t + i) % 40), i);
        if (peer.ok()) (void)(*peer)->Push(raft::Message(raft::TimeoutNow{1})).ok();
        if (i % 10 == 0) Must(table_.ForgetIdle(pair_.low->surroundings(), i, 5));
        (void)table_.Connected();
        (void)table_.Find(IdOf(i % 40), i);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(table_.size(), kMaxPeers);
}

}  // namespace
}  // namespace svr2::peers
