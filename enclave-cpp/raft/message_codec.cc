// SPDX-License-Identifier: Apache-2.0
//
// A message is a kind byte, the fields in the order of raft/message.h, and for appends the entries.

#include "raft/message_codec.h"

#include <cstring>
#include <utility>

#include "raft/log.h"
#include "util/check.h"
#include "util/endian.h"

namespace svr2::raft {
namespace {

enum class MessageKind : uint8_t {
  kAppendRequest = 1,
  kAppendAnswer = 2,
  kVoteRequest = 3,
  kVoteAnswer = 4,
  kTimeoutNow = 5,
  kRemoved = 6,
};

constexpr size_t kPositionBytes = 8 + 8 + 32;
constexpr size_t kEntryHeadBytes = 8 + 8 + 1 + 32 + 4;
constexpr size_t kAppendRequestBytes = 1 + 5 * 8 + kPositionBytes + 1;
constexpr size_t kAppendAnswerBytes = 1 + 3 * 8 + 1 + kPositionBytes;
constexpr size_t kVoteRequestBytes = 1 + 8 + 1 + 16 + 8 + 3 * kPositionBytes;
constexpr size_t kVoteAnswerBytes = 1 + 8 + 1 + 16 + kPositionBytes + 8;
constexpr size_t kTimeoutNowBytes = 1 + 8;
constexpr size_t kRemovedBytes = 1 + 8;

// Flags share a byte.
constexpr uint8_t kFirstFlag = 1;
constexpr uint8_t kSecondFlag = 2;
uint8_t Flags(bool first, bool second) {
  return static_cast<uint8_t>((first ? kFirstFlag : 0) | (second ? kSecondFlag : 0));
}

// Writes into room that was made for it.
class Writer {
 public:
  explicit Writer(uint8_t* out) : out_(out) {}

  void Byte(uint8_t value) { *out_++ = value; }
  void Kind(MessageKind kind) { Byte(static_cast<uint8_t>(kind)); }
  void Number(uint64_t value) {
    util::StoreBigEndian64(out_, value);
    out_ += sizeof(value);
  }
  void Size(size_t value) {
    util::StoreBigEndian32(out_, static_cast<uint32_t>(value));
    out_ += sizeof(uint32_t);
  }
  void Bytes(util::ByteView bytes) {
    if (bytes.empty()) return;
    std::memcpy(out_, bytes.data(), bytes.size());
    out_ += bytes.size();
  }
  void At(const Position& position) {
    Number(position.index);
    Number(position.term);
    Bytes(position.hash);
  }
  void OneEntry(const EntryView& entry) {
    Number(entry.index);
    Number(entry.term);
    Byte(static_cast<uint8_t>(entry.kind));
    Bytes(entry.hash);
    Size(entry.payload.size());
    Bytes(entry.payload);
  }
  const uint8_t* end() const { return out_; }

 private:
  uint8_t* out_;
};

// Reads until something is wrong; from then on gives zeros, and ok() says so.
class Reader {
 public:
  explicit Reader(util::ByteView bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }
  size_t left() const { return rest_.size(); }
  void Fail() {
    ok_ = false;
    rest_ = util::ByteView();
  }

  util::ByteView Take(size_t size) {
    if (size > rest_.size()) {
      Fail();
      return util::ByteView();
    }
    const util::ByteView taken = rest_.Sub(0, size);
    rest_ = rest_.From(size);
    return taken;
  }
  uint8_t Byte() {
    const util::ByteView bytes = Take(1);
    return bytes.empty() ? uint8_t{0} : bytes[0];
  }
  uint64_t Number() {
    const util::ByteView bytes = Take(8);
    return bytes.empty() ? 0 : util::LoadBigEndian64(bytes.data());
  }
  uint32_t Size() {
    const util::ByteView bytes = Take(4);
    return bytes.empty() ? 0 : util::LoadBigEndian32(bytes.data());
  }
  template <size_t N>
  void Array(std::array<uint8_t, N>* out) {
    const util::ByteView bytes = Take(N);
    if (!bytes.empty()) std::memcpy(out->data(), bytes.data(), N);
  }
  void At(Position* position) {
    position->index = Number();
    position->term = Number();
    Array(&position->hash);
  }
  uint8_t Flags(uint8_t permitted) {
    const uint8_t flags = Byte();
    if ((flags & ~permitted) != 0) Fail();
    return flags;
  }
  Entry OneEntry() {
    Entry entry;
    entry.index = Number();
    entry.term = Number();
    const uint8_t kind = Byte();
    if (kind > static_cast<uint8_t>(EntryKind::kMinimums)) Fail();
    entry.kind = static_cast<EntryKind>(kind);
    Array(&entry.hash);
    const uint32_t size = Size();
    if (size > Log::kMaxPayloadBytes) Fail();
    const util::ByteView payload = Take(size);
    entry.payload.assign(payload.begin(), payload.end());
    return entry;
  }

