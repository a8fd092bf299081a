// SPDX-License-Identifier: Apache-2.0
//
// What the loader of a simulated enclave says to it, in the place of a CPU. For the bridge, which
// has no protobuf: includes nothing of either side.

#ifndef SVR2_PLATFORM_OE_SIMULATED_IDENTITY_H_
#define SVR2_PLATFORM_OE_SIMULATED_IDENTITY_H_

#include <array>
#include <cstdint>
#include <vector>

namespace svr2::platform_oe {

// EnclaveConfig.simulated_identity (config.proto, field 26) on the wire, to be put behind a
// serialized EnclaveConfig. It overrules what stands there: of two, protobuf merges the fields, and
// the last one's count; hence both are always written.
inline std::vector<uint8_t> SimulatedIdentityBytes(const std::array<uint8_t, 32>& measurement,
                                                   bool debug) {
  std::vector<uint8_t> out = {0xd2, 0x01, 36, 0x0a, 32};
  out.insert(out.end(), measurement.begin(), measurement.end());
  out.push_back(0x10);
  out.push_back(debug ? 1 : 0);
  return out;
}

}  // namespace svr2::platform_oe

#endif  // SVR2_PLATFORM_OE_SIMULATED_IDENTITY_H_
