// SPDX-License-Identifier: Apache-2.0
//
// The enclave properties that are bound at signing: the `.conf` files of Open Enclave's oesign,
// read strictly. Lines `Key=Value` with decimal values; `#` starts a comment; blanks around key and
// value do not count. Each of the six keys must be there once, within its range, and nothing else.

#ifndef SVR2_JNI_PROPERTIES_H_
#define SVR2_JNI_PROPERTIES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "outcome.h"

namespace svr2::bridge {

struct Properties {
  uint64_t debug = 0;             // Debug: 1 allows the DEBUG attribute.
  uint64_t heap_pages = 0;        // NumHeapPages, of 4 KiB.
  uint64_t stack_pages = 0;       // NumStackPages a thread; `local` runs on the caller's stack.
  uint64_t num_tcs = 0;           // NumTCS: threads that may be inside at once.
  uint64_t product_id = 0;        // ProductID
  uint64_t security_version = 0;  // SecurityVersion
};

// Reads a conf. The text of a failure (SVR2_BRIDGE_IMAGE_PROPERTIES) names line and key, and for an
// unknown key the one that was probably meant.
Outcome ParseProperties(std::string_view conf, Properties* out);

// The one form in which properties are signed, measured and shown: all six in a fixed order, one
// `Key=Value` and a newline each, no blanks, no leading zeros. ParseProperties reads it back.
std::string CanonicalProperties(const Properties& properties);

}  // namespace svr2::bridge

#endif  // SVR2_JNI_PROPERTIES_H_
