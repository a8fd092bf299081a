// SPDX-License-Identifier: Apache-2.0

#include "attestation/claims.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <cstdint>
#include <utility>

#include "util/endian.h"

namespace svr2::attestation {

namespace {

constexpr uint64_t kVersion = 1;
constexpr uint64_t kClaimCount = 3;

// With their trailing NUL, which is on the wire.
constexpr char kPkName[] = "pk";
constexpr char kConfigName[] = "config";
constexpr char kMinimumLimitsName[] = "minimum_limits";

template <size_t N>
util::ByteView NameView(const char (&name)[N]) {
  return util::ByteView(reinterpret_cast<const uint8_t*>(name), N);
}

void AppendU64(std::string* out, uint64_t v) {
  uint8_t bytes[sizeof(v)];
  util::StoreLittleEndian64(bytes, v);
  out->append(reinterpret_cast<const char*>(bytes), sizeof(bytes));
}

void AppendBytes(std::string* out, util::ByteView bytes) {
  out->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void AppendClaim(std::string* out, util::ByteView name, util::ByteView value) {
  AppendU64(out, name.size());
  AppendU64(out, value.size());
  AppendBytes(out, name);
  AppendBytes(out, value);
}

// Takes `count` bytes from the front of `*rest`; false when there are fewer.
bool Take(util::ByteView* rest, uint64_t count, util::ByteView* out) {
  if (count > rest->size()) return false;
  *out = rest->Sub(0, count);
  *rest = rest->From(count);
  return true;
}

bool TakeU64(util::ByteView* rest, uint64_t* out) {
  util::ByteView bytes;
  if (!Take(rest, sizeof(*out), &bytes)) return false;
  *out = util::LoadLittleEndian64(bytes.data());
  return true;
}

// Keeps a value under its name, each name once.
class Collector {
 public:
  bool Add(util::ByteView name, util::ByteView value) {
    if (name == NameView(kPkName)) {
      if (have_pk_ || value.size() != claims_.pk.size()) return false;
      have_pk_ = true;
      claims_.pk = util::ToArray<crypto::kX25519Bytes>(value);
      return true;
    }
    if (name == NameView(kConfigName)) {
      return Keep(value, &have_config_, &claims_.config);
    }
    if (name == NameView(kMinimumLimitsName)) {
      return Keep(value, &have_minimum_limits_, &claims_.minimum_limits);
    }
    return false;
  }
  Claims Take() { return std::move(claims_); }

 private:
  static bool Keep(util::ByteView value, bool* have, std::string* out) {
    if (*have) return false;
    *have = true;
    *out = value.ToString();
    return true;
  }

  Claims claims_;
  bool have_pk_ = false;
  bool have_config_ = false;
  bool have_minimum_limits_ = false;
};

}  // namespace

std::string EncodeClaims(const Claims& claims) {
  std::string out;
  AppendU64(&out, kVersion);
  AppendU64(&out, kClaimCount);
  AppendClaim(&out, NameView(kPkName), claims.pk);
  AppendClaim(&out, NameView(kConfigName), claims.config);
  AppendClaim(&out, NameView(kMinimumLimitsName), claims.minimum_limits);
  return out;
}

Result<Claims> DecodeClaims(util::ByteView block) {
  constexpr Error kMalformed = proto::ERROR_ATTESTATION_MALFORMED_CLAIMS;
  if (block.size() > kMaxClaimsBytes) return kMalformed;
  util::ByteView rest = block;
  uint64_t version;
  uint64_t count;
  if (!TakeU64(&rest, &version) || version != kVersion) return kMalformed;
  if (!TakeU64(&rest, &count) || count != kClaimCount) return kMalformed;
  // Three different names out of three known ones are all of them.
  Collector collector;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t name_size;
    uint64_t value_size;
    util::ByteView name;
    util::ByteView value;
    if (!TakeU64(&rest, &name_size) || !TakeU64(&rest, &value_size) ||
        !Take(&rest, name_size, &name) || !Take(&rest, value_size, &value) ||
        !collector.Add(name, value)) {
      return kMalformed;
    }
  }
  if (!rest.empty()) return kMalformed;
  return collector.Take();
}

crypto::Digest HashClaims(util::ByteView block) { return crypto::Sha256(block); }

std::string SerializeMinimumLimits(const proto::MinimumLimits& limits) {
  std::string out;
  google::protobuf::io::StringOutputStream stream(&out);
  {
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    // Fails only beyond 2 GiB.
    SVR2_CHECK(limits.SerializeToCodedStream(&coded));
  }
  return out;
}

}  // namespace svr2::attestation
