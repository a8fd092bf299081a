// SPDX-License-Identifier: Apache-2.0
//
// A stream of state to a replica that joins, seen from its source: rows in key order, read and
// verified in the state of the moment, and between them the entries that were applied meanwhile,
// copied when they were applied. So it does not matter how fast the source's log drops entries, and
// the joiner never receives the stored log. Pushes are numbered and acknowledged; few are under way
// at a time, which bounds the memory on both sides. Source: protocol.md §5 "Joining".

#ifndef SVR2_CORE_STATE_STREAM_H_
#define SVR2_CORE_STATE_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "db/database.h"
#include "raft/types.h"
#include "svr2/peer_message.pb.h"
#include "util/secret.h"

namespace svr2::core {

// Joiners that one source serves at a time.
inline constexpr size_t kMaxStateStreams = 4;
// Pushes under way to one joiner.
inline constexpr uint32_t kMaxPushesInFlight = 4;
// Rows in one push, in bytes: what is read under the lock in one go.
inline constexpr size_t kMaxPushRowsBytes = size_t{64} << 10;
// Entries that wait for the next push. Beyond, the joiner is too slow: its stream ends.
inline constexpr size_t kMaxStreamEntriesBytes = size_t{16} << 20;
// Entries in one push, unless a single one is larger: what one message carries besides the rows.
inline constexpr size_t kMaxPushEntriesBytes = size_t{1} << 20;

// One push, to be sent without the lock.
struct StreamPush {
  proto::StatePush head;
  util::SecretBytes attachment;
};

struct StateStream {
  raft::PeerId joiner{};
  db::RowCursor cursor;
  bool rows_done_sent = false;
  uint64_t next_sequence = 1;
  uint32_t in_flight = 0;
  // Entries applied and not yet pushed, encoded (raft/message_codec.h), a piece a push.
  std::vector<util::SecretBytes> entries;
  size_t entries_bytes = 0;
  // The joiner fell behind kMaxStreamEntriesBytes.
  bool overrun = false;
};

}  // namespace svr2::core

#endif  // SVR2_CORE_STATE_STREAM_H_
