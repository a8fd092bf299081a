// SPDX-License-Identifier: Apache-2.0
//
// The whole core from a client's and from a host's view: sessions, requests, answers, and what each
// side is told when something goes wrong. The sentences in comments are from protocol.md.

#include "core/core.h"

#include <gtest/gtest.h>

#include "core/core_testing.h"

namespace svr2::core {
namespace {

const char kData[] = "a secret of 32 bytes, quite enou";

TEST(CoreTest, StoresExposesRestoresAndErasesAfterTheLastWrongGuess) {
  TestHost host;
  host.Found();
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  ASSERT_EQ(client.Call(BackupOf(kData, "1234", 3))->backup().status(), proto::BackupResponse::OK);
  // §2: "Not restorable yet."
  EXPECT_EQ(client.Call(RestoreOf("1234"))->restore().status(), proto::RestoreResponse::MISSING);
  ASSERT_EQ(client.Call(ExposeOf(kData))->expose().status(), proto::ExposeResponse::OK);

  const auto restored = client.Call(RestoreOf("1234"));
  EXPECT_EQ(restored->restore().status(), proto::RestoreResponse::OK);
  EXPECT_EQ(restored->restore().data(), kData);
  EXPECT_EQ(restored->restore().tries(), 3u);

  const auto first = client.Call(RestoreOf("1111"));
  EXPECT_EQ(first->restore().status(), proto::RestoreResponse::PIN_MISMATCH);
  EXPECT_EQ(first->restore().tries(), 2u);
  EXPECT_EQ(client.Call(TriesOf())->tries().tries(), 2u);
  EXPECT_EQ(client.Call(RestoreOf("2222"))->restore().tries(), 1u);
  EXPECT_EQ(client.Call(RestoreOf("3333"))->restore().status(), proto::RestoreResponse::MISSING);
  EXPECT_EQ(client.Call(RestoreOf("1234"))->restore().status(), proto::RestoreResponse::MISSING);
  EXPECT_EQ(client.Call(TriesOf())->tries().status(), proto::TriesResponse::MISSING);
  EXPECT_EQ(host.GetStatus().rows(), 0u);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_GUESSES_EXHAUSTED), 1u);
}

TEST(CoreTest, AnotherSessionOfTheSameClientSeesTheSameRowAndAnotherClientDoesNot) {
  TestHost host;
  host.Found();
  TestClient first = TestClient::Connected(&host, BackupIdOf(1));
  first.Call(BackupOf(kData, "1234", 3));
  first.Call(ExposeOf(kData));
  TestClient again = TestClient::Connected(&host, BackupIdOf(1));
  EXPECT_EQ(again.Call(RestoreOf("1234"))->restore().data(), kData);
  TestClient other = TestClient::Connected(&host, BackupIdOf(2));
  EXPECT_EQ(other.Call(RestoreOf("1234"))->restore().status(), proto::RestoreResponse::MISSING);
}

// §2: "Sizes outside the limits are refused before anything enters the log."
TEST(CoreTest, SizesOutsideTheLimitsCloseTheSessionAsInvalidAndAppendNothing) {
  TestHost host;
  host.Found();
  const std::string long_data(49, 'x'), short_data(15, 'x');
  proto::Request bad_pin = RestoreOf("x");
  bad_pin.mutable_restore()->set_pin("short");
  proto::Request no_pin = BackupOf(kData, "x", 3);
  no_pin.mutable_backup()->clear_pin();
  const uint64_t last_index = host.GetStatus().last_index();
  for (const proto::Request& request :
       {BackupOf(long_data, "x", 3), BackupOf(short_data, "x", 3), BackupOf(kData, "x", 0),
        BackupOf(kData, "x", 256), no_pin, bad_pin, ExposeOf(short_data), ExposeOf(long_data),
        proto::Request()}) {
    TestClient client = TestClient::Connected(&host, BackupIdOf(1));
    EXPECT_FALSE(client.Call(request).has_value());
    EXPECT_EQ(client.inbox().fin, proto::CLOSE_REASON_INVALID_ARGUMENT);
  }
  EXPECT_EQ(host.GetStatus().last_index(), last_index);
  EXPECT_EQ(host.GetStatus().client_sessions(), 0u);
}

