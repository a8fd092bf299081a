// SPDX-License-Identifier: Apache-2.0
//
// Platform `local`: a checked image's object, loaded into this process from the very bytes that
// were checked. Each enclave gets a copy of its own with globals and heap of its own. No isolation:
// this is for development and tests, and says so by simulated evidence.

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <sys/mman.h>

#include <cstring>
#include <new>
#include <utility>

#include "backend.h"
#include "platform_local/local_entry.h"
#include "sealed_file.h"

namespace svr2::bridge {

namespace {

// A copy of the object in this process. Unloads it when destroyed.
class LoadedObject {
 public:
  LoadedObject() = default;
  LoadedObject(const LoadedObject&) = delete;
  LoadedObject& operator=(const LoadedObject&) = delete;

  ~LoadedObject() {
    if (handle_ != nullptr && dlclose(handle_) == 0 && !StillLoaded() && memory_ != nullptr) {
      munmap(memory_, memory_bytes_);
    }
  }

  Outcome Load(const std::string& object, svr2_local_entry_function* entry) {
    if (!file_.Fill(object)) return Fail(std::string("memfd: ") + std::strerror(errno));
    handle_ = dlopen(file_.path().c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) return Fail(dlerror());
    void* symbol = dlsym(handle_, SVR2_LOCAL_ENTRY_NAME);
    if (symbol == nullptr) return Fail("exports no " SVR2_LOCAL_ENTRY_NAME);
    *entry = reinterpret_cast<svr2_local_entry_function>(symbol);
    return Outcome::Ok();
  }

  // What to unmap after unloading.
  void OwnMemory(void* memory, size_t bytes) {
    memory_ = memory;
    memory_bytes_ = bytes;
  }

 private:
  bool StillLoaded() const {
    void* again = dlopen(file_.path().c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (again != nullptr) dlclose(again);
    return again != nullptr;
  }

  static Outcome Fail(const std::string& why) {
    return Outcome::Fail(SVR2_BRIDGE_IMAGE_LOAD, "the system's loader says: " + why +
                                                     " (this process runs on glibc " +
                                                     gnu_get_libc_version() + ")");
  }

  // Open until the object is unloaded: the loader knows it by this number, and would take a second
  // object under the same number for the first.
  SealedFile file_;
  void* handle_ = nullptr;
  void* memory_ = nullptr;
  size_t memory_bytes_ = 0;
};

class LocalBackend : public Backend {
 public:
  LocalBackend(const LocalImage& image, OutputTarget output)
      : measurement_(image.measurement),
        num_tcs_(static_cast<uint32_t>(image.properties.num_tcs)),
        output_(output) {}

  Outcome Start(const LocalImage& image, bool debug) {
    svr2_local_entry_function entry = nullptr;
    if (Outcome outcome = object_.Load(image.object, &entry); !outcome.ok()) return outcome;
    svr2_local_host host{};
    host.version = SVR2_LOCAL_VERSION;
    host.debug = debug ? 1 : 0;
    std::memcpy(host.measurement, measurement_.data(), measurement_.size());
    host.heap_pages = image.properties.heap_pages;
    host.output = Output;
    host.context = this;
    const uint32_t error = entry(&host, &enclave_);
    if (error != 0) {
      return Outcome::Fail(SVR2_BRIDGE_IMAGE_LOAD,
                           "the enclave did not start: error " + std::to_string(error) +
                               " (2: no memory for NumHeapPages; 3: another version of the entry "
                               "point; 4: the CPU has no working RDRAND)");
    }
    object_.OwnMemory(enclave_.memory, enclave_.memory_bytes);
    return Outcome::Ok();
  }

  uint32_t Init(const uint8_t* config, size_t size, uint8_t* peer_id) override {
    return enclave_.init(config, size, peer_id);
  }
  uint32_t Input(const uint8_t* message, size_t size) override {
    return enclave_.input_message(message, size);
  }
  Digest measurement() const override { return measurement_; }
  uint32_t num_tcs() const override { return num_tcs_; }

 private:
  static constexpr size_t kStackCopyBytes = 4096;

  // The ocall: an [in] buffer is copied to the host's memory before the host's code sees it.
  static uint32_t Output(void* context, const uint8_t* message, size_t size) {
    const OutputTarget& target = static_cast<LocalBackend*>(context)->output_;
    if (size <= kStackCopyBytes) {
      uint8_t copy[kStackCopyBytes];
      if (size > 0) std::memcpy(copy, message, size);
      return target.Call(copy, size);
    }
    const std::unique_ptr<uint8_t[]> copy(new (std::nothrow) uint8_t[size]);
    if (copy == nullptr) return SVR2_BRIDGE_OUT_OF_MEMORY;
    std::memcpy(copy.get(), message, size);
    return target.Call(copy.get(), size);
  }

  const Digest measurement_;
  const uint32_t num_tcs_;
  const OutputTarget output_;
  svr2_local_enclave enclave_{};
  LoadedObject object_;
};

}  // namespace

Outcome CreateLocalBackend(const std::string& path, uint32_t flags, OutputTarget output,
                           std::unique_ptr<Backend>* out) {
  std::string file;
  if (Outcome outcome = ReadFile(path, kMaxImageBytes, &file); !outcome.ok()) return outcome;
  LocalImage image;
  Outcome outcome = ParseLocalImage(file, &image);
  std::string().swap(file);
  const bool debug = (flags & SVR2_CREATE_DEBUG) != 0;
  if (outcome.ok() && debug && image.properties.debug == 0) {
    outcome = Outcome::Fail(SVR2_BRIDGE_DEBUG_NOT_ALLOWED, "its property Debug is 0");
  }
  std::unique_ptr<LocalBackend> backend;
  if (outcome.ok()) {
    backend = std::make_unique<LocalBackend>(image, output);
    outcome = backend->Start(image, debug);
  }
  if (!outcome.ok()) return Outcome::Fail(outcome.code, path + ": " + outcome.text);
  *out = std::move(backend);
  return Outcome::Ok();
}

}  // namespace svr2::bridge
