// SPDX-License-Identifier: Apache-2.0
//
// Consensus messages of several peers in one input: they are decided on together, and before
// whatever comes after them.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/core_peer_testing.h"
#include "core/hosts_testing.h"

namespace svr2::core {
namespace {

// The leader of three has sent an entry to both followers; their answers are at hand and not yet
// handed in.
class GatheredMessagesTest : public testing::Test {
 protected:
  void SetUp() override {
    group_.Form(3);
    leader_ = *group_.Leader();
    for (size_t i = 0; i < group_.size(); ++i) {
      if (i != leader_) followers_.push_back(i);
    }
    client_.emplace(TestClient::Connected(&leader(), BackupIdOf(7)));
    ASSERT_TRUE(client_->Send(client_->Encrypt(TriesOf().SerializeAsString())).ok());
    ToFollowers();
  }

  TestHost& leader() { return group_.host(leader_); }
  raft::Raft& raft() { return *CorePeer::raft(&leader().core()); }

  // Carries what the leader sends, and makes of what the followers answer an input for the leader.
  // Returns how many messages the leader sent.
  size_t ToFollowers() {
    answers_.Clear();
    const std::deque<proto::PeerOutput> sent = leader().TakePeerOutput();
    for (const proto::PeerOutput& output : sent) {
      for (const size_t follower : followers_) {
        if (group_.id(follower) != output.peer_id()) continue;
        proto::HostToEnclaveMessage input;
        Add(leader_, output.data(), &input);
        EXPECT_TRUE(group_.host(follower).Input(input).ok());
        for (const proto::PeerOutput& answer : group_.host(follower).TakePeerOutput()) {
          Add(follower, answer.data(), &answers_);
        }
      }
    }
    return sent.size();
  }
  void Add(size_t from, const std::string& data, proto::HostToEnclaveMessage* input) {
    proto::PeerInput* const peer = input->add_items()->mutable_peer();
    peer->set_peer_id(group_.id(from));
    peer->set_data(data);
  }

  TestGroup group_;
  size_t leader_ = 0;
  std::vector<size_t> followers_;
  std::optional<TestClient> client_;
  proto::HostToEnclaveMessage answers_;
};

TEST_F(GatheredMessagesTest, AnswersThatComeTogetherAreFollowedUpOnce) {
  ASSERT_EQ(answers_.items_size(), 2);
  const uint64_t outputs = leader().GetCounter(proto::COUNTER_HOST_OUTPUTS);
  ASSERT_TRUE(leader().Input(answers_).ok());
  EXPECT_EQ(ToFollowers(), 2u) << "news of the promise";
  ASSERT_EQ(answers_.items_size(), 2);
  ASSERT_TRUE(leader().Input(answers_).ok());
  EXPECT_EQ(ToFollowers(), 2u) << "news of the commit";
  EXPECT_EQ(answers_.items_size(), 0);
  ASSERT_TRUE(leader().TakeItem(client_->id()).has_value());
  // One for each of the two inputs, and the counter's own.
  EXPECT_EQ(leader().GetCounter(proto::COUNTER_HOST_OUTPUTS) - outputs, 3u);
  for (const size_t follower : followers_) {
    EXPECT_EQ(group_.host(follower).GetStatus().applied_index(), raft().applied_index());
  }
}

TEST_F(GatheredMessagesTest, WhatComesAfterThemFindsThemDecidedOn) {
  const uint64_t promise = raft().promise_index();
  answers_.add_items()->mutable_request()->set_id(1'000'000);
  answers_.mutable_items()->rbegin()->mutable_request()->mutable_status();
  ASSERT_TRUE(leader().Input(answers_).ok());
  EXPECT_EQ(leader().replies().at(1'000'000).status().promise_index(), promise + 1);
}

// The same for what ends a session: its last words count.
TEST_F(GatheredMessagesTest, AnAnswerBeforeAResetCounts) {
  const std::string answer = answers_.items(0).peer().data();
  // A RST names the session by the tag that stands in each of its messages (peers/wire.h).
  const std::string reset = '\x04' + answer.substr(1, 8);
  answers_.mutable_items()->DeleteSubrange(1, 1);
  *answers_.add_items() = answers_.items(0);
  answers_.mutable_items(1)->mutable_peer()->set_data(reset);
  const uint64_t promise = raft().promise_index();
  const uint64_t resets = leader().GetCounter(proto::COUNTER_PEER_RESETS);
  ASSERT_TRUE(leader().Input(answers_).ok());
  EXPECT_EQ(leader().GetCounter(proto::COUNTER_PEER_RESETS), resets + 1);
  EXPECT_EQ(raft().promise_index(), promise + 1);
}

TEST_F(GatheredMessagesTest, NothingIsDecidedOnOldMemory) {
  const uint64_t promise = raft().promise_index();
  raft::Raft* const memory = &raft();
  const std::string before = CopyOf(memory, sizeof(*memory));
  ASSERT_TRUE(leader().Input(answers_).ok());
  ASSERT_EQ(ToFollowers(), 2u);
  for (const integrity::OldMemory& word : ChangedWords(memory, before, promise, promise + 1)) {
    word.Restore();
  }
  (void)leader().Input(answers_).ok();
  // By the tree, or before by consensus, where a follower promised more than this.
  EXPECT_TRUE(leader().stopped().has_value());
  EXPECT_TRUE(leader().TakePeerOutput().empty());
  EXPECT_FALSE(leader().TakeItem(client_->id()).has_value());
}

}  // namespace
}  // namespace svr2::core
