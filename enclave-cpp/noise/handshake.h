// SPDX-License-Identifier: Apache-2.0
//
// An interpreter of Noise handshakes (specification revision 34, §5.2 and §5.3) for DH 25519, hash
// SHA256 and either cipher, with ML-KEM-1024 where the pattern is hybrid: given a pattern as data
// it writes and reads the messages in turn and ends with one CipherState for each direction. Who
// the other side is, beyond the keys that the pattern proves, is for the caller to know
// (attestation/policy.h).

#ifndef SVR2_NOISE_HANDSHAKE_H_
#define SVR2_NOISE_HANDSHAKE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/ml_kem.h"
#include "crypto/x25519.h"
#include "env/env.h"
#include "noise/cipher_state.h"
#include "noise/pattern.h"
#include "util/bytes.h"
#include "util/status.h"

namespace svr2::noise {

enum class Role : uint8_t { kInitiator, kResponder };

// Chaining key, handshake hash and the cipher under the latest mixed key (§5.2). A part of
// HandshakeState. Keys are wiped with it. Thread-compatible, no heap.
class SymmetricState {
 public:
  // Starts from the protocol's name, "Noise_NK_25519_ChaChaPoly_SHA256".
  SymmetricState(crypto::Aead aead, util::ByteView protocol_name);

  void MixKey(util::ByteView input_key_material);
  void MixHash(util::ByteView data);
  bool has_key() const { return cipher_.has_key(); }
  // Bytes that encryption adds at this point: 0 before the first MixKey.
  size_t overhead() const { return has_key() ? kTagBytes : 0; }
  // Writes plaintext.size() + overhead() bytes and mixes them into the hash.
  Status EncryptAndHash(util::ByteView plaintext, uint8_t* ciphertext);
  // Writes ciphertext.size() - overhead() bytes and mixes the ciphertext into the hash. Fails with
  // ERROR_NOISE_DECRYPT_FAILED, also when the ciphertext is shorter than overhead().
  Status DecryptAndHash(util::ByteView ciphertext, uint8_t* plaintext);
  const crypto::Digest& hash() const { return hash_; }
  // The first is for what the initiator sends.
  void Split(CipherState* initiator_sends, CipherState* responder_sends) const;
  // Wipes all keys.
  void Clear();

 private:
  util::Secret<crypto::kSha256Bytes> chaining_key_;
  crypto::Digest hash_;
  CipherState cipher_;
  crypto::Aead aead_;
};

// What a handshake starts from. Everything is copied; nothing is kept by pointer.
struct HandshakeOptions {
  Role role = Role::kInitiator;
  crypto::Aead aead = crypto::Aead::kChaCha20Poly1305;
  util::ByteView prologue;
  // Our static key pair; null where the pattern has none on our side. The halves must belong
  // together (not checked, since that would cost as much as a key agreement).
  const crypto::KeyPair* local_static = nullptr;
  // The other side's static key; null where the pattern does not have us know it before.
  const crypto::PublicKey* remote_static = nullptr;
};

// The keys that came out of a finished handshake, named from our side.
struct Session {
  CipherState send;
  CipherState receive;
  // Binds all of the handshake; equal at both ends, unique, not secret (§11.2).
  crypto::Digest handshake_hash{};
};

// One run of one handshake, from one side. Calls come in the pattern's order; a call out of order
// answers ERROR_NOISE_BAD_STATE and changes nothing. After any other failure of ReadMessage or
// WriteMessage all keys are wiped and every later call answers ERROR_NOISE_BAD_STATE: the caller
// drops the handshake. Below 400 bytes, no heap but for a KEM: there an initiator holds 3 KB from
// its first message to the answer, a responder 1.5 KB from reading to writing. Keys are wiped with
// it. A state that was moved from answers ERROR_NOISE_BAD_STATE too, so that no ephemeral key
// serves twice. Thread-compatible.
class HandshakeState {
 public:
  // `pattern` is kept by pointer. Fails with ERROR_INVALID_ARGUMENT when the static keys given are
  // not just those that the pattern needs, and ERROR_CRYPTO_UNAVAILABLE when the CPU lacks the
  // cipher.
  static Result<HandshakeState> Start(const HandshakePattern* pattern,
                                      const HandshakeOptions& options);
  HandshakeState(HandshakeState&&) noexcept = default;
  HandshakeState& operator=(HandshakeState&&) noexcept = default;

