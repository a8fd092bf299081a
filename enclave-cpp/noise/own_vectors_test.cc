// SPDX-License-Identifier: Apache-2.0
//
// Small vectors of our own for the protocols in use, with an empty prologue as clients have it, so
// that a tree without the published vectors tests the bytes too. Made by this code when it passed
// the cacophony vectors. Those with ML-KEM, which nobody else has published, are in
// published_vectors_test.cc, too, whole.

#include <gtest/gtest.h>

#include "noise/noise_testing.h"
#include "noise/transport.h"
#include "util/hex_testing.h"

namespace svr2::noise {
namespace {

using util::Bytes;
using util::ByteView;
using util::ToHex;

crypto::KeyPair Pair(uint8_t fill) {
  crypto::KeyPair pair;
  pair.private_key = crypto::PrivateKey(ByteView(Bytes(32, fill)));
  pair.public_key = crypto::DerivePublicKey(pair.private_key);
  return pair;
}

struct Vector {
  const HandshakePattern* pattern;
  crypto::Aead aead;
  const char* first;  // Of a message above 100 bytes, its SHA-256.
  const char* second;
  const char* handshake_hash;
  const char* request;   // The initiator's first transport message, "request".
  const char* response;  // The responder's, "response".
};

std::string Seal(CipherState* state, const std::string& text) {
  Bytes out(TransportCiphertextBytes(text.size()));
  Must(TransportEncrypt(state, text, out.data()));
  return ToHex(out);
}

std::string Shown(const std::string& message) {
  return message.size() <= 100 ? ToHex(message) : ToHex(crypto::Sha256(message));
}

void RunVector(const Vector& vector) {
  Must(crypto::Init());
  if (!crypto::AeadAvailable(vector.aead)) GTEST_SKIP() << "this CPU lacks the instructions";
  // Static keys 0x11… and 0x22…, ephemeral keys 0x33… and 0x44…, the KEM's seed 0x33… and its
  // coins 0x44…, no prologue, no payloads.
  const crypto::KeyPair initiator_static = Pair(0x11);
  const crypto::KeyPair responder_static = Pair(0x22);
  const bool hybrid = vector.second[64] == '\0';
  ScriptedEnv initiator_env(Bytes(hybrid ? 32 + crypto::kKemSeedBytes : 32, 0x33));
  ScriptedEnv responder_env(Bytes(hybrid ? 32 + crypto::kKemCoinsBytes : 32, 0x44));
  const bool mutual = vector.pattern->initiator_static_known;
  HandshakeOptions options;
  options.aead = vector.aead;
  options.local_static = mutual ? &initiator_static : nullptr;
  options.remote_static = &responder_static.public_key;
  HandshakeState initiator = Must(HandshakeState::Start(vector.pattern, options));
  options.role = Role::kResponder;
  options.local_static = &responder_static;
  options.remote_static = mutual ? &initiator_static.public_key : nullptr;
  HandshakeState responder = Must(HandshakeState::Start(vector.pattern, options));

  std::string message;
  std::string payload;
  Must(initiator.WriteMessage(&initiator_env, {}, &message));
  EXPECT_EQ(Shown(message), vector.first);
  Must(responder.ReadMessage(message, &payload));
  Must(responder.WriteMessage(&responder_env, {}, &message));
  EXPECT_EQ(Shown(message), vector.second);
  Must(initiator.ReadMessage(message, &payload));
  EXPECT_TRUE(initiator_env.used_up() && responder_env.used_up());
  Session a = Must(initiator.Split());
  Session b = Must(responder.Split());
  EXPECT_EQ(ToHex(a.handshake_hash), vector.handshake_hash);
  EXPECT_EQ(ToHex(b.handshake_hash), vector.handshake_hash);
  EXPECT_EQ(Seal(&a.send, "request"), vector.request);
  EXPECT_EQ(Seal(&b.send, "response"), vector.response);
}

TEST(OwnVectorsTest, NkChaChaPoly) {
  RunVector({&kPatternNk, crypto::Aead::kChaCha20Poly1305,
             "7b0d47d93427f8311160781c7c733fd89f88970aef490d8aa0ee19a4cb8a1b141c11c9847a97cd70ed592"
             "a4e33358143",
             "ff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419731c1fff3e6b55d77f105e6b845f8df30"
             "753c59e94e4",
             "f931efca79d0a706232bb946e01a05b754ed6b40d0546e0871d943732add7c68",
             "fe07fbeb8036dca6ebeafe79af66178cf80b68b24dce47",
             "78b7f3139c8042c69ab6f714692ccb1ec1621738e618f7f9"});
}

TEST(OwnVectorsTest, KkAesGcm) {
  RunVector({&kPatternKk, crypto::Aead::kAes256Gcm,
             "7b0d47d93427f8311160781c7c733fd89f88970aef490d8aa0ee19a4cb8a1b144eeedaab63aaf5b2d73ff"
             "8cf1bbf708c",
             "ff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419731c1fff3e6b9611a613f9857e99f23c1"
             "974840f5e8b",
             "241bc1fdae8312d5f252e48ba9fcd03e3eb2c9a17f89dd5d36182e4ed1e56984",
             "8376dbd6689026b083ba362b853d70e7733a403a9bf85b",
             "ac967abb812ad936e7c2c98ed35d6c25d8e2a6a569865ab7"});
}

TEST(OwnVectorsTest, NkHfsChaChaPoly) {
  RunVector({&kPatternNkHfs, crypto::Aead::kChaCha20Poly1305,
             "36ac0e58d414a0a217a2feed90402b1f303a3c6644b47b5279f9a5baac1f1f37",
             "51832b68d2a81affca370701e4d372f3aa9be3de16323ffaf4a82b339c1131be",
             "c432bc46cce34990565d9353044d781a6045b7f1cb897f66910302fd318886b7",
             "83b11a5c9ee6cf3f6052faf102fb5c6dede428b411e88b",
             "38116b0816d7b6debaeb3ab97cb014e5b67985172fb1ea88"});
}

TEST(OwnVectorsTest, KkHfsAesGcm) {
  RunVector({&kPatternKkHfs, crypto::Aead::kAes256Gcm,
             "6b877afdd72109b8e37525ed658dc06fbb3a6991e93ad9a90748a5c414b3fb2f",
             "254ca53f91e72f1afda8a73ee849bba2e5dbbd849a0d30b01c27bcd7ae8f28af",
             "c2734a59e2e89e1298a69afe9dcf5259c30cc66cadd4335bb8f03a24e769487a",
             "ab846a597f288a9f01ab0b1848d703184cb925d479c7b3",
             "d90ac59578921cf9de01e770b6970ac25e3f485b2de100ff"});
}

}  // namespace
}  // namespace svr2::noise
