// SPDX-License-Identifier: Apache-2.0
//
// An operator who swaps memory pages, against a whole core: each piece of old memory that is put
// back stops the replica for good at its next use, and nothing that was decided on it gets out.
// The sentences in comments are from protocol.md unless another page is named.

#include <gtest/gtest.h>

#include <algorithm>

#include "core/core_peer_testing.h"
#include "core/core_testing.h"
#include "db/database_testing.h"
#include "integrity/tree_testing.h"
#include "raft/raft_testing.h"

namespace svr2::core {
namespace {

const char kData[] = "a secret of 32 bytes, quite enou";
const char kPin[] = "1234";
constexpr uint32_t kMaxTries = 5;

// A core with one exposed row and a client connected to it; every byte that comes out is kept.
class Attacked {
 public:
  Attacked() : host_(), client_(Connect(&host_)) {
    SVR2_CHECK(client_.Call(BackupOf(kData, kPin, kMaxTries)).has_value());
    SVR2_CHECK(client_.Call(ExposeOf(kData)).has_value());
  }

  TestHost& host() { return host_; }
  Core& core() { return host_.core(); }
  TestClient& client() { return client_; }
  db::Database* db() { return CorePeer::db(&core()); }

  // A wrong guess that is answered as such.
  void Guess() {
    const auto response = client_.Call(RestoreOf("wrong"));
    ASSERT_TRUE(response.has_value());
    ASSERT_EQ(response->restore().status(), proto::RestoreResponse::PIN_MISMATCH);
  }

  // The request that meets the old memory gets ERROR, or its session ends as unknown, or (unless
  // it must be `told`) the replica stops without a word; afterwards nothing is left.
  void ExpectStopsAt(const proto::Request& request, const std::string& what, bool told = false) {
    SCOPED_TRACE(what);
    const auto response = client_.Call(request);
    if (told) {
      EXPECT_EQ(response.has_value(), request.has_restore() || request.has_expose());
      EXPECT_NE(response.has_value(), client_.inbox().fin.has_value());
    }
    if (response.has_value()) {
      if (request.has_restore()) {
        EXPECT_EQ(response->restore().status(), proto::RestoreResponse::ERROR);
        EXPECT_TRUE(response->restore().data().empty());
        EXPECT_EQ(response->restore().tries(), 0u);
      } else {
        ASSERT_TRUE(request.has_expose());
        EXPECT_EQ(response->expose().status(), proto::ExposeResponse::ERROR);
      }
    } else if (client_.inbox().fin.has_value()) {
      EXPECT_EQ(*client_.inbox().fin, proto::CLOSE_REASON_UNKNOWN);
    }
    ExpectStopped();
  }

  void ExpectStopped() {
    EXPECT_EQ(host_.stopped(), proto::ERROR_INTEGRITY_MISMATCH);
    // "it applies and answers nothing more, wipes its database"
    EXPECT_EQ(host_.Input(proto::HostToEnclaveMessage()).error(), proto::ERROR_CORE_STOPPED);
    EXPECT_FALSE(client_.Call(TriesOf()).has_value());
    EXPECT_TRUE(db()->stopped());
    EXPECT_EQ(db()->rows(), 0u);
    EXPECT_EQ(db()->heap_bytes(), 0u);
    EXPECT_EQ(CorePeer::raft(&core())->log().entries(), 0u);
    EXPECT_EQ(CorePeer::sessions(&core())->sessions(), 0u);
    EXPECT_FALSE(CorePeer::Locked(&core()));
  }

 private:
  static TestClient Connect(TestHost* host) {
    host->Found();
    return TestClient::Connected(host, BackupIdOf(1));
  }

