// SPDX-License-Identifier: Apache-2.0
//
// Handshakes of NK and KK, plain and hybrid: that they work, and that nothing altered, misplaced,
// repeated or made with wrong keys does. Vectors are in cacophony_test.cc and own_vectors_test.cc.

#include "noise/handshake.h"

#include <gtest/gtest.h>

#include <set>

#include "noise/noise_testing.h"
#include "util/hex_testing.h"

namespace svr2::noise {
namespace {

using crypto::Aead;
using util::Bytes;
using util::ByteView;
using util::ToHex;

struct Protocol {
  const HandshakePattern* pattern;
  Aead aead;
};

class HandshakeTest : public testing::TestWithParam<Protocol> {
 protected:
  HandshakeTest() : ends_(GetParam().pattern, GetParam().aead) {}
  void SetUp() override {
    if (!crypto::AeadAvailable(GetParam().aead)) GTEST_SKIP() << "this CPU lacks the instructions";
  }

  // Bytes of a message beside its payload; of the two kinds both messages have the same.
  static size_t Overhead() { return Hybrid() ? 1632 : 48; }
  static bool Hybrid() {
    return GetParam().pattern == &kPatternNkHfs || GetParam().pattern == &kPatternKkHfs;
  }
  // A message of `from` with this payload.
  std::string Write(HandshakeState* from, const std::string& payload = "") {
    std::string message;
    Must(from->WriteMessage(&ends_.env, payload, &message));
    return message;
  }
  Status Read(HandshakeState* to, const std::string& message) {
    payload_ = "left over";
    return to->ReadMessage(message, &payload_);
  }
  // Nothing can be done with `state` any more.
  void ExpectDead(HandshakeState* state) {
    std::string message;
    EXPECT_FALSE(state->finished());
    EXPECT_FALSE(state->may_write());
    EXPECT_FALSE(state->may_read());
    EXPECT_EQ(state->WriteMessage(&ends_.env, {}, &message), proto::ERROR_NOISE_BAD_STATE);
    EXPECT_EQ(state->ReadMessage(Bytes(Overhead()), &message), proto::ERROR_NOISE_BAD_STATE);
    EXPECT_EQ(state->Split().error(), proto::ERROR_NOISE_BAD_STATE);
    EXPECT_EQ(state->RemoteStatic().error(), proto::ERROR_NOISE_BAD_STATE);
  }
  void ExpectFailsAndDies(HandshakeState* to, const std::string& message, Error error) {
    EXPECT_EQ(Read(to, message), error);
    EXPECT_EQ(payload_, "");
    ExpectDead(to);
  }

