// SPDX-License-Identifier: Apache-2.0
//
// What goes wrong, by itself or by a hostile operator's hand, and how much of it the group must
// withstand.

#include <algorithm>

#include "simulator/raft_world.h"

namespace svr2::simulator {
namespace {

constexpr size_t kMaxSnapshots = 4;
constexpr size_t kMaxReplayed = 60;

}  // namespace

void RaftWorld::Do(const Fault& fault) {
  Random random(fault.random);
  Host& host = hosts_[fault.host];
  const uint64_t until = now_ + fault.ticks * kUnitsPerTick;
  const bool keeps = random.PerMille(400);
  verdict_->Event("** " + Describe(fault));
  ++statistics_.faults;
  switch (fault.kind) {
    case FaultKind::kCrash:
      if (host.replica.has_value() && MayLose(fault.host)) return StopReplica(fault.host, "crash");
      --statistics_.faults;
      break;
    case FaultKind::kPause:
      host.paused_until = until;
      break;
    case FaultKind::kSlow:
      network_.SetSlow(fault.host, until);
      break;
    case FaultKind::kPartition: {
      const uint64_t halves = random.Next();
      for (size_t a = 0; a < hosts_.size(); ++a) {
        for (size_t b = 0; b < hosts_.size(); ++b) {
          if (((halves >> a) & 1) != ((halves >> b) & 1)) network_.Cut(a, b, until, keeps);
        }
      }
      break;
    }
    case FaultKind::kIsolate:
      Isolate(fault.host, until, keeps, false, false);
      break;
    case FaultKind::kDeaf:
      Isolate(fault.host, until, keeps, false, true);
      break;
    case FaultKind::kCutOneWay:
      network_.Cut(fault.host, fault.other, until, keeps);
      break;
    case FaultKind::kLoss:
      network_.SetLoss(random.Between(10, 200), until);
      break;
    case FaultKind::kDelay:
      network_.SetDelay(random.Between(50, 600), until);
      break;
    case FaultKind::kReset:
      if (fault.host != fault.other) ResetLink(fault.host, fault.other);
      break;
    case FaultKind::kClockSkew:
      host.tick_units = random.Between(60, 160);
      break;
    case FaultKind::kRelinquish:
    case FaultKind::kDemote:
    case FaultKind::kRemove:
    case FaultKind::kPromote:
      Operator(fault);
      break;
    case FaultKind::kHostile:
      host.hostile_until = until;
      break;
    case FaultKind::kNonsense:
      Nonsense(fault);
      break;
    case FaultKind::kSnapshot:
      TakeSnapshot(fault.host);
      break;
    case FaultKind::kRollback:
      RollBack(fault);
      break;
    case FaultKind::kRegion:
      break;
  }
}

void RaftWorld::Isolate(size_t at, uint64_t until, bool keeps, bool hears, bool speaks) {
  for (size_t other = 0; other < hosts_.size(); ++other) {
    if (other == at) continue;
    if (!hears) network_.Cut(other, at, until, keeps);
    if (!speaks) network_.Cut(at, other, until, keeps);
  }
}

void RaftWorld::Operator(const Fault& fault) {
  const std::optional<size_t> leader = LeadingHost();
  if (!leader.has_value() || !hosts_[fault.host].replica.has_value()) return;
  raft::Raft* const raft = &hosts_[*leader].replica->raft;
  const uint32_t number = hosts_[fault.host].replica->number;
  switch (fault.kind) {
    case FaultKind::kRelinquish:
      (void)raft->TransferLeadership(fault.random % 2 == 0 ? std::nullopt
                                                           : std::make_optional(IdOf(number)));
      break;
    case FaultKind::kDemote:
      if (MayLose(fault.host)) (void)Change(*leader, raft::ChangeKind::kDemote, number, false);
      break;
    case FaultKind::kRemove:
      if (MayLose(fault.host)) (void)Change(*leader, raft::ChangeKind::kRemove, number, false);
      break;
    default:
      (void)Change(*leader, raft::ChangeKind::kPromote, number, false);
      break;
  }
  Pump(*leader);
}

// ---- Whole memories ----

void RaftWorld::TakeSnapshot(size_t at) {
  Host& host = hosts_[at];
  if (!host.replica.has_value()) return;
  if (host.snapshots.size() == kMaxSnapshots) host.snapshots.pop_front();
  host.snapshots.push_back(Snapshot{*host.replica, host.heard.size()});
}

// Whose memory is put back: one that was before, or a new one while the super-majority allows it.
// Rather the host that the fault names, or else one that leads.
std::optional<size_t> RaftWorld::ChooseVictim(const Fault& fault) const {
  std::optional<size_t> chosen;
  for (size_t at = 0; at < hosts_.size(); ++at) {
    const Host& host = hosts_[at];
    if (!host.replica.has_value() || host.snapshots.empty()) continue;
    const bool known = IsVictim(host.replica->number);
    if (!known && victims_.size() >= plan_.shape.super_majority) continue;
    if (at == fault.host) return at;
    if (!chosen.has_value() || known || host.replica->raft.is_leader()) chosen = at;
  }
  return chosen;
}

void RaftWorld::RollBack(const Fault& fault) {
  Random random(fault.random);
  const std::optional<size_t> at = ChooseVictim(fault);
  if (!at.has_value()) {
    --statistics_.faults;
    return;
  }
  Host& host = hosts_[*at];
  const size_t newest = host.snapshots.size() - 1;
  const size_t which =
      random.PerMille(600) ? newest : static_cast<size_t>(random.Below(newest + 1));
  const Snapshot& snapshot = host.snapshots[which];
  const uint32_t number = host.replica->number;
  if (!IsVictim(number)) victims_.push_back(number);
  verdict_->Event("r" + std::to_string(number) + " is rolled back from last " +
                  std::to_string(host.replica->raft.last_index()) + " to " +
                  std::to_string(snapshot.memory.raft.last_index()) + ", term " +
                  std::to_string(snapshot.memory.raft.term()));
  indexes_.RolledBack(number);
  isolation_.RolledBack(number);
  *host.replica = snapshot.memory;
  ++statistics_.rollbacks;
  if (random.PerMille(500)) ReplayTo(*at, snapshot.heard, &random);
}

// What it heard since then, once more: its sessions are as old as its memory. Its host decides
// when its clock goes on meanwhile.
void RaftWorld::ReplayTo(size_t at, size_t first, Random* random) {
  Host& host = hosts_[at];
  const size_t known = host.heard.size();
  if (first >= known) return;
  const uint32_t number = host.replica->number;
  const size_t count =
      static_cast<size_t>(random->Between(1, std::min(known - first, kMaxReplayed)));
  uint64_t ticks = random->PerMille(500) ? random->Below(3 * plan_.election_ticks) : 0;
  for (size_t i = first; i < first + count; ++i) {
    for (; ticks > 0 && host.replica.has_value(); --ticks) {
      host.replica->raft.Tick();
      Pump(at);
    }
    if (!host.replica.has_value() || host.replica->number != number) return;
    Deliver(at, Envelope(host.heard[i]));
    if (random->PerMille(100)) ticks = random->Below(2 * plan_.election_ticks);
  }
}

// Something that its sender never said, or said long ago.
void RaftWorld::Nonsense(const Fault& fault) {
  Random random(fault.random);
  Host& host = hosts_[fault.host];
  if (!host.replica.has_value()) return;
  Envelope envelope;
  if (!host.heard.empty() && random.PerMille(600)) envelope = random.Pick(host.heard);
  envelope.to = host.replica->number;
  if (envelope.from == 0) {
    envelope.from = static_cast<uint32_t>(random.Between(1, host_of_number_.size() - 1));
    envelope.kind = random.PerMille(500) ? EnvelopeKind::kReset : EnvelopeKind::kSynAck;
    envelope.session = random.Next();
  }
  Deliver(fault.host, envelope);
}

// ---- What must be withstood ----

bool RaftWorld::IsVictim(uint32_t number) const {
  return std::find(victims_.begin(), victims_.end(), number) != victims_.end();
}

const RaftWorld::Replica* RaftWorld::Freshest() const {
  const Replica* best = nullptr;
  for (const Host& host : hosts_) {
    if (!host.replica.has_value()) continue;
    if (best == nullptr || host.replica->raft.commit_index() > best->raft.commit_index()) {
      best = &*host.replica;
    }
  }
  return best;
}

bool RaftWorld::MayLose(size_t host) const { return Survives(host); }

// A quorum of voters that were never rolled back lives, in every membership that may be in force.
bool RaftWorld::Survives(std::optional<size_t> without) const {
  const Replica* const freshest = Freshest();
  if (freshest == nullptr) return false;
  const auto has_quorum = [&](const raft::Membership& membership) {
    size_t alive = 0;
    for (const raft::Member& member : membership.members()) {
      if (!member.voting) continue;
      const std::optional<uint32_t> number = NumberOf(member.id);
      const std::optional<size_t> host = HostOf(*number);
      if (host.has_value() && host != without && !IsVictim(*number)) ++alive;
    }
    return alive >= raft::QuorumSize(membership.voters(), plan_.shape.super_majority);
  };
  for (const Host& host : hosts_) {
    if (!host.replica.has_value() || IsVictim(host.replica->number)) continue;
    const raft::Raft& raft = host.replica->raft;
    if (raft.membership_index() + 1 < freshest->raft.membership_index()) continue;
    if (!has_quorum(raft.membership())) return false;
    if (raft.membership_before() != nullptr && !has_quorum(*raft.membership_before())) return false;
  }
  return has_quorum(freshest->raft.membership()) && has_quorum(memberships_.last());
}

}  // namespace svr2::simulator