 private:
  util::ByteView rest_;
  bool ok_ = true;
};

size_t SizeOf(const AppendRequest& message) {
  size_t size = kAppendRequestBytes;
  for (const Entry& entry : message.entries) size += EncodedEntryBytes(entry.payload.size());
  return size;
}
size_t SizeOf(const AppendAnswer&) { return kAppendAnswerBytes; }
size_t SizeOf(const VoteRequest&) { return kVoteRequestBytes; }
size_t SizeOf(const VoteAnswer&) { return kVoteAnswerBytes; }
size_t SizeOf(const TimeoutNow&) { return kTimeoutNowBytes; }
size_t SizeOf(const Removed&) { return kRemovedBytes; }

EntryView ViewOf(const Entry& entry) {
  return EntryView{entry.index, entry.term, entry.kind, entry.hash, util::View(entry.payload)};
}

void Write(const AppendRequest& message, Writer* out) {
  out->Kind(MessageKind::kAppendRequest);
  out->Number(message.term);
  out->Number(message.round);
  out->At(message.previous);
  out->Number(message.promise_index);
  out->Number(message.commit_index);
  out->Number(message.acknowledged_by_all);
  out->Byte(Flags(message.wants_answer, message.entries_dropped));
  for (const Entry& entry : message.entries) out->OneEntry(ViewOf(entry));
}
void Write(const AppendAnswer& message, Writer* out) {
  out->Kind(MessageKind::kAppendAnswer);
  out->Number(message.term);
  out->Number(message.round);
  out->Byte(Flags(message.accepted, false));
  out->At(message.position);
  out->Number(message.promise_index);
}
void Write(const VoteRequest& message, Writer* out) {
  out->Kind(MessageKind::kVoteRequest);
  out->Number(message.term);
  out->Byte(Flags(message.pre_vote, message.ordered_by_leader));
  out->Bytes(message.nonce);
  out->At(message.last);
  out->Number(message.base_index);
  out->At(message.proof);
  out->At(message.promise);
}
void Write(const VoteAnswer& message, Writer* out) {
  out->Kind(MessageKind::kVoteAnswer);
  out->Number(message.term);
  out->Byte(Flags(message.pre_vote, message.granted));
  out->Bytes(message.nonce);
  out->At(message.last);
  out->Number(message.promise_index);
}
void Write(const TimeoutNow& message, Writer* out) {
  out->Kind(MessageKind::kTimeoutNow);
  out->Number(message.term);
}
void Write(const Removed& message, Writer* out) {
  out->Kind(MessageKind::kRemoved);
  out->Number(message.term);
}

AppendRequest ReadAppendRequest(Reader* in) {
  AppendRequest message;
  message.term = in->Number();
  message.round = in->Number();
  in->At(&message.previous);
  message.promise_index = in->Number();
  message.commit_index = in->Number();
  message.acknowledged_by_all = in->Number();
  const uint8_t flags = in->Flags(kFirstFlag | kSecondFlag);
  message.wants_answer = (flags & kFirstFlag) != 0;
  message.entries_dropped = (flags & kSecondFlag) != 0;
  while (in->left() > 0) message.entries.push_back(in->OneEntry());
  return message;
}
AppendAnswer ReadAppendAnswer(Reader* in) {
  AppendAnswer message;
  message.term = in->Number();
  message.round = in->Number();
  message.accepted = in->Flags(kFirstFlag) != 0;
  in->At(&message.position);
  message.promise_index = in->Number();
  return message;
}
VoteRequest ReadVoteRequest(Reader* in) {
  VoteRequest message;
  message.term = in->Number();
  const uint8_t flags = in->Flags(kFirstFlag | kSecondFlag);
  message.pre_vote = (flags & kFirstFlag) != 0;
  message.ordered_by_leader = (flags & kSecondFlag) != 0;
  in->Array(&message.nonce);
  in->At(&message.last);
  message.base_index = in->Number();
  in->At(&message.proof);
  in->At(&message.promise);
  return message;
}
VoteAnswer ReadVoteAnswer(Reader* in) {
  VoteAnswer message;
  message.term = in->Number();
  const uint8_t flags = in->Flags(kFirstFlag | kSecondFlag);
  message.pre_vote = (flags & kFirstFlag) != 0;
  message.granted = (flags & kSecondFlag) != 0;
  in->Array(&message.nonce);
  in->At(&message.last);
  message.promise_index = in->Number();
  return message;
}

}  // namespace

size_t EncodedMessageBytes(const Message& message) {
  return std::visit([](const auto& kind) { return SizeOf(kind); }, message);
}

void EncodeMessage(const Message& message, util::SecretBytes* out) {
  const size_t before = out->size();
  out->resize(before + EncodedMessageBytes(message));
  Writer writer(out->data() + before);
  std::visit([&writer](const auto& kind) { Write(kind, &writer); }, message);
  SVR2_CHECK(writer.end() == out->data() + out->size());
}

Result<Message> DecodeMessage(util::ByteView bytes) {
  Reader in(bytes);
  Message message;
  switch (static_cast<MessageKind>(in.Byte())) {
    case MessageKind::kAppendRequest:
      message = ReadAppendRequest(&in);
      break;
    case MessageKind::kAppendAnswer:
      message = ReadAppendAnswer(&in);
      break;
    case MessageKind::kVoteRequest:
      message = ReadVoteRequest(&in);
      break;
    case MessageKind::kVoteAnswer:
      message = ReadVoteAnswer(&in);
      break;
    case MessageKind::kTimeoutNow:
      message = TimeoutNow{in.Number()};
      break;
    case MessageKind::kRemoved:
      message = Removed{in.Number()};
      break;
    default:
      in.Fail();
  }
  if (!in.done()) return proto::ERROR_RAFT_MALFORMED_MESSAGE;
  return message;
}

size_t EncodedEntryBytes(size_t payload_bytes) { return kEntryHeadBytes + payload_bytes; }

void EncodeEntry(const EntryView& entry, util::SecretBytes* out) {
  const size_t before = out->size();
  out->resize(before + EncodedEntryBytes(entry.payload.size()));
  Writer(out->data() + before).OneEntry(entry);
}

Result<std::vector<Entry>> DecodeEntries(util::ByteView bytes) {
  Reader in(bytes);
  std::vector<Entry> entries;
  while (in.left() > 0) entries.push_back(in.OneEntry());
  if (!in.done()) return proto::ERROR_RAFT_MALFORMED_MESSAGE;
  return entries;
}

}  // namespace svr2::raft