  // Replaces `*message` by our next message, with `payload` inside. Draws an ephemeral key from
  // `env` where the pattern says "e", a KEM key for "e1", and the KEM's coins for "ekem1". Fails
  // with ERROR_NOISE_MESSAGE_TOO_LONG (above kMaxMessageBytes in all), ERROR_RANDOM_FAILED,
  // ERROR_CRYPTO_BAD_KEY (the other side's key is of low order); `*message` is then empty.
  Status WriteMessage(env::Env* env, util::ByteView payload, std::string* message);

  // Reads their next message and replaces `*payload` by what was inside. Before the payload of the
  // last message has been read, a payload has only the protection that §7.7 gives it. Fails with
  // ERROR_NOISE_MESSAGE_TOO_LONG, ERROR_NOISE_MALFORMED_MESSAGE (too short for the pattern),
  // ERROR_NOISE_DECRYPT_FAILED, ERROR_CRYPTO_BAD_KEY (an ephemeral key of low order, a KEM key that
  // FIPS 203 §7.2 refuses); `*payload` is then empty.
  Status ReadMessage(util::ByteView message, std::string* payload);

  // True when all messages are through and Split may be called.
  bool finished() const { return phase_.value == Phase::kFinished; }
  // True when the next call in order is WriteMessage, or ReadMessage.
  bool may_write() const { return phase_.value == Phase::kRunning && our_turn(); }
  bool may_read() const { return phase_.value == Phase::kRunning && !our_turn(); }

  // The other side's static key as sent in the handshake or given at the start. It is *proven* only
  // once the pattern has used it. Fails with ERROR_NOISE_BAD_STATE when there is none, and after
  // Split.
  Result<crypto::PublicKey> RemoteStatic() const;

  // Once, when finished(): the session's keys; this state's own are wiped. Fails with
  // ERROR_NOISE_BAD_STATE.
  Result<Session> Split();

 private:
  enum class Phase : uint8_t { kRunning, kFinished, kDead };
  // Moving takes the life of the source.
  struct LivePhase {
    LivePhase() = default;
    LivePhase(LivePhase&& other) noexcept : value(std::exchange(other.value, Phase::kDead)) {}
    LivePhase& operator=(LivePhase&& other) noexcept {
      value = std::exchange(other.value, Phase::kDead);
      return *this;
    }
    Phase value = Phase::kRunning;
  };

  HandshakeState(const HandshakePattern* pattern, const HandshakeOptions& options,
                 util::ByteView protocol_name);

  bool our_turn() const { return (next_message_ % 2 == 0) == (role_ == Role::kInitiator); }
  // Bytes of our next message beside the payload.
  size_t NextMessageOverhead() const;
  Status DoWrite(env::Env* env, util::ByteView payload, std::string* message);
  Status DoRead(util::ByteView message, std::string* payload);
  void ReadE(util::ByteView* rest);
  Status ReadS(util::ByteView* rest);
  // Each writes at `*out` and moves it on, or reads from `*rest` and moves that on.
  Status WriteE1(env::Env* env, uint8_t** out);
  Status ReadE1(util::ByteView* rest);
  Status WriteEkem1(env::Env* env, uint8_t** out);
  Status ReadEkem1(util::ByteView* rest);
  // "ee", "es", "se" or "ss": mixes the agreement of the two keys that the token names.
  Status MixAgreement(Token token);
  // After each message; after the last one only the keys to be split remain.
  void Advance();
  void WipePrivateKeys();
  // Wipes everything for good and hands `status` on.
  Status Die(Status status);

  const HandshakePattern* pattern_;
  SymmetricState symmetric_;
  crypto::KeyPair local_static_;
  crypto::KeyPair local_ephemeral_;
  crypto::PublicKey remote_static_{};
  crypto::PublicKey remote_ephemeral_{};
  // Only between "e1" and "ekem1": the first at the initiator, the second at the responder.
  std::unique_ptr<crypto::KemPrivateKey> local_kem_;
  std::unique_ptr<crypto::KemPublicKey> remote_kem_;
  Role role_;
  LivePhase phase_;
  uint8_t next_message_ = 0;
  bool has_local_static_;
  bool has_remote_static_;
  bool has_local_ephemeral_ = false;
  bool has_remote_ephemeral_ = false;
};

static_assert(sizeof(HandshakeState) <= 400);

}  // namespace svr2::noise

#endif  // SVR2_NOISE_HANDSHAKE_H_
