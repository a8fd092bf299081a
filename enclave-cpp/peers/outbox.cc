// SPDX-License-Identifier: Apache-2.0

#include "peers/outbox.h"

#include <utility>

#include "peers/frame.h"
#include "peers/link.h"
#include "raft/message_codec.h"

namespace svr2::peers {

namespace {

struct SizeOf {
  size_t operator()(const raft::Message& message) const {
    return raft::EncodedMessageBytes(message);
  }
  size_t operator()(const Request& request) const {
    return request.head.ByteSizeLong() + request.attachment.size();
  }
  size_t operator()(const Reply& reply) const {
    return reply.head.ByteSizeLong() + reply.attachment.size();
  }
};

}  // namespace

size_t ItemBytes(const Item& item) { return kItemHeaderBytes + std::visit(SizeOf(), item); }

Outbox::Outbox() {
  // Never grows: to push a control message takes no memory, so session and outbox stay in step.
  control_.reserve(kMaxControlMessages);
}

void Outbox::Open(uint64_t epoch, std::string control) {
  SVR2_CHECK(epoch != 0);
  Renew(epoch, std::move(control));
}

void Outbox::Close() { Renew(0, std::string()); }

void Outbox::Renew(uint64_t epoch, std::string control) {
  // Wiped outside the lock.
  std::vector<Item> dropped;
  util::MutexLock lock(&mutex_);
  dropped.swap(items_);
  taken_ = 0;
  bytes_ = 0;
  overflowed_ = false;
  epoch_ = epoch;
  AddControl(std::move(control));
}

void Outbox::AddControl(std::string message) {
  if (message.empty()) return;
  if (control_.size() == kMaxControlMessages) control_.erase(control_.begin());
  control_.push_back(std::move(message));
}

void Outbox::PushControl(std::string message) {
  if (message.empty()) return;
  util::MutexLock lock(&mutex_);
  AddControl(std::move(message));
}

Status Outbox::Push(Item&& item) {
  const size_t bytes = ItemBytes(item);
  if (bytes > kMaxPlaintextBytes) return proto::ERROR_PEERS_MESSAGE_TOO_LARGE;
  const bool is_raft = std::holds_alternative<raft::Message>(item);
  const Reply* const reply = std::get_if<Reply>(&item);
  // Wiped outside the lock.
  std::vector<Item> dropped;
  util::MutexLock lock(&mutex_);
  if (overflowed_) return proto::ERROR_PEERS_OUTBOX_FULL;
  if (epoch_ == 0 || (reply != nullptr && reply->epoch != epoch_)) {
    return is_raft ? Status::Ok() : Status(proto::ERROR_PEERS_NOT_CONNECTED);
  }
  if (items_.size() - taken_ >= kMaxOutboxItems || bytes > kMaxOutboxBytes - bytes_) {
    dropped.swap(items_);
    taken_ = 0;
    bytes_ = 0;
    overflowed_ = true;
    return proto::ERROR_PEERS_OUTBOX_FULL;
  }
  items_.push_back(std::move(item));
  bytes_ += bytes;
  return Status::Ok();
}

bool Outbox::Claim(const void* owner, bool* already) {
  util::MutexLock lock(&mutex_);
  *already = owner_ == owner;
  if (owner_ == nullptr) owner_ = owner;
  return owner_ == owner;
}

bool Outbox::TakeOrRelease(const void* owner, Batch* batch) {
  *batch = Batch();
  util::MutexLock lock(&mutex_);
  SVR2_CHECK(owner_ == owner);
  if (control_.empty() && taken_ == items_.size() && !overflowed_) {
    owner_ = nullptr;
    return false;
  }
  batch->control.assign(std::make_move_iterator(control_.begin()),
                        std::make_move_iterator(control_.end()));
  control_.clear();
  batch->epoch = epoch_;
  batch->overflowed = overflowed_;
  if (overflowed_) {
    overflowed_ = false;
    epoch_ = 0;
  }
  if (taken_ == 0 && bytes_ <= kFrameTargetBytes) {
    batch->items.swap(items_);
    batch->bytes = std::exchange(bytes_, 0);
  } else {
    TakeSome(batch);
  }
  return true;
}

void Outbox::TakeSome(Batch* batch) {
  while (taken_ < items_.size() && batch->bytes < kFrameTargetBytes) {
    const size_t bytes = ItemBytes(items_[taken_]);
    if (batch->bytes + bytes > kMaxPlaintextBytes) break;
    // First what needs memory.
    batch->items.push_back(std::move(items_[taken_]));
    ++taken_;
    batch->bytes += bytes;
    bytes_ -= bytes;
  }
  if (2 * taken_ < items_.size()) return;
  items_.erase(items_.begin(), items_.begin() + static_cast<ptrdiff_t>(taken_));
  taken_ = 0;
}

void Outbox::Release(const void* owner) {
  util::MutexLock lock(&mutex_);
  if (owner_ == owner) owner_ = nullptr;
}

bool Outbox::empty() const {
  util::MutexLock lock(&mutex_);
  return control_.empty() && taken_ == items_.size() && !overflowed_;
}

size_t Outbox::bytes() const {
  util::MutexLock lock(&mutex_);
  return bytes_;
}

}  // namespace svr2::peers
