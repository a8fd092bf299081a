// SPDX-License-Identifier: Apache-2.0
//
// Core's part for what other enclaves send: sessions, frames, and the transactions in them. What
// goes to a peer is left in its outbox; at the end of the call one thread encrypts and hands over
// all that is there (core/output_batch.h).

#include <utility>
#include <vector>

#include "core/call.h"
#include "core/core.h"
#include "core/oneof.h"
#include "peers/frame.h"
#include "raft/message_codec.h"

namespace svr2::core {

namespace {

// A minute at 100 ms.
constexpr uint64_t kTicksBetweenPeerWarnings = 600;

void FillPosition(const raft::Position& position, proto::LogPosition* out) {
  out->set_index(position.index);
  out->set_term(position.term);
  out->set_hash(position.hash.data(), position.hash.size());
}

Result<raft::Position> ToPosition(const proto::LogPosition& position) {
  if (position.hash().size() != sizeof(raft::Hash) || position.index() == 0) {
    return proto::ERROR_PEERS_MALFORMED_MESSAGE;
  }
  return raft::Position{position.index(), position.term(),
                        util::ToArray<32>(util::ByteView(position.hash()))};
}

// What a replica that joins may ask: it has no group yet, so it takes part in nothing.
bool AllowedToJoiner(const proto::PeerRequest& request, const raft::PeerId& joiner) {
  switch (request.request_case()) {
    case proto::PeerRequest::kPing:
    case proto::PeerRequest::kGetGroup:
    case proto::PeerRequest::kReplicateState:
    case proto::PeerRequest::kTimestamp:
    case proto::PeerRequest::kCompareDigest:
      return true;
    case proto::PeerRequest::kChangeMembership:
      return request.change_membership().kind() == proto::MEMBERSHIP_CHANGE_ADD &&
             util::ByteView(request.change_membership().peer_id()) == util::ByteView(joiner);
    default:
      return false;
  }
}

}  // namespace

void Core::HandlePeerInput(const proto::PeerInput& input, Call* call) {
  const std::optional<raft::PeerId> id = ToPeerId(input.peer_id());
  if (!id.has_value() || *id == peer_id()) {
    return metrics_.CountError(proto::ERROR_CORE_MALFORMED_ID);
  }
  metrics_.Increment(proto::COUNTER_PEER_MESSAGES_RECEIVED);
  metrics_.Increment(proto::COUNTER_PEER_BYTES_RECEIVED, input.data().size());
  std::shared_ptr<peers::Peer> peer = FindPeer(*id);
  if (peer == nullptr) {
    if (!peers::IsSyn(input.data())) {
      // Left over from a session of which we know nothing any more.
      metrics_.CountError(proto::ERROR_PEERS_UNKNOWN);
      std::string refusal = peers::RefusalOf(input.data());
      if (!refusal.empty()) call->output.AppendPeerItem(*id, std::move(refusal));
      return;
    }
    const Result<std::shared_ptr<peers::Peer>> made =
        peers_.FindOrCreate(*id, now_tick_.load(std::memory_order_relaxed));
    if (!made.ok()) return metrics_.CountError(made.error());
    peer = *made;
  }
  peers::Received received;
  const Status status = ReceiveFrom(peer, input.data(), &received, call);
  AfterReceive(peer, status, &received, call);
}

// Hands one message to the peer's session. What that answers waits in the outbox.
Status Core::ReceiveFrom(const std::shared_ptr<peers::Peer>& peer, util::ByteView data,
                         peers::Received* received, Call* call) {
  call->Touch(peer);
  const Result<peers::MessageView> message = peers::ParseMessage(data);
  const bool handshake = message.ok() && (message->kind == peers::MessageKind::kSyn ||
                                          message->kind == peers::MessageKind::kSynAck);
  // Only handshakes need to know who we are and what we ask of the other side.
  if (!handshake) {
    return peer->Receive(surroundings(), peers::Identity{peer_keys_, no_evidence_},
                         peers::Judge{no_expectation_, 0}, data, received);
  }
  const std::shared_ptr<const env::Evidence> evidence = PeerEvidence(call);
  if (evidence == nullptr) return proto::ERROR_ATTESTATION_UNAVAILABLE;
  const attestation::Expectation expectation = PeerExpectation(peer->id());
  const Status status = peer->Receive(surroundings(), peers::Identity{peer_keys_, *evidence},
                                      peers::Judge{expectation, JudgeSeconds()}, data, received);
  if (!status.ok()) {
    metrics_.Increment(proto::COUNTER_PEER_HANDSHAKES_FAILED);
    LogPeerRefused(status.error(), call);
    JoinerRefused(peer->id(), status.error(), call);
  }
  return status;
}

void Core::AfterReceive(const std::shared_ptr<peers::Peer>& peer, Status status,
                        peers::Received* received, Call* call) {
  metrics_.CountError(status.error());
  if (status.error() == proto::ERROR_INTEGRITY_MISMATCH) return StopFor(status.error(), call);
  // What the session before said counts as said before it ended.
  if (received->disconnected || received->connected) StepMessages(call);
  if (received->disconnected) {
    PeerDown(peer, status.ok() ? proto::ERROR_PEERS_RESET : status.error(), call);
  }
  if (received->connected) PeerUp(peer, call);
  if (received->has_data) HandleFrame(peer, *received, call);
}

void Core::LogPeerRefused(Error error, Call* call) {
  // What a host can bring about at will is no line in the log each time.
  if (!Logs(proto::LOG_LEVEL_DEBUG) && error != proto::ERROR_ATTESTATION_GROUP_CONFIG &&
      error != proto::ERROR_ATTESTATION_MEASUREMENT && error != proto::ERROR_ATTESTATION_MINIMUMS &&
      error != proto::ERROR_ATTESTATION_TCB_STATUS) {
    return;
  }
  const uint64_t now = now_tick_.load(std::memory_order_relaxed);
  uint64_t next = next_peer_warning_tick_.load(std::memory_order_relaxed);
  if (now < next || !next_peer_warning_tick_.compare_exchange_strong(
                        next, now + kTicksBetweenPeerWarnings, std::memory_order_relaxed)) {
    return;
  }
  Log(proto::LOG_LEVEL_WARN, "a peer is refused: " + proto::Error_Name(error), call);
}

// Stops for good for what was found outside of the replica.
void Core::StopFor(Error reason, Call* call) {
  Outcome outcome;
  replica_.Stop(reason, &outcome);
  Deliver(&outcome, call);
}

void Core::HandlePeerReset(const proto::PeerReset& reset, Call* call) {
  const std::optional<raft::PeerId> id = ToPeerId(reset.peer_id());
  if (!id.has_value()) return metrics_.CountError(proto::ERROR_CORE_MALFORMED_ID);
  const std::shared_ptr<peers::Peer> peer = FindPeer(*id);
  if (peer != nullptr) ResetSession(peer, proto::ERROR_PEERS_RESET, call);
}

// Starts a session, or once more when an attempt took too long.
Status Core::Connect(const raft::PeerId& id, Call* call) {
  const Result<std::shared_ptr<peers::Peer>> peer =
      peers_.FindOrCreate(id, now_tick_.load(std::memory_order_relaxed));
  if (!peer.ok()) return peer.status();
  const std::shared_ptr<const env::Evidence> evidence = PeerEvidence(call);
  if (evidence == nullptr) return proto::ERROR_ATTESTATION_UNAVAILABLE;
  call->Touch(*peer);
  const Status status = (*peer)->Connect(surroundings(), peers::Identity{peer_keys_, *evidence});
  if (status.error() == proto::ERROR_INTEGRITY_MISMATCH) StopFor(status.error(), call);
  return status;
}

// Ends a session from our side and tells the peer.
void Core::ResetSession(const std::shared_ptr<peers::Peer>& peer, Error error, Call* call) {
  metrics_.CountError(error);
  bool disconnected = false;
  const Status status = peer->Reset(surroundings(), &disconnected);
  call->Touch(peer);
  if (status.error() == proto::ERROR_INTEGRITY_MISMATCH) return StopFor(status.error(), call);
  if (disconnected) PeerDown(peer, error, call);
}

void Core::PeerUp(const std::shared_ptr<peers::Peer>& peer, Call* call) {
  metrics_.Increment(proto::COUNTER_PEER_HANDSHAKES);
  {
    util::MutexLock lock(&links_mutex_);
    Link& link = links_[peer->id()];
    link.next_timestamp_tick = 0;
    // The handshake showed the newest, unless it has been replaced meanwhile.
    link.evidence_version = peer_evidence_version_;
  }
  SendTimestamp(peer, now_tick_.load(std::memory_order_relaxed), call);
  Outcome outcome;
  replica_.PeerConnected(peer->id(), &outcome);
  Deliver(&outcome, call);
  JoinerConnected(peer->id(), call);
}

// What was asked of this peer is not answered any more.
void Core::PeerDown(const std::shared_ptr<peers::Peer>& peer, Error error, Call* call) {
  metrics_.Increment(proto::COUNTER_PEER_RESETS);
  replica_.PeerLost(peer->id());
  replica_.EndStream(peer->id());
  for (const PeerTransactions::Open& open : transactions_.TakeOfPeer(peer->id())) {
    FailTransaction(open, error, call);
  }
  JoinerLost(peer->id(), error, call);
}

// ---- Frames ----

void Core::HandleFrame(const std::shared_ptr<peers::Peer>& peer, const peers::Received& received,
                       Call* call) {
  peers::FrameReader reader(util::View(received.data));
  Status status;
  while (status.ok() && !reader.done()) {
    const Result<peers::FrameItem> item = reader.Next();
    status = item.status();
    if (!item.ok()) break;
    if (item->kind == peers::ItemKind::kRaft) {
      GatherMessage(peer, received, item->attachment, call);
      continue;
    }
    StepMessages(call);
    status = item->kind == peers::ItemKind::kRequest ? TakeRequest(peer, received, *item, call)
                                                     : TakeReply(peer, *item, call);
  }
  if (status.ok()) return;
  // An attested peer sends no such thing: something is broken there, or here.
  StepMessages(call);
  ResetSession(peer, status.error(), call);
}

// Keeps a consensus message until those that came with it are here, too: answers of several
// followers that one call brings are decided on, put under the integrity tree and followed up once.
void Core::GatherMessage(const std::shared_ptr<peers::Peer>& peer, const peers::Received& received,
                         util::ByteView encoded, Call* call) {
  // A peer that joins takes part in nothing yet.
  Result<raft::Message> message =
      received.attested.joins() ? proto::ERROR_PEERS_NOT_ALLOWED : raft::DecodeMessage(encoded);
  if (!message.ok()) return metrics_.CountError(message.error());
  if (call->messages.size() >= Call::kMaxMessages ||
      call->message_bytes >= Call::kMaxMessageBytes) {
    StepMessages(call);
  }
  if (call->messages.empty()) call->messages.reserve(Call::kUsualMessages);
  call->messages.push_back(PeerMessage{peer->id(), std::move(*message)});
  call->message_bytes += encoded.size();
}

// Hands what was gathered to the replica.
void Core::StepMessages(Call* call) {
  if (call->messages.empty()) return;
  const std::vector<PeerMessage> messages = std::exchange(call->messages, {});
  call->message_bytes = 0;
  if (stopped_.load(std::memory_order_acquire)) return;
  Outcome outcome;
  replica_.Step(messages, &outcome);
  Deliver(&outcome, call);
}

Status Core::TakeRequest(const std::shared_ptr<peers::Peer>& peer, const peers::Received& received,
                         const peers::FrameItem& item, Call* call) {
  peers::ParsedHead<proto::PeerRequest> request;
  SVR2_RETURN_IF_ERROR(peers::ParseRequest(item, &request));
  const Asker asker{peer, request->id(), received.epoch};
  if (received.attested.joins() && !AllowedToJoiner(*request, peer->id())) {
    AnswerError(asker, proto::ERROR_PEERS_NOT_ALLOWED, call);
  } else {
    HandlePeerRequest(asker, *request, item.attachment, call);
  }
  return Status::Ok();
}

Status Core::TakeReply(const std::shared_ptr<peers::Peer>& peer, const peers::FrameItem& item,
                       Call* call) {
  peers::ParsedHead<proto::PeerReply> reply;
  SVR2_RETURN_IF_ERROR(peers::ParseReply(item, &reply));
  const std::optional<PeerTransactions::Open> open = transactions_.Take(peer->id(), reply->id());
  if (!open.has_value()) {
    metrics_.Increment(proto::COUNTER_UNKNOWN_REPLIES);
    metrics_.CountError(proto::ERROR_CORE_UNKNOWN_TRANSACTION);
    return Status::Ok();
  }
  if (reply->error() == proto::OK && reply->reply_case() != ReplyCaseFor(open->kind)) {
    FailTransaction(*open, proto::ERROR_PEERS_MALFORMED_MESSAGE, call);
    return proto::ERROR_PEERS_MALFORMED_MESSAGE;
  }
  HandlePeerReply(peer, *open, *reply, item.attachment, call);
  return Status::Ok();
}

void Core::HandlePeerRequest(const Asker& asker, const proto::PeerRequest& request,
                             util::ByteView attachment, Call* call) {
  const std::shared_ptr<peers::Peer>& peer = asker.peer;
  proto::PeerReply reply;
  switch (request.request_case()) {
    case proto::PeerRequest::kPing:
      SetMember(&reply, &proto::PeerReply::set_allocated_ping);
      return Answer(asker, std::move(reply), util::SecretBytes(), call);
    case proto::PeerRequest::kGetGroup:
      return AnswerGroup(asker, call);
    case proto::PeerRequest::kReplicateState: {
      const Status status = replica_.StartStream(peer->id());
      reply.set_error(status.error());
      if (status.ok()) SetMember(&reply, &proto::PeerReply::set_allocated_replicate_state);
      Answer(asker, std::move(reply), util::SecretBytes(), call);
      return PumpStreams(call);
    }
    case proto::PeerRequest::kStatePush:
      return TakePush(asker, request.state_push(), attachment, call);
    case proto::PeerRequest::kChangeMembership:
      return AnswerChange(asker, request.change_membership(), call);
    case proto::PeerRequest::kForwardEntry: {
      Outcome outcome;
      const Result<raft::Position> position =
          replica_.AppendForwarded(peer->id(), attachment, &outcome);
      reply.set_error(position.error());
      if (position.ok())
        FillPosition(*position, SetMember(&reply, &proto::PeerReply::set_allocated_forward_entry));
      Answer(asker, std::move(reply), util::SecretBytes(), call);
      return Deliver(&outcome, call);
    }
    case proto::PeerRequest::kTimestamp:
      return TakeTimestamp(asker, request.timestamp(), call);
    case proto::PeerRequest::kRaiseMinimums: {
      const Result<raft::Position> position = RaiseMinimumsAsLeader(request.raise_minimums(), call);
      reply.set_error(position.error());
      if (position.ok())
        FillPosition(*position, SetMember(&reply, &proto::PeerReply::set_allocated_raise_minimums));
      return Answer(asker, std::move(reply), util::SecretBytes(), call);
    }
    case proto::PeerRequest::kCompareDigest:
      return AnswerDigest(asker, request.compare_digest().index(), call);
    case proto::PeerRequest::REQUEST_NOT_SET:
      break;
  }
  AnswerError(asker, proto::ERROR_PEERS_MALFORMED_MESSAGE, call);
}

void Core::AnswerChange(const Asker& asker, const proto::ChangeMembershipRequest& request,
                        Call* call) {
  const std::optional<raft::ChangeKind> kind = ToChangeKind(request.kind());
  const std::optional<raft::PeerId> subject = ToPeerId(request.peer_id());
  if (!kind.has_value() || !subject.has_value()) {
    return AnswerError(asker, proto::ERROR_INVALID_ARGUMENT, call);
  }
  Outcome outcome;
  const Result<raft::Position> position =
      replica_.ChangeMembership(*kind, *subject, request.force(), &outcome);
  proto::PeerReply reply;
  reply.set_error(position.error());
  if (position.ok())
    FillPosition(*position, SetMember(&reply, &proto::PeerReply::set_allocated_change_membership));
  Answer(asker, std::move(reply), util::SecretBytes(), call);
  Deliver(&outcome, call);
}

// ---- Transactions ----

// Leaves a request in the peer's outbox. On failure nothing was sent, and no answer comes.
Status Core::Ask(const raft::PeerId& id, proto::PeerRequest request, util::SecretBytes attachment,
                 uint64_t reference, Call* call) {
  const std::shared_ptr<peers::Peer> peer = FindPeer(id);
  if (peer == nullptr || !peer->connected()) return proto::ERROR_PEERS_NOT_CONNECTED;
  const Result<uint64_t> transaction = transactions_.Begin(
      id, request.request_case(), reference, now_tick_.load(std::memory_order_relaxed),
      settings_.peer_request_timeout_ticks);
  if (!transaction.ok()) return transaction.status();
  request.set_id(*transaction);
  const Status pushed = peer->Push(peers::Request{std::move(request), std::move(attachment)});
  if (!pushed.ok()) {
    (void)transactions_.Take(id, *transaction);
    return pushed;
  }
  metrics_.Increment(proto::COUNTER_PEER_REQUESTS);
  call->Touch(peer);
  return Status::Ok();
}

void Core::Answer(const Asker& asker, proto::PeerReply reply, util::SecretBytes attachment,
                  Call* call) {
  // A replica that stopped tells nobody anything: what it refuses now it may have applied before.
  if (replica_.stop_reason() != proto::OK) return;
  reply.set_id(asker.request);
  metrics_.CountError(reply.error());
  // Should the session have ended meanwhile, the other side counts its request as unanswered.
  metrics_.CountError(
      asker.peer->Push(peers::Reply{std::move(reply), std::move(attachment), asker.epoch}).error());
  call->Touch(asker.peer);
}

void Core::AnswerError(const Asker& asker, Error error, Call* call) {
  proto::PeerReply reply;
  reply.set_error(error);
  Answer(asker, std::move(reply), util::SecretBytes(), call);
}

void Core::HandlePeerReply(const std::shared_ptr<peers::Peer>& peer,
                           const PeerTransactions::Open& open, const proto::PeerReply& reply,
                           util::ByteView attachment, Call* call) {
  switch (open.kind) {
    case proto::PeerRequest::kPing: {
      const uint64_t ticks = now_tick_.load(std::memory_order_relaxed) - open.begun_tick;
      AddReply(open.reference, reply.error(), call)
          ->mutable_ping_peer()
          ->set_ticks(static_cast<uint32_t>(ticks));
      return;
    }
    case proto::PeerRequest::kGetGroup:
      return GroupAnswered(peer->id(), reply, attachment, call);
    case proto::PeerRequest::kReplicateState: {
      if (reply.error() != proto::OK) {
        return JoinRequestFailed(peer->id(), open.kind, reply.error(), call);
      }
      return StreamStarted(peer->id(), call);
    }
    case proto::PeerRequest::kStatePush:
      if (reply.error() != proto::OK) return replica_.EndStream(peer->id());
      replica_.PushTaken(peer->id(), reply.state_push().rows());
      return PumpStreams(call);
    case proto::PeerRequest::kChangeMembership:
      return CommandAppended(open, reply, reply.change_membership(),
                             proto::HostRequest::kChangeMembership, call);
    case proto::PeerRequest::kRaiseMinimums:
      return CommandAppended(open, reply, reply.raise_minimums(),
                             proto::HostRequest::kRaiseMinimums, call);
    case proto::PeerRequest::kForwardEntry:
      return ForwardAnswered(open, reply, call);
    case proto::PeerRequest::kTimestamp:
      return;
    case proto::PeerRequest::kCompareDigest:
      return DigestAnswered(peer->id(), reply, call);
    case proto::PeerRequest::REQUEST_NOT_SET:
      return;
  }
}

proto::PeerReply::ReplyCase Core::ReplyCaseFor(PeerTransactions::Kind kind) {
  switch (kind) {
    case proto::PeerRequest::kPing:
      return proto::PeerReply::kPing;
    case proto::PeerRequest::kGetGroup:
      return proto::PeerReply::kGetGroup;
    case proto::PeerRequest::kReplicateState:
      return proto::PeerReply::kReplicateState;
    case proto::PeerRequest::kStatePush:
      return proto::PeerReply::kStatePush;
    case proto::PeerRequest::kChangeMembership:
      return proto::PeerReply::kChangeMembership;
    case proto::PeerRequest::kForwardEntry:
      return proto::PeerReply::kForwardEntry;
    case proto::PeerRequest::kTimestamp:
      return proto::PeerReply::kTimestamp;
    case proto::PeerRequest::kRaiseMinimums:
      return proto::PeerReply::kRaiseMinimums;
    case proto::PeerRequest::kCompareDigest:
      return proto::PeerReply::kCompareDigest;
    case proto::PeerRequest::REQUEST_NOT_SET:
      break;
  }
  return proto::PeerReply::REPLY_NOT_SET;
}

void Core::ForwardAnswered(const PeerTransactions::Open& open, const proto::PeerReply& reply,
                           Call* call) {
  Outcome outcome;
  if (reply.error() != proto::OK) {
    // The leader says that it appended nothing.
    replica_.ForwardRefused(open.reference, reply.error(), &outcome);
  } else {
    const Result<raft::Position> position = ToPosition(reply.forward_entry());
    if (position.ok()) {
      replica_.ForwardAppended(open.reference, *position, &outcome);
    } else {
      replica_.ForwardLost(open.reference, position.error(), &outcome);
    }
  }
  Deliver(&outcome, call);
}

// The leader has appended what the host had us ask for (or, with reference 0, our own joining).
void Core::CommandAppended(const PeerTransactions::Open& open, const proto::PeerReply& reply,
                           const proto::LogPosition& appended, proto::HostRequest::RequestCase kind,
                           Call* call) {
  if (open.reference == 0) return metrics_.CountError(reply.error());
  if (reply.error() != proto::OK) {
    AddReply(open.reference, reply.error(), call);
    return;
  }
  const Result<raft::Position> position = ToPosition(appended);
  if (!position.ok()) {
    AddReply(open.reference, position.error(), call);
    return;
  }
  WatchCommit(*position, open.reference, kind, call);
}

void Core::FailTransaction(const PeerTransactions::Open& open, Error error, Call* call) {
  switch (open.kind) {
    case proto::PeerRequest::kPing:
    case proto::PeerRequest::kRaiseMinimums:
    case proto::PeerRequest::kChangeMembership:
      if (open.reference != 0) AddReply(open.reference, error, call);
      return;
    case proto::PeerRequest::kForwardEntry: {
      Outcome outcome;
      replica_.ForwardLost(open.reference, error, &outcome);
      return Deliver(&outcome, call);
    }
    case proto::PeerRequest::kStatePush:
      return replica_.EndStream(open.peer);
    case proto::PeerRequest::kGetGroup:
    case proto::PeerRequest::kReplicateState:
    case proto::PeerRequest::kCompareDigest:
      return JoinRequestFailed(open.peer, open.kind, error, call);
    case proto::PeerRequest::kTimestamp:
    case proto::PeerRequest::REQUEST_NOT_SET:
      return;
  }
}

// Sends an entry of our clients to the leader. What could not be sent was not applied.
void Core::SendForward(Forward forward, Call* call) {
  proto::PeerRequest ask;
  SetMember(&ask, &proto::PeerRequest::set_allocated_forward_entry);
  const Status asked =
      Ask(forward.leader, std::move(ask), std::move(forward.payload), forward.first_request, call);
  if (asked.ok()) return metrics_.Increment(proto::COUNTER_FORWARDS);
  Outcome outcome;
  replica_.ForwardRefused(forward.first_request, asked.error(), &outcome);
  Deliver(&outcome, call);
}

}  // namespace svr2::core
