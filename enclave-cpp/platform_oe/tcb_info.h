// SPDX-License-Identifier: Apache-2.0
//
// What the SDK's verifier leaves in Intel's TCB info: its evaluation data number, and the
// advisories of the platform's level. The text's signature, dates and level were checked by the
// SDK before (OE_CLAIM_SGX_TCB_INFO); here it is only read, still as if it were hostile.

#ifndef SVR2_PLATFORM_OE_TCB_INFO_H_
#define SVR2_PLATFORM_OE_TCB_INFO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "util/bytes.h"
#include "util/status.h"

namespace svr2::platform_oe {

struct TcbInfo {
  uint64_t evaluation_data_number = 0;
  std::vector<std::string> advisories;  // Each once, in the order of the text.
};

// Reads {"tcbInfo": {…}} or the inner object alone. The SDK does not say which level it matched,
// but when that one was certified and how it stands: advisories are those of all levels with that
// `date` ("2023-02-15T00:00:00Z") and `status` ("SWHardeningNeeded"), which may be more than the
// platform's, never less. Fails with ERROR_ATTESTATION_COLLATERAL when the text is no such JSON,
// has no number, or no such level.
Result<TcbInfo> ReadTcbInfo(util::ByteView json, const std::string& date,
                            const std::string& status);

}  // namespace svr2::platform_oe

#endif  // SVR2_PLATFORM_OE_TCB_INFO_H_
