// SPDX-License-Identifier: Apache-2.0
//
// Mutated handshake and transport messages: none crashes, none is accepted with altered content,
// and after a refusal nothing more is accepted. Inputs: SVR2_FUZZ_INPUTS; seed: SVR2_SEED, printed.

#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "noise/noise_testing.h"
#include "noise/transport.h"
#include "util/seed_testing.h"

namespace svr2::noise {
namespace {

using util::Bytes;
using util::ByteView;

using Random = std::mt19937_64;

size_t Below(Random* random, size_t limit) { return static_cast<size_t>((*random)() % limit); }
uint8_t Byte(Random* random) { return static_cast<uint8_t>((*random)()); }

// One to four of: flip a bit, set a byte, cut, extend, double a part, or replace all.
void Mutate(Random* random, std::string* message) {
  for (size_t i = 0, n = 1 + Below(random, 4); i < n; ++i) {
    const size_t at = message->empty() ? 0 : Below(random, message->size());
    switch (Below(random, 6)) {
      case 0:
        if (!message->empty()) {
          (*message)[at] = static_cast<char>((*message)[at] ^ (1 << Below(random, 8)));
        }
        break;
      case 1:
        if (!message->empty()) (*message)[at] = static_cast<char>(Byte(random));
        break;
      case 2:
        message->resize(at);
        break;
      case 3:
        message->append(1 + Below(random, 40), static_cast<char>(Byte(random)));
        break;
      case 4:
        message->insert(at, message->substr(Below(random, message->size() + 1), 20));
        break;
      case 5:
        for (char& c : *message) c = static_cast<char>(Byte(random));
        break;
    }
  }
}

struct Tally {
  uint64_t inputs = 0;
  uint64_t unchanged = 0;
};

// Reads `original` mutated: accepted only when the mutations undid each other.
void ReadMutated(Random* random, HandshakeState* reader, const std::string& original,
                 const std::string& expected_payload, Tally* tally) {
  std::string message = original;
  Mutate(random, &message);
  std::string payload = "left over";
  const Status status = reader->ReadMessage(message, &payload);
  ++tally->inputs;
  if (message == original) {
    ++tally->unchanged;
    ASSERT_TRUE(status.ok());
    ASSERT_EQ(payload, expected_payload);
    return;
  }
  ASSERT_FALSE(status.ok());
  ASSERT_EQ(payload, "");
  ASSERT_EQ(reader->ReadMessage(original, &payload), proto::ERROR_NOISE_BAD_STATE);
  ASSERT_EQ(reader->Split().error(), proto::ERROR_NOISE_BAD_STATE);
}

void FuzzHandshake(const HandshakePattern* pattern, crypto::Aead aead, uint64_t inputs,
                   Random* random) {
  Ends ends(pattern, aead, (*random)());
  Tally tally;
  while (tally.inputs < inputs && !testing::Test::HasFatalFailure()) {
    const std::string payload(Below(random, 50), 'p');
    HandshakeState initiator = ends.Start(Role::kInitiator);
    HandshakeState responder = ends.Start(Role::kResponder);
    std::string first;
    std::string second;
    std::string out;
    Must(initiator.WriteMessage(&ends.env, payload, &first));
    for (int i = 0; i < 20; ++i) {
      HandshakeState victim = ends.Start(Role::kResponder);
      ReadMutated(random, &victim, first, payload, &tally);
    }
    Must(responder.ReadMessage(first, &out));
    Must(responder.WriteMessage(&ends.env, payload, &second));
    ReadMutated(random, &initiator, second, payload, &tally);
  }
  std::printf("%s: %llu mutated handshake messages, %llu of them unchanged\n", pattern->name,
              static_cast<unsigned long long>(tally.inputs),
              static_cast<unsigned long long>(tally.unchanged));
}

// An agreement costs 50 µs and more under sanitizers, so these get a hundredth of the inputs.
TEST(HandshakeFuzz, NkMessages) {
  Random random(util::TestSeed());
  const uint64_t inputs = util::FuzzInputs(100'000) / 100 + 1;
  FuzzHandshake(&kPatternNk, crypto::Aead::kChaCha20Poly1305, inputs, &random);
}

TEST(HandshakeFuzz, KkMessages) {
  Random random(util::TestSeed());
  const uint64_t inputs = util::FuzzInputs(100'000) / 100 + 1;
  FuzzHandshake(&kPatternKk, crypto::Aead::kAes256Gcm, inputs, &random);
}

TEST(HandshakeFuzz, NkHfsMessages) {
  Random random(util::TestSeed());
  const uint64_t inputs = util::FuzzInputs(100'000) / 100 + 1;
  FuzzHandshake(&kPatternNkHfs, crypto::Aead::kChaCha20Poly1305, inputs, &random);
}

TEST(HandshakeFuzz, KkHfsMessages) {
  Random random(util::TestSeed());
  const uint64_t inputs = util::FuzzInputs(100'000) / 100 + 1;
  FuzzHandshake(&kPatternKkHfs, crypto::Aead::kAes256Gcm, inputs, &random);
}

TEST(TransportFuzz, Messages) {
  Random random(util::TestSeed());
  Ends ends(&kPatternNk, crypto::Aead::kChaCha20Poly1305, random());
  const uint64_t inputs = util::FuzzInputs(100'000);
  const crypto::AeadKey key{ByteView(Bytes(32, 0x21))};
  uint64_t unchanged = 0;
  for (uint64_t i = 0; i < inputs; ++i) {
    const uint64_t counter = random();
    CipherState sender(crypto::Aead::kChaCha20Poly1305, key, counter);
    CipherState receiver(crypto::Aead::kChaCha20Poly1305, key, counter);
    // Mostly requests as they are, sometimes several pieces.
    const size_t size = Below(&random, 200) == 0 ? Below(&random, 140'000) : Below(&random, 150);
    const Bytes plaintext(size, Byte(&random));
    std::string sealed(TransportCiphertextBytes(size), '\0');
    Must(TransportEncrypt(&sender, plaintext, reinterpret_cast<uint8_t*>(&sealed[0])));
    std::string message = sealed;
    Mutate(&random, &message);
    const size_t border = message.size() - message.size() % kMaxMessageBytes;
    Bytes out(message.size() + 1, 0xee);
    const Status status = TransportDecrypt(&receiver, message, out.data());
    if (status.ok()) {
      // Only the same message, or whole pieces of it, left out at the end (see transport.h).
      const size_t opened = Must(TransportPlaintextBytes(message.size()));
      ASSERT_LE(opened, plaintext.size());
      ASSERT_EQ(ByteView(out).Sub(0, opened), ByteView(plaintext).Sub(0, opened));
      ASSERT_TRUE(message == sealed || border == message.size());
      ++unchanged;
    } else {
      ASSERT_FALSE(receiver.has_key());
      const Result<size_t> opened = TransportPlaintextBytes(message.size());
      for (size_t j = 0; opened.ok() && j < *opened; ++j) ASSERT_EQ(out[j], 0);
    }
  }
  std::printf("transport: %llu mutated messages, %llu of them unchanged\n",
              static_cast<unsigned long long>(inputs), static_cast<unsigned long long>(unchanged));
}

}  // namespace
}  // namespace svr2::noise
