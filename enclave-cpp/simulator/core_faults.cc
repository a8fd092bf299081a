// SPDX-License-Identifier: Apache-2.0
//
// What goes wrong with whole cores, by itself or by a hostile operator's hand.

#include <algorithm>
#include <utility>

#include "core/core_peer_testing.h"
#include "simulator/core_world.h"
#include "util/check.h"

namespace svr2::simulator {
namespace {

constexpr int64_t kMaxClockErrorMs = 3'600'000;

}  // namespace

void CoreWorld::Do(const Fault& fault) {
  Random random(fault.random);
  Host& host = hosts_[fault.host];
  verdict_->Event("** " + Describe(fault));
  bool done = true;
  switch (fault.kind) {
    case FaultKind::kCrash:
      done = host.replica != nullptr && Survives(fault.host);
      if (done) End(fault.host, "crash");
      break;
    case FaultKind::kPause:
      host.paused_until = now_ + fault.ticks * kUnitsPerTick;
      break;
    case FaultKind::kClockSkew:
      host.tick_units = random.Between(70, 140);
      // A minority of the clocks lies.
      if (fault.host < (plan_.shape.voters - 1) / 2) {
        host.clock_ms = static_cast<int64_t>(random.Below(2 * kMaxClockErrorMs)) - kMaxClockErrorMs;
      }
      break;
    case FaultKind::kRelinquish:
    case FaultKind::kDemote:
    case FaultKind::kRemove:
    case FaultKind::kPromote:
      Order(fault);
      break;
    case FaultKind::kHostile:
      host.hostile_until = now_ + fault.ticks * kUnitsPerTick / 4;
      break;
    case FaultKind::kNonsense:
      Nonsense(fault.host, &random);
      break;
    case FaultKind::kSnapshot:
      TakeSnapshot(fault.host);
      break;
    case FaultKind::kRollback:
      done = RollBack(fault);
      break;
    case FaultKind::kRegion:
      done = CopyRegions(fault);
      break;
    default:
      done = DoNetwork(fault, &random);
      break;
  }
  if (done) ++totals_["faults"];
}

bool CoreWorld::DoNetwork(const Fault& fault, Random* random) {
  const uint64_t until = now_ + fault.ticks * kUnitsPerTick;
  const bool keeps = random->PerMille(500);
  const auto cut = [&](size_t from, size_t to) {
    if (from != to) network_.Cut(from, to, until, keeps);
  };
  switch (fault.kind) {
    case FaultKind::kSlow:
      network_.SetSlow(fault.host, until);
      return true;
    case FaultKind::kPartition: {
      const uint64_t halves = random->Next();
      for (size_t a = 0; a < hosts_.size(); ++a) {
        for (size_t b = 0; b < hosts_.size(); ++b) {
          if (((halves >> a) & 1) != ((halves >> b) & 1)) cut(a, b);
        }
      }
      return true;
    }
    case FaultKind::kIsolate:
    case FaultKind::kDeaf:
      for (size_t other = 0; other < hosts_.size(); ++other) {
        cut(other, fault.host);
        if (fault.kind == FaultKind::kIsolate) cut(fault.host, other);
      }
      return true;
    case FaultKind::kCutOneWay:
      cut(fault.host, fault.other);
      return fault.host != fault.other;
    case FaultKind::kLoss:
      // Each loss costs a handshake: few of them, and not for long.
      network_.SetLoss(random->Between(5, 30), std::min(until, now_ + 10 * kUnitsPerTick));
      return true;
    case FaultKind::kDelay:
      network_.SetDelay(random->Between(50, 600), until);
      return true;
    case FaultKind::kReset:
      if (fault.host != fault.other) ResetLink(fault.host, fault.other);
      return fault.host != fault.other;
    default:
      SVR2_CHECK(false);
      return false;
  }
}

// An order of an operator, through any host.
void CoreWorld::Order(const Fault& fault) {
  const size_t through = fault.random % hosts_.size();
  if (hosts_[through].replica == nullptr || Paused(through)) return;
  proto::HostRequest request;
  if (fault.kind == FaultKind::kRelinquish) {
    request.mutable_relinquish_leadership();
    Ask(through, std::move(request), {Asked::kOther});
    return;
  }
  const Replica* const target = hosts_[fault.host].replica.get();
  if (target == nullptr) return;
  if (fault.kind != FaultKind::kPromote && !Survives(fault.host)) return;
  proto::ChangeMembershipRequest* const change = request.mutable_change_membership();
  change->set_peer_id(target->id);
  change->set_kind(fault.kind == FaultKind::kDemote   ? proto::MEMBERSHIP_CHANGE_DEMOTE
                   : fault.kind == FaultKind::kRemove ? proto::MEMBERSHIP_CHANGE_REMOVE
                                                      : proto::MEMBERSHIP_CHANGE_PROMOTE);
  Ask(through, std::move(request), {Asked::kChange});
}

// Bytes and items that no enclave ever said.
void CoreWorld::Nonsense(size_t at, Random* random) {
  Replica* const replica = hosts_[at].replica.get();
  if (replica == nullptr) return;
  proto::HostToEnclaveMessage message;
  std::string bytes(random->Below(200), '\0');
  random->Fill(reinterpret_cast<uint8_t*>(&bytes[0]), bytes.size());
  switch (random->Below(6)) {
    case 0:
      if (hosts_[at].inbox.empty()) Input(at, bytes);
      return;
    case 1:
      message.add_items()->mutable_peer()->set_peer_id(bytes);
      break;
    case 2:
      message.add_items()->mutable_peer()->set_peer_id(random->Pick(id_of_number_));
      if (random->PerMille(500)) bytes.insert(0, 1, static_cast<char>(random->Between(1, 4)));
      message.mutable_items(0)->mutable_peer()->set_data(bytes);
      break;
    case 3:
      message.add_items()->mutable_peer_reset()->set_peer_id(random->Pick(id_of_number_));
      break;
    case 4:
      message.add_items()->mutable_client()->set_client_id(random->Below(50));
      message.mutable_items(0)->mutable_client()->set_data(bytes);
      // It may have ended a client's session.
      LoseSessions(at);
      break;
    default:
      message.add_items()->mutable_reply()->set_id(random->Below(20));
      message.mutable_items(0)->mutable_reply()->mutable_route_to_peer()->set_reachable(true);
      break;
  }
  Queue(at, std::move(message));
}

bool CoreWorld::IsVictim(uint32_t number) const {
  return std::find(victims_.begin(), victims_.end(), number) != victims_.end();
}

// A quorum of voters that were never rolled back lives, in every membership that may be in force,
// and enough of them vote for the group to serve.
bool CoreWorld::Survives(std::optional<size_t> without) const {
  const auto has_quorum = [&](const raft::Membership& membership) {
    size_t alive = 0;
    for (const raft::Member& member : membership.members()) {
      if (!member.voting) continue;
      const std::string id(member.id.begin(), member.id.end());
      const std::optional<size_t> host = HostOf(id);
      if (host.has_value() && host != without && !IsVictim(hosts_[*host].replica->number)) ++alive;
    }
    return membership.voters() >= plan_.shape.min_voters &&
           alive >= raft::QuorumSize(membership.voters(), plan_.shape.super_majority);
  };
  if (memberships_.index() == 0 || !has_quorum(memberships_.last())) return false;
  for (size_t at = 0; at < hosts_.size(); ++at) {
    const raft::Raft* const raft = RaftOf(at);
    if (raft == nullptr || raft->membership_index() < memberships_.index()) continue;
    if (!has_quorum(raft->membership())) return false;
    // It needs both quorums until it knows that the change is committed (protocol.md §4).
    if (raft->membership_before() != nullptr && !has_quorum(*raft->membership_before())) {
      return false;
    }
  }
  return true;
}

}  // namespace svr2::simulator
