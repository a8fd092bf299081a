// SPDX-License-Identifier: Apache-2.0
//
// What hosts, healing and clients do around consensus.

#include <algorithm>

#include "simulator/raft_text.h"
#include "simulator/raft_world.h"
#include "util/check.h"
#include "util/endian.h"

namespace svr2::simulator {
namespace {

constexpr uint64_t kVotingTimeoutElections = 4;
constexpr uint64_t kMembershipTimeoutElections = 8;
constexpr size_t kMaxWatches = 64;
constexpr size_t kStreamedEntries = 16;

}  // namespace

Plan RaftPlan(uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  plan.shape = ShapeOf(seed);
  Random random = Random(seed).Fork(5);
  plan.spare_hosts = static_cast<uint32_t>(random.Below(2));
  plan.ticks = 1000;
  plan.election_ticks = static_cast<uint32_t>(random.Between(4, 10));
  plan.heartbeat_ticks = static_cast<uint32_t>(random.Between(1, 2));
  const std::vector<FaultWeight> weights = {
      {FaultKind::kCrash, 6},     {FaultKind::kPause, 5},     {FaultKind::kSlow, 3},
      {FaultKind::kPartition, 8}, {FaultKind::kIsolate, 8},   {FaultKind::kCutOneWay, 8},
      {FaultKind::kDeaf, 4},      {FaultKind::kLoss, 4},      {FaultKind::kDelay, 4},
      {FaultKind::kReset, 4},     {FaultKind::kClockSkew, 3}, {FaultKind::kRelinquish, 6},
      {FaultKind::kDemote, 3},    {FaultKind::kRemove, 3},    {FaultKind::kPromote, 3},
      {FaultKind::kHostile, 4},   {FaultKind::kNonsense, 2},  {FaultKind::kSnapshot, 16},
      {FaultKind::kRollback, 12},
  };
  const uint32_t settled = 20 * plan.hosts();
  if (random.PerMille(500)) {
    plan.faults = DrawFaults(plan, weights, 60, settled, plan.ticks - 1);
    return plan;
  }
  const std::vector<FaultWeight> storm = {
      {FaultKind::kCrash, 1},      {FaultKind::kPause, 4},   {FaultKind::kPartition, 8},
      {FaultKind::kIsolate, 8},    {FaultKind::kDeaf, 8},    {FaultKind::kCutOneWay, 24},
      {FaultKind::kRelinquish, 3}, {FaultKind::kDemote, 2},  {FaultKind::kRemove, 1},
      {FaultKind::kPromote, 1},    {FaultKind::kHostile, 1}, {FaultKind::kSnapshot, 6},
      {FaultKind::kDelay, 1},
  };
  plan.ticks = settled + 400;
  plan.faults = DrawStorm(plan, storm, settled, plan.ticks - 1);
  return plan;
}

raft::Options RaftWorld::Options() const {
  raft::Options options;
  options.group.min_voting_replicas = plan_.shape.min_voters;
  options.group.max_voting_replicas = plan_.shape.voters;
  options.group.super_majority = plan_.shape.super_majority;
  options.election_ticks = plan_.election_ticks;
  options.heartbeat_ticks = plan_.heartbeat_ticks;
  Random random = Random(plan_.seed).Fork(6);
  options.log.max_bytes = random.PerMille(0) ? 8192 : uint64_t{1} << 20;
  options.log.min_entries = random.Between(2000, 2050);
  options.log.max_age_ticks = random.PerMille(0) ? 50 : 36000;
  return options;
}

raft::RandomSource RaftWorld::Source() {
  return [this]() -> Result<uint64_t> { return enclave_random_.Next(); };
}

void RaftWorld::Found() {
  host_of_number_ = {0, 0};  // Number 0 is nobody.
  number_of_id_[IdOf(1)] = 1;
  Result<raft::Raft> raft = raft::Raft::Found(Options(), IdOf(1), group_key_, Source());
  SVR2_CHECK(raft.ok());
  hosts_[0].replica = Replica{1, std::move(*raft), {}, 0, 0, true};
  ++statistics_.replicas;
  Pump(0);
}

// Loads a source's state. Without a source that can serve, the host tries again later.
void RaftWorld::StartJoiner(size_t at) {
  Host& host = hosts_[at];
  host.starting = false;
  if (host.replica.has_value()) return;
  std::vector<size_t> sources;
  for (size_t other = 0; other < hosts_.size(); ++other) {
    const Host& source = hosts_[other];
    if (!source.replica.has_value() || Paused(other) || network_.IsCut(at, other, now_) ||
        network_.IsCut(other, at, now_)) {
      continue;
    }
    const raft::Raft& raft = source.replica->raft;
    if (raft.membership_committed() && raft.membership_index() <= raft.applied_index()) {
      sources.push_back(other);
    }
  }
  if (sources.empty()) return;
  const Replica& source = *hosts_[random_.Pick(sources)].replica;
  const uint32_t number = static_cast<uint32_t>(host_of_number_.size());
  host_of_number_.push_back(at);
  number_of_id_[IdOf(number)] = number;
  Result<raft::Raft> raft =
      raft::Raft::Join(Options(), IdOf(number), source.raft.applied(), source.raft.membership(),
                       source.raft.membership_index(), Source());
  SVR2_CHECK(raft.ok());
  host.snapshots.clear();
  host.heard.clear();
  host.replica = Replica{number, std::move(*raft), {}, 0, source.state, false};
  ++statistics_.replicas;
  verdict_->Event("r" + std::to_string(number) + " starts on host " + std::to_string(at) +
                  ", loaded from r" + std::to_string(source.number) + " to index " +
                  std::to_string(source.raft.applied_index()));
}

std::optional<size_t> RaftWorld::LeadingHost() const {
  std::optional<size_t> best;
  for (size_t at = 0; at < hosts_.size(); ++at) {
    const Host& host = hosts_[at];
    if (!host.replica.has_value() || Paused(at) || !host.replica->raft.is_leader()) continue;
    if (!best.has_value() || host.replica->raft.term() > hosts_[*best].replica->raft.term()) {
      best = at;
    }
  }
  return best;
}

// A replica that is no member yet: gets what was committed since it loaded, and asks.
void RaftWorld::AskForMembership(size_t at) {
  Replica* const replica = &*hosts_[at].replica;
  if (replica->raft.membership_committed()) return;
  const size_t from = static_cast<size_t>(random_.Below(hosts_.size()));
  if (from != at && hosts_[from].replica.has_value() && !Paused(from) &&
      !network_.IsCut(from, at, now_)) {
    const raft::Raft& source = hosts_[from].replica->raft;
    for (size_t i = 0; i < kStreamedEntries; ++i) {
      const uint64_t index = replica->raft.last_index() + 1;
      if (index > source.commit_index() || !source.log().HasEntry(index)) break;
      const raft::EntryView view = source.log().At(index);
      raft::Entry entry;
      entry.index = view.index;
      entry.term = view.term;
      entry.kind = view.kind;
      entry.hash = view.hash;
      entry.payload.assign(view.payload.begin(), view.payload.end());
      if (!replica->raft.AppendCommitted(entry).ok()) break;
    }
  }
  const std::optional<size_t> leader = LeadingHost();
  if (!leader.has_value() || *leader == at || network_.IsCut(at, *leader, now_) ||
      network_.IsCut(*leader, at, now_)) {
    return;
  }
  raft::Raft* const raft = &hosts_[*leader].replica->raft;
  if (raft->membership().IsMember(IdOf(replica->number))) return;
  const uint32_t number = replica->number;
  const Result<raft::Position> added =
      raft->ChangeMembership(raft::ChangeKind::kAdd, IdOf(number), false);
  if (added.ok()) {
    ++statistics_.membership_changes;
    verdict_->Event("add r" + std::to_string(number) + " at " + std::to_string(added->index));
    Pump(*leader);
  } else if (added.error() == proto::ERROR_RAFT_REMOVED) {
    StopReplica(at, "was removed");
  }
}

bool RaftWorld::Change(size_t at, raft::ChangeKind kind, uint32_t number, bool force) {
  static constexpr const char* kNames[] = {"add", "promote", "demote", "remove"};
  raft::Raft* const raft = &hosts_[at].replica->raft;
  const Result<raft::Position> position = raft->ChangeMembership(kind, IdOf(number), force);
  if (!position.ok()) return false;
  ++statistics_.membership_changes;
  verdict_->Event(std::string(kNames[static_cast<size_t>(kind)]) + " r" + std::to_string(number) +
                  " at " + std::to_string(position->index));
  return true;
}

// As the core heals: a promotion comes before a demotion (protocol.md §4 "Membership").
void RaftWorld::Heal(size_t at) {
  if (!hosts_[at].replica.has_value()) return;
  const raft::Raft& raft = hosts_[at].replica->raft;
  if (!raft.is_leader() || !raft.own_term_committed()) return;
  const uint64_t election = plan_.election_ticks;
  const std::vector<raft::Raft::MemberProgress> members = raft.OtherMembers();
  for (const auto& member : members) {
    if (!member.voting && !member.rolled_back && member.silent_ticks < election &&
        member.stored + 4 >= raft.commit_index() && raft.voters() < plan_.shape.voters) {
      if (Change(at, raft::ChangeKind::kPromote, *NumberOf(member.id), false)) return;
    }
  }
  for (const auto& member : members) {
    const bool silent = member.silent_ticks > kVotingTimeoutElections * election;
    if (member.voting && (silent || member.rolled_back)) {
      if (Change(at, raft::ChangeKind::kDemote, *NumberOf(member.id), false)) return;
    }
    if (!member.voting &&
        (member.silent_ticks > kMembershipTimeoutElections * election || member.rolled_back)) {
      if (Change(at, raft::ChangeKind::kRemove, *NumberOf(member.id), false)) return;
    }
  }
}

// Whoever believes to lead gets proposals, also a leader of the past.
void RaftWorld::Load() {
  if (plan_.IsCalm(now_ / kUnitsPerTick) && !random_.PerMille(100)) return;
  std::vector<size_t> leaders;
  std::vector<uint32_t> replicas;
  for (size_t at = 0; at < hosts_.size(); ++at) {
    if (!hosts_[at].replica.has_value() || Paused(at)) continue;
    replicas.push_back(hosts_[at].replica->number);
    if (hosts_[at].replica->raft.is_leader()) leaders.push_back(at);
  }
  if (leaders.empty()) return;
  const size_t at = random_.Pick(leaders);
  Replica* const leader = &*hosts_[at].replica;
  const uint64_t count = random_.Between(1, 3);
  for (uint64_t i = 0; i < count; ++i) {
    util::SecretBytes payload(8 + random_.Below(random_.PerMille(50) ? 600 : 24));
    const uint64_t proposal = next_proposal_ + 1;
    util::StoreBigEndian64(payload.data(), proposal);
    const Result<raft::Position> position = leader->raft.Propose(raft::EntryKind::kData, payload);
    if (!position.ok()) break;
    ++next_proposal_;
    ++statistics_.proposals;
    verdict_->Event("r" + std::to_string(leader->number) + " proposal " + std::to_string(proposal) +
                    " at " + std::to_string(position->index) + "." +
                    std::to_string(position->term));
    if (watches_.size() < kMaxWatches) {
      watches_.push_back(Watch{proposal,
                               random_.PerMille(500) ? leader->number : random_.Pick(replicas),
                               *position, now_ + 50 * plan_.election_ticks * kUnitsPerTick});
    }
  }
  Pump(at);
}

void RaftWorld::WatchProposals(const Replica& replica) {
  for (size_t i = 0; i < watches_.size();) {
    const Watch& watch = watches_[i];
    raft::Fate fate = raft::Fate::kPending;
    if (watch.replica == replica.number) {
      fate = replica.raft.FateOf(watch.position);
      if (fate == raft::Fate::kReplaced) {
        verdict_->Event("r" + std::to_string(replica.number) + " calls proposal " +
                        std::to_string(watch.proposal) + " not applied");
        fates_.ToldNotApplied(watch.proposal, verdict_);
      }
    }
    if (fate != raft::Fate::kPending || now_ > watch.until) {
      watches_[i] = watches_.back();
      watches_.pop_back();
    } else {
      ++i;
    }
  }
}

}  // namespace svr2::simulator
