// SPDX-License-Identifier: Apache-2.0

#include "core/core.h"

#include <google/protobuf/arena.h>

#include <new>
#include <utility>
#include <vector>

#include "attestation/own_evidence.h"
#include "core/call.h"
#include "crypto/init.h"
#include "util/endian.h"

namespace svr2::core {

namespace {

// Raft's anchor and the like, beside one slot a session.
constexpr uint32_t kSlotsBesideSessions = 64 + peers::kMaxTableSlots;

constexpr size_t kStackBlockBytes = 4096;

// A minute at 100 ms: a limit that is reached stays reached for a while.
constexpr uint64_t kTicksBetweenLimitWarnings = 600;

JoinerOptions JoinerOptionsOf(const Settings& settings) {
  JoinerOptions options;
  options.patience_ticks = settings.peer_request_timeout_ticks;
  options.pause_ticks = settings.heartbeat_ticks;
  options.voters_to_compare = settings.group.super_majority();
  return options;
}

client::SessionLimits LimitsOf(const Settings& settings) {
  client::SessionLimits limits;
  limits.max_client_sessions = settings.max_client_sessions;
  limits.max_pending_handshakes = settings.max_pending_handshakes;
  limits.session_idle_ticks = settings.session_idle_ticks;
  return limits;
}

// Tells the host in words why svr2_init fails; the code alone could not say which setting it was.
void ReportProblem(env::Env* env, std::string problem) {
  // On an arena, since the destructor of a message on the heap is not safe when memory ran out.
  google::protobuf::Arena arena;
  auto& message = *google::protobuf::Arena::CreateMessage<proto::EnclaveToHostMessage>(&arena);
  proto::LogLine* line = message.add_items()->mutable_log();
  line->set_level(proto::LOG_LEVEL_ERROR);
  line->set_text("enclave configuration refused: " + std::move(problem));
  // The code is returned all the same, so a host that takes no output loses only the words.
  if (!env->Output(message.SerializeAsString()).ok()) return;
}

std::string PlatformProblem(Error error) {
  switch (error) {
    case proto::ERROR_PLATFORM_NOT_SIMULATED:
      return "this platform protects nothing, so the group must say simulated: true";
    case proto::ERROR_PLATFORM_SIMULATED:
      return "this platform is real hardware, so the group must say simulated: false";
    default:
      return "this enclave is in debug, so the group must say simulated: true";
  }
}

}  // namespace

Result<std::unique_ptr<Core>> Core::Create(env::Env* env, util::ByteView config) {
  SVR2_RETURN_IF_ERROR(crypto::Init());
  std::string problem;
  Result<Settings> settings = ParseSettings(config, env->HeapBytesLimit(), &problem);
  if (settings.ok()) {
    const Status fits = attestation::CheckPlatform(env, settings->group);
    if (!fits.ok()) {
      problem = PlatformProblem(fits.error());
      settings = fits;
    }
  }
  if (!settings.ok()) {
    ReportProblem(env, std::move(problem));
    return settings.status();
  }
  Result<crypto::KeyPair> peer_keys = crypto::GenerateKeyPair(env);
  if (!peer_keys.ok()) return peer_keys.status();
  Result<std::unique_ptr<integrity::Tree>> tree =
      integrity::Tree::Create(env, settings->max_client_sessions + kSlotsBesideSessions);
  if (!tree.ok()) return tree.status();
  return std::unique_ptr<Core>(new Core(env, *settings, *peer_keys, std::move(*tree)));
}

Core::Core(env::Env* env, const Settings& settings, crypto::KeyPair peer_keys,
           std::unique_ptr<integrity::Tree> tree)
    : env_(env),
      settings_(settings),
      peer_keys_(std::move(peer_keys)),
      tree_(std::move(tree)),
      peers_(peer_keys_.public_key),
      replica_(env, settings, peer_keys_.public_key, tree_.get(), &metrics_, &peers_),
      sessions_(LimitsOf(settings)),
      log_level_(settings.log_level),
      joiner_(JoinerOptionsOf(settings)) {
  metrics_.Set(proto::GAUGE_UNPROTECTED, env->Simulated() ? 1 : 0);
}

Core::~Core() = default;

Status Core::Input(util::ByteView message) {
  if (stopped_.load(std::memory_order_acquire)) return proto::ERROR_CORE_STOPPED;
  metrics_.Increment(proto::COUNTER_HOST_MESSAGES);
  Status status;
  if (message.size() > kMaxInputBytes) {
    status = proto::ERROR_CORE_MESSAGE_TOO_LARGE;
  } else {
    try {
      status = HandleMessage(message);
    } catch (const std::bad_alloc&) {
      status = proto::ERROR_OUT_OF_MEMORY;
    }
    // Should memory have run out on the way to saying so.
    if (const Error reason = replica_.stop_reason(); reason != proto::OK) FinishStop(reason);
  }
  metrics_.CountError(status.error());
  return status;
}

Status Core::HandleMessage(util::ByteView message) {
  // Small messages are parsed without touching the heap, whose lock all threads share.
  alignas(8) char block[kStackBlockBytes];
  google::protobuf::ArenaOptions options;
  options.initial_block = block;
  options.initial_block_size = sizeof(block);
  google::protobuf::Arena arena(options);
  auto& parsed = *google::protobuf::Arena::CreateMessage<proto::HostToEnclaveMessage>(&arena);
  if (!parsed.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return proto::ERROR_CORE_MALFORMED_MESSAGE;
  }
  if (parsed.items_size() > kMaxInputItems) return proto::ERROR_CORE_TOO_MANY_ITEMS;
  metrics_.Increment(proto::COUNTER_HOST_ITEMS, static_cast<uint64_t>(parsed.items_size()));
  Call call(this, util::LoadBigEndian64(peer_id().data()));
  Status status;
  for (const proto::HostItem& item : parsed.items()) {
    // Requests of clients are gathered, and so is what peers say about consensus; anything else
    // comes after what was before it.
    if (!item.has_client()) SubmitRequests(&call);
    if (!item.has_peer() && !TryStep(&call)) status = proto::ERROR_OUT_OF_MEMORY;
    if (!TryItem(item, &call)) status = proto::ERROR_OUT_OF_MEMORY;
    if (call.output.large()) {
      SubmitRequests(&call);
      if (!TryStep(&call)) status = proto::ERROR_OUT_OF_MEMORY;
      Finish(&call);
    }
  }
  SubmitRequests(&call);
  if (!TryStep(&call)) status = proto::ERROR_OUT_OF_MEMORY;
  Finish(&call);
  return status;
}

// Everything that the call owes goes out, to peers in one message each.
void Core::Finish(Call* call) {
  if (std::exchange(call->pump_streams, false)) PumpStreams(call);
  if (std::exchange(call->renew_server_key, false)) RenewServerKey(call);
  // After a stop nothing is told to anyone any more.
  if (stopped_.load(std::memory_order_acquire)) call->touched.clear();
  for (const std::shared_ptr<peers::Peer>& peer : call->touched) call->output.AddPeer(peer);
  call->touched.clear();
  call->output.Flush();
  const auto failures = call->output.TakePeerFailures();
  for (const OutputBatch::PeerFailure& failure : failures) PeerFailed(failure, call);
  // What follows from that goes out, too: resets, or that this replica stopped for good.
  if (!failures.empty() || !call->touched.empty()) Finish(call);
}

// Nothing more can be sent to this peer: its session ends, or what was found ends the replica.
void Core::PeerFailed(const OutputBatch::PeerFailure& failure, Call* call) {
  metrics_.CountError(failure.error);
  if (failure.error == proto::ERROR_INTEGRITY_MISMATCH) return StopFor(failure.error, call);
  if (failure.disconnected) PeerDown(failure.peer, failure.error, call);
}

// What others are owed in the same call goes out all the same.
bool Core::TryItem(const proto::HostItem& item, Call* call) {
  try {
    HandleItem(item, call);
    return true;
  } catch (const std::bad_alloc&) {
    call->output.DropUnfinished();
    return false;
  }
}

// The same for the consensus messages that were gathered.
bool Core::TryStep(Call* call) {
  try {
    StepMessages(call);
    return true;
  } catch (const std::bad_alloc&) {
    call->output.DropUnfinished();
    return false;
  }
}

void Core::HandleItem(const proto::HostItem& item, Call* call) {
  if (stopped_.load(std::memory_order_acquire)) return;
  switch (item.item_case()) {
    case proto::HostItem::kTick:
      return HandleTick(item.tick(), call);
    case proto::HostItem::kRequest:
      return HandleRequest(item.request(), call);
    case proto::HostItem::kReply:
      return HandleReply(item.reply(), call);
    case proto::HostItem::kClient:
      return HandleClientInput(item.client(), call);
    case proto::HostItem::kClientClose:
      return HandleClientClose(item.client_close());
    case proto::HostItem::kPeer:
      return HandlePeerInput(item.peer(), call);
    case proto::HostItem::kPeerReset:
      return HandlePeerReset(item.peer_reset(), call);
    case proto::HostItem::ITEM_NOT_SET:
      break;
  }
  metrics_.CountError(proto::ERROR_CORE_EMPTY_ITEM);
}

void Core::HandleTick(const proto::Tick& tick, Call* call) {
  metrics_.Increment(proto::COUNTER_TICKS);
  const uint64_t now = now_tick_.fetch_add(1, std::memory_order_relaxed) + 1;
  own_unix_ms_.store(tick.unix_time_ms(), std::memory_order_relaxed);
  Outcome outcome;
  replica_.Tick(tick.unix_time_ms(), now, &outcome);
  Deliver(&outcome, call);
  if (stopped_.load(std::memory_order_acquire)) return;
  TickPeers(call);
  TickJoiner(call);
  if (stopped_.load(std::memory_order_acquire)) return;
  // First what gives memory back.
  ExpireSessions(call);
  RefreshServerKey(call);
  evidence_fresh_.store(UsableServerKey().ok(), std::memory_order_relaxed);
}

void Core::StopForGood(Error reason, Call* call) {
  WipeAfterStop(reason);
  if (stop_said_.exchange(true, std::memory_order_acq_rel)) return;
  call->output.AddItem()->mutable_stopped()->set_error(reason);
  Log(proto::LOG_LEVEL_ERROR,
      "this replica stopped for good: " + proto::Error_Name(reason) +
          "; its database is wiped; start a new enclave",
      call);
}

// For a stop that the call which caused it may not have been able to carry out.
void Core::FinishStop(Error reason) {
  WipeAfterStop(reason);
  if (stop_said_.load(std::memory_order_acquire)) return;
  try {
    Call call(this, util::LoadBigEndian64(peer_id().data()));
    StopForGood(reason, &call);
    call.output.Flush();
  } catch (const std::bad_alloc&) {
    // The host learns it from the error that every later call returns.
    return;
  }
}

// Allocates nothing, since that memory ran out may be the reason.
void Core::WipeAfterStop(Error reason) {
  if (stopped_.exchange(true, std::memory_order_acq_rel)) return;
  metrics_.CountError(reason);
  metrics_.Set(proto::GAUGE_STOPPED, 1);
  for (const client::SessionTable::Entry& entry : sessions_.RemoveAll()) {
    util::MutexLock lock(entry.session->mutex());
    // The tree may be the very thing that was altered: keys are wiped whatever it says.
    (void)entry.session->Close(tree_.get()).ok();
  }
  util::MutexLock lock(&server_key_mutex_);
  server_key_.reset();
}

void Core::Log(proto::LogLevel level, std::string text, Call* call) {
  if (!Logs(level)) return;
  proto::LogLine* line = call->output.AddItem()->mutable_log();
  line->set_level(level);
  line->set_text(std::move(text));
}

void Core::WarnOfLimit(Error error, Call* call) {
  switch (error) {
    case proto::ERROR_DB_ROWS_FULL:
    case proto::ERROR_DB_HEAP_FULL:
    case proto::ERROR_RAFT_LOG_FULL:
    case proto::ERROR_CLIENT_TOO_MANY:
    case proto::ERROR_OUT_OF_MEMORY:
      break;
    default:
      return;
  }
  const uint64_t now = now_tick_.load(std::memory_order_relaxed);
  uint64_t next = next_limit_warning_tick_.load(std::memory_order_relaxed);
  if (now < next || !next_limit_warning_tick_.compare_exchange_strong(
                        next, now + kTicksBetweenLimitWarnings, std::memory_order_relaxed)) {
    return;
  }
  Log(proto::LOG_LEVEL_WARN, "a limit refuses clients: " + proto::Error_Name(error), call);
}

}  // namespace svr2::core
