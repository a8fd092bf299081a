// SPDX-License-Identifier: Apache-2.0
//
// From what the SDK's verifier says of SGX ECDSA evidence to the facts that attestation/policy.h
// judges. A pure translation, strict: a claim that is missing or has another size is an error, and
// a status that is not known counts as revoked. protocol.md §6.

#ifndef SVR2_PLATFORM_OE_OE_EVIDENCE_H_
#define SVR2_PLATFORM_OE_OE_EVIDENCE_H_

#include "env/env.h"
#include "platform_oe/sdk.h"
#include "util/status.h"

namespace svr2::platform_oe {

// `result` is what VerifyEvidence of Sdk returned with `claims`. Fails with EvidenceError(result),
// but for OE_TCB_LEVEL_INVALID, where the status among the claims is a fact like others; with
// ERROR_ATTESTATION_WRONG_FORMAT for evidence of another format or for local attestation only; with
// ERROR_ATTESTATION_MALFORMED_EVIDENCE or ERROR_ATTESTATION_COLLATERAL for claims that are not
// there.
Result<env::VerifiedEvidence> TranslateClaims(SdkResult result, const SdkClaims& claims);

}  // namespace svr2::platform_oe

#endif  // SVR2_PLATFORM_OE_OE_EVIDENCE_H_
