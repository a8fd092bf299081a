// SPDX-License-Identifier: Apache-2.0

#include "noise/handshake.h"

#include <algorithm>
#include <cstring>

namespace svr2::noise {

namespace {

constexpr size_t kDhBytes = crypto::kX25519Bytes;

util::ByteView View(const crypto::PublicKey& key) { return util::ByteView(key); }

uint8_t* Data(std::string* s) { return reinterpret_cast<uint8_t*>(&(*s)[0]); }

bool Contains(const TokenList& tokens, Token token) {
  return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
}

// "Kyber1024" is how the protocol's name says ML-KEM-1024 (protocol.md §1).
std::string ProtocolName(const HandshakePattern& pattern, crypto::Aead aead) {
  std::string name("Noise_");
  name += pattern.name;
  name += Contains(pattern.messages[0], Token::kE1) ? "_25519+Kyber1024_" : "_25519_";
  name += aead == crypto::Aead::kAes256Gcm ? "AESGCM" : "ChaChaPoly";
  name += "_SHA256";
  return name;
}

// True when `role` sends its static key in a message of the pattern.
bool SendsStatic(const HandshakePattern& pattern, Role role) {
  for (size_t i = role == Role::kInitiator ? 0 : 1; i < pattern.message_count; i += 2) {
    if (Contains(pattern.messages[i], Token::kS)) return true;
  }
  return false;
}

bool StaticKnown(const HandshakePattern& pattern, Role role) {
  return role == Role::kInitiator ? pattern.initiator_static_known : pattern.responder_static_known;
}

Role Other(Role role) { return role == Role::kInitiator ? Role::kResponder : Role::kInitiator; }

}  // namespace

SymmetricState::SymmetricState(crypto::Aead aead, util::ByteView protocol_name)
    : hash_{}, aead_(aead) {
  // §5.2: a name that fits is padded with zeros, a longer one is hashed.
  if (protocol_name.size() <= hash_.size()) {
    std::copy(protocol_name.begin(), protocol_name.end(), hash_.begin());
  } else {
    hash_ = crypto::Sha256(protocol_name);
  }
  chaining_key_ = util::Secret<crypto::kSha256Bytes>(hash_);
}

void SymmetricState::MixKey(util::ByteView input_key_material) {
  crypto::AeadKey key;
  crypto::NoiseHkdf(chaining_key_, input_key_material, &chaining_key_, &key);
  cipher_ = CipherState(aead_, key);
}

void SymmetricState::MixHash(util::ByteView data) {
  crypto::Sha256Hasher hasher;
  hasher.Update(hash_);
  hasher.Update(data);
  hash_ = hasher.Final();
}

Status SymmetricState::EncryptAndHash(util::ByteView plaintext, uint8_t* ciphertext) {
  const size_t size = plaintext.size() + overhead();
  if (has_key()) {
    SVR2_RETURN_IF_ERROR(cipher_.EncryptWithAd(hash_, plaintext, ciphertext));
  } else if (!plaintext.empty()) {
    std::memcpy(ciphertext, plaintext.data(), plaintext.size());
  }
  MixHash(util::ByteView(ciphertext, size));
  return Status::Ok();
}

Status SymmetricState::DecryptAndHash(util::ByteView ciphertext, uint8_t* plaintext) {
  if (has_key()) {
    SVR2_RETURN_IF_ERROR(cipher_.DecryptWithAd(hash_, ciphertext, plaintext));
  } else if (!ciphertext.empty()) {
    std::memcpy(plaintext, ciphertext.data(), ciphertext.size());
  }
  MixHash(ciphertext);
  return Status::Ok();
}

void SymmetricState::Split(CipherState* initiator_sends, CipherState* responder_sends) const {
  crypto::AeadKey key1;
  crypto::AeadKey key2;
  crypto::NoiseHkdf(chaining_key_, util::ByteView(), &key1, &key2);
  *initiator_sends = CipherState(aead_, key1);
  *responder_sends = CipherState(aead_, key2);
}

void SymmetricState::Clear() {
  util::Wipe(chaining_key_.data(), chaining_key_.size());
  cipher_.Clear();
}

Result<HandshakeState> HandshakeState::Start(const HandshakePattern* pattern,
                                             const HandshakeOptions& options) {
  const bool needs_local =
      StaticKnown(*pattern, options.role) || SendsStatic(*pattern, options.role);
  const bool needs_remote = StaticKnown(*pattern, Other(options.role));
  if (needs_local != (options.local_static != nullptr) ||
      needs_remote != (options.remote_static != nullptr)) {
    return proto::ERROR_INVALID_ARGUMENT;
  }
  if (!crypto::AeadAvailable(options.aead)) return proto::ERROR_CRYPTO_UNAVAILABLE;
  return HandshakeState(pattern, options, ProtocolName(*pattern, options.aead));
}

HandshakeState::HandshakeState(const HandshakePattern* pattern, const HandshakeOptions& options,
                               util::ByteView protocol_name)
    : pattern_(pattern),
      symmetric_(options.aead, protocol_name),
      role_(options.role),
      has_local_static_(options.local_static != nullptr),
      has_remote_static_(options.remote_static != nullptr) {
  if (has_local_static_) local_static_ = *options.local_static;
  if (has_remote_static_) remote_static_ = *options.remote_static;
  symmetric_.MixHash(options.prologue);
  // Pre-messages, the initiator's first.
  for (const Role role : {Role::kInitiator, Role::kResponder}) {
    if (!StaticKnown(*pattern, role)) continue;
    symmetric_.MixHash(View(role == role_ ? local_static_.public_key : remote_static_));
  }
}

Status HandshakeState::WriteMessage(env::Env* env, util::ByteView payload, std::string* message) {
  if (!may_write()) return proto::ERROR_NOISE_BAD_STATE;
  const Status status = DoWrite(env, payload, message);
  if (!status.ok()) {
    message->clear();
    return Die(status);
  }
  Advance();
  return Status::Ok();
}

Status HandshakeState::ReadMessage(util::ByteView message, std::string* payload) {
  if (!may_read()) return proto::ERROR_NOISE_BAD_STATE;
  const Status status = DoRead(message, payload);
  if (!status.ok()) {
    util::Wipe(payload);
    return Die(status);
  }
  Advance();
  return Status::Ok();
}

size_t HandshakeState::NextMessageOverhead() const {
  size_t size = 0;
  bool has_key = symmetric_.has_key();
  for (const Token token : pattern_->messages[next_message_]) {
    if (token == Token::kE) {
      size += kDhBytes;
    } else if (token == Token::kS) {
      size += kDhBytes + (has_key ? kTagBytes : 0);
    } else if (token == Token::kE1) {
      size += crypto::kKemPublicKeyBytes + (has_key ? kTagBytes : 0);
    } else {
      if (token == Token::kEkem1) size += crypto::kKemCiphertextBytes + (has_key ? kTagBytes : 0);
      has_key = true;
    }
  }
  return size + (has_key ? kTagBytes : 0);
}

Status HandshakeState::DoWrite(env::Env* env, util::ByteView payload, std::string* message) {
  const size_t overhead = NextMessageOverhead();
  if (payload.size() > kMaxMessageBytes - overhead) return proto::ERROR_NOISE_MESSAGE_TOO_LONG;
  message->resize(overhead + payload.size());
  uint8_t* out = Data(message);
  for (const Token token : pattern_->messages[next_message_]) {
    switch (token) {
      case Token::kE: {
        SVR2_CHECK(!has_local_ephemeral_);
        Result<crypto::KeyPair> ephemeral = crypto::GenerateKeyPair(env);
        if (!ephemeral.ok()) return ephemeral.status();
        local_ephemeral_ = *ephemeral;
        has_local_ephemeral_ = true;
        out =
            std::copy(local_ephemeral_.public_key.begin(), local_ephemeral_.public_key.end(), out);
        symmetric_.MixHash(View(local_ephemeral_.public_key));
        break;
      }
      case Token::kS: {
        SVR2_CHECK(has_local_static_);
        const size_t size = kDhBytes + symmetric_.overhead();
        SVR2_RETURN_IF_ERROR(symmetric_.EncryptAndHash(View(local_static_.public_key), out));
        out += size;
        break;
      }
      case Token::kEe:
      case Token::kEs:
      case Token::kSe:
      case Token::kSs:
        SVR2_RETURN_IF_ERROR(MixAgreement(token));
        break;
      case Token::kE1:
        SVR2_RETURN_IF_ERROR(WriteE1(env, &out));
        break;
      case Token::kEkem1:
        SVR2_RETURN_IF_ERROR(WriteEkem1(env, &out));
        break;
    }
  }
  return symmetric_.EncryptAndHash(payload, out);
}

Status HandshakeState::DoRead(util::ByteView message, std::string* payload) {
  if (message.size() > kMaxMessageBytes) return proto::ERROR_NOISE_MESSAGE_TOO_LONG;
  const size_t overhead = NextMessageOverhead();
  // Looked at first, so that a message of wrong size costs no key agreement.
  if (message.size() < overhead) return proto::ERROR_NOISE_MALFORMED_MESSAGE;
  payload->resize(message.size() - overhead);
  util::ByteView rest = message;
  for (const Token token : pattern_->messages[next_message_]) {
    switch (token) {
      case Token::kE:
        ReadE(&rest);
        break;
      case Token::kS:
        SVR2_RETURN_IF_ERROR(ReadS(&rest));
        break;
      case Token::kEe:
      case Token::kEs:
      case Token::kSe:
      case Token::kSs:
        SVR2_RETURN_IF_ERROR(MixAgreement(token));
        break;
      case Token::kE1:
        SVR2_RETURN_IF_ERROR(ReadE1(&rest));
        break;
      case Token::kEkem1:
        SVR2_RETURN_IF_ERROR(ReadEkem1(&rest));
        break;
    }
  }
  return symmetric_.DecryptAndHash(rest, Data(payload));
}

void HandshakeState::ReadE(util::ByteView* rest) {
  SVR2_CHECK(!has_remote_ephemeral_);
  remote_ephemeral_ = util::ToArray<kDhBytes>(rest->Sub(0, kDhBytes));
  has_remote_ephemeral_ = true;
  *rest = rest->From(kDhBytes);
  symmetric_.MixHash(View(remote_ephemeral_));
}

Status HandshakeState::ReadS(util::ByteView* rest) {
  SVR2_CHECK(!has_remote_static_);
  const size_t size = kDhBytes + symmetric_.overhead();
  SVR2_RETURN_IF_ERROR(symmetric_.DecryptAndHash(rest->Sub(0, size), remote_static_.data()));
  has_remote_static_ = true;
  *rest = rest->From(size);
  return Status::Ok();
}

Status HandshakeState::WriteE1(env::Env* env, uint8_t** out) {
  SVR2_CHECK(local_kem_ == nullptr);
  local_kem_ = std::make_unique<crypto::KemPrivateKey>();
  SVR2_RETURN_IF_ERROR(crypto::GenerateKemKey(env, local_kem_.get()));
  const size_t size = crypto::kKemPublicKeyBytes + symmetric_.overhead();
  SVR2_RETURN_IF_ERROR(symmetric_.EncryptAndHash(crypto::PublicKeyOf(*local_kem_), *out));
  *out += size;
  return Status::Ok();
}

Status HandshakeState::ReadE1(util::ByteView* rest) {
  SVR2_CHECK(remote_kem_ == nullptr);
  remote_kem_ = std::make_unique<crypto::KemPublicKey>();
  const size_t size = remote_kem_->size() + symmetric_.overhead();
  SVR2_RETURN_IF_ERROR(symmetric_.DecryptAndHash(rest->Sub(0, size), remote_kem_->data()));
  // Now, though encapsulation looks at it again: a bad key should end it before we answer.
  SVR2_RETURN_IF_ERROR(crypto::CheckKemPublicKey(*remote_kem_));
  *rest = rest->From(size);
  return Status::Ok();
}

Status HandshakeState::WriteEkem1(env::Env* env, uint8_t** out) {
  SVR2_CHECK(remote_kem_ != nullptr);
  std::array<uint8_t, crypto::kKemCiphertextBytes> ciphertext;
  crypto::KemSharedSecret shared;
  SVR2_RETURN_IF_ERROR(crypto::Encapsulate(env, *remote_kem_, ciphertext.data(), &shared));
  remote_kem_.reset();
  const size_t size = ciphertext.size() + symmetric_.overhead();
  SVR2_RETURN_IF_ERROR(symmetric_.EncryptAndHash(ciphertext, *out));
  *out += size;
  symmetric_.MixKey(shared.view());
  return Status::Ok();
}

Status HandshakeState::ReadEkem1(util::ByteView* rest) {
  SVR2_CHECK(local_kem_ != nullptr);
  std::array<uint8_t, crypto::kKemCiphertextBytes> ciphertext;
  const size_t size = ciphertext.size() + symmetric_.overhead();
  SVR2_RETURN_IF_ERROR(symmetric_.DecryptAndHash(rest->Sub(0, size), ciphertext.data()));
  crypto::KemSharedSecret shared;
  SVR2_RETURN_IF_ERROR(crypto::Decapsulate(*local_kem_, ciphertext, &shared));
  local_kem_.reset();
  *rest = rest->From(size);
  symmetric_.MixKey(shared.view());
  return Status::Ok();
}

Status HandshakeState::MixAgreement(Token token) {
  const bool initiator = role_ == Role::kInitiator;
  // Which of our keys, and which of theirs: the first letter is the initiator's.
  const bool ours_static = token == Token::kSs || token == (initiator ? Token::kSe : Token::kEs);
  const bool theirs_static = token == Token::kSs || token == (initiator ? Token::kEs : Token::kSe);
  SVR2_CHECK(ours_static ? has_local_static_ : has_local_ephemeral_);
  SVR2_CHECK(theirs_static ? has_remote_static_ : has_remote_ephemeral_);
  const crypto::KeyPair& ours = ours_static ? local_static_ : local_ephemeral_;
  const crypto::PublicKey& theirs = theirs_static ? remote_static_ : remote_ephemeral_;
  util::Secret<crypto::kX25519Bytes> shared;
  SVR2_RETURN_IF_ERROR(crypto::Agree(ours.private_key, theirs, &shared));
  symmetric_.MixKey(shared.view());
  return Status::Ok();
}

void HandshakeState::Advance() {
  if (++next_message_ < pattern_->message_count) return;
  phase_.value = Phase::kFinished;
  WipePrivateKeys();
}

void HandshakeState::WipePrivateKeys() {
  util::Wipe(local_static_.private_key.data(), local_static_.private_key.size());
  util::Wipe(local_ephemeral_.private_key.data(), local_ephemeral_.private_key.size());
  local_kem_.reset();
  remote_kem_.reset();
}

Status HandshakeState::Die(Status status) {
  phase_.value = Phase::kDead;
  WipePrivateKeys();
  symmetric_.Clear();
  return status;
}

Result<crypto::PublicKey> HandshakeState::RemoteStatic() const {
  if (phase_.value == Phase::kDead || !has_remote_static_) return proto::ERROR_NOISE_BAD_STATE;
  return remote_static_;
}

Result<Session> HandshakeState::Split() {
  if (!finished()) return proto::ERROR_NOISE_BAD_STATE;
  Session session;
  if (role_ == Role::kInitiator) {
    symmetric_.Split(&session.send, &session.receive);
  } else {
    symmetric_.Split(&session.receive, &session.send);
  }
  session.handshake_hash = symmetric_.hash();
  (void)Die(Status::Ok());
  return session;
}

}  // namespace svr2::noise
