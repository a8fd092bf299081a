// SPDX-License-Identifier: Apache-2.0
//
// Every bound of one enclave, met: rows, heap, log. The sentences in comments are from protocol.md
// unless another page is named.

#include <gtest/gtest.h>

#include <algorithm>

#include "core/core_peer_testing.h"
#include "core/core_testing.h"

namespace svr2::core {
namespace {

const char kData[] = "a secret of 32 bytes, quite enou";
constexpr size_t kMiB = size_t{1} << 20;

// §2: "Sizes outside the limits are refused before anything enters the log"; §3's table: "refused
// before append (… limits reached) → not applied"; §4: "Apply never fails. What could fail (rows,
// heap, log at their limit) is refused by the leader before append."
void ExpectBackupRefused(TestHost* host, uint64_t client, Error error) {
  const uint64_t index = host->GetStatus().last_index();
  TestClient refused = TestClient::Connected(host, BackupIdOf(client));
  EXPECT_FALSE(refused.Call(BackupOf(kData, "1234", 3)).has_value());
  EXPECT_EQ(refused.inbox().fin, proto::CLOSE_REASON_NOT_APPLIED);
  EXPECT_EQ(proto::Error_Name(refused.inbox().fin_error), proto::Error_Name(error));
  EXPECT_EQ(host->GetStatus().last_index(), index);
  EXPECT_FALSE(host->stopped().has_value());
}

void ExpectTheRestGoesOn(TestHost* host, uint64_t exposed) {
  TestClient client = TestClient::Connected(host, BackupIdOf(exposed));
  EXPECT_EQ(client.Call(TriesOf())->tries().status(), proto::TriesResponse::OK);
  EXPECT_EQ(client.Call(ExposeOf(kData))->expose().status(), proto::ExposeResponse::OK);
  EXPECT_EQ(client.Call(RestoreOf("1234"))->restore().data(), kData);
  EXPECT_EQ(client.Call(RestoreOf("no"))->restore().status(), proto::RestoreResponse::PIN_MISMATCH);
  EXPECT_TRUE(client.Call(DeleteOf())->has_delete_());
}

void Store(TestHost* host, uint64_t client_id) {
  TestClient client = TestClient::Connected(host, BackupIdOf(client_id));
  ASSERT_TRUE(client.Call(BackupOf(kData, "1234", 3)).has_value());
  ASSERT_TRUE(client.Call(ExposeOf(kData)).has_value());
}

TEST(LimitsTest, AtMaxRowsNewBackupsAreRefusedBeforeTheLogAndTheRestGoesOn) {
  proto::EnclaveConfig config = TestConfig();
  config.set_max_rows(5);
  TestHost host(config);
  host.Found();
  for (uint64_t i = 0; i < 5; ++i) ASSERT_NO_FATAL_FAILURE(Store(&host, i));
  EXPECT_EQ(host.GetStatus().rows(), 5u);
  ExpectBackupRefused(&host, 6, proto::ERROR_DB_ROWS_FULL);
  ExpectTheRestGoesOn(&host, 3);
  // The delete made room for one.
  ASSERT_NO_FATAL_FAILURE(Store(&host, 6));
  ExpectBackupRefused(&host, 7, proto::ERROR_DB_ROWS_FULL);
  EXPECT_EQ(host.GetStatus().rows(), 5u);
  // Regression: counted once where it is told, not again where it was decided.
  EXPECT_EQ(host.GetErrorCount(proto::ERROR_DB_ROWS_FULL), 2u);
}

// In one message: backups are refused, the other requests of the same batch are answered.
TEST(LimitsTest, ARefusedBackupDoesNotSpoilTheOthersOfItsBatch) {
  proto::EnclaveConfig config = TestConfig();
  config.set_max_rows(1);
  TestHost host(config);
  host.Found();
  ASSERT_NO_FATAL_FAILURE(Store(&host, 1));
  TestClient backup = TestClient::Connected(&host, BackupIdOf(2));
  TestClient restore = TestClient::Connected(&host, BackupIdOf(1));
  proto::HostToEnclaveMessage message;
  proto::ClientInput* input = message.add_items()->mutable_client();
  input->set_client_id(backup.id());
  input->set_data(backup.Encrypt(BackupOf(kData, "1234", 3).SerializeAsString()));
  input = message.add_items()->mutable_client();
  input->set_client_id(restore.id());
  input->set_data(restore.Encrypt(RestoreOf("1234").SerializeAsString()));
  ASSERT_TRUE(host.Input(message).ok());
  EXPECT_EQ(backup.inbox().fin, proto::CLOSE_REASON_NOT_APPLIED);
  EXPECT_EQ(restore.inbox().items.size(), 1u);
}

TEST(LimitsTest, WithLittleHeapBackupsAndThenSessionsAreRefusedAndTheRestGoesOn) {
  proto::EnclaveConfig config = TestConfig();
  config.set_log_max_bytes(8 * kMiB);
  TestHost host(config);
  constexpr size_t kLimit = 256 * kMiB;
  host.env().SetHeap(10 * kMiB, kLimit);
  host.Found();
  ASSERT_NO_FATAL_FAILURE(Store(&host, 1));
  TestClient early = TestClient::Connected(&host, BackupIdOf(2));
  // Rows leave a sixteenth of the heap, and all of the log's bound, to others.
  const size_t log_room = 8 * kMiB - host.GetStatus().log_bytes();
  host.env().SetHeap(kLimit - kLimit / 16 - log_room + 1, kLimit);
  ExpectBackupRefused(&host, 3, proto::ERROR_DB_HEAP_FULL);
  ExpectTheRestGoesOn(&host, 1);
  // Sessions leave a thirty-second.
  host.env().SetHeap(kLimit - kLimit / 32, kLimit);
  proto::HostRequest request;
  request.mutable_new_client()->set_backup_id(BackupIdOf(9));
  EXPECT_EQ(host.Ask(request).error(), proto::ERROR_OUT_OF_MEMORY);
  EXPECT_TRUE(early.Call(TriesOf()).has_value());
  // More in use than there is, as after a limit that was lowered.
  host.env().SetHeap(kLimit + 1, kLimit);
  EXPECT_EQ(host.Ask(request).error(), proto::ERROR_OUT_OF_MEMORY);
  EXPECT_FALSE(early.Call(BackupOf(kData, "1234", 3)).has_value());
  EXPECT_EQ(early.inbox().fin_error, proto::ERROR_DB_HEAP_FULL);
  host.env().SetHeap(10 * kMiB, kLimit);
  ASSERT_NO_FATAL_FAILURE(Store(&host, 3));
}

// Regression: backups were refused for good, however many rows were deleted.
TEST(LimitsTest, DeletedRowsMakeRoomWhereTheHeapHasNone) {
  TestHost host;
  host.Found();
  constexpr uint64_t kRows = 200;
  for (uint64_t i = 0; i < kRows; ++i) ASSERT_NO_FATAL_FAILURE(Store(&host, i));
  // Enough for sessions and the log, not for more rows.
  constexpr size_t kLimit = 256 * kMiB;
  host.env().SetHeap(kLimit - kLimit / 32 - kLimit / 64 - 64 * kMiB, kLimit);
  ExpectBackupRefused(&host, kRows, proto::ERROR_DB_HEAP_FULL);
  for (uint64_t i = 0; i < kRows; ++i) {
    ASSERT_TRUE(TestClient::Connected(&host, BackupIdOf(i)).Call(DeleteOf()).has_value());
  }
  ASSERT_NO_FATAL_FAILURE(Store(&host, kRows));
}

// §4: "Log bounded in bytes (log_max_bytes)".
TEST(LimitsTest, ThousandsOfRequestsKeepTheLogWithinItsBound) {
  proto::EnclaveConfig config = TestConfig();
  config.set_log_max_bytes(64 << 10);
  config.set_log_min_entries(1);
  TestHost host(config);
  host.Found();
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  const raft::Log& log = CorePeer::raft(&host.core())->log();
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(client.Call(BackupOf(kData, "1234", 3)).has_value());
    ASSERT_LE(log.bytes(), config.log_max_bytes());
  }
  EXPECT_EQ(host.GetStatus().applied_index(), host.GetStatus().last_index());
  // "committed and applied entries are dropped … those that all members acknowledged, down to
  // log_min_entries".
  EXPECT_EQ(log.entries(), 1u);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_ENTRIES_DROPPED), log.last_index() - 1);
}

