// SPDX-License-Identifier: Apache-2.0
//
// Simulation of whole cores: real enclaves' code with real sessions between them, on simulated
// hosts, with clients that speak to them as real ones do. One thread, one seed. What is checked
// stands in check_*.h.

#ifndef SVR2_SIMULATOR_CORE_WORLD_H_
#define SVR2_SIMULATOR_CORE_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/core.h"
#include "integrity/tree_testing.h"
#include "raft/raft.h"
#include "simulator/check_consensus.h"
#include "simulator/check_history.h"
#include "simulator/check_wire.h"
#include "simulator/enclave_memory.h"
#include "simulator/events.h"
#include "simulator/levels.h"
#include "simulator/network.h"
#include "simulator/plan.h"
#include "simulator/random.h"
#include "simulator/sim_client.h"
#include "simulator/sim_env.h"
#include "simulator/verdict.h"
#include "svr2/boundary.pb.h"

namespace svr2::simulator {

// The plan of a seed for this level.
Plan CorePlan(uint64_t seed);

class CoreWorld {
 public:
  CoreWorld(const Plan& plan, Verdict* verdict);
  ~CoreWorld();

  Totals Run();

 private:
  // What a host asked of its enclave.
  enum class Asked : uint8_t { kOther, kFound, kJoin, kChange, kNewClient, kDelete };
  struct Transaction {
    Asked asked = Asked::kOther;
    size_t client = 0;
    uint64_t called = 0;  // Of a deletion: which call of the client.
  };
  struct Carried {
    uint32_t from = 0;  // Numbers of replicas.
    uint32_t to = 0;
    std::string data;
  };
  struct Snapshot {
    std::vector<uint8_t> memory;
    uint64_t heard = 0;  // How many messages it had heard.
  };
  // An object with counters, as it was: which words are counters shows when they have counted on.
  struct OldObject {
    uint64_t session = 0;  // 0: the consensus.
    void* object = nullptr;
    std::string bytes;
    std::vector<uint64_t> indexes;  // Of the consensus.
  };
  struct OldRegions {
    std::vector<integrity::OldMemory> pieces;
    std::vector<OldObject> objects;
    uint64_t put_back_at = 0;
    uint64_t random = 0;
    bool empty() const { return pieces.empty(); }
  };
  // An enclave, from its start to its end.
  struct Replica {
    uint32_t number = 0;
    std::string id;
    std::unique_ptr<EnclaveMemory> memory;
    std::unique_ptr<SimEnv> env;
    core::Core* core = nullptr;  // Lies in `memory`, and ends with it.
    uint64_t next_transaction = 1;
    std::map<uint64_t, Transaction> transactions;
    std::deque<Snapshot> snapshots;
    std::deque<Carried> heard;  // The last ones.
    uint64_t heard_before = 0;  // How many are not in `heard` any more.
    OldRegions old_regions;
    bool asked_to_join = false;
    bool mute = false;         // What it says to peers is not carried.
    bool altered = false;      // Memory of it was put back.
    bool rolled_back = false;  // All of it.
    uint64_t checked_commit = 0;
    uint64_t checked_applied = 0;
    uint64_t ticks = 0;
  };
  struct Host {
    std::unique_ptr<Replica> replica;
    std::deque<proto::HostToEnclaveMessage> inbox;
    uint64_t tick_units = kUnitsPerTick;
    int64_t clock_ms = 0;  // How wrong its clock is.
    uint64_t paused_until = 0;
    uint64_t hostile_until = 0;
    std::optional<Carried> held;  // A hostile host gives it after the next one.
    bool starting = false;
    std::optional<Error> stopped;  // To be handled outside of the enclave's call.
  };
  enum class Phase : uint8_t { kIdle, kOpening, kHandshake, kReady, kWaiting };
  struct Client {
    uint32_t id = 0;  // Whose backup.
    Phase phase = Phase::kIdle;
    size_t host = 0;
    uint32_t replica = 0;
    uint64_t session = 0;  // client_id
    std::unique_ptr<SimClient> noise;
    std::string last_item;        // What it sent last in this session.
    bool lost_something = false;  // Its host kept something from it in this session.
    Call call;
    uint64_t deadline = 0;
    uint32_t last_data = 0;
    uint32_t last_pin = 0;
  };