TEST(CoreTest, DeleteWithoutASessionIsAnsweredWhenCommitted) {
  TestHost host;
  host.Found();
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  client.Call(BackupOf(kData, "1234", 3));
  ASSERT_EQ(host.GetStatus().rows(), 1u);
  proto::HostRequest request;
  request.mutable_delete_backup()->set_backup_id(BackupIdOf(1));
  const proto::EnclaveReply reply = host.Ask(request);
  EXPECT_EQ(reply.error(), proto::OK);
  EXPECT_TRUE(reply.has_delete_backup());
  EXPECT_EQ(host.GetStatus().rows(), 0u);
  // §2: "delete always answers".
  EXPECT_EQ(host.Ask(request).error(), proto::OK);
}

TEST(CoreTest, WithoutAGroupNothingIsServedAndTheReasonIsTold) {
  TestHost host;
  host.Tick();
  EXPECT_FALSE(TestClient::Open(&host, BackupIdOf(1)).has_value());
  const proto::StatusReply status = host.GetStatus();
  EXPECT_FALSE(status.serving());
  EXPECT_EQ(status.not_serving_reason(), proto::ERROR_CORE_NO_GROUP);
  EXPECT_EQ(status.role(), proto::RAFT_ROLE_NONE);
  proto::HostRequest request;
  request.mutable_delete_backup()->set_backup_id(BackupIdOf(1));
  const proto::EnclaveReply reply = host.Ask(request);
  EXPECT_EQ(reply.error(), proto::ERROR_CORE_NO_GROUP);
  EXPECT_EQ(reply.outcome(), proto::CLOSE_REASON_NOT_APPLIED);
}

// §5: "Joining, voting and answering clients need a time backed by a quorum of voters."
TEST(CoreTest, BeforeTheFirstTickThereIsNoTimeAndNoClient) {
  TestHost host;
  proto::HostRequest request;
  request.mutable_create_group();
  ASSERT_EQ(host.Ask(request).error(), proto::OK);
  EXPECT_EQ(host.GetStatus().not_serving_reason(), proto::ERROR_CORE_NO_QUORUM_TIME);
  EXPECT_FALSE(TestClient::Open(&host, BackupIdOf(1)).has_value());
  host.Tick();
  EXPECT_TRUE(host.GetStatus().serving());
  EXPECT_TRUE(TestClient::Open(&host, BackupIdOf(1)).has_value());
}

TEST(CoreTest, ASecondGroupIsRefused) {
  TestHost host;
  const proto::RaftGroupConfig group = host.Found();
  EXPECT_NE(group.group_id(), 0u);
  EXPECT_EQ(group.db_version(), 2u);
  proto::HostRequest request;
  request.mutable_create_group();
  EXPECT_EQ(host.Ask(request).error(), proto::ERROR_CORE_GROUP_EXISTS);
  EXPECT_EQ(host.GetStatus().group().group_id(), group.group_id());
}

// peer-figures.md, failure 5: a malformed id from the host aborts the enclave.
TEST(CoreTest, EveryMalformedIdInAHostMessageIsAnsweredWithAnError) {
  TestHost host;
  host.Found();
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{15}, size_t{17}, size_t{32}, size_t{70000}}) {
    proto::HostRequest open;
    open.mutable_new_client()->set_backup_id(std::string(size, 'x'));
    EXPECT_EQ(host.Ask(open).error(), proto::ERROR_CORE_MALFORMED_ID) << size;
    proto::HostRequest erase;
    erase.mutable_delete_backup()->set_backup_id(std::string(size, 'x'));
    const proto::EnclaveReply reply = host.Ask(erase);
    EXPECT_EQ(reply.error(), proto::ERROR_CORE_MALFORMED_ID) << size;
    EXPECT_EQ(reply.outcome(), proto::CLOSE_REASON_INVALID_ARGUMENT);
  }
  for (const uint64_t client_id : {uint64_t{0}, uint64_t{1} << 40, ~uint64_t{0}}) {
    proto::HostToEnclaveMessage message;
    message.add_items()->mutable_client()->set_client_id(client_id);
    message.add_items()->mutable_client_close()->set_client_id(client_id);
    EXPECT_TRUE(host.Input(message).ok());
    EXPECT_EQ(host.inbox(client_id).fin, proto::CLOSE_REASON_NOT_APPLIED);
  }
  proto::HostToEnclaveMessage zero;
  zero.add_items()->mutable_request()->mutable_status();
  EXPECT_TRUE(host.Input(zero).ok());
  EXPECT_EQ(host.replies()[0].error(), proto::ERROR_INVALID_ARGUMENT);
  EXPECT_TRUE(host.GetStatus().serving());
}

