// SPDX-License-Identifier: Apache-2.0
//
// Start of libsodium: it picks the implementations that this CPU can run. Everything in this module
// works without it too, but slower, and AES-256-GCM answers ERROR_CRYPTO_UNAVAILABLE, since
// libsodium has not looked for the instructions yet.

#ifndef SVR2_CRYPTO_INIT_H_
#define SVR2_CRYPTO_INIT_H_

#include "util/status.h"

namespace svr2::crypto {

// Starts libsodium. Every Core calls it once; it may be called any number of times, from any
// threads at once. Fails with ERROR_CRYPTO_UNAVAILABLE; then nothing of this module may be used.
Status Init();

}  // namespace svr2::crypto

#endif  // SVR2_CRYPTO_INIT_H_
