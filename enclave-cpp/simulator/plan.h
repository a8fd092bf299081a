// SPDX-License-Identifier: Apache-2.0
//
// What shall happen in a run, made in advance from its seed: the group, the length, and a list of
// faults. Each fault carries random numbers of its own, so that a list that is thinned or cut keeps
// the meaning of what is left: that is how a failing seed shrinks (simulator/shrink.h).

#ifndef SVR2_SIMULATOR_PLAN_H_
#define SVR2_SIMULATOR_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace svr2::simulator {

enum class FaultKind : uint8_t {
  // Of the machine and its network.
  kCrash,      // The enclave is gone; its host starts another a little later.
  kPause,      // Takes nothing in and gives nothing out for a while (SIGSTOP).
  kSlow,       // Ticks and messages take several times as long.
  kPartition,  // The hosts fall into two halves that do not hear each other.
  kIsolate,    // One host hears nobody and is heard by nobody.
  kCutOneWay,  // Nothing gets from `host` to `other`; the other way works.
  kDeaf,       // One host is heard but hears nobody.
  kLoss,       // Every host's messages get lost now and then.
  kDelay,      // Messages take long.
  kReset,      // One link is reset.
  kClockSkew,  // The host's clock tells another time.
  // Orders of an operator.
  kRelinquish,
  kDemote,
  kRemove,
  kPromote,
  // Of a hostile operator.
  kHostile,   // The host repeats, reorders, drops, replays and alters messages for a while.
  kNonsense,  // The host hands in messages that nobody sent.
  kSnapshot,  // The enclave's whole memory is put aside.
  kRollback,  // The whole memory is put back, where the super-majority allows it.
  kRegion,    // One old memory region is put back.
};
const char* NameOf(FaultKind kind);

struct Fault {
  uint32_t at_tick = 0;
  FaultKind kind = FaultKind::kCrash;
  uint32_t host = 0;
  uint32_t other = 0;   // For links.
  uint32_t ticks = 0;   // How long it lasts.
  uint64_t random = 0;  // Whatever else it draws.
};
std::string Describe(const Fault& fault);

// A group: how many shall vote, and how many of them may be rolled back.
struct Shape {
  uint32_t voters = 3;      // max_voting_replicas, and as many hosts at first.
  uint32_t min_voters = 2;  // min_voting_replicas
  uint32_t super_majority = 0;
};

struct Plan {
  uint64_t seed = 0;
  Shape shape;
  uint32_t spare_hosts = 0;  // Hosts beyond the voters: their replicas do not vote.
  uint32_t ticks = 0;        // Until everything heals and the group must recover.
  uint32_t election_ticks = 10;
  uint32_t heartbeat_ticks = 2;
  // From here until there no fault begins (InsertCalm).
  uint32_t calm_from_tick = 0;
  uint32_t calm_until_tick = 0;
  std::vector<Fault> faults;  // By at_tick.

  bool IsCalm(uint64_t tick) const { return tick >= calm_from_tick && tick < calm_until_tick; }
  uint32_t hosts() const { return shape.voters + spare_hosts; }
};

// Which kinds of faults a plan draws from, with weights.
struct FaultWeight {
  FaultKind kind;
  uint32_t weight;
};

// (voters, super-majority) = (3,0), (4,1), (5,1) or (7,2), by the seed.
Shape ShapeOf(uint64_t seed);

// Puts `ticks` without a new fault into the middle of a plan. At level raft a tenth of the load
// runs then.
void InsertCalm(uint32_t ticks, Plan* plan);

// Draws a plan's faults: `count` of them, kinds by weight, spread over [first_tick, last_tick] with
// some close together, since bugs like company. Rollbacks are drawn only where shape allows them.
std::vector<Fault> DrawFaults(const Plan& plan, const std::vector<FaultWeight>& weights,
                              size_t count, uint32_t first_tick, uint32_t last_tick);

// The same with short faults that all fall close together, links above all, and with memories put
// aside and put back a few ticks later: entries are then seldom where they should be when a leader
// goes, which is what the finer rules are for.
std::vector<Fault> DrawStorm(const Plan& plan, const std::vector<FaultWeight>& weights,
                             uint32_t first_tick, uint32_t last_tick);

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_PLAN_H_
