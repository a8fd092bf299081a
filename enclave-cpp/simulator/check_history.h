// SPDX-License-Identifier: Apache-2.0
//
// What clients saw of one backup id, and whether some order of the operations explains it: each
// takes effect once, between its call and its answer, and the answers are those of a single small
// machine (protocol.md §2). Operations whose outcome is unknown may take effect at any time after
// their call, or never; those that were told "not applied" are not in the history at all.
// Source: design.md §7 invariants 3 and 7. Search: Wing and Gong 1993, with Lowe's memory of the
// states seen (2017).

#ifndef SVR2_SIMULATOR_CHECK_HISTORY_H_
#define SVR2_SIMULATOR_CHECK_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "simulator/verdict.h"

namespace svr2::simulator {

enum class CallKind : uint8_t { kBackup, kExpose, kRestore, kDelete, kTries };

// Answers as a client reads them.
enum class Answer : uint8_t { kUnknown, kOk, kMissing, kMismatch, kError };

// Data and PINs are numbers here; equal ones mean equal bytes.
struct Call {
  CallKind kind = CallKind::kTries;
  uint32_t data = 0;       // Of a backup or expose.
  uint32_t pin = 0;        // Of a backup or restore.
  uint32_t max_tries = 0;  // Of a backup.
  uint64_t called = 0;     // When.
  uint64_t answered = UINT64_MAX;
  Answer answer = Answer::kUnknown;
  uint32_t answer_data = 0;  // Of a restore that was answered OK.
  uint32_t answer_tries = 0;
  bool answer_exposed = false;
  uint32_t client = 0;
};
std::string Describe(const Call& call);

// Most calls that are checked of one id: clients stop calling before.
inline constexpr size_t kMaxHistoryCalls = 256;

// Checks that an order exists. Calls in any order. `id` is only for the report. A search that takes
// more than `max_states` states counts as passed and returns false.
bool CheckHistory(uint32_t id, const std::vector<Call>& calls, size_t max_states, Verdict* verdict);

// Counts instead of searching: between two backups at most max_tries wrong PINs get an answer that
// tells they were wrong, the last of which reads MISSING (design.md §7 invariant 1). Each backup of
// unknown outcome may have renewed the tries once.
void CheckGuesses(uint32_t id, const std::vector<Call>& calls, Verdict* verdict);

// A secret only ever comes out to a call that presented the PIN that it was stored under (design.md
// §7 invariant 2).
void CheckRestored(uint32_t id, const std::vector<Call>& calls, Verdict* verdict);

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_CHECK_HISTORY_H_
