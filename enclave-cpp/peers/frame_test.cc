// SPDX-License-Identifier: Apache-2.0
//
// Items in and out of frames; malformed and mutated frames.

#include "peers/frame.h"

#include <gtest/gtest.h>

#include <random>

#include "peers/link.h"
#include "raft/message_codec.h"
#include "util/seed_testing.h"

namespace svr2::peers {
namespace {

proto::PeerRequest Ping(uint64_t id) {
  proto::PeerRequest request;
  request.set_id(id);
  request.mutable_ping();
  return request;
}

proto::PeerReply Pong(uint64_t id) {
  proto::PeerReply reply;
  reply.set_id(id);
  reply.mutable_ping();
  return reply;
}

raft::AppendRequest Append(size_t entries, size_t payload_bytes) {
  raft::AppendRequest append;
  append.term = 3;
  for (size_t i = 0; i < entries; ++i) {
    raft::Entry entry;
    entry.index = 10 + i;
    entry.term = 3;
    entry.kind = raft::EntryKind::kData;
    entry.payload.assign(payload_bytes, static_cast<uint8_t>(i));
    append.entries.push_back(std::move(entry));
  }
  append.previous.index = 9;
  append.previous.term = 2;
  return append;
}

util::SecretBytes MixedFrame() {
  util::SecretBytes frame;
  FrameWriter writer(&frame);
  EXPECT_TRUE(writer.AddRaft(raft::TimeoutNow{5}).ok());
  EXPECT_TRUE(writer.AddRequest(Ping(7), std::string("attached")).ok());
  EXPECT_TRUE(writer.AddReply(Pong(8), util::ByteView()).ok());
  EXPECT_TRUE(writer.AddRaft(Append(2, 100)).ok());
  return frame;
}

TEST(Frame, ItemsComeBackInOrder) {
  const util::SecretBytes frame = MixedFrame();
  FrameReader reader(util::View(frame));
  ASSERT_FALSE(reader.done());
  Result<FrameItem> item = reader.Next();
  ASSERT_TRUE(item.ok());
  EXPECT_EQ(item->kind, ItemKind::kRaft);
  const Result<raft::Message> timeout = raft::DecodeMessage(item->attachment);
  ASSERT_TRUE(timeout.ok());
  EXPECT_EQ(std::get<raft::TimeoutNow>(*timeout).term, 5u);

  item = reader.Next();
  ASSERT_TRUE(item.ok());
  ASSERT_EQ(item->kind, ItemKind::kRequest);
  EXPECT_EQ(item->attachment.ToString(), "attached");
  ParsedHead<proto::PeerRequest> request;
  ASSERT_TRUE(ParseRequest(*item, &request).ok());
  EXPECT_EQ(request->id(), 7u);
  EXPECT_TRUE(request->has_ping());

  item = reader.Next();
  ASSERT_TRUE(item.ok());
  ASSERT_EQ(item->kind, ItemKind::kReply);
  EXPECT_TRUE(item->attachment.empty());
  ParsedHead<proto::PeerReply> reply;
  ASSERT_TRUE(ParseReply(*item, &reply).ok());
  EXPECT_EQ(reply->id(), 8u);

  item = reader.Next();
  ASSERT_TRUE(item.ok());
  const Result<raft::Message> append = raft::DecodeMessage(item->attachment);
  ASSERT_TRUE(append.ok());
  EXPECT_EQ(std::get<raft::AppendRequest>(*append).entries.size(), 2u);
  EXPECT_TRUE(reader.done());
}

TEST(Frame, AnEmptyFrameIsDone) { EXPECT_TRUE(FrameReader(util::ByteView()).done()); }

TEST(Frame, WhatIsTooLargeIsNotAdded) {
  util::SecretBytes frame;
  FrameWriter writer(&frame);
  ASSERT_TRUE(writer.AddRequest(Ping(1), util::ByteView()).ok());
  const size_t size = frame.size();
  const util::Bytes large(kMaxPlaintextBytes);
  EXPECT_EQ(writer.AddRequest(Ping(2), large), Status(proto::ERROR_PEERS_MESSAGE_TOO_LARGE));
  EXPECT_EQ(writer.AddReply(Pong(2), large), Status(proto::ERROR_PEERS_MESSAGE_TOO_LARGE));
  EXPECT_EQ(writer.AddRaft(Append(5, size_t{1} << 20)),
            Status(proto::ERROR_PEERS_MESSAGE_TOO_LARGE));
  proto::PeerRequest fat = Ping(3);
  fat.mutable_timestamp()->set_evidence(std::string(kMaxHeadBytes, 'x'));
  EXPECT_EQ(writer.AddRequest(fat, util::ByteView()), Status(proto::ERROR_PEERS_MESSAGE_TOO_LARGE));
  EXPECT_EQ(frame.size(), size);
  ASSERT_TRUE(writer.AddReply(Pong(2), util::ByteView()).ok());
  FrameReader reader(util::View(frame));
  EXPECT_TRUE(reader.Next().ok());
  EXPECT_TRUE(reader.Next().ok());
  EXPECT_TRUE(reader.done());
}

TEST(Frame, EveryCutIsRefused) {
  const util::SecretBytes frame = MixedFrame();
  size_t whole = 0;
  for (size_t size = 1; size < frame.size(); ++size) {
    FrameReader reader(util::View(frame).Sub(0, size));
    bool ok = true;
    while (ok && !reader.done()) ok = reader.Next().ok();
    // Between two items a cut cannot be seen; DATA's last-piece flag is what guards against it.
    whole += ok ? 1 : 0;
    EXPECT_TRUE(reader.done());
  }
  EXPECT_EQ(whole, 3u);
}

TEST(Frame, MalformedItemsAreRefused) {
  const auto first = [](const std::string& bytes) {
    FrameReader reader{util::ByteView(bytes)};
    const Result<FrameItem> item = reader.Next();
    EXPECT_TRUE(item.ok() || reader.done());
    return item.error();
  };
  const Error kMalformed = proto::ERROR_PEERS_MALFORMED_MESSAGE;
  EXPECT_EQ(first(std::string("\0\0\0\0\0\0\0\0\0", 9)), kMalformed);    // Kind 0.
  EXPECT_EQ(first(std::string("\4\0\0\0\0\0\0\0\0", 9)), kMalformed);    // Kind 4.
  EXPECT_EQ(first(std::string("\1\0\0\0\1\0\0\0\0x", 10)), kMalformed);  // A head.
  EXPECT_EQ(first(std::string("\2\xff\xff\xff\xff\0\0\0\0x", 10)), kMalformed);
  EXPECT_EQ(first(std::string("\2\0\0\0\0\xff\xff\xff\xffx", 10)), kMalformed);
  EXPECT_EQ(first(std::string("\2\0\0\0\1\xff\xff\xff\xffx", 10)), kMalformed);
  EXPECT_EQ(first(std::string("\2\0\1\0\1\0\0\0\0", 9) + std::string(65'537, 'x')), kMalformed);
  EXPECT_EQ(first(std::string("\2\0\0\0\0\0\0\0\0", 9)), proto::OK);
}

TEST(Frame, HeadsThatMeanNothingAreRefused) {
  const auto request = [](const proto::PeerRequest& head) {
    const std::string bytes = head.SerializeAsString();
    ParsedHead<proto::PeerRequest> parsed;
    return ParseRequest(FrameItem{ItemKind::kRequest, bytes, util::ByteView()}, &parsed).error();
  };
  const auto reply = [](const proto::PeerReply& head) {
    const std::string bytes = head.SerializeAsString();
    ParsedHead<proto::PeerReply> parsed;
    return ParseReply(FrameItem{ItemKind::kReply, bytes, util::ByteView()}, &parsed).error();
  };
  const Error kMalformed = proto::ERROR_PEERS_MALFORMED_MESSAGE;
  EXPECT_EQ(request(Ping(1)), proto::OK);
  EXPECT_EQ(request(Ping(0)), kMalformed);
  proto::PeerRequest no_request;
  no_request.set_id(1);
  EXPECT_EQ(request(no_request), kMalformed);
  EXPECT_EQ(reply(Pong(1)), proto::OK);
  EXPECT_EQ(reply(Pong(0)), kMalformed);
  proto::PeerReply refusal;
  refusal.set_id(1);
  EXPECT_EQ(reply(refusal), kMalformed);
  refusal.set_error(proto::ERROR_RAFT_NOT_LEADER);
  EXPECT_EQ(reply(refusal), proto::OK);
  refusal.mutable_ping();
  EXPECT_EQ(reply(refusal), kMalformed);
  const std::string garbage = "\xff\xff\xff\xff";
  ParsedHead<proto::PeerRequest> parsed;
  EXPECT_EQ(ParseRequest(FrameItem{ItemKind::kRequest, garbage, util::ByteView()}, &parsed).error(),
            kMalformed);
}

// Reads whatever comes without touching anything outside; what is read stays inside the frame.
TEST(Frame, MutatedFramesAreReadOrRefused) {
  std::mt19937_64 random(util::TestSeed());
  const util::SecretBytes good = MixedFrame();
  for (int i = 0; i < 20'000; ++i) {
    // A copy of exactly the size, so that AddressSanitizer sees a byte too far.
    util::Bytes bytes(good.begin(), good.end());
    for (size_t n = 1 + random() % 3; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    bytes.shrink_to_fit();
    FrameReader reader{util::ByteView(bytes)};
    while (!reader.done()) {
      const Result<FrameItem> item = reader.Next();
      if (!item.ok()) {
        EXPECT_TRUE(reader.done());
        break;
      }
      ParsedHead<proto::PeerRequest> request;
      ParsedHead<proto::PeerReply> reply;
      if (item->kind == ItemKind::kRequest) (void)ParseRequest(*item, &request).ok();
      if (item->kind == ItemKind::kReply) (void)ParseReply(*item, &reply).ok();
      if (item->kind == ItemKind::kRaft) (void)raft::DecodeMessage(item->attachment).ok();
    }
  }
}

}  // namespace
}  // namespace svr2::peers
