// SPDX-License-Identifier: Apache-2.0
//
// Makes the vectors of docs/vectors, and holds the published ones against what this code makes now:
// NKhfs and KKhfs with ML-KEM-1024, for which nobody else has published any. The Java side computes
// them anew from the same keys with other cryptography (HfsVectorsTest). `make -C enclave-cpp
// vectors` writes them.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "crypto/vectors_testing.h"
#include "noise/noise_testing.h"
#include "util/hex_testing.h"

namespace svr2::noise {
namespace {

using nlohmann::ordered_json;
using util::Bytes;
using util::ByteView;
using util::ToHex;

constexpr int kTransportMessages = 4;

// All that a session is made from. Each byte of a key is another one, so that parts put in the
// wrong order show.
struct Keys {
  explicit Keys(uint8_t first) : next_(first) {
    for (Bytes* key : {&initiator_static, &initiator_ephemeral, &kem_seed, &responder_static,
                       &responder_ephemeral, &kem_coins}) {
      key->resize(key == &kem_seed ? crypto::kKemSeedBytes : 32);
      for (uint8_t& byte : *key) byte = next_ = static_cast<uint8_t>(next_ * 5 + 3);
    }
  }
  Bytes initiator_static, initiator_ephemeral, kem_seed;
  Bytes responder_static, responder_ephemeral, kem_coins;

