// SPDX-License-Identifier: Apache-2.0
//
// The evidence that clients are shown: when it is renewed, when it is too old, what happens when
// there is none, and without random bytes. The sentences in comments are from protocol.md.

#include <gtest/gtest.h>

#include "attestation/claims.h"
#include "core/core_peer_testing.h"
#include "core/core_testing.h"
#include "env/simulated_evidence.h"

namespace svr2::core {
namespace {

Error OpenError(TestHost* host) {
  proto::HostRequest request;
  request.mutable_new_client()->set_backup_id(BackupIdOf(9));
  return host->Ask(std::move(request)).error();
}

attestation::Claims ClaimsOf(const std::string& evidence) {
  const auto verified = env::ParseSimulatedEvidence(evidence, util::ByteView());
  SVR2_CHECK(verified.ok());
  const auto claims = attestation::DecodeClaims(verified->custom_claims);
  SVR2_CHECK(claims.ok());
  return *claims;
}

// §5: "New evidence every attestation_refresh_ticks … The client key pair is not the peer key and
// rotates with the evidence."
TEST(EvidenceTest, TheKeyRotatesAtTheRefreshAndSessionsGoOn) {
  proto::EnclaveConfig config = TestConfig();
  config.set_attestation_refresh_ticks(10);
  TestHost host(config);
  host.Found();
  TestClient old_session = TestClient::Connected(&host, BackupIdOf(1));
  std::optional<TestClient> half_way = TestClient::Open(&host, BackupIdOf(2));
  const auto old_key = ClaimsOf(old_session.evidence()).pk;
  EXPECT_NE(util::ByteView(old_key), util::ByteView(host.core().peer_id()));
  host.Tick(9);
  EXPECT_EQ(TestClient::Open(&host, BackupIdOf(3))->evidence(), old_session.evidence());
  host.Tick();
  TestClient fresh = TestClient::Connected(&host, BackupIdOf(3));
  EXPECT_NE(ClaimsOf(fresh.evidence()).pk, old_key);
  EXPECT_EQ(ClaimsOf(fresh.evidence()).config, ClaimsOf(old_session.evidence()).config);
  // Neither an established session nor one between its messages notices.
  EXPECT_TRUE(old_session.Call(TriesOf()).has_value());
  EXPECT_TRUE(half_way->Handshake());
  EXPECT_EQ(host.GetCounter(proto::COUNTER_EVIDENCE_REFRESHES), 2u);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_EVIDENCE_FAILURES), 0u);
}

// §6: what evidence binds: "pk …, config (serialized RaftGroupConfig), minimum_limits".
TEST(EvidenceTest, TheClaimsNameTheGroup) {
  TestHost host;
  const proto::RaftGroupConfig group = host.Found();
  proto::HostRequest request;
  request.mutable_evidence();
  const proto::EnclaveReply reply = host.Ask(std::move(request));
  proto::ClientHandshakeStart start;
  ASSERT_TRUE(start.ParseFromString(reply.evidence().handshake_start()));
  EXPECT_TRUE(start.test_only_pubkey().empty());
  const attestation::Claims claims = ClaimsOf(start.evidence());
  proto::RaftGroupConfig claimed;
  ASSERT_TRUE(claimed.ParseFromString(claims.config));
  EXPECT_EQ(claimed.SerializeAsString(), group.SerializeAsString());
  EXPECT_EQ(claimed.db_version(), 2u);
  // "Simulated groups have no sgx_tcb_evaluation_data_number".
  EXPECT_TRUE(claims.minimum_limits.empty());
}

