// SPDX-License-Identifier: Apache-2.0
//
// What one DATA message carries: a list of items, each
//   u8 kind ‖ u32 head size ‖ u32 attachment size ‖ head ‖ attachment
// with integers big-endian. Kind 1: a message of consensus, head empty, attachment as
// raft/message_codec.h writes it. Kind 2: a request, head a PeerRequest. Kind 3: a reply, head a
// PeerReply. What is secret stands in attachments alone, so that no protobuf string ever holds it.

#ifndef SVR2_PEERS_FRAME_H_
#define SVR2_PEERS_FRAME_H_

#include <google/protobuf/arena.h>

#include <cstddef>
#include <cstdint>

#include "raft/message.h"
#include "svr2/peer_message.pb.h"
#include "util/bytes.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::peers {

enum class ItemKind : uint8_t { kRaft = 1, kRequest = 2, kReply = 3 };

inline constexpr size_t kItemHeaderBytes = 1 + 4 + 4;
// Longest head, in bytes; the largest in use, a whole membership with its status, has about 3 kB.
inline constexpr size_t kMaxHeadBytes = 64 * 1024;

// Appends items to a buffer. Thread-compatible.
class FrameWriter {
 public:
  // `out` outlives the writer; what it holds already is kept.
  explicit FrameWriter(util::SecretBytes* out) : out_(out) {}

  // Each fails with ERROR_PEERS_MESSAGE_TOO_LARGE, having appended nothing, when a head has more
  // than kMaxHeadBytes or the frame would have more than kMaxPlaintextBytes (peers/link.h).
  Status AddRaft(const raft::Message& message);
  Status AddRequest(const proto::PeerRequest& request, util::ByteView attachment);
  Status AddReply(const proto::PeerReply& reply, util::ByteView attachment);

 private:
  Status AddWithHead(ItemKind kind, const google::protobuf::MessageLite& head,
                     util::ByteView attachment);

  util::SecretBytes* const out_;
};

// One item; views into the frame.
struct FrameItem {
  ItemKind kind = ItemKind::kRaft;
  util::ByteView head;
  util::ByteView attachment;
};

// Reads the items of a frame, in order, allocating nothing. Thread-compatible.
class FrameReader {
 public:
  // `frame` outlives the reader and the items.
  explicit FrameReader(util::ByteView frame) : rest_(frame) {}

  bool done() const { return rest_.empty(); }
  // The next item. Needs !done(). Fails with ERROR_PEERS_MALFORMED_MESSAGE: sizes beyond the frame,
  // an unknown kind, a head where there is none or one above kMaxHeadBytes; then done().
  Result<FrameItem> Next();

 private:
  util::ByteView rest_;
};

// Where a head is parsed to. It lies on an arena: the destructor of a message on the heap is not
// safe when memory ran out while a member of a oneof was made (core/oneof.h). Neither copyable nor
// movable.
template <typename Message>
class ParsedHead {
 public:
  ParsedHead()
      : arena_(block_, sizeof(block_)),
        message_(google::protobuf::Arena::CreateMessage<Message>(&arena_)) {}
  ParsedHead(const ParsedHead&) = delete;
  ParsedHead& operator=(const ParsedHead&) = delete;

  Message& operator*() { return *message_; }
  Message* operator->() { return message_; }

 private:
  alignas(8) char block_[512];
  google::protobuf::Arena arena_;
  Message* const message_;
};

// The value of an item of that kind. Fails with ERROR_PEERS_MALFORMED_MESSAGE when the head does
// not parse, names no transaction or has the id 0.
Status ParseRequest(const FrameItem& item, ParsedHead<proto::PeerRequest>* request);
Status ParseReply(const FrameItem& item, ParsedHead<proto::PeerReply>* reply);

}  // namespace svr2::peers

#endif  // SVR2_PEERS_FRAME_H_