 private:
  uint8_t next_;
};

struct Case {
  const HandshakePattern* pattern;
  crypto::Aead aead;
  const char* protocol_name;
  uint8_t first_key_byte;
  const char* prologue;
  std::vector<const char*> payloads;  // Of the two handshake messages.
};

crypto::KeyPair Pair(const Bytes& private_key) {
  crypto::KeyPair pair;
  pair.private_key = crypto::PrivateKey(private_key);
  pair.public_key = crypto::DerivePublicKey(pair.private_key);
  return pair;
}

Bytes Joined(const Bytes& a, const Bytes& b) {
  Bytes out = a;
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

std::string Hex(const std::string& text) { return ToHex(text); }

ordered_json Message(const std::string& payload, const std::string& ciphertext) {
  return {{"payload", Hex(payload)}, {"ciphertext", Hex(ciphertext)}};
}

ordered_json Header(const Case& c, const Keys& keys, bool mutual) {
  ordered_json out;
  out["protocol_name"] = c.protocol_name;
  out["init_prologue"] = Hex(c.prologue);
  if (mutual) out["init_static"] = ToHex(keys.initiator_static);
  out["init_ephemeral"] = ToHex(keys.initiator_ephemeral);
  out["init_kem_seed"] = ToHex(keys.kem_seed);
  out["init_remote_static"] = ToHex(Pair(keys.responder_static).public_key);
  out["resp_prologue"] = Hex(c.prologue);
  out["resp_static"] = ToHex(keys.responder_static);
  out["resp_ephemeral"] = ToHex(keys.responder_ephemeral);
  out["resp_kem_coins"] = ToHex(keys.kem_coins);
  if (mutual) out["resp_remote_static"] = ToHex(Pair(keys.initiator_static).public_key);
  return out;
}

ordered_json Make(const Case& c) {
  const Keys keys(c.first_key_byte);
  const bool mutual = c.pattern->initiator_static_known;
  const crypto::KeyPair initiator_static = Pair(keys.initiator_static);
  const crypto::KeyPair responder_static = Pair(keys.responder_static);
  ScriptedEnv initiator_env(Joined(keys.initiator_ephemeral, keys.kem_seed));
  ScriptedEnv responder_env(Joined(keys.responder_ephemeral, keys.kem_coins));
  HandshakeOptions options;
  options.aead = c.aead;
  const std::string prologue = c.prologue;
  options.prologue = prologue;
  options.local_static = mutual ? &initiator_static : nullptr;
  options.remote_static = &responder_static.public_key;
  HandshakeState initiator = Must(HandshakeState::Start(c.pattern, options));
  options.role = Role::kResponder;
  options.local_static = &responder_static;
  options.remote_static = mutual ? &initiator_static.public_key : nullptr;
  HandshakeState responder = Must(HandshakeState::Start(c.pattern, options));

  ordered_json messages = ordered_json::array();
  std::string message, payload;
  Must(initiator.WriteMessage(&initiator_env, ByteView(std::string(c.payloads[0])), &message));
  messages.push_back(Message(c.payloads[0], message));
  Must(responder.ReadMessage(message, &payload));
  EXPECT_EQ(payload, c.payloads[0]);
  Must(responder.WriteMessage(&responder_env, ByteView(std::string(c.payloads[1])), &message));
  messages.push_back(Message(c.payloads[1], message));
  Must(initiator.ReadMessage(message, &payload));
  EXPECT_EQ(payload, c.payloads[1]);
  EXPECT_TRUE(initiator_env.used_up() && responder_env.used_up());

  Session a = Must(initiator.Split());
  Session b = Must(responder.Split());
  EXPECT_EQ(a.handshake_hash, b.handshake_hash);
  for (int i = 0; i < kTransportMessages; ++i) {
    const std::string text = "transport message " + std::to_string(i);
    Bytes sealed(text.size() + kTagBytes);
    Must((i % 2 == 0 ? a : b).send.EncryptWithAd({}, text, sealed.data()));
    messages.push_back(Message(text, std::string(sealed.begin(), sealed.end())));
  }
  ordered_json out = Header(c, keys, mutual);
  out["handshake_hash"] = ToHex(a.handshake_hash);
  out["messages"] = messages;
  return out;
}

std::string File(const std::vector<Case>& cases) {
  ordered_json out;
  out["vectors"] = ordered_json::array();
  for (const Case& c : cases) out["vectors"].push_back(Make(c));
  return out.dump(1) + "\n";
}

std::string Folder() {
  const char* given = std::getenv("SVR2_OWN_VECTORS");
  return given != nullptr ? given : "../docs/vectors";
}

void Check(const std::string& name, const std::vector<Case>& cases) {
  Must(crypto::Init());
  for (const Case& c : cases) {
    if (!crypto::AeadAvailable(c.aead)) GTEST_SKIP() << "this CPU lacks the instructions";
  }
  const std::string path = Folder() + "/" + name;
  const std::string made = File(cases);
  if (std::getenv("SVR2_RECORD_VECTORS") != nullptr) {
    ASSERT_TRUE(std::ofstream(path) << made) << path;
  }
  std::ifstream in(path);
  std::stringstream published;
  published << in.rdbuf();
  ASSERT_TRUE(in) << "no " << path << "; SVR2_OWN_VECTORS names the folder";
  EXPECT_TRUE(published.str() == made)
      << path << " differs from what this code makes (`make -C enclave-cpp vectors` writes it)";
}

TEST(PublishedVectorsTest, NkHfs) {
  const char* name = "Noise_NKhfs_25519+Kyber1024_ChaChaPoly_SHA256";
  Check("noise-nkhfs-mlkem1024.json",
        {{&kPatternNkHfs, crypto::Aead::kChaCha20Poly1305, name, 1, "", {"", ""}},
         {&kPatternNkHfs,
          crypto::Aead::kChaCha20Poly1305,
          name,
          2,
          "a prologue",
          {"first payload", "second payload"}}});
}

TEST(PublishedVectorsTest, KkHfs) {
  const char* name = "Noise_KKhfs_25519+Kyber1024_AESGCM_SHA256";
  Check("noise-kkhfs-mlkem1024.json",
        {{&kPatternKkHfs, crypto::Aead::kAes256Gcm, name, 3, "", {"", ""}},
         {&kPatternKkHfs,
          crypto::Aead::kAes256Gcm,
          name,
          4,
          "a prologue",
          {"first payload", "second payload"}}});
}

}  // namespace
}  // namespace svr2::noise
