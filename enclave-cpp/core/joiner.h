// SPDX-License-Identifier: Apache-2.0
//
// How a replica without a group becomes a member of one, as a state machine without side effects:
// it is told what happened and says what to do next. Sources are tried in turn, over and over.
// Until all rows are here a failure costs only time: what was loaded is dropped, the next source is
// asked. From then on the replica may already count for the group, so nothing is dropped any more;
// it asks for membership until it has it. Source: protocol.md §5 "Joining", design.md §4 "Joining".

#ifndef SVR2_CORE_JOINER_H_
#define SVR2_CORE_JOINER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "raft/types.h"
#include "svr2/boundary.pb.h"
#include "util/status.h"

namespace svr2::core {

struct JoinerOptions {
  // No answer for so long: the source is given up.
  uint64_t patience_ticks = 30;
  // Between a failure and the next attempt.
  uint64_t pause_ticks = 5;
  // Further voters whose digests must be equal (super_majority), or all there are while a group is
  // being founded and has fewer.
  size_t voters_to_compare = 0;
};

// What the owner is to do. Its result comes back by the method named beside it.
struct JoinAction {
  enum class Kind : uint8_t {
    kNone,
    kAskRoute,       // Ask the host for a route to `peer`: OnRoute.
    kConnect,        // Start a session with `peer`: OnConnected, OnRefused or OnPeerLost.
    kGetGroup,       // Ask `peer`: OnGroup.
    kReplicate,      // Begin to load, then ask `peer` for a stream: OnStream, then OnPush.
    kAbandon,        // Drop what was loaded.
    kCompare,        // Ask `peer` for its digest and compare: OnCompared.
    kCompared,       // Enough voters have equal digests.
    kAskMembership,  // Ask `peer` to have us added: no answer is needed.
    kDone,           // A member.
  };
  Kind kind = Kind::kNone;
  raft::PeerId peer{};
};

// Thread-compatible: the owner serializes calls.
class Joiner {
 public:
  // Beyond, further sources are ignored.
  static constexpr size_t kMaxSources = 64;

  explicit Joiner(const JoinerOptions& options) : options_(options) {}

  // Begins joining, or adds sources while at it.
  void AddSource(const raft::PeerId& peer);
  bool active() const { return phase_ != Phase::kIdle && phase_ != Phase::kDone; }

  // Time passes. `member`: the own membership is committed. `ready_to_ask`: a quorum's clocks are
  // known. `voters`: all voters of the group. `connected`: those that can be asked.
  JoinAction Tick(uint64_t now_tick, bool member, bool ready_to_ask,
                  const std::vector<raft::PeerId>& voters,
                  const std::vector<raft::PeerId>& connected);

  // Events. One that does not fit the phase or names another peer changes nothing.
  JoinAction OnRoute(const raft::PeerId& peer, bool reachable);
  JoinAction OnConnected(const raft::PeerId& peer);
  // Its evidence, or another part of its handshake, was refused here.
  JoinAction OnRefused(const raft::PeerId& peer, Error error);
  JoinAction OnPeerLost(const raft::PeerId& peer, Error error);
  JoinAction OnGroup(const raft::PeerId& peer, Status status);
  JoinAction OnStream(const raft::PeerId& peer, Status status);
  JoinAction OnPush(const raft::PeerId& peer, Status status, bool loaded);
  // OK, ERROR_CORE_JOINING (not comparable yet), or another error: asked again later.
  JoinAction OnCompared(const raft::PeerId& peer, Status status);

  proto::JoinPhase phase() const;
  // The peer that rows come from, or an empty optional-like zero id.
  const raft::PeerId& source() const { return source_; }
  uint32_t attempts_failed() const { return attempts_failed_; }
  Error last_error() const { return last_error_; }

 private:
  enum class Phase : uint8_t {
    kIdle,
    kPausing,
    kRouting,
    kConnecting,
    kAskingGroup,
    kStartingStream,
    kLoading,
    kComparing,
    kAsking,
    kDone,
  };

  bool IsSource(Phase phase, const raft::PeerId& peer) const {
    return phase_ == phase && source_ == peer;
  }
  JoinAction Act(JoinAction::Kind kind, const raft::PeerId& peer) const {
    return JoinAction{kind, peer};
  }
  void Enter(Phase phase);
  JoinAction Fail(Error error);
  JoinAction NextSource();
  JoinAction TickLoaded(bool member, bool ready_to_ask, const std::vector<raft::PeerId>& connected);
  JoinAction EndComparing();
  bool HasCompared(const raft::PeerId& peer) const;

  const JoinerOptions options_;
  Phase phase_ = Phase::kIdle;
  std::vector<raft::PeerId> sources_;
  size_t next_source_ = 0;
  raft::PeerId source_{};
  uint64_t now_tick_ = 0;
  uint64_t deadline_tick_ = 0;
  uint32_t attempts_failed_ = 0;
  Error last_error_ = proto::OK;
  // Voters to compare with, and those whose digests were equal.
  size_t to_compare_ = 0;
  std::vector<raft::PeerId> compared_;
  size_t turn_ = 0;
};

}  // namespace svr2::core

#endif  // SVR2_CORE_JOINER_H_