  Ends ends_;
  std::string payload_;
};

INSTANTIATE_TEST_SUITE_P(All, HandshakeTest,
                         testing::Values(Protocol{&kPatternNk, Aead::kChaCha20Poly1305},
                                         Protocol{&kPatternNk, Aead::kAes256Gcm},
                                         Protocol{&kPatternKk, Aead::kChaCha20Poly1305},
                                         Protocol{&kPatternKk, Aead::kAes256Gcm},
                                         Protocol{&kPatternNkHfs, Aead::kChaCha20Poly1305},
                                         Protocol{&kPatternNkHfs, Aead::kAes256Gcm},
                                         Protocol{&kPatternKkHfs, Aead::kChaCha20Poly1305},
                                         Protocol{&kPatternKkHfs, Aead::kAes256Gcm}),
                         [](const auto& param_info) {
                           return std::string(param_info.param.pattern->name) +
                                  (param_info.param.aead == Aead::kAes256Gcm ? "Aes" : "ChaCha");
                         });

TEST_P(HandshakeTest, PayloadsAndKeysArriveAndTheSizesAreKnown) {
  HandshakeState initiator = ends_.Start(Role::kInitiator);
  HandshakeState responder = ends_.Start(Role::kResponder);
  EXPECT_TRUE(initiator.may_write() && !initiator.may_read() && !initiator.finished());
  EXPECT_TRUE(responder.may_read() && !responder.may_write() && !responder.finished());
  const std::string first = Write(&initiator, "one");
  EXPECT_EQ(first.size(), Overhead() + 3);
  ASSERT_TRUE(Read(&responder, first).ok());
  EXPECT_EQ(payload_, "one");
  const std::string second = Write(&responder, "three");
  EXPECT_EQ(second.size(), Overhead() + 5);
  EXPECT_TRUE(responder.finished() && !initiator.finished());
  ASSERT_TRUE(Read(&initiator, second).ok());
  EXPECT_EQ(payload_, "three");
  EXPECT_EQ(Must(initiator.RemoteStatic()), ends_.responder_static.public_key);
  EXPECT_EQ(responder.RemoteStatic().ok(), GetParam().pattern->initiator_static_known);

  Session a = Must(initiator.Split());
  Session b = Must(responder.Split());
  EXPECT_EQ(a.handshake_hash, b.handshake_hash);
  for (const bool forth : {true, false, true, true, false}) {
    CipherState* const from = forth ? &a.send : &b.send;
    CipherState* const to = forth ? &b.receive : &a.receive;
    Bytes sealed(4 + kTagBytes);
    Bytes opened(4);
    ASSERT_TRUE(from->EncryptWithAd({}, Bytes{1, 2, 3, 4}, sealed.data()).ok());
    ASSERT_TRUE(to->DecryptWithAd({}, sealed, opened.data()).ok());
    EXPECT_EQ(opened, (Bytes{1, 2, 3, 4}));
  }
}

TEST_P(HandshakeTest, NoTwoHandshakesShareKeysOrHashes) {
  auto [a, b] = ends_.Connect();
  auto [c, d] = ends_.Connect();
  EXPECT_NE(ToHex(a.handshake_hash), ToHex(c.handshake_hash));
  const Bytes plaintext(16);
  // Four directions, four different keys.
  std::set<std::string> sealed;
  for (CipherState* state : {&a.send, &b.send, &c.send, &d.send}) {
    Bytes out(plaintext.size() + kTagBytes);
    ASSERT_TRUE(state->EncryptWithAd({}, plaintext, out.data()).ok());
    sealed.insert(ToHex(out));
  }
  EXPECT_EQ(sealed.size(), 4u);
}

TEST_P(HandshakeTest, CallsOutOfOrderAreRefusedAndChangeNothing) {
  HandshakeState initiator = ends_.Start(Role::kInitiator);
  HandshakeState responder = ends_.Start(Role::kResponder);
  std::string message = "kept";
  EXPECT_EQ(initiator.ReadMessage(Bytes(48), &message), proto::ERROR_NOISE_BAD_STATE);
  EXPECT_EQ(responder.WriteMessage(&ends_.env, {}, &message), proto::ERROR_NOISE_BAD_STATE);
  EXPECT_EQ(message, "kept");
  EXPECT_EQ(initiator.Split().error(), proto::ERROR_NOISE_BAD_STATE);
  EXPECT_EQ(responder.Split().error(), proto::ERROR_NOISE_BAD_STATE);

  const std::string first = Write(&initiator);
  EXPECT_EQ(initiator.WriteMessage(&ends_.env, {}, &message), proto::ERROR_NOISE_BAD_STATE);
  EXPECT_EQ(initiator.Split().error(), proto::ERROR_NOISE_BAD_STATE);
  ASSERT_TRUE(Read(&responder, first).ok());
  EXPECT_EQ(Read(&responder, first), proto::ERROR_NOISE_BAD_STATE);
  EXPECT_EQ(responder.Split().error(), proto::ERROR_NOISE_BAD_STATE);

  const std::string second = Write(&responder);
  EXPECT_EQ(responder.WriteMessage(&ends_.env, {}, &message), proto::ERROR_NOISE_BAD_STATE);
  EXPECT_EQ(Read(&responder, second), proto::ERROR_NOISE_BAD_STATE);
  ASSERT_TRUE(Read(&initiator, second).ok());
  EXPECT_EQ(Read(&initiator, second), proto::ERROR_NOISE_BAD_STATE);

  EXPECT_TRUE(initiator.Split().ok());
  EXPECT_TRUE(responder.Split().ok());
  ExpectDead(&initiator);
  ExpectDead(&responder);
}

TEST_P(HandshakeTest, EveryFlippedBitOfTheFirstMessageEndsIt) {
  HandshakeState initiator = ends_.Start(Role::kInitiator);
  const std::string first = Write(&initiator, "pay");
  for (size_t bit = 0; bit < first.size() * 8; ++bit) {
    // Of the KEM's key some, since each costs a key agreement.
    if (bit / 8 > 50 && bit / 8 < 1580 && bit % 67 != 0) continue;
    SCOPED_TRACE(bit);
    std::string altered = first;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << (bit % 8)));
    HandshakeState responder = ends_.Start(Role::kResponder);
    ExpectFailsAndDies(&responder, altered, proto::ERROR_NOISE_DECRYPT_FAILED);
  }
}