  // core_world.cc: time, network, what comes out of enclaves.
  void Handle(const Event& event);
  void TickHost(size_t host);
  void Queue(size_t host, proto::HostToEnclaveMessage message);
  void Drain(size_t host);
  void Input(size_t host, const std::string& bytes);
  void TakeOutput(size_t host);
  void TakeItem(size_t host, proto::EnclaveItem* item);
  void AnswerRoute(size_t host, const proto::EnclaveRequest& request);
  void Transmit(size_t host, const proto::PeerOutput& output);
  void Lost(size_t from, size_t to);
  void DeliverNext(size_t from, size_t to);
  void DeliverHostile(size_t to, Carried carried);
  void Deliver(size_t to, const Carried& carried);
  void ResetLink(size_t a, size_t b);
  void TellReset(size_t host, size_t peer);
  void Inspect(size_t host);

  // core_hosts.cc: lifecycle, orders, replies.
  proto::EnclaveConfig Config() const;
  void Start(size_t host);
  void End(size_t host, const std::string& why);
  void AskToJoin(size_t host);
  void Ask(size_t host, proto::HostRequest request, const Transaction& transaction);
  void TakeReply(size_t host, const proto::EnclaveReply& reply);
  const raft::Raft* RaftOf(size_t host) const;
  std::optional<size_t> HostOf(const std::string& id) const;
  std::optional<uint32_t> NumberOf(const std::string& id) const;
  bool Paused(size_t host) const { return now_ < hosts_[host].paused_until; }
  bool Hostile(size_t host) const { return now_ < hosts_[host].hostile_until; }

  // core_clients.cc
  void ActClient(size_t client);
  void OpenSession(size_t client);
  void MakeCall(size_t client);
  void MakeDeletion(size_t client);
  void SendItem(Client* client, std::string item);
  proto::Request ChooseCall(Client* client);
  void TakeClientItem(size_t host, const proto::ClientOutput& output);
  void TakeResponse(Client* client, const proto::Response& response);
  void EndCall(Client* client, Answer answer);
  void EndSession(Client* client, bool applied_unknown);
  void LoseSessions(size_t host);
  void TakeNewClient(size_t host, size_t client, const proto::EnclaveReply& reply);
  void TakeDeletion(size_t host, const Transaction& transaction, const proto::EnclaveReply& reply);
  void NotApplied(Client* client, Error error);
  std::string DataOf(uint32_t number) const;
  std::string PinOf(uint32_t number) const;
  std::string BackupIdOf(uint32_t id) const;
  void CheckClients();

  // core_faults.cc
  void Do(const Fault& fault);
  bool DoNetwork(const Fault& fault, Random* random);
  void Order(const Fault& fault);
  void Nonsense(size_t host, Random* random);

  // core_memory.cc
  void TakeSnapshot(size_t host);
  bool RollBack(const Fault& fault);
  void Replay(size_t host, uint64_t first, Random* random);
  bool CopyRegions(const Fault& fault);
  void PutRegionBack(size_t host);
  std::vector<integrity::OldMemory> RegionsOf(size_t host) const;
  std::vector<integrity::OldMemory> Countings(size_t host) const;
  bool IsVictim(uint32_t number) const;
  bool Survives(std::optional<size_t> without) const;

  const Plan plan_;
  Verdict* const verdict_;
  Random random_;
  Random client_random_;
  SimEnv client_env_;
  Network<Carried> network_;
  EventQueue events_;
  std::vector<Host> hosts_;
  std::vector<Client> clients_;
  std::map<uint32_t, std::vector<Call>> history_;
  std::map<std::string, uint32_t> number_of_id_;
  std::vector<std::string> id_of_number_;  // Number 0 is nobody.
  std::vector<size_t> host_of_number_;
  std::vector<uint32_t> victims_;
  const std::string needle_;  // Stands in every secret.
  bool regions_restored_ = false;
  bool founded_ = false;
  bool quiet_ = false;
  uint64_t quiet_since_ = 0;
  bool recovered_ = false;
  uint64_t now_ = 0;
  uint32_t next_data_ = 1;
  uint64_t call_clock_ = 0;  // Orders calls and answers.
  Totals totals_;

  LeaderChecker leaders_;
  CommitChecker commits_;
  DigestChecker digests_;
  IndexChecker indexes_;
  MembershipChecker memberships_;
  StopChecker stops_;
  WireChecker wire_;
};

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_CORE_WORLD_H_
