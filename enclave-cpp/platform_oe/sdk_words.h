// SPDX-License-Identifier: Apache-2.0
//
// Every result code of the Open Enclave SDK in words, with what to do. For both sides of the
// boundary: includes nothing of either. The numbers are checked against the SDK where there is one.

#ifndef SVR2_PLATFORM_OE_SDK_WORDS_H_
#define SVR2_PLATFORM_OE_SDK_WORDS_H_

#include <cstdint>

namespace svr2::platform_oe {

struct SdkWords {
  uint32_t code;
  const char* name;     // As in openenclave/bits/result.h.
  const char* meaning;  // One line: what it means, and the next step.
};

// Ascending by code.
inline constexpr SdkWords kSdkWords[] = {
    {0, "OE_OK", "done"},
    {1, "OE_FAILURE", "failed without a reason; the SDK's log may have one"},
    {2, "OE_BUFFER_TOO_SMALL", "a buffer was too small: please report it"},
    {3, "OE_INVALID_PARAMETER", "a parameter is wrong; of evidence: it is not in the SDK's format"},
    {4, "OE_REENTRANT_ECALL",
     "the enclave was entered again from its own output: please report it"},
    {5, "OE_OUT_OF_MEMORY",
     "no memory for it; lower NumHeapPages, or give the machine more (svr2 doctor)"},
    {6, "OE_OUT_OF_THREADS",
     "more threads than NumTCS: lower runtime.enclave_threads, or raise NumTCS and sign again"},
    {7, "OE_UNEXPECTED", "the SDK met what it does not expect; see its log"},
    {8, "OE_VERIFY_FAILED",
     "a check failed: of an image, it was altered after it was signed; of evidence, it is forged"},
    {9, "OE_NOT_FOUND",
     "not found: of evidence, this SDK has no such format; of an image, no such file"},
    {10, "OE_INTEGER_OVERFLOW", "a number is too large for its place"},
    {11, "OE_PUBLIC_KEY_NOT_FOUND", "the key that signed it is not there"},
    {12, "OE_OUT_OF_BOUNDS", "an offset points outside"},
    {13, "OE_OVERLAPPED_COPY", "buffers overlap: please report it"},
    {14, "OE_CONSTRAINT_FAILED", "a value is not what it must be"},
    {15, "OE_IOCTL_FAILED",
     "the SGX driver refused: is there protected memory left, may this user use /dev/sgx_enclave?"},
    {16, "OE_UNSUPPORTED", "not supported here: of evidence, simulation cannot make or verify it"},
    {17, "OE_READ_FAILED", "could not be read"},
    {18, "OE_SERVICE_UNAVAILABLE",
     "the quoting service does not answer: is aesmd running, and allowed for this user?"},
    {19, "OE_ENCLAVE_ABORTING", "the enclave aborted; start a new one"},
    {20, "OE_ENCLAVE_ABORTED", "the enclave aborted; start a new one"},
    {21, "OE_PLATFORM_ERROR",
     "the quote provider failed: can it reach its certificate cache (/etc/sgx_default_qcnl.conf), "
     "and is this machine registered there?"},
    {22, "OE_INVALID_CPUSVN", "the CPU's security version is not one that is known"},
    {23, "OE_INVALID_ISVSVN", "the enclave's security version is not one that is known"},
    {24, "OE_INVALID_KEYNAME", "no such key: please report it"},
    {25, "OE_DEBUG_DOWNGRADE", "the debug flag was given for an image with Debug=0"},
    {26, "OE_REPORT_PARSE_ERROR", "the report or quote is not in its format"},
    {27, "OE_MISSING_CERTIFICATE_CHAIN",
     "the quote has no certificate chain: is the machine registered with the certificate cache?"},
    {28, "OE_BUSY", "busy; try again"},
    {29, "OE_NOT_OWNER", "another thread holds it: please report it"},
    {30, "OE_INVALID_SGX_CERTIFICATE_EXTENSIONS",
     "the machine's certificate lacks SGX's extensions"},
    {31, "OE_MEMORY_LEAK", "memory was left behind: please report it"},
    {32, "OE_BAD_ALIGNMENT", "memory is not aligned: please report it"},
    {33, "OE_JSON_INFO_PARSE_ERROR", "collateral is not in its format; fetch it anew"},
    {34, "OE_TCB_LEVEL_INVALID",
     "microcode or firmware is behind: update the machine, then fetch collateral anew"},
    {35, "OE_QUOTE_PROVIDER_LOAD_ERROR",
     "libdcap_quoteprov.so could not be loaded: install the quote provider (svr2 doctor)"},
    {36, "OE_QUOTE_PROVIDER_CALL_ERROR",
     "the quote provider failed: see its log, and its certificate cache"},
    {37, "OE_INVALID_REVOCATION_INFO", "revocation lists are not in their format"},
    {38, "OE_INVALID_UTC_DATE_TIME", "a date is not in its format"},
    {39, "OE_INVALID_QE_IDENTITY_INFO", "the quoting enclave's identity is not in its format"},
    {40, "OE_INVALID_ENDORSEMENT", "endorsements are not in their format"},
    {41, "OE_UNSUPPORTED_ENCLAVE_IMAGE",
     "the image is not one of this SDK: build it with make enclave-oe"},
    {42, "OE_VERIFY_CRL_EXPIRED",
     "revocation lists are out of date by the group's time: fetch collateral anew; clocks right?"},
    {43, "OE_VERIFY_CRL_MISSING", "revocation lists are missing: fetch collateral anew"},
    {44, "OE_VERIFY_REVOKED", "a certificate was revoked: this machine is not trusted"},
    {45, "OE_VERIFY_FAILED_TO_FIND_VALIDITY_PERIOD",
     "parts of the collateral are never valid together: fetch it anew; clocks right?"},
    {46, "OE_CRYPTO_ERROR", "a signature or certificate could not be checked"},
    {47, "OE_INCORRECT_REPORT_SIZE", "the report has another size"},
    {48, "OE_QUOTE_VERIFICATION_ERROR", "the quote's signature does not hold"},
    {49, "OE_QUOTE_ENCLAVE_IDENTITY_VERIFICATION_FAILED",
     "the quoting enclave is not Intel's, or is out of date: update the DCAP packages"},
    {50, "OE_QUOTE_ENCLAVE_IDENTITY_UNIQUEID_MISMATCH",
     "the quoting enclave is another one than expected: update the DCAP packages"},
    {52, "OE_VERIFY_FAILED_AES_CMAC_MISMATCH", "a local report does not hold"},
    {53, "OE_CONTEXT_SWITCHLESS_OCALL_MISSED", "a switchless call was missed: please report it"},
    {54, "OE_THREAD_CREATE_ERROR", "the host could not start a thread; limits?"},
    {55, "OE_THREAD_JOIN_ERROR", "the host could not end a thread"},
    {56, "OE_ALREADY_EXISTS", "it exists already"},
    {57, "OE_ALREADY_INITIALIZED", "it was initialized already"},
    {58, "OE_QUOTE_HASH_MISMATCH", "the quote binds other claims than those shown"},
    {59, "OE_INVALID_SGX_SIGNING_KEY",
     "signed with another kind of key: RSA-3072 with exponent 3 is needed"},
    {60, "OE_INVALID_IMAGE", "the image is damaged: build and sign it again"},
    {61, "OE_QUOTE_LIBRARY_LOAD_ERROR",
     "libsgx_dcap_ql.so.1 could not be loaded: install it (svr2 doctor)"},
    {62, "OE_SGX_QUOTE_LIBRARY_ERROR",
     "Intel's quote library failed: is aesmd running, is the machine registered?"},
};

// nullptr for a code that no version of the SDK known here has.
inline const SdkWords* FindSdkWords(uint32_t code) {
  for (const SdkWords& words : kSdkWords) {
    if (words.code == code) return &words;
  }
  return nullptr;
}

}  // namespace svr2::platform_oe

#endif  // SVR2_PLATFORM_OE_SDK_WORDS_H_
