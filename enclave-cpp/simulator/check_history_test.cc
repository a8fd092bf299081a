// SPDX-License-Identifier: Apache-2.0
//
// The checkers find what they are for: histories that no order explains, guesses too many, secrets
// given to the wrong PIN.

#include "simulator/check_history.h"

#include <gtest/gtest.h>

namespace svr2::simulator {
namespace {

constexpr size_t kManyStates = 100'000;

class Story {
 public:
  Call& Add(CallKind kind, uint64_t called, uint64_t answered, Answer answer) {
    Call call;
    call.kind = kind;
    call.called = called;
    call.answered = answered;
    call.answer = answer;
    calls_.push_back(call);
    return calls_.back();
  }
  void Backup(uint64_t called, uint64_t answered, uint32_t data, uint32_t pin, uint32_t max,
              Answer answer = Answer::kOk) {
    Call& call = Add(CallKind::kBackup, called, answered, answer);
    call.data = data;
    call.pin = pin;
    call.max_tries = max;
  }
  void Expose(uint64_t called, uint64_t answered, uint32_t data, Answer answer = Answer::kOk) {
    Add(CallKind::kExpose, called, answered, answer).data = data;
  }
  void Restore(uint64_t called, uint64_t answered, uint32_t pin, Answer answer, uint32_t tries = 0,
               uint32_t data = 0) {
    Call& call = Add(CallKind::kRestore, called, answered, answer);
    call.pin = pin;
    call.answer_tries = tries;
    call.answer_data = data;
  }
  // The checker that fails, or nothing.
  std::string Verdict() const {
    simulator::Verdict verdict(false);
    CheckRestored(1, calls_, &verdict);
    CheckGuesses(1, calls_, &verdict);
    EXPECT_TRUE(CheckHistory(1, calls_, kManyStates, &verdict));
    return verdict.checker();
  }

 private:
  std::vector<Call> calls_;
};

TEST(CheckHistory, ExplainsAPlainLife) {
  Story story;
  story.Backup(1, 2, 7, 1, 3);
  story.Expose(3, 4, 7);
  story.Restore(5, 6, 2, Answer::kMismatch, 2);
  story.Restore(7, 8, 1, Answer::kOk, 2, 7);
  story.Restore(9, 10, 2, Answer::kMismatch, 1);
  story.Restore(11, 12, 2, Answer::kMissing);
  story.Restore(13, 14, 1, Answer::kMissing);
  EXPECT_EQ(story.Verdict(), "");
}

TEST(CheckHistory, OverlappingCallsMayTakeEitherOrder) {
  Story story;
  story.Backup(1, 2, 7, 1, 3);
  story.Expose(3, 6, 7);
  story.Restore(4, 5, 1, Answer::kMissing);
  EXPECT_EQ(story.Verdict(), "");
}

TEST(CheckHistory, ALostWriteIsFound) {
  Story story;
  story.Backup(1, 2, 7, 1, 3);
  story.Expose(3, 4, 7);
  story.Restore(5, 6, 1, Answer::kMissing);
  EXPECT_EQ(story.Verdict(), "linearizable");
}

TEST(CheckHistory, AForgottenGuessIsFound) {
  Story story;
  story.Backup(1, 2, 7, 1, 3);
  story.Expose(3, 4, 7);
  story.Restore(5, 6, 2, Answer::kMismatch, 2);
  story.Restore(7, 8, 2, Answer::kMismatch, 2);
  EXPECT_EQ(story.Verdict(), "linearizable");
}

TEST(CheckHistory, UnknownCallsMayHaveHappenedLateOrNever) {
  Story story;
  story.Backup(1, 2, 7, 1, 3);
  story.Expose(3, 4, 7);
  story.Restore(5, UINT64_MAX, 2, Answer::kUnknown);
  story.Restore(7, 8, 2, Answer::kMismatch, 2);
  story.Restore(9, 10, 1, Answer::kOk, 1, 7);  // Counted in between.
  EXPECT_EQ(story.Verdict(), "");
}

TEST(CheckHistory, TooManyGuessesAreCounted) {
  Story story;
  story.Backup(1, 2, 7, 1, 2);
  story.Expose(3, 4, 7);
  for (uint64_t i = 0; i < 3; ++i) story.Restore(5 + 2 * i, 6 + 2 * i, 2, Answer::kMismatch, 1);
  EXPECT_EQ(story.Verdict(), "guesses");
}

TEST(CheckHistory, ASecretForAnotherPinIsFound) {
  Story story;
  story.Backup(1, 2, 7, 1, 2);
  story.Expose(3, 4, 7);
  story.Restore(5, 6, 2, Answer::kOk, 2, 7);
  EXPECT_EQ(story.Verdict(), "right PIN only");
}

}  // namespace
}  // namespace svr2::simulator
