// SPDX-License-Identifier: Apache-2.0
//
// What the tests of this module and of those above share: an Env with chosen random bytes, and
// whole handshakes in one call. Never linked into an enclave.

#ifndef SVR2_NOISE_NOISE_TESTING_H_
#define SVR2_NOISE_NOISE_TESTING_H_

#include <stdexcept>
#include <string>
#include <utility>

#include "crypto/init.h"
#include "crypto/x25519.h"
#include "env/fake_env.h"
#include "noise/handshake.h"
#include "noise/pattern.h"
#include "util/bytes.h"

namespace svr2::noise {

// Gives out the bytes that it was made with, in order, then fails with ERROR_RANDOM_FAILED. This is
// how a test chooses an ephemeral key.
class ScriptedEnv : public env::FakeEnv {
 public:
  explicit ScriptedEnv(util::Bytes random) : FakeEnv(0), random_(std::move(random)) {}

  Status RandomBytes(uint8_t* out, size_t size) override {
    if (size > random_.size() - used_) return proto::ERROR_RANDOM_FAILED;
    if (size > 0) std::memcpy(out, random_.data() + used_, size);
    used_ += size;
    return Status::Ok();
  }
  bool used_up() const { return used_ == random_.size(); }

 private:
  const util::Bytes random_;
  size_t used_ = 0;
};

// The value of a result, or an exception that fails the test.
template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) throw std::runtime_error("error " + std::to_string(result.error()));
  return std::move(result).value();
}
inline void Must(Status status) {
  if (!status.ok()) throw std::runtime_error("error " + std::to_string(status.error()));
}

// Both ends of handshakes of one pattern, with fresh static keys from a seeded generator.
class Ends {
 public:
  Ends(const HandshakePattern* pattern, crypto::Aead aead, uint64_t seed = 1)
      : env(seed), pattern_(pattern), aead_(aead) {
    Must(crypto::Init());
    initiator_static = Must(crypto::GenerateKeyPair(&env));
    responder_static = Must(crypto::GenerateKeyPair(&env));
  }

  // A new handshake from one side. Works for NK and KK, and for whatever knows the same keys.
  HandshakeState Start(Role role) {
    HandshakeOptions options;
    options.role = role;
    options.aead = aead_;
    options.prologue = util::ByteView(prologue);
    if (role == Role::kInitiator) {
      if (pattern_->initiator_static_known) options.local_static = &initiator_static;
      options.remote_static = &responder_static.public_key;
    } else {
      options.local_static = &responder_static;
      if (pattern_->initiator_static_known) options.remote_static = &initiator_static.public_key;
    }
    return Must(HandshakeState::Start(pattern_, options));
  }

  // Sessions of the initiator and the responder after a handshake with empty payloads.
  std::pair<Session, Session> Connect() {
    HandshakeState initiator = Start(Role::kInitiator);
    HandshakeState responder = Start(Role::kResponder);
    std::string message;
    std::string payload;
    Must(initiator.WriteMessage(&env, {}, &message));
    Must(responder.ReadMessage(message, &payload));
    Must(responder.WriteMessage(&env, {}, &message));
    Must(initiator.ReadMessage(message, &payload));
    return {Must(initiator.Split()), Must(responder.Split())};
  }

  env::FakeEnv env;
  crypto::KeyPair initiator_static;
  crypto::KeyPair responder_static;
  std::string prologue;

 private:
  const HandshakePattern* const pattern_;
  const crypto::Aead aead_;
};

}  // namespace svr2::noise

#endif  // SVR2_NOISE_NOISE_TESTING_H_