TEST_P(HandshakeTest, EveryAlteredByteOfTheSecondMessageEndsIt) {
  for (size_t at = 0; at < Overhead() + 3; ++at) {
    if (at > 50 && at < 1600 && at % 67 != 0) continue;
    SCOPED_TRACE(at);
    HandshakeState initiator = ends_.Start(Role::kInitiator);
    HandshakeState responder = ends_.Start(Role::kResponder);
    ASSERT_TRUE(Read(&responder, Write(&initiator)).ok());
    std::string second = Write(&responder, "pay");
    second[at] = static_cast<char>(second[at] ^ 0x80);
    ExpectFailsAndDies(&initiator, second, proto::ERROR_NOISE_DECRYPT_FAILED);
  }
}

TEST_P(HandshakeTest, EveryTruncationAndExtensionEndsIt) {
  HandshakeState initiator = ends_.Start(Role::kInitiator);
  const std::string first = Write(&initiator, "pay");
  for (size_t size = 0; size < first.size(); ++size) {
    SCOPED_TRACE(size);
    HandshakeState responder = ends_.Start(Role::kResponder);
    ExpectFailsAndDies(&responder, first.substr(0, size),
                       size < Overhead() ? proto::ERROR_NOISE_MALFORMED_MESSAGE
                                         : proto::ERROR_NOISE_DECRYPT_FAILED);
  }
  HandshakeState responder = ends_.Start(Role::kResponder);
  ExpectFailsAndDies(&responder, first + '\0', proto::ERROR_NOISE_DECRYPT_FAILED);
}

TEST_P(HandshakeTest, MessagesAtAndAboveTheLimit) {
  const std::string most(kMaxMessageBytes - Overhead(), 'x');
  HandshakeState initiator = ends_.Start(Role::kInitiator);
  HandshakeState responder = ends_.Start(Role::kResponder);
  const std::string first = Write(&initiator, most);
  EXPECT_EQ(first.size(), kMaxMessageBytes);
  ASSERT_TRUE(Read(&responder, first).ok());
  EXPECT_EQ(payload_, most);

  HandshakeState writer = ends_.Start(Role::kInitiator);
  std::string message = "left over";
  EXPECT_EQ(writer.WriteMessage(&ends_.env, most + 'x', &message),
            proto::ERROR_NOISE_MESSAGE_TOO_LONG);
  EXPECT_EQ(message, "");
  ExpectDead(&writer);
  HandshakeState reader = ends_.Start(Role::kResponder);
  ExpectFailsAndDies(&reader, first + 'x', proto::ERROR_NOISE_MESSAGE_TOO_LONG);
}

TEST_P(HandshakeTest, AnotherResponderCannotAnswer) {
  HandshakeState initiator = ends_.Start(Role::kInitiator);
  const std::string first = Write(&initiator);
  std::swap(ends_.responder_static, ends_.initiator_static);
  HandshakeState other = ends_.Start(Role::kResponder);
  ExpectFailsAndDies(&other, first, proto::ERROR_NOISE_DECRYPT_FAILED);
}

TEST_P(HandshakeTest, AnotherPrologueFails) {
  HandshakeState initiator = ends_.Start(Role::kInitiator);
  const std::string first = Write(&initiator);
  ends_.prologue = "another";
  HandshakeState responder = ends_.Start(Role::kResponder);
  ExpectFailsAndDies(&responder, first, proto::ERROR_NOISE_DECRYPT_FAILED);
}

