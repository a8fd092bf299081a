// SPDX-License-Identifier: Apache-2.0
//
// The one file of the enclave that speaks to the Open Enclave SDK: output, heap, and the
// environment that `ecalls` asks for. The ecalls themselves come from oeedger8r (svr2_t.c).

#include <google/protobuf/stubs/logging.h>
#include <openenclave/advanced/mallinfo.h>
#include <openenclave/attestation/attester.h>
#include <openenclave/attestation/sgx/evidence.h>
#include <openenclave/attestation/sgx/report.h>
#include <openenclave/attestation/verifier.h>
#include <openenclave/enclave.h>
#include <svr2_t.h>
#include <time.h>

#include <cstring>

#include "ecalls/ecalls.h"
#include "env/rdrand.h"
#include "platform_oe/allocation.h"
#include "platform_oe/oe_env.h"
#include "util/check.h"

namespace svr2::platform_oe {

namespace {

using Measurement = std::array<uint8_t, 32>;
const oe_uuid_t kFormat = {OE_FORMAT_UUID_SGX_ECDSA};

// platform_oe/sdk_results.cc and oe_evidence.cc know these by number.
static_assert(OE_OK == 0 && OE_OUT_OF_MEMORY == 5 && OE_VERIFY_FAILED == 8 &&
              OE_PLATFORM_ERROR == 21 && OE_TCB_LEVEL_INVALID == 34 &&
              OE_QUOTE_PROVIDER_LOAD_ERROR == 35 && OE_VERIFY_REVOKED == 44 &&
              OE_QUOTE_HASH_MISMATCH == 58 && OE_SGX_QUOTE_LIBRARY_ERROR == 62);
static_assert(OE_SGX_TCB_STATUS_UP_TO_DATE == 0 && OE_SGX_TCB_STATUS_OUT_OF_DATE == 1 &&
              OE_SGX_TCB_STATUS_REVOKED == 2 && OE_SGX_TCB_STATUS_CONFIGURATION_NEEDED == 3 &&
              OE_SGX_TCB_STATUS_OUT_OF_DATE_CONFIGURATION_NEEDED == 4 &&
              OE_SGX_TCB_STATUS_SW_HARDENING_NEEDED == 5 &&
              OE_SGX_TCB_STATUS_CONFIGURATION_AND_SW_HARDENING_NEEDED == 6);
static_assert(OE_EVIDENCE_ATTRIBUTES_SGX_DEBUG == 1 && OE_EVIDENCE_ATTRIBUTES_SGX_REMOTE == 2);

// What the SDK allocated, given back when copies of it throw, too.
class Freed {
 public:
  Freed(uint8_t* buffer, oe_result_t (*release)(uint8_t*)) : buffer_(buffer), release_(release) {}
  ~Freed() { (void)release_(buffer_); }
  Freed(const Freed&) = delete;
  Freed& operator=(const Freed&) = delete;

 private:
  uint8_t* const buffer_;
  oe_result_t (*const release_)(uint8_t*);
};
struct Claims {
  oe_claim_t* claims;
  size_t count;
  ~Claims() {
    if (claims != nullptr) (void)oe_free_claims(claims, count);
  }
};

class RealSdk : public Sdk {
 public:
  RealSdk() {
    oe_mallinfo_t heap{};
    SVR2_CHECK(oe_allocator_mallinfo(&heap) == OE_OK);
    heap_bytes_limit_ = heap.max_total_heap_size;
  }

  bool Output(util::ByteView message) override {
    uint32_t refused = 0;
    return svr2_output_message(&refused, message.data(), message.size()) == OE_OK && refused == 0;
  }

