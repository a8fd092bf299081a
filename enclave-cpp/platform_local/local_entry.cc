// SPDX-License-Identifier: Apache-2.0
//
// The object's one exported function, and the ecalls behind it: what oeedger8r generates for Open
// Enclave is written by hand here, buffers copied as the attributes in edl/svr2.edl say.

#include "platform_local/local_entry.h"

#include <cpuid.h>
#include <google/protobuf/stubs/logging.h>

#include <atomic>
#include <cstring>
#include <new>

#include "ecalls/ecalls.h"
#include "env/rdrand.h"
#include "platform_local/abort_guard.h"
#include "platform_local/heap.h"
#include "platform_local/local_env.h"
#include "util/check.h"
#include "util/secret.h"

namespace svr2::platform_local {

namespace {

constexpr size_t kPeerIdBytes = 32;

std::atomic<LocalEnv*> local_env{nullptr};

// An [in] buffer of the EDL: the host's bytes, copied to the enclave's heap before anything reads
// them, so that the host cannot change them meanwhile. Wiped afterwards: an EnclaveConfig or a
// message may hold what nobody should find.
class CopyIn {
 public:
  CopyIn(const uint8_t* host, size_t size) : size_(size) {
    if (size == 0) return;
    copy_ = static_cast<uint8_t*>(EnclaveHeap()->Allocate(size));
    if (copy_ != nullptr) std::memcpy(copy_, host, size);
  }
  ~CopyIn() {
    if (copy_ != nullptr) util::Wipe(copy_, size_);
    EnclaveHeap()->Free(copy_);
  }
  CopyIn(const CopyIn&) = delete;
  CopyIn& operator=(const CopyIn&) = delete;

  bool ok() const { return size_ == 0 || copy_ != nullptr; }
  const uint8_t* data() const { return copy_; }
  size_t size() const { return size_; }

 private:
  const size_t size_;
  uint8_t* copy_ = nullptr;
};

struct InitCall {
  CopyIn config;
  uint8_t peer_id[kPeerIdBytes];  // [out]
};

uint32_t Init(const uint8_t* config, size_t config_size, uint8_t* peer_id) {
  InitCall call{CopyIn(config, config_size), {}};
  if (!call.config.ok()) return proto::ERROR_OUT_OF_MEMORY;
  const uint32_t result = RunGuarded(
      [](void* argument) noexcept {
        InitCall* c = static_cast<InitCall*>(argument);
        return svr2_init(c->config.data(), c->config.size(), c->peer_id);
      },
      &call);
  std::memcpy(peer_id, call.peer_id, kPeerIdBytes);
  return result;
}

uint32_t InputMessage(const uint8_t* message, size_t message_size) {
  CopyIn copy(message, message_size);
  if (!copy.ok()) return proto::ERROR_OUT_OF_MEMORY;
  return RunGuarded(
      [](void* argument) noexcept {
        const CopyIn* c = static_cast<const CopyIn*>(argument);
        return svr2_input_message(c->data(), c->size());
      },
      &copy);
}

uint64_t HeapBytesUsed() { return EnclaveHeap()->BytesUsed(); }
uint64_t HeapBytesLimit() { return EnclaveHeap()->BytesLimit(); }

bool HasRdrand() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_RDRND) != 0;
}

uint32_t Start(const svr2_local_host& host, svr2_local_enclave* enclave) {
  static std::atomic<bool> started{false};
  if (host.version != SVR2_LOCAL_VERSION) return proto::ERROR_INVALID_ARGUMENT;
  if (started.exchange(true)) return proto::ERROR_INTERNAL;
  Heap* heap = EnclaveHeap();
  if (!heap->SetLimit(host.heap_pages)) return proto::ERROR_OUT_OF_MEMORY;
  uint8_t probe[8];
  if (!HasRdrand()) return proto::ERROR_RANDOM_FAILED;
  if (Status random = env::FillFromRdrand(probe, sizeof(probe)); !random.ok()) {
    return static_cast<uint32_t>(random.error());
  }
  env::UseRdrandInLibsodium();
  google::protobuf::SetLogHandler(nullptr);  // It would print what the host sent.
  alignas(LocalEnv) static unsigned char storage[sizeof(LocalEnv)];
  local_env.store(new (storage) LocalEnv(host, heap), std::memory_order_release);
  *enclave = svr2_local_enclave{};
  enclave->version = SVR2_LOCAL_VERSION;
  enclave->init = Init;
  enclave->input_message = InputMessage;
  enclave->heap_bytes_used = HeapBytesUsed;
  enclave->heap_bytes_limit = HeapBytesLimit;
  enclave->memory = heap->memory();
  enclave->memory_bytes = heap->memory_bytes();
  return 0;
}

}  // namespace
}  // namespace svr2::platform_local

namespace svr2::ecalls {

Status PreparePlatform(util::ByteView) { return Status::Ok(); }

env::Env* PlatformEnv() {
  platform_local::LocalEnv* env = platform_local::local_env.load(std::memory_order_acquire);
  SVR2_CHECK(env != nullptr);
  return env;
}

}  // namespace svr2::ecalls

extern "C" __attribute__((visibility("default"))) uint32_t svr2_local_entry(
    const svr2_local_host* host, svr2_local_enclave* enclave) {
  return svr2::platform_local::Start(*host, enclave);
}
