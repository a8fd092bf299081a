// SPDX-License-Identifier: Apache-2.0
//
// Many threads inside one core at once: made for ThreadSanitizer, right without it. The sentences
// in comments are from design.md.

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "core/core_peer_testing.h"
#include "core/core_testing.h"
#include "db/database_testing.h"

namespace svr2::core {
namespace {

const char kData[] = "a secret of 32 bytes, quite enou";

void RunThreads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();
}

// §4 "Locks": "Handshakes and (de/en)cryption of different clients and peers run in parallel."
TEST(ConcurrencyTest, ClientsOfManyThreadsAreServedRightAndEverythingIsCounted) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 12;
  constexpr uint32_t kMaxTries = 3;
  TestHost host;
  host.Found();
  host.SortOnOutput();
  std::atomic<int> wrong{0};
  const auto expect = [&wrong](bool condition) {
    if (!condition) ++wrong;
  };
  std::atomic<bool> done{false};
  std::thread ticks([&host, &done] {
    while (!done) {
      host.Tick();
      (void)host.GetStatus();
      (void)host.GetCounter(proto::COUNTER_TICKS);
      std::this_thread::yield();
    }
  });
  RunThreads(kThreads, [&](int thread) {
    for (int round = 0; round < kRounds; ++round) {
      const auto number = static_cast<uint64_t>(thread * kRounds + round);
      TestClient client = TestClient::Connected(&host, BackupIdOf(number));
      expect(client.Call(BackupOf(kData, "1234", kMaxTries))->has_backup());
      expect(client.Call(ExposeOf(kData))->expose().status() == proto::ExposeResponse::OK);
      for (uint32_t left = kMaxTries - 1; left > 0; --left) {
        expect(client.Call(RestoreOf("no"))->restore().tries() == left);
      }
      expect(client.Call(RestoreOf("1234"))->restore().data() == kData);
      if (round % 2 == 0) expect(client.Call(DeleteOf())->has_delete_());
      proto::HostToEnclaveMessage close;
      close.add_items()->mutable_client_close()->set_client_id(client.id());
      expect(host.Input(close).ok());
    }
  });
  done = true;
  ticks.join();
  EXPECT_EQ(wrong, 0);
  constexpr uint64_t kAll = kThreads * kRounds;
  EXPECT_EQ(host.GetStatus().rows(), kAll / 2);
  EXPECT_EQ(host.GetStatus().client_sessions(), 0u);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_CLIENT_HANDSHAKES), kAll);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_CLIENT_SESSIONS_OPENED), kAll);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_CLIENT_SESSIONS_CLOSED), kAll);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_BACKUPS), kAll);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_EXPOSES_OK), kAll);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_RESTORES_OK), kAll);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_RESTORES_PIN_MISMATCH), kAll * (kMaxTries - 1));
  EXPECT_EQ(host.GetCounter(proto::COUNTER_DELETES), kAll / 2);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_CLIENT_REQUESTS),
            kAll * 5 + kAll / 2);  // Backup, expose, two wrong, one right, and half of them delete.
  EXPECT_EQ(db::DatabasePeer::Check(CorePeer::db(&host.core())), "");
}

// All guess at one row: exactly max_tries of them count.
TEST(ConcurrencyTest, GuessesOfManySessionsAtOneRowAreCountedOnceEach) {
  constexpr uint32_t kMaxTries = 40;
  TestHost host;
  host.Found();
  host.SortOnOutput();
  {
    TestClient owner = TestClient::Connected(&host, BackupIdOf(1));
    ASSERT_TRUE(owner.Call(BackupOf(kData, "1234", kMaxTries)).has_value());
    ASSERT_TRUE(owner.Call(ExposeOf(kData)).has_value());
  }
  std::mutex mutex;
  std::vector<uint32_t> seen;
  RunThreads(4, [&](int) {
    TestClient guesser = TestClient::Connected(&host, BackupIdOf(1));
    for (uint32_t i = 0; i < kMaxTries; ++i) {
      const auto answer = guesser.Call(RestoreOf("no"));
      if (answer->restore().status() != proto::RestoreResponse::PIN_MISMATCH) continue;
      const std::lock_guard<std::mutex> lock(mutex);
      seen.push_back(answer->restore().tries());
    }
  });
  // Each count from max_tries - 1 down to 1 was told to exactly one.
  std::sort(seen.begin(), seen.end());
  ASSERT_EQ(seen.size(), kMaxTries - 1);
  for (uint32_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], i + 1);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_GUESSES_EXHAUSTED), 1u);
  EXPECT_EQ(host.GetStatus().rows(), 0u);
}

// A host whose first output message waits until it is told to go on.
class SlowOutput {
 public:
  explicit SlowOutput(TestHost* host) {
    host->env().SetOutputHandler([this, host](util::ByteView output) {
      std::unique_lock<std::mutex> lock(mutex_);
      if (!std::exchange(first_taken_, true)) {
        waits_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return released_; });
      }
      host->Collect(output.ToString());
      return Status::Ok();
    });
  }
  void AwaitFirst() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return waits_; });
  }
  void Release() {
    const std::lock_guard<std::mutex> lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool first_taken_ = false;
  bool waits_ = false;
  bool released_ = false;
};

