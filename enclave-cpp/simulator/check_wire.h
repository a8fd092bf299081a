// SPDX-License-Identifier: Apache-2.0
//
// Watches what leaves enclaves, as their hosts can: nothing in clear, and between enclaves no key
// and nonce for two plaintexts (design.md §7 invariant 5).
//
// A message key is made of a direction's key, a counter and 32 fresh random bytes that stand in
// clear before the ciphertext (peers/link.h): the same random bytes before two different
// ciphertexts, from any enclaves whatsoever, mean that randomness came from memory, which can be
// put back. Likewise the ephemeral key at the head of a handshake message.

#ifndef SVR2_SIMULATOR_CHECK_WIRE_H_
#define SVR2_SIMULATOR_CHECK_WIRE_H_

#include <cstdint>
#include <string>
#include <unordered_map>

#include "simulator/verdict.h"
#include "util/bytes.h"

namespace svr2::simulator {

class WireChecker {
 public:
  // `needle`: bytes that stand in every secret of the run and nowhere else.
  explicit WireChecker(std::string needle) : needle_(std::move(needle)) {}

  // The data of a PeerOutput.
  void PeerMessage(const std::string& data, Verdict* verdict);
  // A whole output message of an enclave.
  void Output(const std::string& message, Verdict* verdict) const;

 private:
  void Fresh(const char* random, const std::string& message, Verdict* verdict);

  const std::string needle_;
  std::unordered_map<std::string, uint64_t> seen_;  // Random bytes: hash of the message.
};

}  // namespace svr2::simulator

#endif  // SVR2_SIMULATOR_CHECK_WIRE_H_
