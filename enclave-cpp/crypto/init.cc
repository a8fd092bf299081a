// SPDX-License-Identifier: Apache-2.0

#include "crypto/init.h"

#include <sodium.h>

namespace svr2::crypto {

Status Init() {
  // 0: started now; 1: was started before; -1: failed. libsodium takes its own lock.
  if (sodium_init() < 0) return proto::ERROR_CRYPTO_UNAVAILABLE;
  return Status::Ok();
}

}  // namespace svr2::crypto
