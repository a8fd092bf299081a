// SPDX-License-Identifier: Apache-2.0

#include "platform_oe/sdk_results.h"

#include <algorithm>
#include <iterator>

namespace svr2::platform_oe {

namespace {

constexpr Error kUnavailable = proto::ERROR_ATTESTATION_UNAVAILABLE;
constexpr Error kProvider = proto::ERROR_ATTESTATION_QUOTE_PROVIDER;
constexpr Error kPlatform = proto::ERROR_ATTESTATION_PLATFORM;
constexpr Error kMalformed = proto::ERROR_ATTESTATION_MALFORMED_EVIDENCE;
constexpr Error kSignature = proto::ERROR_ATTESTATION_SIGNATURE;
constexpr Error kCollateral = proto::ERROR_ATTESTATION_COLLATERAL;
constexpr Error kRevoked = proto::ERROR_ATTESTATION_REVOKED;
constexpr Error kTcb = proto::ERROR_ATTESTATION_TCB_STATUS;

constexpr SdkResultInfo kResults[] = {
    {0, "OE_OK", proto::OK, "done"},
    {1, "OE_FAILURE", kUnavailable, "failed without a reason; the SDK's log may have one"},
    {2, "OE_BUFFER_TOO_SMALL", kUnavailable, "a buffer was too small: please report it"},
    {3, "OE_INVALID_PARAMETER", kMalformed,
     "a parameter is wrong; of evidence: it is not in the SDK's format"},
    {4, "OE_REENTRANT_ECALL", kUnavailable,
     "the enclave was entered again from its own output: please report it"},
    {5, "OE_OUT_OF_MEMORY", proto::ERROR_OUT_OF_MEMORY,
     "no memory for it; lower NumHeapPages, or give the machine more (svr2 doctor)"},
    {6, "OE_OUT_OF_THREADS", kUnavailable,
     "more threads than NumTCS: lower runtime.enclave_threads, or raise NumTCS and sign again"},
    {7, "OE_UNEXPECTED", kUnavailable, "the SDK met what it does not expect; see its log"},
    {8, "OE_VERIFY_FAILED", kSignature,
     "a check failed: of an image, it was altered after it was signed; of evidence, it is forged"},
    {9, "OE_NOT_FOUND", kUnavailable,
     "not found: of evidence, this SDK has no such format; of an image, no such file"},
    {10, "OE_INTEGER_OVERFLOW", kMalformed, "a number is too large for its place"},
    {11, "OE_PUBLIC_KEY_NOT_FOUND", kSignature, "the key that signed it is not there"},
    {12, "OE_OUT_OF_BOUNDS", kMalformed, "an offset points outside"},
    {13, "OE_OVERLAPPED_COPY", kUnavailable, "buffers overlap: please report it"},
    {14, "OE_CONSTRAINT_FAILED", kMalformed, "a value is not what it must be"},
    {15, "OE_IOCTL_FAILED", kPlatform,
     "the SGX driver refused: is there protected memory left, may this user use /dev/sgx_enclave?"},
    {16, "OE_UNSUPPORTED", kUnavailable,
     "not supported here: of evidence, simulation cannot make or verify it"},
    {17, "OE_READ_FAILED", kUnavailable, "could not be read"},
    {18, "OE_SERVICE_UNAVAILABLE", kPlatform,
     "the quoting service does not answer: is aesmd running, and allowed for this user?"},
    {19, "OE_ENCLAVE_ABORTING", kUnavailable, "the enclave aborted; start a new one"},
    {20, "OE_ENCLAVE_ABORTED", kUnavailable, "the enclave aborted; start a new one"},
    {21, "OE_PLATFORM_ERROR", kPlatform,
     "the quote provider failed: can it reach its certificate cache (/etc/sgx_default_qcnl.conf), "
     "and"
     " is this machine registered there?"},
    {22, "OE_INVALID_CPUSVN", kTcb, "the CPU's security version is not one that is known"},
    {23, "OE_INVALID_ISVSVN", kTcb, "the enclave's security version is not one that is known"},
    {24, "OE_INVALID_KEYNAME", kUnavailable, "no such key: please report it"},
    {25, "OE_DEBUG_DOWNGRADE", proto::ERROR_ATTESTATION_DEBUG,
     "the debug flag was given for an image with Debug=0"},
    {26, "OE_REPORT_PARSE_ERROR", kMalformed, "the report or quote is not in its format"},
    {27, "OE_MISSING_CERTIFICATE_CHAIN", kMalformed,
     "the quote has no certificate chain: is the machine registered with the certificate cache?"},
    {28, "OE_BUSY", kUnavailable, "busy; try again"},
    {29, "OE_NOT_OWNER", kUnavailable, "another thread holds it: please report it"},
    {30, "OE_INVALID_SGX_CERTIFICATE_EXTENSIONS", kMalformed,
     "the machine's certificate lacks SGX's extensions"},
    {31, "OE_MEMORY_LEAK", kUnavailable, "memory was left behind: please report it"},
    {32, "OE_BAD_ALIGNMENT", kUnavailable, "memory is not aligned: please report it"},
    {33, "OE_JSON_INFO_PARSE_ERROR", kCollateral, "collateral is not in its format; fetch it anew"},
    {34, "OE_TCB_LEVEL_INVALID", kTcb,
     "microcode or firmware is behind: update the machine, then fetch collateral anew"},
    {35, "OE_QUOTE_PROVIDER_LOAD_ERROR", kProvider,
     "libdcap_quoteprov.so could not be loaded: install the quote provider (svr2 doctor)"},
    {36, "OE_QUOTE_PROVIDER_CALL_ERROR", kProvider,
     "the quote provider failed: see its log, and its certificate cache"},
    {37, "OE_INVALID_REVOCATION_INFO", kCollateral, "revocation lists are not in their format"},
    {38, "OE_INVALID_UTC_DATE_TIME", kCollateral, "a date is not in its format"},
    {39, "OE_INVALID_QE_IDENTITY_INFO", kCollateral,
     "the quoting enclave's identity is not in its format"},
    {40, "OE_INVALID_ENDORSEMENT", kCollateral, "endorsements are not in their format"},
    {41, "OE_UNSUPPORTED_ENCLAVE_IMAGE", kUnavailable,
     "the image is not one of this SDK: build it with make enclave-oe"},
    {42, "OE_VERIFY_CRL_EXPIRED", kCollateral,
     "revocation lists are out of date by the group's time: fetch collateral anew; clocks right?"},
    {43, "OE_VERIFY_CRL_MISSING", kCollateral,
     "revocation lists are missing: fetch collateral anew"},
    {44, "OE_VERIFY_REVOKED", kRevoked, "a certificate was revoked: this machine is not trusted"},
    {45, "OE_VERIFY_FAILED_TO_FIND_VALIDITY_PERIOD", kCollateral,
     "parts of the collateral are never valid together: fetch it anew; clocks right?"},
    {46, "OE_CRYPTO_ERROR", kSignature, "a signature or certificate could not be checked"},
    {47, "OE_INCORRECT_REPORT_SIZE", kMalformed, "the report has another size"},
    {48, "OE_QUOTE_VERIFICATION_ERROR", kSignature, "the quote's signature does not hold"},
    {49, "OE_QUOTE_ENCLAVE_IDENTITY_VERIFICATION_FAILED", kSignature,
     "the quoting enclave is not Intel's, or is out of date: update the DCAP packages"},
    {50, "OE_QUOTE_ENCLAVE_IDENTITY_UNIQUEID_MISMATCH", kSignature,
     "the quoting enclave is another one than expected: update the DCAP packages"},
    {52, "OE_VERIFY_FAILED_AES_CMAC_MISMATCH", kSignature, "a local report does not hold"},
    {53, "OE_CONTEXT_SWITCHLESS_OCALL_MISSED", kUnavailable,
     "a switchless call was missed: please report it"},
    {54, "OE_THREAD_CREATE_ERROR", kUnavailable, "the host could not start a thread; limits?"},
    {55, "OE_THREAD_JOIN_ERROR", kUnavailable, "the host could not end a thread"},
    {56, "OE_ALREADY_EXISTS", kUnavailable, "it exists already"},
    {57, "OE_ALREADY_INITIALIZED", kUnavailable, "it was initialized already"},
    {58, "OE_QUOTE_HASH_MISMATCH", kSignature, "the quote binds other claims than those shown"},
    {59, "OE_INVALID_SGX_SIGNING_KEY", kUnavailable,
     "signed with another kind of key: RSA-3072 with exponent 3 is needed"},
    {60, "OE_INVALID_IMAGE", kUnavailable, "the image is damaged: build and sign it again"},
    {61, "OE_QUOTE_LIBRARY_LOAD_ERROR", kProvider,
     "libsgx_dcap_ql.so.1 could not be loaded: install it (svr2 doctor)"},
    {62, "OE_SGX_QUOTE_LIBRARY_ERROR", kPlatform,
     "Intel's quote library failed: is aesmd running, is the machine registered?"},
};

}  // namespace

const SdkResultInfo* SdkResults(size_t* count) {
  *count = std::size(kResults);
  return kResults;
}

const SdkResultInfo* FindSdkResult(uint32_t code) {
  const auto* const found = std::lower_bound(
      std::begin(kResults), std::end(kResults), code,
      [](const SdkResultInfo& info, uint32_t wanted) { return info.code < wanted; });
  return found != std::end(kResults) && found->code == code ? found : nullptr;
}

Error EvidenceError(uint32_t code) {
  const SdkResultInfo* const info = FindSdkResult(code);
  return info == nullptr ? kUnavailable : info->error;
}

}  // namespace svr2::platform_oe
