// SPDX-License-Identifier: Apache-2.0
//
// The published cacophony vectors. Besides NK and KK, which are shipped, the tables below describe
// the other patterns of the vectors: the interpreter must run them all, which shows that it
// interprets.

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <memory>

#include "crypto/vectors_testing.h"
#include "noise/noise_testing.h"

namespace svr2::noise {
namespace {

using crypto::HexMember;
using nlohmann::json;
using util::Bytes;
using util::ByteView;
using util::ToHex;

constexpr Token E = Token::kE, S = Token::kS, EE = Token::kEe, ES = Token::kEs, SE = Token::kSe,
                SS = Token::kSs;

// Noise, revision 34, §7.4 and §7.5.
const HandshakePattern kOtherPatterns[] = {
    {"N", false, true, 1, {{{E, ES}}}},
    {"K", true, true, 1, {{{E, ES, SS}}}},
    {"X", false, true, 1, {{{E, ES, S, SS}}}},
    {"NN", false, false, 2, {{{E}, {E, EE}}}},
    {"NX", false, false, 2, {{{E}, {E, EE, S, ES}}}},
    {"KN", true, false, 2, {{{E}, {E, EE, SE}}}},
    {"KX", true, false, 2, {{{E}, {E, EE, SE, S, ES}}}},
    {"XN", false, false, 3, {{{E}, {E, EE}, {S, SE}}}},
    {"XK", false, true, 3, {{{E, ES}, {E, EE}, {S, SE}}}},
    {"XX", false, false, 3, {{{E}, {E, EE, S, ES}, {S, SE}}}},
    {"IN", false, false, 2, {{{E, S}, {E, EE, SE}}}},
    {"IK", false, true, 2, {{{E, ES, S, SS}, {E, EE, SE}}}},
    {"IX", false, false, 2, {{{E, S}, {E, EE, SE, S, ES}}}},
};

const HandshakePattern& FindPattern(const std::string& name) {
  for (const HandshakePattern* pattern : {&kPatternNk, &kPatternKk}) {
    if (name == pattern->name) return *pattern;
  }
  for (const HandshakePattern& pattern : kOtherPatterns) {
    if (name == pattern.name) return pattern;
  }
  throw std::runtime_error("no pattern " + name);
}

// One end of a vector.
struct End {
  End(const json& vector, const std::string& prefix, const HandshakePattern& pattern, Role role,
      crypto::Aead aead)
      : env(Optional(vector, prefix + "ephemeral")) {
    HandshakeOptions options;
    options.role = role;
    options.aead = aead;
    const Bytes prologue = HexMember(vector, (prefix + "prologue").c_str());
    options.prologue = prologue;
    const Bytes local = Optional(vector, prefix + "static");
    if (!local.empty()) {
      local_static.private_key = crypto::PrivateKey(local);
      local_static.public_key = crypto::DerivePublicKey(local_static.private_key);
      options.local_static = &local_static;
    }
    const Bytes remote = Optional(vector, prefix + "remote_static");
    if (!remote.empty()) {
      remote_static = util::ToArray<32>(remote);
      options.remote_static = &remote_static;
    }
    state = std::make_unique<HandshakeState>(Must(HandshakeState::Start(&pattern, options)));
  }
  static Bytes Optional(const json& vector, const std::string& name) {
    return vector.contains(name) ? HexMember(vector, name.c_str()) : Bytes();
  }

  ScriptedEnv env;
  crypto::KeyPair local_static;
  crypto::PublicKey remote_static{};
  std::unique_ptr<HandshakeState> state;
  Session session;
};

void RunTransport(const json& message, CipherState* send, CipherState* receive) {
  const Bytes payload = HexMember(message, "payload");
  Bytes ciphertext(payload.size() + kTagBytes);
  Must(send->EncryptWithAd({}, payload, ciphertext.data()));
  EXPECT_EQ(ToHex(ciphertext), message.at("ciphertext").get<std::string>());
  Bytes opened(payload.size());
  Must(receive->DecryptWithAd({}, ciphertext, opened.data()));
  EXPECT_EQ(opened, payload);
}

void RunHandshakeMessage(const json& message, End* from, End* to) {
  const Bytes payload = HexMember(message, "payload");
  std::string ciphertext;
  std::string opened;
  Must(from->state->WriteMessage(&from->env, payload, &ciphertext));
  EXPECT_EQ(ToHex(ByteView(ciphertext)), message.at("ciphertext").get<std::string>());
  Must(to->state->ReadMessage(ByteView(ciphertext), &opened));
  EXPECT_EQ(ByteView(opened), ByteView(payload));
}

void RunVector(const json& vector) {
  const std::string name = vector.at("protocol_name");
  SCOPED_TRACE(name);
  const std::string pattern_name = name.substr(6, name.find('_', 6) - 6);
  const HandshakePattern& pattern = FindPattern(pattern_name);
  const crypto::Aead aead = name.find("AESGCM") != std::string::npos
                                ? crypto::Aead::kAes256Gcm
                                : crypto::Aead::kChaCha20Poly1305;
  End initiator(vector, "init_", pattern, Role::kInitiator, aead);
  End responder(vector, "resp_", pattern, Role::kResponder, aead);
  const json& messages = vector.at("messages");
  for (size_t i = 0; i < messages.size(); ++i) {
    const bool forth = pattern.message_count == 1 || i % 2 == 0;
    End* const from = forth ? &initiator : &responder;
    End* const to = forth ? &responder : &initiator;
    if (i < pattern.message_count) {
      RunHandshakeMessage(messages[i], from, to);
    } else {
      RunTransport(messages[i], &from->session.send, &to->session.receive);
    }
    if (i + 1 == pattern.message_count) {
      initiator.session = Must(initiator.state->Split());
      responder.session = Must(responder.state->Split());
      EXPECT_EQ(ToHex(initiator.session.handshake_hash), vector.at("handshake_hash"));
      EXPECT_EQ(ToHex(responder.session.handshake_hash), vector.at("handshake_hash"));
    }
  }
  EXPECT_GT(messages.size(), pattern.message_count);
  EXPECT_TRUE(initiator.env.used_up());
}

TEST(CacophonyTest, AllPatternsBothCiphers) {
  const auto file = crypto::ReadVectorJson("noise/cacophony-25519-sha256.json");
  if (!file) GTEST_SKIP() << "no published vectors here";
  Must(crypto::Init());
  int shipped = 0;
  int others = 0;
  for (const json& vector : file->at("vectors")) {
    const std::string name = vector.at("protocol_name");
    RunVector(vector);
    const bool ships = name.rfind("Noise_NK_", 0) == 0 || name.rfind("Noise_KK_", 0) == 0;
    ++(ships ? shipped : others);
  }
  std::printf("cacophony: %d vectors of NK and KK run, and %d of other patterns\n", shipped,
              others);
  EXPECT_EQ(shipped, 4);
  EXPECT_EQ(others, 26);
}

}  // namespace
}  // namespace svr2::noise
