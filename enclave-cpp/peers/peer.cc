// SPDX-License-Identifier: Apache-2.0

#include "peers/peer.h"

#include <new>
#include <utility>

#include "peers/frame.h"

namespace svr2::peers {

namespace {

// Adds an item to a frame.
struct AddTo {
  Status operator()(const raft::Message& message) const { return writer->AddRaft(message); }
  Status operator()(const Request& request) const {
    return writer->AddRequest(request.head, util::View(request.attachment));
  }
  Status operator()(const Reply& reply) const {
    return writer->AddReply(reply.head, util::View(reply.attachment));
  }
  FrameWriter* writer;
};

Status WriteFrame(const std::vector<Item>& items, size_t bytes, util::SecretBytes* frame) {
  frame->reserve(bytes);
  FrameWriter writer(frame);
  for (const Item& item : items) SVR2_RETURN_IF_ERROR(std::visit(AddTo{&writer}, item));
  return Status::Ok();
}

}  // namespace

void Peer::Follow(bool disconnected, bool connected, uint64_t epoch, std::string control) {
  if (connected) {
    // In one step: another thread may push and drain at once, but never ahead of the confirmation.
    outbox_.Open(epoch, std::move(control));
  } else {
    if (disconnected) outbox_.Close();
    outbox_.PushControl(std::move(control));
  }
  if (connected || disconnected) connected_.store(connected, std::memory_order_release);
}

Status Peer::Connect(const Surroundings& surroundings, const Identity& self) {
  util::MutexLock lock(session_.mutex());
  if (forgotten_) return proto::ERROR_PEERS_UNKNOWN;
  std::string syn;
  SVR2_RETURN_IF_ERROR(session_.Connect(surroundings, self, &syn));
  outbox_.PushControl(std::move(syn));
  return Status::Ok();
}

Status Peer::Receive(const Surroundings& surroundings, const Identity& self, const Judge& judge,
                     util::ByteView message, Received* received) {
  util::MutexLock lock(session_.mutex());
  if (forgotten_) {
    *received = Received();
    return proto::ERROR_PEERS_UNKNOWN;
  }
  try {
    const Status status = session_.Receive(surroundings, self, judge, message, received);
    Follow(received->disconnected, received->connected, received->epoch,
           std::move(received->answer));
    received->answer.clear();
    return status;
  } catch (const std::bad_alloc&) {
    // The session may stand already while the outbox knows nothing of it: nobody would ever use or
    // end it, and a new one could not be started.
    const bool stood = session_.epoch() != 0 || connected();
    *received = Received();
    received->disconnected = stood;
    const Status dropped = session_.Drop(surroundings.tree);
    Follow(stood, false, 0, std::string());
    return dropped.ok() ? Status(proto::ERROR_OUT_OF_MEMORY) : dropped;
  }
}

Status Peer::DoReset(const Surroundings& surroundings, bool* disconnected, std::string* reset) {
  *disconnected = session_.epoch() != 0;
  const Status status = session_.Reset(surroundings.tree, reset);
  Follow(*disconnected, false, 0, std::string());
  return status;
}

Status Peer::Reset(const Surroundings& surroundings, bool* disconnected) {
  util::MutexLock lock(session_.mutex());
  *disconnected = false;
  if (forgotten_) return proto::ERROR_PEERS_UNKNOWN;
  std::string reset;
  const Status status = DoReset(surroundings, disconnected, &reset);
  outbox_.PushControl(std::move(reset));
  return status;
}

Status Peer::Reattest(const Surroundings& surroundings, const Judge& judge,
                      const env::Evidence& evidence) {
  util::MutexLock lock(session_.mutex());
  return session_.Reattest(surroundings, judge, evidence);
}

Session::Phase Peer::phase() {
  util::MutexLock lock(session_.mutex());
  return session_.phase();
}

Result<Attested> Peer::attested(const Surroundings& surroundings) {
  util::MutexLock lock(session_.mutex());
  return session_.attested(surroundings.tree);
}

Result<proto::MinimumLimits> Peer::EvidenceValues(const Surroundings& surroundings) {
  util::MutexLock lock(session_.mutex());
  return session_.EvidenceValues(surroundings.tree);
}

bool Peer::TakeOutput(const Surroundings& surroundings, const void* owner, Output* output) {
  *output = Output();
  Outbox::Batch batch;
  if (!outbox_.TakeOrRelease(owner, &batch)) return false;
  output->messages = std::move(batch.control);
  Status status = batch.overflowed ? Status(proto::ERROR_PEERS_OUTBOX_FULL) : Status::Ok();
  util::SecretBytes frame;
  if (status.ok()) status = WriteFrame(batch.items, batch.bytes, &frame);
  if (status.ok() && frame.empty()) return true;

  util::MutexLock lock(session_.mutex());
  // Another session stands by now, or none: what was meant for the old one is lost with it.
  if (session_.epoch() != batch.epoch || batch.epoch == 0) return true;
  std::string message;
  if (status.ok()) {
    status =
        session_.Encrypt(surroundings, batch.epoch, util::View(frame), &message, &output->pieces);
  }
  if (status.ok()) {
    output->data_bytes = message.size();
    output->messages.push_back(std::move(message));
    return true;
  }
  output->status = status;
  output->pieces = 0;
  std::string reset;
  const Status reset_status = DoReset(surroundings, &output->disconnected, &reset);
  if (!reset_status.ok()) output->status = reset_status;
  if (output->status != Status(proto::ERROR_INTEGRITY_MISMATCH)) {
    output->messages.push_back(std::move(reset));
  }
  return true;
}

Status Peer::Forget(const Surroundings& surroundings) {
  util::MutexLock lock(session_.mutex());
  forgotten_ = true;
  bool disconnected = false;
  std::string reset;
  return DoReset(surroundings, &disconnected, &reset);
}

}  // namespace svr2::peers
