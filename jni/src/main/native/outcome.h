// SPDX-License-Identifier: Apache-2.0
//
// How a step of loading or signing went: a code of svr2_bridge.h and, when it failed, words for a
// person (which file, which property, what the system said).

#ifndef SVR2_JNI_OUTCOME_H_
#define SVR2_JNI_OUTCOME_H_

#include <cstdint>
#include <string>
#include <utility>

#include "svr2_bridge.h"

namespace svr2::bridge {

struct [[nodiscard]] Outcome {
  uint32_t code = 0;
  std::string text;  // Empty on success; no full stop.

  static Outcome Ok() { return {}; }
  static Outcome Fail(uint32_t code, std::string text) { return {code, std::move(text)}; }
  bool ok() const { return code == 0; }
};

}  // namespace svr2::bridge

#endif  // SVR2_JNI_OUTCOME_H_
