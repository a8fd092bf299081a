// SPDX-License-Identifier: Apache-2.0
//
// Client sessions through the whole core: limits, idleness, what ends them and what the client is
// told. The sentences in comments are from protocol.md unless another page is named.

#include <gtest/gtest.h>

#include <set>

#include "core/core_peer_testing.h"
#include "core/core_testing.h"
#include "noise/transport.h"

namespace svr2::core {
namespace {

const char kData[] = "a secret of 32 bytes, quite enou";

Error OpenError(TestHost* host) {
  proto::HostRequest request;
  request.mutable_new_client()->set_backup_id(BackupIdOf(9));
  return host->Ask(std::move(request)).error();
}

void CloseByHost(TestHost* host, uint64_t client_id) {
  proto::HostToEnclaveMessage message;
  message.add_items()->mutable_client_close()->set_client_id(client_id);
  ASSERT_TRUE(host->Input(message).ok());
}

void ExpectFin(const TestClient& client, TestHost* host, proto::CloseReason fin, Error error) {
  const ClientInbox& inbox = host->inbox(client.id());
  ASSERT_TRUE(inbox.fin.has_value());
  EXPECT_EQ(*inbox.fin, fin);
  EXPECT_EQ(proto::Error_Name(inbox.fin_error), proto::Error_Name(error));
}

// §1: "sessions are capped"; peer-figures.md, failure 7.
TEST(SessionTest, SessionsAreCappedAndACloseFreesAPlace) {
  proto::EnclaveConfig config = TestConfig();
  config.set_max_client_sessions(3);
  TestHost host(config);
  host.Found();
  std::vector<TestClient> clients;
  for (uint64_t i = 0; i < 3; ++i) {
    clients.push_back(TestClient::Connected(&host, BackupIdOf(i)));
  }
  EXPECT_EQ(OpenError(&host), proto::ERROR_CLIENT_TOO_MANY);
  EXPECT_EQ(host.GetStatus().client_sessions(), 3u);
  // Those that are in go on.
  EXPECT_TRUE(clients[0].Call(TriesOf()).has_value());
  CloseByHost(&host, clients[1].id());
  EXPECT_EQ(OpenError(&host), proto::OK);
  EXPECT_EQ(OpenError(&host), proto::ERROR_CLIENT_TOO_MANY);
  // One that ends by its own fault frees its place, too.
  ASSERT_TRUE(clients[2].Send("garbage").ok());
  EXPECT_EQ(OpenError(&host), proto::OK);
  EXPECT_EQ(host.GetErrorCount(proto::ERROR_CLIENT_TOO_MANY), 2u);
}

TEST(SessionTest, PendingHandshakesAreCappedAndAHandshakeFreesAPlace) {
  proto::EnclaveConfig config = TestConfig();
  config.set_max_pending_handshakes(2);
  TestHost host(config);
  host.Found();
  std::optional<TestClient> first = TestClient::Open(&host, BackupIdOf(1));
  std::optional<TestClient> second = TestClient::Open(&host, BackupIdOf(2));
  EXPECT_EQ(OpenError(&host), proto::ERROR_CLIENT_TOO_MANY);
  ASSERT_TRUE(first->Handshake());
  EXPECT_EQ(OpenError(&host), proto::OK);
  EXPECT_EQ(OpenError(&host), proto::ERROR_CLIENT_TOO_MANY);
  ASSERT_TRUE(second->Send("not a handshake").ok());
  EXPECT_EQ(OpenError(&host), proto::OK);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_CLIENT_HANDSHAKES), 1u);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_CLIENT_HANDSHAKES_FAILED), 1u);
}

// §1: "There is no negotiation: a replica offers the one its configuration names (`client_pq`) …
// and a client that speaks the other gets an error of its own."
TEST(SessionTest, AReplicaSpeaksTheHandshakeOfItsConfigurationOnly) {
  for (const bool offered : {true, false}) {
    SCOPED_TRACE(offered);
    proto::EnclaveConfig config = TestConfig();
    config.set_client_pq(offered);
    TestHost host(config);
    host.Found();
    std::optional<TestClient> right = TestClient::Open(&host, BackupIdOf(1));
    ASSERT_TRUE(right->Handshake());
    EXPECT_TRUE(right->Call(TriesOf()).has_value());
    std::optional<TestClient> wrong = TestClient::Open(&host, BackupIdOf(2));
    ASSERT_TRUE(wrong->Send(wrong->HandshakeMessage(!offered)).ok());
    ExpectFin(*wrong, &host, proto::CLOSE_REASON_INVALID_ARGUMENT,
              proto::ERROR_CLIENT_WRONG_HANDSHAKE);
  }
}

