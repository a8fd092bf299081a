// SPDX-License-Identifier: Apache-2.0
//
// What Open Enclave does when an enclave aborts, done for platform `local`: the call that met the
// failed assertion returns an error to the host, every later call does too, nothing inside runs on,
// and the process lives. abort() in this object comes here (libc_symbols.cc), and std::terminate
// with it.

#ifndef SVR2_PLATFORM_LOCAL_ABORT_GUARD_H_
#define SVR2_PLATFORM_LOCAL_ABORT_GUARD_H_

#include <cstdint>

namespace svr2::platform_local {

// Calls `call(argument)` and returns its value, or SVR2_LOCAL_ABORTED when the enclave aborted: in
// this call, whose frames are then left without running their destructors, or before. Locks
// that the call held stay held, so that other threads inside may never come out. Not recursive.
uint32_t RunGuarded(uint32_t (*call)(void*), void* argument);

// Ends the enclave. On a thread that is not inside RunGuarded (while the object is being loaded
// or unloaded) it ends the process with SIGABRT.
[[noreturn]] void AbortEnclave();

}  // namespace svr2::platform_local

#endif  // SVR2_PLATFORM_LOCAL_ABORT_GUARD_H_
