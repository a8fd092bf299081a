// SPDX-License-Identifier: Apache-2.0
//
// What the wrapped primitives cost on this machine: the floor under every figure of the modules
// above (peer-figures.md, "Physical parts").

#include <benchmark/benchmark.h>

#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/init.h"
#include "crypto/ml_kem.h"
#include "crypto/x25519.h"
#include "env/fake_env.h"

namespace svr2::crypto {
namespace {

void BM_GenerateKeyPair(benchmark::State& state) {
  SVR2_CHECK(Init().ok());
  env::FakeEnv env(1);
  for (auto _ : state) benchmark::DoNotOptimize(GenerateKeyPair(&env).ok());
}
BENCHMARK(BM_GenerateKeyPair);

void BM_Agree(benchmark::State& state) {
  SVR2_CHECK(Init().ok());
  env::FakeEnv env(1);
  const Result<KeyPair> ours = GenerateKeyPair(&env);
  const Result<KeyPair> theirs = GenerateKeyPair(&env);
  PrivateKey shared;
  for (auto _ : state) {
    benchmark::DoNotOptimize(Agree(ours->private_key, theirs->public_key, &shared).ok());
  }
}
BENCHMARK(BM_Agree);

void BM_GenerateKemKey(benchmark::State& state) {
  SVR2_CHECK(Init().ok());
  env::FakeEnv env(1);
  KemPrivateKey key;
  for (auto _ : state) benchmark::DoNotOptimize(GenerateKemKey(&env, &key).ok());
}
BENCHMARK(BM_GenerateKemKey);

void BM_Encapsulate(benchmark::State& state) {
  SVR2_CHECK(Init().ok());
  env::FakeEnv env(1);
  KemPrivateKey key;
  SVR2_CHECK(GenerateKemKey(&env, &key).ok());
  util::Bytes ciphertext(kKemCiphertextBytes);
  KemSharedSecret shared;
  for (auto _ : state) {
    SVR2_CHECK(Encapsulate(&env, PublicKeyOf(key), ciphertext.data(), &shared).ok());
    benchmark::DoNotOptimize(shared.data());
  }
}
BENCHMARK(BM_Encapsulate);

void BM_Decapsulate(benchmark::State& state) {
  SVR2_CHECK(Init().ok());
  env::FakeEnv env(1);
  KemPrivateKey key;
  SVR2_CHECK(GenerateKemKey(&env, &key).ok());
  util::Bytes ciphertext(kKemCiphertextBytes);
  KemSharedSecret shared;
  SVR2_CHECK(Encapsulate(&env, PublicKeyOf(key), ciphertext.data(), &shared).ok());
  for (auto _ : state) {
    SVR2_CHECK(Decapsulate(key, ciphertext, &shared).ok());
    benchmark::DoNotOptimize(shared.data());
  }
}
BENCHMARK(BM_Decapsulate);

void BM_CheckKemPublicKey(benchmark::State& state) {
  SVR2_CHECK(Init().ok());
  env::FakeEnv env(1);
  KemPrivateKey key;
  SVR2_CHECK(GenerateKemKey(&env, &key).ok());
  for (auto _ : state) benchmark::DoNotOptimize(CheckKemPublicKey(PublicKeyOf(key)).ok());
}
BENCHMARK(BM_CheckKemPublicKey);

void Seal(benchmark::State& state, Aead aead) {
  SVR2_CHECK(Init().ok());
  const AeadKey key;
  const util::Bytes plaintext(static_cast<size_t>(state.range(0)));
  util::Bytes out(plaintext.size() + kAeadTagBytes);
  uint64_t counter = 0;
  for (auto _ : state) {
    SVR2_CHECK(
        AeadEncrypt(aead, key, CounterNonce(aead, ++counter), {}, plaintext, out.data()).ok());
    benchmark::DoNotOptimize(out.data());
  }
}
void BM_SealChaCha(benchmark::State& state) { Seal(state, Aead::kChaCha20Poly1305); }
void BM_SealAes(benchmark::State& state) { Seal(state, Aead::kAes256Gcm); }
BENCHMARK(BM_SealChaCha)->Arg(64)->Arg(1024);
BENCHMARK(BM_SealAes)->Arg(64)->Arg(1024);

template <typename F>
void Hash(benchmark::State& state, F hash) {
  SVR2_CHECK(Init().ok());
  util::Bytes data(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(data.data());
    benchmark::DoNotOptimize(hash(data));
  }
}
void BM_Sha256(benchmark::State& state) {
  Hash(state, [](const util::Bytes& data) { return Sha256(data); });
}
void BM_Blake2b256(benchmark::State& state) {
  const util::Secret<32> key;
  Hash(state, [&](const util::Bytes& data) { return Blake2b<32>(key.view(), data); });
}
void BM_SipHash128(benchmark::State& state) {
  const util::Secret<16> key;
  Hash(state, [&](const util::Bytes& data) { return SipHash128(key, data); });
}
BENCHMARK(BM_Sha256)->Arg(64)->Arg(1024);
BENCHMARK(BM_Blake2b256)->Arg(64)->Arg(1024);
BENCHMARK(BM_SipHash128)->Arg(64)->Arg(1024);

void BM_NoiseHkdf(benchmark::State& state) {
  SVR2_CHECK(Init().ok());
  util::Secret<32> chaining_key;
  util::Secret<32> key;
  for (auto _ : state) {
    NoiseHkdf(chaining_key, key.view(), &chaining_key, &key);
    benchmark::DoNotOptimize(key.data());
  }
}
BENCHMARK(BM_NoiseHkdf);

}  // namespace
}  // namespace svr2::crypto
