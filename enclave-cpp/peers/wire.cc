// SPDX-License-Identifier: Apache-2.0

#include "peers/wire.h"

#include <cstring>

#include "util/endian.h"

namespace svr2::peers {

namespace {

constexpr size_t kSizeBytes = 4;

bool KnownKind(uint8_t kind) {
  return kind >= static_cast<uint8_t>(MessageKind::kSyn) &&
         kind <= static_cast<uint8_t>(MessageKind::kReset);
}

void AppendView(std::string* out, util::ByteView view) {
  out->append(reinterpret_cast<const char*>(view.data()), view.size());
}

}  // namespace

Result<MessageView> ParseMessage(util::ByteView message) {
  if (message.size() < kHeaderBytes || !KnownKind(message[0])) {
    return proto::ERROR_PEERS_MALFORMED_MESSAGE;
  }
  MessageView view;
  view.kind = static_cast<MessageKind>(message[0]);
  if (view.kind == MessageKind::kReset) {
    view.body = message.From(1);
    if (view.body.size() % kTagBytes != 0 || view.body.size() > kMaxResetTags * kTagBytes) {
      return proto::ERROR_PEERS_MALFORMED_MESSAGE;
    }
    return view;
  }
  view.tag = util::ToArray<kTagBytes>(message.Sub(1, kTagBytes));
  view.body = message.From(kHeaderBytes);
  return view;
}

std::string MakeMessage(MessageKind kind, const Tag& tag, util::ByteView body) {
  std::string message;
  message.reserve(kHeaderBytes + body.size());
  message.push_back(static_cast<char>(kind));
  AppendView(&message, tag);
  AppendView(&message, body);
  return message;
}

std::string MakeReset(const std::vector<Tag>& tags) {
  SVR2_CHECK(tags.size() <= kMaxResetTags);
  std::string message;
  if (tags.empty()) return message;
  message.push_back(static_cast<char>(MessageKind::kReset));
  for (const Tag& tag : tags) AppendView(&message, tag);
  return message;
}

bool Resets(const MessageView& message, const Tag& tag) {
  for (size_t at = 0; at < message.body.size(); at += kTagBytes) {
    if (message.body.Sub(at, kTagBytes) == util::ByteView(tag)) return true;
  }
  return false;
}

bool IsSyn(util::ByteView message) {
  return message.size() >= kHeaderBytes && message[0] == static_cast<uint8_t>(MessageKind::kSyn);
}

std::string RefusalOf(util::ByteView message) {
  const Result<MessageView> view = ParseMessage(message);
  if (!view.ok()) return std::string();
  if (view->kind != MessageKind::kSynAck && view->kind != MessageKind::kData) return std::string();
  return MakeReset({view->tag});
}

Result<std::string> EncodeEvidence(const env::Evidence& evidence) {
  if (evidence.evidence.size() > kMaxEvidenceBytes ||
      evidence.endorsements.size() > kMaxEvidenceBytes - evidence.evidence.size()) {
    return proto::ERROR_PEERS_MESSAGE_TOO_LARGE;
  }
  std::string payload(kSizeBytes, '\0');
  util::StoreBigEndian32(reinterpret_cast<uint8_t*>(&payload[0]),
                         static_cast<uint32_t>(evidence.evidence.size()));
  payload.append(evidence.evidence);
  payload.append(evidence.endorsements);
  return payload;
}

Result<EvidenceView> DecodeEvidence(util::ByteView payload) {
  if (payload.size() < kSizeBytes || payload.size() > kSizeBytes + kMaxEvidenceBytes) {
    return proto::ERROR_PEERS_MALFORMED_MESSAGE;
  }
  const size_t evidence_bytes = util::LoadBigEndian32(payload.data());
  const util::ByteView both = payload.From(kSizeBytes);
  if (evidence_bytes > both.size()) return proto::ERROR_PEERS_MALFORMED_MESSAGE;
  return EvidenceView{both.Sub(0, evidence_bytes), both.From(evidence_bytes)};
}

}  // namespace svr2::peers