TEST_P(HandshakeTest, AMessageReflectedOrFromAnotherRunFails) {
  HandshakeState initiator = ends_.Start(Role::kInitiator);
  const std::string first = Write(&initiator);
  ExpectFailsAndDies(&initiator, first, proto::ERROR_NOISE_DECRYPT_FAILED);

  HandshakeState again = ends_.Start(Role::kInitiator);
  (void)Write(&again);
  HandshakeState responder = ends_.Start(Role::kResponder);
  ASSERT_TRUE(Read(&responder, first).ok());
  ExpectFailsAndDies(&again, Write(&responder), proto::ERROR_NOISE_DECRYPT_FAILED);
}

TEST_P(HandshakeTest, LowOrderEphemeralsEndIt) {
  for (const std::string& point : {std::string(32, '\0'), '\1' + std::string(31, '\0')}) {
    HandshakeState responder = ends_.Start(Role::kResponder);
    const std::string message = point + std::string(Overhead() - 32, 'x');
    ExpectFailsAndDies(&responder, message, proto::ERROR_CRYPTO_BAD_KEY);
    HandshakeState initiator = ends_.Start(Role::kInitiator);
    (void)Write(&initiator);
    ExpectFailsAndDies(&initiator, message, proto::ERROR_CRYPTO_BAD_KEY);
  }
}

TEST_P(HandshakeTest, ALowOrderStaticKeyOfTheOtherSideEndsIt) {
  ends_.responder_static.public_key = {};
  HandshakeState initiator = ends_.Start(Role::kInitiator);
  std::string message;
  EXPECT_EQ(initiator.WriteMessage(&ends_.env, {}, &message), proto::ERROR_CRYPTO_BAD_KEY);
  EXPECT_EQ(message, "");
  ExpectDead(&initiator);
}

TEST_P(HandshakeTest, WithoutRandomBytesNothingIsSent) {
  HandshakeState initiator = ends_.Start(Role::kInitiator);
  ends_.env.FailRandom(true);
  std::string message = "left over";
  EXPECT_EQ(initiator.WriteMessage(&ends_.env, {}, &message), proto::ERROR_RANDOM_FAILED);
  EXPECT_EQ(message, "");
  ends_.env.FailRandom(false);
  ExpectDead(&initiator);

  HandshakeState again = ends_.Start(Role::kInitiator);
  HandshakeState responder = ends_.Start(Role::kResponder);
  ASSERT_TRUE(Read(&responder, Write(&again)).ok());
  ends_.env.FailRandom(true);
  EXPECT_EQ(responder.WriteMessage(&ends_.env, {}, &message), proto::ERROR_RANDOM_FAILED);
  EXPECT_EQ(message, "");
  ends_.env.FailRandom(false);
  ExpectDead(&responder);
}

// Each draw of its own: the X25519 key's, the KEM key's, the KEM's coins.
TEST(HandshakeHfsTest, EveryDrawMayFail) {
  Ends ends(&kPatternNkHfs, Aead::kChaCha20Poly1305);
  std::string message;
  for (const size_t bytes : {0u, 31u, 32u, 95u}) {
    ScriptedEnv env{Bytes(bytes, 0x33)};
    HandshakeState initiator = ends.Start(Role::kInitiator);
    EXPECT_EQ(initiator.WriteMessage(&env, {}, &message), proto::ERROR_RANDOM_FAILED);
    EXPECT_EQ(message, "");
  }
  HandshakeState initiator = ends.Start(Role::kInitiator);
  Must(initiator.WriteMessage(&ends.env, {}, &message));
  for (const size_t bytes : {0u, 32u, 63u}) {
    ScriptedEnv env{Bytes(bytes, 0x44)};
    HandshakeState responder = ends.Start(Role::kResponder);
    std::string payload;
    Must(responder.ReadMessage(message, &payload));
    EXPECT_EQ(responder.WriteMessage(&env, {}, &payload), proto::ERROR_RANDOM_FAILED);
    EXPECT_EQ(payload, "");
    EXPECT_EQ(responder.Split().error(), proto::ERROR_NOISE_BAD_STATE);
  }
}

