// SPDX-License-Identifier: Apache-2.0
//
// The outside of a simulated enclave: random bytes from the seed that no rollback takes back,
// simulated evidence, output collected outside of the enclave's memory.

#ifndef SVR2_SIMULATOR_SIM_ENV_H_
#define SVR2_SIMULATOR_SIM_ENV_H_

#include <string>
#include <utility>
#include <vector>

#include "env/env.h"
#include "env/simulated_evidence.h"
#include "simulator/enclave_memory.h"
#include "simulator/random.h"

namespace svr2::simulator {

// For one thread.
class SimEnv : public env::Env {
 public:
  explicit SimEnv(Random random) : random_(random) {}

  Status RandomBytes(uint8_t* out, size_t size) override {
    random_.Fill(out, size);
    return Status::Ok();
  }
  Result<env::Evidence> GetEvidence(util::ByteView custom_claims) override {
    return env::MakeSimulatedEvidence(Measurement(), false, custom_claims);
  }
  Result<env::VerifiedEvidence> VerifyEvidence(util::ByteView evidence, util::ByteView endorsements,
                                               uint64_t) override {
    return env::ParseSimulatedEvidence(evidence, endorsements);
  }
  std::array<uint8_t, 32> Measurement() override {
    std::array<uint8_t, 32> measurement;
    measurement.fill(0x5a);
    return measurement;
  }
  bool Simulated() override { return true; }
  bool Debug() override { return false; }
  Status Output(util::ByteView message) override {
    const OutsideOfEnclave outside;
    output_.emplace_back(reinterpret_cast<const char*>(message.data()), message.size());
    return Status::Ok();
  }
  size_t HeapBytesUsed() override { return 0; }
  size_t HeapBytesLimit() override { return EnclaveMemory::kMaxBytes; }

  std::vector<std::string> TakeOutput() { return std::exchange(output_, {}); }

 private:
  Random random_;
  std::vector<std::string> output_;
};

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_SIM_ENV_H_
