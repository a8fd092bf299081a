// SPDX-License-Identifier: Apache-2.0
//
// A group whose cores are called from many threads at once: one thread a host carries what other
// enclaves sent, others are clients'. ThreadSanitizer looks for races, the test for lost or
// exchanged answers and for messages out of order (a session ends by one).

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/hosts_testing.h"

namespace svr2::core {
namespace {

const char kData[] = "a secret of 32 bytes, quite enou";

// Carries peers' messages between the hosts of a group, a thread each.
class Carriers {
 public:
  explicit Carriers(TestGroup* group) : group_(group), queues_(group->size()) {
    for (size_t i = 0; i < group->size(); ++i) {
      group->host(i).env().SetOutputHandler([this, i](util::ByteView output) {
        Sort(i, output);
        return Status::Ok();
      });
    }
    for (size_t i = 0; i < group->size(); ++i) {
      threads_.emplace_back([this, i] { Carry(i); });
    }
  }
  ~Carriers() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    for (size_t i = 0; i < group_->size(); ++i) group_->host(i).env().SetOutputHandler(nullptr);
  }

  void Push(size_t host, proto::HostItem item) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queues_[host].push_back(std::move(item));
    }
    wake_.notify_all();
  }

 private:
  void Sort(size_t from, util::ByteView output) {
    proto::EnclaveToHostMessage message;
    SVR2_CHECK(message.ParseFromArray(output.data(), static_cast<int>(output.size())));
    proto::EnclaveToHostMessage others;
    for (proto::EnclaveItem& item : *message.mutable_items()) {
      if (!item.has_peer()) {
        *others.add_items() = std::move(item);
        continue;
      }
      size_t to = 0;
      while (group_->id(to) != item.peer().peer_id()) ++to;
      proto::HostItem in;
      in.mutable_peer()->set_peer_id(group_->id(from));
      in.mutable_peer()->set_data(std::move(*item.mutable_peer()->mutable_data()));
      Push(to, std::move(in));
    }
    if (others.items_size() > 0) group_->host(from).Collect(others.SerializeAsString());
  }

  // Takes all that is there in one input, as a busy host does.
  void Carry(size_t host) {
    for (;;) {
      proto::HostToEnclaveMessage message;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || !queues_[host].empty(); });
        if (stopping_) return;
        for (proto::HostItem& item : queues_[host]) *message.add_items() = std::move(item);
        queues_[host].clear();
      }
      SVR2_CHECK(group_->host(host).core().Input(message.SerializeAsString()).ok());
    }
  }

  TestGroup* const group_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::deque<proto::HostItem>> queues_;
  std::vector<std::thread> threads_;
  bool stopping_ = false;
};

TEST(GroupConcurrencyTest, ClientsOfAllReplicasAtOnce) {
  constexpr size_t kClientsPerHost = 2;
  constexpr int kRounds = 40;
  TestGroup group;
  group.Form(3);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (size_t i = 0; i < 3 * kClientsPerHost; ++i) {
    clients.push_back(std::make_unique<TestClient>(
        TestClient::Connected(&group.host(i % 3), BackupIdOf(100 + i))));
  }
  const uint64_t resets = group.host(0).GetCounter(proto::COUNTER_PEER_RESETS);
  std::atomic<int> wrong{0};
  {
    Carriers carriers(&group);
    std::atomic<bool> done{false};
    std::atomic<uint64_t> answers{0};
    // Time passes with the work that is done, so that no machine is too slow for an election
    // timeout.
    std::thread ticker([&] {
      for (uint64_t next = 10; !done.load();) {
        if (answers.load() < next) {
          std::this_thread::yield();
          continue;
        }
        next += 10;
        for (size_t i = 0; i < 3; ++i) {
          proto::HostItem tick;
          tick.mutable_tick()->set_unix_time_ms(group.host(i).unix_ms());
          carriers.Push(i, std::move(tick));
          (void)group.host(i).GetStatus();
        }
      }
    });
    std::vector<std::thread> threads;
    for (size_t i = 0; i < clients.size(); ++i) {
      threads.emplace_back([&, i] {
        TestHost& host = group.host(i % 3);
        TestClient& client = *clients[i];
        const auto call = [&](const proto::Request& request) -> std::optional<proto::Response> {
          if (!client.Send(client.Encrypt(request.SerializeAsString())).ok()) return std::nullopt;
          for (;;) {
            const std::optional<std::string> item = host.TakeItem(client.id());
            if (item.has_value()) {
              proto::Response response;
              const auto plaintext = client.Decrypt(*item);
              SVR2_CHECK(plaintext.has_value() && response.ParseFromString(*plaintext));
              ++answers;
              return response;
            }
            if (host.inbox(client.id()).fin.has_value()) return std::nullopt;
            std::this_thread::yield();
          }
        };
        std::string secret = kData;
        secret[0] = static_cast<char>('a' + i);
        if (!call(BackupOf(secret, "1234", 255)) || !call(ExposeOf(secret))) return;
        for (int round = 0; round < kRounds; ++round) {
          const auto response = call(RestoreOf("1234"));
          if (!response.has_value()) return;
          if (response->restore().data() != secret) ++wrong;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    done = true;
    ticker.join();
  }
  EXPECT_EQ(wrong.load(), 0);
  for (const auto& client : clients) {
    EXPECT_FALSE(client->inbox().fin.has_value()) << proto::Error_Name(client->inbox().fin_error);
  }
  EXPECT_EQ(group.host(0).GetCounter(proto::COUNTER_PEER_RESETS), resets);
  for (size_t i = 0; i < 3; ++i) EXPECT_FALSE(group.host(i).stopped().has_value());
}

}  // namespace
}  // namespace svr2::core
