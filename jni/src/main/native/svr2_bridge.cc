// SPDX-License-Identifier: Apache-2.0
//
// The C functions: handles, the limit of threads, re-entry and waiting at close, the same for every
// platform. A handle is a number in a pointer's clothes: slot and generation, so that a handle used
// after its enclave was destroyed is noticed instead of followed.

#include "svr2_bridge.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backend.h"
#include "oe_image.h"

namespace svr2::bridge {

Outcome CreateBackend(uint32_t platform, const std::string& path, uint32_t flags,
                      OutputTarget output, std::unique_ptr<Backend>* out) {
  switch (platform) {
    case SVR2_PLATFORM_LOCAL:
      return CreateLocalBackend(path, flags, output, out);
    case SVR2_PLATFORM_OE_SIMULATION:
    case SVR2_PLATFORM_SGX:
      return CreateOeBackend(platform, path, flags, output, out);
    default:
      return Outcome::Fail(SVR2_BRIDGE_UNKNOWN_PLATFORM,
                           path + ": there is no platform " + PlatformName(platform));
  }
}

std::string PlatformName(uint32_t platform) {
  switch (platform) {
    case SVR2_PLATFORM_LOCAL:
      return "local";
    case SVR2_PLATFORM_OE_SIMULATION:
      return "oe-simulation";
    case SVR2_PLATFORM_SGX:
      return "sgx";
    default:
      return std::to_string(platform);
  }
}

namespace {

constexpr auto kWaitForAborted = std::chrono::seconds(1);

thread_local std::string last_error;

uint32_t Report(const Outcome& outcome) {
  last_error = outcome.text;
  return outcome.code;
}

// One word says all about a slot that a call must know, so that entering is one compare-and-swap:
// generation (40 bits), closed (1), limit of threads (8), threads inside (8).
struct State {
  static constexpr uint64_t kCountMask = 0xff;
  static constexpr int kLimitShift = 8;
  static constexpr uint64_t kClosed = uint64_t{1} << 16;
  static constexpr int kGenerationShift = 24;

