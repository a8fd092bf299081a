// SPDX-License-Identifier: Apache-2.0
//
// What a log entry carries: the commands of one or more client requests in a compact binary form,
// and the keyed digest that stands for a PIN in it. The 32-byte PIN never enters the log.
//
// Payload of an entry, integers big-endian (lengths in bytes):
//
//   tag (8) ‖ first_request (8) ‖ count (2) ‖ count × command
//   command = op (1) ‖ backup_id (16) ‖ by op:
//     1 backup    max_tries (1) ‖ pin_verifier (16) ‖ data_size (1) ‖ data (data_size, 16–48)
//     2 restore   pin_verifier (16)
//     3 expose    data_size (1) ‖ data
//     4 delete    –
//     5 tries     –
//
// `tag` names the replica that serves the requests and `first_request` numbers them from there on,
// so that a commit that arrives before the watch still finds its request (protocol.md §3, last
// line).

#ifndef SVR2_DB_COMMAND_H_
#define SVR2_DB_COMMAND_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "util/bytes.h"
#include "util/secret.h"
#include "util/status.h"

namespace svr2::db {

// Sizes in bytes, from protocol.md §2.
inline constexpr size_t kBackupIdBytes = 16;
inline constexpr size_t kPinBytes = 32;
inline constexpr size_t kMinDataBytes = 16;
inline constexpr size_t kMaxDataBytes = 48;
inline constexpr uint32_t kMinTries = 1;
inline constexpr uint32_t kMaxTries = 255;
inline constexpr size_t kPinVerifierBytes = 16;
inline constexpr size_t kPinKeyBytes = 32;
inline constexpr size_t kGroupKeyBytes = 32;
inline constexpr size_t kDigestKeyBytes = 16;

inline constexpr size_t kEntryHeaderBytes = 8 + 8 + 2;
inline constexpr size_t kMaxCommandBytes =
    1 + kBackupIdBytes + 1 + kPinVerifierBytes + 1 + kMaxDataBytes;  // A backup.
inline constexpr size_t kMaxCommandsPerEntry = 0xffff;

using PinKey = util::Secret<kPinKeyBytes>;
using PinVerifier = util::Secret<kPinVerifierBytes>;
using DigestKey = util::Secret<kDigestKeyBytes>;

// The key of all PIN verifiers of a group: keyed BLAKE2b-256 of a fixed label under the 32-byte
// group key. Equal on all replicas, never outside of them.
PinKey DerivePinKey(util::ByteView group_key);

// The key of a group's row hashes, so that digests of its replicas compare (Database::Digest):
// keyed BLAKE2b-128 of another label under the group key.
DigestKey DeriveDigestKey(util::ByteView group_key);

// Keyed BLAKE2b-128 of backup_id ‖ pin. Bound to the id, so equal PINs of two rows do not show, and
// a verifier is of no use for another row. Fails with ERROR_DB_BAD_SIZE unless `backup_id` has 16
// and `pin` 32 bytes.
Result<PinVerifier> MakePinVerifier(const PinKey& key, util::ByteView backup_id,
                                    util::ByteView pin);

enum class Op : uint8_t { kBackup = 1, kRestore = 2, kExpose = 3, kDelete = 4, kTries = 5 };

// One command; the views point into the entry it was read from (or wherever the maker has them) and
// live no longer. Fields that the op does not have are empty.
struct Command {
  Op op = Op::kTries;
  uint8_t max_tries = 0;        // backup: 1–255.
  util::ByteView backup_id;     // 16 bytes.
  util::ByteView pin_verifier;  // backup, restore: 16 bytes.
  util::ByteView data;          // backup, expose: 16–48 bytes.
};

// Checks every size of a command: ERROR_DB_BAD_SIZE when outside the limits of protocol.md §2 (or
// when a field is there that its op does not have). What passes can be encoded and applied.
Status CheckCommand(const Command& command);

// Checks the sizes of a client's backup request before a verifier is made from it. Fails with
// ERROR_DB_BAD_SIZE.
Status CheckBackupRequest(size_t data_bytes, size_t pin_bytes, uint32_t max_tries);

// Appends one entry payload to a buffer. Not thread-safe; `out` outlives the writer and is touched
// by nobody else in between.
class EntryWriter {
 public:
  EntryWriter(util::SecretBytes* out, uint64_t tag, uint64_t first_request);
  EntryWriter(const EntryWriter&) = delete;
  EntryWriter& operator=(const EntryWriter&) = delete;

  // Appends a command; the payload in `out` is complete and valid after each call (an entry without
  // commands is not valid). Fails with ERROR_DB_BAD_SIZE (CheckCommand) or, above
  // kMaxCommandsPerEntry, ERROR_INVALID_ARGUMENT; then nothing was appended.
  Status Add(const Command& command);

  uint16_t count() const { return count_; }
  // Bytes of the payload so far.
  size_t size() const { return out_->size() - start_; }

 private:
  util::SecretBytes* const out_;
  const size_t start_;
  uint16_t count_ = 0;
};

// Reads an entry payload without copying. The payload outlives the reader and its commands.
// Copyable: a copy continues from where the original is.
class EntryReader {
 public:
  // Checks the whole payload, strictly: known ops, every size within its limits, at least one
  // command, no byte left over. Fails with ERROR_DB_MALFORMED_COMMAND.
  static Result<EntryReader> Parse(util::ByteView payload);

  uint64_t tag() const { return tag_; }
  uint64_t first_request() const { return first_request_; }
  uint16_t count() const { return count_; }

  // Fills the next command, which answers request first_request() + (number of calls before).
  // False after the last.
  bool Next(Command* command);

 private:
  EntryReader(util::ByteView payload, uint64_t tag, uint64_t first_request, uint16_t count)
      : rest_(payload), tag_(tag), first_request_(first_request), count_(count) {}

  util::ByteView rest_;
  uint64_t tag_;
  uint64_t first_request_;
  uint16_t count_;
};

}  // namespace svr2::db

#endif  // SVR2_DB_COMMAND_H_
