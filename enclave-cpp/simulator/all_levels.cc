// SPDX-License-Identifier: Apache-2.0
//
// The levels of `simulate`.

#include "simulator/core_level.h"
#include "simulator/levels.h"
#include "simulator/raft_level.h"

namespace svr2::simulator {

const Level* FindLevel(const std::string& name) {
  for (const Level* level : {&kCoreLevel, &kRaftLevel, &kWalkLevel}) {
    if (name == level->name) return level;
  }
  return nullptr;
}

}  // namespace svr2::simulator
