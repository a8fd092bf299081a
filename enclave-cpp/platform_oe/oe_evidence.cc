// SPDX-License-Identifier: Apache-2.0

#include "platform_oe/oe_evidence.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "platform_oe/sdk_results.h"
#include "platform_oe/tcb_info.h"

namespace svr2::platform_oe {

namespace {

constexpr SdkResult kTcbLevelInvalid = 34;
// OE_FORMAT_UUID_SGX_ECDSA
constexpr std::array<uint8_t, 16> kSgxEcdsa = {0xa3, 0xa2, 0x1e, 0x87, 0x1b, 0x4d, 0x40, 0x14,
                                               0xb7, 0x0a, 0xa1, 0x25, 0xd2, 0xfb, 0xcd, 0x8c};
// OE_EVIDENCE_ATTRIBUTES_…
constexpr uint64_t kDebug = 1;
constexpr uint64_t kRemote = 2;

// oe_sgx_tcb_status_t by number, with Intel's names.
struct StatusName {
  env::TcbStatus status;
  const char* name;
};
constexpr StatusName kStatuses[] = {
    {env::TcbStatus::kUpToDate, "UpToDate"},
    {env::TcbStatus::kOutOfDate, "OutOfDate"},
    {env::TcbStatus::kRevoked, "Revoked"},
    {env::TcbStatus::kConfigurationNeeded, "ConfigurationNeeded"},
    {env::TcbStatus::kOutOfDateConfigurationNeeded, "OutOfDateConfigurationNeeded"},
    {env::TcbStatus::kSwHardeningNeeded, "SWHardeningNeeded"},
    {env::TcbStatus::kConfigurationAndSwHardeningNeeded, "ConfigurationAndSWHardeningNeeded"},
};

// oe_datetime_t
struct DateTime {
  uint32_t year, month, day, hours, minutes, seconds;
};

// A claim of exactly the size of T, as it lies in memory.
template <typename T>
bool Read(const SdkClaims& claims, const char* name, T* value) {
  const auto found = claims.find(name);
  if (found == claims.end() || found->second.size() != sizeof(T)) return false;
  std::memcpy(value, found->second.data(), sizeof(T));
  return true;
}

// "2023-02-15T00:00:00Z", as collateral writes it.
std::string Text(const DateTime& date) {
  const auto digits = [](uint32_t value, size_t count) {
    std::string text(count, '0');
    for (size_t i = count; i > 0; --i, value /= 10) {
      text[i - 1] = static_cast<char>('0' + value % 10);
    }
    return text;
  };
  return digits(date.year, 4) + "-" + digits(date.month, 2) + "-" + digits(date.day, 2) + "T" +
         digits(date.hours, 2) + ":" + digits(date.minutes, 2) + ":" + digits(date.seconds, 2) +
         "Z";
}

}  // namespace

Result<env::VerifiedEvidence> TranslateClaims(SdkResult result, const SdkClaims& claims) {
  if (result != kSdkOk && result != kTcbLevelInvalid) return EvidenceError(result);
  std::array<uint8_t, 16> format{};
  uint64_t attributes = 0;
  env::VerifiedEvidence out;
  const auto custom = claims.find("custom_claims_buffer");
  if (!Read(claims, "format_uuid", &format) || !Read(claims, "attributes", &attributes) ||
      !Read(claims, "unique_id", &out.measurement) || custom == claims.end()) {
    return proto::ERROR_ATTESTATION_MALFORMED_EVIDENCE;
  }
  if (format != kSgxEcdsa || (attributes & kRemote) == 0) {
    return proto::ERROR_ATTESTATION_WRONG_FORMAT;
  }
  out.format = env::EvidenceFormat::kSgxEcdsa;
  out.debug = (attributes & kDebug) != 0;
  out.custom_claims = custom->second;

  uint32_t status = 0;
  DateTime date{};
  const auto info_text = claims.find("sgx_tcb_info");
  if (!Read(claims, "tcb_status", &status) || !Read(claims, "tcb_date", &date) ||
      info_text == claims.end()) {
    return proto::ERROR_ATTESTATION_COLLATERAL;
  }
  if (status >= std::size(kStatuses)) return proto::ERROR_ATTESTATION_TCB_STATUS;
  out.tcb_status = kStatuses[status].status;
  // Whatever the level is called, the SDK does not take it for up to date.
  if (result == kTcbLevelInvalid && out.tcb_status == env::TcbStatus::kUpToDate) {
    return proto::ERROR_ATTESTATION_TCB_STATUS;
  }
  Result<TcbInfo> info =
      ReadTcbInfo(util::ByteView(info_text->second), Text(date), kStatuses[status].name);
  if (!info.ok()) return info.status();
  out.tcb_evaluation_data_number = info->evaluation_data_number;
  out.advisories = std::move(info->advisories);
  return out;
}

}  // namespace svr2::platform_oe