TEST(LimitsTest, TheBoundInBytesHoldsWhereMoreEntriesWouldBeKept) {
  proto::EnclaveConfig config = TestConfig();
  config.set_log_max_bytes(64 << 10);
  config.set_log_min_entries(1000000);
  TestHost host(config);
  host.Found();
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  uint64_t largest = 0;
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(client.Call(BackupOf(kData, "1234", 3)).has_value());
    largest = std::max(largest, host.GetStatus().log_bytes());
    ASSERT_LE(largest, config.log_max_bytes());
  }
  EXPECT_GT(largest, config.log_max_bytes() * 9 / 10);
  EXPECT_GT(host.GetCounter(proto::COUNTER_ENTRIES_DROPPED), 1000u);
}

bool LogHolds(TestHost* host, const std::string& secret) {
  const raft::Log& log = CorePeer::raft(&host->core())->log();
  for (uint64_t i = log.first_index(); i <= log.last_index(); ++i) {
    const util::ByteView payload = log.At(i).payload;
    if (std::search(payload.begin(), payload.end(), secret.begin(), secret.end(),
                    [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); }) !=
        payload.end()) {
      return true;
    }
  }
  return false;
}

// §4: "any of them after log_max_age_ticks, so that an idle group does not keep an erased secret."
TEST(LimitsTest, AnIdleGroupForgetsAnErasedSecret) {
  proto::EnclaveConfig config = TestConfig();
  config.set_log_max_age_ticks(20);
  TestHost host(config);
  host.Found();
  ASSERT_NO_FATAL_FAILURE(Store(&host, 1));
  host.Tick(5);
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  ASSERT_TRUE(client.Call(DeleteOf()).has_value());
  EXPECT_TRUE(LogHolds(&host, kData));
  host.Tick(14);
  EXPECT_TRUE(LogHolds(&host, kData));
  host.Tick();
  EXPECT_FALSE(LogHolds(&host, kData));
  EXPECT_EQ(host.GetStatus().rows(), 0u);
  host.Tick(5);
  EXPECT_EQ(CorePeer::raft(&host.core())->log().entries(), 0u);
  EXPECT_EQ(host.GetStatus().log_bytes(), 0u);
  // The group goes on from there.
  EXPECT_TRUE(client.Call(TriesOf()).has_value());
  ASSERT_NO_FATAL_FAILURE(Store(&host, 1));
}

