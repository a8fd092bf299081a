// SPDX-License-Identifier: Apache-2.0
//
// The Env inside an Open Enclave image, for hardware and for simulation: the same image runs on
// both. On hardware the CPU says who this enclave is, and evidence has format SGX ECDSA. In
// simulation there is no CPU to ask; the loader says it in the EnclaveConfig (SimulatedIdentity),
// and from then on all evidence is simulated. A host that does so on hardware gets an enclave that
// no protected group takes in.

#ifndef SVR2_PLATFORM_OE_OE_ENV_H_
#define SVR2_PLATFORM_OE_OE_ENV_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "env/env.h"
#include "platform_oe/sdk.h"

namespace svr2::platform_oe {

// Thread-safe but for Prepare.
class OeEnv : public env::Env {
 public:
  // `sdk` is borrowed; it outlives this object.
  explicit OeEnv(Sdk* sdk) : sdk_(sdk) {}

  // Learns who this enclave is; nothing else may run meanwhile. Fails with ERROR_CORE_BAD_CONFIG
  // when `config` is no EnclaveConfig or its measurement has another length, with
  // ERROR_ATTESTATION_UNAVAILABLE where neither the loader nor the CPU says it.
  Status Prepare(util::ByteView config);

  Status RandomBytes(uint8_t* out, size_t size) override;
  Result<env::Evidence> GetEvidence(util::ByteView custom_claims) override;
  Result<env::VerifiedEvidence> VerifyEvidence(util::ByteView evidence, util::ByteView endorsements,
                                               uint64_t unix_seconds) override;
  std::array<uint8_t, 32> Measurement() override { return measurement_; }
  bool Simulated() override { return simulated_; }
  bool Debug() override { return debug_; }
  Status Output(util::ByteView message) override;
  size_t HeapBytesUsed() override { return sdk_->HeapBytesUsed(); }
  size_t HeapBytesLimit() override { return sdk_->HeapBytesLimit(); }

 private:
  Sdk* const sdk_;
  std::array<uint8_t, 32> measurement_{};
  // Neither before Prepare succeeded.
  bool simulated_ = false;
  bool hardware_ = false;
  bool debug_ = false;
};

}  // namespace svr2::platform_oe

#endif  // SVR2_PLATFORM_OE_OE_ENV_H_
