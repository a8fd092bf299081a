// SPDX-License-Identifier: Apache-2.0
//
// Rows on their way to a joining replica. One chunk, integers big-endian (lengths in bytes):
//
//   first (16) ‖ last (16) ‖ rows
//   row = id (16) ‖ size_and_state (1) ‖ tries (1) ‖ pin_verifier (16) ‖ data (size, 16–48)
//
// says: these are *all* rows with ids from `first` to `last`. Chunks cover adjacent ranges, the
// first begins at id 0, the last ends at the greatest id: so the end needs no flag, and nothing can
// be left out or come twice in between. size_and_state holds the data's size and, as its highest
// bit, whether the row is available. A row of 48 bytes of data takes 82 bytes.

#ifndef SVR2_DB_ROW_STREAM_H_
#define SVR2_DB_ROW_STREAM_H_

#include <cstddef>
#include <cstdint>

#include "db/blocks.h"
#include "db/command.h"
#include "util/bytes.h"
#include "util/status.h"

namespace svr2::db {

inline constexpr size_t kRowsHeaderBytes = 2 * kBackupIdBytes;
inline constexpr size_t kRowHeadBytes = kBackupIdBytes + 2 + kPinVerifierBytes;
inline constexpr size_t kMinRowBytes = kRowHeadBytes + kMinDataBytes;
inline constexpr size_t kMaxRowBytes = kRowHeadBytes + kMaxDataBytes;

// Writes a chunk into memory that the caller owns and wipes. Not thread-safe.
class RowsWriter {
 public:
  // `bytes` is at least kRowsHeaderBytes + kMaxRowBytes, so that one row always fits.
  RowsWriter(uint8_t* out, size_t bytes)
      : begin_(out), next_(out + kRowsHeaderBytes), end_(out + bytes) {
    SVR2_CHECK(bytes >= kRowsHeaderBytes + kMaxRowBytes);
  }
  RowsWriter(const RowsWriter&) = delete;
  RowsWriter& operator=(const RowsWriter&) = delete;

  // Appends a row that a database holds, in key order. False, having written nothing, when it does
  // not fit.
  bool Add(const Row& row);
  // Writes the header, last.
  void Finish(Key first, Key last);
  // Bytes of the chunk so far.
  size_t size() const { return static_cast<size_t>(next_ - begin_); }
  size_t capacity() const { return static_cast<size_t>(end_ - begin_); }

 private:
  uint8_t* const begin_;
  uint8_t* next_;
  uint8_t* const end_;
};

// Reads a chunk without copying it as a whole. The chunk outlives the reader. Copyable: a copy
// continues from where the original is.
class RowsReader {
 public:
  // Checks everything that can be known of a chunk that has to begin at id `first`. Fails with
  // ERROR_DB_OUT_OF_ORDER where the range begins elsewhere, ends before it begins, or ids are not
  // strictly ascending inside of it, and with ERROR_DB_IMPOSSIBLE_ROW for a row that no database
  // holds: 0 tries, data outside of its limits (so also unknown bits of the state), bytes missing.
  static Result<RowsReader> Parse(util::ByteView chunk, Key first);

  Key last() const { return last_; }
  // Rows of the whole chunk.
  uint64_t count() const { return count_; }

  // Fills the next row, data padded with zeros. False after the last.
  bool Next(Row* row);

 private:
  RowsReader(util::ByteView rows, Key last) : rest_(rows), last_(last) {}
  Status CheckRows(Key first);

  util::ByteView rest_;
  Key last_;
  uint64_t count_ = 0;
};

}  // namespace svr2::db

#endif  // SVR2_DB_ROW_STREAM_H_
