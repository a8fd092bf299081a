// SPDX-License-Identifier: Apache-2.0

#include "peers/session.h"

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "noise/pattern.h"
#include "util/endian.h"

namespace svr2::peers {

namespace {

constexpr const noise::HandshakePattern* kPattern = &noise::kPatternKkHfs;
constexpr crypto::Aead kAead = crypto::Aead::kAes256Gcm;
// Names nothing: an epoch of 0 means that no session stands.
constexpr Tag kNoTag{};

Result<noise::HandshakeState> StartHandshake(noise::Role role, const crypto::KeyPair& keys,
                                             const PeerId& peer, const Tag& tag) {
  noise::HandshakeOptions options;
  options.role = role;
  options.aead = kAead;
  options.prologue = tag;
  options.local_static = &keys;
  options.remote_static = &peer;
  return noise::HandshakeState::Start(kPattern, options);
}

crypto::Digest HashOfValues(const proto::MinimumLimits& values) {
  return crypto::Sha256(attestation::SerializeMinimumLimits(values));
}

}  // namespace

std::array<uint8_t, Session::Attempt::kContentBytes> Session::Attempt::Content(
    const PeerId& peer) const {
  std::array<uint8_t, kContentBytes> content;
  std::memcpy(content.data(), peer.data(), peer.size());
  std::memcpy(content.data() + peer.size(), tag.data(), tag.size());
  return content;
}

Session::Session(const PeerId& self, const PeerId& peer) : self_(self), peer_(peer) {}

Session::~Session() = default;

Session::Phase Session::phase() const {
  if (link_.is_open()) return Phase::kConnected;
  if (attempt_ != nullptr) return Phase::kSynSent;
  return candidate_.is_open() ? Phase::kAnswered : Phase::kIdle;
}

Status Session::DropAttempt(integrity::Tree* tree) {
  if (attempt_ == nullptr) return Status::Ok();
  const std::unique_ptr<Attempt> attempt = std::move(attempt_);
  return tree->Release(attempt->slot, attempt->Content(peer_));
}

Status Session::Connect(const Surroundings& surroundings, const Identity& self, std::string* syn) {
  syn->clear();
  if (link_.is_open()) return proto::ERROR_PEERS_UNEXPECTED;
  SVR2_RETURN_IF_ERROR(DropAttempt(surroundings.tree));
  SVR2_RETURN_IF_ERROR(candidate_.Close(surroundings.tree));
  const Result<std::string> payload = EncodeEvidence(self.evidence);
  if (!payload.ok()) return payload.status();
  Tag tag = kNoTag;
  while (tag == kNoTag) {
    SVR2_RETURN_IF_ERROR(surroundings.env->RandomBytes(tag.data(), tag.size()));
  }
  Result<noise::HandshakeState> handshake =
      StartHandshake(noise::Role::kInitiator, self.keys, peer_, tag);
  if (!handshake.ok()) return handshake.status();
  std::string noise_message;
  SVR2_RETURN_IF_ERROR(handshake->WriteMessage(surroundings.env, *payload, &noise_message));
  std::string message = MakeMessage(MessageKind::kSyn, tag, noise_message);
  auto attempt = std::make_unique<Attempt>(Attempt{tag, std::move(handshake).value()});
  const Result<integrity::Slot> slot = surroundings.tree->Allocate(attempt->Content(peer_));
  if (!slot.ok()) return slot.status();
  attempt->slot = *slot;
  attempt_ = std::move(attempt);
  *syn = std::move(message);
  return Status::Ok();
}

Status Session::Receive(const Surroundings& surroundings, const Identity& self, const Judge& judge,
                        util::ByteView message, Received* received) {
  *received = Received();
  const Result<MessageView> view = ParseMessage(message);
  // Names nothing that could be reset.
  if (!view.ok()) return view.status();
  Status status;
  switch (view->kind) {
    case MessageKind::kSyn:
      status = OnSyn(surroundings, self, judge, *view, received);
      break;
    case MessageKind::kSynAck:
      status = OnSynAck(surroundings, judge, *view, received);
      break;
    case MessageKind::kData:
      status = OnData(surroundings, *view, received);
      break;
    case MessageKind::kReset:
      status = OnReset(surroundings, *view, received);
      break;
  }
  // A replica that stops says nothing more.
  if (status == Status(proto::ERROR_INTEGRITY_MISMATCH)) received->answer.clear();
  return status;
}

Result<Session::Verdict> Session::JudgeEvidence(env::Env* env, const Judge& judge,
                                                util::ByteView evidence,
                                                util::ByteView endorsements) const {
  const Result<env::VerifiedEvidence> verified =
      env->VerifyEvidence(evidence, endorsements, judge.now_seconds);
  if (!verified.ok()) return verified.status();
  const Result<attestation::AcceptedEvidence> accepted =
      attestation::JudgeEvidence(*verified, judge.expectation);
  if (!accepted.ok()) return accepted.status();
  if (accepted->pk != peer_) return proto::ERROR_PEERS_WRONG_KEY;
  Verdict verdict;
  verdict.values = attestation::EvidenceValues(*verified);
  verdict.attested.group_id = accepted->config.group_id();
  verdict.attested.verified_at_seconds = judge.now_seconds;
  verdict.attested.values_hash = HashOfValues(verdict.values);
  return verdict;
}

Status Session::OnSyn(const Surroundings& surroundings, const Identity& self, const Judge& judge,
                      const MessageView& message, Received* received) {
  if (message.tag == kNoTag) return proto::ERROR_PEERS_MALFORMED_MESSAGE;
  if ((link_.is_open() && message.tag == link_.tag()) ||
      (candidate_.is_open() && message.tag == candidate_.tag())) {
    return proto::ERROR_PEERS_UNEXPECTED;
  }
  if (attempt_ != nullptr && self_ < peer_) return Status::Ok();

  noise::Session keys;
  Verdict verdict;
  std::string noise_message;
  const auto answer = [&]() -> Status {
    Result<noise::HandshakeState> handshake =
        StartHandshake(noise::Role::kResponder, self.keys, peer_, message.tag);
    if (!handshake.ok()) return handshake.status();
    std::string payload;
    SVR2_RETURN_IF_ERROR(handshake->ReadMessage(message.body, &payload));
    const Result<EvidenceView> evidence = DecodeEvidence(payload);
    if (!evidence.ok()) return evidence.status();
    Result<Verdict> judged =
        JudgeEvidence(surroundings.env, judge, evidence->evidence, evidence->endorsements);
    if (!judged.ok()) return judged.status();
    verdict = std::move(judged).value();
    const Result<std::string> own_payload = EncodeEvidence(self.evidence);
    if (!own_payload.ok()) return own_payload.status();
    SVR2_RETURN_IF_ERROR(handshake->WriteMessage(surroundings.env, *own_payload, &noise_message));
    Result<noise::Session> split = handshake->Split();
    if (!split.ok()) return split.status();
    keys = std::move(split).value();
    return Status::Ok();
  };
  received->answer = MakeReset({message.tag});
  SVR2_RETURN_IF_ERROR(answer());
  std::string syn_ack = MakeMessage(MessageKind::kSynAck, message.tag, noise_message);
  // Only now: what did not verify must not harm what is under way.
  SVR2_RETURN_IF_ERROR(DropAttempt(surroundings.tree));
  SVR2_RETURN_IF_ERROR(candidate_.Close(surroundings.tree));
  SVR2_RETURN_IF_ERROR(
      candidate_.Open(surroundings.tree, peer_, message.tag, keys, verdict.attested));
  candidate_values_.Swap(&verdict.values);
  received->answer = std::move(syn_ack);
  return Status::Ok();
}

Status Session::OnSynAck(const Surroundings& surroundings, const Judge& judge,
                         const MessageView& message, Received* received) {
  if (attempt_ == nullptr || message.tag != attempt_->tag) {
    const bool known = (link_.is_open() && message.tag == link_.tag()) ||
                       (candidate_.is_open() && message.tag == candidate_.tag());
    // Answers something that we have given up: the other side shall not wait for it.
    if (!known) received->answer = MakeReset({message.tag});
    return proto::ERROR_PEERS_UNEXPECTED;
  }
  received->answer = MakeReset({message.tag});
  // Whatever comes of it, the attempt is over, and its memory proven to be the newest attempt's.
  noise::HandshakeState handshake = std::move(attempt_->handshake);
  SVR2_RETURN_IF_ERROR(DropAttempt(surroundings.tree));
  std::string payload;
  SVR2_RETURN_IF_ERROR(handshake.ReadMessage(message.body, &payload));
  const Result<EvidenceView> evidence = DecodeEvidence(payload);
  if (!evidence.ok()) return evidence.status();
  Result<Verdict> verdict =
      JudgeEvidence(surroundings.env, judge, evidence->evidence, evidence->endorsements);
  if (!verdict.ok()) return verdict.status();
  const Result<noise::Session> keys = handshake.Split();
  if (!keys.ok()) return keys.status();
  return Confirm(surroundings, message.tag, *keys, std::move(verdict).value(), received);
}

Status Session::Confirm(const Surroundings& surroundings, const Tag& tag,
                        const noise::Session& keys, Verdict verdict, Received* received) {
  SVR2_RETURN_IF_ERROR(link_.Open(surroundings.tree, peer_, tag, keys, verdict.attested));
  std::string confirmation;
  const Status status = link_.Seal(surroundings.env, surroundings.tree, util::ByteView(),
                                   &confirmation, &received->pieces_sent);
  if (!status.ok()) {
    SVR2_RETURN_IF_ERROR(link_.Close(surroundings.tree));
    return status;
  }
  link_values_.Swap(&verdict.values);
  received->answer = std::move(confirmation);
  received->connected = true;
  received->epoch = link_.epoch();
  received->attested = verdict.attested;
  return Status::Ok();
}

Status Session::OnData(const Surroundings& surroundings, const MessageView& message,
                       Received* received) {
  const bool for_link = link_.is_open() && message.tag == link_.tag();
  const bool for_candidate = candidate_.is_open() && message.tag == candidate_.tag();
  if (!for_link && !for_candidate) {
    received->answer = MakeReset({message.tag});
    return proto::ERROR_PEERS_NOT_CONNECTED;
  }
  Link* const link = for_link ? &link_ : &candidate_;
  const Status status = link->Unseal(surroundings.tree, message.body, &received->data,
                                     &received->pieces, &received->attested);
  if (!status.ok()) {
    received->answer = MakeReset({message.tag});
    received->disconnected = for_link;
    SVR2_RETURN_IF_ERROR(link->Close(surroundings.tree));
    return status;
  }
  if (for_candidate) {
    received->disconnected = link_.is_open();
    received->connected = true;
    SVR2_RETURN_IF_ERROR(link_.Close(surroundings.tree));
    link_.TakeFrom(&candidate_);
    link_values_.Swap(&candidate_values_);
  }
  received->has_data = !received->data.empty();
  received->epoch = link_.epoch();
  return Status::Ok();
}

Status Session::OnReset(const Surroundings& surroundings, const MessageView& message,
                        Received* received) {
  if (attempt_ != nullptr && Resets(message, attempt_->tag)) {
    SVR2_RETURN_IF_ERROR(DropAttempt(surroundings.tree));
  }
  if (candidate_.is_open() && Resets(message, candidate_.tag())) {
    SVR2_RETURN_IF_ERROR(candidate_.Close(surroundings.tree));
  }
  if (link_.is_open() && Resets(message, link_.tag())) {
    received->disconnected = true;
    SVR2_RETURN_IF_ERROR(link_.Close(surroundings.tree));
  }
  return Status::Ok();
}

Status Session::Encrypt(const Surroundings& surroundings, uint64_t epoch, util::ByteView plaintext,
                        std::string* message, size_t* pieces) {
  message->clear();
  *pieces = 0;
  if (!link_.is_open() || link_.epoch() != epoch) return proto::ERROR_PEERS_NOT_CONNECTED;
  return link_.Seal(surroundings.env, surroundings.tree, plaintext, message, pieces);
}

Status Session::Reset(integrity::Tree* tree, std::string* reset) {
  std::vector<Tag> tags;
  if (attempt_ != nullptr) tags.push_back(attempt_->tag);
  if (candidate_.is_open()) tags.push_back(candidate_.tag());
  if (link_.is_open()) tags.push_back(link_.tag());
  *reset = MakeReset(tags);
  return Drop(tree);
}

Status Session::Drop(integrity::Tree* tree) {
  const Status attempt = DropAttempt(tree);
  const Status candidate = candidate_.Close(tree);
  const Status link = link_.Close(tree);
  for (const Status status : {attempt, candidate, link}) SVR2_RETURN_IF_ERROR(status);
  return Status::Ok();
}

Status Session::Reattest(const Surroundings& surroundings, const Judge& judge,
                         const env::Evidence& evidence) {
  const Result<Attested> before = attested(surroundings.tree);
  if (!before.ok()) return before.status();
  Result<Verdict> verdict =
      JudgeEvidence(surroundings.env, judge, evidence.evidence, evidence.endorsements);
  if (!verdict.ok()) return verdict.status();
  if (!before->joins() && verdict->attested.group_id != before->group_id) {
    return proto::ERROR_ATTESTATION_GROUP_CONFIG;
  }
  SVR2_RETURN_IF_ERROR(link_.SetAttested(surroundings.tree, verdict->attested));
  link_values_.Swap(&verdict->values);
  return Status::Ok();
}

Result<Attested> Session::attested(integrity::Tree* tree) const {
  if (!link_.is_open()) return proto::ERROR_PEERS_NOT_CONNECTED;
  return link_.attested(tree);
}

Result<proto::MinimumLimits> Session::EvidenceValues(integrity::Tree* tree) const {
  const Result<Attested> known = attested(tree);
  if (!known.ok()) return known.status();
  proto::MinimumLimits values = link_values_;
  if (!util::ConstantTimeEqual(HashOfValues(values), known->values_hash)) {
    return proto::ERROR_INTEGRITY_MISMATCH;
  }
  return values;
}

}  // namespace svr2::peers
