// SPDX-License-Identifier: Apache-2.0
//
// A tiny enclave for tests of the bridge, independent of the core: ecalls over the same
// platform_local. The first byte of a message says what to do; what it outputs comes out through
// the same Env. Every command exists for one promise of the boundary.
//
//   init(config)    peer id = SHA-256 over config; once; an empty config is ERROR_CORE_BAD_CONFIG
//   'e' bytes       outputs the whole message
//   'n'             outputs nothing
//   'c'             adds one to a counter in this instance, outputs it (u64 little-endian)
//   'h'             outputs heap used, heap limit (u64 each)
//   'a' kibibytes   (u32) allocates blocks of that size until there is no room, outputs how many
//   bytes,
//                   and gives them back
//   'b'             outputs 'b', then waits until a message 'r' comes; outputs how many waited
//   'r'             releases all who wait
//   'm'             outputs measurement, debug (1 byte), simulated (1 byte)
//   'w' bytes       overwrites its own copy of the message, outputs 'w': the host's must not change
//   'x' bytes       ends in a failed assertion
//   't'             throws std::bad_alloc through the ecall
//   'v'             outputs 32 random bytes
//   'o' count       (u32) outputs `count` messages of 8 bytes: the number counted up
//   anything else   ERROR_CORE_MALFORMED_MESSAGE

#include <sodium.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

#include "ecalls/ecalls.h"
#include "util/check.h"
#include "util/endian.h"

namespace svr2::echo {

namespace {

struct State {
  std::atomic<bool> initialized{false};
  std::atomic<uint64_t> counter{0};
  std::mutex mutex;
  std::condition_variable released;
  uint32_t waiting = 0;
  uint64_t releases = 0;
};

State& GetState() {
  static State* const state = new State;  // Never destroyed, as in ecalls.cc.
  return *state;
}

uint32_t Output(const util::Bytes& message) {
  return static_cast<uint32_t>(ecalls::PlatformEnv()->Output(message).error());
}

uint32_t OutputNumbers(std::initializer_list<uint64_t> numbers) {
  util::Bytes out(numbers.size() * 8);
  size_t at = 0;
  for (uint64_t number : numbers) util::StoreLittleEndian64(out.data() + at++ * 8, number);
  return Output(out);
}

uint32_t AllocateUntilFull(size_t block_bytes) {
  // A list threaded through the blocks, so that nothing else is allocated.
  struct Block {
    Block* next;
  };
  Block* head = nullptr;
  uint64_t bytes = 0;
  for (;;) {
    Block* block = static_cast<Block*>(::operator new(block_bytes, std::nothrow));
    if (block == nullptr) break;
    block->next = head;
    head = block;
    bytes += block_bytes;
  }
  while (head != nullptr) {
    Block* next = head->next;
    ::operator delete(head);
    head = next;
  }
  return OutputNumbers({bytes});
}

uint32_t WaitForRelease() {
  State& state = GetState();
  if (uint32_t error = Output({'b'}); error != 0) return error;
  std::unique_lock<std::mutex> lock(state.mutex);
  const uint64_t before = state.releases;
  ++state.waiting;
  state.released.wait(lock, [&] { return state.releases != before; });
  --state.waiting;
  return 0;
}

uint32_t ReleaseAll() {
  State& state = GetState();
  std::lock_guard<std::mutex> lock(state.mutex);
  // Waits for nobody: the caller repeats until nobody is left.
  ++state.releases;
  state.released.notify_all();
  return OutputNumbers({state.waiting});
}

uint32_t OutputFacts() {
  env::Env* env = ecalls::PlatformEnv();
  const std::array<uint8_t, 32> measurement = env->Measurement();
  util::Bytes out(measurement.begin(), measurement.end());
  out.push_back(env->Debug() ? 1 : 0);
  out.push_back(env->Simulated() ? 1 : 0);
  return Output(out);
}

uint32_t OutputRandom() {
  util::Bytes out(32);
  if (Status s = ecalls::PlatformEnv()->RandomBytes(out.data(), out.size()); !s.ok()) {
    return static_cast<uint32_t>(s.error());
  }
  return Output(out);
}

uint32_t OutputMany(uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (uint32_t error = OutputNumbers({i}); error != 0) return error;
  }
  return 0;
}

uint32_t Overwrite(const uint8_t* message, size_t size) {
  std::memset(const_cast<uint8_t*>(message), 0xff, size);
  return Output({'w'});
}

uint32_t Dispatch(const uint8_t* message, size_t size) {
  State& state = GetState();
  if (!state.initialized) return proto::ERROR_CORE_NOT_INITIALIZED;
  if (size == 0) return proto::ERROR_CORE_MALFORMED_MESSAGE;
  const uint32_t number = size >= 5 ? util::LoadLittleEndian32(message + 1) : 0;
  switch (message[0]) {
    case 'e':
      return static_cast<uint32_t>(
          ecalls::PlatformEnv()->Output(util::ByteView(message, size)).error());
    case 'n':
      return 0;
    case 'c':
      return OutputNumbers({++state.counter});
    case 'h':
      return OutputNumbers(
          {ecalls::PlatformEnv()->HeapBytesUsed(), ecalls::PlatformEnv()->HeapBytesLimit()});
    case 'a':
      if (number == 0) return proto::ERROR_INVALID_ARGUMENT;
      return AllocateUntilFull(size_t{number} * 1024);
    case 'b':
      return WaitForRelease();
    case 'r':
      return ReleaseAll();
    case 'm':
      return OutputFacts();
    case 'w':
      return Overwrite(message, size);
    case 'x':
      SVR2_CHECK(size == 0);
      return proto::ERROR_INTERNAL;
    case 't':
      throw std::bad_alloc();
    case 'v':
      return OutputRandom();
    case 'o':
      return OutputMany(number);
    default:
      return proto::ERROR_CORE_MALFORMED_MESSAGE;
  }
}

}  // namespace
}  // namespace svr2::echo

uint32_t svr2_init(const uint8_t* config, size_t config_size, uint8_t peer_id[32]) {
  if (config_size == 0) return svr2::proto::ERROR_CORE_BAD_CONFIG;
  if (sodium_init() < 0) return svr2::proto::ERROR_CRYPTO_UNAVAILABLE;
  if (svr2::echo::GetState().initialized.exchange(true)) {
    return svr2::proto::ERROR_CORE_ALREADY_INITIALIZED;
  }
  crypto_hash_sha256(peer_id, config, config_size);
  return 0;
}

uint32_t svr2_input_message(const uint8_t* message, size_t message_size) {
  return svr2::echo::Dispatch(message, message_size);
}