// §1: "30 s without a read or write ends a session (configurable)".
// peer-figures.md, failure 7.
TEST(SessionTest, AnIdleSessionEndsExactlyAtTheLimit) {
  proto::EnclaveConfig config = TestConfig();
  config.set_session_idle_ticks(5);
  TestHost host(config);
  host.Found();
  TestClient established = TestClient::Connected(&host, BackupIdOf(1));
  std::optional<TestClient> pending = TestClient::Open(&host, BackupIdOf(2));
  host.Tick(4);
  EXPECT_FALSE(established.inbox().fin.has_value());
  EXPECT_FALSE(pending->inbox().fin.has_value());
  host.Tick();
  ExpectFin(established, &host, proto::CLOSE_REASON_NORMAL, proto::ERROR_CLIENT_IDLE);
  ExpectFin(*pending, &host, proto::CLOSE_REASON_NORMAL, proto::ERROR_CLIENT_IDLE);
  EXPECT_EQ(host.GetStatus().client_sessions(), 0u);
  EXPECT_EQ(CorePeer::sessions(&host.core())->pending_handshakes(), 0u);
}

TEST(SessionTest, ActivityPostponesTheEndOfASession) {
  proto::EnclaveConfig config = TestConfig();
  config.set_session_idle_ticks(5);
  TestHost host(config);
  host.Found();
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  for (int i = 0; i < 10; ++i) {
    host.Tick(4);
    ASSERT_TRUE(client.Call(TriesOf()).has_value());
  }
  host.Tick(5);
  EXPECT_EQ(client.inbox().fin, proto::CLOSE_REASON_NORMAL);
}

TEST(SessionTest, ABusySessionIsNotIdle) {
  proto::EnclaveConfig config = TestConfig();
  config.set_session_idle_ticks(5);
  TestHost host(config);
  host.Found();
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  const auto session = CorePeer::session(&host.core(), client.id());
  const auto begin = [&session] {  // As while its request waits for a quorum.
    util::MutexLock lock(session->mutex());
    session->BeginRequest(1);
  };
  begin();
  host.Tick(20);
  EXPECT_FALSE(client.inbox().fin.has_value());
  {
    util::MutexLock lock(session->mutex());
    session->EndRequest();
  }
  host.Tick(5);
  EXPECT_EQ(client.inbox().fin, proto::CLOSE_REASON_NORMAL);
}

// Regression: a session whose request was lost when memory ran out stayed for ever.
TEST(SessionTest, ASessionWhoseRequestWasLostEndsAsUnknown) {
  proto::EnclaveConfig config = TestConfig();
  config.set_session_idle_ticks(5);
  config.set_client_request_timeout_ticks(7);
  TestHost host(config);
  host.Found();
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  {
    const auto session = CorePeer::session(&host.core(), client.id());
    util::MutexLock lock(session->mutex());
    session->BeginRequest(1);
  }
  host.Tick(7);
  EXPECT_FALSE(client.inbox().fin.has_value());
  host.Tick(5);
  ExpectFin(client, &host, proto::CLOSE_REASON_UNKNOWN, proto::ERROR_CORE_REQUEST_TIMEOUT);
}

