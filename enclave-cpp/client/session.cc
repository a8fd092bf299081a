// SPDX-License-Identifier: Apache-2.0

#include "client/session.h"

#include <cstring>
#include <utility>

#include "noise/cipher_state.h"
#include "noise/handshake.h"
#include "noise/pattern.h"
#include "noise/transport.h"
#include "util/endian.h"

namespace svr2::client {

namespace {

constexpr crypto::Aead kAead = crypto::Aead::kChaCha20Poly1305;

// Before anything is computed: the size alone tells which handshake a client speaks.
Status CheckHandshakeSize(size_t size, bool post_quantum) {
  if (size == (post_quantum ? kNkHfsHandshakeBytes : kNkHandshakeBytes)) return Status::Ok();
  return size == (post_quantum ? kNkHandshakeBytes : kNkHfsHandshakeBytes)
             ? proto::ERROR_CLIENT_WRONG_HANDSHAKE
             : proto::ERROR_NOISE_MALFORMED_MESSAGE;
}

}  // namespace

Session::Session(uint64_t id, const BackupId& backup_id, std::shared_ptr<const ServerKey> key)
    : id_(id), backup_id_(backup_id), key_(std::move(key)) {}

Session::~Session() = default;

Session::Content Session::ContentOf(const Traffic& traffic) const {
  Content content;
  uint8_t* out = content.data();
  util::StoreBigEndian64(out, id_);
  std::memcpy(out + 8, backup_id_.data(), backup_id_.size());
  out += 8 + backup_id_.size();
  util::StoreBigEndian64(out, traffic.request);
  out += 8;
  for (const Direction* direction : {&traffic.send, &traffic.receive}) {
    util::StoreBigEndian64(out, direction->counter);
    std::memcpy(out + 8, direction->key.data(), direction->key.size());
    out += 8 + direction->key.size();
  }
  return content;
}

Status Session::Handshake(env::Env* env, integrity::Tree* tree, util::ByteView message,
                          std::string* reply) {
  SVR2_CHECK(phase_ == Phase::kHandshake);
  SVR2_RETURN_IF_ERROR(CheckHandshakeSize(message.size(), key_->post_quantum));
  noise::HandshakeOptions options;
  options.role = noise::Role::kResponder;
  options.local_static = &key_->keys;
  Result<noise::HandshakeState> handshake = noise::HandshakeState::Start(
      key_->post_quantum ? &noise::kPatternNkHfs : &noise::kPatternNk, options);
  if (!handshake.ok()) return handshake.status();
  std::string payload;
  SVR2_RETURN_IF_ERROR(handshake->ReadMessage(message, &payload));
  // Both payloads are empty (protocol.md §1): the size says so.
  SVR2_CHECK(payload.empty());
  SVR2_RETURN_IF_ERROR(handshake->WriteMessage(env, util::ByteView(), reply));
  Result<noise::Session> keys = handshake->Split();
  if (!keys.ok()) return keys.status();
  traffic_.send.key = keys->send.key();
  traffic_.receive.key = keys->receive.key();
  Result<integrity::Slot> slot = tree->Allocate(ContentOf(traffic_).view());
  if (!slot.ok()) return slot.status();
  slot_ = *slot;
  has_slot_ = true;
  phase_ = Phase::kOpen;
  key_.reset();
  return Status::Ok();
}

Status Session::Decrypt(util::ByteView ciphertext, util::SecretBytes* plaintext, Opened* opened) {
  SVR2_CHECK(phase_ == Phase::kOpen);
  const Result<size_t> size = noise::TransportPlaintextBytes(ciphertext.size());
  if (!size.ok()) return size.status();
  plaintext->resize(*size);
  Traffic& traffic = opened->traffic_;
  traffic = traffic_;
  opened->before_ = ContentOf(traffic);
  noise::CipherState cipher(kAead, traffic.receive.key, traffic.receive.counter);
  SVR2_RETURN_IF_ERROR(noise::TransportDecrypt(&cipher, ciphertext, plaintext->data()));
  traffic.receive.counter = cipher.counter();
  return Status::Ok();
}

Status Session::Accept(integrity::Tree* tree, const Opened& opened, uint64_t request) {
  SVR2_CHECK(phase_ == Phase::kOpen && request != 0);
  Traffic traffic = opened.traffic_;
  traffic.request = request;
  SVR2_RETURN_IF_ERROR(tree->Update(slot_, opened.before_.view(), ContentOf(traffic).view()));
  traffic_.receive.counter = traffic.receive.counter;
  traffic_.request = request;
  return Status::Ok();
}

Status Session::Encrypt(integrity::Tree* tree, util::ByteView plaintext, uint64_t request,
                        std::string* ciphertext) {
  SVR2_CHECK(phase_ == Phase::kOpen);
  ciphertext->resize(noise::TransportCiphertextBytes(plaintext.size()));
  Traffic traffic = traffic_;
  const Content before = ContentOf(traffic);
  noise::CipherState cipher(kAead, traffic.send.key, traffic.send.counter);
  SVR2_RETURN_IF_ERROR(
      noise::TransportEncrypt(&cipher, plaintext, reinterpret_cast<uint8_t*>(&(*ciphertext)[0])));
  const bool waited_for = traffic.request == request && request != 0;
  traffic.send.counter = cipher.counter();
  traffic.request = 0;
  // Not a byte of the ciphertext leaves unless the copy was what the tree holds.
  Status status = tree->Update(slot_, before.view(), ContentOf(traffic).view());
  if (status.ok() && !waited_for) status = proto::ERROR_INTEGRITY_MISMATCH;
  if (!status.ok()) {
    ciphertext->clear();
    return status;
  }
  traffic_.send.counter = traffic.send.counter;
  traffic_.request = 0;
  return Status::Ok();
}

Status Session::Close(integrity::Tree* tree) {
  Status status;
  if (has_slot_) {
    status = tree->Release(slot_, ContentOf(traffic_).view());
    has_slot_ = false;
  }
  phase_ = Phase::kClosed;
  traffic_ = Traffic();
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

std::optional<OutItem> Session::TakeFromOutboxOrRelease(const void* owner) {
  if (sending_ != owner) return std::nullopt;
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
