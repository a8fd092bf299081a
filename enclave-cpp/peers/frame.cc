// SPDX-License-Identifier: Apache-2.0

#include "peers/frame.h"

#include <google/protobuf/message_lite.h>

#include <cstring>

#include "peers/link.h"
#include "raft/message_codec.h"
#include "util/endian.h"

namespace svr2::peers {

namespace {

void StoreHeader(uint8_t* out, ItemKind kind, size_t head_bytes, size_t attachment_bytes) {
  out[0] = static_cast<uint8_t>(kind);
  util::StoreBigEndian32(out + 1, static_cast<uint32_t>(head_bytes));
  util::StoreBigEndian32(out + 5, static_cast<uint32_t>(attachment_bytes));
}

template <typename T>
Status ParseHead(const FrameItem& item, T* head) {
  const bool parsed = head->ParseFromArray(item.head.data(), static_cast<int>(item.head.size()));
  return parsed && head->id() != 0 ? Status::Ok() : Status(proto::ERROR_PEERS_MALFORMED_MESSAGE);
}

}  // namespace

Status FrameWriter::AddRaft(const raft::Message& message) {
  const size_t start = out_->size();
  out_->resize(start + kItemHeaderBytes);
  raft::EncodeMessage(message, out_);
  if (out_->size() > kMaxPlaintextBytes) {
    util::Wipe(out_->data() + start, out_->size() - start);
    out_->resize(start);
    return proto::ERROR_PEERS_MESSAGE_TOO_LARGE;
  }
  StoreHeader(out_->data() + start, ItemKind::kRaft, 0, out_->size() - start - kItemHeaderBytes);
  return Status::Ok();
}

Status FrameWriter::AddRequest(const proto::PeerRequest& request, util::ByteView attachment) {
  return AddWithHead(ItemKind::kRequest, request, attachment);
}

Status FrameWriter::AddReply(const proto::PeerReply& reply, util::ByteView attachment) {
  return AddWithHead(ItemKind::kReply, reply, attachment);
}

Status FrameWriter::AddWithHead(ItemKind kind, const google::protobuf::MessageLite& head,
                                util::ByteView attachment) {
  const size_t start = out_->size();
  const size_t head_bytes = head.ByteSizeLong();
  if (head_bytes > kMaxHeadBytes || attachment.size() > kMaxPlaintextBytes ||
      start + kItemHeaderBytes + head_bytes + attachment.size() > kMaxPlaintextBytes) {
    return proto::ERROR_PEERS_MESSAGE_TOO_LARGE;
  }
  out_->resize(start + kItemHeaderBytes + head_bytes);
  StoreHeader(out_->data() + start, kind, head_bytes, attachment.size());
  // Into the buffer itself, of the size just computed.
  head.SerializeWithCachedSizesToArray(out_->data() + start + kItemHeaderBytes);
  out_->insert(out_->end(), attachment.begin(), attachment.end());
  return Status::Ok();
}

Result<FrameItem> FrameReader::Next() {
  SVR2_CHECK(!done());
  const util::ByteView rest = rest_;
  rest_ = util::ByteView();
  if (rest.size() < kItemHeaderBytes) return proto::ERROR_PEERS_MALFORMED_MESSAGE;
  const uint8_t kind = rest[0];
  const size_t head_bytes = util::LoadBigEndian32(rest.data() + 1);
  const size_t attachment_bytes = util::LoadBigEndian32(rest.data() + 5);
  const util::ByteView body = rest.From(kItemHeaderBytes);
  if (kind < static_cast<uint8_t>(ItemKind::kRaft) ||
      kind > static_cast<uint8_t>(ItemKind::kReply) || head_bytes > kMaxHeadBytes ||
      head_bytes > body.size() || attachment_bytes > body.size() - head_bytes) {
    return proto::ERROR_PEERS_MALFORMED_MESSAGE;
  }
  FrameItem item;
  item.kind = static_cast<ItemKind>(kind);
  if (item.kind == ItemKind::kRaft && head_bytes != 0) return proto::ERROR_PEERS_MALFORMED_MESSAGE;
  item.head = body.Sub(0, head_bytes);
  item.attachment = body.Sub(head_bytes, attachment_bytes);
  rest_ = body.From(head_bytes + attachment_bytes);
  return item;
}

Status ParseRequest(const FrameItem& item, ParsedHead<proto::PeerRequest>* request) {
  SVR2_CHECK(item.kind == ItemKind::kRequest);
  SVR2_RETURN_IF_ERROR(ParseHead(item, &**request));
  if ((*request)->request_case() == proto::PeerRequest::REQUEST_NOT_SET) {
    return proto::ERROR_PEERS_MALFORMED_MESSAGE;
  }
  return Status::Ok();
}

Status ParseReply(const FrameItem& item, ParsedHead<proto::PeerReply>* reply) {
  SVR2_CHECK(item.kind == ItemKind::kReply);
  SVR2_RETURN_IF_ERROR(ParseHead(item, &**reply));
  // A refusal has no body, anything else one.
  const bool has_body = (*reply)->reply_case() != proto::PeerReply::REPLY_NOT_SET;
  if (has_body != ((*reply)->error() == proto::OK)) return proto::ERROR_PEERS_MALFORMED_MESSAGE;
  return Status::Ok();
}

}  // namespace svr2::peers