  static uint64_t Count(uint64_t s) { return s & kCountMask; }
  static uint64_t Limit(uint64_t s) { return s >> kLimitShift & 0xff; }
  static bool Closed(uint64_t s) { return (s & kClosed) != 0; }
  static uint64_t Generation(uint64_t s) { return s >> kGenerationShift; }
};

// Slots are never freed; what they hold is.
struct Slot {
  std::atomic<uint64_t> state{State::kClosed};
  std::atomic<bool> aborted{false};
  std::unique_ptr<Backend> backend;  // Changed only while closed and nobody is inside.
  std::mutex mutex;
  std::condition_variable changed;  // Somebody left a closed slot, or its generation went on.
};

struct Table {
  std::mutex mutex;
  // Guarded by mutex: slots that can be taken again, how many were ever taken, and the enclaves
  // that aborted with threads inside, kept for ever.
  std::vector<size_t> free;
  size_t made = 0;
  std::vector<std::unique_ptr<Backend>> abandoned;
  std::atomic<uint32_t> live{0};
  Slot slots[SVR2_MAX_ENCLAVES];
};

Table& GetTable() {
  static Table* const table = new Table;  // Never destroyed: calls may come until the very end.
  return *table;
}

struct Handle {
  Slot* slot = nullptr;
  uint64_t generation = 0;
};

constexpr int kIndexBits = 11;
static_assert(SVR2_MAX_ENCLAVES < 1 << kIndexBits);

svr2_enclave* Encode(size_t index, uint64_t generation) {
  const uintptr_t number = generation << kIndexBits | (index + 1);
  return reinterpret_cast<svr2_enclave*>(number);
}

Handle Decode(const svr2_enclave* enclave) {
  const uintptr_t number = reinterpret_cast<uintptr_t>(enclave);
  const size_t index = number & ((size_t{1} << kIndexBits) - 1);
  if (index == 0 || index > SVR2_MAX_ENCLAVES) return {};
  return {&GetTable().slots[index - 1], number >> kIndexBits};
}

// The enclaves that this thread is inside of, innermost first.
struct Inside {
  const svr2_enclave* enclave;
  const Inside* outer;
};
thread_local const Inside* innermost = nullptr;

bool IsInside(const svr2_enclave* enclave) {
  for (const Inside* i = innermost; i != nullptr; i = i->outer) {
    if (i->enclave == enclave) return true;
  }
  return false;
}

// One call into an enclave: enters when constructed, unless error() says why not, leaves when
// destroyed.
class Call {
 public:
  explicit Call(const svr2_enclave* enclave) : slot_(Decode(enclave).slot) {
    error_ = Enter(enclave);
    inside_ = {error_ == 0 ? enclave : nullptr, innermost};
    innermost = &inside_;
  }
  ~Call() {
    innermost = inside_.outer;
    if (error_ != 0) return;
    if (State::Closed(slot_->state.fetch_sub(1, std::memory_order_acq_rel))) {
      std::lock_guard<std::mutex> lock(slot_->mutex);
      slot_->changed.notify_all();
    }
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  uint32_t error() const { return error_; }
  Backend* backend() const { return slot_->backend.get(); }

  // Remembers an abort, so that destroying does not wait for ever.
  uint32_t Finish(uint32_t result) {
    if (result == SVR2_BRIDGE_ABORTED) slot_->aborted.store(true);
    return result;
  }

 private:
  uint32_t Enter(const svr2_enclave* enclave) {
    if (slot_ == nullptr) return SVR2_BRIDGE_BAD_ARGUMENT;
    if (IsInside(enclave)) return SVR2_BRIDGE_REENTERED;
    const uint64_t generation = Decode(enclave).generation;
    uint64_t state = slot_->state.load(std::memory_order_acquire);
    do {
      if (State::Generation(state) != generation || State::Closed(state)) return SVR2_BRIDGE_CLOSED;
      if (State::Count(state) >= State::Limit(state)) return SVR2_BRIDGE_OUT_OF_THREADS;
    } while (!slot_->state.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel,
                                                 std::memory_order_acquire));
    return 0;
  }

