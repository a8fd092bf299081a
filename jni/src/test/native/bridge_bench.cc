// SPDX-License-Identifier: Apache-2.0
//
// What a call costs through the C functions: the yardstick for EnclaveBenchmark.java, which does
// the same from Java. The callback copies the message, as the Java one does.

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "svr2_bridge.h"

namespace svr2::bridge {
namespace {

// Once per process; the threads of a benchmark share it.
struct Echo {
  Echo() {
    const auto output = [](void*, const uint8_t* message, size_t size) {
      thread_local std::string copy;
      copy.assign(reinterpret_cast<const char*>(message), size);
      benchmark::DoNotOptimize(copy.data());
      return 0u;
    };
    const uint8_t config = 1;
    uint8_t peer_id[SVR2_PEER_ID_BYTES];
    const char* image = std::getenv("SVR2_ECHO_IMAGE");
    if (image == nullptr ||
        svr2_bridge_create(SVR2_PLATFORM_LOCAL, image, 0, output, nullptr, &enclave) != 0 ||
        svr2_bridge_init(enclave, &config, 1, peer_id) != 0) {
      std::abort();
    }
  }
  svr2_enclave* enclave = nullptr;
};

void Call(benchmark::State& state, const std::string& message) {
  static const Echo* const echo = new Echo;
  for (auto _ : state) {
    if (svr2_bridge_input(echo->enclave, reinterpret_cast<const uint8_t*>(message.data()),
                          message.size()) != 0) {
      state.SkipWithError("the call failed");
      return;
    }
  }
}

void EmptyCall(benchmark::State& state) { Call(state, "n"); }
void RoundTrip(benchmark::State& state) {
  Call(state, std::string(static_cast<size_t>(state.range(0)), 'e'));
}

BENCHMARK(EmptyCall)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(RoundTrip)->Arg(256)->Arg(64 << 10)->Arg(1 << 20)->ThreadRange(1, 2)->UseRealTime();

}  // namespace
}  // namespace svr2::bridge
