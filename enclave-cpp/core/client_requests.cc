// SPDX-License-Identifier: Apache-2.0
//
// Core's part for clients: handshakes, requests in, answers out. What a client may be told about a
// request is the table in protocol.md §3; when in doubt the answer is "unknown".

#include <google/protobuf/arena.h>

#include <new>
#include <utility>
#include <vector>

#include "core/call.h"
#include "core/core.h"
#include "core/response.h"
#include "svr2/client.pb.h"

namespace svr2::core {

namespace {

// Room for a request with all its strings, so that the usual one takes little from the heap.
constexpr size_t kRequestBlockBytes = 1024;

// Sessions closed for idleness in one tick; the rest follow in the next ones.
constexpr size_t kMaxIdleClosesPerTick = 1024;

// Wipes what a parsed request held. Only for one whose parsing returned: after an exception the
// message may say that a part is there which could not be made.
class RequestWiper {
 public:
  explicit RequestWiper(proto::Request* request) : request_(request) {}
  ~RequestWiper() {
    switch (request_->inner_case()) {
      case proto::Request::kBackup:
        util::Wipe(request_->mutable_backup()->mutable_data());
        util::Wipe(request_->mutable_backup()->mutable_pin());
        break;
      case proto::Request::kRestore:
        util::Wipe(request_->mutable_restore()->mutable_pin());
        break;
      case proto::Request::kExpose:
        util::Wipe(request_->mutable_expose()->mutable_data());
        break;
      default:
        break;
    }
  }
  RequestWiper(const RequestWiper&) = delete;
  RequestWiper& operator=(const RequestWiper&) = delete;

