// SPDX-License-Identifier: Apache-2.0
//
// Whole peers: session and outbox in step, failures while sending, and many threads that push and
// drain at once. Sentences in quotes are from design.md §3 and §4.

#include "peers/peer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include "peers/frame.h"
#include "peers/peers_testing.h"

namespace svr2::peers {
namespace {

Request RequestOf(uint64_t id, const std::string& text = "") {
  Request request;
  request.head.set_id(id);
  request.head.mutable_ping();
  request.attachment.assign(text.begin(), text.end());
  return request;
}

uint64_t RequestIdIn(const FrameItem& item) {
  ParsedHead<proto::PeerRequest> request;
  EXPECT_TRUE(ParseRequest(item, &request).ok());
  return request->id();
}

// Two peers, each with the end it belongs to.
class PeerTest : public testing::Test {
 protected:
  PeerTest() : low_(pair_.low->id(), pair_.high->id()), high_(pair_.high->id(), pair_.low->id()) {}

  // All that waits, in order; the claim has ended then. What went wrong last is in `sent_`.
  std::vector<std::string> Drain(End* end, Peer* peer) {
    std::vector<std::string> messages;
    bool already = false;
    EXPECT_TRUE(peer->Claim(this, &already));
    Peer::Output output;
    sent_ = Peer::Output();
    while (peer->TakeOutput(end->surroundings(), this, &output)) {
      for (std::string& message : output.messages) messages.push_back(std::move(message));
      if (!output.status.ok()) sent_ = output;
    }
    return messages;
  }
  Status Receive(End* end, Peer* peer, const std::string& message) {
    return peer->Receive(end->surroundings(), end->identity(), end->judge(), message, &received_);
  }
  // Carries everything both ways until nothing is left.
  void Carry() {
    for (bool more = true; more;) {
      more = false;
      for (const std::string& message : Drain(pair_.low.get(), &low_)) {
        more = true;
        EXPECT_TRUE(Receive(pair_.high.get(), &high_, message).ok());
      }
      for (const std::string& message : Drain(pair_.high.get(), &high_)) {
        more = true;
        EXPECT_TRUE(Receive(pair_.low.get(), &low_, message).ok());
      }
    }
  }
  void Connect() {
    ASSERT_TRUE(low_.Connect(pair_.low->surroundings(), pair_.low->identity()).ok());
    Carry();
    ASSERT_TRUE(low_.connected());
    ASSERT_TRUE(high_.connected());
  }

  Pair pair_;
  Peer low_;
  Peer high_;
  Received received_;
  Peer::Output sent_;
};

TEST_F(PeerTest, ConnectsThroughTheOutboxes) {
  EXPECT_FALSE(low_.connected());
  ASSERT_NO_FATAL_FAILURE(Connect());
  EXPECT_EQ(low_.phase(), Session::Phase::kConnected);
  EXPECT_EQ(Must(low_.attested(pair_.low->surroundings())).group_id, kGroupId);
}

// "Requests that arrive together travel together."
TEST_F(PeerTest, WhatWaitsTogetherTravelsTogether) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  for (uint64_t id = 1; id <= 10; ++id) ASSERT_TRUE(low_.Push(RequestOf(id)).ok());
  ASSERT_TRUE(low_.Push(raft::Message(raft::TimeoutNow{1})).ok());
  const std::vector<std::string> messages = Drain(pair_.low.get(), &low_);
  ASSERT_EQ(messages.size(), 1u);
  ASSERT_TRUE(Receive(pair_.high.get(), &high_, messages[0]).ok());
  EXPECT_TRUE(received_.has_data);
  FrameReader reader(util::View(received_.data));
  for (uint64_t id = 1; id <= 10; ++id) {
    EXPECT_EQ(RequestIdIn(Must(reader.Next())), id);
  }
  EXPECT_EQ(Must(reader.Next()).kind, ItemKind::kRaft);
  EXPECT_TRUE(reader.done());
}

TEST_F(PeerTest, ItemsOfAnOldSessionAreNotSentInANewOne) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_TRUE(low_.Push(RequestOf(1)).ok());
  bool disconnected = false;
  ASSERT_TRUE(low_.Reset(pair_.low->surroundings(), &disconnected).ok());
  EXPECT_TRUE(disconnected);
  EXPECT_FALSE(low_.connected());
  EXPECT_EQ(low_.Push(RequestOf(2)), Status(proto::ERROR_PEERS_NOT_CONNECTED));
  ASSERT_TRUE(low_.Reset(pair_.low->surroundings(), &disconnected).ok());
  EXPECT_FALSE(disconnected);
  Carry();
  EXPECT_FALSE(high_.connected());
  ASSERT_NO_FATAL_FAILURE(Connect());
  EXPECT_TRUE(Drain(pair_.low.get(), &low_).empty());
}

