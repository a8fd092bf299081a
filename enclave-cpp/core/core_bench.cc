// SPDX-License-Identifier: Apache-2.0
//
// What a client operation costs inside the core, without the boundary: one thread, CPU time. The
// client's own cryptography is done before the measured part.

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <string>
#include <vector>

#include "core/core_testing.h"

namespace svr2::core {
namespace {

const char kData[] = "a secret of 32 bytes, quite enou";

std::string ClientMessage(uint64_t client_id, const std::string& data) {
  proto::HostToEnclaveMessage message;
  proto::ClientInput* input = message.add_items()->mutable_client();
  input->set_client_id(client_id);
  input->set_data(data);
  return message.SerializeAsString();
}

// Takes output and throws it away, as a host that only forwards.
void Discard(TestHost* host) {
  host->env().SetOutputHandler([](util::ByteView) { return Status::Ok(); });
}

// What the enclave itself counted, when Discard took the place of the host's handler. What was
// refused costs little: a benchmark that does not count answers may measure refusals.
uint64_t Counted(TestHost* host, proto::Counter counter) {
  std::string reply;
  host->env().SetOutputHandler([&reply](util::ByteView output) {
    reply.assign(reinterpret_cast<const char*>(output.data()), output.size());
    return Status::Ok();
  });
  proto::HostToEnclaveMessage message;
  proto::HostRequest* request = message.add_items()->mutable_request();
  request->set_id(1);
  request->mutable_metrics();
  SVR2_CHECK(host->core().Input(message.SerializeAsString()).ok());
  proto::EnclaveToHostMessage output;
  SVR2_CHECK(output.ParseFromString(reply) && output.items(0).has_reply());
  for (const proto::CounterValue& value : output.items(0).reply().metrics().counters()) {
    if (value.counter() == counter) return value.value();
  }
  return 0;
}

// Encrypted restore request in, encrypted answer out, group of one (issue 2: ≤ 4 µs).
void BM_Restore(benchmark::State& state, const std::string& pin, int64_t batch) {
  TestHost host;
  host.Found();
  std::vector<TestClient> clients;
  for (int64_t i = 0; i < batch; ++i) {
    clients.push_back(TestClient::Connected(&host, BackupIdOf(static_cast<uint64_t>(i))));
    clients.back().Call(BackupOf(kData, "1234", 255));
    clients.back().Call(ExposeOf(kData));
  }
  Discard(&host);
  constexpr int kPrepared = 200;
  const std::string request = RestoreOf(pin).SerializeAsString();
  std::vector<std::string> messages;
  size_t next = 0;
  for (auto _ : state) {
    if (next == messages.size()) {
      state.PauseTiming();
      messages.clear();
      next = 0;
      for (int i = 0; i < kPrepared; ++i) {
        proto::HostToEnclaveMessage message;
        for (TestClient& client : clients) {
          proto::ClientInput* input = message.add_items()->mutable_client();
          input->set_client_id(client.id());
          input->set_data(client.Encrypt(request));
        }
        messages.push_back(message.SerializeAsString());
      }
      state.ResumeTiming();
    }
    const Status status = host.core().Input(messages[next++]);
    if (!status.ok()) state.SkipWithError("input failed");
  }
  const auto restores = static_cast<uint64_t>(state.iterations() * batch);
  if (Counted(&host, proto::COUNTER_RESTORES_OK) != restores) {
    state.SkipWithError("not every restore was answered with the secret");
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK_CAPTURE(BM_Restore, right_pin_1_in_flight, "1234", 1)->Iterations(20000);
BENCHMARK_CAPTURE(BM_Restore, right_pin_64_in_flight, "1234", 64)->Iterations(2000);

// A client's handshake: message in, answer out (NK ≤ 110 µs, NKhfs ≤ 200 µs).
void BM_ClientHandshake(benchmark::State& state, bool client_pq) {
  proto::EnclaveConfig config = TestConfig();
  config.set_client_pq(client_pq);
  config.set_max_client_sessions(1000000);
  config.set_max_pending_handshakes(1000000);
  TestHost host(config);
  host.Found();
  std::vector<std::string> messages;
  std::vector<uint64_t> ids;
  size_t next = 0;
  for (auto _ : state) {
    if (next == messages.size()) {
      state.PauseTiming();
      messages.clear();
      next = 0;
      for (int i = 0; i < 200; ++i) {
        TestClient client = *TestClient::Open(&host, BackupIdOf(1));
        ids.push_back(client.id());
        messages.push_back(ClientMessage(client.id(), client.HandshakeMessage()));
      }
      state.ResumeTiming();
    }
    if (!host.core().Input(messages[next++]).ok()) state.SkipWithError("input failed");
  }
  if (Counted(&host, proto::COUNTER_CLIENT_HANDSHAKES) !=
      static_cast<uint64_t>(state.iterations())) {
    state.SkipWithError("not every handshake was completed");
  }
}
BENCHMARK_CAPTURE(BM_ClientHandshake, nk, false)->Iterations(5000);
BENCHMARK_CAPTURE(BM_ClientHandshake, nkhfs, true)->Iterations(5000);

// Heap growth per session (issue 2: ≤ 600 bytes established, ≤ 1,500 pending).
void BM_SessionMemory(benchmark::State& state, bool established) {
  constexpr uint64_t kSessions = 20000;
  for (auto _ : state) {
    proto::EnclaveConfig config = TestConfig();
    config.set_max_client_sessions(kSessions);
    config.set_max_pending_handshakes(kSessions);
    TestHost host(config);
    host.Found();
    size_t grown = 0;
    for (uint64_t i = 0; i < kSessions; ++i) {
      // What stays allocated across the calls is the core's: the client's side is freed in between.
      const size_t before = mallinfo2().uordblks;
      uint64_t id = 0;
      {
        std::optional<TestClient> client = TestClient::Open(&host, BackupIdOf(i));
        id = client->id();
        if (established) client->Handshake();
      }
      host.ForgetInbox(id);
      const size_t after = mallinfo2().uordblks;
      grown += after - before;
    }
    state.counters["bytes_per_session"] =
        static_cast<double>(grown) / static_cast<double>(kSessions);
  }
}
BENCHMARK_CAPTURE(BM_SessionMemory, established, true)->Iterations(1);
BENCHMARK_CAPTURE(BM_SessionMemory, pending, false)->Iterations(1);

}  // namespace
}  // namespace svr2::core
