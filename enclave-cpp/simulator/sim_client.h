// SPDX-License-Identifier: Apache-2.0
//
// A client's side of one session: evidence, Noise NK handshake, encrypted requests.

#ifndef SVR2_SIMULATOR_SIM_CLIENT_H_
#define SVR2_SIMULATOR_SIM_CLIENT_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/env.h"
#include "noise/cipher_state.h"
#include "noise/handshake.h"
#include "svr2/client.pb.h"

namespace svr2::simulator {

// For one thread. `env` outlives it.
class SimClient {
 public:
  explicit SimClient(env::Env* env) : env_(env) {}

  // The first handshake message, or nullopt when the server's first item is no good.
  std::optional<std::string> Start(const std::string& handshake_start);
  // False when the server's handshake message is no good.
  bool Finish(const std::string& answer);
  std::string Encrypt(const proto::Request& request);
  // nullopt when it does not decrypt: then the session is over.
  std::optional<proto::Response> Decrypt(const std::string& item);
  // Whether what did not decrypt last was encrypted under a nonce that had been used before, and
  // is not what had been sent then.
  bool reused_nonce() const { return reused_nonce_; }

 private:
  env::Env* const env_;
  crypto::PublicKey server_key_{};
  std::unique_ptr<noise::HandshakeState> handshake_;
  noise::CipherState send_;
  bool ReusesNonce(const std::string& item) const;

  noise::CipherState receive_;
  crypto::AeadKey receive_key_;
  std::vector<std::string> received_;  // By nonce: each item is short enough for one message.
  bool reused_nonce_ = false;
};

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_SIM_CLIENT_H_