// Taken out before the session was exchanged, encrypted after.
TEST_F(PeerTest, AReplacedSessionClosesAndOpensTheOutbox) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  bool disconnected = false;
  ASSERT_TRUE(low_.Push(RequestOf(1)).ok());
  ASSERT_TRUE(high_.Reset(pair_.high->surroundings(), &disconnected).ok());
  Drain(pair_.high.get(), &high_);  // The RST is lost.
  ASSERT_TRUE(high_.Connect(pair_.high->surroundings(), pair_.high->identity()).ok());
  const std::vector<std::string> syn = Drain(pair_.high.get(), &high_);
  ASSERT_TRUE(Receive(pair_.low.get(), &low_, syn.at(0)).ok());
  EXPECT_TRUE(low_.connected());
  const std::vector<std::string> syn_ack = Drain(pair_.low.get(), &low_);
  ASSERT_EQ(syn_ack.size(), 2u);  // And the request, in the old session.
  ASSERT_TRUE(Receive(pair_.high.get(), &high_, syn_ack[0]).ok());
  const std::vector<std::string> confirmation = Drain(pair_.high.get(), &high_);
  EXPECT_EQ(Receive(pair_.high.get(), &high_, syn_ack[1]),
            Status(proto::ERROR_PEERS_NOT_CONNECTED));
  ASSERT_TRUE(low_.Push(RequestOf(2)).ok());
  ASSERT_TRUE(Receive(pair_.low.get(), &low_, confirmation.at(0)).ok());
  EXPECT_TRUE(received_.connected);
  EXPECT_TRUE(received_.disconnected);
  EXPECT_TRUE(low_.connected());
  EXPECT_TRUE(Drain(pair_.low.get(), &low_).empty());
  Carry();
  EXPECT_TRUE(high_.connected());
  EXPECT_TRUE(low_.connected());
}

TEST_F(PeerTest, AFullOutboxResetsTheSession) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  Status status;
  while ((status = low_.Push(RequestOf(1))).ok()) {
  }
  EXPECT_EQ(status, Status(proto::ERROR_PEERS_OUTBOX_FULL));
  const std::vector<std::string> messages = Drain(pair_.low.get(), &low_);
  EXPECT_EQ(sent_.status, Status(proto::ERROR_PEERS_OUTBOX_FULL));
  EXPECT_TRUE(sent_.disconnected);
  EXPECT_FALSE(low_.connected());
  ASSERT_EQ(messages.size(), 1u);
  ASSERT_TRUE(Receive(pair_.high.get(), &high_, messages[0]).ok());
  EXPECT_TRUE(received_.disconnected);
  EXPECT_FALSE(high_.connected());
  ASSERT_NO_FATAL_FAILURE(Connect());
}

TEST_F(PeerTest, WithoutRandomBytesNothingIsSentAndTheSessionIsReset) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_TRUE(low_.Push(RequestOf(1, "a secret")).ok());
  pair_.low->env.FailRandom(true);
  const std::vector<std::string> messages = Drain(pair_.low.get(), &low_);
  EXPECT_EQ(sent_.status, Status(proto::ERROR_RANDOM_FAILED));
  EXPECT_TRUE(sent_.disconnected);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(Must(ParseMessage(messages[0])).kind, MessageKind::kReset);
}

TEST_F(PeerTest, AForgottenPeerAnswersNothing) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_TRUE(low_.Forget(pair_.low->surroundings()).ok());
  EXPECT_EQ(pair_.low->tree->used(), 0u);
  EXPECT_FALSE(low_.connected());
  const Status unknown(proto::ERROR_PEERS_UNKNOWN);
  EXPECT_EQ(low_.Connect(pair_.low->surroundings(), pair_.low->identity()), unknown);
  EXPECT_EQ(Receive(pair_.low.get(), &low_, "anything"), unknown);
  bool disconnected = true;
  EXPECT_EQ(low_.Reset(pair_.low->surroundings(), &disconnected), unknown);
  EXPECT_FALSE(disconnected);
  EXPECT_EQ(low_.Push(RequestOf(1)), Status(proto::ERROR_PEERS_NOT_CONNECTED));
  EXPECT_TRUE(Drain(pair_.low.get(), &low_).empty());
}

