// SPDX-License-Identifier: Apache-2.0
//
// Outboxes alone: what is taken when, bounds, claims, and the bytes that items are said to have.
// Sentences in quotes are from design.md §4 "Locks".

#include "peers/outbox.h"

#include <gtest/gtest.h>

#include "peers/frame.h"
#include "peers/link.h"

namespace svr2::peers {
namespace {

constexpr uint64_t kEpoch = 42;

Request RequestOf(uint64_t id, size_t bytes = 0) {
  Request request;
  request.head.set_id(id);
  request.head.mutable_ping();
  request.attachment.resize(bytes);
  return request;
}
Reply ReplyOf(uint64_t id, uint64_t epoch) {
  Reply reply;
  reply.head.set_id(id);
  reply.head.mutable_ping();
  reply.epoch = epoch;
  return reply;
}
raft::Message Raft(uint64_t term) { return raft::TimeoutNow{term}; }

uint64_t IdOf(const Item& item) { return std::get<Request>(item).head.id(); }

class OutboxTest : public testing::Test {
 protected:
  bool Take() {
    bool already = false;
    EXPECT_TRUE(outbox_.Claim(this, &already));
    return outbox_.TakeOrRelease(this, &batch_);
  }

  Outbox outbox_;
  Outbox::Batch batch_;
};

TEST_F(OutboxTest, GivesItemsInOrderAndThenEndsTheClaim) {
  outbox_.Open(kEpoch, "");
  for (uint64_t id = 1; id <= 3; ++id) ASSERT_TRUE(outbox_.Push(RequestOf(id)).ok());
  ASSERT_TRUE(Take());
  ASSERT_EQ(batch_.items.size(), 3u);
  for (uint64_t id = 1; id <= 3; ++id) EXPECT_EQ(IdOf(batch_.items[id - 1]), id);
  EXPECT_EQ(batch_.epoch, kEpoch);
  EXPECT_TRUE(outbox_.empty());

  // The claim stands until nothing is found.
  int other = 0;
  bool already = false;
  EXPECT_FALSE(outbox_.Claim(&other, &already));
  EXPECT_FALSE(already);
  EXPECT_TRUE(outbox_.Claim(this, &already));
  EXPECT_TRUE(already);
  ASSERT_TRUE(outbox_.Push(RequestOf(4)).ok());
  EXPECT_TRUE(Take());
  EXPECT_FALSE(Take());
  EXPECT_TRUE(outbox_.Claim(&other, &already));
}

TEST_F(OutboxTest, AClaimCanBeGivenUpAfterAnException) {
  outbox_.Open(kEpoch, "");
  ASSERT_TRUE(outbox_.Push(RequestOf(1)).ok());
  int other = 0;
  bool already = false;
  EXPECT_TRUE(outbox_.Claim(&other, &already));
  outbox_.Release(this);  // Is not the owner.
  EXPECT_FALSE(outbox_.Claim(this, &already));
  outbox_.Release(&other);
  EXPECT_TRUE(Take());
  EXPECT_EQ(batch_.items.size(), 1u);
}

TEST_F(OutboxTest, WithoutASessionRaftIsDroppedAndTransactionsAreRefused) {
  for (const bool was_open : {false, true}) {
    if (was_open) {
      outbox_.Open(kEpoch, "");
      ASSERT_TRUE(outbox_.Push(RequestOf(1)).ok());
      outbox_.Close();
    }
    EXPECT_TRUE(outbox_.Push(Raft(1)).ok());
    EXPECT_EQ(outbox_.Push(RequestOf(1)), Status(proto::ERROR_PEERS_NOT_CONNECTED));
    EXPECT_EQ(outbox_.Push(ReplyOf(1, kEpoch)), Status(proto::ERROR_PEERS_NOT_CONNECTED));
    EXPECT_TRUE(outbox_.empty());
    EXPECT_EQ(outbox_.bytes(), 0u);
    EXPECT_FALSE(Take());
  }
}

TEST_F(OutboxTest, AReplyGoesToItsOwnSessionOnly) {
  outbox_.Open(kEpoch, "");
  EXPECT_TRUE(outbox_.Push(ReplyOf(1, kEpoch)).ok());
  EXPECT_EQ(outbox_.Push(ReplyOf(1, kEpoch - 1)), Status(proto::ERROR_PEERS_NOT_CONNECTED));
  outbox_.Open(kEpoch + 1, "");
  EXPECT_TRUE(outbox_.empty());
  EXPECT_EQ(outbox_.Push(ReplyOf(1, kEpoch)), Status(proto::ERROR_PEERS_NOT_CONNECTED));
}

TEST_F(OutboxTest, ControlMessagesGoFirstAndSurviveTheSession) {
  outbox_.PushControl("syn");
  outbox_.Open(kEpoch, "confirmation");
  ASSERT_TRUE(outbox_.Push(Raft(1)).ok());
  outbox_.PushControl("");
  outbox_.Close();
  outbox_.PushControl("rst");
  ASSERT_TRUE(Take());
  EXPECT_EQ(batch_.control, (std::vector<std::string>{"syn", "confirmation", "rst"}));
  EXPECT_TRUE(batch_.items.empty());
  EXPECT_FALSE(Take());
}

TEST_F(OutboxTest, OfTooManyControlMessagesTheOldestGo) {
  for (size_t i = 0; i < 2 * kMaxControlMessages; ++i) outbox_.PushControl(std::to_string(i));
  ASSERT_TRUE(Take());
  ASSERT_EQ(batch_.control.size(), kMaxControlMessages);
  EXPECT_EQ(batch_.control.front(), std::to_string(kMaxControlMessages));
  EXPECT_EQ(batch_.control.back(), std::to_string(2 * kMaxControlMessages - 1));
}

TEST_F(OutboxTest, AFrameEndsNearItsTarget) {
  outbox_.Open(kEpoch, "");
  const size_t count = 100;
  for (uint64_t id = 1; id <= count; ++id) {
    ASSERT_TRUE(outbox_.Push(RequestOf(id, 10'000)).ok());
  }
  uint64_t next = 1;
  int batches = 0;
  while (Take()) {
    ++batches;
    EXPECT_LT(batch_.bytes, kFrameTargetBytes + 10'100);
    for (const Item& item : batch_.items) EXPECT_EQ(IdOf(item), next++);
  }
  EXPECT_EQ(next, count + 1);
  EXPECT_EQ(batches, 4);
  EXPECT_EQ(outbox_.bytes(), 0u);
}

TEST_F(OutboxTest, AFrameNeverExceedsAMessage) {
  outbox_.Open(kEpoch, "");
  const size_t large = kMaxPlaintextBytes - 100;
  ASSERT_TRUE(outbox_.Push(RequestOf(1, 1000)).ok());
  ASSERT_TRUE(outbox_.Push(RequestOf(2, large)).ok());
  EXPECT_EQ(outbox_.Push(RequestOf(3, kMaxPlaintextBytes)),
            Status(proto::ERROR_PEERS_MESSAGE_TOO_LARGE));
  ASSERT_TRUE(Take());
  EXPECT_EQ(batch_.items.size(), 1u);
  ASSERT_TRUE(Take());
  EXPECT_EQ(batch_.items.size(), 1u);
  EXPECT_LE(batch_.bytes, kMaxPlaintextBytes);
}

TEST_F(OutboxTest, AtItsBoundsItIsFullUntilTheSessionIsReset) {
  for (const bool by_bytes : {false, true}) {
    outbox_.Open(kEpoch, "");
    const size_t size = by_bytes ? size_t{1} << 20 : 0;
    size_t pushed = 0;
    Status status;
    while ((status = outbox_.Push(RequestOf(1, size))).ok()) ++pushed;
    EXPECT_EQ(status, Status(proto::ERROR_PEERS_OUTBOX_FULL));
    EXPECT_EQ(pushed, by_bytes ? kMaxOutboxBytes / size - 1 : kMaxOutboxItems);
    EXPECT_EQ(outbox_.bytes(), 0u);  // Nothing of it will be sent.
    EXPECT_FALSE(outbox_.empty());   // Somebody has to reset.
    EXPECT_EQ(outbox_.Push(Raft(1)), Status(proto::ERROR_PEERS_OUTBOX_FULL));
    ASSERT_TRUE(Take());
    EXPECT_TRUE(batch_.overflowed);
    EXPECT_EQ(batch_.epoch, kEpoch);
    EXPECT_TRUE(batch_.items.empty());
    EXPECT_EQ(outbox_.Push(RequestOf(1)), Status(proto::ERROR_PEERS_NOT_CONNECTED));
    EXPECT_FALSE(Take());
  }
}

TEST_F(OutboxTest, ItemsHaveNoMoreBytesThanTheyAreSaidTo) {
  std::vector<Item> items;
  raft::AppendRequest append;
  items.push_back(raft::Message(append));
  for (const size_t entries : {size_t{1}, size_t{10}, size_t{300}}) {
    append.entries.resize(entries);
    for (raft::Entry& entry : append.entries) entry.payload.resize(97);
    items.push_back(raft::Message(append));
  }
  items.push_back(raft::Message(raft::AppendAnswer()));
  items.push_back(raft::Message(raft::VoteRequest()));
  items.push_back(raft::Message(raft::VoteAnswer()));
  items.push_back(Raft(1));
  items.push_back(RequestOf(~uint64_t{0}, 1000));
  items.push_back(ReplyOf(~uint64_t{0}, kEpoch));
  for (size_t i = 0; i < items.size(); ++i) {
    util::SecretBytes frame;
    FrameWriter writer(&frame);
    Status status;
    if (const auto* raft = std::get_if<raft::Message>(&items[i])) {
      status = writer.AddRaft(*raft);
    } else if (const auto* request = std::get_if<Request>(&items[i])) {
      status = writer.AddRequest(request->head, util::View(request->attachment));
    } else {
      const Reply& reply = std::get<Reply>(items[i]);
      status = writer.AddReply(reply.head, util::View(reply.attachment));
    }
    ASSERT_TRUE(status.ok());
    EXPECT_LE(frame.size(), ItemBytes(items[i])) << i;
  }
}

}  // namespace
}  // namespace svr2::peers
