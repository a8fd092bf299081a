// SPDX-License-Identifier: Apache-2.0
//
// The border to the host: random and mutated HostToEnclaveMessages. Each is taken or refused with
// an error, every request in a message that was taken is answered, and clients are served as
// before. Inputs: SVR2_FUZZ_INPUTS; seed: SVR2_SEED, printed.

#include <gtest/gtest.h>

#include "core/fuzz_testing.h"
#include "util/seed_testing.h"

namespace svr2::core {
namespace {

constexpr uint64_t kCheckEachInputs = 2'000;

// Few sessions and short limits, so that every limit is met.
proto::EnclaveConfig SmallLimits() {
  proto::EnclaveConfig config = TestConfig();
  config.set_max_client_sessions(64);
  config.set_max_pending_handshakes(40);
  config.set_session_idle_ticks(50);
  config.set_attestation_refresh_ticks(40);
  config.set_log_max_bytes(64 << 10);
  config.set_log_min_entries(1);
  config.set_log_max_age_ticks(20);
  config.set_max_rows(500);
  return config;
}

class HostFuzz {
 public:
  explicit HostFuzz(uint64_t seed) : watched_(SmallLimits()), choose_(seed) {}

  void Run(uint64_t inputs) {
    for (; inputs_ < inputs; ++inputs_) {
      SCOPED_TRACE(inputs_);
      ASSERT_NO_FATAL_FAILURE(OneInput());
      if (inputs_ % kCheckEachInputs == 0) {
        ASSERT_NO_FATAL_FAILURE(Check());
      }
    }
    ASSERT_NO_FATAL_FAILURE(Check());
    std::printf("host messages: %llu inputs, %llu of them taken\n",
                static_cast<unsigned long long>(inputs_), static_cast<unsigned long long>(taken_));
  }

 private:
  void AddRequest(proto::HostRequest* request) {
    request->set_id(choose_.OneIn(8) ? choose_.Number() : 2'000'000 + choose_.Below(1000));
    switch (choose_.Below(16)) {
      case 0:
        request->mutable_create_group();
        break;
      case 1:
        request->mutable_status();
        break;
      case 2:
        if (choose_.OneIn(4)) request->mutable_metrics();
        break;
      case 3:
        // May be a number that is no level.
        request->mutable_set_log_level()->set_level(
            static_cast<proto::LogLevel>(static_cast<int>(choose_.Below(7)) - 1));
        break;
      case 4:
        request->mutable_evidence();
        break;
      case 5:
        break;
      case 6:
      case 7:
      case 8:
      case 9:
        request->mutable_delete_backup()->set_backup_id(Id());
        break;
      default:
        request->mutable_new_client()->set_backup_id(Id());
    }
  }

  std::string Id() {
    return choose_.OneIn(8) ? choose_.Bytes(choose_.Below(40)) : BackupIdOf(choose_.Below(1000));
  }
  // Ids count up from 1, so most of these name sessions of late.
  uint64_t ClientId() {
    return choose_.OneIn(8) ? choose_.Number() : newest_client_ - choose_.Below(64);
  }

  void AddItem(proto::HostItem* item) {
    switch (choose_.Below(10)) {
      case 0:
        item->mutable_tick()->set_unix_time_ms(choose_.Number());
        break;
      case 1:
        item->mutable_reply()->set_id(choose_.Number());
        if (choose_.OneIn(2)) item->mutable_reply()->mutable_route_to_peer();
        break;
      case 2:
        item->mutable_client_close()->set_client_id(ClientId());
        break;
      case 3:
      case 4:
        item->mutable_client()->set_client_id(ClientId());
        item->mutable_client()->set_data(
            choose_.Bytes(choose_.OneIn(10) ? 48 : choose_.Below(120)));
        break;
      case 5:
        break;
      default:
        AddRequest(item->mutable_request());
    }
  }

  void OneInput() {
    message_.Clear();
    for (size_t i = 0, n = choose_.Below(5); i < n; ++i) AddItem(message_.add_items());
    message_.SerializeToString(&bytes_);
    if (choose_.OneIn(3)) choose_.Mutate(&bytes_);
    if (choose_.OneIn(500)) bytes_ = choose_.Bytes(choose_.Below(2000));
    // Neither has the watched row's id in it.
    const Status status = watched_.host.InputBytes(bytes_);
    const bool parses = message_.ParseFromString(bytes_);
    ASSERT_EQ(status.error(), parses ? proto::OK : proto::ERROR_CORE_MALFORMED_MESSAGE);
    auto& replies = watched_.host.replies();
    if (parses) {
      ++taken_;
      for (const proto::HostItem& item : message_.items()) {
        if (!item.has_request()) continue;
        ASSERT_EQ(replies.count(item.request().id()), 1u);
      }
    }
    for (const auto& [id, reply] : replies) {
      newest_client_ = std::max(newest_client_, reply.new_client().client_id());
    }
    replies.clear();
  }

  void Check() {
    // Sessions that were opened and left alone are closed for idleness; evidence that was made at
    // an absurd time is renewed.
    watched_.host.SetUnixMs(1'800'000'000'000);
    watched_.host.Tick(51);
    ASSERT_EQ(watched_.host.GetStatus().client_sessions(), 0u);
    watched_.host.ForgetInboxes();
    ASSERT_NO_FATAL_FAILURE(watched_.CheckServes());
  }

  WatchedHost watched_;
  Chooser choose_;
  proto::HostToEnclaveMessage message_;
  std::string bytes_;
  uint64_t newest_client_ = 100;
  uint64_t inputs_ = 0;
  uint64_t taken_ = 0;
};

TEST(HostMessageFuzz, EveryMessageIsTakenOrRefusedAndClientsAreServedAsBefore) {
  HostFuzz fuzz(util::TestSeed());
  fuzz.Run(util::FuzzInputs(20'000));
}

}  // namespace
}  // namespace svr2::core
