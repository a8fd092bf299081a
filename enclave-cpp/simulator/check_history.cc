// SPDX-License-Identifier: Apache-2.0

#include "simulator/check_history.h"

#include <algorithm>
#include <bitset>
#include <cstring>
#include <string>
#include <unordered_set>

namespace svr2::simulator {
namespace {

using Done = std::bitset<kMaxHistoryCalls>;

// One row, or none.
struct Row {
  bool there = false;
  bool exposed = false;
  uint32_t data = 0;
  uint32_t pin = 0;
  uint32_t tries = 0;
};

// Applies a call; false when its answer is not the one that it was given.
bool Apply(const Call& call, Row* row) {
  const bool unknown = call.answer == Answer::kUnknown;
  switch (call.kind) {
    case CallKind::kBackup:
      *row = Row{true, false, call.data, call.pin, call.max_tries};
      return unknown || call.answer == Answer::kOk;
    case CallKind::kExpose: {
      const bool fits = row->there && row->data == call.data;
      if (fits) row->exposed = true;
      return unknown || call.answer == (fits ? Answer::kOk : Answer::kError);
    }
    case CallKind::kRestore: {
      if (!row->there || !row->exposed) return unknown || call.answer == Answer::kMissing;
      if (row->pin == call.pin) {
        return unknown || (call.answer == Answer::kOk && call.answer_data == row->data &&
                           call.answer_tries == row->tries);
      }
      if (--row->tries == 0) {
        *row = Row();
        return unknown || call.answer == Answer::kMissing;
      }
      return unknown || (call.answer == Answer::kMismatch && call.answer_tries == row->tries);
    }
    case CallKind::kDelete:
      *row = Row();
      return unknown || call.answer == Answer::kOk;
    case CallKind::kTries:
      if (unknown) return true;
      if (!row->there) return call.answer == Answer::kMissing;
      return call.answer == Answer::kOk && call.answer_tries == row->tries &&
             call.answer_exposed == row->exposed;
  }
  return false;
}

std::string Key(const Done& done, const Row& row) {
  std::string key(sizeof(done) + 14, '\0');
  std::memcpy(&key[0], &done, sizeof(done));
  char* at = &key[sizeof(done)];
  at[0] = row.there ? 1 : 0;
  at[1] = row.exposed ? 1 : 0;
  std::memcpy(at + 2, &row.data, 4);
  std::memcpy(at + 6, &row.pin, 4);
  std::memcpy(at + 10, &row.tries, 4);
  return key;
}

// Depth first over the calls that may come next: those called before the earliest answer of any
// that is still to come.
class Search {
 public:
  Search(const std::vector<Call>& calls, size_t max_states)
      : calls_(calls), max_states_(max_states) {}

  bool Explains(const Done& done, const Row& row) {
    uint64_t earliest = UINT64_MAX;
    bool all_unknown = true;
    for (size_t i = 0; i < calls_.size(); ++i) {
      if (done[i]) continue;
      earliest = std::min(earliest, calls_[i].answered);
      all_unknown = all_unknown && calls_[i].answer == Answer::kUnknown;
    }
    if (all_unknown) return true;  // They may never take effect.
    if (states_.size() >= max_states_) {
      gave_up_ = true;
      return true;
    }
    if (!states_.insert(Key(done, row)).second) return false;
    furthest_ = std::max(furthest_, done.count());
    for (size_t i = 0; i < calls_.size(); ++i) {
      if (done[i] || calls_[i].called > earliest) continue;
      Row next = row;
      if (!Apply(calls_[i], &next)) continue;
      Done more = done;
      more[i] = true;
      if (Explains(more, next)) return true;
    }
    return false;
  }
  bool gave_up() const { return gave_up_; }
  size_t furthest() const { return furthest_; }