// design.md §4: "Many requests share one append": more than one entry holds go into several.
TEST(LimitsTest, AFullMessageIsServedInSeveralEntries) {
  proto::EnclaveConfig config = TestConfig();
  config.set_max_rows(10000);
  TestHost host(config);
  host.Found();
  std::vector<TestClient> clients;
  for (uint64_t i = 0; i < 300; ++i) {
    clients.push_back(TestClient::Connected(&host, BackupIdOf(i)));
  }
  const uint64_t index = host.GetStatus().last_index();
  proto::HostToEnclaveMessage message;
  for (TestClient& client : clients) {
    proto::ClientInput* input = message.add_items()->mutable_client();
    input->set_client_id(client.id());
    input->set_data(client.Encrypt(BackupOf(kData, "1234", 3).SerializeAsString()));
  }
  ASSERT_TRUE(host.Input(message).ok());
  for (TestClient& client : clients) EXPECT_EQ(client.inbox().items.size(), 1u);
  EXPECT_EQ(host.GetStatus().last_index(), index + 5);  // 64 commands each.
  EXPECT_EQ(host.GetStatus().rows(), 300u);
}

TEST(LimitsTest, AnOutputThatTheHostRefusesIsCountedAndLost) {
  TestHost host;
  host.Found();
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  host.env().SetOutputHandler(
      [](util::ByteView) { return Status(proto::ERROR_CORE_OUTPUT_FAILED); });
  ASSERT_TRUE(client.Send(client.Encrypt(TriesOf().SerializeAsString())).ok());
  host.env().SetOutputHandler(nullptr);
  EXPECT_EQ(host.GetErrorCount(proto::ERROR_CORE_OUTPUT_FAILED), 1u);
  EXPECT_TRUE(client.inbox().items.empty());
  // The lost answer's number is used up: the client sees the gap at its next one.
  ASSERT_TRUE(client.Send(client.Encrypt(TriesOf().SerializeAsString())).ok());
  ASSERT_EQ(client.inbox().items.size(), 1u);
  EXPECT_FALSE(client.Decrypt(client.inbox().items.front()).has_value());
}

}  // namespace
}  // namespace svr2::core
