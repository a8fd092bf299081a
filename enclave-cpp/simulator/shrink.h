// SPDX-License-Identifier: Apache-2.0
//
// Makes a failing plan small: cuts it off behind the failure, then takes out faults, halves of the
// list first and single ones last, as long as the same checker still fails.

#ifndef SVR2_SIMULATOR_SHRINK_H_
#define SVR2_SIMULATOR_SHRINK_H_

#include <cstddef>
#include <functional>

#include "simulator/plan.h"

namespace svr2::simulator {

// Runs a plan; true when it fails as the original did.
using StillFails = std::function<bool(const Plan&)>;

// The smallest plan found with at most `max_runs` runs. `plan` itself must fail.
Plan Shrink(const Plan& plan, const StillFails& still_fails, size_t max_runs);

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_SHRINK_H_