  Slot* const slot_;
  Inside inside_;
  uint32_t error_;
};

Outcome TakeSlot(size_t* index) {
  Table& table = GetTable();
  std::lock_guard<std::mutex> lock(table.mutex);
  if (!table.free.empty()) {
    *index = table.free.back();
    table.free.pop_back();
  } else if (table.made < SVR2_MAX_ENCLAVES) {
    *index = table.made++;
  } else {
    return Outcome::Fail(SVR2_BRIDGE_OUT_OF_MEMORY,
                         "more than " + std::to_string(SVR2_MAX_ENCLAVES) + " enclaves at once");
  }
  return Outcome::Ok();
}

void GiveSlot(size_t index) {
  Table& table = GetTable();
  std::lock_guard<std::mutex> lock(table.mutex);
  table.free.push_back(index);
}

Outcome Create(uint32_t platform, const char* path, uint32_t flags, OutputTarget output,
               svr2_enclave** enclave) {
  if (path == nullptr || output.callback == nullptr || enclave == nullptr ||
      (flags & ~uint32_t{SVR2_CREATE_DEBUG}) != 0) {
    return Outcome::Fail(SVR2_BRIDGE_BAD_ARGUMENT, "svr2_bridge_create: bad argument");
  }
  std::unique_ptr<Backend> backend;
  if (Outcome o = CreateBackend(platform, path, flags, output, &backend); !o.ok()) return o;
  size_t index = 0;
  if (Outcome o = TakeSlot(&index); !o.ok()) return o;
  Table& table = GetTable();
  Slot& slot = table.slots[index];
  std::lock_guard<std::mutex> lock(slot.mutex);
  const uint64_t generation = State::Generation(slot.state.load());
  const uint64_t limit = backend->num_tcs();
  slot.backend = std::move(backend);
  slot.aborted.store(false);
  table.live.fetch_add(1);
  slot.state.store(generation << State::kGenerationShift | limit << State::kLimitShift,
                   std::memory_order_release);
  *enclave = Encode(index, generation);
  return Outcome::Ok();
}

// Closes the slot's door. False when another call has done so.
bool CloseDoor(Slot* slot, uint64_t generation) {
  uint64_t state = slot->state.load();
  do {
    if (State::Generation(state) != generation || State::Closed(state)) return false;
  } while (!slot->state.compare_exchange_weak(state, state | State::kClosed));
  return true;
}

uint32_t Destroy(const svr2_enclave* enclave) {
  const Handle handle = Decode(enclave);
  if (handle.slot == nullptr) return SVR2_BRIDGE_BAD_ARGUMENT;
  if (IsInside(enclave)) return SVR2_BRIDGE_REENTERED;
  Slot& slot = *handle.slot;
  const bool ours = CloseDoor(&slot, handle.generation);
  std::unique_lock<std::mutex> lock(slot.mutex);
  if (!ours) {
    slot.changed.wait(lock,
                      [&] { return State::Generation(slot.state.load()) != handle.generation; });
    return SVR2_BRIDGE_CLOSED;
  }
  bool empty = false;
  const auto is_empty = [&] { return State::Count(slot.state.load()) == 0; };
  while (!(empty = is_empty()) && !slot.aborted.load()) slot.changed.wait(lock);
  if (!empty) empty = slot.changed.wait_for(lock, kWaitForAborted, is_empty);
  if (empty) {
    slot.backend.reset();
  } else {
    // Threads still run in it; see svr2_bridge.h.
    std::lock_guard<std::mutex> table_lock(GetTable().mutex);
    GetTable().abandoned.push_back(std::move(slot.backend));
  }
  slot.state.store((handle.generation + 1) << State::kGenerationShift | State::kClosed);
  slot.changed.notify_all();
  lock.unlock();
  GetTable().live.fetch_sub(1);
  // Where threads may still come out, the slot is never used again.
  if (empty) GiveSlot(static_cast<size_t>(&slot - GetTable().slots));
  return empty ? 0 : SVR2_BRIDGE_ABORTED;
}

// Facts are read under the slot's mutex, which a destroyer holds while it changes the slot: they
// cost no thread of the enclave.
template <typename Read>
uint32_t ReadFacts(const svr2_enclave* enclave, Read read) {
  const Handle handle = Decode(enclave);
  if (handle.slot == nullptr) return SVR2_BRIDGE_BAD_ARGUMENT;
  std::lock_guard<std::mutex> lock(handle.slot->mutex);
  const uint64_t state = handle.slot->state.load();
  if (State::Generation(state) != handle.generation || State::Closed(state)) {
    return SVR2_BRIDGE_CLOSED;
  }
  read(*handle.slot->backend);
  return 0;
}

std::string Describe(uint32_t platform, const Digest& measurement, const Digest& signer,
                     const Properties& properties) {
  return "platform=" + PlatformName(platform) + "\nmeasurement=" + Hex(measurement) +
         "\nsigner=" + Hex(signer) + "\n" + CanonicalProperties(properties);
}

Outcome Inspect(const char* path, std::string* text) {
  std::string file;
  if (Outcome o = ReadFile(path, kMaxImageBytes, &file); !o.ok()) return o;
  LocalImage local;
  OeImage oe;
  const bool elf = IsElf(file);
  if (Outcome o = elf ? ParseOeImage(file, &oe) : ParseLocalImage(file, &local); !o.ok()) {
    return Outcome::Fail(o.code, std::string(path) + ": " + o.text);
  }
  *text = elf ? Describe(SVR2_PLATFORM_SGX, oe.measurement, oe.signer, oe.properties)
              : Describe(SVR2_PLATFORM_LOCAL, local.measurement, local.signer, local.properties);
  return Outcome::Ok();
}

void CopyText(const std::string& from, char* to, size_t size) {
  if (to == nullptr || size == 0) return;
  const size_t n = std::min(from.size(), size - 1);
  std::memcpy(to, from.data(), n);
  to[n] = '\0';
}

// Runs a step that allocates; nothing thrown leaves the library.
template <typename Step>
uint32_t Guarded(Step step) noexcept {
  try {
    last_error.clear();
    return Report(step());
  } catch (const std::bad_alloc&) {
    return SVR2_BRIDGE_OUT_OF_MEMORY;
  } catch (...) {
    return SVR2_BRIDGE_BAD_ARGUMENT;
  }
}

}  // namespace
}  // namespace svr2::bridge

