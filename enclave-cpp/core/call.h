// SPDX-License-Identifier: Apache-2.0
//
// What one call into the enclave carries along: requests that it gathered and output that it owes.

#ifndef SVR2_CORE_CALL_H_
#define SVR2_CORE_CALL_H_

#include "core/core.h"
#include "core/output_batch.h"
#include "core/request_batch.h"

namespace svr2::core {

struct Core::Call {
  Call(Core* core, uint64_t tag)
      : output(core->env_, &core->metrics_), requests(tag, &core->next_request_) {}

  OutputBatch output;
  RequestBatch requests;
};

}  // namespace svr2::core

#endif  // SVR2_CORE_CALL_H_
