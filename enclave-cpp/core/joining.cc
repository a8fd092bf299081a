// SPDX-License-Identifier: Apache-2.0
//
// Core's part for joining: carries out what core/joiner.h decides, and the source's side of it.

#include <utility>

#include "core/call.h"
#include "core/core.h"
#include "core/oneof.h"

namespace svr2::core {

using Kind = JoinAction::Kind;

void Core::JoinGroup(uint64_t id, const proto::JoinGroupRequest& request, Call* call) {
  if (request.peer_ids_size() == 0 ||
      static_cast<size_t>(request.peer_ids_size()) > raft::kMaxMembers) {
    return void(AddReply(id, proto::ERROR_INVALID_ARGUMENT, call));
  }
  std::vector<raft::PeerId> sources;
  for (const std::string& bytes : request.peer_ids()) {
    const std::optional<raft::PeerId> peer = ToPeerId(bytes);
    if (!peer.has_value()) return void(AddReply(id, proto::ERROR_CORE_MALFORMED_ID, call));
    // A host may list its own enclave among all.
    if (*peer != peer_id()) sources.push_back(*peer);
  }
  if (sources.empty()) return void(AddReply(id, proto::ERROR_INVALID_ARGUMENT, call));
  const bool has_group = replica_.Group().ok();
  {
    util::MutexLock lock(&join_mutex_);
    if (!joiner_.active() && has_group) {
      return void(AddReply(id, proto::ERROR_CORE_GROUP_EXISTS, call));
    }
    for (const raft::PeerId& source : sources) joiner_.AddSource(source);
  }
  AddReply(id, proto::OK, call)->mutable_join_group();
  TickJoiner(call);
}

void Core::TickJoiner(Call* call) {
  {
    util::MutexLock lock(&join_mutex_);
    if (!joiner_.active()) return;
  }
  const Snapshot snapshot = replica_.TakeSnapshot();
  std::vector<raft::PeerId> voters;
  std::vector<raft::PeerId> connected;
  for (const raft::Member& member : snapshot.members) {
    if (!member.voting || member.id == peer_id()) continue;
    voters.push_back(member.id);
    if (IsConnected(member.id)) connected.push_back(member.id);
  }
  JoinAction action;
  {
    util::MutexLock lock(&join_mutex_);
    action = joiner_.Tick(now_tick_.load(std::memory_order_relaxed), snapshot.member,
                          snapshot.group_time_seconds > 0, voters, connected);
  }
  PerformJoin(action, call);
}

// An event for the joiner, and what follows from it.
template <typename Event>
void Core::TellJoiner(Call* call, Event event) {
  JoinAction action;
  {
    util::MutexLock lock(&join_mutex_);
    action = event(&joiner_);
  }
  PerformJoin(action, call);
}

void Core::JoinerConnected(const raft::PeerId& peer, Call* call) {
  TellJoiner(call, [&peer](Joiner* joiner) { return joiner->OnConnected(peer); });
}

void Core::JoinerRefused(const raft::PeerId& peer, Error error, Call* call) {
  TellJoiner(call, [&peer, error](Joiner* joiner) { return joiner->OnRefused(peer, error); });
}

void Core::JoinerLost(const raft::PeerId& peer, Error error, Call* call) {
  TellJoiner(call, [&peer, error](Joiner* joiner) { return joiner->OnPeerLost(peer, error); });
}

void Core::PerformJoin(const JoinAction& action, Call* call) {
  switch (action.kind) {
    case Kind::kNone:
      return;
    case Kind::kAskRoute:
      return AskRoute(action.peer, call);
    case Kind::kConnect: {
      if (IsConnected(action.peer)) return JoinerConnected(action.peer, call);
      const Status status = Connect(action.peer, call);
      if (!status.ok()) JoinerLost(action.peer, status.error(), call);
      return;
    }
    case Kind::kGetGroup: {
      proto::PeerRequest ask;
      SetMember(&ask, &proto::PeerRequest::set_allocated_get_group);
      return AskForJoin(action.peer, std::move(ask), call);
    }
    case Kind::kReplicate: {
      proto::PeerRequest ask;
      SetMember(&ask, &proto::PeerRequest::set_allocated_replicate_state);
      return AskForJoin(action.peer, std::move(ask), call);
    }
    case Kind::kAbandon: {
      metrics_.Increment(proto::COUNTER_JOIN_ATTEMPTS_FAILED);
      LogJoinFailure(call);
      return replica_.AbandonLoading();
    }
    case Kind::kCompare: {
      proto::PeerRequest ask;
      SetMember(&ask, &proto::PeerRequest::set_allocated_compare_digest)
          ->set_index(replica_.TakeSnapshot().applied_index);
      return AskForJoin(action.peer, std::move(ask), call);
    }
    case Kind::kCompared:
      return replica_.SetCompared();
    case Kind::kAskMembership: {
      proto::PeerRequest ask;
      auto* const change = SetMember(&ask, &proto::PeerRequest::set_allocated_change_membership);
      change->set_kind(proto::MEMBERSHIP_CHANGE_ADD);
      change->set_peer_id(peer_id().data(), peer_id().size());
      return AskForJoin(action.peer, std::move(ask), call);
    }
    case Kind::kDone:
      Log(proto::LOG_LEVEL_INFO, "joined the group", call);
      return;
  }
}

void Core::LogJoinFailure(Call* call) {
  Error error;
  {
    util::MutexLock lock(&join_mutex_);
    error = joiner_.last_error();
  }
  metrics_.CountError(error);
  Log(proto::LOG_LEVEL_WARN,
      "could not join through this peer, the next one is tried: " + proto::Error_Name(error), call);
}

// A request of the joiner's; that it cannot be sent is an answer, too.
void Core::AskForJoin(const raft::PeerId& peer, proto::PeerRequest request, Call* call) {
  const PeerTransactions::Kind kind = request.request_case();
  const Status asked = Ask(peer, std::move(request), util::SecretBytes(), 0, call);
  if (!asked.ok()) JoinRequestFailed(peer, kind, asked.error(), call);
}

void Core::JoinRequestFailed(const raft::PeerId& peer, PeerTransactions::Kind kind, Error error,
                             Call* call) {
  TellJoiner(call, [&](Joiner* joiner) {
    switch (kind) {
      case proto::PeerRequest::kGetGroup:
        return joiner->OnGroup(peer, error);
      case proto::PeerRequest::kReplicateState:
        return joiner->OnStream(peer, error);
      case proto::PeerRequest::kCompareDigest:
        return joiner->OnCompared(peer, error);
      default:
        return JoinAction();  // Membership: asked again.
    }
  });
}

// The host answers whether it has a way to this peer, so that nobody waits for a dead source.
void Core::AskRoute(const raft::PeerId& peer, Call* call) {
  uint64_t id;
  {
    util::MutexLock lock(&join_mutex_);
    id = next_route_request_++;
    route_requests_.clear();  // One at a time: an answer to an older one means nothing any more.
    route_requests_[id] = peer;
  }
  proto::EnclaveRequest* request = call->output.AddItem()->mutable_request();
  request->set_id(id);
  request->mutable_route_to_peer()->set_peer_id(peer.data(), peer.size());
}

void Core::HandleReply(const proto::HostReply& reply, Call* call) {
  std::optional<raft::PeerId> peer;
  {
    util::MutexLock lock(&join_mutex_);
    const auto found = route_requests_.find(reply.id());
    if (found != route_requests_.end() && reply.has_route_to_peer()) {
      peer = found->second;
      route_requests_.erase(found);
    }
  }
  if (!peer.has_value()) {
    metrics_.Increment(proto::COUNTER_UNKNOWN_REPLIES);
    return metrics_.CountError(proto::ERROR_CORE_UNKNOWN_TRANSACTION);
  }
  const bool reachable = reply.route_to_peer().reachable();
  TellJoiner(call, [&](Joiner* joiner) { return joiner->OnRoute(*peer, reachable); });
}

// ---- Answers to what a joiner asked ----

Status Core::TakeGroup(const raft::PeerId& source, const proto::GroupAnswer& answer,
                       util::ByteView group_key) {
  proto::RaftGroupConfig expected = settings_.group;
  expected.set_group_id(answer.config().group_id());
  if (answer.config().group_id() == 0 ||
      answer.config().SerializeAsString() != expected.SerializeAsString()) {
    return proto::ERROR_ATTESTATION_GROUP_CONFIG;
  }
  SVR2_RETURN_IF_ERROR(replica_.BeginLoading(source, answer.config(), group_key));
  util::MutexLock lock(&join_mutex_);
  // Further sources, should this one fail.
  for (const proto::MemberStatus& member : answer.members()) {
    const std::optional<raft::PeerId> peer = ToPeerId(member.peer_id());
    if (peer.has_value() && *peer != peer_id()) joiner_.AddSource(*peer);
  }
  return Status::Ok();
}

void Core::GroupAnswered(const raft::PeerId& source, const proto::PeerReply& reply,
                         util::ByteView attachment, Call* call) {
  Status status = reply.error();
  if (status.ok()) status = TakeGroup(source, reply.get_group(), attachment);
  TellJoiner(call, [&](Joiner* joiner) { return joiner->OnGroup(source, status); });
}

void Core::StreamStarted(const raft::PeerId& source, Call* call) {
  TellJoiner(call, [&](Joiner* joiner) { return joiner->OnStream(source, Status::Ok()); });
}

void Core::DigestAnswered(const raft::PeerId& voter, const proto::PeerReply& reply, Call* call) {
  Status status = reply.error();
  if (status.ok()) {
    DigestAt other;
    other.index = reply.compare_digest().index();
    if (reply.compare_digest().digest().size() != other.digest.size()) {
      status = proto::ERROR_PEERS_MALFORMED_MESSAGE;
    } else {
      other.digest = db::DatabaseDigest(util::ByteView(reply.compare_digest().digest()));
      status = replica_.CompareDigest(other);
    }
  }
  if (status.error() == proto::ERROR_CORE_DIGEST_MISMATCH) {
    // One of the two was rolled back, and nobody can tell here which.
    return StopFor(status.error(), call);
  }
  TellJoiner(call, [&](Joiner* joiner) { return joiner->OnCompared(voter, status); });
}

void Core::TakePush(const Asker& asker, const proto::StatePush& push, util::ByteView attachment,
                    Call* call) {
  const std::shared_ptr<peers::Peer>& source = asker.peer;
  Replica::Taken taken;
  Outcome outcome;
  const Status status = replica_.Load(source->id(), push, attachment, &taken, &outcome);
  // First of all, since what follows needs memory: a joiner that does not know that the group
  // stands would begin again, which is not possible any more.
  JoinAction action;
  {
    util::MutexLock lock(&join_mutex_);
    action = joiner_.OnPush(source->id(), status, taken.loaded);
  }
  Deliver(&outcome, call);
  proto::PeerReply reply;
  reply.set_error(status.error());
  if (status.ok())
    SetMember(&reply, &proto::PeerReply::set_allocated_state_push)->set_rows(taken.rows);
  Answer(asker, std::move(reply), util::SecretBytes(), call);
  if (taken.loaded) {
    Log(proto::LOG_LEVEL_INFO, "loaded all rows of the group", call);
    // From now on the evidence names the group.
    RefreshPeerEvidence(call);
    RefreshServerKey(call);
  }
  PerformJoin(action, call);
}

// ---- The source's side ----

void Core::AnswerGroup(const Asker& asker, Call* call) {
  proto::PeerReply reply;
  util::SecretBytes attachment;
  const Result<proto::RaftGroupConfig> group = replica_.Group();
  const Result<util::Secret<32>> key = replica_.GroupKey();
  const Status status = !group.ok() ? group.status() : key.status();
  reply.set_error(status.error());
  if (status.ok()) {
    proto::GroupAnswer* answer = SetMember(&reply, &proto::PeerReply::set_allocated_get_group);
    *answer->mutable_config() = *group;
    const std::vector<raft::Member> members = replica_.Members();
    // Room first: a list that cannot grow loses the element that it was about to take.
    answer->mutable_members()->Reserve(static_cast<int>(members.size()));
    for (const raft::Member& member : members) {
      proto::MemberStatus* entry = answer->add_members();
      entry->set_peer_id(member.id.data(), member.id.size());
      entry->set_voting(member.voting);
    }
    const util::ByteView bytes = key->view();
    attachment.assign(bytes.begin(), bytes.end());
  }
  Answer(asker, std::move(reply), std::move(attachment), call);
}

void Core::AnswerDigest(const Asker& asker, uint64_t index, Call* call) {
  proto::PeerReply reply;
  const Result<DigestAt> digest = replica_.DigestNear(index);
  reply.set_error(digest.error());
  if (digest.ok()) {
    auto* const answer = SetMember(&reply, &proto::PeerReply::set_allocated_compare_digest);
    answer->set_index(digest->index);
    answer->set_digest(digest->digest.data(), digest->digest.size());
  }
  Answer(asker, std::move(reply), util::SecretBytes(), call);
}

// Sends what joiners' windows have room for.
void Core::PumpStreams(Call* call) {
  for (;;) {
    raft::PeerId joiner;
    StreamPush push;
    Outcome outcome;
    const bool more = replica_.NextPush(&joiner, &push, &outcome);
    Deliver(&outcome, call);
    if (!more) return;
    proto::PeerRequest ask;
    *SetMember(&ask, &proto::PeerRequest::set_allocated_state_push) = std::move(push.head);
    const Status asked = Ask(joiner, std::move(ask), std::move(push.attachment), 0, call);
    if (!asked.ok()) replica_.EndStream(joiner);
  }
}

}  // namespace svr2::core
