// SPDX-License-Identifier: Apache-2.0
//
// What a message between enclaves costs (key derivation, AES-GCM, integrity tree, both directions'
// bookkeeping), and a handshake on either side. The random bytes and the evidence are the fake
// environment's: an RDRAND costs more, the verification of real evidence much more.

#include <benchmark/benchmark.h>

#include <vector>

#include "peers/frame.h"
#include "peers/outbox.h"
#include "peers/peers_testing.h"

namespace svr2::peers {
namespace {

void BM_Encrypt(benchmark::State& state) {
  Pair pair;
  pair.Connect();
  const std::string text(static_cast<size_t>(state.range(0)), 'x');
  std::string message;
  for (auto _ : state) {
    Must(pair.low->Encrypt(text, &message));
    benchmark::DoNotOptimize(message.data());
  }
  state.counters["overhead_bytes"] = static_cast<double>(message.size() - text.size());
}
BENCHMARK(BM_Encrypt)->Arg(200)->Arg(4096)->Arg(256 * 1024);

void BM_EncryptAndDecrypt(benchmark::State& state) {
  Pair pair;
  pair.Connect();
  const std::string text(static_cast<size_t>(state.range(0)), 'x');
  std::string message;
  for (auto _ : state) {
    Must(pair.low->Encrypt(text, &message));
    Must(pair.high->Receive(message));
    benchmark::DoNotOptimize(pair.high->received.data.data());
  }
}
BENCHMARK(BM_EncryptAndDecrypt)->Arg(200)->Arg(4096)->Arg(256 * 1024);

// Reads the SYN, verifies the evidence, writes the SYN-ACK.
void BM_HandshakeResponder(benchmark::State& state) {
  Pair pair;
  for (auto _ : state) {
    state.PauseTiming();
    pair.high->Reset();
    const std::string syn = pair.low->Connect();
    state.ResumeTiming();
    Must(pair.high->Receive(syn));
  }
  state.counters["syn_ack_bytes"] = static_cast<double>(pair.high->received.answer.size());
}
BENCHMARK(BM_HandshakeResponder);

// Writes the SYN, reads the SYN-ACK, verifies the evidence, confirms.
void BM_HandshakeInitiator(benchmark::State& state) {
  Pair pair;
  for (auto _ : state) {
    const std::string syn = pair.low->Connect();
    state.PauseTiming();
    pair.high->Reset();
    Must(pair.high->Receive(syn));
    const std::string syn_ack = pair.high->received.answer;
    state.ResumeTiming();
    Must(pair.low->Receive(syn_ack));
    state.PauseTiming();
    pair.low->Reset();
    state.ResumeTiming();
  }
}
BENCHMARK(BM_HandshakeInitiator);

// Push, take and encode: one small request.
void BM_OutboxAndFrame(benchmark::State& state) {
  Outbox outbox;
  outbox.Open(1, "");
  bool already = false;
  Outbox::Batch batch;
  util::SecretBytes frame;
  for (auto _ : state) {
    Request request;
    request.head.set_id(1);
    request.head.mutable_forward_entry();
    request.attachment.resize(100);
    Must(outbox.Push(std::move(request)));
    SVR2_CHECK(outbox.Claim(&outbox, &already));
    SVR2_CHECK(outbox.TakeOrRelease(&outbox, &batch));
    frame.clear();
    const Request& taken = std::get<Request>(batch.items[0]);
    Must(FrameWriter(&frame).AddRequest(taken.head, util::View(taken.attachment)));
    benchmark::DoNotOptimize(frame.data());
    SVR2_CHECK(!outbox.TakeOrRelease(&outbox, &batch));
  }
}
BENCHMARK(BM_OutboxAndFrame);

}  // namespace
}  // namespace svr2::peers
