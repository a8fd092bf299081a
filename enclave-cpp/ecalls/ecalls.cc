// SPDX-License-Identifier: Apache-2.0

#include "ecalls/ecalls.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <new>

#include "core/core.h"
#include "util/mutex.h"

namespace svr2::ecalls {

namespace {

// The one object with static storage in the enclave: the EDL's functions have no handle.
struct Instance {
  util::Mutex mutex;
  std::unique_ptr<core::Core> owner SVR2_GUARDED_BY(mutex);
  // Set once, after the Core is complete; read by every call without the lock.
  std::atomic<core::Core*> core{nullptr};
};

Instance& GetInstance() {
  // Never destroyed: calls may be inside when the process ends.
  static Instance* const instance = new Instance;
  return *instance;
}

Status Init(util::ByteView config, uint8_t* peer_id) {
  Instance& instance = GetInstance();
  util::MutexLock lock(&instance.mutex);
  if (instance.owner != nullptr) return proto::ERROR_CORE_ALREADY_INITIALIZED;
  SVR2_RETURN_IF_ERROR(PreparePlatform(config));
  Result<std::unique_ptr<core::Core>> core = core::Core::Create(PlatformEnv(), config);
  if (!core.ok()) return core.status();
  instance.owner = std::move(*core);
  std::memcpy(peer_id, instance.owner->peer_id().data(), instance.owner->peer_id().size());
  instance.core.store(instance.owner.get(), std::memory_order_release);
  return Status::Ok();
}

}  // namespace
}  // namespace svr2::ecalls

uint32_t svr2_init(const uint8_t* config, size_t config_size, uint8_t peer_id[32]) {
  if ((config == nullptr && config_size != 0) || peer_id == nullptr) {
    return svr2::proto::ERROR_INVALID_ARGUMENT;
  }
  try {
    return static_cast<uint32_t>(
        svr2::ecalls::Init(svr2::util::ByteView(config, config_size), peer_id).error());
  } catch (const std::bad_alloc&) {
    return svr2::proto::ERROR_OUT_OF_MEMORY;
  }
}

uint32_t svr2_input_message(const uint8_t* message, size_t message_size) {
  if (message == nullptr && message_size != 0) return svr2::proto::ERROR_INVALID_ARGUMENT;
  svr2::core::Core* core = svr2::ecalls::GetInstance().core.load(std::memory_order_acquire);
  if (core == nullptr) return svr2::proto::ERROR_CORE_NOT_INITIALIZED;
  // Core::Input catches std::bad_alloc itself, since only it knows what is half done.
  return static_cast<uint32_t>(core->Input(svr2::util::ByteView(message, message_size)).error());
}
