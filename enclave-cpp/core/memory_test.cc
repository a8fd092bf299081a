// SPDX-License-Identifier: Apache-2.0
//
// The heap runs out at the n-th allocation, for each n, during each kind of input. The core then
// refuses, or stops for good, but never crashes, never answers wrongly, never forgets a counted
// guess and never keeps a session or a transaction that nobody will answer.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <new>

#include "core/core_peer_testing.h"
#include "core/core_testing.h"
#include "core/hosts_testing.h"

namespace {

// Allocations of this thread until one fails; negative: none does.
thread_local int64_t allocations_left = -1;
thread_local bool allocation_failed = false;

bool Fails() {
  if (allocations_left < 0) return false;
  if (allocations_left-- > 0) return false;
  allocation_failed = true;  // Once only: what follows finds memory again.
  return true;
}

void* Take(std::size_t size) {
  if (Fails()) return nullptr;
  return std::malloc(size == 0 ? 1 : size);
}

}  // namespace

// For the whole test program; off unless a test turns it on.
void* operator new(std::size_t size) {
  void* const block = Take(size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return Take(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return Take(size); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { std::free(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { std::free(block); }

namespace svr2::core {
namespace {

const char kData[] = "a secret of 32 bytes, quite enou";
constexpr uint32_t kTries = 5;
constexpr int kMostAllocations = 3000;

proto::EnclaveConfig ShortWaits() {
  proto::EnclaveConfig config = TestConfig();
  config.set_session_idle_ticks(10);
  config.set_client_request_timeout_ticks(5);
  config.set_attestation_refresh_ticks(3);
  return config;
}

// Row 1 exposed, a client of it connected, one of another row, too.
struct Scene {
  Scene() : host(ShortWaits()) {
    host.Found();
    clients.push_back(TestClient::Connected(&host, BackupIdOf(1)));
    clients.push_back(TestClient::Connected(&host, BackupIdOf(2)));
    SVR2_CHECK(clients[0].Call(BackupOf(kData, "1234", kTries)).has_value());
    SVR2_CHECK(clients[0].Call(ExposeOf(kData)).has_value());
  }
  void AddRequest(proto::HostToEnclaveMessage* message, size_t client,
                  const proto::Request& request) {
    proto::ClientInput* input = message->add_items()->mutable_client();
    input->set_client_id(clients[client].id());
    input->set_data(clients[client].Encrypt(request.SerializeAsString()));
  }
  std::optional<proto::Response> Answer(size_t client) {
    const auto item = host.TakeItem(clients[client].id());
    if (!item.has_value()) return std::nullopt;
    const auto plaintext = clients[client].Decrypt(*item);
    proto::Response response;
    if (!plaintext.has_value() || !response.ParseFromString(*plaintext)) return std::nullopt;
    return response;
  }

  TestHost host;
  std::vector<TestClient> clients;
};

// Hands in the message with the n-th allocation failing. Only the core's own allocations are meant:
// the fake outside collects output only after.
Status InputFailingAt(Scene* scene, const std::string& bytes, int64_t n) {
  scene->host.env().SetOutputHandler([scene](util::ByteView output) {
    const int64_t left = std::exchange(allocations_left, -1);
    scene->host.Collect(output.ToString());
    allocations_left = left;
    return Status::Ok();
  });
  allocation_failed = false;
  allocations_left = n;
  const Status status = scene->host.core().Input(bytes);
  allocations_left = -1;
  return status;
}

// What must hold after any failure. Tries are at most `most`, at least `least`.
void ExpectSound(Scene* scene, uint32_t least, uint32_t most) {
  Core* const core = &scene->host.core();
  ASSERT_FALSE(CorePeer::Locked(core));
  if (scene->host.Input(proto::HostToEnclaveMessage()).error() == proto::ERROR_CORE_STOPPED) {
    EXPECT_TRUE(CorePeer::db(core)->stopped());
    return;
  }
  // Nobody waits for ever: sessions that got no answer end.
  scene->host.Tick(25);
  if (*CorePeer::stopped(core)) return;
  EXPECT_EQ(CorePeer::sessions(core)->sessions(), 0u);
  EXPECT_EQ(CorePeer::sessions(core)->pending_handshakes(), 0u);
  EXPECT_EQ(ReplicaPeer::waiting(CorePeer::replica(core)), 0u);
  TestClient fresh = TestClient::Connected(&scene->host, BackupIdOf(1));
  const auto row = fresh.Call(TriesOf());
  ASSERT_TRUE(row.has_value());
  EXPECT_LE(row->tries().tries(), most);
  EXPECT_GE(row->tries().tries(), least);
  if (least > 0) {
    EXPECT_EQ(fresh.Call(RestoreOf("1234"))->restore().data(), kData);
  }
}

// Runs `make`'s message with each allocation failing in turn, until none does.
void FailEachAllocation(const std::function<void(Scene*, proto::HostToEnclaveMessage*)>& make,
                        uint32_t least, uint32_t most,
                        const std::function<void(Scene*)>& judge = {}, int step = 1) {
  int n = 0;
  for (allocation_failed = true; allocation_failed; n += step) {
    ASSERT_LT(n, kMostAllocations);
    SCOPED_TRACE(n);
    Scene scene;
    proto::HostToEnclaveMessage message;
    make(&scene, &message);
    const Status status = InputFailingAt(&scene, message.SerializeAsString(), n);
    const bool failed = allocation_failed;
    ASSERT_TRUE(failed || status.ok());
    if (judge) judge(&scene);
    ASSERT_NO_FATAL_FAILURE(ExpectSound(&scene, least, most));
    if (testing::Test::HasFailure()) return;
    allocation_failed = failed;
  }
  std::printf("of %d allocations one in %d failed in turn\n", n - step, step);
}

TEST(MemoryTest, DuringARestore) {
  FailEachAllocation(
      [](Scene* scene, auto* message) { scene->AddRequest(message, 0, RestoreOf("wrong")); },
      kTries - 1, kTries,
      [](Scene* scene) {
        const auto answer = scene->Answer(0);
        if (!answer.has_value()) return;
        EXPECT_TRUE(answer->restore().status() == proto::RestoreResponse::PIN_MISMATCH ||
                    answer->restore().status() == proto::RestoreResponse::ERROR);
      });
}

// §3's table: what was told as "not applied" was not.
TEST(MemoryTest, DuringABackupOfANewRow) {
  FailEachAllocation(
      [](Scene* scene, auto* message) {
        scene->AddRequest(message, 1, BackupOf(kData, "9999", 3));
      },
      kTries, kTries,
      [](Scene* scene) {
        if (*CorePeer::stopped(&scene->host.core())) return;
        const auto& fin = scene->clients[1].inbox().fin;
        if (fin == proto::CLOSE_REASON_NOT_APPLIED) {
          EXPECT_EQ(CorePeer::db(&scene->host.core())->rows(), 1u);
        }
        if (scene->Answer(1).has_value()) {
          EXPECT_EQ(CorePeer::db(&scene->host.core())->rows(), 2u);
        }
      });
}

TEST(MemoryTest, DuringABatchOfRequestsAndADelete) {
  FailEachAllocation(
      [](Scene* scene, auto* message) {
        scene->AddRequest(message, 0, RestoreOf("wrong"));
        scene->AddRequest(message, 1, BackupOf(kData, "9999", 3));
        message->add_items()->mutable_request()->set_id(77);
        message->mutable_items(2)->mutable_request()->mutable_delete_backup()->set_backup_id(
            BackupIdOf(2));
      },
      kTries - 1, kTries);
}

// More than the blocks on the stack hold, so that messages grow onto the heap half way.
TEST(MemoryTest, DuringALargeBatch) {
  FailEachAllocation(
      [](Scene* scene, auto* message) {
        while (scene->clients.size() < 50) {
          scene->clients.push_back(
              TestClient::Connected(&scene->host, BackupIdOf(scene->clients.size() + 1)));
        }
        for (size_t i = 1; i < scene->clients.size(); ++i) {
          scene->AddRequest(message, i, i % 2 == 0 ? TriesOf() : BackupOf(kData, "9", 3));
          if (i % 10 != 0) continue;
          proto::HostRequest* request = message->add_items()->mutable_request();
          request->set_id(1000 + i);
          request->mutable_status();
        }
        scene->AddRequest(message, 0, RestoreOf("wrong"));
      },
      kTries - 1, kTries, {}, 3);
}

TEST(MemoryTest, WhileAClientConnects) {
  FailEachAllocation(
      [](Scene*, auto* message) {
        message->add_items()->mutable_request()->set_id(77);
        message->mutable_items(0)->mutable_request()->mutable_new_client()->set_backup_id(
            BackupIdOf(3));
      },
      kTries, kTries);
}

TEST(MemoryTest, DuringAHandshake) {
  FailEachAllocation(
      [](Scene* scene, auto* message) {
        scene->clients.push_back(*TestClient::Open(&scene->host, BackupIdOf(3)));
        proto::ClientInput* input = message->add_items()->mutable_client();
        input->set_client_id(scene->clients.back().id());
        input->set_data(scene->clients.back().HandshakeMessage());
      },
      kTries, kTries);
}

TEST(MemoryTest, DuringTicksWithARefreshOfTheEvidenceAndSessionsThatEnd) {
  FailEachAllocation(
      [](Scene* scene, auto* message) {
        for (int i = 0; i < 12; ++i) {
          message->add_items()->mutable_tick()->set_unix_time_ms(scene->host.unix_ms());
        }
      },
      kTries, kTries);
}

TEST(MemoryTest, DuringStatusMetricsAndEvidence) {
  FailEachAllocation(
      [](Scene*, auto* message) {
        message->add_items()->mutable_request()->set_id(77);
        message->mutable_items(0)->mutable_request()->mutable_status();
        message->add_items()->mutable_request()->set_id(78);
        message->mutable_items(1)->mutable_request()->mutable_metrics();
        message->add_items()->mutable_request()->set_id(79);
        message->mutable_items(2)->mutable_request()->mutable_evidence();
      },
      kTries, kTries);
}

TEST(MemoryTest, WhenAReplicaStopsForGood) {
  FailEachAllocation(
      [](Scene* scene, auto* message) {
        *ReplicaPeer::minimums(CorePeer::replica(&scene->host.core())) =
            *minimums::Minimums::FromProto([] {
              proto::MinimumLimits limits;
              (*limits.mutable_lim())["floor"] = "1";
              return limits;
            }());
        scene->AddRequest(message, 0, RestoreOf("1234"));
      },
      0, kTries, [](Scene* scene) { EXPECT_FALSE(scene->Answer(0).has_value()); });
}

// ---- Several replicas ----

// A group in which the heap of one replica runs out once, over one message of a peer.
struct GroupScene {
  explicit GroupScene(const proto::EnclaveConfig& config) : group(config) {}

  // Lets the n-th allocation fail at `to` over the message-th message that `from` sends it from now
  // on.
  void FailOver(size_t from, size_t to, int message, int64_t n) {
    group.Filter(
        [this, from, to, message, n, seen = 0](size_t a, size_t b, std::string* data) mutable {
          if (a != from || b != to || seen++ != message) return true;
          proto::HostToEnclaveMessage in;
          in.add_items()->mutable_peer()->set_peer_id(group.id(from));
          in.mutable_items(0)->mutable_peer()->set_data(*data);
          TestHost* const host = &group.host(to);
          host->env().SetOutputHandler([host](util::ByteView output) {
            const int64_t left = std::exchange(allocations_left, -1);
            host->Collect(output.ToString());
            allocations_left = left;
            return Status::Ok();
          });
          const std::string bytes = in.SerializeAsString();
          reached = true;
          allocation_failed = false;
          allocations_left = n;
          (void)host->core().Input(bytes);
          allocations_left = -1;
          failed = allocation_failed;
          host->env().SetOutputHandler(nullptr);
          return false;
        });
  }

  bool Stopped(size_t i) { return *CorePeer::stopped(&group.host(i).core()); }

  TestGroup group;
  bool reached = false;
  bool failed = false;
};

// Nothing is held or half done on a replica; what is not stopped for good has no rows left behind.
void ExpectNothingHalfDone(GroupScene* scene, size_t i) {
  Core* const core = &scene->group.host(i).core();
  ASSERT_FALSE(CorePeer::Locked(core));
  if (!scene->Stopped(i)) return;
  EXPECT_EQ(scene->group.host(i).Input(proto::HostToEnclaveMessage()).error(),
            proto::ERROR_CORE_STOPPED);
  if (ReplicaPeer::has_group(CorePeer::replica(core))) {
    EXPECT_TRUE(CorePeer::db(core)->stopped());
  }
}

void ExpectEqualHashes(TestGroup* group, size_t a, size_t b) {
  group->Tick(5);
  proto::HostRequest ask;
  ask.mutable_hash();
  const proto::HashReply of_a = group->host(a).Ask(ask).hash();
  const proto::HashReply of_b = group->host(b).Ask(ask).hash();
  EXPECT_EQ(of_a.applied_index(), of_b.applied_index());
  EXPECT_EQ(of_a.hash(), of_b.hash());
}

// A wrong guess through a follower; the heap of the leader or of the follower runs out over one of
// the messages between them.
void GuessWhileMemoryRunsOut(bool at_leader, int message, int64_t n, GroupScene* scene) {
  TestGroup* const group = &scene->group;
  group->Form(3);
  const size_t leader = *group->Leader();
  const size_t asked = group->FollowerOf(leader);
  {
    TestClient owner = TestClient::Connected(&group->host(leader), BackupIdOf(1));
    ASSERT_TRUE(group->Call(leader, &owner, BackupOf(kData, "1234", kTries)).has_value());
    ASSERT_TRUE(group->Call(leader, &owner, ExposeOf(kData)).has_value());
  }
  TestClient guesser = TestClient::Connected(&group->host(asked), BackupIdOf(1));
  group->Tick(5);
  const size_t struck = at_leader ? leader : asked;
  scene->FailOver(at_leader ? asked : leader, struck, message, n);
  const auto told = group->Call(asked, &guesser, RestoreOf("wrong"), 100);
  if (!scene->reached) return;
  for (size_t i = 0; i < 3; ++i) ASSERT_NO_FATAL_FAILURE(ExpectNothingHalfDone(scene, i));
  const bool stopped = scene->Stopped(struck);
  const proto::CloseReason fin = guesser.inbox().fin.value_or(proto::CLOSE_REASON_UNSET);
  // Its host ends with it.
  if (stopped) group->Kill(struck);
  std::vector<size_t> left;
  for (size_t i = 0; i < 3; ++i) {
    if (i != struck || !stopped) left.push_back(i);
  }
  ASSERT_TRUE(group->TickUntil([&] {
    for (const size_t i : left) {
      if (!group->host(i).GetStatus().serving()) return false;
    }
    return true;
  }));
  for (const size_t i : left) {
    // The retry, for which the session with the leader may first have to be renewed; and each
    // replica tells the same of what was counted.
    std::optional<TestClient> client;
    std::optional<proto::Response> row;
    ASSERT_TRUE(group->TickUntil([&] {
      client = TestClient::Connected(&group->host(i), BackupIdOf(1));
      row = group->Call(i, &*client, TriesOf(), 100);
      return row.has_value();
    }));
    const uint32_t tries = row->tries().tries();
    EXPECT_TRUE(tries == kTries || tries == kTries - 1) << tries;
    if (told.has_value() && told->restore().status() == proto::RestoreResponse::PIN_MISMATCH) {
      EXPECT_EQ(tries, kTries - 1);
    }
    if (fin == proto::CLOSE_REASON_NOT_APPLIED) {
      EXPECT_EQ(tries, kTries);
    }
    const auto restored = group->Call(i, &*client, RestoreOf("1234"));
    ASSERT_TRUE(restored.has_value());
    EXPECT_EQ(restored->restore().data(), kData);
    EXPECT_EQ(ReplicaPeer::waiting(CorePeer::replica(&group->host(i).core())), 0u);
  }
  ExpectEqualHashes(group, left[0], left[1]);
}

// A replica joins; the heap of the source or of the joiner runs out over one of the messages.
void JoinWhileMemoryRunsOut(bool at_source, int message, int64_t n, GroupScene* scene) {
  TestGroup* const group = &scene->group;
  group->Form(1);
  for (uint64_t i = 0; i < 3; ++i) {
    TestClient owner = TestClient::Connected(&group->host(0), BackupIdOf(i));
    ASSERT_TRUE(group->Call(0, &owner, BackupOf(kData, "1234", kTries)).has_value());
  }
  const size_t joiner = group->AddHost();
  const size_t struck = at_source ? 0 : joiner;
  scene->FailOver(at_source ? joiner : 0, struck, message, n);
  group->AskToJoin(joiner, {0});
  ASSERT_TRUE(group->TickUntil([&] {
    return scene->Stopped(struck) ||
           (group->host(joiner).GetStatus().voting() && group->host(joiner).GetStatus().serving());
  })) << proto::Error_Name(group->host(joiner).GetStatus().not_serving_reason())
      << " after " << group->host(joiner).GetStatus().join().attempts_failed() << " failures";
  if (!scene->reached) return;
  for (size_t i = 0; i < 2; ++i) ASSERT_NO_FATAL_FAILURE(ExpectNothingHalfDone(scene, i));
  if (scene->Stopped(struck)) {
    if (at_source) return;  // It was the group.
    const bool voted = group->Voters(0) == 2;
    group->Kill(joiner);
    if (voted) return;  // A group of two that loses one waits, by design.
    // The next enclave takes its place.
    const size_t next = group->Join({0});
    ASSERT_TRUE(group->TickUntil([&] { return group->host(next).GetStatus().voting(); }));
    return ExpectEqualHashes(group, 0, next);
  }
  TestClient client = TestClient::Connected(&group->host(joiner), BackupIdOf(1));
  ASSERT_TRUE(group->Call(joiner, &client, ExposeOf(kData)).has_value());
  ExpectEqualHashes(group, 0, joiner);
}

using GroupStory = std::function<void(bool, int, int64_t, GroupScene*)>;

// Each allocation over each of the first messages, in turn, on either side.
void FailEachAllocationInAGroup(const proto::EnclaveConfig& config, int messages,
                                const GroupStory& story, bool first_side) {
  int failures = 0;
  int stops = 0;
  for (int message = 0; message < messages; ++message) {
    bool failed = true;
    for (int n = 0; failed; ++n) {
      ASSERT_LT(n, kMostAllocations);
      SCOPED_TRACE("message " + std::to_string(message) + " allocation " + std::to_string(n));
      GroupScene scene(config);
      ASSERT_NO_FATAL_FAILURE(story(first_side, message, n, &scene));
      if (testing::Test::HasFailure()) return;
      failed = scene.failed;
      failures += failed ? 1 : 0;
      for (size_t i = 0; i < scene.group.size(); ++i) stops += scene.group.alive(i) ? 0 : 1;
    }
  }
  EXPECT_GT(failures, messages);
  std::printf("%d allocations failed in turn, after which %d replicas stopped\n", failures, stops);
}

TEST(MemoryTest, OfALeaderThatTakesAForwardAndItsFollowersAnswers) {
  FailEachAllocationInAGroup(GroupTestConfig(), 2, GuessWhileMemoryRunsOut, true);
}

TEST(MemoryTest, OfAFollowerThatTakesEntriesAndAnAnswerToItsForward) {
  FailEachAllocationInAGroup(GroupTestConfig(), 3, GuessWhileMemoryRunsOut, false);
}

proto::EnclaveConfig LoneFounderConfig() {
  proto::EnclaveConfig config = GroupTestConfig();
  config.mutable_group()->set_min_voting_replicas(1);
  return config;
}

TEST(MemoryTest, OfASourceWhileAReplicaJoins) {
  FailEachAllocationInAGroup(LoneFounderConfig(), 5, JoinWhileMemoryRunsOut, true);
}

TEST(MemoryTest, OfAReplicaThatJoins) {
  FailEachAllocationInAGroup(LoneFounderConfig(), 5, JoinWhileMemoryRunsOut, false);
}

}  // namespace
}  // namespace svr2::core
