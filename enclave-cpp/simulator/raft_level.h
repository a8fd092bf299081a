// SPDX-License-Identifier: Apache-2.0
//
// The levels where just consensus is simulated: in time, and as a walk without time.

#ifndef SVR2_SIMULATOR_RAFT_LEVEL_H_
#define SVR2_SIMULATOR_RAFT_LEVEL_H_

#include "simulator/levels.h"

namespace svr2::simulator {

extern const Level kRaftLevel;
extern const Level kWalkLevel;

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_RAFT_LEVEL_H_
