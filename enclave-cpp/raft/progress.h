// SPDX-License-Identifier: Apache-2.0
//
// What a leader knows of one other member in its term: how far that member's log is proved equal,
// what it has promised, and how much is on the way to it. A plain value; Raft decides with it.
// Source: protocol.md §4 "Promise, then commit", "Rollback seen"; thesis 10.2.1 (pipelining).

#ifndef SVR2_RAFT_PROGRESS_H_
#define SVR2_RAFT_PROGRESS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "raft/types.h"

namespace svr2::raft {

// Payload and overhead bytes that one AppendRequest holds at most, unless its first entry alone is
// larger.
inline constexpr size_t kMaxAppendBytes = size_t{256} << 10;

// What may be on the way to one member, not yet answered, before new entries and news of promises
// wait. Heartbeats are not counted: they are few.
inline constexpr size_t kMaxInflightBytes = size_t{1} << 20;
inline constexpr size_t kMaxInflightMessages = 32;

// Requests that were sent and not answered. Answers come in the order of the requests, so that an
// answer also tells of those before it.
class InflightWindow {
 public:
  void Add(uint64_t round, size_t bytes) {
    slots_[(first_ + count_) % kMaxInflightMessages] = Slot{round, bytes};
    ++count_;
    bytes_ += bytes;
  }
  void AnsweredTo(uint64_t round) {
    while (count_ > 0 && slots_[first_].round <= round) {
      bytes_ -= slots_[first_].bytes;
      first_ = (first_ + 1) % kMaxInflightMessages;
      --count_;
    }
  }
  void Clear() { first_ = count_ = bytes_ = 0; }
  bool Full() const { return count_ == kMaxInflightMessages || bytes_ >= kMaxInflightBytes; }

 private:
  struct Slot {
    uint64_t round = 0;
    size_t bytes = 0;
  };
  std::array<Slot, kMaxInflightMessages> slots_;
  size_t first_ = 0;
  size_t count_ = 0;
  size_t bytes_ = 0;
};

struct Progress {
  PeerId id{};

  // What it is in the membership in force, and in the one before where both must agree.
  bool member =
      true;  // False: it was removed, and is kept until it has seen its removal committed.
  bool voting = false;
  bool voted_before = false;
  bool rolled_back = false;  // Seen by this replica, now or in an earlier term: never counted.
  uint64_t removed_at = 0;   // Index of the removal, when no member.

  // What decides.
  uint64_t stored = 0;              // Highest index acknowledged as equal to ours in this term.
  uint64_t promised = 0;            // Highest promise acknowledged for such an index.
  uint64_t acknowledged_round = 0;  // The last request sent before either was acknowledged.
  uint64_t sent_round = 0;          // The last request sent.
  uint64_t answered_round = 0;      // The highest answered, or lost with a session.

  // What is sent next.
  uint64_t next = 1;         // Index of the next entry to send.
  bool probing = true;       // Where its log meets ours is not known: one request at a time.
  bool probe_sent = false;   // That request is on the way.
  uint64_t probe_round = 0;  // Refusals of requests up to this one are answered already.
  uint64_t told_promise = 0;
  uint64_t told_commit = 0;
  bool heartbeat_due = false;
  InflightWindow window;

  uint32_t silent_ticks = 0;   // Since its last successful answer, or since this leader began.
  uint32_t unsent_ticks = 0;   // Since a request that wants an answer was sent.
  uint32_t leaving_ticks = 0;  // Since its removal was committed.
};

}  // namespace svr2::raft

#endif  // SVR2_RAFT_PROGRESS_H_
