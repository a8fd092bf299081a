// SPDX-License-Identifier: Apache-2.0
//
// What waits to be sent to one peer. Any thread leaves items here as plain values, also under the
// lock of the replica: nothing is serialized, encrypted or output meanwhile. One thread at a time
// drains the outbox: it has the *claim* from its first item until it finds nothing more after an
// output of its own has returned; the others leave their items and go. So messages to a peer leave
// in order, and no thread waits for another's output. Source: design.md §3 "Order", §4 "Locks".

#ifndef SVR2_PEERS_OUTBOX_H_
#define SVR2_PEERS_OUTBOX_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "raft/message.h"
#include "svr2/peer_message.pb.h"
#include "util/mutex.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::peers {

struct Request {
  proto::PeerRequest head;
  util::SecretBytes attachment;
};
struct Reply {
  proto::PeerReply head;
  util::SecretBytes attachment;
  // The session that the request came in: in another one the reply means nothing.
  uint64_t epoch = 0;
};
using Item = std::variant<raft::Message, Request, Reply>;

// Bounds of one outbox. Above them the session is reset.
inline constexpr size_t kMaxOutboxItems = 16'384;
inline constexpr size_t kMaxOutboxBytes = size_t{16} << 20;
// Messages of handshakes and resets that wait; the oldest go first.
inline constexpr size_t kMaxControlMessages = 16;
// A drained frame ends with the item that reaches this.
inline constexpr size_t kFrameTargetBytes = 256 * 1024;

// Bytes that the item will have in a frame. Serializes nothing.
size_t ItemBytes(const Item& item);

// Thread-safe. Its mutex is a leaf: nothing is called and no lock taken under it.
class Outbox {
 public:
  Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // A session stands: items are taken from now on, and go after `control` (as PushControl). What
  // was left of an older session is dropped. Needs epoch ≠ 0.
  void Open(uint64_t epoch, std::string control) SVR2_EXCLUDES(mutex_);
  // No session stands any more: the items are dropped. Control messages stay.
  void Close() SVR2_EXCLUDES(mutex_);

  // A SYN, SYN-ACK, RST or confirmation, sealed already: goes before all items. An empty one is
  // ignored.
  void PushControl(std::string message) SVR2_EXCLUDES(mutex_);

  // Leaves an item; in the order of calls they are sent. Without a session a message of consensus
  // is dropped (Ok: the next heartbeat repeats what matters), and requests and replies are refused
  // with ERROR_PEERS_NOT_CONNECTED, as is a reply to another session's request. Fails with
  // ERROR_PEERS_MESSAGE_TOO_LARGE for an item that no message could carry, and with
  // ERROR_PEERS_OUTBOX_FULL at the bounds: then all is dropped, nothing more is taken, and whoever
  // drains next resets the session.
  Status Push(Item&& item) SVR2_EXCLUDES(mutex_);

  // True when `owner` now is the one who drains; `*already` says that it was before.
  bool Claim(const void* owner, bool* already) SVR2_EXCLUDES(mutex_);

  // What was taken out. Values, in order.
  struct Batch {
    std::vector<std::string> control;
    // Items up to kFrameTargetBytes, of the session of `epoch`.
    std::vector<Item> items;
    size_t bytes = 0;
    uint64_t epoch = 0;
    // The bounds were reached: the session of `epoch` is to be reset.
    bool overflowed = false;
  };
  // Takes the next batch. Without anything to take the claim ends, and false is returned. Needs the
  // claim.
  bool TakeOrRelease(const void* owner, Batch* batch) SVR2_EXCLUDES(mutex_);
  // Ends the claim whatever waits, after an exception; the next thread that comes by drains.
  // Nothing happens unless `owner` has it.
  void Release(const void* owner) SVR2_EXCLUDES(mutex_);

  bool empty() const SVR2_EXCLUDES(mutex_);
  size_t bytes() const SVR2_EXCLUDES(mutex_);

 private:
  // Takes the first items up to kFrameTargetBytes, of more than that.
  void TakeSome(Batch* batch) SVR2_REQUIRES(mutex_);
  // Drops the items; from now on those of this epoch are taken, 0: none.
  void Renew(uint64_t epoch, std::string control) SVR2_EXCLUDES(mutex_);
  void AddControl(std::string message) SVR2_REQUIRES(mutex_);

  mutable util::Mutex mutex_;
  uint64_t epoch_ SVR2_GUARDED_BY(mutex_) = 0;
  bool overflowed_ SVR2_GUARDED_BY(mutex_) = false;
  const void* owner_ SVR2_GUARDED_BY(mutex_) = nullptr;
  std::vector<std::string> control_ SVR2_GUARDED_BY(mutex_);
  // Those before taken_ have been taken; they go when they are half of all.
  std::vector<Item> items_ SVR2_GUARDED_BY(mutex_);
  size_t taken_ SVR2_GUARDED_BY(mutex_) = 0;
  // ItemBytes of the rest.
  size_t bytes_ SVR2_GUARDED_BY(mutex_) = 0;
};

}  // namespace svr2::peers

#endif  // SVR2_PEERS_OUTBOX_H_