// An initiator that keeps to the protocol but for its KEM key, made by hand: "e" and "es" give the
// key under which the first message is.
class MalformedKemKey {
 public:
  explicit MalformedKemKey(Ends* ends) : ends_(ends) {}
  std::string FirstMessage(const Bytes& kem_key) {
    const std::string name = "Noise_NKhfs_25519+Kyber1024_ChaChaPoly_SHA256";
    SymmetricState state(Aead::kChaCha20Poly1305, name);
    state.MixHash({});
    state.MixHash(ends_->responder_static.public_key);
    const crypto::KeyPair ephemeral = Must(crypto::GenerateKeyPair(&ends_->env));
    state.MixHash(ephemeral.public_key);
    crypto::PrivateKey shared;
    Must(crypto::Agree(ephemeral.private_key, ends_->responder_static.public_key, &shared));
    state.MixKey(shared.view());
    Bytes rest(kem_key.size() + 2 * kTagBytes);
    Must(state.EncryptAndHash(kem_key, rest.data()));
    Must(state.EncryptAndHash({}, rest.data() + kem_key.size() + kTagBytes));
    return ByteView(ephemeral.public_key).ToString() + ByteView(rest).ToString();
  }

 private:
  Ends* const ends_;
};

TEST(HandshakeHfsTest, AKemKeyAboveTheModulusEndsItBeforeAnAnswer) {
  Ends ends(&kPatternNkHfs, Aead::kChaCha20Poly1305);
  MalformedKemKey initiator(&ends);
  crypto::KemPrivateKey key;
  Must(crypto::GenerateKemKey(&ends.env, &key));
  std::string payload;
  Bytes kem_key = crypto::PublicKeyOf(key).ToBytes();
  HandshakeState good = ends.Start(Role::kResponder);
  EXPECT_TRUE(good.ReadMessage(initiator.FirstMessage(kem_key), &payload).ok());
  for (const size_t at : {size_t{0}, size_t{768}, size_t{1533}}) {
    Bytes bad = kem_key;
    bad[at] = 0xff;
    bad[at + 1] = 0xff;
    HandshakeState responder = ends.Start(Role::kResponder);
    EXPECT_EQ(responder.ReadMessage(initiator.FirstMessage(bad), &payload),
              proto::ERROR_CRYPTO_BAD_KEY);
    EXPECT_EQ(payload, "");
    EXPECT_FALSE(responder.may_write());
    EXPECT_EQ(responder.WriteMessage(&ends.env, {}, &payload), proto::ERROR_NOISE_BAD_STATE);
  }
}

// The hybrid and the plain pattern are different protocols, whatever the sizes say.
TEST(HandshakeHfsTest, PlainAndHybridDoNotMix) {
  Ends plain(&kPatternNk, Aead::kChaCha20Poly1305);
  Ends hybrid(&kPatternNkHfs, Aead::kChaCha20Poly1305);
  std::string message;
  std::string payload;
  HandshakeState a = plain.Start(Role::kInitiator);
  Must(a.WriteMessage(&plain.env, std::string(1632 - 48, 'x'), &message));
  HandshakeState b = hybrid.Start(Role::kResponder);
  EXPECT_EQ(b.ReadMessage(message, &payload), proto::ERROR_NOISE_DECRYPT_FAILED);
  HandshakeState c = hybrid.Start(Role::kInitiator);
  Must(c.WriteMessage(&plain.env, {}, &message));
  HandshakeState d = plain.Start(Role::kResponder);
  EXPECT_EQ(d.ReadMessage(message, &payload), proto::ERROR_NOISE_DECRYPT_FAILED);
}

TEST_P(HandshakeTest, AMovedFromStateIsDead) {
  HandshakeState initiator = ends_.Start(Role::kInitiator);
  HandshakeState taken = std::move(initiator);
  ExpectDead(&initiator);  // NOLINT(bugprone-use-after-move): that is what is tested.
  HandshakeState responder = ends_.Start(Role::kResponder);
  EXPECT_TRUE(Read(&responder, Write(&taken)).ok());
}

