// SPDX-License-Identifier: Apache-2.0

#include "simulator/raft_level.h"

#include "simulator/raft_walk.h"
#include "simulator/raft_world.h"

namespace svr2::simulator {
namespace {

Totals RunRaft(const Plan& plan, Verdict* verdict) {
  RaftWorld world(plan, verdict);
  const RaftStatistics statistics = world.Run();
  return {{"ticks", statistics.ticks},
          {"faults", statistics.faults},
          {"rollbacks", statistics.rollbacks},
          {"messages", statistics.messages},
          {"proposals", statistics.proposals},
          {"entries committed", statistics.committed},
          {"membership changes", statistics.membership_changes},
          {"replicas", statistics.replicas},
          {"terms with a leader", statistics.terms},
          {"replicas stopped", statistics.stopped},
          {"groups recovered", statistics.recovered ? 1 : 0}};
}

Totals RunWalk(const Plan& plan, Verdict* verdict) { return RaftWalk(plan, verdict).Run(); }

}  // namespace

const Level kRaftLevel = {"raft", RaftPlan, RunRaft, 400};
const Level kWalkLevel = {"walk", WalkPlan, RunWalk, 2000};

}  // namespace svr2::simulator
