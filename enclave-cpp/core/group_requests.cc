// SPDX-License-Identifier: Apache-2.0
//
// Core's part for the host's transactions on the group: joining, membership, leadership, minimums,
// peers. What only the leader can do is asked of it when another replica leads.

#include <string>
#include <utility>

#include "core/call.h"
#include "core/core.h"
#include "core/oneof.h"

namespace svr2::core {

namespace {

// A host may wait longer for a change than a client for its answer: it is committed by then, or an
// election was in between.
constexpr uint64_t kCommandPatience = 4;

}  // namespace

std::optional<raft::ChangeKind> ToChangeKind(proto::MembershipChangeKind kind) {
  switch (kind) {
    case proto::MEMBERSHIP_CHANGE_ADD:
      return raft::ChangeKind::kAdd;
    case proto::MEMBERSHIP_CHANGE_PROMOTE:
      return raft::ChangeKind::kPromote;
    case proto::MEMBERSHIP_CHANGE_DEMOTE:
      return raft::ChangeKind::kDemote;
    case proto::MEMBERSHIP_CHANGE_REMOVE:
      return raft::ChangeKind::kRemove;
    default:
      return std::nullopt;
  }
}

std::optional<raft::PeerId> ToPeerId(const std::string& bytes) {
  if (bytes.size() != std::tuple_size<raft::PeerId>::value) return std::nullopt;
  return util::ToArray<32>(util::ByteView(bytes));
}

bool Core::HandleGroupRequest(const proto::HostRequest& request, Call* call) {
  const uint64_t id = request.id();
  switch (request.request_case()) {
    case proto::HostRequest::kJoinGroup:
      JoinGroup(id, request.join_group(), call);
      return true;
    case proto::HostRequest::kChangeMembership:
      ChangeMembership(id, request.change_membership(), call);
      return true;
    case proto::HostRequest::kRelinquishLeadership:
      RelinquishLeadership(id, call);
      return true;
    case proto::HostRequest::kResetPeer:
      ResetPeer(id, request.reset_peer(), call);
      return true;
    case proto::HostRequest::kPingPeer:
      PingPeer(id, request.ping_peer(), call);
      return true;
    case proto::HostRequest::kHash:
      ReportHash(id, call);
      return true;
    case proto::HostRequest::kRaiseMinimums:
      RaiseMinimums(id, request.raise_minimums(), call);
      return true;
    default:
      return false;
  }
}

void Core::ChangeMembership(uint64_t id, const proto::ChangeMembershipRequest& request,
                            Call* call) {
  const std::optional<raft::PeerId> peer = ToPeerId(request.peer_id());
  if (!peer.has_value()) return void(AddReply(id, proto::ERROR_CORE_MALFORMED_ID, call));
  const std::optional<raft::ChangeKind> kind = ToChangeKind(request.kind());
  // A replica that joins asks for itself, once it has loaded everything.
  if (!kind.has_value() || *kind == raft::ChangeKind::kAdd) {
    return void(AddReply(id, proto::ERROR_INVALID_ARGUMENT, call));
  }
  bool is_leader = false;
  const std::optional<raft::PeerId> leader = replica_.Leader(&is_leader);
  if (!is_leader) {
    proto::PeerRequest ask;
    *SetMember(&ask, &proto::PeerRequest::set_allocated_change_membership) = request;
    return AskLeader(leader, std::move(ask), id, call);
  }
  Outcome outcome;
  const Result<raft::Position> position =
      replica_.ChangeMembership(*kind, *peer, request.force(), &outcome);
  Deliver(&outcome, call);
  if (!position.ok()) return void(AddReply(id, position.error(), call));
  WatchCommit(*position, id, proto::HostRequest::kChangeMembership, call);
}

void Core::RaiseMinimums(uint64_t id, const proto::RaiseMinimumsRequest& request, Call* call) {
  bool is_leader = false;
  const std::optional<raft::PeerId> leader = replica_.Leader(&is_leader);
  if (!is_leader) {
    proto::PeerRequest ask;
    *SetMember(&ask, &proto::PeerRequest::set_allocated_raise_minimums) = request;
    return AskLeader(leader, std::move(ask), id, call);
  }
  const Result<raft::Position> position = RaiseMinimumsAsLeader(request, call);
  if (!position.ok()) return void(AddReply(id, position.error(), call));
  WatchCommit(*position, id, proto::HostRequest::kRaiseMinimums, call);
}

Result<raft::Position> Core::RaiseMinimumsAsLeader(const proto::RaiseMinimumsRequest& request,
                                                   Call* call) {
  const Result<minimums::Minimums> raise = minimums::Minimums::FromProto(request.raise());
  if (!raise.ok()) return raise.status();
  if (raise->empty()) return proto::ERROR_INVALID_ARGUMENT;
  // A raise that would cut off a connected member is refused (protocol.md §6).
  for (const raft::Member& member : replica_.Members()) {
    const std::shared_ptr<peers::Peer> peer = FindPeer(member.id);
    if (peer == nullptr || !peer->connected()) continue;
    const Result<proto::MinimumLimits> values = peer->EvidenceValues(surroundings());
    if (!values.ok()) continue;  // Its session has just ended.
    SVR2_RETURN_IF_ERROR(raise->CheckValues({values->lim().begin(), values->lim().end()}));
  }
  Outcome outcome;
  const Result<raft::Position> position = replica_.RaiseMinimums(*raise, &outcome);
  Deliver(&outcome, call);
  return position;
}

// The leader's answer is a position, whose commit then ends the host's transaction.
void Core::AskLeader(const std::optional<raft::PeerId>& leader, proto::PeerRequest request,
                     uint64_t id, Call* call) {
  if (!leader.has_value()) {
    const Result<proto::RaftGroupConfig> group = replica_.Group();
    return void(AddReply(id, group.ok() ? proto::ERROR_RAFT_NO_LEADER : group.error(), call));
  }
  const Status asked = Ask(*leader, std::move(request), util::SecretBytes(), id, call);
  if (!asked.ok()) AddReply(id, asked.error(), call);
}

void Core::WatchCommit(const raft::Position& position, uint64_t id,
                       proto::HostRequest::RequestCase kind, Call* call) {
  Outcome outcome;
  const uint64_t deadline = now_tick_.load(std::memory_order_relaxed) +
                            kCommandPatience * settings_.client_request_timeout_ticks;
  replica_.WatchCommit(position, id, kind, deadline, &outcome);
  Deliver(&outcome, call);
}

void Core::RelinquishLeadership(uint64_t id, Call* call) {
  bool is_leader = false;
  (void)replica_.Leader(&is_leader);
  if (!is_leader) {
    const Result<proto::RaftGroupConfig> group = replica_.Group();
    proto::EnclaveReply* reply = AddReply(id, group.ok() ? proto::OK : group.error(), call);
    if (group.ok()) reply->mutable_relinquish_leadership();
    return;
  }
  Outcome outcome;
  const Status begun = replica_.TransferLeadership(&outcome);
  if (begun.ok()) replica_.WatchTransfer(id, &outcome);
  Deliver(&outcome, call);
  if (!begun.ok()) AddReply(id, begun.error(), call);
}

void Core::EndCommand(const GroupCommandEnd& end, Call* call) {
  proto::EnclaveReply* reply = AddReply(end.transaction_id, end.error, call);
  if (end.error != proto::OK) return;
  switch (end.kind) {
    case proto::HostRequest::kChangeMembership:
      reply->mutable_change_membership();
      break;
    case proto::HostRequest::kRelinquishLeadership:
      reply->mutable_relinquish_leadership();
      break;
    case proto::HostRequest::kRaiseMinimums:
      *reply->mutable_raise_minimums()->mutable_minimums() =
          replica_.TakeSnapshot().minimums.ToProto();
      break;
    default:
      SVR2_CHECK(false);
  }
}

void Core::ResetPeer(uint64_t id, const proto::ResetPeerRequest& request, Call* call) {
  const std::optional<raft::PeerId> peer_id = ToPeerId(request.peer_id());
  if (!peer_id.has_value()) return void(AddReply(id, proto::ERROR_CORE_MALFORMED_ID, call));
  const std::shared_ptr<peers::Peer> peer = FindPeer(*peer_id);
  if (peer == nullptr) return void(AddReply(id, proto::ERROR_PEERS_UNKNOWN, call));
  ResetSession(peer, proto::ERROR_PEERS_RESET, call);
  AddReply(id, proto::OK, call)->mutable_reset_peer();
}

void Core::PingPeer(uint64_t id, const proto::PingPeerRequest& request, Call* call) {
  const std::optional<raft::PeerId> peer_id = ToPeerId(request.peer_id());
  if (!peer_id.has_value()) return void(AddReply(id, proto::ERROR_CORE_MALFORMED_ID, call));
  proto::PeerRequest ask;
  SetMember(&ask, &proto::PeerRequest::set_allocated_ping);
  const Status asked = Ask(*peer_id, std::move(ask), util::SecretBytes(), id, call);
  if (!asked.ok()) AddReply(id, asked.error(), call);
}

void Core::ReportHash(uint64_t id, Call* call) {
  const Result<proto::HashReply> hash = replica_.KeyedHash();
  if (hash.ok()) {
    *AddReply(id, proto::OK, call)->mutable_hash() = *hash;
    return;
  }
  if (hash.error() == proto::ERROR_INTEGRITY_MISMATCH) {
    Outcome outcome;
    replica_.Stop(hash.error(), &outcome);
    Deliver(&outcome, call);
  }
  AddReply(id, hash.error(), call);
}

}  // namespace svr2::core
