// SPDX-License-Identifier: Apache-2.0
//
// The log's blocks. An entry's record is a packed header (hash, term, tick, kind and size: 48
// bytes) followed by its payload; the index of places makes access by index constant.

#include "raft/log.h"

#include <algorithm>
#include <cstring>

#include "crypto/hash.h"
#include "util/check.h"
#include "util/endian.h"

namespace svr2::raft {
namespace {

constexpr size_t kHeaderBytes = 48;
constexpr size_t kMinBlockBytes = 1024;
constexpr size_t kMaxBlockBytes = 65536;
constexpr uint32_t kSizeBits = 24;
static_assert(Log::kMaxPayloadBytes < (size_t{1} << kSizeBits));

}  // namespace

struct Log::Header {
  Hash hash;
  uint64_t term;
  uint32_t tick;  // Of the append, modulo 2^32.
  EntryKind kind;
  uint32_t payload_bytes;

  size_t record_bytes() const { return kHeaderBytes + payload_bytes; }
  uint64_t charge() const { return kEntryOverheadBytes + payload_bytes; }
};

Hash ChainHash(const Hash& previous, EntryKind kind, uint64_t index, uint64_t term,
               util::ByteView payload) {
  std::array<uint8_t, 17> head;
  head[0] = static_cast<uint8_t>(kind);
  util::StoreBigEndian64(head.data() + 1, index);
  util::StoreBigEndian64(head.data() + 9, term);
  crypto::Blake2bHasher hasher(previous, std::tuple_size<Hash>::value);
  hasher.Update(head);
  hasher.Update(payload);
  Hash out;
  hasher.Final(out.data());
  return out;
}

Log::Log(const LogLimits& limits, const Position& base)
    : limits_(limits),
      // Small enough that what is dropped in a block's front is a small part of the bound.
      block_bytes_(static_cast<size_t>(
          std::clamp<uint64_t>(limits.max_bytes / 64, kMinBlockBytes, kMaxBlockBytes))),
      base_(base),
      last_(base),
      applied_(base.index),
      acknowledged_(base.index) {
  static_assert(kEntryOverheadBytes == kHeaderBytes + sizeof(Place));
}

size_t Log::max_payload_bytes() const {
  return static_cast<size_t>(std::min<uint64_t>(kMaxPayloadBytes, limits_.max_bytes / 8));
}

bool Log::HasRoomFor(size_t payload_bytes) const {
  const uint64_t needed = kEntryOverheadBytes + payload_bytes;
  return needed <= limits_.max_bytes && bytes_ - applied_bytes_ <= limits_.max_bytes - needed;
}

Position Log::Append(EntryKind kind, uint64_t term, util::ByteView payload, uint64_t now_ticks) {
  SVR2_CHECK(payload.size() <= kMaxPayloadBytes);
  SVR2_CHECK(term >= last_.term);
  const Hash hash = ChainHash(last_.hash, kind, last_.index + 1, term, payload);
  const uint64_t charge = kEntryOverheadBytes + payload.size();
  while (bytes_ + charge > limits_.max_bytes && first_index() <= applied_) DropFront();

  const size_t record_bytes = kHeaderBytes + payload.size();
  Block& block = BlockForAppend(record_bytes);
  const Place place{first_block_ + static_cast<uint32_t>(blocks_.size() - 1),
                    static_cast<uint32_t>(block.data.size())};
  std::array<uint8_t, kHeaderBytes> header;
  std::memcpy(header.data(), hash.data(), hash.size());
  util::StoreLittleEndian64(header.data() + 32, term);
  util::StoreLittleEndian32(header.data() + 40, static_cast<uint32_t>(now_ticks));
  util::StoreLittleEndian32(header.data() + 44, (static_cast<uint32_t>(kind) << kSizeBits) |
                                                    static_cast<uint32_t>(payload.size()));
  block.data.insert(block.data.end(), header.begin(), header.end());
  block.data.insert(block.data.end(), payload.begin(), payload.end());
  index_.push_back(place);
  bytes_ += charge;
  last_ = Position{last_.index + 1, term, hash};
  return last_;
}

void Log::TruncateFrom(uint64_t index) {
  SVR2_CHECK(index > applied_);
  if (index > last_index()) return;
  while (last_index() >= index) {
    const Header header = HeaderAt(last_index());
    const Place place = index_.back();
    util::SecretBytes& data = blocks_.back().data;
    util::Wipe(data.data() + place.offset, header.record_bytes());
    data.resize(place.offset);
    bytes_ -= header.charge();
    index_.pop_back();
    if (place.offset == 0) blocks_.pop_back();
  }
  // What is left of the last block was dropped earlier.
  if (index_.empty() && !blocks_.empty()) {
    blocks_.pop_back();
    ++first_block_;
  }
  acknowledged_ = std::min(acknowledged_, last_index());
  last_ = PositionAt(last_index());
}

void Log::AppliedTo(uint64_t index) {
  SVR2_CHECK(index >= applied_ && index <= last_index());
  while (applied_ < index) applied_bytes_ += HeaderAt(++applied_).charge();
}

void Log::AcknowledgedTo(uint64_t index) {
  SVR2_CHECK(index >= acknowledged_ && index <= last_index());
  acknowledged_ = index;
}

uint64_t Log::DropAcknowledged() {
  const uint64_t before = base_.index;
  const uint64_t limit = std::min(applied_, acknowledged_);
  while (entries() > limits_.min_entries && first_index() <= limit) DropFront();
  return base_.index - before;
}

uint64_t Log::DropAged(uint64_t now_ticks) {
  const uint64_t before = base_.index;
  // Modulo 2^32: right as long as no entry waits that long to be applied, which at ten ticks a
  // second is thirteen years.
  while (first_index() <= applied_ &&
         static_cast<uint32_t>(now_ticks) - HeaderAt(first_index()).tick >= limits_.max_age_ticks) {
    DropFront();
  }
  return base_.index - before;
}

void Log::WipeAll() {
  blocks_.clear();  // Each block wipes itself.
  base_ = last_ = Position{last_index(), last_.term, Hash{}};
  index_.clear();
  bytes_ = 0;
  applied_bytes_ = 0;
}

bool Log::ChainHolds(uint64_t first, uint64_t last) const {
  if (first > last) return true;
  Hash hash = PositionAt(first - 1).hash;
  for (uint64_t i = first; i <= last; ++i) {
    const EntryView entry = At(i);
    hash = ChainHash(hash, entry.kind, i, entry.term, entry.payload);
    if (!util::ConstantTimeEqual(hash, entry.hash)) return false;
  }
  return true;
}

Position Log::PositionAt(uint64_t index) const {
  SVR2_CHECK(HasPosition(index));
  if (index == base_.index) return base_;
  const Header header = HeaderAt(index);
  return Position{index, header.term, header.hash};
}

uint64_t Log::TermAt(uint64_t index) const { return PositionAt(index).term; }

uint64_t Log::LastIndexOfTermAtMost(uint64_t term, uint64_t index) const {
  SVR2_CHECK(HasPosition(index));
  // Terms never fall along the log.
  uint64_t low = base_.index;
  uint64_t high = index;
  while (low < high) {
    const uint64_t middle = high - (high - low) / 2;
    if (TermAt(middle) <= term) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

EntryView Log::At(uint64_t index) const {
  SVR2_CHECK(HasEntry(index));
  const Header header = HeaderAt(index);
  return EntryView{index, header.term, header.kind, header.hash,
                   util::ByteView(Record(index) + kHeaderBytes, header.payload_bytes)};
}

const uint8_t* Log::Record(uint64_t index) const {
  const Place place = index_[static_cast<size_t>(index - first_index())];
  // Modulo 2^32, as the numbers are.
  return blocks_[static_cast<uint32_t>(place.block - first_block_)].data.data() + place.offset;
}

Log::Header Log::HeaderAt(uint64_t index) const {
  const uint8_t* record = Record(index);
  Header header;
  std::memcpy(header.hash.data(), record, header.hash.size());
  header.term = util::LoadLittleEndian64(record + 32);
  header.tick = util::LoadLittleEndian32(record + 40);
  const uint32_t kind_and_size = util::LoadLittleEndian32(record + 44);
  header.kind = static_cast<EntryKind>(kind_and_size >> kSizeBits);
  header.payload_bytes = kind_and_size & ((uint32_t{1} << kSizeBits) - 1);
  return header;
}

Log::Block& Log::BlockForAppend(size_t record_bytes) {
  if (blocks_.empty() || blocks_.back().data.size() + record_bytes > block_bytes_) {
    blocks_.emplace_back();
  }
  // An entry larger than a block has one of its own. A block that was copied has lost its reserve.
  blocks_.back().data.reserve(std::max(block_bytes_, record_bytes));
  return blocks_.back();
}

void Log::DropFront() {
  const uint64_t index = first_index();
  const Header header = HeaderAt(index);
  const Place place = index_.front();
  util::Wipe(blocks_.front().data.data() + place.offset, header.record_bytes());
  bytes_ -= header.charge();
  if (index <= applied_) applied_bytes_ -= header.charge();
  base_ = Position{index, header.term, header.hash};
  index_.pop_front();
  if (index_.empty() || index_.front().block != place.block) {
    blocks_.pop_front();
    ++first_block_;
  }
}

}  // namespace svr2::raft
