// SPDX-License-Identifier: Apache-2.0
//
// What a session costs its server: the handshakes (NK: one key made, two agreements, at most 110 µs
// CPU; NKhfs: an encapsulation more, at most 200 µs) and the transport of requests and responses.

#include <benchmark/benchmark.h>

#include <vector>

#include "noise/noise_testing.h"
#include "noise/transport.h"

namespace svr2::noise {
namespace {

// Start, read the client's message, write ours, split: all that a server does for a client.
void ServerSide(benchmark::State& state, const HandshakePattern* pattern, crypto::Aead aead) {
  Ends ends(pattern, aead);
  HandshakeState client = ends.Start(Role::kInitiator);
  std::string first;
  Must(client.WriteMessage(&ends.env, {}, &first));
  std::string payload;
  std::string second;
  for (auto _ : state) {
    HandshakeState server = ends.Start(Role::kResponder);
    SVR2_CHECK(server.ReadMessage(first, &payload).ok());
    SVR2_CHECK(server.WriteMessage(&ends.env, {}, &second).ok());
    Result<Session> session = server.Split();
    SVR2_CHECK(session.ok());
    benchmark::DoNotOptimize(session->send);
  }
  state.counters["handshake_state_bytes"] = sizeof(HandshakeState);
  state.counters["cipher_state_bytes"] = sizeof(CipherState);
}
void BM_NkServerSide(benchmark::State& state) {
  ServerSide(state, &kPatternNk, crypto::Aead::kChaCha20Poly1305);
}
void BM_NkHfsServerSide(benchmark::State& state) {
  ServerSide(state, &kPatternNkHfs, crypto::Aead::kChaCha20Poly1305);
}
// Of one peer; the other side costs about as much.
void BM_KkHfsResponder(benchmark::State& state) {
  ServerSide(state, &kPatternKkHfs, crypto::Aead::kAes256Gcm);
}
BENCHMARK(BM_NkServerSide);
BENCHMARK(BM_NkHfsServerSide);
BENCHMARK(BM_KkHfsResponder);

void BM_TransportEncrypt(benchmark::State& state) {
  Ends ends(&kPatternNk, crypto::Aead::kChaCha20Poly1305);
  auto [client, server] = ends.Connect();
  const util::Bytes plaintext(static_cast<size_t>(state.range(0)));
  util::Bytes out(TransportCiphertextBytes(plaintext.size()));
  for (auto _ : state) {
    SVR2_CHECK(TransportEncrypt(&server.send, plaintext, out.data()).ok());
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(BM_TransportEncrypt)->Arg(64)->Arg(1024);

void BM_TransportDecrypt(benchmark::State& state) {
  // Sealed outside the measured time, a batch at a time: each message opens only once.
  constexpr size_t kBatch = 1024;
  Ends ends(&kPatternNk, crypto::Aead::kChaCha20Poly1305);
  auto [client, server] = ends.Connect();
  util::Bytes plaintext(static_cast<size_t>(state.range(0)));
  std::vector<util::Bytes> sealed(kBatch);
  size_t next = kBatch;
  for (auto _ : state) {
    if (next == kBatch) {
      state.PauseTiming();
      for (util::Bytes& message : sealed) {
        message.resize(TransportCiphertextBytes(plaintext.size()));
        SVR2_CHECK(TransportEncrypt(&client.send, plaintext, message.data()).ok());
      }
      next = 0;
      state.ResumeTiming();
    }
    SVR2_CHECK(TransportDecrypt(&server.receive, sealed[next++], plaintext.data()).ok());
    benchmark::DoNotOptimize(plaintext.data());
  }
}
BENCHMARK(BM_TransportDecrypt)->Arg(64)->Arg(1024);

}  // namespace
}  // namespace svr2::noise
