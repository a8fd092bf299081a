// SPDX-License-Identifier: Apache-2.0
//
// One client's attested Noise session: first the handshake, then requests in and responses out, one
// at a time, and last a close. Keys, message counters and the client's id stand under the enclave's
// integrity tree: a session of which any part of the memory is put back never encrypts two
// plaintexts under one key and nonce, nor anything under another session's key. The number of the
// request that it waits for stands there, too: no answer to another request goes out on it, whoever
// exchanges the memory that says who waits for what.
// Source: protocol.md §1, design.md §4 "Integrity" and §7 invariant 5.

#ifndef SVR2_CLIENT_SESSION_H_
#define SVR2_CLIENT_SESSION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/aead.h"
#include "crypto/x25519.h"
#include "env/env.h"
#include "integrity/tree.h"
#include "svr2/boundary.pb.h"
#include "util/bytes.h"
#include "util/mutex.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::client {

// The key of a client's row: its authenticated id.
using BackupId = std::array<uint8_t, 16>;

// Largest item that a client may send, in bytes (protocol.md §1).
inline constexpr size_t kMaxItemBytes = 128 * 1024;

// A client's handshake message has an empty payload, so it has exactly this size in bytes.
inline constexpr size_t kNkHandshakeBytes = 48;
inline constexpr size_t kNkHfsHandshakeBytes = 1632;

// What clients are offered at one time: a key pair and the evidence that binds it. Immutable,
// shared by all sessions that started with it; the private key is wiped with the last of them.
struct ServerKey {
  crypto::KeyPair keys;
  // The handshake: NKhfs, or NK when false. There is no negotiation (protocol.md §1).
  bool post_quantum = true;
  // A serialized ClientHandshakeStart.
  std::string handshake_start;
  // Group time, unix seconds, and tick when the evidence was made: its age counts from here.
  uint64_t made_at_seconds = 0;
  uint64_t made_at_tick = 0;
};

// Something to be sent to the client, in order.
struct OutItem {
  std::string data;
  // Not UNSET: the session ends with this item.
  proto::CloseReason fin = proto::CLOSE_REASON_UNSET;
  Error error = proto::OK;
};

// Guarded by its own mutex, which is taken after no other but the integrity tree's. Everything of
// different sessions runs in parallel.
class Session {
 public:
  enum class Phase : uint8_t { kHandshake, kOpen, kClosed };

  Session(uint64_t id, const BackupId& backup_id, std::shared_ptr<const ServerKey> key);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  uint64_t id() const { return id_; }
  const BackupId& backup_id() const { return backup_id_; }
  util::Mutex* mutex() SVR2_RETURN_CAPABILITY(mutex_) { return &mutex_; }

  Phase phase() const SVR2_REQUIRES(mutex_) { return phase_; }

  // Reads the client's handshake message and replaces `*reply` by ours; then the session is open
  // and its counters are in `tree`. Needs phase kHandshake. After a failure the caller closes the
  // session: ERROR_CLIENT_WRONG_HANDSHAKE when the client speaks the handshake that is not offered,
  // ERROR_NOISE_…, ERROR_CRYPTO_…, ERROR_RANDOM_FAILED, ERROR_INTEGRITY_….
  Status Handshake(env::Env* env, integrity::Tree* tree, util::ByteView message, std::string* reply)
      SVR2_REQUIRES(mutex_);

  // What a request was decrypted with. Valid until the mutex is released.
  class Opened;

  // Decrypts one request. Needs phase kOpen. Nothing is done with the plaintext before Accept says
  // that it was decrypted with what the tree holds. After a failure the caller closes the session.
  Status Decrypt(util::ByteView ciphertext, util::SecretBytes* plaintext, Opened* opened)
      SVR2_REQUIRES(mutex_);

  // Takes a decrypted request as number `request` (not 0, never used before in this enclave), which
  // the session now waits for. After a failure the caller closes the session, and with
  // ERROR_INTEGRITY_MISMATCH stops the replica for good.
  Status Accept(integrity::Tree* tree, const Opened& opened, uint64_t request)
      SVR2_REQUIRES(mutex_);

