// SPDX-License-Identifier: Apache-2.0

#include "platform_local/abort_guard.h"

#include <unistd.h>

#include <atomic>
#include <csetjmp>
#include <csignal>

#include "platform_local/local_entry.h"

namespace svr2::platform_local {

namespace {

std::atomic<bool> aborted{false};

// Where this thread came in. Only what lives and dies within one call is thread-local.
thread_local std::jmp_buf* way_out = nullptr;

}  // namespace

uint32_t RunGuarded(uint32_t (*call)(void*), void* argument) {
  if (aborted.load(std::memory_order_acquire)) return SVR2_LOCAL_ABORTED;
  std::jmp_buf here;
  if (setjmp(here) != 0) {
    way_out = nullptr;
    return SVR2_LOCAL_ABORTED;
  }
  way_out = &here;
  const uint32_t result = call(argument);
  way_out = nullptr;
  return result;
}

void AbortEnclave() {
  aborted.store(true, std::memory_order_release);
  if (way_out != nullptr) std::longjmp(*way_out, 1);
  std::signal(SIGABRT, SIG_DFL);
  std::raise(SIGABRT);
  _exit(128 + SIGABRT);
}

}  // namespace svr2::platform_local