// "Items to one peer … leave in the order in which the enclave produced them, across threads"; "no
// thread waits for another's ocall". Each thread pushes its numbers, then drains if nobody does.
TEST_F(PeerTest, ManyThreadsPushAndDrainInOrderAndLoseNothing) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  constexpr uint64_t kThreads = 8;
  constexpr uint64_t kItems = 400;
  std::mutex replica;  // Items are pushed under it, and so have one order.
  uint64_t next_id = 1;
  std::mutex wire_mutex;
  std::vector<std::string> wire;
  std::atomic<int> outputs_at_once{0};
  std::atomic<int> most_at_once{0};
  std::atomic<uint64_t> left_to_others{0};

  const auto run = [&] {
    for (uint64_t i = 0; i < kItems; ++i) {
      {
        std::lock_guard<std::mutex> lock(replica);
        EXPECT_TRUE(low_.Push(RequestOf(next_id++, "payload")).ok());
      }
      int owner = 0;
      bool already = false;
      if (!low_.Claim(&owner, &already)) {
        ++left_to_others;
        continue;
      }
      Peer::Output output;
      while (low_.TakeOutput(pair_.low->surroundings(), &owner, &output)) {
        EXPECT_TRUE(output.status.ok());
        const int now = ++outputs_at_once;
        if (now > most_at_once) most_at_once = now;
        std::this_thread::yield();
        {
          std::lock_guard<std::mutex> lock(wire_mutex);
          for (std::string& message : output.messages) wire.push_back(std::move(message));
        }
        --outputs_at_once;
      }
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < kThreads; ++i) threads.emplace_back(run);
  for (std::thread& thread : threads) thread.join();

  // Whoever pushed last either drained or left its item to one who had the claim.
  EXPECT_TRUE(Drain(pair_.low.get(), &low_).empty());
  EXPECT_EQ(most_at_once, 1);
  uint64_t expected = 1;
  for (const std::string& message : wire) {
    ASSERT_TRUE(Receive(pair_.high.get(), &high_, message).ok());
    FrameReader reader(util::View(received_.data));
    while (!reader.done()) {
      EXPECT_EQ(RequestIdIn(Must(reader.Next())), expected++);
    }
  }
  EXPECT_EQ(expected, kThreads * kItems + 1);
}

// A thread whose output does not return keeps nobody from leaving items.
TEST_F(PeerTest, NobodyWaitsForAnOutputThatHangs) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  int hanging = 0;
  bool already = false;
  ASSERT_TRUE(low_.Push(RequestOf(1)).ok());
  ASSERT_TRUE(low_.Claim(&hanging, &already));
  Peer::Output output;
  ASSERT_TRUE(low_.TakeOutput(pair_.low->surroundings(), &hanging, &output));
  // Its output has not returned; others come and go on this very thread.
  for (uint64_t id = 2; id <= 50; ++id) {
    int owner = 0;
    ASSERT_TRUE(low_.Push(RequestOf(id)).ok());
    EXPECT_FALSE(low_.Claim(&owner, &already));
  }
  // Nor does it keep messages of the peer from being received, or the session from being reset.
  ASSERT_TRUE(high_.Push(RequestOf(1)).ok());
  for (const std::string& message : Drain(pair_.high.get(), &high_)) {
    EXPECT_TRUE(Receive(pair_.low.get(), &low_, message).ok());
  }
  ASSERT_TRUE(low_.TakeOutput(pair_.low->surroundings(), &hanging, &output));
  EXPECT_EQ(output.messages.size(), 1u);
  EXPECT_FALSE(low_.TakeOutput(pair_.low->surroundings(), &hanging, &output));
}

// Sessions come and go while others push and drain: nothing is torn, and whatever is received
// comes in order.
TEST_F(PeerTest, SessionsChangeWhileOthersPush) {
  ASSERT_NO_FATAL_FAILURE(Connect());
  std::atomic<bool> stop{false};
  // Items that may still be pushed in this round: whoever drains comes to an end.
  std::atomic<int> budget{0};
  std::mutex wire_mutex;
  std::deque<std::string> to_high, to_low;
  const auto drain = [&](End* end, Peer* peer, std::deque<std::string>* wire) {
    int owner = 0;
    bool already = false;
    if (!peer->Claim(&owner, &already)) return;
    Peer::Output output;
    while (peer->TakeOutput(end->surroundings(), &owner, &output)) {
      std::lock_guard<std::mutex> lock(wire_mutex);
      for (std::string& message : output.messages) wire->push_back(std::move(message));
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (uint64_t id = 1; !stop; ++id) {
        if (budget.fetch_sub(1) <= 0) {
          budget.fetch_add(1);
          std::this_thread::yield();
          continue;
        }
        (void)low_.Push(RequestOf(id)).ok();
        drain(pair_.low.get(), &low_, &to_high);
      }
    });
  }
  const auto carry = [&](End* end, Peer* peer, std::deque<std::string>* wire) {
    while (true) {
      std::string message;
      {
        std::lock_guard<std::mutex> lock(wire_mutex);
        if (wire->empty()) return;
        message = std::move(wire->front());
        wire->pop_front();
      }
      Received received;
      const Status status =
          peer->Receive(end->surroundings(), end->identity(), end->judge(), message, &received);
      // Left over from a session that is gone; nothing else may happen on an honest wire.
      EXPECT_TRUE(status.ok() || status == Status(proto::ERROR_PEERS_NOT_CONNECTED) ||
                  status == Status(proto::ERROR_PEERS_UNEXPECTED))
          << status.error();
    }
  };
  for (int round = 0; round < 30; ++round) {
    bool disconnected = false;
    budget = 500;
    ASSERT_TRUE(low_.Reset(pair_.low->surroundings(), &disconnected).ok());
    ASSERT_TRUE(low_.Connect(pair_.low->surroundings(), pair_.low->identity()).ok());
    while (!low_.connected() || !high_.connected()) {
      drain(pair_.low.get(), &low_, &to_high);
      carry(pair_.high.get(), &high_, &to_high);
      drain(pair_.high.get(), &high_, &to_low);
      carry(pair_.low.get(), &low_, &to_low);
    }
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace svr2::peers
