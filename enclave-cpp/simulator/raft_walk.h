// SPDX-License-Identifier: Apache-2.0
//
// A random walk over what consensus may do, without time: at each step some link delivers its next
// message, or some replicas' clocks go on, or somebody proposes, or a memory is put back. Nothing
// happens "about then", so orders of events that take luck in simulated time come up all the time.
// It knows the same checkers as raft_world.h and is what finds bugs in the finer rules. A step of a
// plan is a fault of it: lists of steps are thinned like lists of faults.

#ifndef SVR2_SIMULATOR_RAFT_WALK_H_
#define SVR2_SIMULATOR_RAFT_WALK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "raft/raft.h"
#include "simulator/check_consensus.h"
#include "simulator/levels.h"
#include "simulator/plan.h"
#include "simulator/random.h"
#include "simulator/verdict.h"

namespace svr2::simulator {

// The plan of a seed: its ticks are steps, its faults are phases of the walk.
Plan WalkPlan(uint64_t seed);

class RaftWalk {
 public:
  RaftWalk(const Plan& plan, Verdict* verdict);
  Totals Run();

 private:
  struct Snapshot {
    raft::Raft raft;
    size_t heard = 0;
  };
  struct Heard {
    size_t from;
    raft::Message message;
  };
  struct Replica {
    std::optional<raft::Raft> raft;  // None: stopped for good.
    std::vector<Snapshot> snapshots;
    std::vector<Heard> heard;
    bool mute = false;  // What it says is not sent: its sessions are of the past.
  };
  struct Watch {
    uint64_t proposal;
    size_t replica;
    raft::Position position;
  };

  size_t size() const { return replicas_.size(); }
  raft::PeerId IdOf(size_t at) const;
  size_t At(const raft::PeerId& id) const;
  std::deque<raft::Message>& Link(size_t from, size_t to) { return links_[from * size() + to]; }
  void Step(Random* random);
  bool DeliverSome(Random* random);
  void DeliverTo(size_t to, size_t from, const raft::Message& message);
  void TickSome(Random* random);
  void Propose(Random* random);
  void Change(Random* random);
  void Block(Random* random);
  void Reset(size_t a, size_t b);
  void Crash(Random* random);
  void Snap(Random* random);
  void RollBack(Random* random);
  void Replay(size_t at, size_t first, Random* random);
  void Pump(size_t at);
  void Apply(size_t at, const raft::Output& output);
  void WatchAll();
  void Recover();
  bool MustRecover(std::optional<size_t> without) const;
  std::optional<size_t> Leader(Random* random) const;
  bool IsVictim(size_t at) const;

  const Plan plan_;
  Verdict* const verdict_;
  Random enclave_random_;  // Never rolled back.
  std::vector<Replica> replicas_;
  std::vector<std::deque<raft::Message>> links_;
  std::vector<bool> blocked_;
  // Links on which only what was sent before a rollback still arrives, until the reset.
  std::vector<bool> ending_;
  std::vector<Watch> watches_;
  std::vector<size_t> victims_;
  uint64_t step_ = 0;
  uint64_t next_proposal_ = 0;
  uint64_t recovery_proposal_ = UINT64_MAX;
  bool recovered_ = false;
  Totals totals_;

  LeaderChecker leaders_;
  CommitChecker commits_;
  IndexChecker indexes_;
  FateChecker fates_;
  MembershipChecker memberships_;
  StopChecker stops_;
};

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_RAFT_WALK_H_
