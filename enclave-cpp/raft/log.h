// SPDX-License-Identifier: Apache-2.0
//
// The replicated log, in memory and bounded in bytes, with a hash chain over its entries. Entries
// live one after another in blocks: appended at the back, given back there when truncated, wiped
// and dropped at the front. An entry costs its payload plus kEntryOverheadBytes; none has a heap
// allocation of its own. Source: protocol.md §4 "Hash chain" and "Log".

#ifndef SVR2_RAFT_LOG_H_
#define SVR2_RAFT_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>

#include "raft/types.h"
#include "util/bytes.h"
#include "util/secret.h"

namespace svr2::raft {

// BLAKE2b-256(key = previous, kind ‖ index u64 ‖ term u64 ‖ payload), integers big-endian. The
// chain's value at index 0 is the group key.
Hash ChainHash(const Hash& previous, EntryKind kind, uint64_t index, uint64_t term,
               util::ByteView payload);

struct LogLimits {
  uint64_t max_bytes = uint64_t{64} << 20;  // log_max_bytes, at least 1,024.
  uint64_t min_entries = 1000;              // log_min_entries
  uint32_t max_age_ticks = 36000;           // log_max_age_ticks, below 2^31.
};

// Copyable (deeply), thread-compatible. Breaking a method's precondition ends the enclave: callers
// check what comes from outside first.
class Log {
 public:
  // Bytes that an entry costs beside its payload: its header in a block and its place in the index.
  static constexpr size_t kEntryOverheadBytes = 56;
  // No payload is larger, whatever max_bytes says.
  static constexpr size_t kMaxPayloadBytes = size_t{1} << 20;

  // An empty log that continues `base`: {0, 0, group key} for a founder, the last position of what
  // was loaded for a joiner.
  Log(const LogLimits& limits, const Position& base);

  // What one entry may carry: kMaxPayloadBytes, or an eighth of max_bytes where that is less, so
  // that a log always holds several entries.
  size_t max_payload_bytes() const;

  // True when a payload of that size fits below max_bytes after dropping what may be dropped for
  // it (applied entries). Changes nothing.
  bool HasRoomFor(size_t payload_bytes) const;

  // Appends at last_index() + 1 and returns the new last position. Drops applied entries from the
  // front where max_bytes needs the room. Appends also when that does not suffice: who must stay
  // below the bound asks HasRoomFor first. A leader does for every proposal and does not for the
  // empty entry of its term, without which a full log could never commit and drain.
  // Needs payload.size() ≤ kMaxPayloadBytes and term ≥ last_term().
  Position Append(EntryKind kind, uint64_t term, util::ByteView payload, uint64_t now_ticks);

  // Removes and wipes the entries from `index` on and gives their bytes back. Needs index >
  // applied_index(). An index past the end changes nothing.
  void TruncateFrom(uint64_t index);

  // Entries up to `index` are applied here, or acknowledged by every member. Neither drops anything
  // by itself and neither goes back. Needs index ≤ last_index().
  void AppliedTo(uint64_t index);
  void AcknowledgedTo(uint64_t index);

  // Drops, from the front, applied entries that every member acknowledged, as long as more than
  // min_entries are left. Returns how many went.
  uint64_t DropAcknowledged();

  // Drops, from the front, applied entries that were appended max_age_ticks or longer ago, so that
  // an idle group does not keep an erased secret. Returns how many went.
  uint64_t DropAged(uint64_t now_ticks);

  // Wipes and drops everything, applied or not, chain values too; the indexes stay. For a replica
  // that stopped for good: nothing may be appended any more.
  void WipeAll();

  // Recomputes the chain from `first` to `last` out of the payloads and compares it with the stored
  // values, so that an entry in a memory page that was rolled back is not applied. What the tree
  // covers is the position before `first` and the one at `last`. True for an empty range. Needs
  // HasEntry for the rest.
  bool ChainHolds(uint64_t first, uint64_t last) const;

  // Position before the first retained entry: what the chain continues.
  const Position& base() const { return base_; }
  uint64_t first_index() const { return base_.index + 1; }
  uint64_t last_index() const { return base_.index + index_.size(); }
  uint64_t last_term() const { return last_.term; }
  const Position& last() const { return last_; }
  uint64_t applied_index() const { return applied_; }
  uint64_t acknowledged_index() const { return acknowledged_; }

  // True for the indexes whose position is known: base to last.
  bool HasPosition(uint64_t index) const { return index >= base_.index && index <= last_index(); }
  // True for the indexes whose entry is retained: first to last.
  bool HasEntry(uint64_t index) const { return index > base_.index && index <= last_index(); }

  // In constant time. Needs HasPosition(index), or HasEntry(index) for At.
  Position PositionAt(uint64_t index) const;
  uint64_t TermAt(uint64_t index) const;
  EntryView At(uint64_t index) const;

  // The highest index up to `index` whose term is at most `term`, or base().index where there is
  // none. Needs HasPosition(index). Takes a number of steps logarithmic in the entries.
  uint64_t LastIndexOfTermAtMost(uint64_t term, uint64_t index) const;

  uint64_t entries() const { return index_.size(); }
  // Payloads and overhead of the retained entries.
  uint64_t bytes() const { return bytes_; }

 private:
  // Entries back to back. `data` never grows beyond the capacity reserved for it, except when
  // copied; a dropped entry leaves zeros.
  struct Block {
    util::SecretBytes data;
  };
  // Where an entry's header stands.
  struct Place {
    uint32_t block;   // Number since the log began, modulo 2^32.
    uint32_t offset;  // In the block.
  };
  struct Header;

  const uint8_t* Record(uint64_t index) const;
  Header HeaderAt(uint64_t index) const;
  Block& BlockForAppend(size_t record_bytes);
  void DropFront();

  LogLimits limits_;
  size_t block_bytes_;
  Position base_;
  Position last_;
  uint64_t applied_;
  uint64_t acknowledged_;
  uint64_t bytes_ = 0;
  uint64_t applied_bytes_ = 0;  // Of bytes_: what could be dropped now.
  uint32_t first_block_ = 0;    // Number of blocks_.front().
  std::deque<Block> blocks_;
  std::deque<Place> index_;  // Of the retained entries, in order.
};

}  // namespace svr2::raft

#endif  // SVR2_RAFT_LOG_H_
