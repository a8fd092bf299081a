// SPDX-License-Identifier: Apache-2.0
//
// What a client is told about a request on a replica that does not lead: the table in protocol.md
// §3, row by row and way by way.

#include <gtest/gtest.h>

#include "core/core_peer_testing.h"
#include "core/hosts_testing.h"

namespace svr2::core {
namespace {

const char kData[] = "a secret of 32 bytes, quite enou";

class ForwardTest : public testing::Test {
 protected:
  ForwardTest() {
    group_.Form(3);
    leader_ = *group_.Leader();
    follower_ = group_.FollowerOf(leader_);
    other_ = 3 - leader_ - follower_;
  }

  TestClient Client(size_t i) { return TestClient::Connected(&group_.host(i), BackupIdOf(1)); }

  // The request's session ended: for this reason.
  void ExpectEnd(TestClient* client, proto::CloseReason fin) {
    ASSERT_TRUE(client->inbox().fin.has_value());
    EXPECT_EQ(*client->inbox().fin, fin) << proto::Error_Name(client->inbox().fin_error);
  }

  Status Send(TestClient* client, const proto::Request& request) {
    return client->Send(client->Encrypt(request.SerializeAsString()));
  }

  bool Over(TestClient* client) {
    return client->inbox().fin.has_value() || !client->inbox().items.empty();
  }

