// SPDX-License-Identifier: Apache-2.0
//
// What one call into the enclave sends out, gathered into as few messages to the host as order
// allows. Items of one client leave in the order in which they were made, across threads: while a
// message that holds a client's item is on its way, other threads leave that client's items in its
// outbox, and the thread whose message it is picks them up. No thread waits for another's output.
// The same holds for peers; what is left for a peer is encoded and encrypted only when its turn
// comes, so that what gathers meanwhile travels in one message.
// Source: design.md §3 "Order", §4 "Locks".

#ifndef SVR2_CORE_OUTPUT_BATCH_H_
#define SVR2_CORE_OUTPUT_BATCH_H_

#include <google/protobuf/arena.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/session.h"
#include "env/env.h"
#include "integrity/tree.h"
#include "metrics/registry.h"
#include "peers/table.h"
#include "svr2/boundary.pb.h"

namespace svr2::core {

// Thread-compatible: one per call into the enclave, on its stack.
class OutputBatch {
 public:
  OutputBatch(env::Env* env, integrity::Tree* tree, metrics::Registry* metrics);
  OutputBatch(const OutputBatch&) = delete;
  OutputBatch& operator=(const OutputBatch&) = delete;
  // Flush was called, or an exception is on its way.
  ~OutputBatch();

  // A new item, to be filled by the caller before the next call. It joins the message with the next
  // call only: should memory run out while it is filled, no half item is ever sent.
  proto::EnclaveItem* AddItem();
  // Forgets the item that was being filled, after std::bad_alloc.
  void DropUnfinished() { unfinished_ = nullptr; }

  // An item for a client. The session stays alive until it is out.
  void AddClientItem(const std::shared_ptr<client::Session>& session, client::OutItem item)
      SVR2_REQUIRES(session->mutex());

  // What is in the peer's outbox goes out with this batch, unless another thread is at it.
  void AddPeer(const std::shared_ptr<peers::Peer>& peer);

  // A message to a peer that has no outbox.
  void AppendPeerItem(const raft::PeerId& peer, std::string data);

  // Peers to which nothing more could be sent, and why; to be handled once Flush has returned. The
  // list is empty afterwards.
  struct PeerFailure {
    std::shared_ptr<peers::Peer> peer;
    Error error;
    // A session is over by that.
    bool disconnected;
  };
  std::vector<PeerFailure> TakePeerFailures() { return std::exchange(peer_failures_, {}); }

  // The item added last holds about so many bytes; small ones need not be told.
  void NoteBytes(size_t bytes) { large_bytes_ += bytes; }

  // True when enough is gathered that it should go before more is added.
  bool large() const { return large_bytes_ > kLargeBytes || items() > kLargeItems; }

  // Hands everything to the host. No lock may be held. A message that the host refuses is counted
  // and lost, with all in it: a host can always drop messages.
  void Flush();

 private:
  int items() const { return message_ == nullptr ? 0 : message_->items_size(); }
  // What is being gathered. Ends what was sent.
  proto::EnclaveToHostMessage* message();

  // Messages in which one call takes along what others leave for a peer meanwhile. Then it goes:
  // the next call that has something for that peer, or the next tick, takes the rest. Else a busy
  // group could keep one call, the tick's too, for ever.
  static constexpr int kMaxRounds = 8;
  static constexpr size_t kLargeBytes = size_t{1} << 20;
  static constexpr int kLargeItems = 1024;
  static constexpr size_t kStackBlockBytes = 2048;

  void AppendClientItem(uint64_t client_id, client::OutItem item);
  bool AppendPeerItems(const std::shared_ptr<peers::Peer>& peer);
  void FinishItem();
  void Send();
  void CollectOutboxes(bool peers_too);

  env::Env* const env_;
  const peers::Surroundings surroundings_;
  metrics::Registry* const metrics_;
  // Small messages are built without touching the heap, whose lock all threads share.
  alignas(8) char block_[kStackBlockBytes];
  google::protobuf::Arena arena_;
  // Null where nothing is gathered.
  proto::EnclaveToHostMessage* message_ = nullptr;
  // What is in the arena has been sent.
  bool sent_ = false;
  proto::EnclaveItem* unfinished_ = nullptr;
  std::string serialized_;
  size_t large_bytes_ = 0;
  // Sessions whose output this batch holds the claim of.
  std::vector<std::shared_ptr<client::Session>> claimed_;
  std::vector<std::shared_ptr<peers::Peer>> claimed_peers_;
  std::vector<PeerFailure> peer_failures_;
};

}  // namespace svr2::core

#endif  // SVR2_CORE_OUTPUT_BATCH_H_
