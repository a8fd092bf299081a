// SPDX-License-Identifier: Apache-2.0
//
// Requests that arrived together, encoded as log entries outside of any lock. Backups and other
// requests go into entries of their own: when there is no room for another row, backups are refused
// and everything else goes on. (Requests of different clients have no order among each other, and a
// client has one at a time.) Source: design.md §4 "A client request".

#ifndef SVR2_CORE_REQUEST_BATCH_H_
#define SVR2_CORE_REQUEST_BATCH_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "client/session.h"
#include "db/command.h"
#include "db/database.h"
#include "env/env.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::core {

// Who waits for the answer to a request: a client session, or a transaction of the host.
struct Origin {
  std::shared_ptr<client::Session> session;
  uint64_t transaction_id = 0;  // When there is no session.
  db::Op op = db::Op::kTries;
};

// What became of a request, and with it what may be told (protocol.md §3).
struct Completion {
  enum class Kind : uint8_t { kResult, kNotApplied, kUnknown };
  Origin origin;
  // With kResult: the number that the committed entry gives the request.
  uint64_t request = 0;
  Kind kind = Kind::kUnknown;
  Error error = proto::OK;  // With kNotApplied and kUnknown, and with an effect that reads ERROR.
  db::Effect effect;        // With kResult.
};

// One log entry in the making and who waits for it, in the order of its commands.
struct EntryInTheMaking {
  uint64_t first_request = 0;
  util::SecretBytes payload;
  std::vector<Origin> origins;
};

// Thread-compatible: one per input message.
class RequestBatch {
 public:
  // No entry grows beyond these, so that one entry never holds up the rest of the log.
  static constexpr size_t kMaxEntryBytes = 8192;
  static constexpr size_t kMaxEntryCommands = 64;

  // `tag` names this replica in entries.
  RequestBatch(uint64_t tag, env::Env* env) : tag_(tag), env_(env) {}

  // The number that the next command of this kind will have, never 0. Numbers of an entry begin at
  // a random one, so that no two requests share theirs, whatever memory is put back. Fails with
  // ERROR_RANDOM_FAILED. Needs !full().
  Result<uint64_t> NextNumber(db::Op op);

  // Encodes one command under NextNumber(command.op). Fails with ERROR_DB_BAD_SIZE or as NextNumber
  // does, having added nothing. Needs !full().
  Status Add(const db::Command& command, Origin origin);

  bool empty() const { return !backups_.writer.has_value() && !others_.writer.has_value(); }
  // True: hand the batch over before adding more.
  bool full() const { return backups_.full() || others_.full(); }

  // The entries, at most one of each kind; the batch is empty afterwards.
  std::optional<EntryInTheMaking> TakeBackups() { return backups_.Take(); }
  std::optional<EntryInTheMaking> TakeOthers() { return others_.Take(); }

 private:
  struct Part {
    EntryInTheMaking entry;
    std::optional<db::EntryWriter> writer;

    bool full() const {
      return writer.has_value() && (writer->count() >= kMaxEntryCommands ||
                                    entry.payload.size() + db::kMaxCommandBytes > kMaxEntryBytes);
    }
    std::optional<EntryInTheMaking> Take();
  };

  // The part that commands of this kind go into, begun where it was not.
  Result<Part*> Begin(db::Op op);

  const uint64_t tag_;
  env::Env* const env_;
  Part backups_;
  Part others_;
};

}  // namespace svr2::core

#endif  // SVR2_CORE_REQUEST_BATCH_H_
