// SPDX-License-Identifier: Apache-2.0

#include "simulator/levels.h"

#include <algorithm>
#include <cstdio>

namespace svr2::simulator {

void Tally::Add(const Totals& one) {
  for (const auto& [name, value] : one) {
    Line& line = lines_[name];
    line.sum += value;
    line.least = std::min(line.least, value);
    ++line.seeds;
  }
  ++seeds_;
}

std::string Tally::Describe() const {
  std::string text;
  for (const auto& [name, value] : lines_) {
    char line[128];
    std::snprintf(line, sizeof(line), "  %-22s %14llu %12.1f a seed, at least %llu\n", name.c_str(),
                  static_cast<unsigned long long>(value.sum),
                  static_cast<double>(value.sum) / static_cast<double>(seeds_),
                  static_cast<unsigned long long>(value.seeds < seeds_ ? 0 : value.least));
    text += line;
  }
  return text;
}

}  // namespace svr2::simulator
