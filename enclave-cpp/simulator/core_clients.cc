// SPDX-License-Identifier: Apache-2.0
//
// Clients: sessions through any host, one call at a time, and what each believes about it. Two
// clients share a backup id, so that their calls overlap.

#include <algorithm>
#include <utility>

#include "simulator/core_world.h"
#include "util/check.h"
#include "util/endian.h"

namespace svr2::simulator {
namespace {

constexpr uint32_t kPins = 3;
// How long a client waits for anything before it goes elsewhere.
constexpr uint64_t kPatienceTicks = 150;
constexpr size_t kMaxSearchStates = 50'000;

}  // namespace

std::string CoreWorld::DataOf(uint32_t number) const {
  std::string data = needle_;
  data.resize(needle_.size() + 4 + number % 20, static_cast<char>(number % 251));
  util::StoreBigEndian32(reinterpret_cast<uint8_t*>(&data[needle_.size()]), number);
  return data;
}

std::string CoreWorld::PinOf(uint32_t number) const {
  std::string pin = needle_;
  pin.resize(32, static_cast<char>(number));
  return pin;
}

std::string CoreWorld::BackupIdOf(uint32_t id) const {
  std::string backup_id(16, '\0');
  util::StoreBigEndian32(reinterpret_cast<uint8_t*>(&backup_id[12]), id);
  return backup_id;
}

void CoreWorld::ActClient(size_t number) {
  Client* const client = &clients_[number];
  uint64_t pause = random_.Between(1, 60);
  if (quiet_) pause = 3;
  if (client->phase != Phase::kIdle && client->phase != Phase::kReady) {
    if (now_ >= client->deadline) EndSession(client, true);
    pause = 5;
  } else if (client->phase == Phase::kIdle) {
    OpenSession(number);
    pause = 2;
  } else if (client_random_.PerMille(30)) {
    EndSession(client, false);
  } else if (history_[client->id].size() < kMaxHistoryCalls - kMaxHistoryCalls / 8 ||
             (quiet_ && history_[client->id].size() < kMaxHistoryCalls)) {
    MakeCall(number);
  }
  events_.Add(now_ + pause * kUnitsPerTick, EventKind::kLoad, number);
}

void CoreWorld::OpenSession(size_t number) {
  Client* const client = &clients_[number];
  const size_t at = static_cast<size_t>(client_random_.Below(hosts_.size()));
  if (hosts_[at].replica == nullptr || Paused(at)) return;
  client->host = at;
  client->replica = hosts_[at].replica->number;
  client->phase = Phase::kOpening;
  client->deadline = now_ + kPatienceTicks * kUnitsPerTick;
  proto::HostRequest request;
  request.mutable_new_client()->set_backup_id(BackupIdOf(client->id));
  Ask(at, std::move(request), {Asked::kNewClient, number});
}

void CoreWorld::TakeNewClient(size_t at, size_t number, const proto::EnclaveReply& reply) {
  Client* const client = &clients_[number];
  const bool waiting = client->phase == Phase::kOpening && client->host == at &&
                       client->replica == hosts_[at].replica->number;
  if (!waiting) return;
  client->phase = Phase::kIdle;
  if (reply.error() != proto::OK) return;
  client->session = reply.new_client().client_id();
  client->noise = std::make_unique<SimClient>(&client_env_);
  const std::optional<std::string> first =
      client->noise->Start(reply.new_client().handshake_start());
  if (!first.has_value()) {
    verdict_->Violation("evidence", "a client was offered what it cannot read");
    return;
  }
  client->phase = Phase::kHandshake;
  client->last_item.clear();
  client->lost_something = false;
  ++totals_["client sessions"];
  SendItem(client, *first);
}

// Through its host, which may be hostile: then items get lost, come twice, altered, or again later.
void CoreWorld::SendItem(Client* client, std::string item) {
  const size_t at = client->host;
  proto::HostToEnclaveMessage message;
  const auto add = [&](const std::string& data) {
    proto::ClientInput* const input = message.add_items()->mutable_client();
    input->set_client_id(client->session);
    input->set_data(data);
  };
  const uint64_t dice = Hostile(at) ? client_random_.Below(1000) : 1000;
  if (dice >= 50 && dice < 100 && !client->last_item.empty()) add(client->last_item);
  client->last_item = item;
  if (dice < 50) return;
  if (dice >= 100 && dice < 150) item[client_random_.Below(item.size())] ^= 0x10;
  add(item);
  if (dice >= 150 && dice < 250) add(item);
  Queue(at, std::move(message));
}

proto::Request CoreWorld::ChooseCall(Client* client) {
  Call& call = client->call;
  call = Call();
  call.client = static_cast<uint32_t>(client - clients_.data());
  proto::Request request;
  const uint64_t dice = client_random_.Below(1000);
  if (dice < 180 || client->last_data == 0) {
    call.kind = CallKind::kBackup;
    call.data = client->last_data = next_data_++;
    call.pin = client->last_pin = static_cast<uint32_t>(client_random_.Below(kPins));
    call.max_tries = static_cast<uint32_t>(client_random_.Between(1, 5));
    request.mutable_backup()->set_data(DataOf(call.data));
    request.mutable_backup()->set_pin(PinOf(call.pin));
    request.mutable_backup()->set_max_tries(call.max_tries);
  } else if (dice < 380) {
    call.kind = CallKind::kExpose;
    call.data = client_random_.PerMille(900) ? client->last_data : client->last_data - 1;
    request.mutable_expose()->set_data(DataOf(call.data));
  } else if (dice < 860) {
    call.kind = CallKind::kRestore;
    call.pin = client_random_.PerMille(450) ? client->last_pin
                                            : static_cast<uint32_t>(client_random_.Below(kPins));
    request.mutable_restore()->set_pin(PinOf(call.pin));
  } else if (dice < 900) {
    call.kind = CallKind::kDelete;
    request.mutable_delete_();
  } else {
    call.kind = CallKind::kTries;
    request.mutable_tries();
  }
  return request;
}

void CoreWorld::MakeCall(size_t number) {
  Client* const client = &clients_[number];
  const proto::Request request = ChooseCall(client);
  if (client->call.kind == CallKind::kDelete && client_random_.PerMille(500)) {
    return MakeDeletion(number);
  }
  client->call.called = ++call_clock_;
  client->phase = Phase::kWaiting;
  client->deadline = now_ + kPatienceTicks * kUnitsPerTick;
  ++totals_["client calls"];
  SendItem(client, client->noise->Encrypt(request));
}

// Without a session: DELETE /v1/delete (protocol.md §3).
void CoreWorld::MakeDeletion(size_t number) {
  Client* const client = &clients_[number];
  client->call.called = ++call_clock_;
  client->phase = Phase::kWaiting;
  client->deadline = now_ + kPatienceTicks * kUnitsPerTick;
  ++totals_["client calls"];
  ++totals_["deletions"];
  proto::HostRequest request;
  request.mutable_delete_backup()->set_backup_id(BackupIdOf(client->id));
  Ask(client->host, std::move(request), {Asked::kDelete, number, client->call.called});
}

void CoreWorld::TakeDeletion(size_t at, const Transaction& transaction,
                             const proto::EnclaveReply& reply) {
  Client* const client = &clients_[transaction.client];
  if (client->phase != Phase::kWaiting || client->call.called != transaction.called) return;
  if (reply.error() == proto::OK) return EndCall(client, Answer::kOk);
  if (reply.outcome() == proto::CLOSE_REASON_UNKNOWN) {
    ++totals_["calls unknown"];
    return EndCall(client, Answer::kUnknown);
  }
  if (reply.outcome() == proto::CLOSE_REASON_UNSET && !hosts_[at].replica->altered) {
    verdict_->Violation("deletions", "it was not told whether a deletion was applied");
  }
  NotApplied(client, reply.error());
}

void CoreWorld::NotApplied(Client* client, Error error) {
  if (verdict_->tracing()) {
    verdict_->Event("not applied (" + proto::Error_Name(error) + "): " + Describe(client->call));
  }
  ++totals_["calls not applied"];
  client->phase = Phase::kReady;
}

void CoreWorld::TakeClientItem(size_t at, const proto::ClientOutput& output) {
  const auto client = std::find_if(clients_.begin(), clients_.end(), [&](const Client& one) {
    return one.phase != Phase::kIdle && one.phase != Phase::kOpening && one.host == at &&
           one.session == output.client_id() && one.replica == hosts_[at].replica->number;
  });
  if (client == clients_.end()) return;  // It gave up before.
  if (Hostile(at) && client_random_.PerMille(30)) {
    client->lost_something = true;
    return;
  }
  if (!output.data().empty() && client->phase == Phase::kHandshake) {
    if (client->noise->Finish(output.data())) {
      client->phase = Phase::kReady;
    } else {
      EndSession(&*client, true);
      return;
    }
  } else if (!output.data().empty()) {
    const std::optional<proto::Response> response = client->noise->Decrypt(output.data());
    if (!response.has_value() || client->phase != Phase::kWaiting) {
      // The one case that is no bug is the named residual risk (design.md §7 invariant 5).
      if (client->noise->reused_nonce() && !hosts_[at].replica->rolled_back) {
        verdict_->Violation("key and nonce once", "a client was sent two texts under one nonce");
      }
      if (!hosts_[at].replica->altered && !client->lost_something) {
        verdict_->Violation("client session", "a client cannot read what it was sent");
      }
      EndSession(&*client, true);
      return;
    }
    TakeResponse(&*client, *response);
  }
  if (output.fin() == proto::CLOSE_REASON_UNSET) return;
  if (client->phase == Phase::kWaiting && (output.fin() == proto::CLOSE_REASON_NOT_APPLIED ||
                                           output.fin() == proto::CLOSE_REASON_INVALID_ARGUMENT)) {
    NotApplied(&*client, output.error());
  }
  EndSession(&*client, true);
}

void CoreWorld::TakeResponse(Client* client, const proto::Response& response) {
  Call& call = client->call;
  switch (response.inner_case()) {
    case proto::Response::kBackup:
      return EndCall(client, Answer::kOk);
    case proto::Response::kDelete:
      return EndCall(client, Answer::kOk);
    case proto::Response::kExpose:
      return EndCall(client, response.expose().status() == proto::ExposeResponse::OK
                                 ? Answer::kOk
                                 : Answer::kError);
    case proto::Response::kTries:
      call.answer_tries = response.tries().tries();
      call.answer_exposed = response.tries().exposed();
      return EndCall(client, response.tries().status() == proto::TriesResponse::OK
                                 ? Answer::kOk
                                 : Answer::kMissing);
    case proto::Response::kRestore: {
      const proto::RestoreResponse& restore = response.restore();
      call.answer_tries = restore.tries();
      if (restore.status() == proto::RestoreResponse::OK) {
        call.answer_data = 0;
        if (restore.data().size() >= needle_.size() + 4) {
          call.answer_data = util::LoadBigEndian32(
              reinterpret_cast<const uint8_t*>(&restore.data()[needle_.size()]));
        }
        return EndCall(client, Answer::kOk);
      }
      if (restore.status() == proto::RestoreResponse::MISSING) {
        return EndCall(client, Answer::kMissing);
      }
      return EndCall(client, restore.status() == proto::RestoreResponse::PIN_MISMATCH
                                 ? Answer::kMismatch
                                 : Answer::kError);
    }
    default:
      verdict_->Violation("client session", "an answer that is none");
  }
}

void CoreWorld::EndCall(Client* client, Answer answer) {
  Call& call = client->call;
  client->phase = Phase::kReady;
  // A replica that finds its memory altered answers so, and stops: nothing follows from it.
  const bool altered = hosts_[client->host].replica != nullptr &&
                       hosts_[client->host].replica->altered && answer == Answer::kError;
  call.answer = altered ? Answer::kUnknown : answer;
  if (call.answer != Answer::kUnknown) {
    call.answered = ++call_clock_;
    ++totals_["calls answered"];
    if (quiet_ && call.called > quiet_since_) recovered_ = true;
  }
  if (verdict_->tracing()) verdict_->Event(Describe(call));
  history_[client->id].push_back(call);
}

// Either side ended it. A call that waits has an outcome that nobody knows.
void CoreWorld::EndSession(Client* client, bool unknown) {
  if (client->phase == Phase::kWaiting && unknown) {
    ++totals_["calls unknown"];
    EndCall(client, Answer::kUnknown);
  }
  const Phase phase = std::exchange(client->phase, Phase::kIdle);
  client->noise.reset();
  const Host& host = hosts_[client->host];
  if (phase == Phase::kOpening || host.replica == nullptr ||
      host.replica->number != client->replica) {
    return;
  }
  proto::HostToEnclaveMessage message;
  message.add_items()->mutable_client_close()->set_client_id(client->session);
  Queue(client->host, std::move(message));
}

void CoreWorld::LoseSessions(size_t at) {
  for (Client& client : clients_) {
    if (client.phase == Phase::kIdle || client.host != at) continue;
    if (client.phase == Phase::kWaiting) {
      ++totals_["calls unknown"];
      EndCall(&client, Answer::kUnknown);
    }
    client.phase = Phase::kIdle;
    client.noise.reset();
  }
}

void CoreWorld::CheckClients() {
  for (Client& client : clients_) {
    if (client.phase == Phase::kWaiting) EndCall(&client, Answer::kUnknown);
  }
  for (const auto& [id, calls] : history_) {
    CheckRestored(id, calls, verdict_);
    CheckGuesses(id, calls, verdict_);
    if (!CheckHistory(id, calls, kMaxSearchStates, verdict_)) ++totals_["searches given up"];
    ++totals_["histories"];
  }
}

}  // namespace svr2::simulator
