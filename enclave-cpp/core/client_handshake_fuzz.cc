// SPDX-License-Identifier: Apache-2.0
//
// The border where a client's first message comes in: mutated handshakes end their own session as
// invalid and touch nothing else. Inputs: SVR2_FUZZ_INPUTS; seed: SVR2_SEED, printed.

#include <gtest/gtest.h>

#include "core/fuzz_testing.h"
#include "util/seed_testing.h"

namespace svr2::core {
namespace {

constexpr size_t kBatch = 64;
constexpr uint64_t kCheckEachBatches = 200;

class HandshakeFuzz {
 public:
  HandshakeFuzz(bool client_pq, uint64_t seed) : watched_(Config(client_pq)), choose_(seed) {
    valid_ = TestClient::Open(&watched_.host, BackupIdOf(1))->HandshakeMessage();
  }

  void Run(uint64_t inputs) {
    for (uint64_t batch = 0; inputs_ < inputs; ++batch) {
      ASSERT_NO_FATAL_FAILURE(OneBatch());
      if (batch % kCheckEachBatches == 0) {
        ASSERT_NO_FATAL_FAILURE(watched_.CheckServes());
      }
    }
    ASSERT_NO_FATAL_FAILURE(watched_.CheckServes());
    // Only the one that the constructor opened is left.
    ASSERT_EQ(watched_.host.GetStatus().client_sessions(), 1u);
    std::printf("%s handshakes: %llu inputs, %llu of them valid\n",
                watched_.host.client_pq() ? "NKhfs" : "NK",
                static_cast<unsigned long long>(inputs_),
                static_cast<unsigned long long>(accepted_));
  }

 private:
  static proto::EnclaveConfig Config(bool client_pq) {
    proto::EnclaveConfig config = TestConfig();
    config.set_client_pq(client_pq);
    return config;
  }

  std::vector<uint64_t> OpenSessions() {
    proto::HostToEnclaveMessage message;
    for (size_t i = 0; i < kBatch; ++i) {
      proto::HostRequest* request = message.add_items()->mutable_request();
      request->set_id(1'000'000 + i);
      request->mutable_new_client()->set_backup_id(BackupIdOf(choose_.Below(50)));
    }
    SVR2_CHECK(watched_.host.Input(message).ok());
    std::vector<uint64_t> ids;
    for (auto& [id, reply] : watched_.host.replies()) ids.push_back(reply.new_client().client_id());
    watched_.host.replies().clear();
    return ids;
  }

  std::string Message() {
    std::string message = valid_;
    switch (choose_.Below(8)) {
      case 0:
        return choose_.Bytes(choose_.Below(200));
      case 1:  // A random key of the right size.
        return choose_.Bytes(valid_.size());
      case 2:  // A small or huge coordinate.
        message.replace(0, 32, std::string(32, choose_.OneIn(2) ? '\0' : '\xff'));
        message[choose_.Below(32)] = choose_.Byte();
        return message;
      case 3:  // As long as the other handshake's.
        message.resize(valid_.size() == client::kNkHandshakeBytes ? client::kNkHfsHandshakeBytes
                                                                  : client::kNkHandshakeBytes,
                       'x');
        return message;
      case 4:
        if (choose_.OneIn(64)) return message;
        message[32 + choose_.Below(valid_.size() - 32)] = choose_.Byte();
        return message;
      default:
        choose_.Mutate(&message);
        return message;
    }
  }

  void OneBatch() {
    const std::vector<uint64_t> ids = OpenSessions();
    ASSERT_EQ(ids.size(), kBatch);
    proto::HostToEnclaveMessage message;
    std::vector<bool> valid;
    for (const uint64_t id : ids) {
      proto::ClientInput* input = message.add_items()->mutable_client();
      input->set_client_id(id);
      input->set_data(Message());
      valid.push_back(input->data() == valid_);
    }
    ASSERT_TRUE(watched_.host.Input(message).ok());
    message.Clear();
    for (size_t i = 0; i < ids.size(); ++i) {
      const ClientInbox& inbox = watched_.host.inbox(ids[i]);
      ++inputs_;
      if (valid[i]) {
        ++accepted_;
        ASSERT_FALSE(inbox.fin.has_value());
        ASSERT_EQ(inbox.items.size(), 1u);
        message.add_items()->mutable_client_close()->set_client_id(ids[i]);
      } else {
        ASSERT_EQ(inbox.fin, proto::CLOSE_REASON_INVALID_ARGUMENT);
        ASSERT_TRUE(inbox.items.empty());
      }
      watched_.host.ForgetInbox(ids[i]);
    }
    ASSERT_TRUE(watched_.host.Input(message).ok());
  }

  WatchedHost watched_;
  Chooser choose_;
  std::string valid_;
  uint64_t inputs_ = 0;
  uint64_t accepted_ = 0;
};

// NKhfs messages cost more, and a quarter of the inputs.
TEST(ClientHandshakeFuzz, MutatedNkHandshakesEndTheirOwnSessionOnly) {
  HandshakeFuzz fuzz(false, util::TestSeed());
  fuzz.Run(util::FuzzInputs(20'000));
}

TEST(ClientHandshakeFuzz, MutatedNkHfsHandshakesEndTheirOwnSessionOnly) {
  HandshakeFuzz fuzz(true, util::TestSeed());
  fuzz.Run(util::FuzzInputs(20'000) / 4 + 1);
}

}  // namespace
}  // namespace svr2::core
