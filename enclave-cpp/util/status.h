// SPDX-License-Identifier: Apache-2.0
//
// The one error type of the enclave: a code from proto/…/error.proto and nothing else, so that no
// secret can travel in a text. The host adds the words. Every fallible function returns a Status
// or a Result<T>; both are [[nodiscard]]. Exceptions cross no module boundary (std::bad_alloc is
// caught at the boundary to the host).

#ifndef SVR2_UTIL_STATUS_H_
#define SVR2_UTIL_STATUS_H_

#include <optional>
#include <utility>

#include "svr2/error.pb.h"
#include "util/check.h"

namespace svr2 {

// Error codes, spelled svr2::proto::ERROR_… as in error.proto.
using Error = proto::Error;

// Success or one error code. Cheap to copy; thread-compatible.
class [[nodiscard]] Status {
 public:
  constexpr Status() : error_(proto::OK) {}
  // Implicit, so that functions can `return proto::ERROR_…;`.
  constexpr Status(Error error) : error_(error) {}  // NOLINT(runtime/explicit)

  static constexpr Status Ok() { return Status(); }

  constexpr bool ok() const { return error_ == proto::OK; }
  constexpr Error error() const { return error_; }

  friend constexpr bool operator==(Status a, Status b) { return a.error_ == b.error_; }
  friend constexpr bool operator!=(Status a, Status b) { return a.error_ != b.error_; }

 private:
  Error error_;
};

// A value or an error code. The error is never proto::OK. Access to the value of a failed result
// is a bug and stops the enclave.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}  // NOLINT(runtime/explicit)
  Result(Error error) : status_(error) {         // NOLINT(runtime/explicit)
    SVR2_CHECK(error != proto::OK);
  }
  Result(Status status) : status_(status) {  // NOLINT(runtime/explicit)
    SVR2_CHECK(!status.ok());
  }

  bool ok() const { return value_.has_value(); }
  Status status() const { return status_; }
  Error error() const { return status_.error(); }

  T& value() & {
    SVR2_CHECK(ok());
    return *value_;
  }
  const T& value() const& {
    SVR2_CHECK(ok());
    return *value_;
  }
  T&& value() && {
    SVR2_CHECK(ok());
    return std::move(*value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace svr2

// Returns from the calling function when `expression` (a Status) is not ok.
#define SVR2_RETURN_IF_ERROR(expression)                                  \
  do {                                                                    \
    if (::svr2::Status svr2_status_ = (expression); !svr2_status_.ok()) { \
      return svr2_status_.error();                                        \
    }                                                                     \
  } while (false)

#endif  // SVR2_UTIL_STATUS_H_
