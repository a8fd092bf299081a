// SPDX-License-Identifier: Apache-2.0
//
// Platforms `oe-simulation` and `sgx`: an image signed by oesign, loaded by the Open Enclave SDK
// from the very bytes that were checked. On `sgx` the CPU compares what was loaded with what was
// signed. In simulation the SDK measures all the same but compares nothing, and nobody tells the
// enclave who it is: both are done here.

#include <errno.h>
#include <openenclave/host.h>
#include <openenclave/trace.h>
#include <svr2_u.h>

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>
#include <vector>

#include "backend.h"
#include "oe_image.h"
#include "platform_oe/sdk_words.h"
#include "platform_oe/simulated_identity.h"
#include "sealed_file.h"

extern "C" {
// The last step of the SDK's loader: it gives the measurement of all pages that it has put in
// place. The linker (--wrap, jni/Makefile) sends the loader here instead.
oe_result_t __real_oe_sgx_measure_initialize_enclave(void* context, void* measurement);
oe_result_t __wrap_oe_sgx_measure_initialize_enclave(void* context, void* measurement);

// Where the SDK's loader asks for the full path of an image, for debuggers alone. What it loads
// from here is a file without a path.
char* __real_realpath(const char* path, char* resolved);
char* __wrap_realpath(const char* path, char* resolved);
}