// §5: "No client session … when the own evidence is too old." Its age counts from group time.
TEST(EvidenceTest, TooOldEvidenceRefusesNewSessionsAndRequestsOnLiveOnes) {
  proto::EnclaveConfig config = TestConfig();
  config.mutable_group()->set_attestation_timeout(100);
  TestHost host(config);
  const uint64_t founded_at_ms = host.unix_ms();
  host.Found();
  TestClient client = TestClient::Connected(&host, BackupIdOf(1));
  host.SetUnixMs(founded_at_ms + 100'000);
  host.Tick();
  EXPECT_EQ(OpenError(&host), proto::OK);
  host.SetUnixMs(founded_at_ms + 101'000);
  host.Tick();
  EXPECT_EQ(OpenError(&host), proto::ERROR_ATTESTATION_TOO_OLD);
  EXPECT_FALSE(host.GetStatus().serving());
  EXPECT_EQ(host.GetStatus().not_serving_reason(), proto::ERROR_ATTESTATION_TOO_OLD);
  EXPECT_FALSE(client.Call(TriesOf()).has_value());
  EXPECT_EQ(client.inbox().fin, proto::CLOSE_REASON_NOT_APPLIED);
  EXPECT_EQ(client.inbox().fin_error, proto::ERROR_ATTESTATION_TOO_OLD);
  // "Group time … may go back".
  host.SetUnixMs(founded_at_ms);
  host.Tick();
  EXPECT_EQ(OpenError(&host), proto::OK);
  EXPECT_TRUE(host.GetStatus().serving());
}

TEST(EvidenceTest, AFailedRefreshKeepsTheOldEvidenceSaysSoOnceAndRecovers) {
  proto::EnclaveConfig config = TestConfig();
  config.set_attestation_refresh_ticks(10);
  TestHost host(config);
  host.Found();
  const std::string old_evidence = TestClient::Open(&host, BackupIdOf(1))->evidence();
  host.env().FailEvidence(true);
  const size_t lines = host.log().size();
  host.Tick(15);
  EXPECT_EQ(TestClient::Connected(&host, BackupIdOf(1)).evidence(), old_evidence);
  EXPECT_EQ(host.GetCounter(proto::COUNTER_EVIDENCE_FAILURES), 6u);
  ASSERT_EQ(host.log().size(), lines + 1);
  EXPECT_EQ(host.log().back().level(), proto::LOG_LEVEL_ERROR);
  EXPECT_NE(host.log().back().text().find("ERROR_ATTESTATION_UNAVAILABLE"), std::string::npos);
  host.env().FailEvidence(false);
  host.Tick();
  EXPECT_NE(TestClient::Connected(&host, BackupIdOf(1)).evidence(), old_evidence);
  EXPECT_EQ(host.log().size(), lines + 2);
}

TEST(EvidenceTest, WithoutAnyEvidenceThereIsNoSession) {
  TestHost host;
  host.env().FailEvidence(true);
  host.Found();
  EXPECT_EQ(OpenError(&host), proto::ERROR_ATTESTATION_UNAVAILABLE);
  EXPECT_EQ(host.GetStatus().not_serving_reason(), proto::ERROR_ATTESTATION_UNAVAILABLE);
  proto::HostRequest request;
  request.mutable_evidence();
  EXPECT_EQ(host.Ask(std::move(request)).error(), proto::ERROR_ATTESTATION_UNAVAILABLE);
  host.env().FailEvidence(false);
  host.Tick();
  EXPECT_EQ(OpenError(&host), proto::OK);
}

TEST(EvidenceTest, WithoutRandomBytesNoHandshakeAndNoNewKey) {
  proto::EnclaveConfig config = TestConfig();
  config.set_attestation_refresh_ticks(3);
  TestHost host(config);
  host.Found();
  TestClient established = TestClient::Connected(&host, BackupIdOf(1));
  std::optional<TestClient> pending = TestClient::Open(&host, BackupIdOf(2));
  const std::string message = pending->HandshakeMessage();
  host.env().FailRandom(true);
  ASSERT_TRUE(pending->Send(message).ok());
  EXPECT_EQ(pending->inbox().fin, proto::CLOSE_REASON_NOT_APPLIED);
  EXPECT_EQ(pending->inbox().fin_error, proto::ERROR_RANDOM_FAILED);
  host.Tick(5);
  EXPECT_GE(host.GetCounter(proto::COUNTER_EVIDENCE_FAILURES), 2u);
  // Numbers of requests are random: without one a request is refused.
  EXPECT_FALSE(established.Call(TriesOf()).has_value());
  EXPECT_EQ(established.inbox().fin, proto::CLOSE_REASON_NOT_APPLIED);
  EXPECT_EQ(established.inbox().fin_error, proto::ERROR_RANDOM_FAILED);
  EXPECT_FALSE(host.stopped().has_value());
  host.env().FailRandom(false);
  host.Tick();
  EXPECT_TRUE(TestClient::Connected(&host, BackupIdOf(2)).Call(TriesOf()).has_value());
}

// An Env whose generator fails at the n-th draw and from then on.
class FailsAtDraw : public env::FakeEnv {
 public:
  explicit FailsAtDraw(int draws) : FakeEnv(1), left_(draws) {}
  Status RandomBytes(uint8_t* out, size_t size) override {
    if (left_ == 0) return proto::ERROR_RANDOM_FAILED;
    --left_;
    return FakeEnv::RandomBytes(out, size);
  }

 private:
  int left_;
};

TEST(EvidenceTest, AFailureOfTheRandomSourceAtEachDrawIsAnErrorAndNotACrash) {
  bool done = false;
  int draws = 0;
  for (; !done; ++draws) {
    ASSERT_LT(draws, 100);
    FailsAtDraw env(draws);
    auto core = Core::Create(&env, TestConfig().SerializeAsString());
    if (!core.ok()) {
      EXPECT_EQ(core.error(), proto::ERROR_RANDOM_FAILED);
      continue;
    }
    proto::HostToEnclaveMessage message;
    message.add_items()->mutable_tick()->set_unix_time_ms(1'800'000'000'000);
    message.add_items()->mutable_request()->set_id(1);
    message.mutable_items(1)->mutable_request()->mutable_create_group();
    message.add_items()->mutable_request()->set_id(2);
    message.mutable_items(2)->mutable_request()->mutable_new_client()->set_backup_id(BackupIdOf(1));
    ASSERT_TRUE((*core)->Input(message.SerializeAsString()).ok());
    for (const std::string& output : env.TakeOutput()) {
      proto::EnclaveToHostMessage parsed;
      ASSERT_TRUE(parsed.ParseFromString(output));
      for (const proto::EnclaveItem& item : parsed.items()) {
        EXPECT_FALSE(item.has_stopped());
        if (!item.has_reply()) continue;
        const Error error = item.reply().error();
        if (item.reply().id() == 1) {
          EXPECT_TRUE(error == proto::OK || error == proto::ERROR_RANDOM_FAILED) << error;
        }
        if (item.reply().id() == 2 && error == proto::OK) done = true;
      }
    }
  }
  EXPECT_GT(draws, 5);
}

}  // namespace
}  // namespace svr2::core
