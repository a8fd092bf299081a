// SPDX-License-Identifier: Apache-2.0
//
// In the place of oe_backend.cc where this library is built without an Open Enclave SDK.

#include "backend.h"

namespace svr2::bridge {

uint32_t OePlatforms() { return 0; }

Outcome CreateOeBackend(uint32_t platform, const std::string& path, uint32_t, OutputTarget,
                        std::unique_ptr<Backend>*) {
  return Outcome::Fail(SVR2_BRIDGE_UNKNOWN_PLATFORM,
                       path + ": this library was built without platform " +
                           PlatformName(platform) +
                           ": no Open Enclave SDK was there. Install one and build again (`make "
                           "enclave-oe` says how)");
}

}  // namespace svr2::bridge
