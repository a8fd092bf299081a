// SPDX-License-Identifier: Apache-2.0

#include "crypto/ml_kem.h"

#include <sodium.h>

#include <new>

extern "C" {
#include <common/fips202.h>
#include <crypto_kem/ml-kem-1024/clean/kem.h>

// What the library calls (enclave-cpp/Makefile renames them there). Its states of SHA-3 come from
// the heap, hold secrets and are freed as they are; all have about this size.
constexpr size_t kStateBytes = PQC_SHAKEINCCTX_BYTES;

void* svr2_kem_allocate(size_t size) {
  SVR2_CHECK(size <= kStateBytes);
  // Throws when memory runs out, at moments when the library holds no memory.
  return ::operator new(kStateBytes);
}

void svr2_kem_release(void* state) {
  svr2::util::Wipe(state, kStateBytes);
  ::operator delete(state);
}

// Called where an allocation returned null, which it does not.
[[noreturn]] void svr2_kem_exit(int) { std::abort(); }

// Every random byte is drawn from an Env before: it has to be asked whether it failed.
int PQCLEAN_randombytes(uint8_t*, size_t) { std::abort(); }
}

namespace svr2::crypto {

namespace {

static_assert(PQCLEAN_MLKEM1024_CLEAN_CRYPTO_PUBLICKEYBYTES == kKemPublicKeyBytes);
static_assert(PQCLEAN_MLKEM1024_CLEAN_CRYPTO_SECRETKEYBYTES == kKemPrivateKeyBytes);
static_assert(PQCLEAN_MLKEM1024_CLEAN_CRYPTO_CIPHERTEXTBYTES == kKemCiphertextBytes);
static_assert(PQCLEAN_MLKEM1024_CLEAN_CRYPTO_BYTES == kKemSharedSecretBytes);
static_assert(kKemSeedBytes == 2 * KYBER_SYMBYTES && kKemCoinsBytes == KYBER_SYMBYTES);
static_assert(PQC_SHAKECTX_BYTES <= kStateBytes);

// Layout of a private key (FIPS 203, algorithm 16): vector, public key, its hash, z.
constexpr size_t kPublicKeyAt = kKemPrivateKeyBytes - 2 * KYBER_SYMBYTES - kKemPublicKeyBytes;
constexpr size_t kHashAt = kPublicKeyAt + kKemPublicKeyBytes;

// The library leaves noise and messages in its stack frames: this wipes those, also when the call
// throws. Decapsulation goes 21 KB deep (ml_kem_test.cc sees when that becomes more).
constexpr size_t kStackBytes = 24 * 1024;
class StackWiper {
 public:
  StackWiper() = default;
  StackWiper(const StackWiper&) = delete;
  StackWiper& operator=(const StackWiper&) = delete;
  ~StackWiper() { sodium_stackzero(kStackBytes); }
};

}  // namespace

Status GenerateKemKey(env::Env* env, KemPrivateKey* private_key) {
  util::Secret<kKemSeedBytes> seed;
  SVR2_RETURN_IF_ERROR(env->RandomBytes(seed.data(), seed.size()));
  DeriveKemKey(seed, private_key);
  return Status::Ok();
}

void DeriveKemKey(const util::Secret<kKemSeedBytes>& seed, KemPrivateKey* private_key) {
  const StackWiper wiper;
  KemPublicKey public_key;
  // It writes the public key into the private one, too.
  SVR2_CHECK(PQCLEAN_MLKEM1024_CLEAN_crypto_kem_keypair_derand(
                 public_key.data(), private_key->data(), seed.data()) == 0);
}

util::ByteView PublicKeyOf(const KemPrivateKey& private_key) {
  return private_key.view().Sub(kPublicKeyAt, kKemPublicKeyBytes);
}

Status CheckKemPublicKey(util::ByteView public_key) {
  if (public_key.size() != kKemPublicKeyBytes) return proto::ERROR_CRYPTO_BAD_KEY;
  // Numbers of 12 bits, two in three bytes, little-endian; then 32 bytes of which all values are
  // good. §7.2 says it as decoding and encoding again, which reduces by the modulus. Looks at all
  // of them, since that is faster than stopping at a bad one.
  bool good = true;
  const uint8_t* const end = public_key.data() + KYBER_POLYVECBYTES;
  for (const uint8_t* p = public_key.data(); p != end; p += 3) {
    const unsigned first = p[0] | (p[1] & 15u) << 8;
    const unsigned second = p[1] >> 4 | static_cast<unsigned>(p[2]) << 4;
    good &= (first < KYBER_Q) & (second < KYBER_Q);
  }
  return good ? Status::Ok() : Status(proto::ERROR_CRYPTO_BAD_KEY);
}

Status Encapsulate(env::Env* env, util::ByteView public_key, uint8_t* ciphertext,
                   KemSharedSecret* shared) {
  SVR2_RETURN_IF_ERROR(CheckKemPublicKey(public_key));
  util::Secret<kKemCoinsBytes> coins;
  SVR2_RETURN_IF_ERROR(env->RandomBytes(coins.data(), coins.size()));
  const StackWiper wiper;
  SVR2_CHECK(PQCLEAN_MLKEM1024_CLEAN_crypto_kem_enc_derand(ciphertext, shared->data(),
                                                           public_key.data(), coins.data()) == 0);
  return Status::Ok();
}

Status Decapsulate(const KemPrivateKey& private_key, util::ByteView ciphertext,
                   KemSharedSecret* shared) {
  if (ciphertext.size() != kKemCiphertextBytes) return proto::ERROR_CRYPTO_BAD_KEY;
  std::array<uint8_t, KYBER_SYMBYTES> hash;
  sha3_256(hash.data(), private_key.data() + kPublicKeyAt, kKemPublicKeyBytes);
  if (!util::ConstantTimeEqual(hash, private_key.view().Sub(kHashAt, hash.size()))) {
    return proto::ERROR_CRYPTO_BAD_KEY;
  }
  const StackWiper wiper;
  SVR2_CHECK(PQCLEAN_MLKEM1024_CLEAN_crypto_kem_dec(shared->data(), ciphertext.data(),
                                                    private_key.data()) == 0);
  return Status::Ok();
}

}  // namespace svr2::crypto
