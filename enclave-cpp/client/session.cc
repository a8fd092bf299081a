// SPDX-License-Identifier: Apache-2.0

#include "client/session.h"

#include <utility>

#include "noise/handshake.h"
#include "noise/pattern.h"
#include "noise/transport.h"
#include "util/endian.h"

namespace svr2::client {

Session::Session(uint64_t id, const BackupId& backup_id, std::shared_ptr<const ServerKey> key)
    : id_(id), backup_id_(backup_id), key_(std::move(key)) {}

Session::~Session() = default;

Session::Counters Session::CountersContent() const {
  Counters content;
  util::StoreBigEndian64(content.data(), id_);
  util::StoreBigEndian64(content.data() + 8, send_.counter());
  util::StoreBigEndian64(content.data() + 16, receive_.counter());
  return content;
}

Status Session::Handshake(env::Env* env, integrity::Tree* tree, util::ByteView message,
                          std::string* reply) {
  SVR2_CHECK(phase_ == Phase::kHandshake);
  noise::HandshakeOptions options;
  options.role = noise::Role::kResponder;
  options.local_static = &key_->keys;
  Result<noise::HandshakeState> handshake =
      noise::HandshakeState::Start(&noise::kPatternNk, options);
  if (!handshake.ok()) return handshake.status();
  std::string payload;
  SVR2_RETURN_IF_ERROR(handshake->ReadMessage(message, &payload));
  // Both payloads are empty (protocol.md §1).
  if (!payload.empty()) return proto::ERROR_NOISE_MALFORMED_MESSAGE;
  SVR2_RETURN_IF_ERROR(handshake->WriteMessage(env, util::ByteView(), reply));
  Result<noise::Session> keys = handshake->Split();
  if (!keys.ok()) return keys.status();
  send_ = std::move(keys->send);
  receive_ = std::move(keys->receive);
  const Counters content = CountersContent();
  Result<integrity::Slot> slot = tree->Allocate(content);
  if (!slot.ok()) return slot.status();
  slot_ = *slot;
  has_slot_ = true;
  phase_ = Phase::kOpen;
  key_.reset();
  return Status::Ok();
}

Status Session::Decrypt(integrity::Tree* tree, util::ByteView ciphertext,
                        util::SecretBytes* plaintext) {
  SVR2_CHECK(phase_ == Phase::kOpen);
  const Counters before = CountersContent();
  const Result<size_t> size = noise::TransportPlaintextBytes(ciphertext.size());
  if (!size.ok()) return size.status();
  plaintext->resize(*size);
  SVR2_RETURN_IF_ERROR(noise::TransportDecrypt(&receive_, ciphertext, plaintext->data()));
  // Checks the counter that was used, too: it was `before` in the tree or this fails.
  return tree->Update(slot_, before, CountersContent());
}

Status Session::Encrypt(integrity::Tree* tree, util::ByteView plaintext, std::string* ciphertext) {
  SVR2_CHECK(phase_ == Phase::kOpen);
  const Counters before = CountersContent();
  ciphertext->resize(noise::TransportCiphertextBytes(plaintext.size()));
  SVR2_RETURN_IF_ERROR(
      noise::TransportEncrypt(&send_, plaintext, reinterpret_cast<uint8_t*>(&(*ciphertext)[0])));
  // Not a byte of the ciphertext leaves unless the counter was the one in the tree.
  const Status status = tree->Update(slot_, before, CountersContent());
  if (!status.ok()) ciphertext->clear();
  return status;
}

Status Session::Close(integrity::Tree* tree) {
  Status status;
  if (has_slot_) {
    status = tree->Release(slot_, CountersContent());
    has_slot_ = false;
  }
  phase_ = Phase::kClosed;
  send_.Clear();
  receive_.Clear();
  key_.reset();
  return status;
}

bool Session::ClaimOutput(const void* owner, bool* already) {
  *already = sending_ == owner;
  if (sending_ == nullptr) sending_ = owner;
  return sending_ == owner;
}

void Session::LeaveInOutbox(OutItem item) {
  SVR2_CHECK(sending_ != nullptr);
  if (outbox_ == nullptr) outbox_ = std::make_unique<std::vector<OutItem>>();
  outbox_->push_back(std::move(item));
}

std::optional<OutItem> Session::TakeFromOutboxOrRelease() {
  if (outbox_ == nullptr) {
    sending_ = nullptr;
    return std::nullopt;
  }
  OutItem item = std::move(outbox_->front());
  outbox_->erase(outbox_->begin());
  if (outbox_->empty()) outbox_.reset();
  return item;
}

}  // namespace svr2::client
