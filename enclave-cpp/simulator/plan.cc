// SPDX-License-Identifier: Apache-2.0

#include "simulator/plan.h"

#include <algorithm>
#include <array>

#include "simulator/random.h"

namespace svr2::simulator {
namespace {

constexpr uint64_t kFaultStream = 0x6661756c74;
constexpr uint64_t kStormStream = 0x73746f726d;
constexpr uint64_t kShapeStream = 0x7368617065;

constexpr uint32_t kLongestFaultTicks = 120;

bool NeedsSuperMajority(FaultKind kind) {
  return kind == FaultKind::kSnapshot || kind == FaultKind::kRollback;
}

}  // namespace

const char* NameOf(FaultKind kind) {
  switch (kind) {
    case FaultKind::kCrash:
      return "crash";
    case FaultKind::kPause:
      return "pause";
    case FaultKind::kSlow:
      return "slow";
    case FaultKind::kPartition:
      return "partition";
    case FaultKind::kIsolate:
      return "isolate";
    case FaultKind::kCutOneWay:
      return "cut one way";
    case FaultKind::kDeaf:
      return "deaf";
    case FaultKind::kLoss:
      return "loss";
    case FaultKind::kDelay:
      return "delay";
    case FaultKind::kReset:
      return "reset";
    case FaultKind::kClockSkew:
      return "clock skew";
    case FaultKind::kRelinquish:
      return "relinquish";
    case FaultKind::kDemote:
      return "demote";
    case FaultKind::kRemove:
      return "remove";
    case FaultKind::kPromote:
      return "promote";
    case FaultKind::kHostile:
      return "hostile";
    case FaultKind::kNonsense:
      return "nonsense";
    case FaultKind::kSnapshot:
      return "snapshot";
    case FaultKind::kRollback:
      return "rollback";
    case FaultKind::kRegion:
      return "region";
  }
  return "?";
}

std::string Describe(const Fault& fault) {
  return std::string(NameOf(fault.kind)) + " host " + std::to_string(fault.host) + " (other " +
         std::to_string(fault.other) + ", " + std::to_string(fault.ticks) + " ticks)";
}

Shape ShapeOf(uint64_t seed) {
  static constexpr std::array<Shape, 4> kShapes = {Shape{3, 2, 0}, Shape{4, 3, 1}, Shape{5, 3, 1},
                                                   Shape{7, 5, 2}};
  Random random = Random(seed).Fork(kShapeStream);
  return kShapes[static_cast<size_t>(random.Below(kShapes.size()))];
}

void InsertCalm(uint32_t ticks, Plan* plan) {
  if (ticks == 0 || plan->faults.empty()) return;
  const uint32_t middle = plan->faults[plan->faults.size() / 2].at_tick;
  for (Fault& fault : plan->faults) {
    if (fault.at_tick >= middle) fault.at_tick += ticks;
  }
  plan->ticks += ticks;
  plan->calm_from_tick = middle;
  plan->calm_until_tick = middle + ticks;
}

std::vector<Fault> DrawFaults(const Plan& plan, const std::vector<FaultWeight>& weights,
                              size_t count, uint32_t first_tick, uint32_t last_tick) {
  Random random = Random(plan.seed).Fork(kFaultStream);
  std::vector<FaultKind> urn;
  for (const FaultWeight& weight : weights) {
    if (NeedsSuperMajority(weight.kind) && plan.shape.super_majority == 0) continue;
    urn.insert(urn.end(), weight.weight, weight.kind);
  }
  std::vector<Fault> faults;
  uint32_t previous_tick = first_tick;
  for (size_t i = 0; i < count; ++i) {
    Fault fault;
    fault.kind = random.Pick(urn);
    fault.at_tick = static_cast<uint32_t>(random.Between(first_tick, last_tick));
    // A third comes within an election timeout of the one drawn before.
    if (i > 0 && random.PerMille(333)) {
      fault.at_tick = std::min<uint32_t>(
          last_tick, previous_tick + static_cast<uint32_t>(random.Below(plan.election_ticks)));
    }
    previous_tick = fault.at_tick;
    fault.host = static_cast<uint32_t>(random.Below(plan.hosts()));
    fault.other = static_cast<uint32_t>(random.Below(plan.hosts()));
    fault.ticks = static_cast<uint32_t>(
        random.Between(1, random.PerMille(500) ? plan.election_ticks : kLongestFaultTicks));
    fault.random = random.Next();
    faults.push_back(fault);
  }
  std::stable_sort(faults.begin(), faults.end(),
                   [](const Fault& a, const Fault& b) { return a.at_tick < b.at_tick; });
  return faults;
}

std::vector<Fault> DrawStorm(const Plan& plan, const std::vector<FaultWeight>& weights,
                             uint32_t first_tick, uint32_t last_tick) {
  const size_t count = (last_tick - first_tick) / 3;
  std::vector<Fault> faults = DrawFaults(plan, weights, count, first_tick, last_tick);
  Random random = Random(plan.seed).Fork(kStormStream);
  std::vector<Fault> rollbacks;
  for (Fault& fault : faults) {
    fault.ticks = static_cast<uint32_t>(random.Between(1, 3 * plan.election_ticks));
    if (fault.kind != FaultKind::kSnapshot) continue;
    Fault rollback = fault;
    rollback.kind = FaultKind::kRollback;
    rollback.at_tick += static_cast<uint32_t>(random.Below(3 * plan.election_ticks));
    rollback.random = random.Next();
    if (rollback.at_tick <= last_tick) rollbacks.push_back(rollback);
  }
  faults.insert(faults.end(), rollbacks.begin(), rollbacks.end());
  std::stable_sort(faults.begin(), faults.end(),
                   [](const Fault& a, const Fault& b) { return a.at_tick < b.at_tick; });
  return faults;
}

}  // namespace svr2::simulator
