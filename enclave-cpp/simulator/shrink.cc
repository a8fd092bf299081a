// SPDX-License-Identifier: Apache-2.0

#include "simulator/shrink.h"

#include <algorithm>

namespace svr2::simulator {
namespace {

Plan Without(const Plan& plan, size_t first, size_t count) {
  Plan less = plan;
  const auto begin = less.faults.begin() + static_cast<std::ptrdiff_t>(first);
  less.faults.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
  return less;
}

}  // namespace

Plan Shrink(const Plan& plan, const StillFails& still_fails, size_t max_runs) {
  Plan best = plan;
  size_t runs = 0;
  const auto accept = [&](const Plan& candidate) {
    if (runs >= max_runs) return false;
    ++runs;
    if (!still_fails(candidate)) return false;
    best = candidate;
    return true;
  };
  // Fewer ticks, by halves of what is left to try.
  for (uint32_t step = best.ticks / 2; step > 0; step /= 2) {
    Plan shorter = best;
    shorter.ticks -= std::min(step, shorter.ticks - 1);
    while (!shorter.faults.empty() && shorter.faults.back().at_tick >= shorter.ticks) {
      shorter.faults.pop_back();
    }
    accept(shorter);
  }
  for (size_t size = std::max<size_t>(best.faults.size() / 2, 1);; size /= 2) {
    for (size_t at = best.faults.size(); at > 0;) {
      at = std::min(at, best.faults.size());
      const size_t first = at > size ? at - size : 0;
      accept(Without(best, first, at - first));
      at = first;
    }
    if (size <= 1) break;
  }
  return best;
}

}  // namespace svr2::simulator
