// SPDX-License-Identifier: Apache-2.0
//
// The Env of platform `local`: random bytes from the CPU, simulated evidence, and the facts that
// the loader handed in. Protects nothing.

#ifndef SVR2_PLATFORM_LOCAL_LOCAL_ENV_H_
#define SVR2_PLATFORM_LOCAL_LOCAL_ENV_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "env/env.h"
#include "platform_local/heap.h"
#include "platform_local/local_entry.h"

namespace svr2::platform_local {

// Thread-safe.
class LocalEnv : public env::Env {
 public:
  // Copies `host`. `heap` is borrowed; it outlives this object.
  LocalEnv(const svr2_local_host& host, Heap* heap) : host_(host), heap_(heap) {}

  Status RandomBytes(uint8_t* out, size_t size) override;
  Result<env::Evidence> GetEvidence(util::ByteView custom_claims) override;
  Result<env::VerifiedEvidence> VerifyEvidence(util::ByteView evidence, util::ByteView endorsements,
                                               uint64_t unix_seconds) override;
  std::array<uint8_t, 32> Measurement() override;
  bool Simulated() override { return true; }
  bool Debug() override { return host_.debug != 0; }
  Status Output(util::ByteView message) override;
  size_t HeapBytesUsed() override { return heap_->BytesUsed(); }
  size_t HeapBytesLimit() override { return heap_->BytesLimit(); }

 private:
  const svr2_local_host host_;
  Heap* const heap_;
};

}  // namespace svr2::platform_local

#endif  // SVR2_PLATFORM_LOCAL_LOCAL_ENV_H_
