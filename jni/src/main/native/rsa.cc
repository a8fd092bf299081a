// SPDX-License-Identifier: Apache-2.0

#include "rsa.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <new>

namespace svr2::bridge {

namespace {

constexpr int kKeyBits = 3072;

using Hash = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;

}  // namespace

std::string OpensslError() {
  char text[256] = "no reason given";
  if (const unsigned long error = ERR_get_error(); error != 0) {  // NOLINT(runtime/int)
    ERR_error_string_n(error, text, sizeof(text));
  }
  ERR_clear_error();
  return text;
}

Digest Sha256(std::initializer_list<std::string_view> parts) {
  Digest digest{};
  Hash hash(EVP_MD_CTX_new());
  bool ok = hash != nullptr && EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr) == 1;
  for (std::string_view part : parts) {
    ok = ok && EVP_DigestUpdate(hash.get(), part.data(), part.size()) == 1;
  }
  unsigned size = 0;
  ok = ok && EVP_DigestFinal_ex(hash.get(), digest.data(), &size) == 1 && size == digest.size();
  if (!ok) throw std::bad_alloc();  // SHA-256 fails for no other reason.
  return digest;
}

bool IsAcceptable(EVP_PKEY* key) {
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) != kKeyBits) return false;
  BIGNUM* exponent = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1) return false;
  const bool is_three = BN_is_word(exponent, 3) == 1;
  BN_free(exponent);
  return is_three;
}

KeyContext StartPkcs1(EVP_PKEY* key, int (*init)(EVP_PKEY_CTX*)) {
  KeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  if (context == nullptr || init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1 ||
      EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) != 1) {
    return nullptr;
  }
  return context;
}

bool Verifies(EVP_PKEY* key, const Digest& digest, std::string_view signature) {
  KeyContext context = StartPkcs1(key, EVP_PKEY_verify_init);
  const bool ok =
      context != nullptr && EVP_PKEY_verify(context.get(), Bytes(signature), signature.size(),
                                            digest.data(), digest.size()) == 1;
  ERR_clear_error();
  return ok;
}

Key KeyOfModulus(std::string_view modulus) {
  Number n(BN_bin2bn(Bytes(modulus), static_cast<int>(modulus.size()), nullptr));
  Number e(BN_new());
  Builder builder(OSSL_PARAM_BLD_new());
  if (n == nullptr || e == nullptr || builder == nullptr || BN_set_word(e.get(), 3) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    throw std::bad_alloc();
  }
  Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  KeyContext context(EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nullptr));
  EVP_PKEY* made = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    made = nullptr;
  }
  ERR_clear_error();
  Key key(made);
  return key != nullptr && IsAcceptable(key.get()) ? std::move(key) : nullptr;
}

std::string PublicKeyDer(EVP_PKEY* key) {
  unsigned char* bytes = nullptr;
  const int size = i2d_PUBKEY(key, &bytes);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

}  // namespace svr2::bridge