namespace svr2::bridge {

namespace {

// The words are found by number: the SDK here must mean the same by each.
constexpr bool HasWords(uint32_t code, const char* name) {
  for (const platform_oe::SdkWords& words : platform_oe::kSdkWords) {
    if (words.code != code) continue;
    const char* other = words.name;
    while (*name != '\0' && *name == *other) ++name, ++other;
    return *name == *other;
  }
  return false;
}
// clang-format off
#define SVR2_ALL_SDK_CODES(CHECK) \
  CHECK(OE_OK) CHECK(OE_FAILURE) CHECK(OE_BUFFER_TOO_SMALL) CHECK(OE_INVALID_PARAMETER) \
  CHECK(OE_REENTRANT_ECALL) CHECK(OE_OUT_OF_MEMORY) CHECK(OE_OUT_OF_THREADS) \
  CHECK(OE_UNEXPECTED) CHECK(OE_VERIFY_FAILED) CHECK(OE_NOT_FOUND) CHECK(OE_INTEGER_OVERFLOW) \
  CHECK(OE_PUBLIC_KEY_NOT_FOUND) CHECK(OE_OUT_OF_BOUNDS) CHECK(OE_OVERLAPPED_COPY) \
  CHECK(OE_CONSTRAINT_FAILED) CHECK(OE_IOCTL_FAILED) CHECK(OE_UNSUPPORTED) \
  CHECK(OE_READ_FAILED) CHECK(OE_SERVICE_UNAVAILABLE) CHECK(OE_ENCLAVE_ABORTING) \
  CHECK(OE_ENCLAVE_ABORTED) CHECK(OE_PLATFORM_ERROR) CHECK(OE_INVALID_CPUSVN) \
  CHECK(OE_INVALID_ISVSVN) CHECK(OE_INVALID_KEYNAME) CHECK(OE_DEBUG_DOWNGRADE) \
  CHECK(OE_REPORT_PARSE_ERROR) CHECK(OE_MISSING_CERTIFICATE_CHAIN) CHECK(OE_BUSY) \
  CHECK(OE_NOT_OWNER) CHECK(OE_INVALID_SGX_CERTIFICATE_EXTENSIONS) CHECK(OE_MEMORY_LEAK) \
  CHECK(OE_BAD_ALIGNMENT) CHECK(OE_JSON_INFO_PARSE_ERROR) CHECK(OE_TCB_LEVEL_INVALID) \
  CHECK(OE_QUOTE_PROVIDER_LOAD_ERROR) CHECK(OE_QUOTE_PROVIDER_CALL_ERROR) \
  CHECK(OE_INVALID_REVOCATION_INFO) CHECK(OE_INVALID_UTC_DATE_TIME) \
  CHECK(OE_INVALID_QE_IDENTITY_INFO) CHECK(OE_INVALID_ENDORSEMENT) \
  CHECK(OE_UNSUPPORTED_ENCLAVE_IMAGE) CHECK(OE_VERIFY_CRL_EXPIRED) CHECK(OE_VERIFY_CRL_MISSING) \
  CHECK(OE_VERIFY_REVOKED) CHECK(OE_VERIFY_FAILED_TO_FIND_VALIDITY_PERIOD) \
  CHECK(OE_CRYPTO_ERROR) CHECK(OE_INCORRECT_REPORT_SIZE) CHECK(OE_QUOTE_VERIFICATION_ERROR) \
  CHECK(OE_QUOTE_ENCLAVE_IDENTITY_VERIFICATION_FAILED) \
  CHECK(OE_QUOTE_ENCLAVE_IDENTITY_UNIQUEID_MISMATCH) CHECK(OE_VERIFY_FAILED_AES_CMAC_MISMATCH) \
  CHECK(OE_CONTEXT_SWITCHLESS_OCALL_MISSED) CHECK(OE_THREAD_CREATE_ERROR) \
  CHECK(OE_THREAD_JOIN_ERROR) CHECK(OE_ALREADY_EXISTS) CHECK(OE_ALREADY_INITIALIZED) \
  CHECK(OE_QUOTE_HASH_MISMATCH) CHECK(OE_INVALID_SGX_SIGNING_KEY) CHECK(OE_INVALID_IMAGE) \
  CHECK(OE_QUOTE_LIBRARY_LOAD_ERROR) CHECK(OE_SGX_QUOTE_LIBRARY_ERROR)
// clang-format on
#define SVR2_CHECK_CODE(code) static_assert(HasWords(code, #code), "platform_oe/sdk_words.h");
SVR2_ALL_SDK_CODES(SVR2_CHECK_CODE)

constexpr uint32_t kErrorInternal = 1;     // ERROR_INTERNAL of error.proto
constexpr uint32_t kErrorOutOfMemory = 2;  // ERROR_OUT_OF_MEMORY

// What this thread is just loading: its path, the signed measurement, the one that was found, and
// the SDK's first words on what went wrong.
struct Loading {
  const std::string& path;
  const Digest& wanted;
  Digest found{};
  bool measured = false;
  std::string words{};
};
thread_local Loading* loading = nullptr;

// The EDL's ocall names no enclave, but it comes on the thread that called in.
thread_local const OutputTarget* inside = nullptr;

template <typename T>
class Scope {
 public:
  Scope(T* variable, T value) : variable_(variable), before_(*variable) { *variable = value; }
  ~Scope() { *variable_ = before_; }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  T* const variable_;
  const T before_;
};

// In the place of the SDK's printing to standard output. Failures of loading are reported in words;
// of those at run time the result code says enough.
void TakeLog(void*, bool, const std::tm*, long int, oe_log_level_t level, uint64_t,  // NOLINT
             const char* message) {
  if (loading == nullptr || level > OE_LOG_LEVEL_ERROR || !loading->words.empty()) return;
  loading->words = message;
  while (!loading->words.empty() && loading->words.back() == '\n') loading->words.pop_back();
}

uint32_t ErrorOf(oe_result_t result, uint32_t answer) {
  switch (result) {
    case OE_OK:
      return answer;
    case OE_ENCLAVE_ABORTING:
    case OE_ENCLAVE_ABORTED:
      return SVR2_BRIDGE_ABORTED;
    case OE_OUT_OF_MEMORY:
      return kErrorOutOfMemory;
    case OE_OUT_OF_THREADS:
      return SVR2_BRIDGE_OUT_OF_THREADS;
    case OE_REENTRANT_ECALL:
      return SVR2_BRIDGE_REENTERED;
    default:
      return kErrorInternal;
  }
}

Outcome LoadFailure(uint32_t platform, oe_result_t result, const Loading& load) {
  if (load.measured && load.found != load.wanted) {
    return Outcome::Fail(SVR2_BRIDGE_IMAGE_SIGNATURE, "altered after it was signed: it measures " +
                                                          Hex(load.found) + ", signed was " +
                                                          Hex(load.wanted));
  }
  std::string text =
      "Open Enclave says " + std::string(oe_result_str(result)) + " (" + load.words + ")";
  const platform_oe::SdkWords* const words = platform_oe::FindSdkWords(result);
  if (words != nullptr) text += std::string(": ") + words->meaning;
  if (platform == SVR2_PLATFORM_SGX) {
    text +=
        "; is the driver there (/dev/sgx_enclave)? 'svr2 doctor --platform sgx' says what is "
        "missing";
  }
  return Outcome::Fail(
      result == OE_OUT_OF_MEMORY ? SVR2_BRIDGE_OUT_OF_MEMORY : SVR2_BRIDGE_IMAGE_LOAD, text);
}

class OeBackend : public Backend {
 public:
  OeBackend(const OeImage& image, uint32_t platform, bool debug, OutputTarget output)
      : measurement_(image.measurement),
        num_tcs_(static_cast<uint32_t>(image.properties.num_tcs)),
        platform_(platform),
        debug_(debug),
        output_(output) {}

  ~OeBackend() override {
    // It has no memory left to lose, whatever the enclave says to it.
    if (enclave_ != nullptr) oe_terminate_enclave(enclave_);
  }

