// SPDX-License-Identifier: Apache-2.0

#include "peers/link.h"

#include <algorithm>
#include <cstring>

namespace svr2::peers {

namespace {

constexpr crypto::Aead kAead = crypto::Aead::kAes256Gcm;
constexpr size_t kCounterBytes = 8;
constexpr size_t kRandomBytes = 32;
// The counter that no message has: so it never wraps.
constexpr uint64_t kCounterLimit = ~uint64_t{0};

// What is authenticated beside a piece.
std::array<uint8_t, kTagBytes + 1> AssociatedData(const Tag& tag, bool last) {
  std::array<uint8_t, kTagBytes + 1> ad;
  std::memcpy(ad.data(), tag.data(), kTagBytes);
  ad[kTagBytes] = last ? 1 : 0;
  return ad;
}

// `salt` is counter ‖ random bytes.
crypto::AeadKey PieceKey(const crypto::AeadKey& direction_key, util::ByteView salt) {
  crypto::AeadKey key;
  crypto::Blake2b(direction_key.view(), salt, key.data(), key.size());
  return key;
}

void ClearSecret(util::SecretBytes* bytes) {
  util::Wipe(bytes->data(), bytes->size());
  bytes->clear();
}

}  // namespace

Link::Content Link::ContentOf(const Traffic& traffic) {
  Content content;
  uint8_t* out = content.data();
  const auto put = [&out](const void* bytes, size_t size) {
    std::memcpy(out, bytes, size);
    out += size;
  };
  const auto put_number = [&out](uint64_t number) {
    util::StoreBigEndian64(out, number);
    out += sizeof(number);
  };
  put(traffic.peer.data(), traffic.peer.size());
  put(traffic.tag.data(), traffic.tag.size());
  for (const Direction* direction : {&traffic.send, &traffic.receive}) {
    put_number(direction->counter);
    put(direction->key.data(), direction->key.size());
  }
  put_number(traffic.attested.group_id);
  put_number(traffic.attested.verified_at_seconds);
  put(traffic.attested.values_hash.data(), traffic.attested.values_hash.size());
  SVR2_CHECK(out == content.data() + content.size());
  return content;
}

Status Link::Open(integrity::Tree* tree, const PeerId& peer, const Tag& tag,
                  const noise::Session& keys, const Attested& attested) {
  SVR2_CHECK(!open_);
  Traffic traffic;
  traffic.peer = peer;
  traffic.tag = tag;
  traffic.send.key = keys.send.key();
  traffic.receive.key = keys.receive.key();
  traffic.attested = attested;
  const Result<integrity::Slot> slot = tree->Allocate(ContentOf(traffic).view());
  if (!slot.ok()) return slot.status();
  traffic_ = traffic;
  slot_ = *slot;
  open_ = true;
  return Status::Ok();
}

void Link::TakeFrom(Link* other) {
  SVR2_CHECK(!open_ && other->open_);
  traffic_ = other->traffic_;
  slot_ = other->slot_;
  open_ = true;
  other->traffic_ = Traffic();
  other->open_ = false;
}

Status Link::Close(integrity::Tree* tree) {
  if (!open_) return Status::Ok();
  const Status status = tree->Release(slot_, ContentOf(traffic_).view());
  traffic_ = Traffic();
  open_ = false;
  return status;
}

Status Link::Seal(env::Env* env, integrity::Tree* tree, util::ByteView plaintext,
                  std::string* message, size_t* pieces) {
  SVR2_CHECK(open_);
  message->clear();
  *pieces = 0;
  if (plaintext.size() > kMaxPlaintextBytes) return proto::ERROR_PEERS_MESSAGE_TOO_LARGE;
  message->resize(DataMessageBytes(plaintext.size()));
  Traffic traffic = traffic_;
  const Content before = ContentOf(traffic);
  uint8_t* out = reinterpret_cast<uint8_t*>(&(*message)[0]);
  *out = static_cast<uint8_t>(MessageKind::kData);
  std::memcpy(out + 1, traffic.tag.data(), kTagBytes);
  out += kHeaderBytes;

  const auto seal_all = [&]() -> Status {
    bool last = false;
    while (!last) {
      const size_t size = std::min(plaintext.size(), kMaxPieceBytes);
      last = size == plaintext.size();
      if (traffic.send.counter == kCounterLimit) return proto::ERROR_CRYPTO_NONCE_EXHAUSTED;
      // Kept here until the key is made: what stands in `message` may change meanwhile.
      std::array<uint8_t, kCounterBytes + kRandomBytes> salt;
      util::StoreBigEndian64(salt.data(), traffic.send.counter);
      SVR2_RETURN_IF_ERROR(env->RandomBytes(salt.data() + kCounterBytes, kRandomBytes));
      std::memcpy(out, salt.data(), salt.size());
      SVR2_RETURN_IF_ERROR(crypto::AeadEncrypt(kAead, PieceKey(traffic.send.key, salt),
                                               crypto::CounterNonce(kAead, traffic.send.counter),
                                               AssociatedData(traffic.tag, last),
                                               plaintext.Sub(0, size), out + salt.size()));
      out += size + kPieceOverheadBytes;
      plaintext = plaintext.From(size);
      ++traffic.send.counter;
      ++*pieces;
    }
    // Not a byte leaves unless the copy was what the tree holds.
    return tree->Update(slot_, before.view(), ContentOf(traffic).view());
  };
  const Status status = seal_all();
  if (!status.ok()) {
    message->clear();
    return status;
  }
  traffic_.send.counter = traffic.send.counter;
  return Status::Ok();
}

Status Link::Unseal(integrity::Tree* tree, util::ByteView body, util::SecretBytes* plaintext,
                    size_t* pieces, Attested* attested) {
  SVR2_CHECK(open_);
  ClearSecret(plaintext);
  *pieces = 0;
  if (body.size() > kMaxDataMessageBytes - kHeaderBytes) {
    return proto::ERROR_PEERS_MESSAGE_TOO_LARGE;
  }
  Traffic traffic = traffic_;
  const Content before = ContentOf(traffic);

  const auto open_all = [&]() -> Status {
    bool last = false;
    while (!last) {
      const size_t size = std::min(body.size(), kMaxPieceBytes + kPieceOverheadBytes);
      last = size == body.size();
      if (size < kPieceOverheadBytes) return proto::ERROR_PEERS_MALFORMED_MESSAGE;
      const util::ByteView salt = body.Sub(0, kCounterBytes + kRandomBytes);
      const uint64_t counter = traffic.receive.counter;
      // The counter that is used is ours; what the host wrote there only tells what went wrong.
      if (util::LoadBigEndian64(salt.data()) != counter || counter == kCounterLimit) {
        return proto::ERROR_PEERS_OUT_OF_ORDER;
      }
      const size_t old_size = plaintext->size();
      plaintext->resize(old_size + size - kPieceOverheadBytes);
      SVR2_RETURN_IF_ERROR(crypto::AeadDecrypt(
          kAead, PieceKey(traffic.receive.key, salt), crypto::CounterNonce(kAead, counter),
          AssociatedData(traffic.tag, last), body.Sub(salt.size(), size - salt.size()),
          plaintext->data() + old_size));
      body = body.From(size);
      ++traffic.receive.counter;
      ++*pieces;
    }
    // Nothing is done with the plaintext unless the copy was what the tree holds.
    return tree->Update(slot_, before.view(), ContentOf(traffic).view());
  };
  const Status status = open_all();
  if (!status.ok()) {
    ClearSecret(plaintext);
    return status;
  }
  traffic_.receive.counter = traffic.receive.counter;
  *attested = traffic.attested;
  return Status::Ok();
}

Result<Attested> Link::attested(integrity::Tree* tree) const {
  SVR2_CHECK(open_);
  const Traffic traffic = traffic_;
  SVR2_RETURN_IF_ERROR(tree->Verify(slot_, ContentOf(traffic).view()));
  return traffic.attested;
}

Status Link::SetAttested(integrity::Tree* tree, const Attested& attested) {
  SVR2_CHECK(open_);
  Traffic traffic = traffic_;
  const Content before = ContentOf(traffic);
  traffic.attested = attested;
  SVR2_RETURN_IF_ERROR(tree->Update(slot_, before.view(), ContentOf(traffic).view()));
  traffic_.attested = attested;
  return Status::Ok();
}

}  // namespace svr2::peers
