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

// What happened in a seed, by name.
using Totals = std::map<std::string, uint64_t>;

struct Level {
  const char* name;
  Plan (*plan)(uint64_t seed);
  Totals (*run)(const Plan& plan, Verdict* verdict);
  size_t shrink_runs;  // At most, to make a failure small.
};

// nullptr when there is none of that name.
const Level* FindLevel(const std::string& name);

// Of many seeds: the sum of each, and the least that a seed had.
class Tally {
 public:
  void Add(const Totals& one);
  // One line a name: the sum, the mean of a seed, the least of a seed.
  std::string Describe() const;

 private:
  struct Line {
    uint64_t sum = 0;
    uint64_t least = UINT64_MAX;  // Of the seeds that name it; the others had none.
    uint64_t seeds = 0;
  };
  uint64_t seeds_ = 0;
  std::map<std::string, Line> lines_;
};

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_LEVELS_H_