  TestHost host_;
  TestClient client_;
};

std::vector<proto::Request> AllRequests() {
  return {BackupOf(kData, kPin, kMaxTries),
          RestoreOf(kPin),
          RestoreOf("wrong"),
          ExposeOf(kData),
          DeleteOf(),
          TriesOf()};
}

// §2: "Integrity failure at any access (backup, restore, expose, tries, delete …): that request
// gets ERROR and the replica stops for good". Each changed piece of the row's memory, by each
// request.
// peer-figures.md, failure 6: deletes, tries and what is missing are requests as any.
TEST(IntegrityTest, EachOldPieceOfTheDatabaseStopsTheReplicaAtEachRequest) {
  for (const bool whole_blocks : {false, true}) {
    for (const proto::Request& request : AllRequests()) {
      size_t pieces = 1;
      for (size_t piece = 0; piece < pieces; ++piece) {
        Attacked attacked;
        const auto old = db::DatabasePeer::Snapshot(attacked.db(), whole_blocks);
        ASSERT_NO_FATAL_FAILURE(attacked.Guess());
        std::vector<const db::OldRegion*> changed;
        for (const auto& region : old) {
          if (region.Changed()) changed.push_back(&region);
        }
        pieces = changed.size();
        ASSERT_GE(pieces, 2u);
        changed[piece]->Restore();
        attacked.ExpectStopsAt(
            request, changed[piece]->name() + ", request " + std::to_string(request.inner_case()),
            true);
      }
    }
  }
}

// §2: "That attack is a test": the whole database of before the guesses, consistent in itself.
TEST(IntegrityTest, TheWholeOldDatabaseStopsTheReplicaAtEachRequest) {
  for (const proto::Request& request : AllRequests()) {
    Attacked attacked;
    const auto rows = db::DatabasePeer::Snapshot(attacked.db(), true);
    const db::OldRegion root(db::DatabasePeer::RootField(attacked.db()));
    for (uint32_t i = 0; i + 1 < kMaxTries; ++i) ASSERT_NO_FATAL_FAILURE(attacked.Guess());
    for (const auto& region : rows) region.Restore();
    root.Restore();
    attacked.ExpectStopsAt(request, "request " + std::to_string(request.inner_case()));
    // Not even told that a guess was wrong.
    EXPECT_EQ(attacked.client().inbox().items.size(), 0u);
  }
}

// design.md §4 "Integrity": "applied, promise and commit index with their hashes". Each word of the
// consensus object that went along with the index is put back on its own.
TEST(IntegrityTest, EachOldIndexOfConsensusStopsTheReplica) {
  size_t words = 1;
  size_t stopped = 0;
  for (size_t word = 0; word < words; ++word) {
    Attacked attacked;
    raft::Raft* const raft = CorePeer::raft(&attacked.core());
    const std::string before = CopyOf(raft, sizeof(*raft));
    const uint64_t old_index = raft->last_index();
    ASSERT_NO_FATAL_FAILURE(attacked.Guess());
    const auto changed = ChangedWords(raft, before, old_index, old_index + 1);
    words = changed.size();
    changed[word].Restore();
    attacked.client().Call(RestoreOf("wrong"));
    if (attacked.host().stopped().has_value()) {
      ++stopped;
      EXPECT_TRUE(attacked.client().inbox().items.empty());
      attacked.ExpectStopped();
      continue;
    }
    // The only one that decides nothing: what all members acknowledged, known anew at each entry.
    const auto response = attacked.client().Call(TriesOf());
    ASSERT_TRUE(response.has_value()) << changed[word].name;
    EXPECT_EQ(response->tries().tries(), kMaxTries - 2) << changed[word].name;
  }
  // Last, promise, commit, applied, and what was handed out for applying.
  EXPECT_GE(stopped, 5u);
  EXPECT_LE(words - stopped, 1u);
}

// Regression: the index up to which committed entries were handed out was outside of the tree, so
// that an operator could have entries applied twice.
TEST(IntegrityTest, EntriesAreNeverHandedOutForApplyingTwice) {
  Attacked attacked;
  raft::Raft* const raft = CorePeer::raft(&attacked.core());
  const std::string before = CopyOf(raft, sizeof(*raft));
  const uint64_t old_index = raft->last_index();
  for (int i = 0; i < 2; ++i) ASSERT_NO_FATAL_FAILURE(attacked.Guess());
  for (const auto& word : ChangedWords(raft, before, old_index, old_index + 2)) {
    const integrity::OldMemory now(word.name, word.data, word.bytes.size());
    word.Restore();
    if (raft->promise_index() == raft->commit_index() &&
        raft->commit_index() == raft->applied_index() &&
        raft->applied_index() == raft->last_index() && raft->last().index == raft->last_index()) {
      // None of those that the tree covers: it must be this one, or the acknowledged index.
      const uint64_t guesses = attacked.host().GetCounter(proto::COUNTER_RESTORES_PIN_MISMATCH);
      attacked.host().Tick();
      if (attacked.host().stopped().has_value()) return attacked.ExpectStopped();
      EXPECT_EQ(attacked.host().GetCounter(proto::COUNTER_RESTORES_PIN_MISMATCH), guesses);
    }
    now.Restore();
  }
  FAIL() << "no old word let the replica stop";
}

// The hash of the last entry, too: a log of the same length with another history.
TEST(IntegrityTest, AnOldHashOfTheLogStopsTheReplica) {
  Attacked attacked;
  raft::Raft* const raft = CorePeer::raft(&attacked.core());
  const raft::Hash old_hash = raft->last().hash;
  ASSERT_NO_FATAL_FAILURE(attacked.Guess());
  const raft::Hash hash = raft->last().hash;
  char* const begin = reinterpret_cast<char*>(raft);
  char* const end = begin + sizeof(*raft);
  char* const found = std::search(begin, end, hash.begin(), hash.end(),
                                  [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
  ASSERT_NE(found, end);
  std::copy(old_hash.begin(), old_hash.end(), reinterpret_cast<uint8_t*>(found));
  attacked.ExpectStopsAt(RestoreOf(kPin), "hash");
}

// design.md §4: "term, vote, membership".
TEST(IntegrityTest, AnotherMembershipOrRoleStopsTheReplicaAtTheNextTick) {
  {
    Attacked attacked;
    // One member more, that no entry ever added.
    util::Bytes encoded = {1, 2};
    encoded.resize(encoded.size() + 32 + 1);
    util::Append(&encoded, attacked.core().peer_id());
    encoded.push_back(1);
    const auto other = raft::Membership::Decode(encoded);
    ASSERT_TRUE(other.ok());
    raft::RaftTesting::SetMembership(CorePeer::raft(&attacked.core()), *other);
    attacked.host().Tick();
    attacked.ExpectStopped();
  }
  {
    Attacked attacked;
    raft::RaftTesting::StepDown(CorePeer::raft(&attacked.core()));
    EXPECT_FALSE(attacked.client().Call(RestoreOf(kPin)).has_value());
    EXPECT_EQ(attacked.client().inbox().fin, proto::CLOSE_REASON_NOT_APPLIED);
    attacked.host().Tick();
    attacked.ExpectStopped();
  }
}

TEST(IntegrityTest, OtherMinimumsStopTheReplica) {
  proto::MinimumLimits limits;
  (*limits.mutable_lim())["floor"] = minimums::Minimums::Value(7);
  for (const proto::Request& request : AllRequests()) {
    Attacked attacked;
    *ReplicaPeer::minimums(CorePeer::replica(&attacked.core())) =
        *minimums::Minimums::FromProto(limits);
    attacked.ExpectStopsAt(request, "minimums");
    EXPECT_TRUE(attacked.client().inbox().items.empty());
  }
}

// Nodes of the tree itself.
TEST(IntegrityTest, EachOldNodeOfTheTreeStopsTheReplica) {
  size_t nodes = 1;
  for (size_t node = 0; node < nodes; ++node) {
    Attacked attacked;
    integrity::TagTree* const tags = integrity::TreePeer::tags(CorePeer::tree(&attacked.core()));
    const auto old = integrity::TreePeer::Nodes(tags);
    ASSERT_NO_FATAL_FAILURE(attacked.Guess());
    std::vector<const integrity::OldMemory*> changed;
    for (const auto& memory : old) {
      if (memory.Changed()) changed.push_back(&memory);
    }
    nodes = changed.size();
    ASSERT_GE(nodes, 1u);
    changed[node]->Restore();
    attacked.ExpectStopsAt(RestoreOf(kPin), changed[node]->name);
    EXPECT_TRUE(attacked.client().inbox().items.empty());
  }
}

// design.md §7, 5: "In client sessions … the same holds for rollback of single memory regions".
TEST(IntegrityTest, ARolledBackSessionGetsNoSecondAnswerUnderOneNonce) {
  // Each word that counted on, then the whole object, with the next request and with the old one.
  for (const bool replay : {false, true}) {
    size_t pieces = 1;
    for (size_t piece = 0; piece <= pieces; ++piece) {
      Attacked attacked;
      const auto session = CorePeer::session(&attacked.core(), attacked.client().id());
      const std::string before = CopyOf(session.get(), sizeof(*session));
      // Two requests were answered: backup and expose.
      const std::string item = attacked.client().Encrypt(RestoreOf("wrong").SerializeAsString());
      ASSERT_TRUE(attacked.client().Send(item).ok());
      ASSERT_EQ(attacked.client().inbox().items.size(), 1u);
      attacked.client().inbox().items.clear();
      const auto counters = ChangedWords(session.get(), before, 2, 3);
      pieces = counters.size();
      ASSERT_EQ(pieces, 2u) << "the send and the receive counter";
      if (piece < pieces) {
        counters[piece].Restore();
      } else {
        std::memcpy(static_cast<void*>(session.get()), before.data(), before.size());
      }
      const uint64_t index = attacked.host().GetStatus().last_index();
      ASSERT_TRUE(
          attacked.client()
              .Send(replay ? item : attacked.client().Encrypt(RestoreOf(kPin).SerializeAsString()))
              .ok());
      EXPECT_TRUE(attacked.client().inbox().items.empty()) << piece;
      EXPECT_EQ(CorePeer::raft(&attacked.core())->last_index(), index);
      attacked.ExpectStopped();
    }
  }
}

// A replica that stopped is not woken by putting back the flags that say so.
TEST(IntegrityTest, OldFlagsDoNotWakeAStoppedReplica) {
  Attacked attacked;
  const auto old = db::DatabasePeer::Snapshot(attacked.db(), true);
  ASSERT_NO_FATAL_FAILURE(attacked.Guess());
  for (const auto& region : old) region.Restore();
  attacked.ExpectStopsAt(RestoreOf(kPin), "rows");
  const auto serves = [&attacked] {
    std::optional<TestClient> client = TestClient::Open(&attacked.host(), BackupIdOf(1));
    if (!client.has_value() || !client->Handshake()) return false;
    return client->Call(RestoreOf(kPin)).has_value();
  };
  *CorePeer::stopped(&attacked.core()) = false;
  EXPECT_FALSE(serves());
  ReplicaPeer::stopped(CorePeer::replica(&attacked.core()))->reset();
  EXPECT_FALSE(serves());
  proto::HostRequest erase;
  erase.mutable_delete_backup()->set_backup_id(BackupIdOf(1));
  EXPECT_NE(attacked.host().Ask(std::move(erase)).error(), proto::OK);
  EXPECT_EQ(attacked.db()->rows(), 0u);
}

// Without a client: a host's delete meets the old row; the reply is "unknown".
TEST(IntegrityTest, ADeleteOfTheHostThatMeetsAnOldRowIsUnknown) {
  Attacked attacked;
  const auto old = db::DatabasePeer::Snapshot(attacked.db(), true);
  ASSERT_NO_FATAL_FAILURE(attacked.Guess());
  for (const auto& region : old) region.Restore();
  proto::HostRequest erase;
  erase.mutable_delete_backup()->set_backup_id(BackupIdOf(1));
  const proto::EnclaveReply reply = attacked.host().Ask(std::move(erase));
  EXPECT_EQ(reply.error(), proto::ERROR_INTEGRITY_MISMATCH);
  EXPECT_EQ(reply.outcome(), proto::CLOSE_REASON_UNKNOWN);
  attacked.ExpectStopped();
}

// Requests of others that were in the same batch end as unknown, none with a result.
TEST(IntegrityTest, NothingOfABatchThatMeetsOldMemoryIsTold) {
  Attacked attacked;
  std::vector<TestClient> others;
  for (uint64_t i = 2; i < 10; ++i) {
    others.push_back(TestClient::Connected(&attacked.host(), BackupIdOf(i)));
    ASSERT_TRUE(others.back().Call(BackupOf(kData, kPin, kMaxTries)).has_value());
    ASSERT_TRUE(others.back().Call(ExposeOf(kData)).has_value());
  }
  const db::OldRegion root(db::DatabasePeer::RootField(attacked.db()));
  const auto rows = db::DatabasePeer::Snapshot(attacked.db(), true);
  ASSERT_NO_FATAL_FAILURE(attacked.Guess());
  for (const auto& region : rows) region.Restore();
  root.Restore();
  proto::HostToEnclaveMessage message;
  for (TestClient& client : others) {
    proto::ClientInput* input = message.add_items()->mutable_client();
    input->set_client_id(client.id());
    input->set_data(client.Encrypt(RestoreOf(kPin).SerializeAsString()));
  }
  ASSERT_TRUE(attacked.host().Input(message).ok());
  for (TestClient& client : others) {
    EXPECT_TRUE(client.inbox().items.empty());
    EXPECT_EQ(client.inbox().fin, proto::CLOSE_REASON_UNKNOWN);
  }
  attacked.ExpectStopped();
}

}  // namespace
}  // namespace svr2::core
