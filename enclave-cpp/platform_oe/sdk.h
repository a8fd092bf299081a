// SPDX-License-Identifier: Apache-2.0
//
// What platform_oe needs of the Open Enclave SDK, as one interface, so that everything above it is
// compiled and tested where there is no SDK. The real one is in oe_entry.cc.

#ifndef SVR2_PLATFORM_OE_SDK_H_
#define SVR2_PLATFORM_OE_SDK_H_

#include <cstddef>
#include <cstdint>

#include "util/bytes.h"

namespace svr2::platform_oe {

// Thread-safe: may be called from any thread that is inside the enclave.
class Sdk {
 public:
  virtual ~Sdk() = default;

  // The EDL's ocall. True when the host has taken the message.
  virtual bool Output(util::ByteView message) = 0;

  // Bytes in blocks that are in use, and the size of the heap.
  virtual size_t HeapBytesUsed() = 0;
  virtual size_t HeapBytesLimit() = 0;
};

}  // namespace svr2::platform_oe

#endif  // SVR2_PLATFORM_OE_SDK_H_
