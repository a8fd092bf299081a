// SPDX-License-Identifier: Apache-2.0
//
// One running enclave of some platform, behind svr2_bridge.cc, which does what all platforms share:
// handles, the limit of threads, re-entry, waiting at close. A platform adds a class here and a
// case to CreateBackend.

#ifndef SVR2_JNI_BACKEND_H_
#define SVR2_JNI_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "local_image.h"
#include "outcome.h"

namespace svr2::bridge {

// What the platform needs to hand output to the caller. `call` copies nothing and never throws.
struct OutputTarget {
  svr2_output_callback callback;
  void* context;

  uint32_t Call(const uint8_t* message, size_t size) const noexcept {
    try {
      return callback(context, message, size);
    } catch (...) {
      return SVR2_BRIDGE_BAD_ARGUMENT;  // A callback must not throw; what it threw ends here.
    }
  }
};

// Init and Input may be called from any thread, at most num_tcs() at once. The destructor unloads;
// no call may be inside.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual uint32_t Init(const uint8_t* config, size_t size, uint8_t* peer_id) = 0;
  virtual uint32_t Input(const uint8_t* message, size_t size) = 0;
  virtual Digest measurement() const = 0;
  virtual uint32_t num_tcs() const = 0;
};

// Loads, checks and starts an image on a platform that was built in.
Outcome CreateBackend(uint32_t platform, const std::string& path, uint32_t flags,
                      OutputTarget output, std::unique_ptr<Backend>* out);

// Platform `local`: local_backend.cc.
Outcome CreateLocalBackend(const std::string& path, uint32_t flags, OutputTarget output,
                           std::unique_ptr<Backend>* out);

// Platforms `oe-simulation` and `sgx`: oe_backend.cc, or oe_absent.cc where there was no SDK. The
// platforms that are there, as in svr2_bridge_platforms.
uint32_t OePlatforms();
Outcome CreateOeBackend(uint32_t platform, const std::string& path, uint32_t flags,
                        OutputTarget output, std::unique_ptr<Backend>* out);

// As in configuration files.
std::string PlatformName(uint32_t platform);

}  // namespace svr2::bridge

#endif  // SVR2_JNI_BACKEND_H_
