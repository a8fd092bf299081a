// SPDX-License-Identifier: Apache-2.0
//
// Minimums are kept as their canonical bytes and read when a question is asked, which is at
// handshakes and at changes: seldom.

#include "minimums/minimums.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <array>

#include "util/check.h"
#include "util/endian.h"

namespace svr2::minimums {
namespace {

using Map = std::map<std::string, std::string>;

bool ValidKey(const std::string& key) {
  return !key.empty() && key.size() <= Minimums::kMaxKeyBytes &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
                  c == '-';
         });
}

// Strings of equal length compare as big-endian numbers do: std::string compares bytes as unsigned
// (char_traits<char>::lt, C++17 [char.traits.specializations.char]).
Status CheckValue(const std::string& now, const std::string& next, Error lower) {
  if (now.size() != next.size()) return proto::ERROR_MINIMUMS_LENGTH_CHANGED;
  if (next < now) return lower;
  return Status::Ok();
}

Map ToMap(const proto::MinimumLimits& limits) { return {limits.lim().begin(), limits.lim().end()}; }

}  // namespace

Result<Minimums> Minimums::FromProto(const proto::MinimumLimits& limits) {
  if (static_cast<size_t>(limits.lim().size()) > kMaxKeys) return proto::ERROR_MINIMUMS_TOO_MANY;
  return FromMap(ToMap(limits));
}

Result<Minimums> Minimums::FromMap(const Map& limits) {
  if (limits.size() > kMaxKeys) return proto::ERROR_MINIMUMS_TOO_MANY;
  proto::MinimumLimits message;
  for (const auto& [key, value] : limits) {
    if (!ValidKey(key) || value.empty() || value.size() > kMaxValueBytes) {
      return proto::ERROR_MINIMUMS_MALFORMED;
    }
    (*message.mutable_lim())[key] = value;
  }
  Minimums minimums;
  {
    google::protobuf::io::StringOutputStream stream(&minimums.serialized_);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);  // Sorts the keys.
    SVR2_CHECK(message.SerializeToCodedStream(&coded));
  }
  return minimums;
}

Result<Minimums> Minimums::Parse(util::ByteView serialized) {
  if (serialized.size() > kMaxSerializedBytes) return proto::ERROR_MINIMUMS_MALFORMED;
  proto::MinimumLimits message;
  if (!message.ParseFromArray(serialized.data(), static_cast<int>(serialized.size()))) {
    return proto::ERROR_MINIMUMS_MALFORMED;
  }
  Result<Minimums> minimums = FromProto(message);
  // One form only: two replicas must not hold different bytes for the same limits.
  if (minimums.ok() && util::ByteView(minimums->serialized_) != serialized) {
    return proto::ERROR_MINIMUMS_MALFORMED;
  }
  return minimums;
}

std::string Minimums::Value(uint64_t number) {
  std::array<uint8_t, sizeof(number)> bytes;
  util::StoreBigEndian64(bytes.data(), number);
  return util::ByteView(bytes).ToString();
}

Status Minimums::CheckChange(const Minimums& next) const {
  const Map next_limits = next.Limits();
  for (const auto& [key, value] : Limits()) {
    const auto found = next_limits.find(key);
    if (found == next_limits.end()) return proto::ERROR_MINIMUMS_KEY_REMOVED;
    SVR2_RETURN_IF_ERROR(CheckValue(value, found->second, proto::ERROR_MINIMUMS_VALUE_LOWERED));
  }
  return Status::Ok();
}

Result<Minimums> Minimums::RaisedBy(const Minimums& raise) const {
  Map limits = Limits();
  for (const auto& [key, value] : raise.Limits()) {
    const auto [found, added] = limits.emplace(key, value);
    if (added) continue;
    SVR2_RETURN_IF_ERROR(CheckValue(found->second, value, proto::ERROR_MINIMUMS_VALUE_LOWERED));
    found->second = value;
  }
  return FromMap(limits);
}

Status Minimums::CheckValues(const Map& values) const {
  for (const auto& [key, value] : Limits()) {
    const auto found = values.find(key);
    if (found == values.end()) return proto::ERROR_MINIMUMS_KEY_MISSING;
    SVR2_RETURN_IF_ERROR(CheckValue(value, found->second, proto::ERROR_MINIMUMS_NOT_MET));
  }
  return Status::Ok();
}

proto::MinimumLimits Minimums::ToProto() const {
  proto::MinimumLimits message;
  SVR2_CHECK(message.ParseFromString(serialized_));
  return message;
}

Map Minimums::Limits() const { return ToMap(ToProto()); }

}  // namespace svr2::minimums