 private:
  const std::vector<Call>& calls_;
  const size_t max_states_;
  std::unordered_set<std::string> states_;
  size_t furthest_ = 0;
  bool gave_up_ = false;
};

std::string Id(uint32_t id) { return "id " + std::to_string(id); }

}  // namespace

std::string Describe(const Call& call) {
  static constexpr const char* kKinds[] = {"backup", "expose", "restore", "delete", "tries"};
  static constexpr const char* kAnswers[] = {"unknown", "ok", "missing", "mismatch", "error"};
  std::string text = "c" + std::to_string(call.client) + " " +
                     kKinds[static_cast<size_t>(call.kind)] + " data " + std::to_string(call.data) +
                     " pin " + std::to_string(call.pin);
  if (call.kind == CallKind::kBackup) text += " max " + std::to_string(call.max_tries);
  text += " @" + std::to_string(call.called) + "–" +
          (call.answered == UINT64_MAX ? "?" : std::to_string(call.answered));
  return text + " → " + kAnswers[static_cast<size_t>(call.answer)] + " data " +
         std::to_string(call.answer_data) + " tries " + std::to_string(call.answer_tries);
}

bool CheckHistory(uint32_t id, const std::vector<Call>& calls, size_t max_states,
                  Verdict* verdict) {
  if (calls.size() > kMaxHistoryCalls) return false;
  std::vector<Call> sorted = calls;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Call& a, const Call& b) { return a.called < b.called; });
  Search search(sorted, max_states);
  if (search.Explains(Done(), Row())) return !search.gave_up();
  std::string text = Id(id) + ": no order of its " + std::to_string(calls.size()) +
                     " calls explains the answers; the first " + std::to_string(search.furthest()) +
                     " can be explained";
  if (verdict->tracing()) {
    for (const Call& call : sorted) text += "\n    " + Describe(call);
  }
  verdict->Violation("linearizable", text);
  return true;
}

void CheckGuesses(uint32_t id, const std::vector<Call>& calls, Verdict* verdict) {
  const auto is_wrong = [](const Call& call) {
    return call.kind == CallKind::kRestore && call.answer == Answer::kMismatch;
  };
  for (const Call& first : calls) {
    if (!is_wrong(first)) continue;
    // All wrong guesses from this one on until the next backup is called; what could have renewed
    // the tries: the backups of known outcome that may be the last before, and every unknown one.
    uint64_t next_backup = UINT64_MAX;
    uint64_t last_ended = 0;
    for (const Call& call : calls) {
      if (call.kind != CallKind::kBackup) continue;
      if (call.called >= first.called) {
        next_backup = std::min(next_backup, call.called);
      } else if (call.answer == Answer::kOk && call.answered < first.called) {
        last_ended = std::max(last_ended, call.called);
      }
    }
    uint64_t allowed = 0;
    for (const Call& call : calls) {
      if (call.kind != CallKind::kBackup || call.called >= next_backup) continue;
      const bool unknown = call.answer == Answer::kUnknown;
      const bool may_be_last = call.answered >= last_ended;
      // The last of the wrong guesses reads MISSING.
      if (unknown || may_be_last) allowed += call.max_tries - 1;
    }
    uint64_t told = 0;
    for (const Call& call : calls) {
      if (is_wrong(call) && call.called >= first.called && call.answered < next_backup) ++told;
    }
    if (told > allowed) {
      verdict->Violation("guesses", Id(id) + ": " + std::to_string(told) +
                                        " wrong PINs were told to be wrong between two backups, " +
                                        std::to_string(allowed) + " were allowed");
      return;
    }
  }
}

void CheckRestored(uint32_t id, const std::vector<Call>& calls, Verdict* verdict) {
  for (const Call& restored : calls) {
    if (restored.kind != CallKind::kRestore || restored.answer != Answer::kOk) continue;
    const bool stored = std::any_of(calls.begin(), calls.end(), [&](const Call& call) {
      return call.kind == CallKind::kBackup && call.data == restored.answer_data &&
             call.pin == restored.pin && call.called < restored.answered;
    });
    if (!stored) {
      verdict->Violation("right PIN only", Id(id) + ": data " +
                                               std::to_string(restored.answer_data) +
                                               " came out to PIN " + std::to_string(restored.pin));
    }
  }
}

}  // namespace svr2::simulator
