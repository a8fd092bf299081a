// SPDX-License-Identifier: Apache-2.0

#include "core/output_batch.h"

#include <optional>
#include <utility>

namespace svr2::core {

namespace {

google::protobuf::ArenaOptions StartingWith(char* block, size_t size) {
  google::protobuf::ArenaOptions options;
  options.initial_block = block;
  options.initial_block_size = size;
  return options;
}

}  // namespace

OutputBatch::OutputBatch(env::Env* env, integrity::Tree* tree, metrics::Registry* metrics)
    : env_(env),
      surroundings_{env, tree},
      metrics_(metrics),
      arena_(StartingWith(block_, sizeof(block_))) {}

OutputBatch::~OutputBatch() {
  // Only after an exception: what was gathered is lost, but no session stays claimed for ever.
  for (const std::shared_ptr<client::Session>& session : claimed_) {
    util::MutexLock lock(session->mutex());
    while (session->TakeFromOutboxOrRelease(this).has_value()) {
    }
  }
  for (const std::shared_ptr<peers::Peer>& peer : claimed_peers_) peer->Release(this);
}

proto::EnclaveToHostMessage* OutputBatch::message() {
  if (sent_) {
    arena_.Reset();
    sent_ = false;
  }
  if (message_ == nullptr) {
    message_ = google::protobuf::Arena::CreateMessage<proto::EnclaveToHostMessage>(&arena_);
  }
  return message_;
}

proto::EnclaveItem* OutputBatch::AddItem() {
  FinishItem();
  (void)message();
  unfinished_ = google::protobuf::Arena::CreateMessage<proto::EnclaveItem>(&arena_);
  return unfinished_;
}

void OutputBatch::FinishItem() {
  if (unfinished_ == nullptr) return;
  message()->mutable_items()->UnsafeArenaAddAllocated(std::exchange(unfinished_, nullptr));
}

void OutputBatch::AppendClientItem(uint64_t client_id, client::OutItem item) {
  FinishItem();
  proto::EnclaveToHostMessage* const message = this->message();
  // Complete before it is added: should memory run out in between, no half item is left.
  auto* out = google::protobuf::Arena::CreateMessage<proto::ClientOutput>(&arena_);
  out->set_client_id(client_id);
  out->set_data(std::move(item.data));
  out->set_fin(item.fin);
  out->set_error(item.error);
  message->add_items()->unsafe_arena_set_allocated_client(out);
  large_bytes_ += out->data().size();
}

void OutputBatch::AddClientItem(const std::shared_ptr<client::Session>& session,
                                client::OutItem item) {
  // Room first: a claim that memory ran out on would never end.
  if (claimed_.size() == claimed_.capacity()) claimed_.reserve(2 * claimed_.size() + 4);
  bool already = false;
  if (!session->ClaimOutput(this, &already)) {
    session->LeaveInOutbox(std::move(item));
    return;
  }
  // A session that this batch has claimed already adds to the same message: order is kept.
  if (!already) claimed_.push_back(session);
  AppendClientItem(session->id(), std::move(item));
}

void OutputBatch::AddPeer(const std::shared_ptr<peers::Peer>& peer) {
  // Room first: a claim that memory ran out on would never end.
  if (claimed_peers_.size() == claimed_peers_.capacity()) {
    claimed_peers_.reserve(2 * claimed_peers_.size() + 4);
  }
  bool already = false;
  // Claimed before by this batch: taken along once the message on its way is out.
  if (!peer->Claim(this, &already) || already) return;
  claimed_peers_.push_back(peer);
  if (!AppendPeerItems(peer)) claimed_peers_.pop_back();
}

// Encrypts what waits for the peer into this message; false when nothing did, which ends the claim.
bool OutputBatch::AppendPeerItems(const std::shared_ptr<peers::Peer>& peer) {
  FinishItem();
  peers::Peer::Output output;
  if (!peer->TakeOutput(surroundings_, this, &output)) return false;
  metrics_->Increment(proto::COUNTER_PEER_MESSAGES_SENT, output.pieces);
  metrics_->Increment(proto::COUNTER_PEER_BYTES_SENT, output.data_bytes);
  for (std::string& data : output.messages) AppendPeerItem(peer->id(), std::move(data));
  if (!output.status.ok() || output.disconnected) {
    peer_failures_.push_back(PeerFailure{peer, output.status.error(), output.disconnected});
  }
  return true;
}

void OutputBatch::AppendPeerItem(const raft::PeerId& peer, std::string data) {
  FinishItem();
  large_bytes_ += data.size();
  proto::EnclaveToHostMessage* const message = this->message();
  auto* out = google::protobuf::Arena::CreateMessage<proto::PeerOutput>(&arena_);
  out->set_peer_id(peer.data(), peer.size());
  out->set_data(std::move(data));
  message->add_items()->unsafe_arena_set_allocated_peer(out);
}

void OutputBatch::Flush() {
  int round = 0;
  do {
    FinishItem();
    if (items() > 0) Send();
    CollectOutboxes(++round < kMaxRounds);
  } while (items() > 0);
}

void OutputBatch::Send() {
  serialized_.clear();
  message_->AppendToString(&serialized_);
  message_ = nullptr;
  sent_ = true;
  // What lies beyond the block on the stack is given back before the host is called.
  if (large_bytes_ > kStackBlockBytes) {
    arena_.Reset();
    sent_ = false;
  }
  large_bytes_ = 0;
  metrics_->Increment(proto::COUNTER_HOST_OUTPUTS);
  const Status status = env_->Output(serialized_);
  if (!status.ok()) metrics_->CountError(status.error());
}

void OutputBatch::CollectOutboxes(bool peers_too) {
  size_t kept = 0;
  for (size_t i = 0; i < claimed_.size(); ++i) {
    const std::shared_ptr<client::Session>& session = claimed_[i];
    bool took = false;
    {
      util::MutexLock lock(session->mutex());
      // All that is there goes into the next message, under the same claim.
      while (!took || session->has_outbox()) {
        std::optional<client::OutItem> item = session->TakeFromOutboxOrRelease(this);
        if (!item.has_value()) break;
        took = true;
        AppendClientItem(session->id(), std::move(*item));
      }
    }
    if (took) std::swap(claimed_[kept++], claimed_[i]);
  }
  claimed_.resize(kept);
  if (!peers_too) {
    for (const std::shared_ptr<peers::Peer>& peer : claimed_peers_) peer->Release(this);
    claimed_peers_.clear();
    return;
  }
  size_t kept_peers = 0;
  for (size_t i = 0; i < claimed_peers_.size(); ++i) {
    if (AppendPeerItems(claimed_peers_[i]))
      std::swap(claimed_peers_[kept_peers++], claimed_peers_[i]);
  }
  claimed_peers_.resize(kept_peers);
}

}  // namespace svr2::core
