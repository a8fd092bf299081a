// SPDX-License-Identifier: Apache-2.0

#include "core/request_batch.h"

#include <utility>

namespace svr2::core {

Result<RequestBatch::Part*> RequestBatch::Begin(db::Op op) {
  Part& part = op == db::Op::kBackup ? backups_ : others_;
  if (!part.writer.has_value()) {
    // One allocation for the usual batch of one; a vector that grows copies secrets about.
    part.entry.payload.reserve(db::kEntryHeaderBytes + 2 * db::kMaxCommandBytes);
    uint64_t number = 0;
    SVR2_RETURN_IF_ERROR(env_->RandomBytes(reinterpret_cast<uint8_t*>(&number), sizeof(number)));
    // Not 0, and all numbers of the entry without a carry.
    static_assert(kMaxEntryCommands <= 64);
    part.entry.first_request = (number | (uint64_t{1} << 63)) & ~uint64_t{63};
    part.writer.emplace(&part.entry.payload, tag_, part.entry.first_request);
  }
  return &part;
}

Result<uint64_t> RequestBatch::NextNumber(db::Op op) {
  SVR2_CHECK(!full());
  const Result<Part*> part = Begin(op);
  if (!part.ok()) return part.status();
  return (*part)->entry.first_request + (*part)->writer->count();
}

Status RequestBatch::Add(const db::Command& command, Origin origin) {
  SVR2_CHECK(!full());
  SVR2_RETURN_IF_ERROR(db::CheckCommand(command));
  const Result<Part*> begun = Begin(command.op);
  if (!begun.ok()) return begun.status();
  Part& part = **begun;
  // Room first, so that a failed allocation leaves as many commands as origins.
  std::vector<Origin>& origins = part.entry.origins;
  if (origins.size() == origins.capacity()) origins.reserve(2 * origins.size() + 1);
  SVR2_RETURN_IF_ERROR(part.writer->Add(command));
  origins.push_back(std::move(origin));
  return Status::Ok();
}

std::optional<EntryInTheMaking> RequestBatch::Part::Take() {
  if (!writer.has_value()) return std::nullopt;
  writer.reset();
  // Memory ran out at its first command.
  if (entry.origins.empty()) {
    entry = EntryInTheMaking();
    return std::nullopt;
  }
  return std::exchange(entry, EntryInTheMaking());
}

}  // namespace svr2::core