using svr2::bridge::Call;
using svr2::bridge::Outcome;

uint32_t svr2_bridge_create(uint32_t platform, const char* image_path, uint32_t flags,
                            svr2_output_callback output, void* context, svr2_enclave** enclave) {
  return svr2::bridge::Guarded([&] {
    return svr2::bridge::Create(platform, image_path, flags, {output, context}, enclave);
  });
}

uint32_t svr2_bridge_init(svr2_enclave* enclave, const uint8_t* config, size_t config_size,
                          uint8_t* peer_id) {
  svr2::bridge::last_error.clear();
  if ((config == nullptr && config_size != 0) || peer_id == nullptr) {
    return SVR2_BRIDGE_BAD_ARGUMENT;
  }
  Call call(enclave);
  if (call.error() != 0) return call.error();
  return call.Finish(call.backend()->Init(config, config_size, peer_id));
}

uint32_t svr2_bridge_input(svr2_enclave* enclave, const uint8_t* message, size_t message_size) {
  svr2::bridge::last_error.clear();
  if (message == nullptr && message_size != 0) return SVR2_BRIDGE_BAD_ARGUMENT;
  Call call(enclave);
  if (call.error() != 0) return call.error();
  return call.Finish(call.backend()->Input(message, message_size));
}

uint32_t svr2_bridge_measurement(const svr2_enclave* enclave, uint8_t* measurement) {
  if (measurement == nullptr) return SVR2_BRIDGE_BAD_ARGUMENT;
  return svr2::bridge::ReadFacts(enclave, [&](const svr2::bridge::Backend& backend) {
    const svr2::bridge::Digest digest = backend.measurement();
    std::memcpy(measurement, digest.data(), digest.size());
  });
}

uint32_t svr2_bridge_num_tcs(const svr2_enclave* enclave) {
  uint32_t num_tcs = 0;
  svr2::bridge::ReadFacts(
      enclave, [&](const svr2::bridge::Backend& backend) { num_tcs = backend.num_tcs(); });
  return num_tcs;
}

uint32_t svr2_bridge_destroy(svr2_enclave* enclave) {
  svr2::bridge::last_error.clear();
  return enclave == nullptr ? 0 : svr2::bridge::Destroy(enclave);
}

uint32_t svr2_bridge_live(void) { return svr2::bridge::GetTable().live.load(); }

uint32_t svr2_bridge_inspect(const char* image_path, char* text, size_t text_size) {
  return svr2::bridge::Guarded([&] {
    if (image_path == nullptr || text == nullptr || text_size == 0) {
      return Outcome::Fail(SVR2_BRIDGE_BAD_ARGUMENT, "svr2_bridge_inspect: bad argument");
    }
    std::string description;
    Outcome outcome = svr2::bridge::Inspect(image_path, &description);
    svr2::bridge::CopyText(outcome.ok() ? description : outcome.text, text, text_size);
    return outcome;
  });
}

const char* svr2_bridge_last_error(void) { return svr2::bridge::last_error.c_str(); }

uint32_t svr2_bridge_platforms(void) {
  return 1u << SVR2_PLATFORM_LOCAL | svr2::bridge::OePlatforms();
}
