// SPDX-License-Identifier: Apache-2.0

#include "core/request_batch.h"

#include <utility>

namespace svr2::core {

Status RequestBatch::Add(const db::Command& command, Origin origin) {
  SVR2_CHECK(!full());
  SVR2_RETURN_IF_ERROR(db::CheckCommand(command));
  Part& part = command.op == db::Op::kBackup ? backups_ : others_;
  if (!part.writer.has_value()) {
    // One allocation for the usual batch of one; a vector that grows copies secrets about.
    part.entry.payload.reserve(db::kEntryHeaderBytes + 2 * db::kMaxCommandBytes);
    part.entry.first_request =
        next_request_->fetch_add(kMaxEntryCommands, std::memory_order_relaxed);
    part.writer.emplace(&part.entry.payload, tag_, part.entry.first_request);
  }
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
