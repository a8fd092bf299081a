// SPDX-License-Identifier: Apache-2.0
//
// One other enclave: its session and its outbox, kept in step. This is what core works with: it
// hands in messages, pushes items, and drains.
//
// Draining, by the thread that gathers an output message to the host:
//
//   bool already;
//   if (!peer->Claim(owner, &already)) return;        // Another thread will take what is there.
//   Output output;
//   while (peer->TakeOutput(surroundings, owner, &output)) {
//     … one PeerOutput for each of output.messages, in order; hand them to the host …
//     … only when that has returned: once more …
//   }                                                  // The claim has ended.

#ifndef SVR2_PEERS_PEER_H_
#define SVR2_PEERS_PEER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "peers/outbox.h"
#include "peers/session.h"

namespace svr2::peers {

// Thread-safe. Push, Claim and connected take at most the outbox's leaf mutex and may be called
// under any lock; all others take the session's first and are called without any lock.
class Peer {
 public:
  Peer(const PeerId& self, const PeerId& peer) : session_(self, peer) {}

  const PeerId& id() const { return session_.peer(); }

  // A session stands. A snapshot.
  bool connected() const { return connected_.load(std::memory_order_acquire); }

  // As Session::Connect; the SYN waits in the outbox. ERROR_PEERS_UNKNOWN after Forget.
  Status Connect(const Surroundings& surroundings, const Identity& self);
  // As Session::Receive, but `received->answer` is in the outbox already. ERROR_PEERS_UNKNOWN after
  // Forget; ERROR_OUT_OF_MEMORY: whatever stood is over, and the other side learns it when it sends
  // next.
  Status Receive(const Surroundings& surroundings, const Identity& self, const Judge& judge,
                 util::ByteView message, Received* received);
  // As Session::Reset; the RST waits in the outbox. `*disconnected`: a session stood.
  Status Reset(const Surroundings& surroundings, bool* disconnected);
  Status Reattest(const Surroundings& surroundings, const Judge& judge,
                  const env::Evidence& evidence);
  Session::Phase phase();
  Result<Attested> attested(const Surroundings& surroundings);
  Result<proto::MinimumLimits> EvidenceValues(const Surroundings& surroundings);

  // As Outbox::Push.
  Status Push(Item&& item) { return outbox_.Push(std::move(item)); }
  // As Outbox::Claim and Release.
  bool Claim(const void* owner, bool* already) { return outbox_.Claim(owner, already); }
  void Release(const void* owner) { outbox_.Release(owner); }

  // What one TakeOutput gives.
  struct Output {
    // In order, each the data of one PeerOutput.
    std::vector<std::string> messages;
    // Not OK: sending failed (the outbox was full, an item was too large, no random bytes) and the
    // session was reset; or ERROR_INTEGRITY_MISMATCH: the caller stops for good.
    Status status;
    // The session is over by that.
    bool disconnected = false;
    // For the metrics.
    size_t pieces = 0;
    size_t data_bytes = 0;
  };
  // Encodes and encrypts what waits, up to about kFrameTargetBytes. False when nothing did: then
  // the claim has ended. Needs the claim.
  bool TakeOutput(const Surroundings& surroundings, const void* owner, Output* output);

  // For Table: ends everything for good and gives the slots back; every later call but Push, which
  // drops or refuses, answers ERROR_PEERS_UNKNOWN.
  Status Forget(const Surroundings& surroundings);

 private:
  friend class Table;

  // Brings outbox and connected_ in step with what happened.
  void Follow(bool disconnected, bool connected, uint64_t epoch, std::string control)
      SVR2_REQUIRES(session_.mutex());
  Status DoReset(const Surroundings& surroundings, bool* disconnected, std::string* reset)
      SVR2_REQUIRES(session_.mutex());

  Session session_;
  Outbox outbox_;
  std::atomic<bool> connected_{false};
  bool forgotten_ SVR2_GUARDED_BY(session_.mutex()) = false;
  // When it was last asked for, by Table.
  std::atomic<uint64_t> last_active_tick_{0};
};

}  // namespace svr2::peers

#endif  // SVR2_PEERS_PEER_H_