TEST(CoreTest, ABadItemDoesNotSpoilTheOthers) {
  TestHost host;
  host.Found();
  proto::HostToEnclaveMessage message;
  message.add_items();
  message.add_items()->mutable_client()->set_client_id(77);
  message.add_items()->mutable_reply()->set_id(5);
  message.add_items()->mutable_request()->set_id(900);
  message.add_items()->mutable_request()->set_id(901);
  message.mutable_items(4)->mutable_request()->mutable_status();
  EXPECT_TRUE(host.Input(message).ok());
  EXPECT_EQ(host.replies()[900].error(), proto::ERROR_CORE_EMPTY_ITEM);
  EXPECT_EQ(host.replies()[901].error(), proto::OK);
  EXPECT_EQ(host.GetErrorCount(proto::ERROR_CORE_EMPTY_ITEM), 2u);
  // design.md §3: "An unknown or repeated reply id is counted and ignored."
  EXPECT_EQ(host.GetCounter(proto::COUNTER_UNKNOWN_REPLIES), 1u);
}

TEST(CoreTest, MalformedOversizedAndOvercrowdedMessagesAreRefused) {
  TestHost host;
  EXPECT_EQ(host.InputBytes("\xff\xff\xff").error(), proto::ERROR_CORE_MALFORMED_MESSAGE);
  EXPECT_EQ(host.InputBytes(std::string(kMaxInputBytes + 1, '\0')).error(),
            proto::ERROR_CORE_MESSAGE_TOO_LARGE);
  proto::HostToEnclaveMessage crowd;
  for (int i = 0; i <= kMaxInputItems; ++i) crowd.add_items()->mutable_tick();
  EXPECT_EQ(host.Input(crowd).error(), proto::ERROR_CORE_TOO_MANY_ITEMS);
  EXPECT_EQ(host.InputBytes("").error(), proto::OK);
  host.Tick();
  EXPECT_EQ(host.GetCounter(proto::COUNTER_TICKS), 1u);
}

TEST(CoreTest, ManyRequestsInOneMessageShareOneEntryAndOneOutput) {
  TestHost host;
  host.Found();
  std::vector<TestClient> clients;
  for (uint64_t i = 0; i < 20; ++i) {
    clients.push_back(TestClient::Connected(&host, BackupIdOf(i)));
  }
  const uint64_t index = host.GetStatus().last_index();
  const uint64_t outputs = host.GetCounter(proto::COUNTER_HOST_OUTPUTS);
  proto::HostToEnclaveMessage message;
  for (TestClient& client : clients) {
    proto::ClientInput* input = message.add_items()->mutable_client();
    input->set_client_id(client.id());
    input->set_data(client.Encrypt(TriesOf().SerializeAsString()));
  }
  ASSERT_TRUE(host.Input(message).ok());
  // One for the requests; one for the question itself.
  EXPECT_EQ(host.GetCounter(proto::COUNTER_HOST_OUTPUTS), outputs + 2);
  EXPECT_EQ(host.GetStatus().last_index(), index + 1);
  for (TestClient& client : clients) {
    ASSERT_EQ(client.inbox().items.size(), 1u);
    EXPECT_TRUE(client.Decrypt(client.inbox().items.front()).has_value());
  }
}

TEST(CoreTest, ASecondRequestBeforeTheAnswerEndsTheSessionAsUnknown) {
  TestHost host;
  host.Found();
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  proto::HostToEnclaveMessage message;
  for (int i = 0; i < 2; ++i) {
    proto::ClientInput* input = message.add_items()->mutable_client();
    input->set_client_id(client.id());
    input->set_data(client.Encrypt(TriesOf().SerializeAsString()));
  }
  ASSERT_TRUE(host.Input(message).ok());
  EXPECT_EQ(client.inbox().fin, proto::CLOSE_REASON_UNKNOWN);
  EXPECT_EQ(client.inbox().fin_error, proto::ERROR_CLIENT_BUSY);
  EXPECT_TRUE(client.inbox().items.empty());
}

TEST(CoreTest, LogLinesFollowTheLevel) {
  TestHost host;
  proto::HostRequest request;
  request.mutable_set_log_level()->set_level(proto::LOG_LEVEL_ERROR);
  ASSERT_EQ(host.Ask(request).error(), proto::OK);
  host.Found();
  EXPECT_TRUE(host.log().empty());
  request.mutable_set_log_level()->set_level(proto::LOG_LEVEL_UNSET);
  EXPECT_EQ(host.Ask(request).error(), proto::ERROR_INVALID_ARGUMENT);
  TestHost other;
  other.Found();
  EXPECT_FALSE(other.log().empty());
}

}  // namespace
}  // namespace svr2::core
