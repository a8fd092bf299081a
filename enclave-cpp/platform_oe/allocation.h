// SPDX-License-Identifier: Apache-2.0
//
// What operator new has given out inside an Open Enclave image. The SDK's own count walks the whole
// heap under its lock; this one is a number that is always there. Memory that C code takes with
// malloc is not in it: there is none that lasts.

#ifndef SVR2_PLATFORM_OE_ALLOCATION_H_
#define SVR2_PLATFORM_OE_ALLOCATION_H_

#include <cstddef>

namespace svr2::platform_oe {

// Bytes in blocks that are in use, as large as the allocator made them. Thread-safe.
size_t AllocatedBytes();

}  // namespace svr2::platform_oe

#endif  // SVR2_PLATFORM_OE_ALLOCATION_H_
