// SPDX-License-Identifier: Apache-2.0
//
// One enclave's side of a session, with all that it needs, for tests and benchmarks. Never linked
// into an enclave.

#ifndef SVR2_PEERS_PEERS_TESTING_H_
#define SVR2_PEERS_PEERS_TESTING_H_

#include <memory>
#include <string>
#include <utility>

#include "attestation/own_evidence.h"
#include "crypto/init.h"
#include "env/fake_env.h"
#include "env/simulated_evidence.h"
#include "noise/noise_testing.h"
#include "peers/session.h"

namespace svr2::peers {

using noise::Must;

inline constexpr uint64_t kGroupId = 7;
inline constexpr uint64_t kNowSeconds = 1'800'000'000;
inline constexpr uint32_t kTreeSlots = 64;

inline proto::RaftGroupConfig ConfigOf(uint64_t group_id) {
  proto::RaftGroupConfig config;
  config.set_group_id(group_id);
  config.set_min_voting_replicas(3);
  config.set_max_voting_replicas(5);
  config.set_db_version(2);
  config.set_attestation_timeout(604'800);
  config.set_simulated(true);
  return config;
}

// An enclave that can have sessions. By default a member of group kGroupId that judges members.
struct End {
  explicit End(uint64_t seed, uint64_t group_id = kGroupId) : env(seed) {
    Must(crypto::Init());
    tree = Must(integrity::Tree::Create(&env, kTreeSlots));
    keys = Must(crypto::GenerateKeyPair(&env));
    expectation.measurement = env.Measurement();
    expectation.config = ConfigOf(group_id);
    ShowGroup(group_id);
  }

  const PeerId& id() const { return keys.public_key; }
  Identity identity() const { return Identity{keys, evidence}; }
  Judge judge() const { return Judge{expectation, now_seconds}; }
  Surroundings surroundings() { return Surroundings{&env, tree.get()}; }

  // Evidence of a configuration with this group id from now on.
  void ShowGroup(uint64_t group_id) {
    evidence = Must(attestation::MakeOwnEvidence(&env, keys.public_key, ConfigOf(group_id),
                                                 proto::MinimumLimits()));
  }
  // Evidence that somebody made up, for that key.
  void ShowEvidence(const std::array<uint8_t, 32>& measurement, bool debug, const PeerId& key,
                    const proto::RaftGroupConfig& config) {
    attestation::Claims claims;
    claims.pk = key;
    claims.config = config.SerializeAsString();
    evidence = env::MakeSimulatedEvidence(measurement, debug, attestation::EncodeClaims(claims));
  }

  void Meet(const PeerId& other) { session = std::make_unique<Session>(id(), other); }

  // Calls on the session, under its lock. What Receive gave is in `received`.
  std::string Connect() {
    std::string syn;
    Must(TryConnect(&syn));
    return syn;
  }
  Status TryConnect(std::string* syn) {
    util::MutexLock lock(session->mutex());
    return session->Connect(surroundings(), identity(), syn);
  }
  Status Receive(util::ByteView message) {
    util::MutexLock lock(session->mutex());
    return session->Receive(surroundings(), identity(), judge(), message, &received);
  }
  Status Encrypt(const std::string& text, std::string* message) {
    util::MutexLock lock(session->mutex());
    size_t pieces = 0;
    return session->Encrypt(surroundings(), session->epoch(), text, message, &pieces);
  }
  std::string Encrypted(const std::string& text) {
    std::string message;
    Must(Encrypt(text, &message));
    return message;
  }
  std::string Reset() {
    std::string reset;
    util::MutexLock lock(session->mutex());
    Must(session->Reset(tree.get(), &reset));
    return reset;
  }
  Status Reattest(const env::Evidence& shown) {
    util::MutexLock lock(session->mutex());
    return session->Reattest(surroundings(), judge(), shown);
  }
  Session::Phase phase() {
    util::MutexLock lock(session->mutex());
    return session->phase();
  }
  uint64_t epoch() {
    util::MutexLock lock(session->mutex());
    return session->epoch();
  }
  Result<Attested> attested() {
    util::MutexLock lock(session->mutex());
    return session->attested(tree.get());
  }
  std::string text() const { return util::View(received.data).ToString(); }

  env::FakeEnv env;
  std::unique_ptr<integrity::Tree> tree;
  crypto::KeyPair keys;
  env::Evidence evidence;
  attestation::Expectation expectation;
  uint64_t now_seconds = kNowSeconds;
  std::unique_ptr<Session> session;
  Received received;
};

// Two ends that know each other, the first with the lower id.
struct Pair {
  explicit Pair(uint64_t seed = 1) : Pair(std::make_unique<End>(2 * seed), seed) {}

  // The whole handshake, `initiator` to `responder`.
  static void Connect(End* initiator, End* responder) {
    Must(responder->Receive(initiator->Connect()));
    Must(initiator->Receive(responder->received.answer));
    Must(responder->Receive(initiator->received.answer));
    SVR2_CHECK(initiator->phase() == Session::Phase::kConnected);
    SVR2_CHECK(responder->phase() == Session::Phase::kConnected);
  }
  void Connect() { Connect(low.get(), high.get()); }

  std::unique_ptr<End> low;
  std::unique_ptr<End> high;

 private:
  Pair(std::unique_ptr<End> first, uint64_t seed)
      : low(std::move(first)), high(std::make_unique<End>(2 * seed + 1)) {
    if (high->id() < low->id()) low.swap(high);
    low->Meet(high->id());
    high->Meet(low->id());
  }
};

// What it takes that `from` can talk to `to` right now.
inline bool Hears(End* from, End* to, const std::string& text = "hello") {
  std::string message;
  return from->Encrypt(text, &message).ok() && to->Receive(message).ok() && to->text() == text;
}

}  // namespace svr2::peers

#endif  // SVR2_PEERS_PEERS_TESTING_H_
