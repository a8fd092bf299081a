// SPDX-License-Identifier: Apache-2.0

#include "simulator/raft_walk.h"

#include <algorithm>
#include <array>

#include "simulator/raft_text.h"
#include "util/check.h"
#include "util/endian.h"

namespace svr2::simulator {
namespace {

constexpr uint32_t kElectionTicks = 4;
constexpr uint32_t kRecoveryTicks = 80 * kElectionTicks;
constexpr size_t kMaxSnapshots = 3;
constexpr size_t kMaxHeard = 400;

std::string Name(size_t at) { return "r" + std::to_string(at + 1); }

}  // namespace

Plan WalkPlan(uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  plan.shape = ShapeOf(seed);
  if (plan.shape.voters == 7 && seed % 4 != 0) plan.shape = Shape{4, 3, 1};  // Rather the small.
  Random random = Random(seed).Fork(7);
  plan.spare_hosts = static_cast<uint32_t>(random.Below(2));
  plan.election_ticks = kElectionTicks;
  plan.heartbeat_ticks = 1;
  const uint32_t steps = static_cast<uint32_t>(random.Between(100, 800));
  for (uint32_t i = 0; i < steps; ++i) {
    Fault step;
    step.at_tick = i;
    step.kind = FaultKind::kNonsense;
    step.random = random.Next();
    plan.faults.push_back(step);
  }
  plan.ticks = steps;
  return plan;
}

RaftWalk::RaftWalk(const Plan& plan, Verdict* verdict)
    : plan_(plan),
      verdict_(verdict),
      enclave_random_(Random(plan.seed).Fork(2)),
      replicas_(plan.hosts()),
      links_(plan.hosts() * plan.hosts()),
      blocked_(plan.hosts() * plan.hosts(), false),
      ending_(plan.hosts() * plan.hosts(), false),
      memberships_(plan.shape.min_voters, plan.shape.voters) {
  // All begin from one state: a membership entry at index 1.
  raft::Options options;
  options.group.min_voting_replicas = plan.shape.min_voters;
  options.group.max_voting_replicas = plan.shape.voters;
  options.group.super_majority = plan.shape.super_majority;
  options.election_ticks = kElectionTicks;
  options.heartbeat_ticks = 1;
  const auto random = [this]() -> Result<uint64_t> { return enclave_random_.Next(); };
  raft::Membership membership = raft::Membership::Of(IdOf(0));
  for (size_t at = 1; at < size(); ++at) {
    membership = *membership.After(raft::ChangeKind::kAdd, IdOf(at));
    if (at < plan.shape.voters)
      membership = *membership.After(raft::ChangeKind::kPromote, IdOf(at));
  }
  const raft::Hash hash =
      raft::ChainHash(raft::Hash{}, raft::EntryKind::kMembership, 1, 0, membership.Encode());
  for (size_t at = 0; at < size(); ++at) {
    Result<raft::Raft> raft =
        raft::Raft::Join(options, IdOf(at), raft::Position{1, 0, hash}, membership, 1, random);
    SVR2_CHECK(raft.ok());
    replicas_[at].raft = std::move(*raft);
  }
  memberships_.Committed(1, membership, verdict);
}

Totals RaftWalk::Run() {
  // Somebody leads at first.
  replicas_[0].raft->Tick();
  for (uint32_t i = 0; i < 2 * kElectionTicks; ++i) replicas_[0].raft->Tick();
  Pump(0);
  for (const Fault& step : plan_.faults) {
    if (verdict_->failed()) break;
    verdict_->SetTime(++step_ * 100);
    Random random(step.random);
    Step(&random);
    WatchAll();
  }
  if (!verdict_->failed()) Recover();
  totals_["steps"] = step_;
  totals_["terms with a leader"] = leaders_.terms();
  totals_["entries committed"] = commits_.highest();
  totals_["proposals"] = next_proposal_;
  totals_["groups recovered"] = recovered_ ? 1 : 0;
  return totals_;
}

raft::PeerId RaftWalk::IdOf(size_t at) const {
  raft::PeerId id{};
  id[0] = static_cast<uint8_t>(at + 1);
  return id;
}

size_t RaftWalk::At(const raft::PeerId& id) const { return size_t{id[0]} - 1; }

bool RaftWalk::IsVictim(size_t at) const {
  return std::find(victims_.begin(), victims_.end(), at) != victims_.end();
}

std::optional<size_t> RaftWalk::Leader(Random* random) const {
  std::vector<size_t> leaders;
  for (size_t at = 0; at < size(); ++at) {
    if (replicas_[at].raft.has_value() && replicas_[at].raft->is_leader()) leaders.push_back(at);
  }
  if (leaders.empty()) return std::nullopt;
  return random->Pick(leaders);
}

void RaftWalk::Step(Random* random) {
  const uint64_t dice = random->Below(1000);
  if (dice < 560) {
    const uint64_t count = random->Between(1, 6);
    for (uint64_t i = 0; i < count; ++i) DeliverSome(random);
  } else if (dice < 700) {
    TickSome(random);
  } else if (dice < 840) {
    Propose(random);
  } else if (dice < 870) {
    Change(random);
  } else if (dice < 920) {
    Block(random);
  } else if (dice < 935) {
    Reset(random->Below(size()), random->Below(size()));
  } else if (dice < 970) {
    Snap(random);
  } else if (dice < 998) {
    RollBack(random);
  } else {
    Crash(random);
  }
}

bool RaftWalk::DeliverSome(Random* random) {
  const size_t count = links_.size();
  const size_t start = random->Below(count);
  for (size_t i = 0; i < count; ++i) {
    const size_t link = (start + i) % count;
    if (blocked_[link]) continue;
    if (links_[link].empty()) {
      if (ending_[link]) Reset(link / size(), link % size());
      continue;
    }
    const raft::Message message = std::move(links_[link].front());
    links_[link].pop_front();
    DeliverTo(link % size(), link / size(), message);
    return true;
  }
  return false;
}

void RaftWalk::DeliverTo(size_t to, size_t from, const raft::Message& message) {
  Replica& replica = replicas_[to];
  if (!replica.raft.has_value()) return;
  if (replica.heard.size() < kMaxHeard) replica.heard.push_back(Heard{from, message});
  const Status status = replica.raft->Step(IdOf(from), message);
  ++totals_["messages"];
  if (verdict_->tracing()) {
    verdict_->Event(Name(to) + " <- " + Name(from) + " " + TextOf(message) +
                    (status.ok() ? "" : " : " + proto::Error_Name(status.error())));
  }
  Pump(to);
}

// Every clock goes on by one; or the group loses patience with its leader, which seldom notices
// by itself, and one replica is the first to campaign.
void RaftWalk::TickSome(Random* random) {
  const auto tick = [this](size_t at, uint32_t ticks) {
    for (uint32_t i = 0; i < ticks && replicas_[at].raft.has_value(); ++i) {
      replicas_[at].raft->Tick();
      Pump(at);
    }
  };
  if (random->PerMille(700)) {
    for (size_t at = 0; at < size(); ++at) tick(at, 1);
    return;
  }
  const size_t first = random->Below(size());
  verdict_->Event("patience ends, with " + Name(first) + " first");
  for (size_t at = 0; at < size(); ++at) {
    const auto& raft = replicas_[at].raft;
    if (!raft.has_value() || (raft->is_leader() && random->PerMille(800))) continue;
    tick(at, kElectionTicks);
  }
  if (random->PerMille(800)) tick(first, kElectionTicks);
}

void RaftWalk::Propose(Random* random) {
  const std::optional<size_t> leader = Leader(random);
  if (!leader.has_value()) return;
  util::SecretBytes payload(8);
  util::StoreBigEndian64(payload.data(), next_proposal_ + 1);
  const Result<raft::Position> position =
      replicas_[*leader].raft->Propose(raft::EntryKind::kData, payload);
  if (!position.ok()) return;
  ++next_proposal_;
  verdict_->Event(Name(*leader) + " proposes " + std::to_string(next_proposal_) + " at " +
                  std::to_string(position->index) + "." + std::to_string(position->term));
  const size_t watcher = random->PerMille(500) ? *leader : random->Below(size());
  watches_.push_back(Watch{next_proposal_, watcher, *position});
  Pump(*leader);
}

void RaftWalk::Change(Random* random) {
  const std::optional<size_t> leader = Leader(random);
  if (!leader.has_value()) return;
  raft::Raft* const raft = &*replicas_[*leader].raft;
  const raft::PeerId target = IdOf(random->Below(size()));
  if (random->PerMille(300)) {
    const Status status =
        raft->TransferLeadership(random->PerMille(500) ? std::nullopt : std::make_optional(target));
    if (status.ok()) verdict_->Event(Name(*leader) + " hands over");
  } else {
    const auto kind = static_cast<raft::ChangeKind>(random->Below(random->PerMille(100) ? 4 : 3));
    const Result<raft::Position> position = raft->ChangeMembership(kind, target, false);
    if (position.ok()) {
      ++totals_["membership changes"];
      verdict_->Event(Name(*leader) + " change " + std::to_string(static_cast<int>(kind)) + " of " +
                      Name(At(target)) + " at " + std::to_string(position->index));
    }
  }
  Pump(*leader);
}

// Which links deliver from now on: all, or some.
void RaftWalk::Block(Random* random) {
  static constexpr std::array<uint64_t, 4> kChances = {0, 200, 500, 700};
  const uint64_t chance = kChances[random->Below(kChances.size())];
  for (size_t link = 0; link < blocked_.size(); ++link) blocked_[link] = random->PerMille(chance);
  if (random->PerMille(300)) {  // Two halves.
    const uint64_t mask = random->Next();
    for (size_t link = 0; link < blocked_.size(); ++link) {
      blocked_[link] = ((mask >> (link / size())) & 1) != ((mask >> (link % size())) & 1);
    }
  }
  verdict_->Event("other links are blocked");
}

void RaftWalk::Reset(size_t a, size_t b) {
  if (a == b) return;
  Link(a, b).clear();
  Link(b, a).clear();
  ending_[a * size() + b] = ending_[b * size() + a] = false;
  verdict_->Event("reset " + Name(a) + " " + Name(b));
  if (!replicas_[a].raft.has_value() || !replicas_[b].raft.has_value()) return;
  replicas_[a].raft->PeerConnected(IdOf(b));
  replicas_[b].raft->PeerConnected(IdOf(a));
  Pump(a);
  Pump(b);
}

// For good, where the others must do without it.
void RaftWalk::Crash(Random* random) {
  const size_t at = random->Below(size());
  if (!replicas_[at].raft.has_value() || !MustRecover(at)) return;
  verdict_->Event(Name(at) + " crashes");
  ++totals_["crashes"];
  replicas_[at].raft.reset();
}

// ---- Whole memories ----

void RaftWalk::Snap(Random* random) {
  if (plan_.shape.super_majority == 0) return;
  const std::optional<size_t> leader = Leader(random);
  size_t at = random->Below(size());
  if (!victims_.empty() && random->PerMille(600)) {
    at = random->Pick(victims_);
  } else if (leader.has_value() && random->PerMille(500)) {
    at = *leader;
  }
  Replica& replica = replicas_[at];
  if (!replica.raft.has_value()) return;
  verdict_->Event("memory of " + Name(at) + " is put aside");
  if (replica.snapshots.size() == kMaxSnapshots) replica.snapshots.erase(replica.snapshots.begin());
  replica.snapshots.push_back(Snapshot{*replica.raft, replica.heard.size()});
}

void RaftWalk::RollBack(Random* random) {
  std::vector<size_t> candidates;
  for (size_t at = 0; at < size(); ++at) {
    if (replicas_[at].snapshots.empty() || !replicas_[at].raft.has_value()) continue;
    if (IsVictim(at) || victims_.size() < plan_.shape.super_majority) candidates.push_back(at);
  }
  if (candidates.empty()) return;
  const size_t at = random->Pick(candidates);
  Replica& replica = replicas_[at];
  const Snapshot& snapshot = random->Pick(replica.snapshots);
  if (!IsVictim(at)) victims_.push_back(at);
  verdict_->Event(Name(at) + " is rolled back from last " +
                  std::to_string(replica.raft->last_index()) + " to " +
                  std::to_string(snapshot.raft.last_index()) + ", term " +
                  std::to_string(snapshot.raft.term()));
  ++totals_["rollbacks"];
  indexes_.RolledBack(static_cast<uint32_t>(at));
  replica.raft = snapshot.raft;
  if (random->PerMille(500)) Replay(at, snapshot.heard, random);
  // What it had said arrives, or is lost; what was on the way to it is lost.
  const bool arrives = random->PerMille(600);
  for (size_t other = 0; other < size(); ++other) {
    if (other == at) continue;
    if (!arrives) {
      Reset(at, other);
      continue;
    }
    Link(other, at).clear();
    ending_[at * size() + other] = true;
  }
}

// What it heard since then, once more, by a host that lets nothing out meanwhile.
void RaftWalk::Replay(size_t at, size_t first, Random* random) {
  Replica& replica = replicas_[at];
  if (first >= replica.heard.size()) return;
  replica.mute = true;
  const size_t count = random->Between(1, std::min<size_t>(replica.heard.size() - first, 30));
  for (size_t i = first; i < first + count && replica.raft.has_value(); ++i) {
    const Heard heard = replica.heard[i];
    if (random->PerMille(200)) {
      const uint64_t ticks = random->Between(1, 2 * kElectionTicks);
      for (uint64_t tick = 0; tick < ticks && replica.raft.has_value(); ++tick) {
        replica.raft->Tick();
        Pump(at);
      }
      if (!replica.raft.has_value()) break;
    }
    DeliverTo(at, heard.from, heard.message);
  }
  replica.mute = false;
}

// ---- What comes out ----

void RaftWalk::Pump(size_t at) {
  for (int round = 0; round < 3; ++round) {
    Replica& replica = replicas_[at];
    if (!replica.raft.has_value()) return;
    raft::Output output = replica.raft->TakeOutput();
    if (output.stopped.has_value()) {
      verdict_->Event(Name(at) + " stopped: " + proto::Error_Name(*output.stopped));
      stops_.Stopped(static_cast<uint32_t>(at), *output.stopped, !victims_.empty(), verdict_);
      ++totals_["replicas stopped"];
      replica.raft.reset();
      return;
    }
    for (const raft::RoleChange& change : output.role_changes) {
      if (change.role != raft::Role::kLeader) continue;
      verdict_->Event(Name(at) + " leads term " + std::to_string(change.term));
      leaders_.Leads(change.term, static_cast<uint32_t>(at), verdict_);
    }
    Apply(at, output);
    for (raft::Addressed& addressed : output.messages) {
      const size_t to = At(addressed.to);
      if (replica.mute || ending_[at * size() + to] || ending_[to * size() + at]) continue;
      Link(at, to).push_back(std::move(addressed.message));
    }
    if (output.first_committed > output.last_committed) return;
  }
}

void RaftWalk::Apply(size_t at, const raft::Output& output) {
  raft::Raft* const raft = &*replicas_[at].raft;
  for (uint64_t index = output.first_committed; index <= output.last_committed; ++index) {
    const raft::EntryView entry = raft->log().At(index);
    commits_.Committed(static_cast<uint32_t>(at), entry.position(), verdict_);
    if (entry.kind == raft::EntryKind::kData) {
      const uint64_t proposal = util::LoadBigEndian64(entry.payload.data());
      fates_.Committed(proposal, verdict_);
      if (proposal >= recovery_proposal_) recovered_ = true;
    } else if (entry.kind == raft::EntryKind::kMembership) {
      memberships_.Committed(index, *raft::Membership::Decode(entry.payload), verdict_);
    }
  }
  if (output.last_committed >= output.first_committed) raft->AppliedTo(output.last_committed);
  indexes_.Seen(static_cast<uint32_t>(at),
                {raft->term(), raft->last_index(), raft->promise_index(), raft->commit_index(),
                 raft->applied_index()},
                verdict_);
}

void RaftWalk::WatchAll() {
  for (size_t i = 0; i < watches_.size();) {
    const Watch& watch = watches_[i];
    const Replica& replica = replicas_[watch.replica];
    raft::Fate fate = raft::Fate::kDropped;
    if (replica.raft.has_value()) fate = replica.raft->FateOf(watch.position);
    if (fate == raft::Fate::kPending) {
      ++i;
      continue;
    }
    if (fate == raft::Fate::kReplaced) {
      verdict_->Event(Name(watch.replica) + " calls " + std::to_string(watch.proposal) +
                      " not applied");
      fates_.ToldNotApplied(watch.proposal, verdict_);
    }
    watches_[i] = watches_.back();
    watches_.pop_back();
  }
}

// Every link delivers, every clock goes on: the group must work again.
void RaftWalk::Recover() {
  verdict_->Event("-- everything heals --");
  std::fill(blocked_.begin(), blocked_.end(), false);
  recovery_proposal_ = next_proposal_ + 1;
  Random random = Random(plan_.seed).Fork(8);
  for (uint32_t tick = 0; tick < kRecoveryTicks && !recovered_ && !verdict_->failed(); ++tick) {
    verdict_->SetTime(++step_ * 100);
    for (size_t at = 0; at < size(); ++at) {
      if (random.PerMille(100) || !replicas_[at].raft.has_value()) continue;
      replicas_[at].raft->Tick();
      Pump(at);
    }
    for (size_t i = 0; i < 20 * size() * size(); ++i) {
      if (!DeliverSome(&random)) break;
    }
    Propose(&random);
    WatchAll();
  }
  if (!recovered_ && !verdict_->failed() && MustRecover(std::nullopt)) {
    verdict_->Violation("recovers", "everything healed and a quorum survived, but nothing commits");
  }
}

// A quorum that was never rolled back lives, in every membership that may be in force. Fewer than
// min voters serve nobody.
bool RaftWalk::MustRecover(std::optional<size_t> without) const {
  const auto has_quorum = [&](const raft::Membership& membership) {
    size_t alive = 0;
    for (const raft::Member& member : membership.members()) {
      const size_t at = At(member.id);
      if (member.voting && at != without && replicas_[at].raft.has_value() && !IsVictim(at))
        ++alive;
    }
    return membership.voters() >= plan_.shape.min_voters &&
           alive >= raft::QuorumSize(membership.voters(), plan_.shape.super_majority);
  };
  if (!has_quorum(memberships_.last())) return false;
  return std::all_of(replicas_.begin(), replicas_.end(), [&](const Replica& replica) {
    if (!replica.raft.has_value()) return true;
    const raft::Membership* const before = replica.raft->membership_before();
    return has_quorum(replica.raft->membership()) && (before == nullptr || has_quorum(*before));
  });
}

}  // namespace svr2::simulator