// §1: "one incoming item ≤ 128 KiB".
TEST(SessionTest, AnItemAboveTheLimitEndsTheSessionAndOneBelowIsServed) {
  TestHost host;
  host.Found();
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  ASSERT_TRUE(client.Send(std::string(client::kMaxItemBytes + 1, 'x')).ok());
  ExpectFin(client, &host, proto::CLOSE_REASON_INVALID_ARGUMENT,
            proto::ERROR_CLIENT_ITEM_TOO_LARGE);

  TestClient at_limit = TestClient::Connected(&host, BackupIdOf(1));
  ASSERT_TRUE(at_limit.Send(std::string(client::kMaxItemBytes, 'x')).ok());
  EXPECT_NE(at_limit.inbox().fin_error, proto::ERROR_CLIENT_ITEM_TOO_LARGE);
  EXPECT_EQ(at_limit.inbox().fin, proto::CLOSE_REASON_INVALID_ARGUMENT);

  // Two full pieces of transport, mostly a field that this version does not know.
  TestClient large = TestClient::Connected(&host, BackupIdOf(1));
  std::string plaintext = TriesOf().SerializeAsString();
  const size_t filling = 2 * noise::kMaxPieceBytes - plaintext.size() - 5;
  plaintext += "\xfa\x01";  // Field 31, bytes.
  for (size_t rest = filling; rest > 0; rest >>= 7) {
    plaintext += static_cast<char>((rest & 0x7f) | (rest >> 7 != 0 ? 0x80 : 0));
  }
  plaintext += std::string(filling, 'x');
  const std::string item = large.Encrypt(plaintext);
  ASSERT_EQ(item.size(), 2 * noise::kMaxMessageBytes);
  ASSERT_TRUE(large.Send(item).ok());
  ASSERT_EQ(large.inbox().items.size(), 1u);
  EXPECT_TRUE(large.Decrypt(large.inbox().items.front()).has_value());
}

TEST(SessionTest, GarbageForAHandshakeEndsTheSessionAsInvalid) {
  TestHost host;
  host.Found();
  for (size_t size = 0; size <= 100; ++size) {
    std::optional<TestClient> client = TestClient::Open(&host, BackupIdOf(1));
    ASSERT_TRUE(client->Send(std::string(size, 'g')).ok());
    EXPECT_EQ(client->inbox().fin, proto::CLOSE_REASON_INVALID_ARGUMENT) << size;
    EXPECT_TRUE(client->inbox().items.empty()) << size;
  }
  std::optional<TestClient> model = TestClient::Open(&host, BackupIdOf(1));
  const size_t message_bytes = model->HandshakeMessage().size();
  for (size_t byte = 0; byte < message_bytes; ++byte) {
    std::optional<TestClient> client = TestClient::Open(&host, BackupIdOf(1));
    std::string message = client->HandshakeMessage();
    message[byte] = static_cast<char>(message[byte] ^ 0x40);
    ASSERT_TRUE(client->Send(message).ok());
    EXPECT_EQ(client->inbox().fin, proto::CLOSE_REASON_INVALID_ARGUMENT) << byte;
  }
  EXPECT_EQ(host.GetStatus().client_sessions(), 1u);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_CLIENT_HANDSHAKES_FAILED), 101 + message_bytes);
}

TEST(SessionTest, TamperedReplayedAndReorderedItemsEndTheSessionAndAppendNothing) {
  TestHost host;
  host.Found();
  const uint64_t index = host.GetStatus().last_index();
  const std::string request = DeleteOf().SerializeAsString();
  TestClient tampered = TestClient::Connected(&host, BackupIdOf(1));
  std::string item = tampered.Encrypt(request);
  item.back() = static_cast<char>(item.back() ^ 1);
  ASSERT_TRUE(tampered.Send(item).ok());
  ExpectFin(tampered, &host, proto::CLOSE_REASON_INVALID_ARGUMENT,
            proto::ERROR_NOISE_DECRYPT_FAILED);

  TestClient reordered = TestClient::Connected(&host, BackupIdOf(1));
  (void)reordered.Encrypt(request);
  ASSERT_TRUE(reordered.Send(reordered.Encrypt(request)).ok());
  ExpectFin(reordered, &host, proto::CLOSE_REASON_INVALID_ARGUMENT,
            proto::ERROR_NOISE_DECRYPT_FAILED);

  TestClient other = TestClient::Connected(&host, BackupIdOf(1));
  TestClient sender = TestClient::Connected(&host, BackupIdOf(1));
  ASSERT_TRUE(other.Send(sender.Encrypt(request)).ok());
  EXPECT_EQ(other.inbox().fin_error, proto::ERROR_NOISE_DECRYPT_FAILED);
  EXPECT_EQ(host.GetStatus().last_index(), index);

  TestClient replayed = TestClient::Connected(&host, BackupIdOf(1));
  item = replayed.Encrypt(request);
  ASSERT_TRUE(replayed.Send(item).ok());
  ASSERT_EQ(replayed.inbox().items.size(), 1u);
  ASSERT_TRUE(replayed.Send(item).ok());
  ExpectFin(replayed, &host, proto::CLOSE_REASON_INVALID_ARGUMENT,
            proto::ERROR_NOISE_DECRYPT_FAILED);
  EXPECT_EQ(host.GetStatus().last_index(), index + 1);
}

