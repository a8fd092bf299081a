// SPDX-License-Identifier: Apache-2.0
//
// The simulator's own parts: seeds mean the same run each time, plans shrink, an enclave's memory
// is really put back, the wire checker sees what it should.

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "peers/link.h"
#include "simulator/check_wire.h"
#include "simulator/core_level.h"
#include "simulator/enclave_memory.h"
#include "simulator/plan.h"
#include "simulator/raft_level.h"
#include "simulator/shrink.h"

namespace svr2::simulator {
namespace {

TEST(Levels, ASeedMeansTheSameRun) {
  for (const Level* level : {&kCoreLevel, &kRaftLevel, &kWalkLevel}) {
    Plan plan = level->plan(3);
    plan.ticks = std::min<uint32_t>(plan.ticks, 600);
    Verdict once(false);
    Verdict again(false);
    EXPECT_EQ(level->run(plan, &once), level->run(plan, &again)) << level->name;
    EXPECT_EQ(once.text(), again.text()) << level->name;
  }
}

TEST(Plan, RollsBackOnlyWhereTheSuperMajorityAllowsIt) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const Plan plan = kRaftLevel.plan(seed);
    for (const Fault& fault : plan.faults) {
      EXPECT_LT(fault.at_tick, plan.ticks);
      if (plan.shape.super_majority == 0) {
        EXPECT_NE(fault.kind, FaultKind::kRollback);
      }
    }
  }
}

TEST(Plan, ACalmMovesTheSecondHalf) {
  const Plan plan = kRaftLevel.plan(3);
  Plan calm = plan;
  InsertCalm(1000, &calm);
  ASSERT_EQ(calm.faults.size(), plan.faults.size());
  EXPECT_EQ(calm.ticks, plan.ticks + 1000);
  size_t moved = 0;
  for (size_t i = 0; i < plan.faults.size(); ++i) {
    const uint32_t by = calm.faults[i].at_tick - plan.faults[i].at_tick;
    EXPECT_TRUE(by == 0 || by == 1000) << by;
    moved += by > 0 ? 1 : 0;
  }
  EXPECT_GE(moved, plan.faults.size() / 2);
  EXPECT_LT(moved, plan.faults.size());
}

TEST(Tally, KnowsTheLeastOfASeed) {
  Tally tally;
  tally.Add({{"often", 5}, {"seldom", 2}});
  tally.Add({{"often", 3}});
  const std::string text = tally.Describe();
  EXPECT_NE(text.find("8          4.0 a seed, at least 3"), std::string::npos) << text;
  EXPECT_NE(text.find("2          1.0 a seed, at least 0"), std::string::npos) << text;
}

TEST(Shrink, LeavesWhatTheFailureNeeds) {
  Plan plan;
  plan.ticks = 1000;
  for (uint32_t i = 0; i < 40; ++i) {
    Fault fault;
    fault.at_tick = 20 * i;
    fault.random = i;
    plan.faults.push_back(fault);
  }
  // Needs faults 5 and 17, and the run up to tick 400.
  const auto fails = [](const Plan& candidate) {
    bool five = false;
    bool seventeen = false;
    for (const Fault& fault : candidate.faults) {
      five = five || fault.random == 5;
      seventeen = seventeen || fault.random == 17;
    }
    return five && seventeen && candidate.ticks >= 400;
  };
  const Plan shrunk = Shrink(plan, fails, 200);
  ASSERT_EQ(shrunk.faults.size(), 2u);
  EXPECT_EQ(shrunk.faults[0].random, 5u);
  EXPECT_EQ(shrunk.faults[1].random, 17u);
  EXPECT_EQ(shrunk.ticks, 400u);
}

TEST(EnclaveMemory, GoesBackAsAWhole) {
  EnclaveMemory memory;
  std::map<int, std::string>* inside = nullptr;
  {
    const InEnclave enter(&memory);
    inside = new std::map<int, std::string>();
    (*inside)[1] = "one, and long enough that it lies on the heap";
  }
  const std::vector<uint8_t> copy = memory.Copy();
  {
    const InEnclave enter(&memory);
    (*inside)[1] = "another text that is longer than the first one was, by some words";
    for (int i = 2; i < 500; ++i) (*inside)[i] = "more";
    inside->erase(1);
  }
  const std::string needle = "longer than the first";
  EXPECT_TRUE(memory.Holds(reinterpret_cast<const uint8_t*>(needle.data()), needle.size()));
  memory.Restore(copy);
  EXPECT_FALSE(memory.Holds(reinterpret_cast<const uint8_t*>(needle.data()), needle.size()));
  ASSERT_EQ(inside->size(), 1u);
  EXPECT_EQ(inside->at(1), "one, and long enough that it lies on the heap");
  {
    const InEnclave enter(&memory);
    (*inside)[2] = "usable as before";
  }
  EXPECT_EQ(inside->size(), 2u);
}

TEST(WireChecker, SeesSecretsAndRandomBytesUsedTwice) {
  WireChecker checker("needle");
  Verdict clean(false);
  std::string data(peers::kHeaderBytes + peers::kPieceOverheadBytes, '\0');
  data[0] = static_cast<char>(peers::MessageKind::kData);
  checker.PeerMessage(data, &clean);
  checker.PeerMessage(data, &clean);  // A message repeated is no second plaintext.
  checker.Output("nothing to see", &clean);
  EXPECT_FALSE(clean.failed());
  data.back() = 'x';
  checker.PeerMessage(data, &clean);
  EXPECT_EQ(clean.checker(), "key and nonce once");
  Verdict leak(false);
  checker.Output("a needle in a haystack", &leak);
  EXPECT_EQ(leak.checker(), "nothing in clear");
}

}  // namespace
}  // namespace svr2::simulator
