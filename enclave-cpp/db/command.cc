// SPDX-License-Identifier: Apache-2.0
//
// Writing and strict reading of entry payloads. One table of sizes serves both directions.

#include "db/command.h"

#include <cstring>

#include "crypto/hash.h"
#include "util/endian.h"

namespace svr2::db {

namespace {

constexpr char kPinKeyLabel[] = "svr2 db pin verifier 1";
constexpr char kDigestKeyLabel[] = "svr2 db row digest 1";

template <size_t N, size_t LabelSize>
util::Secret<N> DeriveKey(util::ByteView group_key, const char (&label)[LabelSize]) {
  SVR2_CHECK(group_key.size() == kGroupKeyBytes);
  util::Secret<N> key;
  crypto::Blake2b(group_key, util::ByteView(reinterpret_cast<const uint8_t*>(label), LabelSize - 1),
                  key.data(), key.size());
  return key;
}

bool IsOp(uint8_t op) {
  return op >= static_cast<uint8_t>(Op::kBackup) && op <= static_cast<uint8_t>(Op::kTries);
}
bool HasVerifier(Op op) { return op == Op::kBackup || op == Op::kRestore; }
bool HasData(Op op) { return op == Op::kBackup || op == Op::kExpose; }
bool IsDataSize(size_t bytes) { return bytes >= kMinDataBytes && bytes <= kMaxDataBytes; }
bool IsTries(uint32_t tries) { return tries >= kMinTries && tries <= kMaxTries; }

// Takes `bytes` off the front of `rest`.
bool Take(util::ByteView* rest, size_t bytes, util::ByteView* out) {
  if (rest->size() < bytes) return false;
  *out = rest->Sub(0, bytes);
  *rest = rest->From(bytes);
  return true;
}

// Takes one command off the front of `rest`. False when it is malformed.
bool TakeCommand(util::ByteView* rest, Command* command) {
  *command = Command();
  util::ByteView field;
  if (!Take(rest, 1, &field) || !IsOp(field[0])) return false;
  command->op = static_cast<Op>(field[0]);
  if (!Take(rest, kBackupIdBytes, &command->backup_id)) return false;
  if (command->op == Op::kBackup) {
    if (!Take(rest, 1, &field) || !IsTries(field[0])) return false;
    command->max_tries = field[0];
  }
  if (HasVerifier(command->op) && !Take(rest, kPinVerifierBytes, &command->pin_verifier)) {
    return false;
  }
  if (HasData(command->op)) {
    if (!Take(rest, 1, &field) || !IsDataSize(field[0])) return false;
    if (!Take(rest, field[0], &command->data)) return false;
  }
  return true;
}

}  // namespace

PinKey DerivePinKey(util::ByteView group_key) {
  return DeriveKey<kPinKeyBytes>(group_key, kPinKeyLabel);
}

DigestKey DeriveDigestKey(util::ByteView group_key) {
  return DeriveKey<kDigestKeyBytes>(group_key, kDigestKeyLabel);
}

Result<PinVerifier> MakePinVerifier(const PinKey& key, util::ByteView backup_id,
                                    util::ByteView pin) {
  if (backup_id.size() != kBackupIdBytes || pin.size() != kPinBytes) {
    return proto::ERROR_DB_BAD_SIZE;
  }
  util::Secret<kBackupIdBytes + kPinBytes> input;
  std::memcpy(input.data(), backup_id.data(), kBackupIdBytes);
  std::memcpy(input.data() + kBackupIdBytes, pin.data(), kPinBytes);
  PinVerifier verifier;
  crypto::Blake2b(key.view(), input.view(), verifier.data(), verifier.size());
  return verifier;
}

Status CheckCommand(const Command& command) {
  const bool backup = command.op == Op::kBackup;
  const size_t verifier_bytes = HasVerifier(command.op) ? kPinVerifierBytes : 0;
  const bool data_good =
      HasData(command.op) ? IsDataSize(command.data.size()) : command.data.empty();
  if (!IsOp(static_cast<uint8_t>(command.op)) || command.backup_id.size() != kBackupIdBytes ||
      command.pin_verifier.size() != verifier_bytes || !data_good ||
      (backup ? !IsTries(command.max_tries) : command.max_tries != 0)) {
    return proto::ERROR_DB_BAD_SIZE;
  }
  return Status::Ok();
}

Status CheckBackupRequest(size_t data_bytes, size_t pin_bytes, uint32_t max_tries) {
  if (!IsDataSize(data_bytes) || pin_bytes != kPinBytes || !IsTries(max_tries)) {
    return proto::ERROR_DB_BAD_SIZE;
  }
  return Status::Ok();
}

EntryWriter::EntryWriter(util::SecretBytes* out, uint64_t tag, uint64_t first_request)
    : out_(out), start_(out->size()) {
  uint8_t header[kEntryHeaderBytes] = {};
  util::StoreBigEndian64(header, tag);
  util::StoreBigEndian64(header + 8, first_request);
  out_->insert(out_->end(), header, header + sizeof(header));
}

Status EntryWriter::Add(const Command& command) {
  SVR2_RETURN_IF_ERROR(CheckCommand(command));
  if (count_ == kMaxCommandsPerEntry) return proto::ERROR_INVALID_ARGUMENT;
  // Put together first, then appended at once: should memory run out, the entry stays as it was.
  util::Secret<kMaxCommandBytes> command_bytes;
  uint8_t* end = command_bytes.data();
  const auto append = [&end](util::ByteView view) {
    if (!view.empty()) std::memcpy(end, view.data(), view.size());
    end += view.size();
  };
  *end++ = static_cast<uint8_t>(command.op);
  append(command.backup_id);
  if (command.op == Op::kBackup) *end++ = command.max_tries;
  append(command.pin_verifier);
  if (HasData(command.op)) *end++ = static_cast<uint8_t>(command.data.size());
  append(command.data);
  out_->insert(out_->end(), command_bytes.data(), end);
  ++count_;
  util::StoreBigEndian16(out_->data() + start_ + 16, count_);
  return Status::Ok();
}

Result<EntryReader> EntryReader::Parse(util::ByteView payload) {
  util::ByteView rest = payload;
  util::ByteView header;
  if (!Take(&rest, kEntryHeaderBytes, &header)) return proto::ERROR_DB_MALFORMED_COMMAND;
  const uint16_t count = util::LoadBigEndian16(header.data() + 16);
  const EntryReader reader(rest, util::LoadBigEndian64(header.data()),
                           util::LoadBigEndian64(header.data() + 8), count);
  for (uint16_t i = 0; i < count; ++i) {
    Command command;
    if (!TakeCommand(&rest, &command)) return proto::ERROR_DB_MALFORMED_COMMAND;
  }
  if (count == 0 || !rest.empty()) return proto::ERROR_DB_MALFORMED_COMMAND;
  return reader;
}

bool EntryReader::Next(Command* command) {
  if (rest_.empty()) return false;
  // Parse has accepted every command; the check guards against memory that changed since.
  SVR2_CHECK(TakeCommand(&rest_, command));
  return true;
}

}  // namespace svr2::db
