// SPDX-License-Identifier: Apache-2.0
//
// What honest hosts do: start enclaves, found or join, replace what stopped, carry out orders.

#include <algorithm>
#include <utility>

#include "core/core_peer_testing.h"
#include "simulator/core_world.h"
#include "util/check.h"

namespace svr2::simulator {

Plan CorePlan(uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  plan.shape = ShapeOf(seed);
  Random random = Random(seed).Fork(5);
  plan.spare_hosts = static_cast<uint32_t>(random.Below(2));
  plan.ticks = 2500;
  plan.election_ticks = static_cast<uint32_t>(random.Between(10, 24));
  plan.heartbeat_ticks = static_cast<uint32_t>(random.Between(2, 5));
  const std::vector<FaultWeight> weights = {
      {FaultKind::kCrash, 6},     {FaultKind::kPause, 6},     {FaultKind::kSlow, 4},
      {FaultKind::kPartition, 6}, {FaultKind::kIsolate, 5},   {FaultKind::kCutOneWay, 6},
      {FaultKind::kDeaf, 3},      {FaultKind::kLoss, 2},      {FaultKind::kDelay, 5},
      {FaultKind::kReset, 4},     {FaultKind::kClockSkew, 4}, {FaultKind::kRelinquish, 6},
      {FaultKind::kDemote, 3},    {FaultKind::kRemove, 3},    {FaultKind::kPromote, 3},
      {FaultKind::kHostile, 3},   {FaultKind::kNonsense, 4},  {FaultKind::kSnapshot, 8},
      {FaultKind::kRollback, 5},  {FaultKind::kRegion, 5},
  };
  const uint32_t formed = 40 * plan.hosts();
  if (!random.PerMille(400)) {
    plan.faults = DrawFaults(plan, weights, 50, formed, plan.ticks - 1);
    return plan;
  }
  // Short faults one upon the other, where those of links and memories are most.
  const std::vector<FaultWeight> storm = {
      {FaultKind::kCrash, 1},   {FaultKind::kPause, 3},      {FaultKind::kSlow, 2},
      {FaultKind::kIsolate, 3}, {FaultKind::kCutOneWay, 5},  {FaultKind::kPartition, 3},
      {FaultKind::kDeaf, 2},    {FaultKind::kReset, 2},      {FaultKind::kDelay, 2},
      {FaultKind::kHostile, 3}, {FaultKind::kRelinquish, 4}, {FaultKind::kSnapshot, 3},
      {FaultKind::kRegion, 1},
  };
  plan.ticks = formed + 900;
  plan.faults = DrawStorm(plan, storm, formed + 100, plan.ticks - 1);
  return plan;
}

proto::EnclaveConfig CoreWorld::Config() const {
  Random random = Random(plan_.seed).Fork(6);
  proto::EnclaveConfig config;
  config.mutable_group()->set_min_voting_replicas(plan_.shape.min_voters);
  config.mutable_group()->set_max_voting_replicas(plan_.shape.voters);
  config.mutable_group()->set_super_majority(plan_.shape.super_majority);
  config.mutable_group()->set_attestation_timeout(604800);
  config.mutable_group()->set_simulated(true);
  config.set_log_level(verdict_->tracing() ? proto::LOG_LEVEL_DEBUG : proto::LOG_LEVEL_ERROR);
  config.set_election_ticks(plan_.election_ticks);
  config.set_heartbeat_ticks(plan_.heartbeat_ticks);
  config.set_replica_voting_timeout_ticks(4 * plan_.election_ticks);
  config.set_replica_membership_timeout_ticks(12 * plan_.election_ticks);
  config.set_attestation_refresh_ticks(static_cast<uint32_t>(random.Between(1500, 4000)));
  config.set_client_request_timeout_ticks(static_cast<uint32_t>(random.Between(30, 80)));
  config.set_session_idle_ticks(static_cast<uint32_t>(random.Between(200, 600)));
  config.set_log_max_bytes(1 << 20);
  config.set_log_min_entries(random.Between(1000, 2000));
  config.set_max_rows(1000);
  config.set_max_client_sessions(64);
  config.set_max_pending_handshakes(16);
  config.set_client_pq(false);
  return config;
}

void CoreWorld::Start(size_t at) {
  Host& host = hosts_[at];
  host.starting = false;
  if (host.replica != nullptr) return;
  auto replica = std::make_unique<Replica>();
  replica->number = static_cast<uint32_t>(id_of_number_.size());
  replica->memory = std::make_unique<EnclaveMemory>();
  replica->env = std::make_unique<SimEnv>(Random(plan_.seed).Fork(1000 + replica->number));
  const std::string config = Config().SerializeAsString();
  {
    const InEnclave inside(replica->memory.get());
    Result<std::unique_ptr<core::Core>> core = core::Core::Create(replica->env.get(), config);
    SVR2_CHECK(core.ok());
    replica->core = core->release();
  }
  const raft::PeerId& id = replica->core->peer_id();
  replica->id = std::string(id.begin(), id.end());
  id_of_number_.push_back(replica->id);
  host_of_number_.push_back(at);
  number_of_id_[replica->id] = replica->number;
  verdict_->Event("r" + std::to_string(replica->number) + " starts on host " + std::to_string(at));
  ++totals_["replicas"];
  host.replica = std::move(replica);
  TakeOutput(at);
}

// The enclave is gone, as when its process is killed.
void CoreWorld::End(size_t at, const std::string& why) {
  Host& host = hosts_[at];
  const uint32_t number = host.replica->number;
  verdict_->Event("r" + std::to_string(number) + " ends: " + why);
  LoseSessions(at);
  if (host.inbox.size() <= 1) host.inbox.clear();
  host.held.reset();
  host.replica.reset();
  for (size_t other = 0; other < hosts_.size(); ++other) {
    if (other != at) network_.Reset(at, other);
    if (hosts_[other].replica == nullptr) continue;
    proto::HostToEnclaveMessage message;
    message.add_items()->mutable_peer_reset()->set_peer_id(id_of_number_[number]);
    Queue(other, std::move(message));
  }
}

// The first enclave founds; every other one joins through all that its host knows.
void CoreWorld::AskToJoin(size_t at) {
  Replica* const replica = hosts_[at].replica.get();
  proto::HostRequest request;
  if (!founded_) {
    if (at != 0) return;
    founded_ = true;
    replica->asked_to_join = true;
    request.mutable_create_group();
    Ask(at, std::move(request), {Asked::kFound});
    return;
  }
  for (const Host& other : hosts_) {
    if (other.replica == nullptr || other.replica.get() == replica) continue;
    if (!other.replica->asked_to_join) continue;
    request.mutable_join_group()->add_peer_ids(other.replica->id);
  }
  if (request.join_group().peer_ids().empty()) return;
  replica->asked_to_join = true;
  Ask(at, std::move(request), {Asked::kJoin});
}

void CoreWorld::Ask(size_t at, proto::HostRequest request, const Transaction& transaction) {
  Replica* const replica = hosts_[at].replica.get();
  const uint64_t id = replica->next_transaction++;
  request.set_id(id);
  replica->transactions[id] = transaction;
  proto::HostToEnclaveMessage message;
  *message.add_items()->mutable_request() = std::move(request);
  Queue(at, std::move(message));
}

void CoreWorld::TakeReply(size_t at, const proto::EnclaveReply& reply) {
  Replica* const replica = hosts_[at].replica.get();
  const auto found = replica->transactions.find(reply.id());
  if (found == replica->transactions.end()) {
    // A memory that was put back answers again what was asked before.
    if (!replica->altered) verdict_->Violation("replies", "an enclave answered what nobody asked");
    return;
  }
  const Transaction transaction = found->second;
  replica->transactions.erase(found);
  const bool ok = reply.error() == proto::OK;
  if (!ok && verdict_->tracing()) {
    verdict_->Event("r" + std::to_string(replica->number) + " refuses transaction " +
                    std::to_string(reply.id()) + ": " + proto::Error_Name(reply.error()));
  }
  switch (transaction.asked) {
    case Asked::kNewClient:
      TakeNewClient(at, transaction.client, reply);
      break;
    case Asked::kJoin:
      if (!ok) replica->asked_to_join = reply.error() == proto::ERROR_CORE_GROUP_EXISTS;
      break;
    case Asked::kFound:
      if (!ok) verdict_->Violation("founding", proto::Error_Name(reply.error()));
      break;
    case Asked::kChange:
      if (ok) ++totals_["orders carried out"];
      break;
    case Asked::kDelete:
      TakeDeletion(at, transaction, reply);
      break;
    case Asked::kOther:
      break;
  }
}

const raft::Raft* CoreWorld::RaftOf(size_t at) const {
  const Host& host = hosts_[at];
  if (host.replica == nullptr) return nullptr;
  core::Replica* const replica = core::CorePeer::replica(host.replica->core);
  return core::ReplicaPeer::has_group(replica) ? core::ReplicaPeer::raft(replica) : nullptr;
}

std::optional<size_t> CoreWorld::HostOf(const std::string& id) const {
  for (size_t at = 0; at < hosts_.size(); ++at) {
    if (hosts_[at].replica != nullptr && hosts_[at].replica->id == id) return at;
  }
  return std::nullopt;
}

std::optional<uint32_t> CoreWorld::NumberOf(const std::string& id) const {
  const auto found = number_of_id_.find(id);
  if (found == number_of_id_.end()) return std::nullopt;
  return found->second;
}

}  // namespace svr2::simulator
