// SPDX-License-Identifier: Apache-2.0
//
// The nouns of consensus: who a replica is, what a log entry is, and where in the log something
// stands. Source: protocol.md §4 and §5.

#ifndef SVR2_RAFT_TYPES_H_
#define SVR2_RAFT_TYPES_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "util/bytes.h"
#include "util/secret.h"

namespace svr2::raft {

// A replica's X25519 public key, new at each start (protocol.md §5).
using PeerId = std::array<uint8_t, 32>;

// A value of the hash chain over the log. Never leaves the enclave in clear: with two consecutive
// values anyone could test PINs offline.
using Hash = std::array<uint8_t, 32>;

// What an entry means. The value is a byte of the hash chain's input: never renumbered.
enum class EntryKind : uint8_t {
  kNothing = 0,     // Appended by each new leader; applies as nothing. Empty payload.
  kData = 1,        // Commands for the database.
  kMembership = 2,  // The whole new membership (raft/membership.h).
  kMinimums = 3,    // The whole new minimums (minimums/minimums.h).
};

// Where something stands in the log, and what the whole log up to there was. Two positions that are
// equal in all three name the same history.
struct Position {
  uint64_t index = 0;
  uint64_t term = 0;
  Hash hash{};
};

// Constant time in the hash.
inline bool operator==(const Position& a, const Position& b) {
  return a.index == b.index && a.term == b.term && util::ConstantTimeEqual(a.hash, b.hash);
}
inline bool operator!=(const Position& a, const Position& b) { return !(a == b); }

// An entry that owns its payload, as messages carry it.
struct Entry {
  uint64_t index = 0;
  uint64_t term = 0;
  EntryKind kind = EntryKind::kNothing;
  Hash hash{};
  util::SecretBytes payload;
};

// An entry inside a Log: payload borrowed until the next call on that Log (or on the Raft that owns
// it) that is not const.
struct EntryView {
  uint64_t index = 0;
  uint64_t term = 0;
  EntryKind kind = EntryKind::kNothing;
  Hash hash{};
  util::ByteView payload;

  Position position() const { return Position{index, term, hash}; }
};

enum class Role : uint8_t {
  kFollower = 1,
  kPreCandidate = 2,  // Asks whether an election would succeed; keeps its term.
  kCandidate = 3,
  kLeader = 4,
};

}  // namespace svr2::raft

#endif  // SVR2_RAFT_TYPES_H_
