// SPDX-License-Identifier: Apache-2.0
//
// What a run found, and its story. Checkers report to a Verdict; the first violation ends the run.
// The story is only written when somebody wants to read it.

#ifndef SVR2_SIMULATOR_VERDICT_H_
#define SVR2_SIMULATOR_VERDICT_H_

#include <cstdint>
#include <cstdio>
#include <string>

namespace svr2::simulator {

// Thread-compatible.
class Verdict {
 public:
  // With `trace`, events and violations go to standard output as they happen.
  explicit Verdict(bool trace) : trace_(trace) {}

  bool tracing() const { return trace_; }
  // Simulated time, in hundredths of a tick; stands before each line of the story.
  void SetTime(uint64_t units) { time_ = units; }

  void Event(const std::string& text) const {
    if (trace_) std::printf("%s %s\n", Stamp().c_str(), text.c_str());
  }

  // An invariant does not hold. `checker` is its short name, the same in every run that breaks it.
  void Violation(const std::string& checker, const std::string& text) {
    if (failed()) return;
    checker_ = checker;
    text_ = "at tick " + Stamp() + ": " + text;
    if (trace_) std::printf("VIOLATION %s %s\n", checker_.c_str(), text_.c_str());
  }

  bool failed() const { return !checker_.empty(); }
  const std::string& checker() const { return checker_; }
  const std::string& text() const { return text_; }

 private:
  std::string Stamp() const {
    char text[32];
    std::snprintf(text, sizeof(text), "%6llu.%02llu", static_cast<unsigned long long>(time_ / 100),
                  static_cast<unsigned long long>(time_ % 100));
    return text;
  }

  const bool trace_;
  uint64_t time_ = 0;
  std::string checker_;
  std::string text_;
};

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_VERDICT_H_
