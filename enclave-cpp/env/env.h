// SPDX-License-Identifier: Apache-2.0
//
// What the outside must provide to the core: random bytes, evidence and its verification, output
// to the host, and how much heap is left. One small interface, implemented by each platform_* and
// by tests (env/fake_env.h). Nothing else in the enclave touches the outside: no clock, no file, no
// thread.

#ifndef SVR2_ENV_ENV_H_
#define SVR2_ENV_ENV_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "util/bytes.h"
#include "util/status.h"

namespace svr2::env {

// Evidence and what a verifier needs beside it (protocol.md §6).
struct Evidence {
  std::string evidence;
  std::string endorsements;  // Empty for simulated evidence.
};

enum class EvidenceFormat { kSgxEcdsa, kSimulated };

// State of the platform's trusted computing base as a verifier reports it.
enum class TcbStatus {
  kUpToDate,
  kSwHardeningNeeded,
  kConfigurationNeeded,
  kConfigurationAndSwHardeningNeeded,
  kOutOfDate,
  kOutOfDateConfigurationNeeded,
  kRevoked,
};

// What a platform's verifier found out. Only facts: attestation/policy.h decides.
struct VerifiedEvidence {
  EvidenceFormat format = EvidenceFormat::kSimulated;
  std::array<uint8_t, 32> measurement{};
  bool debug = false;
  TcbStatus tcb_status = TcbStatus::kUpToDate;
  std::vector<std::string> advisories;      // INTEL-SA-…
  uint64_t tcb_evaluation_data_number = 0;  // 0 where the format has none.
  std::string custom_claims;                // The claims block, its hash already checked.
};

// Thread-safe: every method may be called from any thread that is inside the enclave.
class Env {
 public:
  virtual ~Env() = default;

  // Fills `out` straight from the CPU's generator; no state is kept in enclave memory. Fails with
  // ERROR_RANDOM_FAILED; then `out` must not be used.
  virtual Status RandomBytes(uint8_t* out, size_t size) = 0;

  // Evidence that binds `custom_claims` (a claims block, attestation/claims.h) to this enclave. May
  // take milliseconds and leave the enclave. Fails with ERROR_ATTESTATION_UNAVAILABLE.
  virtual Result<Evidence> GetEvidence(util::ByteView custom_claims) = 0;

  // Checks signatures, dates (against `unix_seconds`) and the claims' hash, and reports what the
  // evidence says. Applies no policy. Fails with ERROR_ATTESTATION_….
  virtual Result<VerifiedEvidence> VerifyEvidence(util::ByteView evidence,
                                                  util::ByteView endorsements,
                                                  uint64_t unix_seconds) = 0;

  // Measurement of this very enclave.
  virtual std::array<uint8_t, 32> Measurement() = 0;

  // True on platforms that protect nothing; their evidence is simulated.
  virtual bool Simulated() = 0;

  // True when the DEBUG attribute is set on this enclave.
  virtual bool Debug() = 0;

  // Hands one serialized EnclaveToHostMessage to the host; returns when the host has taken it. No
  // lock may be held. Fails with ERROR_CORE_OUTPUT_FAILED.
  virtual Status Output(util::ByteView message) = 0;

  // Heap: bytes in use, and the limit that the image's properties set.
  virtual size_t HeapBytesUsed() = 0;
  virtual size_t HeapBytesLimit() = 0;
};

}  // namespace svr2::env

#endif  // SVR2_ENV_ENV_H_
