// SPDX-License-Identifier: Apache-2.0

#include "platform_oe/sdk_results.h"

namespace svr2::platform_oe {

Error EvidenceError(uint32_t code) {
  switch (code) {
    case 0:  // OE_OK
      return proto::OK;
    case 3:   // OE_INVALID_PARAMETER
    case 10:  // OE_INTEGER_OVERFLOW
    case 12:  // OE_OUT_OF_BOUNDS
    case 14:  // OE_CONSTRAINT_FAILED
    case 26:  // OE_REPORT_PARSE_ERROR
    case 27:  // OE_MISSING_CERTIFICATE_CHAIN
    case 30:  // OE_INVALID_SGX_CERTIFICATE_EXTENSIONS
    case 47:  // OE_INCORRECT_REPORT_SIZE
      return proto::ERROR_ATTESTATION_MALFORMED_EVIDENCE;
    case 5:  // OE_OUT_OF_MEMORY
      return proto::ERROR_OUT_OF_MEMORY;
    case 8:   // OE_VERIFY_FAILED
    case 11:  // OE_PUBLIC_KEY_NOT_FOUND
    case 46:  // OE_CRYPTO_ERROR
    case 48:  // OE_QUOTE_VERIFICATION_ERROR
    case 49:  // OE_QUOTE_ENCLAVE_IDENTITY_VERIFICATION_FAILED
    case 50:  // OE_QUOTE_ENCLAVE_IDENTITY_UNIQUEID_MISMATCH
    case 52:  // OE_VERIFY_FAILED_AES_CMAC_MISMATCH
    case 58:  // OE_QUOTE_HASH_MISMATCH
      return proto::ERROR_ATTESTATION_SIGNATURE;
    case 15:  // OE_IOCTL_FAILED
    case 18:  // OE_SERVICE_UNAVAILABLE
    case 21:  // OE_PLATFORM_ERROR
    case 62:  // OE_SGX_QUOTE_LIBRARY_ERROR
      return proto::ERROR_ATTESTATION_PLATFORM;
    case 22:  // OE_INVALID_CPUSVN
    case 23:  // OE_INVALID_ISVSVN
    case 34:  // OE_TCB_LEVEL_INVALID
      return proto::ERROR_ATTESTATION_TCB_STATUS;
    case 25:  // OE_DEBUG_DOWNGRADE
      return proto::ERROR_ATTESTATION_DEBUG;
    case 33:  // OE_JSON_INFO_PARSE_ERROR
    case 37:  // OE_INVALID_REVOCATION_INFO
    case 38:  // OE_INVALID_UTC_DATE_TIME
    case 39:  // OE_INVALID_QE_IDENTITY_INFO
    case 40:  // OE_INVALID_ENDORSEMENT
    case 42:  // OE_VERIFY_CRL_EXPIRED
    case 43:  // OE_VERIFY_CRL_MISSING
    case 45:  // OE_VERIFY_FAILED_TO_FIND_VALIDITY_PERIOD
      return proto::ERROR_ATTESTATION_COLLATERAL;
    case 35:  // OE_QUOTE_PROVIDER_LOAD_ERROR
    case 36:  // OE_QUOTE_PROVIDER_CALL_ERROR
    case 61:  // OE_QUOTE_LIBRARY_LOAD_ERROR
      return proto::ERROR_ATTESTATION_QUOTE_PROVIDER;
    case 44:  // OE_VERIFY_REVOKED
      return proto::ERROR_ATTESTATION_REVOKED;
    default:
      return proto::ERROR_ATTESTATION_UNAVAILABLE;
  }
}

}  // namespace svr2::platform_oe