// §3 "Order": "the next item of the stream is not output before the output of the previous one has
// returned"; §4: "one thread at a time drains an outbox …, others leave their items and go; no
// thread waits for another's ocall."
TEST(ConcurrencyTest, WhileOneThreadSendsToAClientAnotherLeavesItsItemsAndGoes) {
  TestHost host;
  host.Found();
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  TestClient other = TestClient::Connected(&host, BackupIdOf(2));
  const std::string request = TriesOf().SerializeAsString();
  SlowOutput slow(&host);
  const std::string first = client.Encrypt(request);
  std::thread sender([&client, &first] { EXPECT_TRUE(client.Send(first).ok()); });
  slow.AwaitFirst();
  // The host breaks its promise of one item at a time; answers stay in order all the same.
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(client.Send(client.Encrypt(request)).ok());
  EXPECT_TRUE(client.inbox().items.empty());
  // Another client is served meanwhile, and nothing is locked.
  EXPECT_TRUE(other.Call(TriesOf()).has_value());
  EXPECT_FALSE(CorePeer::Locked(&host.core()));
  // The end of the session waits for its turn, too.
  EXPECT_TRUE(client.Send("garbage").ok());
  EXPECT_FALSE(client.inbox().fin.has_value());
  slow.Release();
  sender.join();
  ASSERT_EQ(client.inbox().items.size(), 4u);
  for (const std::string& item : client.inbox().items) {
    EXPECT_TRUE(client.Decrypt(item).has_value());
  }
  EXPECT_EQ(client.inbox().fin, proto::CLOSE_REASON_INVALID_ARGUMENT);
}

// The replica stops for good while all are busy: it is said once, and nothing follows.
TEST(ConcurrencyTest, StoppingForGoodWhileBusy) {
  TestHost host;
  host.Found();
  host.SortOnOutput();
  std::atomic<int> stopped_items{0};
  host.WatchOutput([&stopped_items](const std::string& output) {
    proto::EnclaveToHostMessage message;
    SVR2_CHECK(message.ParseFromString(output));
    for (const auto& item : message.items()) stopped_items += item.has_stopped() ? 1 : 0;
  });
  std::vector<TestClient> clients;
  for (uint64_t i = 0; i < 4; ++i) {
    clients.push_back(TestClient::Connected(&host, BackupIdOf(i)));
    ASSERT_TRUE(clients.back().Call(BackupOf(kData, "1234", 3)).has_value());
    ASSERT_TRUE(clients.back().Call(ExposeOf(kData)).has_value());
  }
  std::atomic<int> wrong{0};
  RunThreads(5, [&](int thread) {
    if (thread == 4) {
      // As when a session's counters are found altered.
      Outcome outcome;
      std::this_thread::yield();
      CorePeer::replica(&host.core())->Stop(proto::ERROR_INTEGRITY_MISMATCH, &outcome);
      host.Tick(3);
      return;
    }
    TestClient& client = clients[static_cast<size_t>(thread)];
    while (true) {
      const auto answer = client.Call(RestoreOf("1234"));
      if (!answer.has_value()) return;
      if (answer->restore().data() != kData) ++wrong;
    }
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(stopped_items, 1);
  EXPECT_EQ(host.Input(proto::HostToEnclaveMessage()).error(), proto::ERROR_CORE_STOPPED);
  EXPECT_EQ(CorePeer::db(&host.core())->rows(), 0u);
  EXPECT_EQ(CorePeer::sessions(&host.core())->sessions(), 0u);
}

// Sessions that end by idleness, by the host and by their own fault at one time.
TEST(ConcurrencyTest, SessionsThatEndInSeveralWaysAtOnceAreCountedOnce) {
  proto::EnclaveConfig config = TestConfig();
  config.set_session_idle_ticks(1);
  TestHost host(config);
  host.Found();
  host.SortOnOutput();
  for (int round = 0; round < 30; ++round) {
    std::optional<TestClient> client = TestClient::Open(&host, BackupIdOf(1));
    ASSERT_TRUE(client.has_value());
    RunThreads(3, [&](int thread) {
      if (thread == 0) host.Tick(2);
      if (thread == 1) {
        EXPECT_TRUE(client->Send("garbage").ok());
      }
      if (thread == 2) {
        proto::HostToEnclaveMessage close;
        close.add_items()->mutable_client_close()->set_client_id(client->id());
        EXPECT_TRUE(host.Input(close).ok());
      }
    });
    host.Tick(2);
  }
  EXPECT_EQ(host.GetStatus().client_sessions(), 0u);
  EXPECT_EQ(CorePeer::sessions(&host.core())->pending_handshakes(), 0u);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_CLIENT_SESSIONS_OPENED), 30u);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_CLIENT_SESSIONS_CLOSED), 30u);
}

}  // namespace
}  // namespace svr2::core