  SdkResult OwnIdentity(std::array<uint8_t, 32>* measurement, bool* debug) override {
    uint8_t* report = nullptr;
    size_t report_size = 0;
    oe_result_t result = oe_get_report(0, nullptr, 0, nullptr, 0, &report, &report_size);
    if (result != OE_OK) return result;
    oe_report_t parsed{};
    result = oe_parse_report(report, report_size, &parsed);
    if (result == OE_OK) {
      static_assert(sizeof(parsed.identity.unique_id) == std::tuple_size_v<Measurement>);
      std::memcpy(measurement->data(), parsed.identity.unique_id, measurement->size());
      *debug = (parsed.identity.attributes & OE_REPORT_ATTRIBUTES_DEBUG) != 0;
    }
    oe_free_report(report);
    return result;
  }

  SdkResult MakeEvidence(util::ByteView custom_claims, std::string* evidence,
                         std::string* endorsements) override {
    oe_result_t result = oe_attester_initialize();
    if (result != OE_OK) return result;
    uint8_t* made = nullptr;
    size_t made_size = 0;
    uint8_t* endorsing = nullptr;
    size_t endorsing_size = 0;
    result = oe_get_evidence(&kFormat, 0, custom_claims.data(), custom_claims.size(), nullptr, 0,
                             &made, &made_size, &endorsing, &endorsing_size);
    if (result != OE_OK) return result;
    const Freed freed_evidence(made, &oe_free_evidence);
    const Freed freed_endorsements(endorsing, &oe_free_endorsements);
    evidence->assign(reinterpret_cast<const char*>(made), made_size);
    endorsements->assign(reinterpret_cast<const char*>(endorsing), endorsing_size);
    return kSdkOk;
  }

  SdkResult VerifyEvidence(util::ByteView evidence, util::ByteView endorsements,
                           uint64_t unix_seconds, SdkClaims* claims) override {
    oe_result_t result = oe_verifier_initialize();
    if (result != OE_OK) return result;
    // Without this policy the SDK would take the time that the endorsements themselves name.
    const auto seconds = static_cast<time_t>(unix_seconds);
    tm calendar{};
    if (gmtime_r(&seconds, &calendar) == nullptr) return OE_INVALID_UTC_DATE_TIME;
    oe_datetime_t date{
        static_cast<uint32_t>(calendar.tm_year + 1900), static_cast<uint32_t>(calendar.tm_mon + 1),
        static_cast<uint32_t>(calendar.tm_mday),        static_cast<uint32_t>(calendar.tm_hour),
        static_cast<uint32_t>(calendar.tm_min),         static_cast<uint32_t>(calendar.tm_sec)};
    const oe_policy_t policy{OE_POLICY_ENDORSEMENTS_TIME, &date, sizeof(date)};
    oe_claim_t* found = nullptr;
    size_t count = 0;
    result = oe_verify_evidence(&kFormat, evidence.data(), evidence.size(), endorsements.data(),
                                endorsements.size(), &policy, 1, &found, &count);
    const Claims freed{found, count};
    if (result != OE_OK && result != OE_TCB_LEVEL_INVALID) return result;
    for (size_t i = 0; i < count; ++i) {
      claims->emplace(found[i].name, std::string(reinterpret_cast<const char*>(found[i].value),
                                                 found[i].value_size));
    }
    return result;
  }

  size_t HeapBytesUsed() override { return AllocatedBytes(); }
  size_t HeapBytesLimit() override { return heap_bytes_limit_; }

 private:
  size_t heap_bytes_limit_ = 0;
};

struct Platform {
  Platform() : env(&sdk) {
    env::UseRdrandInLibsodium();
    google::protobuf::SetLogHandler(nullptr);  // It would print what the host sent.
  }
  RealSdk sdk;
  OeEnv env;
};

OeEnv* GetEnv() {
  // Never destroyed: calls may be inside when the enclave ends.
  static Platform* const platform = new Platform;
  return &platform->env;
}

}  // namespace
}  // namespace svr2::platform_oe

namespace svr2::ecalls {

Status PreparePlatform(util::ByteView config) { return platform_oe::GetEnv()->Prepare(config); }

env::Env* PlatformEnv() { return platform_oe::GetEnv(); }

}  // namespace svr2::ecalls
