// SPDX-License-Identifier: Apache-2.0
//
// What this enclave has asked of other enclaves and not yet been answered. A reply counts once, and
// only from the peer that was asked; what is not answered in time, or whose session ends, fails.
// Source: protocol.md §5 "Enclave-to-enclave transactions".

#ifndef SVR2_CORE_PEER_TRANSACTIONS_H_
#define SVR2_CORE_PEER_TRANSACTIONS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "raft/types.h"
#include "svr2/peer_message.pb.h"
#include "util/mutex.h"
#include "util/status.h"

namespace svr2::core {

// Thread-safe; its mutex is a leaf.
class PeerTransactions {
 public:
  // No more are open at a time: a peer that answers nothing costs no more memory than this.
  static constexpr size_t kMaxOpen = 65536;

  using Kind = proto::PeerRequest::RequestCase;

  struct Open {
    uint64_t id = 0;
    raft::PeerId peer{};
    Kind kind = proto::PeerRequest::REQUEST_NOT_SET;
    // What the asker wants to remember: a request number, a transaction of the host, …
    uint64_t reference = 0;
    uint64_t begun_tick = 0;
    uint64_t deadline_tick = 0;
  };

  // Opens a transaction under a fresh id, never 0. Fails with ERROR_PEERS_REQUEST_TIMEOUT when
  // kMaxOpen are open.
  Result<uint64_t> Begin(const raft::PeerId& peer, Kind kind, uint64_t reference, uint64_t now_tick,
                         uint64_t timeout_ticks);

  // Ends the transaction that `peer` answers with a reply of that id and kind; nothing when there
  // is none.
  std::optional<Open> Take(const raft::PeerId& peer, uint64_t id);

  // Ends those of a peer whose session ended, those that waited too long, or all.
  std::vector<Open> TakeOfPeer(const raft::PeerId& peer);
  std::vector<Open> TakeExpired(uint64_t now_tick);

  size_t size() const;

 private:
  template <typename Predicate>
  std::vector<Open> TakeIf(Predicate predicate);

  mutable util::Mutex mutex_;
  uint64_t next_id_ SVR2_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Open> open_ SVR2_GUARDED_BY(mutex_);
};

}  // namespace svr2::core

#endif  // SVR2_CORE_PEER_TRANSACTIONS_H_
