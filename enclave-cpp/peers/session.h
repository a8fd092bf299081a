// SPDX-License-Identifier: Apache-2.0
//
// The attested session with one other enclave: handshake, confirmation, DATA both ways, reset. A
// state machine: it is given messages and hands back what to send; no output is made here. The
// handshake is Noise KKhfs (X25519 with ML-KEM-1024, AES-256-GCM, SHA-256); both ends know each
// other's key, which is the peer's id, and show evidence for it in their first message.
//
// States. Of each of these there is at most one, and at most the tags of three are alive:
//   attempt    we sent a SYN and wait for the SYN-ACK;
//   candidate  we answered a SYN and wait for the first DATA under the new keys;
//   link       the session that stands.
//
//               Connect                    SYN-ACK verified
//       idle ───────────▶ attempt ─────────────────────────────▶ connected (sends an empty DATA)
//         │                  │ SYN verified, and theirs wins
//         │ SYN verified     ▼
//         └──────────────▶ candidate ──────────────────────────▶ connected
//                                     first DATA verified
//
// *Replay.* A host can repeat an old SYN; it verifies, since a responder has nothing fresh in it.
// So a SYN alone proves nothing about now: its answer's keys stand beside those of the link as
// candidate, and take their place only when a DATA message under them verifies, which takes the
// initiator's ephemeral key. (Every initiator sends one at once, an empty one.) A replayed SYN thus
// never harms a session that works, while a peer that has truly lost its session gets a new one.
// Nothing is sent under a candidate's keys: before the confirmation there is only weak forward
// secrecy. A repeated SYN of the candidate or the link is not worked on at all.
//
// *Crossing SYNs.* The lower id's wins: the side with the higher id drops its own attempt when the
// other's SYN has verified, the side with the lower id ignores the other's while its own is under
// way. Between members only the lower id initiates; a joiner may always. Whether to initiate is the
// caller's to decide.
//
// *Errors.* A message that does not verify ends the handshake or session that its tag names, on
// both sides: a RST goes out. It does not end another one: a broken SYN leaves the link alone,
// since it is no part of that.
//
// Source: protocol.md §5, design.md §7 invariant 5.

#ifndef SVR2_PEERS_SESSION_H_
#define SVR2_PEERS_SESSION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "attestation/policy.h"
#include "crypto/x25519.h"
#include "env/env.h"
#include "integrity/tree.h"
#include "noise/handshake.h"
#include "peers/link.h"
#include "peers/wire.h"
#include "svr2/config.pb.h"
#include "util/bytes.h"
#include "util/mutex.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::peers {

// Ourselves. `keys.public_key` is our peer id, and `evidence` binds it.
struct Identity {
  const crypto::KeyPair& keys;
  const env::Evidence& evidence;
};

// What the peer's evidence must be, now. `expectation.group_id` as the caller knows the peer:
// members judge each other with kOurs, a stranger with kOursOrNone; a joiner judges with
// kAnyExistingGroup until it has a group.
struct Judge {
  const attestation::Expectation& expectation;
  uint64_t now_seconds;  // Group time; before there is one, the own host's.
};

// What a session works with in one call. The pointers outlive the call.
struct Surroundings {
  env::Env* env;
  integrity::Tree* tree;
};

// What came of one message.
struct Received {
  // To be sent to the peer, before anything under the session's keys; empty: nothing.
  std::string answer;
  // The session of the epoch before is over: what was asked in it and not answered is unknown.
  bool disconnected = false;
  // A new session stands, under `epoch`.
  bool connected = false;
  // DATA arrived, in the session of that epoch. Empty data is no frame: it only confirms.
  bool has_data = false;
  util::SecretBytes data;
  size_t pieces = 0;
  // Pieces in `answer`: 1 when it is a confirmation.
  size_t pieces_sent = 0;
  // Of the session in which `data` came or which now stands.
  uint64_t epoch = 0;
  // With has_data or connected: who sent it, as checked against the tree.
  Attested attested;
};

// True when among members `self` is the one to initiate.
inline bool Initiates(const PeerId& self, const PeerId& peer) { return self < peer; }

// Guarded by its own mutex, which is taken after no other; under it the integrity tree's is taken
// and the outbox's. A handshake costs 200 µs and the verification of evidence on hardware
// milliseconds: both run under this mutex, so that one peer costs one handshake at a time.
class Session {
 public:
  // Slots of the integrity tree that a session may take.
  static constexpr uint32_t kMaxSlots = 3;

  enum class Phase : uint8_t {
    kIdle,
    kSynSent,    // An attempt of ours.
    kAnswered,   // A candidate, and no link.
    kConnected,  // A link, perhaps with a candidate beside it.
  };

  // `self` and `peer` differ.
  Session(const PeerId& self, const PeerId& peer);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const PeerId& peer() const { return peer_; }
  util::Mutex* mutex() SVR2_RETURN_CAPABILITY(mutex_) { return &mutex_; }

  Phase phase() const SVR2_REQUIRES(mutex_);
  // Of the session that stands, never used before (its tag as a number); 0 when none does.
  uint64_t epoch() const SVR2_REQUIRES(mutex_) { return link_.is_open() ? link_.epoch() : 0; }

  // Starts a handshake and replaces `*syn` by what is to be sent. An attempt or candidate that was
  // under way is dropped (this is how the caller repeats an attempt that took too long). Fails with
  // ERROR_PEERS_UNEXPECTED when connected, ERROR_CRYPTO_BAD_KEY when the peer's id is no good key,
  // ERROR_PEERS_MESSAGE_TOO_LARGE when our evidence is too large, ERROR_RANDOM_FAILED,
  // ERROR_INTEGRITY_…; `*syn` is then empty.
  Status Connect(const Surroundings& surroundings, const Identity& self, std::string* syn)
      SVR2_REQUIRES(mutex_);

