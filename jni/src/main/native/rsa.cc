// SPDX-License-Identifier: Apache-2.0

#include "rsa.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
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
using NumberContext = std::unique_ptr<BN_CTX, Deleter<BN_CTX_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_vfree>>;

Bio OpenPem(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// No prompt for a passphrase: signing runs unattended.
int NoPassphrase(char*, int, int, void*) { return -1; }

Outcome BadKey(const std::string& text) { return Outcome::Fail(SVR2_BRIDGE_BAD_ARGUMENT, text); }

Number NumberOf(std::string_view bytes) {
  Number number(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
  if (number == nullptr) throw std::bad_alloc();
  return number;
}

std::string BigEndian(const BIGNUM* number) {
  std::string out(kSignatureBytes, '\0');
  if (BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()),
                   static_cast<int>(out.size())) < 0) {
    throw std::bad_alloc();  // Every number here is smaller than the modulus.
  }
  return out;
}

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

Outcome ReadPublicKey(const std::string& pem, Key* out) {
  Key key(PEM_read_bio_PUBKEY(OpenPem(pem).get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) {
    ERR_clear_error();
    key.reset(PEM_read_bio_PrivateKey(OpenPem(pem).get(), nullptr, NoPassphrase, nullptr));
  }
  if (key == nullptr) return BadKey("not a PEM key: " + OpensslError());
  if (!IsAcceptable(key.get())) return BadKey(kKeyWanted);
  *out = std::move(key);
  return Outcome::Ok();
}

Outcome ReadPrivateKey(const std::string& pem, Key* out) {
  Key key(PEM_read_bio_PrivateKey(OpenPem(pem).get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) return BadKey("not an unencrypted PEM private key: " + OpensslError());
  if (!IsAcceptable(key.get())) return BadKey(kKeyWanted);
  *out = std::move(key);
  return Outcome::Ok();
}

std::string ModulusOf(EVP_PKEY* key) {
  BIGNUM* modulus = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) != 1) throw std::bad_alloc();
  const Number number(modulus);
  return BigEndian(number.get());
}

Quotients QuotientsOf(std::string_view signature, std::string_view modulus) {
  const Number s = NumberOf(signature);
  const Number m = NumberOf(modulus);
  const Number square(BN_new()), q1(BN_new()), rest(BN_new()), product(BN_new()), q2(BN_new());
  const NumberContext context(BN_CTX_new());
  // s³ - q1·s·m = s·(s² mod m).
  if (square == nullptr || q1 == nullptr || rest == nullptr || product == nullptr ||
      q2 == nullptr || context == nullptr || BN_sqr(square.get(), s.get(), context.get()) != 1 ||
      BN_div(q1.get(), rest.get(), square.get(), m.get(), context.get()) != 1 ||
      BN_mul(product.get(), rest.get(), s.get(), context.get()) != 1 ||
      BN_div(q2.get(), nullptr, product.get(), m.get(), context.get()) != 1) {
    throw std::bad_alloc();
  }
  return {BigEndian(q1.get()), BigEndian(q2.get())};
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
