// SPDX-License-Identifier: Apache-2.0
//
// Entry payloads and PIN verifiers: round trips, the exact bytes, every way of being malformed.

#include "db/command.h"

#include <gtest/gtest.h>

#include "db/database_testing.h"

namespace svr2::db {
namespace {

const Id kId = MakeId(0x1122334455667788, 0x99aabbccddeeff00);
const Verifier kVerifier = MakeVerifier(5);

Command Backup(const util::Bytes& data, uint8_t max_tries = 10) {
  return {Op::kBackup, max_tries, kId, kVerifier, data};
}

void ExpectEqual(const Command& a, const Command& b) {
  EXPECT_EQ(a.op, b.op);
  EXPECT_EQ(a.max_tries, b.max_tries);
  EXPECT_TRUE(a.backup_id == b.backup_id);
  EXPECT_TRUE(a.pin_verifier == b.pin_verifier);
  EXPECT_TRUE(a.data == b.data);
}

std::vector<Command> AllOps(const util::Bytes& data) {
  return {Backup(data),
          {Op::kRestore, 0, kId, kVerifier, {}},
          {Op::kExpose, 0, kId, {}, data},
          {Op::kDelete, 0, kId, {}, {}},
          {Op::kTries, 0, kId, {}, {}}};
}

util::SecretBytes Encode(const std::vector<Command>& commands) {
  util::SecretBytes out;
  EntryWriter writer(&out, 0x0102030405060708, 77);
  for (const Command& command : commands) EXPECT_TRUE(writer.Add(command).ok());
  EXPECT_EQ(writer.count(), commands.size());
  EXPECT_EQ(writer.size(), out.size());
  return out;
}

TEST(CommandTest, ManyRequestsShareAnEntry) {
  for (const size_t size : {16u, 17u, 32u, 48u}) {
    const util::Bytes data = MakeData(1, size);
    std::vector<Command> commands;
    for (int i = 0; i < 40; ++i) {
      for (const Command& command : AllOps(data)) commands.push_back(command);
    }
    const util::SecretBytes payload = Encode(commands);
    EntryReader reader = EntryReader::Parse(util::View(payload)).value();
    EXPECT_EQ(reader.tag(), 0x0102030405060708u);
    EXPECT_EQ(reader.first_request(), 77u);
    ASSERT_EQ(reader.count(), commands.size());
    Command read;
    for (const Command& command : commands) {
      ASSERT_TRUE(reader.Next(&read));
      ExpectEqual(read, command);
      EXPECT_GE(read.backup_id.data(), payload.data()) << "read without copying";
      EXPECT_LT(read.backup_id.data(), payload.data() + payload.size());
    }
    EXPECT_FALSE(reader.Next(&read));
    EXPECT_FALSE(reader.Next(&read));
  }
}

TEST(CommandTest, ExactBytes) {
  const util::Bytes data = MakeData(1, 16);
  util::SecretBytes out = {0xee};  // Appends; what was there stays.
  EntryWriter writer(&out, 1, 2);
  ASSERT_TRUE(writer.Add(Backup(data, 9)).ok());
  ASSERT_TRUE(writer.Add({Op::kTries, 0, kId, {}, {}}).ok());
  util::Bytes expected = {0xee, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2, 1};
  util::Append(&expected, kId);
  expected.push_back(9);
  util::Append(&expected, kVerifier);
  expected.push_back(16);
  util::Append(&expected, data);
  expected.push_back(5);
  util::Append(&expected, kId);
  EXPECT_TRUE(util::View(out) == util::ByteView(expected));
  EXPECT_EQ(writer.size(), out.size() - 1);
}

// protocol.md §2: "Sizes outside the limits are refused before anything enters the log."
TEST(CommandTest, SizesOutsideTheLimitsAreRefused) {
  const util::Bytes data = MakeData(1, 32);
  const util::Bytes data15(15), data49(49), empty{};
  const std::vector<Command> bad = {
      Backup(data15),
      Backup(data49),
      Backup(empty),
      Backup(data, 0),
      {Op::kExpose, 0, kId, {}, data15},
      {Op::kExpose, 0, kId, {}, data49},
      {Op::kExpose, 0, kId, {}, {}},
      {Op::kRestore, 0, kId, data15, {}},
      {Op::kRestore, 0, kId, {}, {}},
      {Op::kRestore, 1, kId, kVerifier, {}},
      {Op::kRestore, 0, kId, kVerifier, data},
      {Op::kDelete, 0, kId, {}, data},
      {Op::kTries, 0, kId, kVerifier, {}},
      {Op::kTries, 0, data15, {}, {}},
      {Op::kTries, 0, {}, {}, {}},
      {static_cast<Op>(0), 0, kId, {}, {}},
      {static_cast<Op>(6), 0, kId, {}, {}},
  };
  util::SecretBytes out;
  EntryWriter writer(&out, 1, 1);
  for (const Command& command : bad) {
    EXPECT_EQ(CheckCommand(command), Status(proto::ERROR_DB_BAD_SIZE));
    EXPECT_EQ(writer.Add(command), Status(proto::ERROR_DB_BAD_SIZE));
  }
  EXPECT_EQ(out.size(), kEntryHeaderBytes) << "nothing was appended";
  for (const Command& command : AllOps(data)) EXPECT_TRUE(CheckCommand(command).ok());
}

TEST(CommandTest, BackupRequestLimits) {
  EXPECT_TRUE(CheckBackupRequest(16, 32, 1).ok());
  EXPECT_TRUE(CheckBackupRequest(48, 32, 255).ok());
  const Status bad = proto::ERROR_DB_BAD_SIZE;
  EXPECT_EQ(CheckBackupRequest(15, 32, 1), bad);
  EXPECT_EQ(CheckBackupRequest(49, 32, 1), bad);
  EXPECT_EQ(CheckBackupRequest(16, 31, 1), bad);
  EXPECT_EQ(CheckBackupRequest(16, 33, 1), bad);
  EXPECT_EQ(CheckBackupRequest(16, 32, 0), bad);
  EXPECT_EQ(CheckBackupRequest(16, 32, 256), bad);
  EXPECT_EQ(CheckBackupRequest(16, 32, 257), bad) << "not cut to a byte";
}

TEST(CommandTest, AFullEntryTakesNoMore) {
  util::SecretBytes out;
  EntryWriter writer(&out, 1, 1);
  const Command command{Op::kTries, 0, kId, {}, {}};
  for (size_t i = 0; i < kMaxCommandsPerEntry; ++i) ASSERT_TRUE(writer.Add(command).ok());
  const size_t size = out.size();
  EXPECT_EQ(writer.Add(command), Status(proto::ERROR_INVALID_ARGUMENT));
  EXPECT_EQ(out.size(), size);
  EXPECT_EQ(EntryReader::Parse(util::View(out)).value().count(), kMaxCommandsPerEntry);
}

TEST(CommandTest, EveryCutAndEveryExtraByteIsMalformed) {
  util::SecretBytes payload = Encode(AllOps(MakeData(1, 20)));
  for (size_t size = 0; size < payload.size(); ++size) {
    EXPECT_EQ(EntryReader::Parse(util::ByteView(payload.data(), size)).error(),
              proto::ERROR_DB_MALFORMED_COMMAND)
        << size;
  }
  payload.push_back(0);
  EXPECT_EQ(EntryReader::Parse(util::View(payload)).error(), proto::ERROR_DB_MALFORMED_COMMAND);
}

TEST(CommandTest, WrongFieldsAreMalformed) {
  const util::SecretBytes good = Encode({Backup(MakeData(1, 20), 3)});
  const auto error_with = [&good](size_t offset, uint8_t value) {
    util::SecretBytes payload = good;
    payload[offset] = value;
    const Result<EntryReader> reader = EntryReader::Parse(util::View(payload));
    return reader.ok() ? proto::OK : reader.error();
  };
  const size_t op = kEntryHeaderBytes, tries = op + 17, size = tries + 17;
  EXPECT_EQ(error_with(op, 1), proto::OK);
  EXPECT_EQ(error_with(16, 1), proto::ERROR_DB_MALFORMED_COMMAND) << "count 257";
  EXPECT_EQ(error_with(17, 0), proto::ERROR_DB_MALFORMED_COMMAND) << "no command";
  EXPECT_EQ(error_with(17, 2), proto::ERROR_DB_MALFORMED_COMMAND);
  for (const uint8_t wrong : util::Bytes{0, 2, 3, 4, 5, 6, 255}) {
    EXPECT_EQ(error_with(op, wrong), proto::ERROR_DB_MALFORMED_COMMAND) << int{wrong};
  }
  EXPECT_EQ(error_with(tries, 0), proto::ERROR_DB_MALFORMED_COMMAND);
  EXPECT_EQ(error_with(tries, 255), proto::OK);
  for (const uint8_t wrong : util::Bytes{0, 15, 19, 21, 49, 255}) {
    EXPECT_EQ(error_with(size, wrong), proto::ERROR_DB_MALFORMED_COMMAND) << int{wrong};
  }
}

TEST(PinVerifierTest, BoundToGroupIdAndPin) {
  const util::Bytes group_key(32, 1), other_group_key(32, 2);
  const util::Bytes pin(32, 3), other_pin(32, 4);
  const PinKey key = DerivePinKey(group_key);
  const PinVerifier verifier = MakePinVerifier(key, kId, pin).value();
  const auto same = [&verifier](const PinVerifier& other) {
    return verifier.view() == other.view();
  };
  EXPECT_TRUE(same(MakePinVerifier(DerivePinKey(group_key), kId, pin).value()));
  EXPECT_FALSE(same(MakePinVerifier(DerivePinKey(other_group_key), kId, pin).value()));
  EXPECT_FALSE(same(MakePinVerifier(key, MakeId(1), pin).value()));
  EXPECT_FALSE(same(MakePinVerifier(key, kId, other_pin).value()));
  EXPECT_FALSE(key.view() == util::ByteView(group_key));
}

TEST(PinVerifierTest, RefusesOtherSizes) {
  const PinKey key;
  const util::Bytes b31(31), b32(32), b33(33), b15(15), none{};
  EXPECT_EQ(MakePinVerifier(key, kId, b31).error(), proto::ERROR_DB_BAD_SIZE);
  EXPECT_EQ(MakePinVerifier(key, kId, b33).error(), proto::ERROR_DB_BAD_SIZE);
  EXPECT_EQ(MakePinVerifier(key, kId, none).error(), proto::ERROR_DB_BAD_SIZE);
  EXPECT_EQ(MakePinVerifier(key, b15, b32).error(), proto::ERROR_DB_BAD_SIZE);
}

// The value is part of what replicas of one group must agree on. The expected bytes were computed
// with Python's hashlib.blake2b: key = blake2b(label, key=group_key, digest_size=32), then
// blake2b(id ‖ pin, key=key, digest_size=16).
TEST(PinVerifierTest, KnownValue) {
  const util::Bytes group_key(32, 1), pin(32, 3);
  const PinVerifier verifier = MakePinVerifier(DerivePinKey(group_key), kId, pin).value();
  const util::Bytes expected = {0xba, 0x8d, 0x9e, 0x58, 0x59, 0x13, 0xe9, 0x93,
                                0xbb, 0x53, 0x76, 0x42, 0xb0, 0xc7, 0xb2, 0x74};
  EXPECT_TRUE(verifier.view() == util::ByteView(expected));
}

}  // namespace
}  // namespace svr2::db
