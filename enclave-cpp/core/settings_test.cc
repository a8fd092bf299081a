// SPDX-License-Identifier: Apache-2.0
//
// Configurations that an enclave refuses, and the words that tell the host which value was wrong.
// Source of ranges: proto/…/config.proto.

#include "core/settings.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/core_testing.h"

namespace svr2::core {
namespace {

using Change = std::function<void(proto::EnclaveConfig*)>;

// An Env that calls itself hardware.
class HardwareEnv : public env::FakeEnv {
 public:
  HardwareEnv() : FakeEnv(1) {}
  bool Simulated() override { return false; }
};

// What Create answers, and the log line that it left.
Error CreateError(env::FakeEnv* env, const std::string& config, std::string* line) {
  const auto core = Core::Create(env, config);
  line->clear();
  for (const std::string& output : env->TakeOutput()) {
    proto::EnclaveToHostMessage message;
    SVR2_CHECK(message.ParseFromString(output));
    for (const proto::EnclaveItem& item : message.items()) *line += item.log().text();
  }
  return core.ok() ? proto::OK : core.error();
}

void ExpectRefused(const Change& change, Error error, const std::string& named) {
  proto::EnclaveConfig config = TestConfig();
  change(&config);
  env::FakeEnv env(1);
  std::string line;
  EXPECT_EQ(proto::Error_Name(CreateError(&env, config.SerializeAsString(), &line)),
            proto::Error_Name(error))
      << named;
  EXPECT_NE(line.find(named), std::string::npos) << line;
}

struct Range {
  const char* name;
  uint64_t min;
  uint64_t max;
  void (*set)(proto::EnclaveConfig*, uint64_t);
  uint64_t default_value;
  uint64_t (*get)(const Settings&);
};

#define SVR2_RANGE(field, type, min, max, default_value)                                          \
  Range {                                                                                         \
#field, min, max,                                                                             \
        [](proto::EnclaveConfig * c,                                                              \
           uint64_t                                                                               \
               v) { c->set_##field(static_cast<type>(v)); }, default_value,                       \
                                                          [](const Settings&                      \
                                                                 s) { return uint64_t{s.field}; } \
  }

const Range kRanges[] = {
    SVR2_RANGE(election_ticks, uint32_t, 2, 10000, 10),
    SVR2_RANGE(heartbeat_ticks, uint32_t, 1, 1000000, 2),
    SVR2_RANGE(client_request_timeout_ticks, uint32_t, 1, 1000000, 50),
    SVR2_RANGE(peer_request_timeout_ticks, uint32_t, 1, 1000000, 30),
    SVR2_RANGE(session_idle_ticks, uint32_t, 1, 1000000, 300),
    SVR2_RANGE(attestation_refresh_ticks, uint32_t, 1, 1000000, 36000),
    SVR2_RANGE(log_max_age_ticks, uint32_t, 1, 1000000, 36000),
    SVR2_RANGE(log_max_bytes, uint64_t, 65536, uint64_t{64} << 30, 64 << 20),
    SVR2_RANGE(log_min_entries, uint64_t, 1, 1000000000, 1000),
    SVR2_RANGE(max_rows, uint64_t, 1, 4000000000, 1000000),
    SVR2_RANGE(max_client_sessions, uint32_t, 1, 16777216, 16384),
    SVR2_RANGE(max_pending_handshakes, uint32_t, 1, 16777216, 1024),
};

TEST(SettingsTest, EachNumberOutOfRangeIsRefusedByName) {
  for (const Range& range : kRanges) {
    ExpectRefused([&range](proto::EnclaveConfig* config) { range.set(config, range.max + 1); },
                  proto::ERROR_CORE_BAD_CONFIG, range.name);
    if (range.min == 1) continue;  // Below is 0, the default.
    ExpectRefused([&range](proto::EnclaveConfig* config) { range.set(config, range.min - 1); },
                  proto::ERROR_CORE_BAD_CONFIG, range.name);
  }
}

TEST(SettingsTest, EachNumberIsTakenAtItsEndsAndDefaultsWhereZero) {
  for (const Range& range : kRanges) {
    for (const uint64_t value : {range.min, range.max, uint64_t{0}}) {
      proto::EnclaveConfig config = TestConfig();
      // Heartbeats come more often than elections.
      if (range.set == kRanges[0].set) config.set_heartbeat_ticks(1);
      if (range.set == kRanges[1].set) config.set_election_ticks(10000);
      // A voter may be silent for longer than an election takes, a member longer than a voter.
      config.set_replica_voting_timeout_ticks(20000);
      config.set_replica_membership_timeout_ticks(20000);
      range.set(&config, value);
      std::string problem;
      const auto settings = ParseSettings(config.SerializeAsString(), uint64_t{1} << 40, &problem);
      if (range.set == kRanges[1].set && value == range.max) {
        EXPECT_FALSE(settings.ok());
        continue;
      }
      ASSERT_TRUE(settings.ok()) << range.name << " " << value << ": " << problem;
      EXPECT_EQ(range.get(*settings), value == 0 ? range.default_value : value) << range.name;
    }
  }
}

TEST(SettingsTest, ClientsAreOfferedNkHfsUnlessToldOtherwise) {
  proto::EnclaveConfig config = TestConfig();
  std::string problem;
  const auto client_pq = [&config, &problem] {
    const Result<Settings> settings =
        ParseSettings(config.SerializeAsString(), uint64_t{1} << 40, &problem);
    SVR2_CHECK(settings.ok());
    return settings->client_pq;
  };
  EXPECT_TRUE(client_pq());
  config.set_client_pq(false);
  EXPECT_FALSE(client_pq());
  config.set_client_pq(true);
  EXPECT_TRUE(client_pq());
}

TEST(SettingsTest, WhatContradictsItselfIsRefused) {
  ExpectRefused([](auto* config) { config->set_heartbeat_ticks(10); }, proto::ERROR_CORE_BAD_CONFIG,
                "heartbeat_ticks must be less than election_ticks");
  ExpectRefused([](auto* config) { config->set_log_level(static_cast<proto::LogLevel>(77)); },
                proto::ERROR_CORE_BAD_CONFIG, "log_level");
  env::FakeEnv env(1);
  env.SetHeap(0, 100 << 20);
  std::string line;
  EXPECT_EQ(CreateError(&env, TestConfig().SerializeAsString(), &line),
            proto::ERROR_CORE_BAD_CONFIG);
  EXPECT_NE(line.find("log_max_bytes"), std::string::npos);
  EXPECT_NE(line.find("NumHeapPages"), std::string::npos);
}

TEST(SettingsTest, WhatIsNoConfigurationIsRefused) {
  env::FakeEnv env(1);
  std::string line;
  EXPECT_EQ(CreateError(&env, "\xff\xff", &line), proto::ERROR_CORE_BAD_CONFIG);
  EXPECT_NE(line.find("not a serialized EnclaveConfig"), std::string::npos);
  EXPECT_EQ(CreateError(&env, "", &line), proto::ERROR_RAFT_BAD_GROUP_CONFIG);
}

// protocol.md §4: "Validated: super_majority < min ≤ max."; §6: "group_id is drawn at random inside
// the founding enclave; a host configuration that sets it is refused".
TEST(SettingsTest, EachBadGroupIsRefusedByName) {
  const std::pair<Change, const char*> bad[] = {
      {[](auto* config) { config->mutable_group()->set_group_id(7); }, "group.group_id"},
      {[](auto* config) { config->mutable_group()->set_db_version(1); }, "group.db_version"},
      {[](auto* config) { config->mutable_group()->set_db_version(3); }, "group.db_version"},
      {[](auto* config) { config->mutable_group()->set_min_voting_replicas(0); },
       "group.min_voting_replicas"},
      {[](auto* config) { config->mutable_group()->set_min_voting_replicas(2); },
       "group.max_voting_replicas"},
      {[](auto* config) { config->mutable_group()->set_max_voting_replicas(0); },
       "group.max_voting_replicas"},
      {[](auto* config) { config->mutable_group()->set_max_voting_replicas(33); },
       "group.max_voting_replicas"},
      {[](auto* config) { config->mutable_group()->set_super_majority(1); },
       "group.super_majority"},
      {[](auto* config) { config->mutable_group()->set_super_majority(0xffffffff); },
       "group.super_majority"},
      {[](auto* config) { config->mutable_group()->set_attestation_timeout(0); },
       "group.attestation_timeout"},
  };
  for (const auto& [change, named] : bad) {
    ExpectRefused(change, proto::ERROR_RAFT_BAD_GROUP_CONFIG, named);
  }
}

// protocol.md §6: "An enclave that finds itself in debug refuses simulated = false."
TEST(SettingsTest, AGroupThatDoesNotFitThePlatformIsRefused) {
  proto::EnclaveConfig real = TestConfig();
  real.mutable_group()->set_simulated(false);
  std::string line;
  env::FakeEnv simulation(1);
  EXPECT_EQ(CreateError(&simulation, real.SerializeAsString(), &line),
            proto::ERROR_PLATFORM_NOT_SIMULATED);
  EXPECT_NE(line.find("simulated: true"), std::string::npos);
  HardwareEnv hardware;
  EXPECT_EQ(CreateError(&hardware, real.SerializeAsString(), &line), proto::OK);
  EXPECT_EQ(line, "");
  EXPECT_EQ(CreateError(&hardware, TestConfig().SerializeAsString(), &line),
            proto::ERROR_PLATFORM_SIMULATED);
  EXPECT_NE(line.find("simulated: false"), std::string::npos);
  hardware.SetDebug(true);
  EXPECT_EQ(CreateError(&hardware, real.SerializeAsString(), &line), proto::ERROR_PLATFORM_DEBUG);
  EXPECT_NE(line.find("debug"), std::string::npos);
}

// Too few voters are a fact of the group, not of the configuration: founded, but not served.
TEST(SettingsTest, AGroupOfOneThatNeedsThreeVotersTakesNoClientEntry) {
  proto::EnclaveConfig config = TestConfig();
  config.mutable_group()->set_min_voting_replicas(3);
  config.mutable_group()->set_max_voting_replicas(5);
  TestHost host(config);
  host.Found();
  const proto::StatusReply status = host.GetStatus();
  EXPECT_FALSE(status.serving());
  EXPECT_EQ(status.not_serving_reason(), proto::ERROR_RAFT_TOO_FEW_VOTERS);
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  EXPECT_FALSE(client.Call(TriesOf()).has_value());
  EXPECT_EQ(client.inbox().fin, proto::CLOSE_REASON_NOT_APPLIED);
  EXPECT_EQ(client.inbox().fin_error, proto::ERROR_RAFT_TOO_FEW_VOTERS);
  EXPECT_EQ(host.GetStatus().last_index(), status.last_index());
}

TEST(SettingsTest, TimeoutsOfVotersAndMembersFitTogether) {
  ExpectRefused([](proto::EnclaveConfig* config) { config->set_replica_voting_timeout_ticks(10); },
                proto::ERROR_CORE_BAD_CONFIG, "replica_voting_timeout_ticks");
  ExpectRefused(
      [](proto::EnclaveConfig* config) { config->set_replica_membership_timeout_ticks(599); },
      proto::ERROR_CORE_BAD_CONFIG, "replica_membership_timeout_ticks");
  ExpectRefused(
      [](proto::EnclaveConfig* config) { config->set_replica_voting_timeout_ticks(1000001); },
      proto::ERROR_CORE_BAD_CONFIG, "replica_voting_timeout_ticks");
}

}  // namespace
}  // namespace svr2::core
