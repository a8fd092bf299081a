// SPDX-License-Identifier: Apache-2.0
//
// Monotone lower limits that evidence must meet, such as the TCB evaluation data number. Changed
// only by a committed log entry; keys are never removed, values never fall, lengths are fixed. The
// bytes are compared as big-endian numbers. Source: protocol.md §6.

#ifndef SVR2_MINIMUMS_MINIMUMS_H_
#define SVR2_MINIMUMS_MINIMUMS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "svr2/config.pb.h"
#include "util/bytes.h"
#include "util/status.h"

namespace svr2::minimums {

// The key that deployed clients require of hardware groups; u64 big-endian.
inline constexpr char kSgxTcbEvaluationDataNumber[] = "sgx_tcb_evaluation_data_number";

// One set of limits, an immutable value held in its one canonical form. Copyable,
// thread-compatible. The default has no limits.
//
// A change is written into the log as the whole new set. The leader makes it with RaisedBy from
// the newest set in its log, so that applying it (CheckChange, then assignment) cannot fail; a
// replica on which it does stops for good.
class Minimums {
 public:
  static constexpr size_t kMaxKeys = 32;
  static constexpr size_t kMaxKeyBytes = 64;
  static constexpr size_t kMaxValueBytes = 32;
  static constexpr size_t kMaxSerializedBytes = kMaxKeys * (kMaxKeyBytes + kMaxValueBytes + 8);

  Minimums() = default;

  // Fails with ERROR_MINIMUMS_TOO_MANY (more than kMaxKeys) or ERROR_MINIMUMS_MALFORMED (a key not
  // of 1 to kMaxKeyBytes characters a–z, 0–9, '_', '.', '-', or a value not of 1 to kMaxValueBytes
  // bytes).
  static Result<Minimums> FromProto(const proto::MinimumLimits& limits);

  // From the payload of a log entry or an evidence claim: the canonical serialization, nothing
  // else. Fails like FromProto, and with ERROR_MINIMUMS_MALFORMED for any other bytes.
  static Result<Minimums> Parse(util::ByteView serialized);

  // A u64 big-endian value, for limits and for what evidence shows.
  static std::string Value(uint64_t number);

  // Whether `next` may follow this set. Fails with ERROR_MINIMUMS_KEY_REMOVED,
  // ERROR_MINIMUMS_LENGTH_CHANGED or ERROR_MINIMUMS_VALUE_LOWERED.
  Status CheckChange(const Minimums& next) const;

  // This set with the keys of `raise` raised or added. Fails with ERROR_MINIMUMS_LENGTH_CHANGED,
  // ERROR_MINIMUMS_VALUE_LOWERED or ERROR_MINIMUMS_TOO_MANY.
  Result<Minimums> RaisedBy(const Minimums& raise) const;

  // Whether what a peer's verified evidence shows meets this set; further keys do not matter. Fails
  // with ERROR_MINIMUMS_KEY_MISSING, ERROR_MINIMUMS_LENGTH_CHANGED or ERROR_MINIMUMS_NOT_MET.
  Status CheckValues(const std::map<std::string, std::string>& values) const;

  // A MinimumLimits message with its keys sorted: equal sets give equal bytes. Goes into log
  // entries and the evidence claim `minimum_limits`, and under the integrity tree.
  const std::string& serialized() const { return serialized_; }

  proto::MinimumLimits ToProto() const;
  bool empty() const { return serialized_.empty(); }

  friend bool operator==(const Minimums& a, const Minimums& b) {
    return a.serialized_ == b.serialized_;
  }

 private:
  std::map<std::string, std::string> Limits() const;
  static Result<Minimums> FromMap(const std::map<std::string, std::string>& limits);

  // The only copy: what the integrity tree covers is what decides.
  std::string serialized_;
};

}  // namespace svr2::minimums

#endif  // SVR2_MINIMUMS_MINIMUMS_H_
