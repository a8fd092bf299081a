// SPDX-License-Identifier: Apache-2.0

#include "simulator/levels.h"

#include <algorithm>
#include <cstdio>

namespace svr2::simulator {

std::string Describe(const Totals& totals, uint64_t seeds) {
  std::string text;
  for (const auto& [name, value] : totals) {
    char line[128];
    std::snprintf(line, sizeof(line), "  %-22s %14llu %12.1f a seed\n", name.c_str(),
                  static_cast<unsigned long long>(value),
                  static_cast<double>(value) / static_cast<double>(std::max<uint64_t>(seeds, 1)));
    text += line;
  }
  return text;
}

}  // namespace svr2::simulator