  Outcome Start(const std::string& path, const std::string& file) {
    static const oe_result_t log_taken = oe_log_set_callback(nullptr, TakeLog);
    if (log_taken != OE_OK) return Outcome::Fail(SVR2_BRIDGE_IMAGE_LOAD, "no log callback");
    SealedFile sealed;
    if (!sealed.Fill(file)) {
      return Outcome::Fail(SVR2_BRIDGE_IMAGE_LOAD, std::string("memfd: ") + std::strerror(errno));
    }
    uint32_t flags = debug_ ? OE_ENCLAVE_FLAG_DEBUG : 0;
    if (platform_ == SVR2_PLATFORM_OE_SIMULATION) flags |= OE_ENCLAVE_FLAG_SIMULATE;
    Loading load{path, measurement_};
    const Scope<Loading*> scope(&loading, &load);
    const oe_result_t result = oe_create_svr2_enclave(sealed.path().c_str(), OE_ENCLAVE_TYPE_SGX,
                                                      flags, nullptr, 0, &enclave_);
    if (result != OE_OK) {
      enclave_ = nullptr;
      return LoadFailure(platform_, result, load);
    }
    if (load.measured) return Outcome::Ok();
    return Outcome::Fail(SVR2_BRIDGE_IMAGE_LOAD,
                         "this version of the SDK measures in a way that is not known here");
  }

  uint32_t Init(const uint8_t* config, size_t size, uint8_t* peer_id) override {
    const Scope<const OutputTarget*> scope(&inside, &output_);
    std::vector<uint8_t> whole(config, config + size);
    if (platform_ == SVR2_PLATFORM_OE_SIMULATION) {
      const std::vector<uint8_t> identity =
          platform_oe::SimulatedIdentityBytes(measurement_, debug_);
      whole.insert(whole.end(), identity.begin(), identity.end());
    }
    uint32_t answer = 0;
    const oe_result_t result = svr2_init(enclave_, &answer, whole.data(), whole.size(), peer_id);
    return ErrorOf(result, answer);
  }

  uint32_t Input(const uint8_t* message, size_t size) override {
    const Scope<const OutputTarget*> scope(&inside, &output_);
    uint32_t answer = 0;
    const oe_result_t result = svr2_input_message(enclave_, &answer, message, size);
    return ErrorOf(result, answer);
  }

  Digest measurement() const override { return measurement_; }
  uint32_t num_tcs() const override { return num_tcs_; }

 private:
  const Digest measurement_;
  const uint32_t num_tcs_;
  const uint32_t platform_;
  const bool debug_;
  const OutputTarget output_;
  oe_enclave_t* enclave_ = nullptr;
};

}  // namespace

uint32_t OePlatforms() { return 1u << SVR2_PLATFORM_OE_SIMULATION | 1u << SVR2_PLATFORM_SGX; }

Outcome CreateOeBackend(uint32_t platform, const std::string& path, uint32_t flags,
                        OutputTarget output, std::unique_ptr<Backend>* out) {
  std::string file;
  if (Outcome outcome = ReadFile(path, kMaxImageBytes, &file); !outcome.ok()) return outcome;
  OeImage image;
  Outcome outcome = ParseOeImage(file, &image);
  const bool debug = (flags & SVR2_CREATE_DEBUG) != 0;
  if (outcome.ok() && debug && image.properties.debug == 0) {
    outcome = Outcome::Fail(SVR2_BRIDGE_DEBUG_NOT_ALLOWED, "its property Debug is 0");
  }
  std::unique_ptr<OeBackend> backend;
  if (outcome.ok()) {
    backend = std::make_unique<OeBackend>(image, platform, debug, output);
    outcome = backend->Start(path, file);
  }
  if (!outcome.ok()) return Outcome::Fail(outcome.code, path + ": " + outcome.text);
  *out = std::move(backend);
  return Outcome::Ok();
}

}  // namespace svr2::bridge

using svr2::bridge::loading;

oe_result_t __wrap_oe_sgx_measure_initialize_enclave(void* context, void* measurement) {
  const oe_result_t result = __real_oe_sgx_measure_initialize_enclave(context, measurement);
  if (result != OE_OK || loading == nullptr) return result;
  std::memcpy(loading->found.data(), measurement, loading->found.size());
  loading->measured = true;
  // Refused here, nothing of it has run yet.
  return loading->found == loading->wanted ? OE_OK : OE_VERIFY_FAILED;
}

char* __wrap_realpath(const char* path, char* resolved) {
  return __real_realpath(loading == nullptr ? path : loading->path.c_str(), resolved);
}

// The EDL's ocall. `message` lies in the host's memory already.
uint32_t svr2_output_message(const uint8_t* message, size_t message_size) {
  const svr2::bridge::OutputTarget* target = svr2::bridge::inside;
  return target == nullptr ? SVR2_BRIDGE_BAD_ARGUMENT : target->Call(message, message_size);
}
