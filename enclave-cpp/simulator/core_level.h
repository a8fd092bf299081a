// SPDX-License-Identifier: Apache-2.0
//
// The level where whole cores are simulated.

#ifndef SVR2_SIMULATOR_CORE_LEVEL_H_
#define SVR2_SIMULATOR_CORE_LEVEL_H_

#include "simulator/levels.h"

namespace svr2::simulator {

extern const Level kCoreLevel;

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_CORE_LEVEL_H_
