// SPDX-License-Identifier: Apache-2.0
//
// Runs seeds, and makes the first that fails small:
//
//   simulate [--level=core|raft|walk] [--first-seed=N] [--seeds=N] [--trace] [--keep=1,2,5]
//   [--ticks=N]
//            [--calm=N] [--must-fail] [--keep-going]
//
// --keep names the faults of the plan that are kept, by their number in the list; --ticks cuts the
// plan: together they are what a failure prints for its shrunk form. --calm puts so many ticks
// without a fault into the middle of the plan: memories that come back then are old, logs have
// rolled on, evidence has been made anew. --must-fail turns the result around, for planted bugs: it
// ends well with the first seed that fails. --keep-going runs all seeds, names each that fails and
// shrinks none.

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "simulator/levels.h"
#include "simulator/plan.h"
#include "simulator/shrink.h"
#include "simulator/verdict.h"

namespace svr2::simulator {
namespace {

struct Arguments {
  std::string program;
  std::string level = "core";
  uint64_t first_seed = 1;
  uint64_t seeds = 1;
  bool trace = false;
  bool must_fail = false;
  bool keep_going = false;
  bool keep_given = false;
  std::vector<size_t> keep;
  uint32_t ticks = 0;
  uint32_t calm_ticks = 0;
};

bool Value(const char* argument, const char* name, std::string* value) {
  const size_t size = std::strlen(name);
  if (std::strncmp(argument, name, size) != 0 || argument[size] != '=') return false;
  *value = argument + size + 1;
  return true;
}

bool Parse(int count, char** arguments, Arguments* parsed) {
  parsed->program = arguments[0];
  for (int i = 1; i < count; ++i) {
    std::string value;
    if (Value(arguments[i], "--level", &value)) {
      parsed->level = value;
    } else if (Value(arguments[i], "--first-seed", &value)) {
      parsed->first_seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (Value(arguments[i], "--seeds", &value)) {
      parsed->seeds = std::strtoull(value.c_str(), nullptr, 10);
    } else if (Value(arguments[i], "--ticks", &value)) {
      parsed->ticks = static_cast<uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
    } else if (Value(arguments[i], "--calm", &value)) {
      parsed->calm_ticks = static_cast<uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
    } else if (Value(arguments[i], "--keep", &value)) {
      parsed->keep_given = true;
      for (const char* at = value.c_str(); *at != '\0';) {
        char* end = nullptr;
        parsed->keep.push_back(std::strtoul(at, &end, 10));
        at = *end == ',' ? end + 1 : end;
      }
    } else if (std::strcmp(arguments[i], "--trace") == 0) {
      parsed->trace = true;
    } else if (std::strcmp(arguments[i], "--must-fail") == 0) {
      parsed->must_fail = true;
    } else if (std::strcmp(arguments[i], "--keep-going") == 0) {
      parsed->keep_going = true;
    } else {
      std::fprintf(stderr, "simulate: unknown argument %s\n", arguments[i]);
      return false;
    }
  }
  return true;
}

bool SameFault(const Fault& a, const Fault& b) {
  return a.at_tick == b.at_tick && a.random == b.random;
}

std::string CommandOf(const Arguments& arguments, const Level& level, const Plan& plan) {
  std::string command =
      arguments.program + " --level=" + level.name + " --first-seed=" + std::to_string(plan.seed);
  if (arguments.calm_ticks > 0) command += " --calm=" + std::to_string(arguments.calm_ticks);
  return command;
}

// How to run a shrunk plan again, with its story.
std::string CommandOf(const Arguments& arguments, const Level& level, const Plan& full,
                      const Plan& shrunk) {
  std::string keep;
  for (size_t i = 0, j = 0; i < full.faults.size() && j < shrunk.faults.size(); ++i) {
    if (!SameFault(full.faults[i], shrunk.faults[j])) continue;
    keep += (j++ > 0 ? "," : "") + std::to_string(i);
  }
  return CommandOf(arguments, level, full) + " --ticks=" + std::to_string(shrunk.ticks) +
         " --keep=" + keep + " --trace";
}

void ReportFailure(const Arguments& arguments, const Level& level, const Plan& plan,
                   const Verdict& verdict) {
  std::printf("FAILED seed %llu: %s: %s\n", static_cast<unsigned long long>(plan.seed),
              verdict.checker().c_str(), verdict.text().c_str());
  std::printf("  replay: %s --trace\n", CommandOf(arguments, level, plan).c_str());
  const Plan shrunk = Shrink(
      plan,
      [&](const Plan& candidate) {
        Verdict again(false);
        level.run(candidate, &again);
        return again.checker() == verdict.checker();
      },
      level.shrink_runs);
  std::printf("  shrunk to %zu of %zu faults, %u of %u ticks:\n  %s\n", shrunk.faults.size(),
              plan.faults.size(), shrunk.ticks, plan.ticks,
              CommandOf(arguments, level, plan, shrunk).c_str());
  for (const Fault& fault : shrunk.faults) {
    std::printf("    tick %u: %s\n", fault.at_tick, Describe(fault).c_str());
  }
}

Plan PlanOf(const Level& level, const Arguments& arguments, uint64_t seed) {
  Plan plan = level.plan(seed);
  InsertCalm(arguments.calm_ticks, &plan);
  if (arguments.keep_given) {
    std::vector<Fault> kept;
    for (const size_t at : arguments.keep) {
      if (at < plan.faults.size()) kept.push_back(plan.faults[at]);
    }
    plan.faults = kept;
  }
  if (arguments.ticks > 0) plan.ticks = arguments.ticks;
  return plan;
}

// An abort is a failure like any other, but leaves nothing to shrink with.
volatile unsigned long long running_seed = 0;
extern "C" void OnAbort(int) {
  char line[64];
  const int size = std::snprintf(line, sizeof(line), "FAILED seed %llu: abort\n", running_seed);
  (void)!write(STDOUT_FILENO, line, static_cast<size_t>(size));
  _exit(3);
}

// A level is one test for whoever adds up tests.
void PrintResult(const Level& level, const Arguments& arguments, uint64_t failed) {
  const unsigned long long seeds = arguments.seeds;
  if (failed == 0) {
    std::printf("[  PASSED  ] 1 test. (simulator, level %s, %llu seeds)\n", level.name, seeds);
  } else {
    std::printf("[  FAILED  ] 1 test, listed below:\n[  FAILED  ] simulator, level %s\n",
                level.name);
  }
}

int Run(const Arguments& arguments) {
  const Level* const level = FindLevel(arguments.level);
  if (level == nullptr) {
    std::fprintf(stderr, "simulate: no level %s\n", arguments.level.c_str());
    return 2;
  }
  const bool shrinks =
      !arguments.keep_given && arguments.ticks == 0 && !arguments.trace && !arguments.keep_going;
  const std::clock_t begin = std::clock();
  Tally tally;
  uint64_t failed = 0;
  for (uint64_t i = 0; i < arguments.seeds && (failed == 0 || arguments.keep_going); ++i) {
    const Plan plan = PlanOf(*level, arguments, arguments.first_seed + i);
    Verdict verdict(arguments.trace);
    running_seed = plan.seed;
    tally.Add(level->run(plan, &verdict));
    if (!verdict.failed()) continue;
    ++failed;
    if (arguments.must_fail) {
      std::printf("found with seed %llu (%s)\n", static_cast<unsigned long long>(plan.seed),
                  verdict.checker().c_str());
      return 0;
    }
    if (shrinks) {
      ReportFailure(arguments, *level, plan, verdict);
    } else {
      std::printf("FAILED seed %llu: %s: %s\n", static_cast<unsigned long long>(plan.seed),
                  verdict.checker().c_str(), verdict.text().c_str());
    }
  }
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  if (failed == 0 || arguments.keep_going) {
    std::printf("%s level: %llu of %llu seeds passed, first %llu; %.1f ms of CPU time a seed\n%s",
                level->name, static_cast<unsigned long long>(arguments.seeds - failed),
                static_cast<unsigned long long>(arguments.seeds),
                static_cast<unsigned long long>(arguments.first_seed),
                1000 * seconds / static_cast<double>(arguments.seeds), tally.Describe().c_str());
  }
  if (arguments.must_fail) return 1;
  PrintResult(*level, arguments, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace svr2::simulator

int main(int count, char** arguments) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  for (const int number : {SIGABRT, SIGILL, SIGTRAP, SIGSEGV}) {
    std::signal(number, svr2::simulator::OnAbort);
  }
  svr2::simulator::Arguments parsed;
  if (!svr2::simulator::Parse(count, arguments, &parsed)) return 2;
  return svr2::simulator::Run(parsed);
}
