// SPDX-License-Identifier: Apache-2.0
//
// Simulation of consensus alone: raft::Raft objects on simulated hosts, with sessions between them
// that are as hard to fool as the real ones (counted messages, new keys at each handshake), but
// without any cryptography, database or clients. Thousands of times cheaper than whole cores
// (simulator/core_world.h), so it explores many more seeds and is what finds planted bugs.
//
// What the core does around consensus is played here in small: joining (the state of a source is
// copied at once), healing (promote before demote, remove who was seen rolled back), watching
// proposals as a replica that serves a client does.

#ifndef SVR2_SIMULATOR_RAFT_WORLD_H_
#define SVR2_SIMULATOR_RAFT_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "raft/raft.h"
#include "simulator/check_consensus.h"
#include "simulator/events.h"
#include "simulator/network.h"
#include "simulator/plan.h"
#include "simulator/random.h"
#include "simulator/verdict.h"

namespace svr2::simulator {

// The plan of a seed for this level.
Plan RaftPlan(uint64_t seed);

// What happened in a run, to see that it was not idle.
struct RaftStatistics {
  uint64_t ticks = 0;
  uint64_t faults = 0;  // Those that had an effect.
  uint64_t rollbacks = 0;
  uint64_t messages = 0;
  uint64_t proposals = 0;
  uint64_t committed = 0;
  uint64_t membership_changes = 0;
  uint64_t replicas = 0;
  uint64_t terms = 0;
  uint64_t stopped = 0;
  bool recovered = false;  // False: fewer than a quorum survived, by design.
};

class RaftWorld {
 public:
  RaftWorld(const Plan& plan, Verdict* verdict);

  // Runs the plan, then heals everything and waits until the group works again, where it can.
  RaftStatistics Run();

 private:
  // A session's end. Ids are never used twice, as keys are not.
  struct Session {
    uint64_t id = 0;  // 0: none.
    uint64_t sent = 0;
    uint64_t received = 0;
    uint64_t asked = 0;  // Nonce of the handshake that this side began.
  };
  // All that an enclave's memory holds, so that a copy can be put back.
  struct Replica {
    uint32_t number = 0;
    raft::Raft raft;
    std::map<uint32_t, Session> sessions;
    uint64_t ticks = 0;
    uint64_t state = 0;  // Digest of what was applied.
    bool joined = false;
  };
  enum class EnvelopeKind : uint8_t { kSyn, kSynAck, kReset, kData };
  struct Envelope {
    uint32_t from = 0;
    uint32_t to = 0;
    EnvelopeKind kind = EnvelopeKind::kData;
    uint64_t session = 0;  // Or the handshake's nonce.
    uint64_t counter = 0;
    raft::Message message;
  };
  struct Snapshot {
    Replica memory;
    size_t heard;  // How much of Host::heard came before.
  };
  struct Host {
    std::optional<Replica> replica;
    uint64_t tick_units = kUnitsPerTick;
    uint64_t paused_until = 0;
    uint64_t hostile_until = 0;
    std::deque<Snapshot> snapshots;
    std::vector<Envelope> heard;  // By the present replica; what a hostile host can replay.
    bool starting = false;
  };
  // A proposal whose fate a replica watches for its client.
  struct Watch {
    uint64_t proposal = 0;
    uint32_t replica = 0;
    raft::Position position;
    uint64_t until = 0;
  };

  // raft_world.cc: time and the network.
  void Handle(const Event& event);
  void TickHost(size_t host);
  void DeliverNext(size_t from, size_t to);
  void Deliver(size_t to, const Envelope& envelope);
  void Transmit(Envelope envelope);
  void Lost(size_t from, size_t to);
  void ResetLink(size_t a, size_t b);
  void Drop(Replica* replica, uint32_t peer, bool tell);
  void Connect(Replica* replica);
  void Pump(size_t host);
  void Apply(size_t host, const raft::Output& output);
  void Check(const Replica& replica);
  bool Isolated(size_t host) const;
  void StopReplica(size_t host, const std::string& why);

  // raft_orders.cc: what hosts, operators and clients do.
  raft::Options Options() const;
  raft::RandomSource Source();
  void Found();
  void StartJoiner(size_t host);
  void AskForMembership(size_t host);
  void Heal(size_t leader_host);
  bool Change(size_t leader_host, raft::ChangeKind kind, uint32_t number, bool force);
  void Load();
  void WatchProposals(const Replica& replica);
  std::optional<size_t> LeadingHost() const;
  bool Working() const;

  // raft_faults.cc
  void Do(const Fault& fault);
  void Isolate(size_t host, uint64_t until, bool keeps, bool hears, bool speaks);
  void Operator(const Fault& fault);
  void TakeSnapshot(size_t host);
  std::optional<size_t> ChooseVictim(const Fault& fault) const;
  void RollBack(const Fault& fault);
  void ReplayTo(size_t host, size_t first, Random* random);
  void Nonsense(const Fault& fault);
  bool MayLose(size_t host) const;
  bool Survives(std::optional<size_t> without) const;
  const Replica* Freshest() const;
  bool IsVictim(uint32_t number) const;

  raft::PeerId IdOf(uint32_t number) const;
  std::optional<size_t> HostOf(uint32_t number) const;
  std::optional<uint32_t> NumberOf(const raft::PeerId& id) const;
  bool Paused(size_t host) const { return now_ < hosts_[host].paused_until; }

  const Plan plan_;
  Verdict* const verdict_;
  Random random_;
  Random enclave_random_;  // Of all enclaves: the CPU's generator, never rolled back.
  Network<Envelope> network_;
  EventQueue events_;
  std::vector<Host> hosts_;
  std::vector<size_t> host_of_number_;
  std::map<raft::PeerId, uint32_t> number_of_id_;
  raft::Hash group_key_{};
  uint64_t now_ = 0;
  uint64_t next_session_ = 0;
  uint64_t next_proposal_ = 0;
  std::vector<Watch> watches_;
  std::vector<uint32_t> victims_;  // Replicas that were rolled back.
  bool quiet_ = false;             // Everything has healed.
  uint64_t quiet_proposal_ = 0;    // Proposals from this one on were made since.
  bool quiet_committed_ = false;

  LeaderChecker leaders_;
  CommitChecker commits_;
  DigestChecker digests_;
  IndexChecker indexes_;
  FateChecker fates_;
  MembershipChecker memberships_;
  IsolationChecker isolation_;
  StopChecker stops_;
  RaftStatistics statistics_;
};

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_RAFT_WORLD_H_
