// SPDX-License-Identifier: Apache-2.0

#include "core/joiner.h"

#include <algorithm>

namespace svr2::core {

using Kind = JoinAction::Kind;

void Joiner::AddSource(const raft::PeerId& peer) {
  if (phase_ == Phase::kDone) return;
  if (std::find(sources_.begin(), sources_.end(), peer) == sources_.end() &&
      sources_.size() < kMaxSources) {
    sources_.push_back(peer);
  }
  if (phase_ == Phase::kIdle) Enter(Phase::kPausing);
}

void Joiner::Enter(Phase phase) {
  phase_ = phase;
  deadline_tick_ =
      now_tick_ + (phase == Phase::kPausing ? options_.pause_ticks : options_.patience_ticks);
}

JoinAction Joiner::Fail(Error error) {
  ++attempts_failed_;
  last_error_ = error;
  Enter(Phase::kPausing);
  return Act(Kind::kAbandon, source_);
}

JoinAction Joiner::NextSource() {
  source_ = sources_[next_source_ % sources_.size()];
  next_source_ = (next_source_ + 1) % sources_.size();
  Enter(Phase::kRouting);
  return Act(Kind::kAskRoute, source_);
}

JoinAction Joiner::Tick(uint64_t now_tick, bool member, bool ready_to_ask,
                        const std::vector<raft::PeerId>& voters,
                        const std::vector<raft::PeerId>& connected) {
  now_tick_ = now_tick;
  const auto others = std::count_if(voters.begin(), voters.end(),
                                    [this](const raft::PeerId& id) { return id != source_; });
  to_compare_ = std::min(options_.voters_to_compare, static_cast<size_t>(others));
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kDone:
      return JoinAction();
    case Phase::kPausing:
      // The first attempt begins at once.
      if (attempts_failed_ > 0 && now_tick < deadline_tick_) return JoinAction();
      return NextSource();
    case Phase::kRouting:
      return now_tick < deadline_tick_ ? JoinAction() : Fail(proto::ERROR_PEERS_UNREACHABLE);
    case Phase::kConnecting:
    case Phase::kAskingGroup:
    case Phase::kStartingStream:
      return now_tick < deadline_tick_ ? JoinAction() : Fail(proto::ERROR_PEERS_REQUEST_TIMEOUT);
    case Phase::kLoading:
      return now_tick < deadline_tick_ ? JoinAction() : Fail(proto::ERROR_CORE_STREAM_LOST);
    case Phase::kComparing:
    case Phase::kAsking:
      return TickLoaded(member, ready_to_ask, connected);
  }
  return JoinAction();
}

JoinAction Joiner::TickLoaded(bool member, bool ready_to_ask,
                              const std::vector<raft::PeerId>& connected) {
  if (member && phase_ == Phase::kAsking) {
    Enter(Phase::kDone);
    return Act(Kind::kDone, source_);
  }
  if (phase_ == Phase::kComparing && compared_.size() >= to_compare_) return EndComparing();
  if (now_tick_ < deadline_tick_ || connected.empty() || !ready_to_ask) return JoinAction();
  deadline_tick_ = now_tick_ + options_.pause_ticks;
  if (phase_ == Phase::kAsking) {
    return Act(Kind::kAskMembership, connected[turn_++ % connected.size()]);
  }
  for (size_t i = 0; i < connected.size(); ++i) {
    const raft::PeerId& voter = connected[turn_++ % connected.size()];
    // The source's own digest proves nothing against the source.
    if (voter != source_ && !HasCompared(voter)) return Act(Kind::kCompare, voter);
  }
  return JoinAction();
}

bool Joiner::HasCompared(const raft::PeerId& peer) const {
  return std::find(compared_.begin(), compared_.end(), peer) != compared_.end();
}

JoinAction Joiner::OnRoute(const raft::PeerId& peer, bool reachable) {
  if (!IsSource(Phase::kRouting, peer)) return JoinAction();
  if (!reachable) return Fail(proto::ERROR_PEERS_UNREACHABLE);
  Enter(Phase::kConnecting);
  return Act(Kind::kConnect, peer);
}

JoinAction Joiner::OnConnected(const raft::PeerId& peer) {
  if (!IsSource(Phase::kConnecting, peer)) return JoinAction();
  Enter(Phase::kAskingGroup);
  return Act(Kind::kGetGroup, peer);
}

JoinAction Joiner::OnRefused(const raft::PeerId& peer, Error error) {
  return IsSource(Phase::kConnecting, peer) ? Fail(error) : JoinAction();
}

JoinAction Joiner::OnPeerLost(const raft::PeerId& peer, Error error) {
  if (source_ != peer) return JoinAction();
  switch (phase_) {
    case Phase::kConnecting:
    case Phase::kAskingGroup:
    case Phase::kStartingStream:
    case Phase::kLoading:
      return Fail(error);
    default:
      return JoinAction();
  }
}

JoinAction Joiner::OnGroup(const raft::PeerId& peer, Status status) {
  if (!IsSource(Phase::kAskingGroup, peer)) return JoinAction();
  if (!status.ok()) return Fail(status.error());
  Enter(Phase::kStartingStream);
  return Act(Kind::kReplicate, peer);
}

JoinAction Joiner::OnStream(const raft::PeerId& peer, Status status) {
  if (!IsSource(Phase::kStartingStream, peer)) return JoinAction();
  if (!status.ok()) return Fail(status.error());
  Enter(Phase::kLoading);
  return JoinAction();
}

JoinAction Joiner::OnPush(const raft::PeerId& peer, Status status, bool loaded) {
  // The first push may overtake the answer that announces it.
  if (IsSource(Phase::kStartingStream, peer)) Enter(Phase::kLoading);
  if (!IsSource(Phase::kLoading, peer)) return JoinAction();
  if (!status.ok()) return Fail(status.error());
  Enter(Phase::kLoading);
  if (!loaded) return JoinAction();
  Enter(options_.voters_to_compare > 0 ? Phase::kComparing : Phase::kAsking);
  deadline_tick_ = now_tick_;
  return JoinAction();
}

JoinAction Joiner::OnCompared(const raft::PeerId& peer, Status status) {
  if (phase_ != Phase::kComparing || !status.ok() || HasCompared(peer)) return JoinAction();
  compared_.push_back(peer);
  return compared_.size() < to_compare_ ? JoinAction() : EndComparing();
}

JoinAction Joiner::EndComparing() {
  Enter(Phase::kAsking);
  deadline_tick_ = now_tick_;
  return Act(Kind::kCompared, source_);
}

proto::JoinPhase Joiner::phase() const {
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kDone:
      return proto::JOIN_PHASE_NONE;
    case Phase::kPausing:
    case Phase::kRouting:
    case Phase::kConnecting:
    case Phase::kAskingGroup:
      return proto::JOIN_PHASE_CONNECTING;
    case Phase::kStartingStream:
    case Phase::kLoading:
      return proto::JOIN_PHASE_LOADING;
    case Phase::kComparing:
      return proto::JOIN_PHASE_COMPARING;
    case Phase::kAsking:
      return proto::JOIN_PHASE_ASKING;
  }
  return proto::JOIN_PHASE_NONE;
}

}  // namespace svr2::core
