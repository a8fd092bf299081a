// SPDX-License-Identifier: Apache-2.0
//
// Core's part for its sessions with other enclaves: who is connected to whom, how old evidence may
// be, whose clock is known, and what is under way between them. Source: protocol.md §5.

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "attestation/own_evidence.h"
#include "core/call.h"
#include "core/core.h"
#include "core/oneof.h"

namespace svr2::core {

namespace {

// Between two timestamps to one peer: often beside attestation's seconds, seldom beside messages.
constexpr uint64_t kTimestampIntervalTicks = 20;

// A peer that is no member and not connected is forgotten after so long.
constexpr uint64_t kForgetPeerTicks = 600;

}  // namespace

std::shared_ptr<peers::Peer> Core::FindPeer(const raft::PeerId& id) {
  return peers_.Find(id, now_tick_.load(std::memory_order_relaxed));
}

bool Core::IsConnected(const raft::PeerId& id) {
  const std::shared_ptr<peers::Peer> peer = FindPeer(id);
  return peer != nullptr && peer->connected();
}

// What our own evidence names: the group, or none while we join.
proto::RaftGroupConfig Core::OwnConfig() {
  const Result<proto::RaftGroupConfig> group = replica_.Group();
  return group.ok() ? *group : settings_.group;
}

// What a peer's evidence must show. A member must name our group, a stranger may be joining it.
attestation::Expectation Core::PeerExpectation(const raft::PeerId& peer) {
  attestation::Expectation expectation;
  expectation.measurement = env_->Measurement();
  const Result<proto::RaftGroupConfig> group = replica_.Group();
  expectation.config = group.ok() ? *group : settings_.group;
  expectation.group_id = attestation::GroupIdRule::kAnyExistingGroup;
  if (!group.ok()) return expectation;
  const Snapshot snapshot = replica_.TakeSnapshot();
  expectation.minimums = snapshot.minimums.ToProto();
  const bool member = std::any_of(snapshot.members.begin(), snapshot.members.end(),
                                  [&peer](const raft::Member& entry) { return entry.id == peer; });
  expectation.group_id =
      member ? attestation::GroupIdRule::kOurs : attestation::GroupIdRule::kOursOrNone;
  return expectation;
}

// Group time, or before there is one the own host's clock.
uint64_t Core::JudgeSeconds() {
  const Result<uint64_t> time = replica_.GroupTimeSeconds();
  return time.ok() ? *time : replica_.own_seconds();
}

// What evidence of this moment names, as one string: it is out of date when that changes.
std::string Core::EvidenceNames() {
  return std::to_string(OwnConfig().group_id()) + '/' +
         replica_.TakeSnapshot().minimums.serialized();
}

// New evidence for peers; it goes to each of them with the next timestamp. No lock is held while it
// is made.
void Core::RefreshPeerEvidence(Call* call) {
  std::string names;
  Result<env::Evidence> evidence = proto::ERROR_OUT_OF_MEMORY;
  try {
    // Before what it describes is read: should that change meanwhile, this evidence is old at once.
    names = EvidenceNames();
    evidence = attestation::MakeOwnEvidence(env_, peer_keys_.public_key, OwnConfig(),
                                            replica_.TakeSnapshot().minimums.ToProto());
  } catch (const std::bad_alloc&) {
    evidence = proto::ERROR_OUT_OF_MEMORY;
  }
  if (!evidence.ok()) {
    metrics_.Increment(proto::COUNTER_EVIDENCE_FAILURES);
    metrics_.CountError(evidence.error());
    Log(proto::LOG_LEVEL_ERROR,
        "cannot make evidence for peers: " + proto::Error_Name(evidence.error()), call);
    return;
  }
  metrics_.Increment(proto::COUNTER_EVIDENCE_REFRESHES);
  util::MutexLock lock(&links_mutex_);
  peer_evidence_ = std::make_shared<const env::Evidence>(std::move(*evidence));
  peer_evidence_names_ = std::move(names);
  peer_evidence_tick_ = now_tick_.load(std::memory_order_relaxed);
  for (auto& [id, link] : links_) link.next_timestamp_tick = 0;
  ++peer_evidence_version_;
}

// For a handshake. Evidence made before the group was founded or loaded, or before its minimums
// were raised, would be refused by everyone: never that.
std::shared_ptr<const env::Evidence> Core::PeerEvidence(Call* call) {
  const std::string names = EvidenceNames();
  {
    util::MutexLock lock(&links_mutex_);
    if (peer_evidence_ != nullptr && peer_evidence_names_ == names) return peer_evidence_;
  }
  RefreshPeerEvidence(call);
  util::MutexLock lock(&links_mutex_);
  return peer_evidence_names_ == names ? peer_evidence_ : nullptr;
}

void Core::TickPeers(Call* call) {
  const uint64_t now = now_tick_.load(std::memory_order_relaxed);
  for (const PeerTransactions::Open& open : transactions_.TakeExpired(now)) {
    metrics_.Increment(proto::COUNTER_PEER_REQUEST_TIMEOUTS);
    FailTransaction(open, proto::ERROR_PEERS_REQUEST_TIMEOUT, call);
    // A peer that is silent even to this has no session worth keeping.
    if (open.kind != proto::PeerRequest::kTimestamp) continue;
    const std::shared_ptr<peers::Peer> peer = FindPeer(open.peer);
    if (peer != nullptr) ResetSession(peer, proto::ERROR_PEERS_REQUEST_TIMEOUT, call);
  }
  const std::string names = EvidenceNames();
  bool refresh;
  {
    util::MutexLock lock(&links_mutex_);
    // Also when what it names has changed and new evidence could not be made then: peers that were
    // shown it as a joiner's would take no part of ours in consensus.
    refresh = peer_evidence_ != nullptr &&
              (now >= peer_evidence_tick_ + settings_.attestation_refresh_ticks ||
               peer_evidence_names_ != names);
  }
  if (refresh) RefreshPeerEvidence(call);
  const std::vector<raft::Member> members = replica_.Members();
  ConnectMembers(members, now, call);
  const Result<uint64_t> time = replica_.GroupTimeSeconds();
  for (const std::shared_ptr<peers::Peer>& peer : peers_.Connected()) {
    call->Touch(peer);  // Should calls before have left something (OutputBatch::kMaxRounds).
    if (time.ok() && EvidenceTooOld(*peer, *time)) {
      ResetSession(peer, proto::ERROR_ATTESTATION_TOO_OLD, call);
    } else {
      SendTimestamp(peer, now, call);
    }
  }
  ForgetPeers(members, now, call);
}

bool Core::EvidenceTooOld(peers::Peer& peer, uint64_t now_seconds) {
  const Result<peers::Attested> attested = peer.attested(surroundings());
  if (!attested.ok()) return false;  // No session any more.
  const uint64_t verified = attested->verified_at_seconds;
  return now_seconds > verified && now_seconds - verified > settings_.group.attestation_timeout();
}

// Between members the lower id initiates. A joiner may always, and a member that hears no leader:
// others may have removed it while it was away, and wait for nobody.
void Core::ConnectMembers(const std::vector<raft::Member>& members, uint64_t now, Call* call) {
  bool member = false;
  for (const raft::Member& entry : members) member |= entry.id == peer_id();
  const bool waits = member && replica_.HearsLeader();
  for (const raft::Member& entry : members) {
    if (entry.id == peer_id() || (waits && entry.id < peer_id()) || IsConnected(entry.id)) {
      continue;
    }
    {
      util::MutexLock lock(&links_mutex_);
      Link& link = links_[entry.id];
      if (now < link.next_attempt_tick) continue;
      link.next_attempt_tick = now + settings_.election_ticks;
    }
    metrics_.CountError(Connect(entry.id, call).error());
  }
}

// Our clock, and our evidence where the peer has not got the newest.
void Core::SendTimestamp(const std::shared_ptr<peers::Peer>& peer, uint64_t now, Call* call) {
  proto::PeerRequest ask;
  proto::Timestamp* const timestamp = SetMember(&ask, &proto::PeerRequest::set_allocated_timestamp);
  {
    util::MutexLock lock(&links_mutex_);
    Link& link = links_[peer->id()];
    if (now < link.next_timestamp_tick) return;
    link.next_timestamp_tick = now + kTimestampIntervalTicks;
    if (peer_evidence_ != nullptr && link.evidence_version != peer_evidence_version_) {
      timestamp->set_evidence(peer_evidence_->evidence);
      timestamp->set_endorsements(peer_evidence_->endorsements);
      link.evidence_version = peer_evidence_version_;
    }
  }
  timestamp->set_unix_time_ms(own_unix_ms_.load(std::memory_order_relaxed));
  metrics_.CountError(Ask(peer->id(), std::move(ask), util::SecretBytes(), 0, call).error());
}

void Core::TakeTimestamp(const Asker& asker, const proto::Timestamp& timestamp, Call* call) {
  const std::shared_ptr<peers::Peer>& peer = asker.peer;
  if (!timestamp.evidence().empty()) {
    const attestation::Expectation expectation = PeerExpectation(peer->id());
    const peers::Judge judge{expectation, JudgeSeconds()};
    const Status status = peer->Reattest(
        surroundings(), judge, env::Evidence{timestamp.evidence(), timestamp.endorsements()});
    if (!status.ok()) return ResetSession(peer, status.error(), call);
  }
  replica_.SetPeerClock(peer->id(), timestamp.unix_time_ms());
  proto::PeerReply reply;
  SetMember(&reply, &proto::PeerReply::set_allocated_timestamp);
  Answer(asker, std::move(reply), util::SecretBytes(), call);
}

void Core::ForgetPeers(const std::vector<raft::Member>& members, uint64_t now, Call* call) {
  std::vector<raft::PeerId> ids;
  ids.reserve(members.size());
  for (const raft::Member& member : members) ids.push_back(member.id);
  peers_.SetMembers(ids);
  const Result<size_t> forgotten = peers_.ForgetIdle(surroundings(), now, kForgetPeerTicks);
  if (!forgotten.ok()) return StopFor(forgotten.error(), call);
  if (*forgotten == 0) return;
  util::MutexLock lock(&links_mutex_);
  for (auto link = links_.begin(); link != links_.end();) {
    const auto& peers = peers_.All();
    const bool known = std::any_of(peers.begin(), peers.end(),
                                   [&link](const auto& peer) { return peer->id() == link->first; });
    link = known ? std::next(link) : links_.erase(link);
  }
}

}  // namespace svr2::core
