// SPDX-License-Identifier: Apache-2.0
//
// An Env for tests and benchmarks: seeded random bytes, simulated evidence, output collected in
// memory. Never linked into an enclave.

#ifndef SVR2_ENV_FAKE_ENV_H_
#define SVR2_ENV_FAKE_ENV_H_

#include <functional>
#include <string>
#include <vector>

#include "env/env.h"
#include "util/mutex.h"

namespace svr2::env {

// Thread-safe.
class FakeEnv : public Env {
 public:
  // The same seed gives the same random bytes in the same order of calls.
  explicit FakeEnv(uint64_t seed);

  Status RandomBytes(uint8_t* out, size_t size) override;
  Result<Evidence> GetEvidence(util::ByteView custom_claims) override;
  Result<VerifiedEvidence> VerifyEvidence(util::ByteView evidence, util::ByteView endorsements,
                                          uint64_t unix_seconds) override;
  std::array<uint8_t, 32> Measurement() override;
  bool Simulated() override { return true; }
  bool Debug() override { return debug_; }
  Status Output(util::ByteView message) override;
  size_t HeapBytesUsed() override;
  size_t HeapBytesLimit() override;

  // All messages output since the last call.
  std::vector<std::string> TakeOutput();
  // Called instead of collecting, when set; what it returns is what Output returns.
  void SetOutputHandler(std::function<Status(util::ByteView)> handler);
  void SetHeap(size_t used, size_t limit);
  void SetDebug(bool debug) { debug_ = debug; }
  void FailRandom(bool fail);
  void FailEvidence(bool fail);

 private:
  util::Mutex mutex_;
  uint64_t seed_ SVR2_GUARDED_BY(mutex_);
  uint64_t draws_ SVR2_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> output_ SVR2_GUARDED_BY(mutex_);
  std::function<Status(util::ByteView)> handler_ SVR2_GUARDED_BY(mutex_);
  size_t heap_used_ SVR2_GUARDED_BY(mutex_) = 0;
  size_t heap_limit_ SVR2_GUARDED_BY(mutex_) = size_t{1} << 40;
  bool fail_random_ SVR2_GUARDED_BY(mutex_) = false;
  bool fail_evidence_ SVR2_GUARDED_BY(mutex_) = false;
  bool debug_ = false;
};

}  // namespace svr2::env

#endif  // SVR2_ENV_FAKE_ENV_H_