  // Takes one message of the peer. `*received` is replaced and counts also after a failure: its
  // answer is to be sent, and it says whether the session is over. Fails with
  //   ERROR_PEERS_MALFORMED_MESSAGE, ERROR_NOISE_…, ERROR_CRYPTO_…, ERROR_PEERS_MESSAGE_TOO_LARGE
  //   ERROR_ATTESTATION_…        evidence that is refused;
  //   ERROR_PEERS_WRONG_KEY      evidence for another key than the peer's id;
  //   ERROR_PEERS_UNEXPECTED     a SYN repeated, a SYN-ACK to nothing that we asked;
  //   ERROR_PEERS_NOT_CONNECTED  DATA of no session that we have;
  //   ERROR_PEERS_OUT_OF_ORDER   DATA repeated, lost or exchanged on the way;
  //   ERROR_RANDOM_FAILED, ERROR_INTEGRITY_FULL, ERROR_OUT_OF_MEMORY;
  //   ERROR_INTEGRITY_MISMATCH   memory was altered: the caller stops for good.
  // A RST is no failure, nor is a SYN that loses against ours.
  Status Receive(const Surroundings& surroundings, const Identity& self, const Judge& judge,
                 util::ByteView message, Received* received) SVR2_REQUIRES(mutex_);

  // Replaces `*message` by a DATA message with `plaintext`, for the session of that epoch. Fails
  // with ERROR_PEERS_NOT_CONNECTED when another or none stands (nothing else happens), and as
  // Link::Seal does (the caller resets). Then `*message` is empty.
  Status Encrypt(const Surroundings& surroundings, uint64_t epoch, util::ByteView plaintext,
                 std::string* message, size_t* pieces) SVR2_REQUIRES(mutex_);

  // Ends whatever is alive and replaces `*reset` by the RST that says so, or by nothing. Fails with
  // ERROR_INTEGRITY_MISMATCH: the caller stops for good.
  Status Reset(integrity::Tree* tree, std::string* reset) SVR2_REQUIRES(mutex_);
  // The same without a word, and without memory, which may be what ran out.
  Status Drop(integrity::Tree* tree) SVR2_REQUIRES(mutex_);

  // Judges new evidence of a peer that we are connected with. A peer without a group may now have
  // one; one that had a group keeps it. Fails with ERROR_PEERS_NOT_CONNECTED,
  // ERROR_PEERS_WRONG_KEY, ERROR_ATTESTATION_…; the caller then resets. With
  // ERROR_INTEGRITY_MISMATCH it stops for good.
  Status Reattest(const Surroundings& surroundings, const Judge& judge,
                  const env::Evidence& evidence) SVR2_REQUIRES(mutex_);

  // What is known of the peer, as the tree confirms it. Fails with ERROR_PEERS_NOT_CONNECTED and
  // ERROR_INTEGRITY_MISMATCH.
  Result<Attested> attested(integrity::Tree* tree) const SVR2_REQUIRES(mutex_);
  // The values of its evidence that minimums are compared with (attestation::EvidenceValues). Fails
  // as attested does.
  Result<proto::MinimumLimits> EvidenceValues(integrity::Tree* tree) const SVR2_REQUIRES(mutex_);

 private:
  friend class SessionPeer;  // Tests reach the memory through it, to roll it back.

  // Evidence that was accepted.
  struct Verdict {
    Attested attested;
    proto::MinimumLimits values;
  };
  // A SYN of ours that is not yet answered. Its slot says which: state of an earlier attempt that
  // is put back is found out.
  struct Attempt {
    static constexpr size_t kContentBytes = sizeof(PeerId) + kTagBytes;
    std::array<uint8_t, kContentBytes> Content(const PeerId& peer) const;

    Tag tag;
    noise::HandshakeState handshake;
    integrity::Slot slot{};
  };

  Result<Verdict> JudgeEvidence(env::Env* env, const Judge& judge, util::ByteView evidence,
                                util::ByteView endorsements) const;
  Status OnSyn(const Surroundings& surroundings, const Identity& self, const Judge& judge,
               const MessageView& message, Received* received) SVR2_REQUIRES(mutex_);
  Status OnSynAck(const Surroundings& surroundings, const Judge& judge, const MessageView& message,
                  Received* received) SVR2_REQUIRES(mutex_);
  Status Confirm(const Surroundings& surroundings, const Tag& tag, const noise::Session& keys,
                 Verdict verdict, Received* received) SVR2_REQUIRES(mutex_);
  Status OnData(const Surroundings& surroundings, const MessageView& message, Received* received)
      SVR2_REQUIRES(mutex_);
  Status OnReset(const Surroundings& surroundings, const MessageView& message, Received* received)
      SVR2_REQUIRES(mutex_);
  Status DropAttempt(integrity::Tree* tree) SVR2_REQUIRES(mutex_);

  const PeerId self_;
  const PeerId peer_;
  util::Mutex mutex_;
  std::unique_ptr<Attempt> attempt_ SVR2_GUARDED_BY(mutex_);
  Link link_ SVR2_GUARDED_BY(mutex_);
  proto::MinimumLimits link_values_ SVR2_GUARDED_BY(mutex_);
  Link candidate_ SVR2_GUARDED_BY(mutex_);
  proto::MinimumLimits candidate_values_ SVR2_GUARDED_BY(mutex_);
};

}  // namespace svr2::peers

#endif  // SVR2_PEERS_SESSION_H_