  TestGroup group_;
  size_t leader_ = 0;
  size_t follower_ = 0;
  size_t other_ = 0;
};

// Row 1, no leader known: not applied.
TEST_F(ForwardTest, WithoutALeaderNothingIsApplied) {
  TestClient client = Client(follower_);
  group_.Kill(leader_);
  group_.Kill(other_);
  group_.Tick(60);
  if (!client.inbox().fin.has_value()) {
    ASSERT_TRUE(Send(&client, BackupOf(kData, "1234", 3)).ok());
  }
  ASSERT_TRUE(group_.TickUntil([&] { return client.inbox().fin.has_value(); }, 400));
  ExpectEnd(&client, proto::CLOSE_REASON_NOT_APPLIED);
}

// Row 1, no session with the leader: nothing was sent.
TEST_F(ForwardTest, WithoutASessionWithTheLeaderNothingIsApplied) {
  TestClient client = Client(follower_);
  proto::HostRequest reset;
  reset.mutable_reset_peer()->set_peer_id(group_.id(leader_));
  ASSERT_EQ(group_.host(follower_).Ask(std::move(reset)).error(), proto::OK);
  ASSERT_TRUE(Send(&client, BackupOf(kData, "1234", 3)).ok());
  ExpectEnd(&client, proto::CLOSE_REASON_NOT_APPLIED);
}

// Row 1, refused by the leader: its answer goes to the client at once.
TEST_F(ForwardTest, WhatTheLeaderRefusesIsNotApplied) {
  TestClient client = Client(follower_);
  group_.host(leader_).env().SetHeap(size_t{1} << 40, size_t{1} << 40);
  EXPECT_FALSE(group_.Call(follower_, &client, BackupOf(kData, "1234", 3)).has_value());
  ExpectEnd(&client, proto::CLOSE_REASON_NOT_APPLIED);
  EXPECT_EQ(client.inbox().fin_error, proto::ERROR_DB_HEAP_FULL);
}

// Row 2. That the commit overtakes the leader's answer, failure 2 of peer-figures.md, is brought
// about in core/known_failures_test.cc.
TEST_F(ForwardTest, ACommitThatArrivesBeforeTheAnswerFindsItsRequest) {
  TestClient client = Client(follower_);
  // The group's news reaches the follower through its log alone: the leader's answer to the forward
  // is told apart by nothing, so the whole session stays, but its clients wait for the log only.
  const auto response = group_.Call(follower_, &client, BackupOf(kData, "1234", 3));
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->backup().status(), proto::BackupResponse::OK);
  EXPECT_EQ(ReplicaPeer::waiting(CorePeer::replica(&group_.host(follower_).core())), 0u);
}

// Row 4, forward unanswered: unknown, and failure 3: there is a time limit.
TEST_F(ForwardTest, AForwardThatIsNeverAnsweredIsUnknown) {
  TestClient client = Client(follower_);
  group_.Filter(
      [&](size_t from, size_t to, std::string*) { return !(from == follower_ && to == leader_); });
  ASSERT_TRUE(Send(&client, BackupOf(kData, "1234", 3)).ok());
  ASSERT_TRUE(group_.TickUntil([&] { return client.inbox().fin.has_value(); }, 100));
  ExpectEnd(&client, proto::CLOSE_REASON_UNKNOWN);
}

// Row 4, peer reset.
TEST_F(ForwardTest, WhenTheSessionWithTheLeaderEndsTheForwardIsUnknown) {
  TestClient client = Client(follower_);
  group_.Pause(leader_, true);
  ASSERT_TRUE(Send(&client, BackupOf(kData, "1234", 3)).ok());
  group_.Settle();
  EXPECT_FALSE(Over(&client));
  proto::HostToEnclaveMessage message;
  message.add_items()->mutable_peer_reset()->set_peer_id(group_.id(leader_));
  ASSERT_TRUE(group_.host(follower_).Input(message).ok());
  ExpectEnd(&client, proto::CLOSE_REASON_UNKNOWN);
}

// Row 4, timeout: appended by the leader, but never committed. peer-figures.md, failure 3.
TEST_F(ForwardTest, AnEntryThatIsNotCommittedInTimeIsUnknown) {
  TestClient client = Client(leader_);
  group_.Pause(follower_, true);
  group_.Pause(other_, true);
  ASSERT_TRUE(Send(&client, BackupOf(kData, "1234", 3)).ok());
  ASSERT_TRUE(group_.TickUntil([&] { return client.inbox().fin.has_value(); }, 100));
  ExpectEnd(&client, proto::CLOSE_REASON_UNKNOWN);
  EXPECT_EQ(client.inbox().fin_error, proto::ERROR_CORE_REQUEST_TIMEOUT);
  EXPECT_EQ(ReplicaPeer::waiting(CorePeer::replica(&group_.host(leader_).core())), 0u);
}

// Row 3: another leader's entry stands at that index.
TEST_F(ForwardTest, AnEntryThatAnotherLeadersReplacedIsNotApplied) {
  TestClient client = Client(leader_);
  // Cut off, the old leader appends what nobody else gets.
  group_.CutBoth(leader_, follower_);
  group_.CutBoth(leader_, other_);
  ASSERT_TRUE(Send(&client, BackupOf(kData, "1234", 3)).ok());
  ASSERT_FALSE(Over(&client));
  ASSERT_TRUE(group_.TickUntil(
      [&] {
        const proto::RaftRole role = group_.host(follower_).GetStatus().role();
        return role == proto::RAFT_ROLE_LEADER ||
               group_.host(other_).GetStatus().role() == proto::RAFT_ROLE_LEADER;
      },
      45));
  group_.Heal();
  ASSERT_TRUE(group_.TickUntil([&] { return client.inbox().fin.has_value(); }, 100));
  // Its own time limit may have come first.
  if (client.inbox().fin_error != proto::ERROR_CORE_REQUEST_TIMEOUT) {
    ExpectEnd(&client, proto::CLOSE_REASON_NOT_APPLIED);
    EXPECT_EQ(client.inbox().fin_error, proto::ERROR_RAFT_ENTRY_REPLACED);
  }
}

// Row 4, removal.
TEST_F(ForwardTest, AReplicaThatIsRemovedTellsItsClientsUnknown) {
  const size_t fourth = group_.Join();
  ASSERT_TRUE(group_.TickUntil([&] { return group_.host(fourth).GetStatus().voting(); }));
  TestClient client = Client(follower_);
  // The forward does not get through, and then the replica is removed.
  group_.Filter(
      [&](size_t from, size_t to, std::string*) { return !(from == follower_ && to == leader_); });
  ASSERT_TRUE(Send(&client, BackupOf(kData, "1234", 3)).ok());
  group_.Settle();
  proto::HostRequest remove;
  remove.mutable_change_membership()->set_kind(proto::MEMBERSHIP_CHANGE_REMOVE);
  remove.mutable_change_membership()->set_peer_id(group_.id(follower_));
  (void)group_.Ask(leader_, std::move(remove), 30);
  ASSERT_TRUE(group_.TickUntil([&] { return client.inbox().fin.has_value(); }, 100));
  ExpectEnd(&client, proto::CLOSE_REASON_UNKNOWN);
}

// design.md §4: requests that arrive together travel together.
TEST_F(ForwardTest, RequestsThatArriveTogetherTravelTogether) {
  std::vector<TestClient> clients;
  for (uint64_t i = 0; i < 32; ++i) {
    clients.push_back(TestClient::Connected(&group_.host(follower_), BackupIdOf(i)));
  }
  group_.Tick(30);
  const uint64_t before = group_.messages();
  proto::HostToEnclaveMessage message;
  for (TestClient& client : clients) {
    proto::ClientInput* input = message.add_items()->mutable_client();
    input->set_client_id(client.id());
    input->set_data(client.Encrypt(BackupOf(kData, "1234", 3).SerializeAsString()));
  }
  ASSERT_TRUE(group_.host(follower_).Input(message).ok());
  group_.Settle();
  for (TestClient& client : clients) EXPECT_FALSE(client.inbox().items.empty());
  EXPECT_LE(group_.messages() - before, 12u);
}

}  // namespace
}  // namespace svr2::core
