// SPDX-License-Identifier: Apache-2.0

#include "env/fake_env.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "env/simulated_evidence.h"

namespace svr2::env {

namespace {

// SplitMix64 (Steele, Lea, Flood 2014): good enough to drive tests, of no cryptographic worth.
uint64_t SplitMix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

FakeEnv::FakeEnv(uint64_t seed) : seed_(seed) {}

Status FakeEnv::RandomBytes(uint8_t* out, size_t size) {
  util::MutexLock lock(&mutex_);
  if (fail_random_) return proto::ERROR_RANDOM_FAILED;
  while (size > 0) {
    const uint64_t word = SplitMix64(seed_ + 0x632be59bd9b4e019u * ++draws_);
    const size_t n = std::min(size, sizeof(word));
    std::memcpy(out, &word, n);
    out += n;
    size -= n;
  }
  return Status::Ok();
}

Result<Evidence> FakeEnv::GetEvidence(util::ByteView custom_claims) {
  {
    util::MutexLock lock(&mutex_);
    if (fail_evidence_) return proto::ERROR_ATTESTATION_UNAVAILABLE;
  }
  return MakeSimulatedEvidence(Measurement(), Debug(), custom_claims);
}

Result<VerifiedEvidence> FakeEnv::VerifyEvidence(util::ByteView evidence,
                                                 util::ByteView endorsements, uint64_t) {
  return ParseSimulatedEvidence(evidence, endorsements);
}

std::array<uint8_t, 32> FakeEnv::Measurement() {
  std::array<uint8_t, 32> measurement;
  measurement.fill(0x5a);
  return measurement;
}

Status FakeEnv::Output(util::ByteView message) {
  std::function<Status(util::ByteView)> handler;
  {
    util::MutexLock lock(&mutex_);
    if (!handler_) {
      output_.push_back(message.ToString());
      return Status::Ok();
    }
    handler = handler_;
  }
  return handler(message);
}

size_t FakeEnv::HeapBytesUsed() {
  util::MutexLock lock(&mutex_);
  return heap_used_;
}

size_t FakeEnv::HeapBytesLimit() {
  util::MutexLock lock(&mutex_);
  return heap_limit_;
}

std::vector<std::string> FakeEnv::TakeOutput() {
  util::MutexLock lock(&mutex_);
  return std::exchange(output_, {});
}

void FakeEnv::SetOutputHandler(std::function<Status(util::ByteView)> handler) {
  util::MutexLock lock(&mutex_);
  handler_ = std::move(handler);
}

void FakeEnv::SetHeap(size_t used, size_t limit) {
  util::MutexLock lock(&mutex_);
  heap_used_ = used;
  heap_limit_ = limit;
}

void FakeEnv::FailRandom(bool fail) {
  util::MutexLock lock(&mutex_);
  fail_random_ = fail;
}

void FakeEnv::FailEvidence(bool fail) {
  util::MutexLock lock(&mutex_);
  fail_evidence_ = fail;
}

}  // namespace svr2::env
