// SPDX-License-Identifier: Apache-2.0
//
// Random requests of several clients through whole sessions, against a model of ten lines; and the
// same inputs twice. The sentences in comments are from protocol.md unless another page is named.

#include <gtest/gtest.h>

#include <random>

#include "core/core_peer_testing.h"
#include "core/core_testing.h"
#include "db/database_testing.h"
#include "util/seed_testing.h"

namespace svr2::core {
namespace {

using Random = std::mt19937_64;

const char kData[] = "a secret of 32 bytes, quite enou";

// What §2 says.
struct ModelRow {
  std::string data, pin;
  uint32_t tries = 0;  // 0: no row.
  bool available = false;
};

proto::Response Expected(ModelRow* row, const proto::Request& request) {
  using R = proto::RestoreResponse;
  proto::Response out;
  if (request.has_backup()) {
    *row = {request.backup().data(), request.backup().pin(), request.backup().max_tries(), false};
    out.mutable_backup()->set_status(proto::BackupResponse::OK);
  } else if (request.has_expose()) {
    const bool ok = row->tries > 0 && row->data == request.expose().data();
    row->available |= ok;
    out.mutable_expose()->set_status(ok ? proto::ExposeResponse::OK : proto::ExposeResponse::ERROR);
  } else if (request.has_restore()) {
    R* const restore = out.mutable_restore();
    const bool there = row->tries > 0 && row->available;
    const bool right = there && row->pin == request.restore().pin();
    if (there && !right) --row->tries;
    restore->set_status(!there || row->tries == 0 ? R::MISSING : right ? R::OK : R::PIN_MISMATCH);
    if (restore->status() != R::MISSING) restore->set_tries(row->tries);
    if (right) restore->set_data(row->data);
  } else if (request.has_delete_()) {
    *row = ModelRow();
    out.mutable_delete_();
  } else {
    proto::TriesResponse* const tries = out.mutable_tries();
    tries->set_status(row->tries > 0 ? proto::TriesResponse::OK : proto::TriesResponse::MISSING);
    tries->set_tries(row->tries);
    tries->set_exposed(row->tries > 0 && row->available);
  }
  return out;
}

proto::Request RandomRequest(Random* random) {
  const auto below = [random](size_t n) { return static_cast<size_t>((*random)() % n); };
  const std::string data(16 + 8 * below(5), static_cast<char>('a' + below(2)));
  const std::string pin = below(3) == 0 ? "wrong" : "right";
  switch (below(10)) {
    case 0:
    case 1:
      return BackupOf(data, pin, static_cast<uint32_t>(1 + below(5)));
    case 2:
    case 3:
      return ExposeOf(data);
    case 4:
      return below(4) == 0 ? DeleteOf() : TriesOf();
    case 5:
      return TriesOf();
    default:
      return RestoreOf(pin);
  }
}

void RunAgainstModel(uint64_t seed, int steps) {
  constexpr size_t kIds = 12;
  Random random(seed);
  proto::EnclaveConfig config = TestConfig();
  config.set_log_max_bytes(64 << 10);
  config.set_attestation_refresh_ticks(20);
  config.set_session_idle_ticks(30);
  TestHost host(config, seed);
  host.Found();
  std::vector<ModelRow> rows(kIds);
  std::vector<std::optional<TestClient>> clients(kIds);
  for (int step = 0; step < steps; ++step) {
    SCOPED_TRACE(step);
    const size_t i = random() % kIds;
    std::optional<TestClient>& client = clients[i];
    if (random() % 16 == 0) host.Tick(static_cast<int>(random() % 3));
    if (client.has_value() && client->inbox().fin.has_value()) client.reset();  // Idle.
    if (client.has_value() && random() % 20 == 0) {
      // The session ends: by the client's fault, by the host, or in silence.
      if (random() % 3 == 0) {
        ASSERT_TRUE(client->Send("garbage").ok());
      }
      if (random() % 3 == 0) {
        proto::HostToEnclaveMessage close;
        close.add_items()->mutable_client_close()->set_client_id(client->id());
        ASSERT_TRUE(host.Input(close).ok());
      }
      client.reset();
    }
    if (!client.has_value()) client.emplace(TestClient::Connected(&host, BackupIdOf(i)));
    proto::Request request = RandomRequest(&random);
    // Half of the exposes are of what is stored.
    if (request.has_expose() && rows[i].tries > 0 && random() % 2 == 0) {
      request.mutable_expose()->set_data(rows[i].data);
    }
    const auto answer = client->Call(request);
    ASSERT_TRUE(answer.has_value());
    ASSERT_EQ(answer->SerializeAsString(), Expected(&rows[i], request).SerializeAsString());
  }
  uint64_t present = 0;
  for (const ModelRow& row : rows) present += row.tries > 0 ? 1 : 0;
  EXPECT_EQ(host.GetStatus().rows(), present);
  EXPECT_EQ(db::DatabasePeer::Check(CorePeer::db(&host.core())), "");
}

TEST(PropertyTest, WholeSessionsAnswerAsTheModel) {
  const uint64_t seed = util::TestSeed();
  for (uint64_t run = 0; run < 5; ++run) {
    ASSERT_NO_FATAL_FAILURE(RunAgainstModel(seed + run, 1500));
  }
}

// §2 "expose": "Were a backup restorable at once, the operator could hold back its answer, spend
// the tries, and wait for the repeat, without end." The host holds back every answer of the owner
// and guesses in sessions of its own in the owner's name.
TEST(PropertyTest, HoldingBackAnswersAndRepeatingBackupsGivesNoExtraGuess) {
  constexpr uint32_t kMaxTries = 4;
  TestHost host;
  host.Found();
  uint32_t told_wrong = 0;
  const auto guess = [&host, &told_wrong](int guesses) {
    TestClient operator_client = TestClient::Connected(&host, BackupIdOf(1));
    const bool available = operator_client.Call(TriesOf())->tries().exposed();
    for (int i = 0; i < guesses; ++i) {
      const auto answer = operator_client.Call(RestoreOf("guess " + std::to_string(i)));
      ASSERT_NE(answer->restore().status(), proto::RestoreResponse::OK);
      if (answer->restore().status() == proto::RestoreResponse::PIN_MISMATCH) ++told_wrong;
    }
    // The last wrong one of an available row reads MISSING.
    const bool erased =
        operator_client.Call(TriesOf())->tries().status() == proto::TriesResponse::MISSING;
    if (available && erased) ++told_wrong;
  };
  for (int repeat = 0; repeat < 10; ++repeat) {
    // Without an answer the owner repeats its backup, in a new session.
    TestClient owner = TestClient::Connected(&host, BackupIdOf(1));
    ASSERT_TRUE(
        owner.Send(owner.Encrypt(BackupOf(kData, "1234", kMaxTries).SerializeAsString())).ok());
    ASSERT_NO_FATAL_FAILURE(guess(10));
    EXPECT_EQ(told_wrong, 0u);
  }
  // At last it gets one, and exposes. From now on it repeats the expose only.
  for (int repeat = 0; repeat < 10; ++repeat) {
    TestClient owner = TestClient::Connected(&host, BackupIdOf(1));
    ASSERT_TRUE(owner.Send(owner.Encrypt(ExposeOf(kData).SerializeAsString())).ok());
    ASSERT_NO_FATAL_FAILURE(guess(3));
  }
  EXPECT_EQ(told_wrong, kMaxTries);
  EXPECT_EQ(host.GetStatus().rows(), 0u);
}

// design.md §4: "Deterministic: the same configuration, the same inputs and the same random bytes
// give the same outputs."
std::vector<std::string> OutputsOf(uint64_t env_seed, uint64_t input_seed) {
  Random random(input_seed);
  std::vector<std::string> outputs;
  proto::EnclaveConfig config = TestConfig();
  config.set_attestation_refresh_ticks(10);
  config.set_session_idle_ticks(15);
  config.set_log_max_bytes(64 << 10);
  TestHost host(config, env_seed);
  host.WatchOutput([&outputs](const std::string& output) { outputs.push_back(output); });
  outputs.emplace_back(host.core().peer_id().begin(), host.core().peer_id().end());
  host.Found();
  std::vector<TestClient> clients;
  for (int step = 0; step < 300; ++step) {
    if (random() % 5 == 0) host.Tick();
    if (random() % 6 == 0)
      clients.push_back(TestClient::Connected(&host, BackupIdOf(random() % 5)));
    if (random() % 9 == 0) (void)host.GetStatus();
    if (random() % 9 == 0) (void)host.GetCounter(proto::COUNTER_TICKS);
    if (random() % 50 == 0) {
      EXPECT_FALSE(host.InputBytes("\xff").ok());
    }
    if (clients.empty()) continue;
    TestClient& client = clients[random() % clients.size()];
    if (client.inbox().fin.has_value()) continue;
    if (random() % 30 == 0) {
      EXPECT_TRUE(client.Send("garbage").ok());
    } else {
      EXPECT_TRUE(client.Call(RandomRequest(&random)).has_value());
    }
  }
  return outputs;
}

TEST(DeterminismTest, TheSameInputsGiveTheSameOutputs) {
  const uint64_t seed = util::TestSeed();
  const auto first = OutputsOf(seed, 1);
  EXPECT_GT(first.size(), 200u);
  EXPECT_EQ(first, OutputsOf(seed, 1));
  // The comparison can fail: other random bytes, or other inputs.
  EXPECT_NE(first, OutputsOf(seed + 1, 1));
  EXPECT_NE(first, OutputsOf(seed, 2));
}

}  // namespace
}  // namespace svr2::core
