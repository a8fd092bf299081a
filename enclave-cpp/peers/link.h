// SPDX-License-Identifier: Apache-2.0
//
// The keys and counters of one session with a peer once its handshake is through, and what the
// peer's evidence said. All of it stands under the enclave's integrity tree: a session of which any
// part of the memory is put back is found out at its next use. And should *all* memory be put back,
// tree included, still no key and nonce ever encrypt two plaintexts: each piece has a key of its
// own, made of the direction's key, the counter and 32 bytes fresh from the CPU.
//
// DATA after its header is a sequence of pieces, each
//   u64 counter ‖ 32 fresh random bytes ‖ AES-256-GCM(piece) with its tag
// under the key BLAKE2b-256(direction's key, counter ‖ random bytes), the counter as nonce, and as
// associated data the session's tag and one byte, 1 in the last piece of a message, else 0. All
// pieces but the last are full. The receiver takes no counter but the next one.
//
// Source: protocol.md §5 "DATA", design.md §4 "Integrity" and §7 invariant 5.

#ifndef SVR2_PEERS_LINK_H_
#define SVR2_PEERS_LINK_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/x25519.h"
#include "env/env.h"
#include "integrity/tree.h"
#include "noise/handshake.h"
#include "peers/wire.h"
#include "raft/types.h"
#include "util/bytes.h"
#include "util/endian.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::peers {

using raft::PeerId;

// Most plaintext in one piece and in one message, in bytes.
inline constexpr size_t kMaxPieceBytes = 64 * 1024;
inline constexpr size_t kMaxPlaintextBytes = size_t{4} << 20;
inline constexpr size_t kPieceOverheadBytes = 8 + 32 + crypto::kAeadTagBytes;

// Size of the DATA message for a plaintext.
constexpr size_t DataMessageBytes(size_t plaintext_bytes) {
  const size_t pieces =
      plaintext_bytes == 0 ? 1 : (plaintext_bytes + kMaxPieceBytes - 1) / kMaxPieceBytes;
  return kHeaderBytes + plaintext_bytes + pieces * kPieceOverheadBytes;
}
inline constexpr size_t kMaxDataMessageBytes = DataMessageBytes(kMaxPlaintextBytes);

// What is remembered of a peer's accepted evidence.
struct Attested {
  uint64_t group_id = 0;             // Of its configuration; 0: it belongs to no group, it joins.
  uint64_t verified_at_seconds = 0;  // Group time of the verification: its age counts from here.
  crypto::Digest values_hash{};      // Of the serialized evidence values.
  bool joins() const { return group_id == 0; }
};

// Thread-compatible: guarded by its owner's mutex.
class Link {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Needs a closed link. Fails with ERROR_INTEGRITY_FULL, _MISMATCH, ERROR_OUT_OF_MEMORY; it is
  // closed then.
  Status Open(integrity::Tree* tree, const PeerId& peer, const Tag& tag, const noise::Session& keys,
              const Attested& attested);
  // Takes over what `other`, which is closed then, holds. Needs a closed link.
  void TakeFrom(Link* other);
  // Wipes the keys and gives up the slot. Fails with ERROR_INTEGRITY_MISMATCH when the memory was
  // altered. Harmless when closed already.
  Status Close(integrity::Tree* tree);

  bool is_open() const { return open_; }
  const Tag& tag() const { return traffic_.tag; }
  // The tag as a number: names the session among all that this enclave ever had.
  uint64_t epoch() const { return util::LoadBigEndian64(traffic_.tag.data()); }

  // Replaces `*message` by a whole DATA message, and `*pieces` by their number. Needs an open link.
  // Fails with ERROR_PEERS_MESSAGE_TOO_LARGE, ERROR_RANDOM_FAILED, ERROR_CRYPTO_NONCE_EXHAUSTED,
  // ERROR_CRYPTO_UNAVAILABLE, ERROR_INTEGRITY_MISMATCH; then `*message` is empty, nothing of it has
  // got out, and the caller ends the session.
  Status Seal(env::Env* env, integrity::Tree* tree, util::ByteView plaintext, std::string* message,
              size_t* pieces);

  // Replaces `*plaintext` by the content of the DATA message with these pieces, and `*attested` by
  // what is known of the sender. Memory grows with what has been authenticated, by at most one
  // piece more. Needs an open link. Fails with ERROR_PEERS_MALFORMED_MESSAGE (no pieces, too short
  // ones), ERROR_PEERS_MESSAGE_TOO_LARGE, ERROR_PEERS_OUT_OF_ORDER (another counter than the next),
  // ERROR_CRYPTO_DECRYPT_FAILED, ERROR_INTEGRITY_MISMATCH; then `*plaintext` is empty and the
  // caller ends the session.
  Status Unseal(integrity::Tree* tree, util::ByteView body, util::SecretBytes* plaintext,
                size_t* pieces, Attested* attested);

  // What is known of the peer, checked against the tree. Needs an open link.
  Result<Attested> attested(integrity::Tree* tree) const;
  Status SetAttested(integrity::Tree* tree, const Attested& attested);

 private:
  friend class SessionPeer;  // Tests reach the memory through it, to roll it back.

  struct Direction {
    crypto::AeadKey key;
    uint64_t counter = 0;
  };
  // What the tree covers. Each use works on one copy, from the check to the last byte: memory that
  // changes in between is of no use to whoever changes it.
  struct Traffic {
    PeerId peer{};
    Tag tag{};
    Direction send;
    Direction receive;
    Attested attested;
  };
  static constexpr size_t kContentBytes =
      32 + kTagBytes + 2 * (8 + crypto::kAeadKeyBytes) + 8 + 8 + crypto::kSha256Bytes;
  using Content = util::Secret<kContentBytes>;
  static Content ContentOf(const Traffic& traffic);

  Traffic traffic_;
  integrity::Slot slot_{};
  bool open_ = false;
};

}  // namespace svr2::peers

#endif  // SVR2_PEERS_LINK_H_
