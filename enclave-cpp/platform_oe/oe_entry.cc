// SPDX-License-Identifier: Apache-2.0
//
// The one file of the enclave that speaks to the Open Enclave SDK: output, heap, and the
// environment that `ecalls` asks for. The ecalls themselves come from oeedger8r (svr2_t.c).

#include <google/protobuf/stubs/logging.h>
#include <openenclave/advanced/mallinfo.h>
#include <openenclave/enclave.h>
#include <svr2_t.h>

#include "ecalls/ecalls.h"
#include "env/rdrand.h"
#include "platform_oe/allocation.h"
#include "platform_oe/oe_env.h"
#include "util/check.h"

namespace svr2::platform_oe {

namespace {

class RealSdk : public Sdk {
 public:
  RealSdk() {
    oe_mallinfo_t heap{};
    SVR2_CHECK(oe_allocator_mallinfo(&heap) == OE_OK);
    heap_bytes_limit_ = heap.max_total_heap_size;
  }

  bool Output(util::ByteView message) override {
    uint32_t refused = 0;
    return svr2_output_message(&refused, message.data(), message.size()) == OE_OK && refused == 0;
  }
  size_t HeapBytesUsed() override { return AllocatedBytes(); }
  size_t HeapBytesLimit() override { return heap_bytes_limit_; }

 private:
  size_t heap_bytes_limit_ = 0;
};

struct Platform {
  Platform() : env(&sdk) {
    env::UseRdrandInLibsodium();
    google::protobuf::SetLogHandler(nullptr);  // It would print what the host sent.
  }
  RealSdk sdk;
  OeEnv env;
};

OeEnv* GetEnv() {
  // Never destroyed: calls may be inside when the enclave ends.
  static Platform* const platform = new Platform;
  return &platform->env;
}

}  // namespace
}  // namespace svr2::platform_oe

namespace svr2::ecalls {

Status PreparePlatform(util::ByteView config) { return platform_oe::GetEnv()->Prepare(config); }

env::Env* PlatformEnv() { return platform_oe::GetEnv(); }

}  // namespace svr2::ecalls
