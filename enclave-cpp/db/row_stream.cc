// SPDX-License-Identifier: Apache-2.0
//
// Rows to bytes and strictly back.

#include "db/row_stream.h"

#include <cstring>

namespace svr2::db {

namespace {

// Places in a row.
constexpr size_t kStateAt = kBackupIdBytes;
constexpr size_t kTriesAt = kStateAt + 1;
constexpr size_t kVerifierAt = kTriesAt + 1;
constexpr size_t kDataAt = kVerifierAt + kPinVerifierBytes;
static_assert(kDataAt == kRowHeadBytes);

size_t DataSize(uint8_t size_and_state) {
  return static_cast<uint8_t>(size_and_state & ~RowBody::kAvailable);
}

// Bytes of the row at the front of `rest`; 0 when no database holds such a row.
size_t PossibleRowBytes(util::ByteView rest) {
  if (rest.size() < kMinRowBytes) return 0;
  const size_t data_bytes = DataSize(rest.data()[kStateAt]);
  const bool possible = data_bytes >= kMinDataBytes && data_bytes <= kMaxDataBytes &&
                        rest.size() >= kRowHeadBytes + data_bytes &&
                        rest.data()[kTriesAt] >= kMinTries;
  return possible ? kRowHeadBytes + data_bytes : 0;
}

}  // namespace

bool RowsWriter::Add(const Row& row) {
  const size_t data_bytes = row.body.data_size();
  // A verified row: its size was checked before it came into the database.
  SVR2_CHECK(data_bytes <= kMaxDataBytes);
  if (static_cast<size_t>(end_ - next_) < kRowHeadBytes + data_bytes) return false;
  StoreKey(row.key(), next_);
  next_[kStateAt] = row.body.size_and_state;
  next_[kTriesAt] = row.body.tries;
  std::memcpy(next_ + kVerifierAt, row.body.verifier, kPinVerifierBytes);
  std::memcpy(next_ + kDataAt, row.body.data, data_bytes);
  next_ += kRowHeadBytes + data_bytes;
  return true;
}

void RowsWriter::Finish(Key first, Key last) {
  StoreKey(first, begin_);
  StoreKey(last, begin_ + kBackupIdBytes);
}

Result<RowsReader> RowsReader::Parse(util::ByteView chunk, Key first) {
  if (chunk.size() < kRowsHeaderBytes) return proto::ERROR_DB_IMPOSSIBLE_ROW;
  const Key last = LoadKey(chunk.data() + kBackupIdBytes);
  if (LoadKey(chunk.data()) != first || last < first) return proto::ERROR_DB_OUT_OF_ORDER;
  RowsReader reader(chunk.From(kRowsHeaderBytes), last);
  SVR2_RETURN_IF_ERROR(reader.CheckRows(first));
  return reader;
}

Status RowsReader::CheckRows(Key first) {
  Key lowest = first;  // That the next row may have.
  bool room = true;    // For another row: the range's last id is not taken.
  for (util::ByteView rest = rest_; !rest.empty(); ++count_) {
    const size_t bytes = PossibleRowBytes(rest);
    if (bytes == 0) return proto::ERROR_DB_IMPOSSIBLE_ROW;
    const Key key = LoadKey(rest.data());
    if (!room || key < lowest || key > last_) return proto::ERROR_DB_OUT_OF_ORDER;
    room = key < last_;
    lowest = key + 1;  // Without meaning when there is no room.
    rest = rest.From(bytes);
  }
  return Status::Ok();
}

bool RowsReader::Next(Row* row) {
  if (rest_.empty()) return false;
  const size_t bytes = PossibleRowBytes(rest_);
  // Parse has accepted every row; the check guards against memory that changed since.
  SVR2_CHECK(bytes != 0);
  const uint8_t* in = rest_.data();
  const size_t data_bytes = bytes - kRowHeadBytes;
  row->set_key(LoadKey(in));
  std::memcpy(row->body.verifier, in + kVerifierAt, kPinVerifierBytes);
  std::memcpy(row->body.data, in + kDataAt, data_bytes);
  std::memset(row->body.data + data_bytes, 0, kMaxDataBytes - data_bytes);
  row->body.tries = in[kTriesAt];
  row->body.size_and_state = in[kStateAt];
  rest_ = rest_.From(bytes);
  return true;
}

}  // namespace svr2::db
