// SPDX-License-Identifier: Apache-2.0
//
// Time, the network and what comes out of enclaves.

#include "simulator/core_world.h"

#include <algorithm>
#include <utility>

#include "core/core_peer_testing.h"
#include "util/check.h"

namespace svr2::simulator {
namespace {

constexpr uint64_t kFirstUnixMs = 1'800'000'000'000;
constexpr uint64_t kMsPerTick = 100;
constexpr size_t kMaxHeard = 1000;
constexpr size_t kClients = 6;
// After everything healed, a client must be served within so many election timeouts.
constexpr uint64_t kRecoveryElections = 150;
// What one enclave of a simulated group may use.
constexpr size_t kMaxTouchedBytes = size_t{24} << 20;

std::string NeedleOf(uint64_t seed) {
  std::string needle(12, '\0');
  Random(seed).Fork(11).Fill(reinterpret_cast<uint8_t*>(&needle[0]), needle.size());
  return needle;
}

}  // namespace

CoreWorld::CoreWorld(const Plan& plan, Verdict* verdict)
    : plan_(plan),
      verdict_(verdict),
      random_(Random(plan.seed).Fork(1)),
      client_random_(Random(plan.seed).Fork(9)),
      client_env_(Random(plan.seed).Fork(10)),
      network_(plan.hosts(), Random(plan.seed).Fork(3)),
      hosts_(plan.hosts()),
      id_of_number_(1),
      host_of_number_(1, 0),
      needle_(NeedleOf(plan.seed)),
      memberships_(plan.shape.min_voters, plan.shape.voters),
      wire_(needle_) {}

CoreWorld::~CoreWorld() = default;

Totals CoreWorld::Run() {
  clients_.resize(kClients);
  for (size_t client = 0; client < kClients; ++client) {
    clients_[client].id = static_cast<uint32_t>(client / 2);
    events_.Add(kUnitsPerTick * (10 * plan_.hosts() + client), EventKind::kLoad, client);
  }
  for (size_t host = 0; host < hosts_.size(); ++host) {
    hosts_[host].tick_units = random_.Between(90, 110);
    events_.Add(random_.Below(kUnitsPerTick), EventKind::kTick, host);
    events_.Add(2 * kUnitsPerTick * host, EventKind::kStart, host);
    hosts_[host].starting = true;
  }
  for (size_t i = 0; i < plan_.faults.size(); ++i) {
    events_.Add(plan_.faults[i].at_tick * kUnitsPerTick, EventKind::kFault, i);
  }
  const uint64_t heal = plan_.ticks * kUnitsPerTick;
  events_.Add(heal, EventKind::kHeal);
  const uint64_t end = heal + kRecoveryElections * plan_.election_ticks * kUnitsPerTick;
  while (!verdict_->failed() && events_.next().time <= end && !recovered_) {
    const Event event = events_.Take();
    now_ = event.time;
    verdict_->SetTime(now_);
    Handle(event);
  }
  if (!recovered_ && !verdict_->failed() && Survives(std::nullopt)) {
    verdict_->Violation("recovers",
                        "everything healed and a quorum survived, but no client is served");
  }
  if (!verdict_->failed()) CheckClients();
  totals_["ticks"] = now_ / kUnitsPerTick;
  totals_["terms with a leader"] = leaders_.terms();
  totals_["entries committed"] = commits_.highest();
  totals_["groups recovered"] = recovered_ ? 1 : 0;
  return totals_;
}

void CoreWorld::Handle(const Event& event) {
  switch (event.kind) {
    case EventKind::kTick:
      TickHost(event.a);
      break;
    case EventKind::kLink:
      DeliverNext(event.a, event.b);
      break;
    case EventKind::kReset:
      ResetLink(event.a, event.b);
      break;
    case EventKind::kFault:
      if (!quiet_) Do(plan_.faults[event.a]);
      break;
    case EventKind::kLoad:
      ActClient(event.a);
      break;
    case EventKind::kHeal:
      verdict_->Event("-- everything heals --");
      quiet_ = true;
      quiet_since_ = call_clock_;
      network_.Heal();
      for (Host& host : hosts_) {
        host.paused_until = host.hostile_until = 0;
        host.clock_ms = 0;
      }
      break;
    case EventKind::kStart:
      Start(event.a);
      break;
  }
}

// ---- Time ----

void CoreWorld::TickHost(size_t at) {
  Host& host = hosts_[at];
  const uint64_t slowness = network_.IsSlow(at, now_) ? 3 : 1;
  events_.Add(now_ + host.tick_units * slowness, EventKind::kTick, at);
  if (Paused(at)) return;
  if (host.replica == nullptr) {
    if (!std::exchange(host.starting, true)) {
      events_.Add(now_ + random_.Between(2, 30) * kUnitsPerTick, EventKind::kStart, at);
    }
    return;
  }
  if (!host.replica->old_regions.empty() && now_ >= host.replica->old_regions.put_back_at) {
    PutRegionBack(at);
  }
  ++host.replica->ticks;
  ++totals_["enclave ticks"];
  proto::HostToEnclaveMessage message;
  const uint64_t unix_ms = kFirstUnixMs + now_ * kMsPerTick / kUnitsPerTick;
  message.add_items()->mutable_tick()->set_unix_time_ms(
      static_cast<uint64_t>(static_cast<int64_t>(unix_ms) + host.clock_ms));
  Queue(at, std::move(message));
  if (host.replica != nullptr && !host.replica->asked_to_join) AskToJoin(at);
}

// ---- Into an enclave and out of it ----

void CoreWorld::Queue(size_t at, proto::HostToEnclaveMessage message) {
  hosts_[at].inbox.push_back(std::move(message));
  if (hosts_[at].inbox.size() == 1) Drain(at);
}

// What comes out may bring more to put in: one after the other.
void CoreWorld::Drain(size_t at) {
  Host& host = hosts_[at];
  while (!host.inbox.empty()) {
    if (host.replica == nullptr || verdict_->failed()) {
      host.inbox.clear();
      return;
    }
    const std::string bytes = host.inbox.front().SerializeAsString();
    Input(at, bytes);
    host.inbox.pop_front();
    if (!host.stopped.has_value()) continue;
    const Error why = *host.stopped;
    host.stopped.reset();
    host.inbox.clear();
    const Replica& replica = *host.replica;
    stops_.Stopped(replica.number, why, !victims_.empty() || regions_restored_, verdict_);
    if (replica.memory->Holds(reinterpret_cast<const uint8_t*>(needle_.data()), needle_.size())) {
      verdict_->Violation("wiped when stopped",
                          "a secret stands in the memory of a replica that stopped for good (" +
                              proto::Error_Name(why) + ")");
    }
    ++totals_["replicas stopped"];
    End(at, proto::Error_Name(why));
  }
}

void CoreWorld::Input(size_t at, const std::string& bytes) {
  Replica* const replica = hosts_[at].replica.get();
  ++totals_["inputs"];
  Status status;
  {
    const InEnclave inside(replica->memory.get());
    status = replica->core->Input(bytes);  // Refusals are counted inside.
  }
  TakeOutput(at);
  if (status.error() == proto::ERROR_CORE_STOPPED && !hosts_[at].stopped.has_value()) {
    verdict_->Violation("stops aloud", "an enclave stopped and did not tell its host");
  }
  Inspect(at);
}

void CoreWorld::TakeOutput(size_t at) {
  for (const std::string& output : hosts_[at].replica->env->TakeOutput()) {
    wire_.Output(output, verdict_);
    proto::EnclaveToHostMessage message;
    SVR2_CHECK(message.ParseFromString(output));
    for (proto::EnclaveItem& item : *message.mutable_items()) TakeItem(at, &item);
  }
}

void CoreWorld::TakeItem(size_t at, proto::EnclaveItem* item) {
  switch (item->item_case()) {
    case proto::EnclaveItem::kReply:
      TakeReply(at, item->reply());
      break;
    case proto::EnclaveItem::kRequest:
      AnswerRoute(at, item->request());
      break;
    case proto::EnclaveItem::kClient:
      TakeClientItem(at, item->client());
      break;
    case proto::EnclaveItem::kLog:
      if (verdict_->tracing()) {
        verdict_->Event("r" + std::to_string(hosts_[at].replica->number) +
                        " says: " + item->log().text());
      }
      break;
    case proto::EnclaveItem::kStopped:
      hosts_[at].stopped = item->stopped().error();
      break;
    case proto::EnclaveItem::kPeer:
      Transmit(at, item->peer());
      break;
    case proto::EnclaveItem::ITEM_NOT_SET:
      verdict_->Violation("output", "an enclave output an empty item");
      break;
  }
}

void CoreWorld::AnswerRoute(size_t at, const proto::EnclaveRequest& request) {
  const std::optional<size_t> peer = HostOf(request.route_to_peer().peer_id());
  proto::HostToEnclaveMessage message;
  proto::HostReply* const reply = message.add_items()->mutable_reply();
  reply->set_id(request.id());
  reply->mutable_route_to_peer()->set_reachable(peer.has_value() &&
                                                !network_.IsCut(at, *peer, now_));
  Queue(at, std::move(message));
}

// ---- The network ----

void CoreWorld::Transmit(size_t from, const proto::PeerOutput& output) {
  wire_.PeerMessage(output.data(), verdict_);
  const Replica& replica = *hosts_[from].replica;
  totals_["peer messages"] += 1;
  totals_["peer bytes"] += output.data().size();
  if (output.data()[0] == 1) ++totals_["peer handshakes"];
  if (replica.mute) return;
  const std::optional<uint32_t> to = NumberOf(output.peer_id());
  if (!to.has_value()) return;  // No such host: an enclave may ask for anything.
  const size_t to_host = host_of_number_[*to];
  if (to_host == from) return;
  bool lost = false;
  const std::optional<uint64_t> when =
      network_.Send(from, to_host, now_, Carried{replica.number, *to, output.data()}, &lost);
  if (lost) Lost(from, to_host);
  if (when.has_value()) events_.Add(*when, EventKind::kLink, from, to_host);
}

// An honest host notices, and tells both ends.
void CoreWorld::Lost(size_t from, size_t to) {
  events_.Add(now_ + random_.Between(1, 5) * kUnitsPerTick, EventKind::kReset, from, to);
}

void CoreWorld::DeliverNext(size_t from, size_t to) {
  if (Paused(to)) return events_.Add(hosts_[to].paused_until, EventKind::kLink, from, to);
  uint64_t again = 0;
  bool lost = false;
  std::optional<Carried> carried = network_.Take(from, to, now_, &again, &lost);
  if (lost) Lost(from, to);
  if (again > 0) events_.Add(again, EventKind::kLink, from, to);
  if (!carried.has_value()) return;
  if (Hostile(to) || Hostile(from)) return DeliverHostile(to, std::move(*carried));
  Deliver(to, *carried);
  if (hosts_[to].held.has_value()) {
    const Carried held = *std::exchange(hosts_[to].held, std::nullopt);
    Deliver(to, held);
  }
}

// Loses, repeats, replays, reorders, alters, cuts messages, or says that they are another's.
void CoreWorld::DeliverHostile(size_t to, Carried carried) {
  Host& host = hosts_[to];
  const uint64_t dice = random_.Below(1000);
  if (dice < 20) return;
  if (dice < 40) Deliver(to, carried);  // And once more below.
  if (dice >= 40 && dice < 60 && host.replica != nullptr && !host.replica->heard.empty()) {
    Deliver(to, Carried(host.replica->heard[random_.Below(host.replica->heard.size())]));
  }
  if (dice >= 60 && dice < 75) carried.data[random_.Below(carried.data.size())] ^= 0x10;
  if (dice >= 75 && dice < 85) carried.data.resize(random_.Below(carried.data.size()));
  if (dice >= 85 && dice < 90) {
    carried.from = static_cast<uint32_t>(random_.Between(1, number_of_id_.size()));
  }
  if (dice >= 90 && dice < 120 && !host.held.has_value()) {
    host.held = std::move(carried);
    return;
  }
  Deliver(to, carried);
  if (host.held.has_value()) Deliver(to, Carried(*std::exchange(host.held, std::nullopt)));
}

void CoreWorld::Deliver(size_t to, const Carried& carried) {
  Host& host = hosts_[to];
  if (host.replica == nullptr || host.replica->number != carried.to) {
    // Its enclave is another by now: the connection to the old one is over.
    const size_t from = host_of_number_[carried.from];
    if (hosts_[from].replica != nullptr && hosts_[from].replica->number == carried.from) {
      proto::HostToEnclaveMessage message;
      message.add_items()->mutable_peer_reset()->set_peer_id(id_of_number_[carried.to]);
      Queue(from, std::move(message));
    }
    return;
  }
  host.replica->heard.push_back(carried);
  if (host.replica->heard.size() > kMaxHeard) {
    host.replica->heard.pop_front();
    ++host.replica->heard_before;
  }
  proto::HostToEnclaveMessage message;
  proto::PeerInput* const input = message.add_items()->mutable_peer();
  input->set_peer_id(id_of_number_[carried.from]);
  input->set_data(carried.data);
  Queue(to, std::move(message));
}

void CoreWorld::ResetLink(size_t a, size_t b) {
  network_.Reset(a, b);
  TellReset(a, b);
  TellReset(b, a);
}

void CoreWorld::TellReset(size_t at, size_t peer) {
  if (hosts_[at].replica == nullptr || hosts_[peer].replica == nullptr) return;
  proto::HostToEnclaveMessage message;
  message.add_items()->mutable_peer_reset()->set_peer_id(hosts_[peer].replica->id);
  Queue(at, std::move(message));
}

// ---- Looking inside ----

void CoreWorld::Inspect(size_t at) {
  Host& host = hosts_[at];
  Replica* const replica = host.replica.get();
  if (replica->memory->touched_bytes() > kMaxTouchedBytes) {
    verdict_->Violation(
        "bounded memory",
        "an enclave has used " + std::to_string(replica->memory->touched_bytes()) + " bytes");
  }
  if (host.stopped.has_value()) return;
  const raft::Raft* const raft = RaftOf(at);
  if (raft == nullptr || raft->stopped().has_value()) return;
  if (raft->is_leader()) leaders_.Leads(raft->term(), replica->number, verdict_);
  indexes_.Seen(replica->number,
                {raft->term(), raft->last_index(), raft->promise_index(), raft->commit_index(),
                 raft->applied_index()},
                verdict_);
  for (uint64_t index = replica->checked_commit + 1; index <= raft->commit_index(); ++index) {
    if (!raft->log().HasEntry(index)) continue;  // Loaded, or dropped already.
    const raft::EntryView entry = raft->log().At(index);
    commits_.Committed(replica->number, entry.position(), verdict_);
    if (entry.kind != raft::EntryKind::kMembership) continue;
    Result<raft::Membership> membership = raft::Membership::Decode(entry.payload);
    SVR2_CHECK(membership.ok());
    if (index > memberships_.index()) ++totals_["membership changes"];
    memberships_.Committed(index, *membership, verdict_);
  }
  replica->checked_commit = raft->commit_index();
  if (raft->applied_index() == replica->checked_applied) return;
  replica->checked_applied = raft->applied_index();
  const db::DatabaseDigest digest = core::CorePeer::db(replica->core)->Digest();
  digests_.Applied(replica->number, raft->applied_index(),
                   std::string(reinterpret_cast<const char*>(digest.data()), digest.size()),
                   verdict_);
}

}  // namespace svr2::simulator