// What stays in memory of the object itself after the keys are no longer needed.
TEST_P(HandshakeTest, NoPrivateKeyStaysBehind) {
  const auto contains = [](const HandshakeState& state, const crypto::PrivateKey& key) {
    const std::string memory(reinterpret_cast<const char*>(&state), sizeof(state));
    return memory.find(key.view().ToString()) != std::string::npos;
  };
  HandshakeState responder = ends_.Start(Role::kResponder);
  EXPECT_TRUE(contains(responder, ends_.responder_static.private_key));
  EXPECT_FALSE(Read(&responder, "short").ok());
  EXPECT_FALSE(contains(responder, ends_.responder_static.private_key));

  HandshakeState initiator = ends_.Start(Role::kInitiator);
  HandshakeState second = ends_.Start(Role::kResponder);
  ASSERT_TRUE(Read(&second, Write(&initiator)).ok());
  EXPECT_TRUE(contains(second, ends_.responder_static.private_key));
  (void)Write(&second);
  EXPECT_TRUE(second.finished());
  EXPECT_FALSE(contains(second, ends_.responder_static.private_key));
}

TEST(HandshakeStartTest, TakesJustTheKeysThatThePatternNeeds) {
  Ends ends(&kPatternKk, Aead::kChaCha20Poly1305);
  const crypto::KeyPair* const pair = &ends.initiator_static;
  const crypto::PublicKey* const key = &ends.responder_static.public_key;
  struct Case {
    const HandshakePattern* pattern;
    Role role;
    const crypto::KeyPair* local;
    const crypto::PublicKey* remote;
    bool good;
  };
  const Case cases[] = {
      {&kPatternNk, Role::kInitiator, nullptr, key, true},
      {&kPatternNk, Role::kInitiator, nullptr, nullptr, false},
      {&kPatternNk, Role::kInitiator, pair, key, false},
      {&kPatternNkHfs, Role::kInitiator, nullptr, key, true},
      {&kPatternNkHfs, Role::kInitiator, pair, key, false},
      {&kPatternKkHfs, Role::kInitiator, pair, key, true},
      {&kPatternKkHfs, Role::kResponder, nullptr, key, false},
      {&kPatternNk, Role::kResponder, pair, nullptr, true},
      {&kPatternNk, Role::kResponder, nullptr, nullptr, false},
      {&kPatternNk, Role::kResponder, pair, key, false},
      {&kPatternKk, Role::kInitiator, pair, key, true},
      {&kPatternKk, Role::kInitiator, nullptr, key, false},
      {&kPatternKk, Role::kResponder, pair, key, true},
      {&kPatternKk, Role::kResponder, pair, nullptr, false},
  };
  for (const Case& c : cases) {
    HandshakeOptions options;
    options.role = c.role;
    options.local_static = c.local;
    options.remote_static = c.remote;
    const Result<HandshakeState> state = HandshakeState::Start(c.pattern, options);
    EXPECT_EQ(state.ok(), c.good);
    if (!c.good) {
      EXPECT_EQ(state.error(), proto::ERROR_INVALID_ARGUMENT);
    }
  }
}

// KK proves both sides: each wrong key of the initiator is found by the responder.
TEST(HandshakeKkTest, AnotherInitiatorIsRefused) {
  Ends ends(&kPatternKk, Aead::kAes256Gcm);
  Ends stranger(&kPatternKk, Aead::kAes256Gcm, 2);
  const crypto::KeyPair real = ends.initiator_static;
  ends.initiator_static = stranger.initiator_static;
  HandshakeState initiator = ends.Start(Role::kInitiator);
  // Claims the real public key without its private half.
  ends.initiator_static.public_key = real.public_key;
  HandshakeState liar = ends.Start(Role::kInitiator);
  for (HandshakeState* from : {&initiator, &liar}) {
    HandshakeState responder = ends.Start(Role::kResponder);
    std::string message;
    std::string payload;
    ASSERT_TRUE(from->WriteMessage(&ends.env, {}, &message).ok());
    EXPECT_EQ(responder.ReadMessage(message, &payload), proto::ERROR_NOISE_DECRYPT_FAILED);
  }
}

}  // namespace
}  // namespace svr2::noise
