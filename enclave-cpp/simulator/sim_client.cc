// SPDX-License-Identifier: Apache-2.0

#include "simulator/sim_client.h"

#include <utility>

#include "attestation/claims.h"
#include "env/simulated_evidence.h"
#include "noise/pattern.h"
#include "noise/transport.h"
#include "util/check.h"

namespace svr2::simulator {

std::optional<std::string> SimClient::Start(const std::string& handshake_start) {
  proto::ClientHandshakeStart start;
  if (!start.ParseFromString(handshake_start)) return std::nullopt;
  Result<env::VerifiedEvidence> verified =
      env::ParseSimulatedEvidence(start.evidence(), start.endorsement());
  if (!verified.ok()) return std::nullopt;
  Result<attestation::Claims> claims = attestation::DecodeClaims(verified->custom_claims);
  if (!claims.ok()) return std::nullopt;
  server_key_ = claims->pk;
  noise::HandshakeOptions options;
  options.role = noise::Role::kInitiator;
  options.remote_static = &server_key_;
  Result<noise::HandshakeState> state = noise::HandshakeState::Start(&noise::kPatternNk, options);
  SVR2_CHECK(state.ok());
  handshake_ = std::make_unique<noise::HandshakeState>(std::move(*state));
  std::string message;
  if (!handshake_->WriteMessage(env_, util::ByteView(), &message).ok()) return std::nullopt;
  return message;
}

bool SimClient::Finish(const std::string& answer) {
  if (handshake_ == nullptr) return false;
  std::string payload;
  if (!handshake_->ReadMessage(answer, &payload).ok() || !payload.empty()) return false;
  Result<noise::Session> session = handshake_->Split();
  SVR2_CHECK(session.ok());
  send_ = std::move(session->send);
  receive_ = std::move(session->receive);
  receive_key_ = receive_.key();
  handshake_.reset();
  return true;
}

std::string SimClient::Encrypt(const proto::Request& request) {
  const std::string plaintext = request.SerializeAsString();
  std::string out(noise::TransportCiphertextBytes(plaintext.size()), '\0');
  SVR2_CHECK(noise::TransportEncrypt(&send_, plaintext, reinterpret_cast<uint8_t*>(&out[0])).ok());
  return out;
}

bool SimClient::ReusesNonce(const std::string& item) const {
  for (size_t nonce = 0; nonce < received_.size(); ++nonce) {
    if (item == received_[nonce]) continue;
    noise::CipherState before(crypto::Aead::kChaCha20Poly1305, receive_key_, nonce);
    std::string plaintext(item.size(), '\0');
    if (before.DecryptWithAd({}, item, reinterpret_cast<uint8_t*>(&plaintext[0])).ok()) return true;
  }
  return false;
}

std::optional<proto::Response> SimClient::Decrypt(const std::string& item) {
  const Result<size_t> size = noise::TransportPlaintextBytes(item.size());
  if (!size.ok()) return std::nullopt;
  std::string plaintext(*size + 1, '\0');
  if (!noise::TransportDecrypt(&receive_, item, reinterpret_cast<uint8_t*>(&plaintext[0])).ok()) {
    reused_nonce_ = ReusesNonce(item);
    return std::nullopt;
  }
  received_.push_back(item);
  plaintext.resize(*size);
  proto::Response response;
  if (!response.ParseFromString(plaintext)) return std::nullopt;
  return response;
}

}  // namespace svr2::simulator