 private:
  proto::Request* const request_;
};

const char* RoleName(raft::Role role) {
  switch (role) {
    case raft::Role::kFollower:
      return "follower";
    case raft::Role::kPreCandidate:
      return "pre-candidate";
    case raft::Role::kCandidate:
      return "candidate";
    case raft::Role::kLeader:
      return "leader";
  }
  return "unknown role";
}

// Why a session ends after a failure on its input: the client or the host sent something bad,
// except where it is our memory or our random source that failed.
proto::CloseReason FinFor(Error error) {
  switch (error) {
    case proto::ERROR_OUT_OF_MEMORY:
    case proto::ERROR_RANDOM_FAILED:
    case proto::ERROR_INTEGRITY_FULL:
    case proto::ERROR_INTEGRITY_MISMATCH:
    case proto::ERROR_CORE_STOPPED:
    case proto::ERROR_CRYPTO_UNAVAILABLE:
    case proto::ERROR_ATTESTATION_TOO_OLD:
      return proto::CLOSE_REASON_NOT_APPLIED;
    default:
      return proto::CLOSE_REASON_INVALID_ARGUMENT;
  }
}

}  // namespace

void Core::HandleClientInput(const proto::ClientInput& input, Call* call) {
  const uint64_t now = now_tick_.load(std::memory_order_relaxed);
  const std::shared_ptr<client::Session> session = sessions_.Find(input.client_id(), now);
  if (session == nullptr) {
    metrics_.CountError(proto::ERROR_CLIENT_UNKNOWN);
    // The host may not know yet that the session ended; nothing of this item was applied.
    proto::ClientOutput* out = call->output.AddItem()->mutable_client();
    out->set_client_id(input.client_id());
    out->set_fin(proto::CLOSE_REASON_NOT_APPLIED);
    out->set_error(proto::ERROR_CLIENT_UNKNOWN);
    return;
  }
  if (input.data().size() > client::kMaxItemBytes) {
    return CloseSession(session, proto::CLOSE_REASON_INVALID_ARGUMENT,
                        proto::ERROR_CLIENT_ITEM_TOO_LARGE, call);
  }
  try {
    HandleClientMessage(session, input.data(), call);
  } catch (const std::bad_alloc&) {
    call->output.DropUnfinished();
    CloseSession(session, proto::CLOSE_REASON_UNKNOWN, proto::ERROR_OUT_OF_MEMORY, call);
  }
}

void Core::HandleClientMessage(const std::shared_ptr<client::Session>& session, util::ByteView data,
                               Call* call) {
  Status status;
  bool handshake = false;
  // Before the session's lock is taken.
  if (call->requests.full()) SubmitRequests(call);
  {
    util::MutexLock lock(session->mutex());
    switch (session->phase()) {
      case client::Session::Phase::kClosed:
        return;  // Its last item is on the way.
      case client::Session::Phase::kHandshake: {
        handshake = true;
        client::OutItem reply;
        status = session->Handshake(env_, tree_.get(), data, &reply.data);
        if (status.ok()) call->output.AddClientItem(session, std::move(reply));
        break;
      }
      case client::Session::Phase::kOpen:
        status = !evidence_fresh_.load(std::memory_order_relaxed) && !session->busy()
                     ? Status(proto::ERROR_ATTESTATION_TOO_OLD)
                 : session->busy() ? Status(proto::ERROR_CLIENT_BUSY)
                                   : AddRequest(session, data, call);
        if (status.ok()) session->BeginRequest(now_tick_.load(std::memory_order_relaxed));
        break;
    }
  }
  if (handshake) {
    metrics_.Increment(status.ok() ? proto::COUNTER_CLIENT_HANDSHAKES
                                   : proto::COUNTER_CLIENT_HANDSHAKES_FAILED);
    if (status.ok()) sessions_.Established(session->id());
  }
  if (status.ok()) return;
  if (status.error() == proto::ERROR_INTEGRITY_MISMATCH) {
    Outcome outcome;
    replica_.Stop(status.error(), &outcome);
    return Deliver(&outcome, call);
  }
  CloseSession(session, FinFor(status.error()), status.error(), call);
}

// Decrypts one request, checks it and adds it to the call's batch. After a failure nothing was
// added.
Status Core::AddRequest(const std::shared_ptr<client::Session>& session, util::ByteView ciphertext,
                        Call* call) {
  util::SecretBytes plaintext;
  client::Session::Opened opened;
  SVR2_RETURN_IF_ERROR(session->Decrypt(ciphertext, &plaintext, &opened));
  // On an arena, since the destructor of a message on the heap is not safe when memory ran out.
  alignas(8) char block[kRequestBlockBytes];
  const util::ScopedWipe wipe(block, sizeof(block));
  google::protobuf::ArenaOptions options;
  options.initial_block = block;
  options.initial_block_size = sizeof(block);
  google::protobuf::Arena arena(options);
  auto& request = *google::protobuf::Arena::CreateMessage<proto::Request>(&arena);
  const bool parsed = request.ParseFromArray(plaintext.data(), static_cast<int>(plaintext.size()));
  RequestWiper wiper(&request);
  if (!parsed) return proto::ERROR_CLIENT_MALFORMED_REQUEST;
  const db::PinKey* pin_key = replica_.pin_key();
  if (pin_key == nullptr) return proto::ERROR_CORE_STOPPED;  // Sessions begin after the group.
  db::Command command;
  command.backup_id = session->backup_id();
  util::ByteView pin;
  switch (request.inner_case()) {
    case proto::Request::kBackup:
      command.op = db::Op::kBackup;
      pin = request.backup().pin();
      command.data = request.backup().data();
      SVR2_RETURN_IF_ERROR(
          db::CheckBackupRequest(command.data.size(), pin.size(), request.backup().max_tries()));
      command.max_tries = static_cast<uint8_t>(request.backup().max_tries());
      break;
    case proto::Request::kRestore:
      command.op = db::Op::kRestore;
      pin = request.restore().pin();
      break;
    case proto::Request::kExpose:
      command.op = db::Op::kExpose;
      command.data = request.expose().data();
      break;
    case proto::Request::kDelete:
      command.op = db::Op::kDelete;
      break;
    case proto::Request::kTries:
      command.op = db::Op::kTries;
      break;
    case proto::Request::INNER_NOT_SET:
      return proto::ERROR_CLIENT_MALFORMED_REQUEST;
  }
  db::PinVerifier verifier;
  if (command.op == db::Op::kBackup || command.op == db::Op::kRestore) {
    Result<db::PinVerifier> made = db::MakePinVerifier(*pin_key, command.backup_id, pin);
    if (!made.ok()) return made.status();
    verifier = *made;
    command.pin_verifier = verifier.view();
  }
  SVR2_RETURN_IF_ERROR(db::CheckCommand(command));
  const Result<uint64_t> number = call->requests.NextNumber(command.op);
  if (!number.ok()) return number.status();
  SVR2_RETURN_IF_ERROR(session->Accept(tree_.get(), opened, *number));
  SVR2_RETURN_IF_ERROR(call->requests.Add(command, Origin{session, 0, command.op}));
  metrics_.Increment(proto::COUNTER_CLIENT_REQUESTS);
  return Status::Ok();
}

void Core::SubmitRequests(Call* call) {
  if (call->requests.empty()) return;
  const uint64_t now = now_tick_.load(std::memory_order_relaxed);
  auto backups = call->requests.TakeBackups();
  auto others = call->requests.TakeOthers();
  for (auto* entry : {&backups, &others}) {
    if (!entry->has_value()) continue;
    Outcome outcome;
    replica_.Submit(std::move(**entry), now, &outcome);
    Deliver(&outcome, call);
  }
}

void Core::Deliver(Outcome* outcome, Call* call) {
  for (const Completion& completion : outcome->completions) {
    if (completion.kind == Completion::Kind::kNotApplied) {
      metrics_.Increment(proto::COUNTER_CLIENT_REQUESTS_REFUSED);
    } else if (completion.kind == Completion::Kind::kUnknown) {
      metrics_.Increment(proto::COUNTER_CLIENT_REQUESTS_UNKNOWN);
    }
    if (completion.kind == Completion::Kind::kNotApplied) WarnOfLimit(completion.error, call);
    DeliverOne(completion, call);
  }
  if (outcome->stopped.has_value()) StopForGood(*outcome->stopped, call);
  for (std::shared_ptr<peers::Peer>& peer : outcome->touched) call->Touch(std::move(peer));
  outcome->touched.clear();
  for (const GroupCommandEnd& end : outcome->commands) EndCommand(end, call);
  if (outcome->minimums_changed) {
    // Peers and clients are shown evidence that names the new minimums.
    RefreshPeerEvidence(call);
    call->renew_server_key = true;
  }
  if (outcome->streams_ready) call->pump_streams = true;
  if (outcome->forward.has_value()) {
    Forward forward = std::move(*outcome->forward);
    outcome->forward.reset();
    SendForward(std::move(forward), call);
  }
  for (const raft::RoleChange& change : outcome->role_changes) {
    Log(proto::LOG_LEVEL_INFO,
        std::string(RoleName(change.role)) + " in term " + std::to_string(change.term), call);
  }
}

// Memory that runs out over one answer spoils that one alone: its session ends as unknown.
void Core::DeliverOne(const Completion& completion, Call* call) {
  if (completion.origin.session == nullptr) return DeliverToHost(completion, call);
  try {
    DeliverToSession(completion, call);
  } catch (const std::bad_alloc&) {
    call->output.DropUnfinished();
    CloseSession(completion.origin.session, proto::CLOSE_REASON_UNKNOWN, proto::ERROR_OUT_OF_MEMORY,
                 call);
  }
}

void Core::DeliverToSession(const Completion& completion, Call* call) {
  const std::shared_ptr<client::Session>& session = completion.origin.session;
  Status status = completion.error;
  proto::CloseReason fin = completion.kind == Completion::Kind::kNotApplied
                               ? proto::CLOSE_REASON_NOT_APPLIED
                               : proto::CLOSE_REASON_UNKNOWN;
  bool answered = false;
  if (completion.kind == Completion::Kind::kResult && HasResponse(completion.effect)) {
    util::MutexLock lock(session->mutex());
    if (session->phase() != client::Session::Phase::kOpen) return;
    client::OutItem item;
    status = EncryptResponse(completion.effect, completion.request, session.get(), tree_.get(),
                             &item.data);
    if (status.ok()) {
      metrics_.CountError(completion.error);  // An answer that reads ERROR.
      call->output.AddClientItem(session, std::move(item));
      session->EndRequest();
      answered = true;
    }
  }
  if (answered) return sessions_.Touch(session->id(), now_tick_.load(std::memory_order_relaxed));
  CloseSession(session, fin, status.error(), call);
  if (status.error() == proto::ERROR_INTEGRITY_MISMATCH) {
    Outcome outcome;
    replica_.Stop(status.error(), &outcome);
    Deliver(&outcome, call);
  }
}

void Core::DeliverToHost(const Completion& completion, Call* call) {
  const bool done = completion.kind == Completion::Kind::kResult &&
                    completion.effect.status == db::EffectStatus::kOk;
  // A delete answers OK whether or not there was a row; anything else here is a failure.
  const Error error = done                            ? proto::OK
                      : completion.error == proto::OK ? proto::ERROR_INTERNAL
                                                      : completion.error;
  proto::EnclaveReply* reply = AddReply(completion.origin.transaction_id, error, call);
  if (done) {
    reply->mutable_delete_backup();
  } else {
    reply->set_outcome(completion.kind == Completion::Kind::kNotApplied
                           ? proto::CLOSE_REASON_NOT_APPLIED
                           : proto::CLOSE_REASON_UNKNOWN);
  }
}

void Core::CloseSession(const std::shared_ptr<client::Session>& session, proto::CloseReason fin,
                        Error error, Call* call) {
  if (!sessions_.Remove(session->id())) return;
  metrics_.Increment(proto::COUNTER_CLIENT_SESSIONS_CLOSED);
  metrics_.CountError(error);
  if (Logs(proto::LOG_LEVEL_DEBUG)) {
    Log(proto::LOG_LEVEL_DEBUG, "a client's session ends: " + proto::Error_Name(error), call);
  }
  Status closed;
  {
    util::MutexLock lock(session->mutex());
    client::OutItem last;
    // A request that is on its way to the log may be applied whatever ended the session.
    last.fin = session->busy() && fin != proto::CLOSE_REASON_NOT_APPLIED
                   ? proto::CLOSE_REASON_UNKNOWN
                   : fin;
    last.error = error;
    closed = session->Close(tree_.get());
    call->output.AddClientItem(session, std::move(last));
  }
  if (closed.error() == proto::ERROR_INTEGRITY_MISMATCH) {
    Outcome outcome;
    replica_.Stop(closed.error(), &outcome);
    Deliver(&outcome, call);
  }
}

void Core::HandleClientClose(const proto::ClientClose& close) {
  const std::shared_ptr<client::Session> session =
      sessions_.Find(close.client_id(), now_tick_.load(std::memory_order_relaxed));
  // The host may close what the enclave has just closed.
  if (session == nullptr || !sessions_.Remove(close.client_id())) return;
  metrics_.Increment(proto::COUNTER_CLIENT_SESSIONS_CLOSED);
  util::MutexLock lock(session->mutex());
  // A mismatch here shows again at the next use of the tree, which stops the replica.
  metrics_.CountError(session->Close(tree_.get()).error());
}

void Core::ExpireSessions(Call* call) {
  std::vector<std::shared_ptr<client::Session>> idle;
  const uint64_t now = now_tick_.load(std::memory_order_relaxed);
  sessions_.TakeIdle(now, kMaxIdleClosesPerTick, &idle);
  for (const std::shared_ptr<client::Session>& session : idle) {
    bool busy;
    bool lost;
    {
      util::MutexLock lock(session->mutex());
      busy = session->busy();
      // A request that waits has a time limit of its own. Only where memory ran out was it lost.
      lost = busy && now > session->busy_since() + settings_.client_request_timeout_ticks;
    }
    if (busy && !lost) continue;
    CloseSession(session, lost ? proto::CLOSE_REASON_UNKNOWN : proto::CLOSE_REASON_NORMAL,
                 lost ? proto::ERROR_CORE_REQUEST_TIMEOUT : proto::ERROR_CLIENT_IDLE, call);
  }
}

}  // namespace svr2::core