  // Encrypts the response to the request of that number. Fails with ERROR_INTEGRITY_MISMATCH when
  // the session waits for another or for none. As Accept.
  Status Encrypt(integrity::Tree* tree, util::ByteView plaintext, uint64_t request,
                 std::string* ciphertext) SVR2_REQUIRES(mutex_);

  // Ends the session: wipes its keys and takes its counters out of `tree`, which fails with
  // ERROR_INTEGRITY_MISMATCH when they were altered. Harmless when closed already.
  Status Close(integrity::Tree* tree) SVR2_REQUIRES(mutex_);

  // A request was decrypted, in tick `busy_since`, and its response has not yet been encrypted.
  bool busy() const SVR2_REQUIRES(mutex_) { return busy_; }
  uint64_t busy_since() const SVR2_REQUIRES(mutex_) { return busy_since_; }
  void BeginRequest(uint64_t now_tick) SVR2_REQUIRES(mutex_) {
    busy_ = true;
    busy_since_ = now_tick;
  }
  void EndRequest() SVR2_REQUIRES(mutex_) { busy_ = false; }

  // Order of output (design.md §3): while one thread has items of this session in a message that
  // the host has not yet taken, others leave theirs in the outbox. Claim returns true when `owner`
  // now is that thread; `*already` says that it was before.
  bool ClaimOutput(const void* owner, bool* already) SVR2_REQUIRES(mutex_);
  void LeaveInOutbox(OutItem item) SVR2_REQUIRES(mutex_);
  // The next item left by others; without one the claim ends. Nothing happens unless `owner` holds
  // the claim.
  std::optional<OutItem> TakeFromOutboxOrRelease(const void* owner) SVR2_REQUIRES(mutex_);
  bool has_outbox() const SVR2_REQUIRES(mutex_) { return outbox_ != nullptr; }

 private:
  friend class SessionPeer;  // Tests reach the memory through it, to roll it back.

  // One direction's key and the number of messages under it.
  struct Direction {
    crypto::AeadKey key;
    uint64_t counter = 0;
  };
  // What the tree covers. Each use works on one copy, from the check to the last byte: memory that
  // changes in between is of no use to whoever changes it.
  struct Traffic {
    Direction send;
    Direction receive;
    uint64_t request = 0;  // Waited for; 0 when none.
  };
  static constexpr size_t kContentBytes = 8 + 16 + 8 + 2 * (8 + crypto::kAeadKeyBytes);
  using Content = util::Secret<kContentBytes>;

  Content ContentOf(const Traffic& traffic) const;

  const uint64_t id_;
  const BackupId backup_id_;
  util::Mutex mutex_;
  Phase phase_ SVR2_GUARDED_BY(mutex_) = Phase::kHandshake;
  bool busy_ SVR2_GUARDED_BY(mutex_) = false;
  uint64_t busy_since_ SVR2_GUARDED_BY(mutex_) = 0;
  // Whose message holds items of this session that the host has not yet taken; null when none.
  const void* sending_ SVR2_GUARDED_BY(mutex_) = nullptr;
  // Until the handshake is through.
  std::shared_ptr<const ServerKey> key_ SVR2_GUARDED_BY(mutex_);
  Traffic traffic_ SVR2_GUARDED_BY(mutex_);
  integrity::Slot slot_ SVR2_GUARDED_BY(mutex_){};
  bool has_slot_ SVR2_GUARDED_BY(mutex_) = false;
  // Almost always absent.
  std::unique_ptr<std::vector<OutItem>> outbox_ SVR2_GUARDED_BY(mutex_);
};

class Session::Opened {
 private:
  friend class Session;
  Traffic traffic_;
  Content before_;
};

}  // namespace svr2::client

#endif  // SVR2_CLIENT_SESSION_H_
