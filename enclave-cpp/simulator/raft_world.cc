// SPDX-License-Identifier: Apache-2.0
//
// Time, the network and what comes out of replicas.

#include "simulator/raft_world.h"

#include <algorithm>
#include <utility>

#include "simulator/raft_text.h"
#include "util/check.h"
#include "util/endian.h"

namespace svr2::simulator {
namespace {

// A handshake that was not answered is begun anew after so many ticks.
constexpr uint64_t kHandshakeTicks = 3;
// What a hostile host remembers of what its enclave heard.
constexpr size_t kMaxHeard = 600;
// After everything healed, the group must work again within so many election timeouts.
constexpr uint64_t kRecoveryElections = 60;

}  // namespace

RaftWorld::RaftWorld(const Plan& plan, Verdict* verdict)
    : plan_(plan),
      verdict_(verdict),
      random_(Random(plan.seed).Fork(1)),
      enclave_random_(Random(plan.seed).Fork(2)),
      network_(plan.hosts(), Random(plan.seed).Fork(3)),
      hosts_(plan.hosts()),
      memberships_(plan.shape.min_voters, plan.shape.voters),
      isolation_(plan.election_ticks) {
  Random(plan.seed).Fork(4).Fill(group_key_.data(), group_key_.size());
}

RaftStatistics RaftWorld::Run() {
  Found();
  for (size_t host = 0; host < hosts_.size(); ++host) {
    hosts_[host].tick_units = random_.Between(85, 115);
    events_.Add(random_.Below(kUnitsPerTick), EventKind::kTick, host);
    if (host > 0) events_.Add(kUnitsPerTick * host, EventKind::kStart, host);
  }
  events_.Add(0, EventKind::kLoad);
  for (size_t i = 0; i < plan_.faults.size(); ++i) {
    events_.Add(plan_.faults[i].at_tick * kUnitsPerTick, EventKind::kFault, i);
  }
  const uint64_t heal = plan_.ticks * kUnitsPerTick;
  events_.Add(heal, EventKind::kHeal);
  const uint64_t end = heal + kRecoveryElections * plan_.election_ticks * kUnitsPerTick;
  while (!verdict_->failed() && events_.next().time <= end && !quiet_committed_) {
    const Event event = events_.Take();
    now_ = event.time;
    verdict_->SetTime(now_);
    Handle(event);
  }
  statistics_.recovered = quiet_committed_;
  if (!quiet_committed_ && Survives(std::nullopt)) {
    verdict_->Violation("recovers", "everything healed and a quorum survived, but nothing commits");
  }
  statistics_.ticks = now_ / kUnitsPerTick;
  statistics_.terms = leaders_.terms();
  statistics_.committed = commits_.highest();
  return statistics_;
}

void RaftWorld::Handle(const Event& event) {
  switch (event.kind) {
    case EventKind::kTick:
      TickHost(event.a);
      break;
    case EventKind::kLink:
      DeliverNext(event.a, event.b);
      break;
    case EventKind::kReset:
      ResetLink(event.a, event.b);
      break;
    case EventKind::kFault:
      if (!quiet_) Do(plan_.faults[event.a]);
      break;
    case EventKind::kLoad:
      Load();
      events_.Add(now_ + random_.Between(20, 400), EventKind::kLoad);
      break;
    case EventKind::kHeal:
      verdict_->Event("-- everything heals --");
      quiet_ = true;
      quiet_proposal_ = next_proposal_ + 1;
      network_.Heal();
      for (Host& host : hosts_) host.paused_until = host.hostile_until = 0;
      break;
    case EventKind::kStart:
      StartJoiner(event.a);
      break;
  }
}

// ---- Time ----

void RaftWorld::TickHost(size_t at) {
  Host& host = hosts_[at];
  const uint64_t slowness = network_.IsSlow(at, now_) ? 3 : 1;
  events_.Add(now_ + host.tick_units * slowness, EventKind::kTick, at);
  if (Paused(at)) return;
  if (!host.replica.has_value()) {
    if (!std::exchange(host.starting, true)) {
      events_.Add(now_ + random_.Between(2, 20) * kUnitsPerTick, EventKind::kStart, at);
    }
    return;
  }
  Replica* const replica = &*host.replica;
  ++replica->ticks;
  replica->raft.Tick();
  if (replica->ticks % kHandshakeTicks == 0) Connect(replica);
  Pump(at);
  if (!host.replica.has_value()) return;
  if (replica->raft.voters() > 1) {
    isolation_.Ticked(replica->number, Isolated(at), replica->raft.is_leader(),
                      replica->raft.term(), verdict_);
  }
  WatchProposals(*replica);
  if (replica->ticks % 4 == 0) {
    AskForMembership(at);
    Heal(at);
    Pump(at);
  }
}

// Nothing reaches it, and nothing that it says reaches anybody.
bool RaftWorld::Isolated(size_t at) const {
  for (size_t other = 0; other < hosts_.size(); ++other) {
    if (other == at || !hosts_[other].replica.has_value()) continue;
    if (!network_.IsCut(at, other, now_) || !network_.IsCut(other, at, now_)) return false;
  }
  return true;
}

// ---- The network ----

raft::PeerId RaftWorld::IdOf(uint32_t number) const {
  raft::PeerId id;
  Random(plan_.seed).Fork(1000 + number).Fill(id.data(), id.size());
  return id;
}

std::optional<size_t> RaftWorld::HostOf(uint32_t number) const {
  const size_t host = host_of_number_[number];
  if (hosts_[host].replica.has_value() && hosts_[host].replica->number == number) return host;
  return std::nullopt;
}

std::optional<uint32_t> RaftWorld::NumberOf(const raft::PeerId& id) const {
  const auto found = number_of_id_.find(id);
  if (found == number_of_id_.end()) return std::nullopt;
  return found->second;
}

void RaftWorld::Transmit(Envelope envelope) {
  const size_t from = host_of_number_[envelope.from];
  const size_t to = host_of_number_[envelope.to];
  if (from == to) return;
  bool lost = false;
  const std::optional<uint64_t> when = network_.Send(from, to, now_, std::move(envelope), &lost);
  if (lost) Lost(from, to);
  if (when.has_value()) events_.Add(*when, EventKind::kLink, from, to);
}

// An honest host notices, and tells both ends.
void RaftWorld::Lost(size_t from, size_t to) {
  events_.Add(now_ + random_.Between(1, 5) * kUnitsPerTick, EventKind::kReset, from, to);
}

void RaftWorld::DeliverNext(size_t from, size_t to) {
  if (Paused(to)) return events_.Add(hosts_[to].paused_until, EventKind::kLink, from, to);
  uint64_t again = 0;
  bool lost = false;
  std::optional<Envelope> envelope = network_.Take(from, to, now_, &again, &lost);
  if (lost) Lost(from, to);
  if (again > 0) events_.Add(again, EventKind::kLink, from, to);
  if (!envelope.has_value()) return;
  ++statistics_.messages;
  Host& host = hosts_[to];
  const bool hostile = now_ < host.hostile_until || now_ < hosts_[from].hostile_until;
  if (hostile) {
    const uint64_t dice = random_.Below(1000);
    if (dice < 60) return;
    if (dice < 120) Deliver(to, *envelope);  // And once more below.
    if (dice < 180 && !host.heard.empty()) Deliver(to, Envelope(random_.Pick(host.heard)));
    if (dice < 200) ++envelope->counter;  // Altered: it does not decrypt.
  }
  Deliver(to, *envelope);
}

void RaftWorld::Deliver(size_t to, const Envelope& envelope) {
  Host& host = hosts_[to];
  if (!host.replica.has_value() || host.replica->number != envelope.to) return;
  Replica* const replica = &*host.replica;
  if (host.heard.size() < kMaxHeard) host.heard.push_back(envelope);
  Session& session = replica->sessions[envelope.from];
  switch (envelope.kind) {
    case EnvelopeKind::kSyn: {
      if (replica->number < envelope.from && session.asked != 0) return;  // Ours wins.
      session = Session();
      session.id = ++next_session_;
      Envelope answer{replica->number,  envelope.from, EnvelopeKind::kSynAck,
                      envelope.session, session.id,    raft::Message()};
      Transmit(std::move(answer));
      replica->raft.PeerConnected(IdOf(envelope.from));
      break;
    }
    case EnvelopeKind::kSynAck:
      if (session.asked == 0 || session.asked != envelope.session) {
        return Drop(replica, envelope.from, true);
      }
      session = Session();
      session.id = envelope.counter;
      replica->raft.PeerConnected(IdOf(envelope.from));
      break;
    case EnvelopeKind::kReset:
      return Drop(replica, envelope.from, false);
    case EnvelopeKind::kData: {
      if (session.id == 0 || session.id != envelope.session ||
          envelope.counter != session.received + 1) {
        return Drop(replica, envelope.from, true);
      }
      ++session.received;
      isolation_.Heard(replica->number);
      const Status status = replica->raft.Step(IdOf(envelope.from), envelope.message);
      if (verdict_->tracing()) {
        verdict_->Event("r" + std::to_string(replica->number) + " <- r" +
                        std::to_string(envelope.from) + " " + TextOf(envelope.message) +
                        (status.ok() ? "" : " : " + proto::Error_Name(status.error())));
      }
      break;
    }
  }
  Pump(to);
}

void RaftWorld::ResetLink(size_t a, size_t b) {
  network_.Reset(a, b);
  for (const auto& [here, there] : {std::pair(a, b), std::pair(b, a)}) {
    if (!hosts_[here].replica.has_value()) continue;
    for (auto& [peer, session] : hosts_[here].replica->sessions) {
      if (host_of_number_[peer] == there) session = Session();
    }
  }
}

void RaftWorld::Drop(Replica* replica, uint32_t peer, bool tell) {
  replica->sessions[peer] = Session();
  if (!tell) return;
  Transmit(Envelope{replica->number, peer, EnvelopeKind::kReset, 0, 0, raft::Message()});
}

// The lower number begins.
void RaftWorld::Connect(Replica* replica) {
  for (const Host& other : hosts_) {
    if (!other.replica.has_value() || other.replica->number <= replica->number) continue;
    Session& session = replica->sessions[other.replica->number];
    if (session.id != 0) continue;
    session.asked = enclave_random_.Next() | 1;
    Transmit(Envelope{replica->number, other.replica->number, EnvelopeKind::kSyn, session.asked, 0,
                      raft::Message()});
  }
}

// ---- What comes out ----

void RaftWorld::Pump(size_t at) {
  for (int round = 0; round < 4; ++round) {
    Host& host = hosts_[at];
    if (!host.replica.has_value()) return;
    Replica* const replica = &*host.replica;
    raft::Output output = replica->raft.TakeOutput();
    if (output.stopped.has_value()) {
      stops_.Stopped(replica->number, *output.stopped, !victims_.empty(), verdict_);
      return StopReplica(at, proto::Error_Name(*output.stopped));
    }
    for (const raft::RoleChange& change : output.role_changes) {
      if (change.role == raft::Role::kLeader) {
        verdict_->Event("r" + std::to_string(replica->number) + " leads term " +
                        std::to_string(change.term));
        leaders_.Leads(change.term, replica->number, verdict_);
      }
    }
    Apply(at, output);
    if (replica->raft.stopped().has_value()) continue;
    Check(*replica);
    for (raft::Addressed& addressed : output.messages) {
      const std::optional<uint32_t> to = NumberOf(addressed.to);
      if (!to.has_value()) continue;
      Session& session = replica->sessions[*to];
      if (session.id == 0) continue;
      Transmit(Envelope{replica->number, *to, EnvelopeKind::kData, session.id, ++session.sent,
                        std::move(addressed.message)});
    }
    if (output.first_committed > output.last_committed) return;
  }
}

void RaftWorld::Apply(size_t at, const raft::Output& output) {
  Replica* const replica = &*hosts_[at].replica;
  if (output.first_committed > output.last_committed) return;
  SVR2_CHECK(replica->raft.log().ChainHolds(output.first_committed, output.last_committed));
  for (uint64_t index = output.first_committed; index <= output.last_committed; ++index) {
    const raft::EntryView entry = replica->raft.log().At(index);
    commits_.Committed(replica->number, entry.position(), verdict_);
    if (entry.kind == raft::EntryKind::kData) {
      const uint64_t proposal = util::LoadBigEndian64(entry.payload.data());
      replica->state = Random(replica->state ^ proposal).Next();
      fates_.Committed(proposal, verdict_);
      if (quiet_ && proposal >= quiet_proposal_) quiet_committed_ = true;
    }
    if (entry.kind == raft::EntryKind::kMembership) {
      memberships_.Committed(index, *raft::Membership::Decode(entry.payload), verdict_);
    }
    digests_.Applied(replica->number, index, std::to_string(replica->state), verdict_);
  }
  replica->raft.AppliedTo(output.last_committed);
}

void RaftWorld::Check(const Replica& replica) {
  const raft::Raft& raft = replica.raft;
  indexes_.Seen(replica.number,
                {raft.term(), raft.last_index(), raft.promise_index(), raft.commit_index(),
                 raft.applied_index()},
                verdict_);
}

void RaftWorld::StopReplica(size_t at, const std::string& why) {
  Host& host = hosts_[at];
  verdict_->Event("r" + std::to_string(host.replica->number) + " stopped: " + why);
  host.replica.reset();
  host.snapshots.clear();
  host.heard.clear();
  ++statistics_.stopped;
}

}  // namespace svr2::simulator
