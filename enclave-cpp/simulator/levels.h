// SPDX-License-Identifier: Apache-2.0
//
// The levels at which a seed can be run, behind one shape for the program that runs them.

#ifndef SVR2_SIMULATOR_LEVELS_H_
#define SVR2_SIMULATOR_LEVELS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "simulator/plan.h"
#include "simulator/verdict.h"

namespace svr2::simulator {

// What happened, by name; added up over seeds.
using Totals = std::map<std::string, uint64_t>;

struct Level {
  const char* name;
  Plan (*plan)(uint64_t seed);
  Totals (*run)(const Plan& plan, Verdict* verdict);
  size_t shrink_runs;  // At most, to make a failure small.
};

// nullptr when there is none of that name.
const Level* FindLevel(const std::string& name);

inline void Add(const Totals& one, Totals* totals) {
  for (const auto& [name, value] : one) (*totals)[name] += value;
}

// One line a name: the sum, and the mean of a seed.
std::string Describe(const Totals& totals, uint64_t seeds);

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_LEVELS_H_