TEST(SessionTest, WhatIsNoRequestEndsTheSessionAsInvalid) {
  TestHost host;
  host.Found();
  const uint64_t index = host.GetStatus().last_index();
  for (const std::string& plaintext : {std::string(), std::string("\xff"), std::string("\x12\x7f"),
                                       std::string(200, '\x12'), std::string(1, '\0')}) {
    TestClient client = TestClient::Connected(&host, BackupIdOf(1));
    ASSERT_TRUE(client.Send(client.Encrypt(plaintext)).ok());
    ExpectFin(client, &host, proto::CLOSE_REASON_INVALID_ARGUMENT,
              proto::ERROR_CLIENT_MALFORMED_REQUEST);
  }
  EXPECT_EQ(host.GetStatus().last_index(), index);
}

// boundary.proto: "What it asked may still be applied; nothing more comes out for it."
TEST(SessionTest, AfterACloseByTheHostNothingMoreComesOut) {
  TestHost host;
  host.Found();
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  proto::HostToEnclaveMessage message;
  proto::ClientInput* input = message.add_items()->mutable_client();
  input->set_client_id(client.id());
  input->set_data(client.Encrypt(BackupOf(kData, "1234", 3).SerializeAsString()));
  message.add_items()->mutable_client_close()->set_client_id(client.id());
  ASSERT_TRUE(host.Input(message).ok());
  EXPECT_EQ(host.GetStatus().rows(), 1u);
  EXPECT_FALSE(client.inbox().fin.has_value());
  EXPECT_EQ(host.GetStatus().client_sessions(), 0u);

  // The other way round, the request meets no session.
  TestClient late = TestClient::Connected(&host, BackupIdOf(1));
  message.Clear();
  message.add_items()->mutable_client_close()->set_client_id(late.id());
  input = message.add_items()->mutable_client();
  input->set_client_id(late.id());
  input->set_data(late.Encrypt(DeleteOf().SerializeAsString()));
  ASSERT_TRUE(host.Input(message).ok());
  ExpectFin(late, &host, proto::CLOSE_REASON_NOT_APPLIED, proto::ERROR_CLIENT_UNKNOWN);
  EXPECT_EQ(host.GetStatus().rows(), 1u);
}

TEST(SessionTest, MessagesAfterTheEndAreNotApplied) {
  TestHost host;
  host.Found();
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  const std::string good = client.Encrypt(BackupOf(kData, "1234", 3).SerializeAsString());
  ASSERT_TRUE(client.Send("garbage").ok());
  EXPECT_EQ(client.inbox().fin, proto::CLOSE_REASON_INVALID_ARGUMENT);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Send(good).ok());
    ExpectFin(client, &host, proto::CLOSE_REASON_NOT_APPLIED, proto::ERROR_CLIENT_UNKNOWN);
    CloseByHost(&host, client.id());
  }
  EXPECT_EQ(host.GetStatus().rows(), 0u);
  EXPECT_TRUE(client.inbox().items.empty());
}

TEST(SessionTest, ClientIdsAreNeverUsedAgain) {
  TestHost host;
  host.Found();
  std::set<uint64_t> ids;
  for (int i = 0; i < 200; ++i) {
    std::optional<TestClient> client = TestClient::Open(&host, BackupIdOf(1));
    EXPECT_NE(client->id(), 0u);
    EXPECT_TRUE(ids.insert(client->id()).second);
    CloseByHost(&host, client->id());
  }
}

}  // namespace
}  // namespace svr2::core
