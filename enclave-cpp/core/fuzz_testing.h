// SPDX-License-Identifier: Apache-2.0
//
// What the mutated-input programs of the three borders share: mutations of bytes, and a core with
// one watched row that must outlive everything. Never linked into an enclave.

#ifndef SVR2_CORE_FUZZ_TESTING_H_
#define SVR2_CORE_FUZZ_TESTING_H_

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

#include "core/core_peer_testing.h"
#include "core/core_testing.h"

namespace svr2::core {

// A seeded source of choices.
class Chooser {
 public:
  explicit Chooser(uint64_t seed) : random_(seed) {}

  uint64_t Word() { return random_(); }
  size_t Below(size_t limit) { return static_cast<size_t>(random_() % limit); }
  bool OneIn(size_t n) { return Below(n) == 0; }
  char Byte() { return static_cast<char>(random_()); }
  std::string Bytes(size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = Byte();
    return bytes;
  }
  // Numbers where mistakes like to be.
  uint64_t Number() {
    switch (Below(6)) {
      case 0:
        return Below(4);
      case 1:
        return Below(300);
      case 2:
        return Word();
      case 3:
        return ~uint64_t{0} - Below(3);
      case 4:
        return (uint64_t{1} << Below(64)) - Below(2);
      default:
        return 1'800'000'000'000 + Below(1'000'000'000);
    }
  }

  // One to four of: flip a bit, set a byte, cut, extend, double a part, remove a part.
  void Mutate(std::string* bytes) {
    for (size_t i = 0, n = 1 + Below(4); i < n; ++i) {
      const size_t at = bytes->empty() ? 0 : Below(bytes->size());
      switch (Below(6)) {
        case 0:
          if (!bytes->empty()) (*bytes)[at] = static_cast<char>((*bytes)[at] ^ (1 << Below(8)));
          break;
        case 1:
          if (!bytes->empty()) (*bytes)[at] = Byte();
          break;
        case 2:
          bytes->resize(at);
          break;
        case 3:
          bytes->append(Bytes(1 + Below(40)));
          break;
        case 4:
          bytes->insert(at, bytes->substr(Below(bytes->size() + 1), 1 + Below(20)));
          break;
        case 5:
          bytes->erase(at, 1 + Below(8));
          break;
      }
    }
  }

 private:
  std::mt19937_64 random_;
};

// A core with one exposed row whose secret and PIN must never be seen in any output.
class WatchedHost {
 public:
  static constexpr uint32_t kMaxTries = 255;

  explicit WatchedHost(const proto::EnclaveConfig& config) : host(config) {
    host.WatchOutput([this](const std::string& output) {
      const auto shows = [&output](const std::string& secret) {
        return memmem(output.data(), output.size(), secret.data(), 16) != nullptr;
      };
      if (shows(kSecret) || shows(kPin)) leaked = true;
    });
    host.Found();
    Store();
  }

  // The owner's backup and expose: the only thing that may raise the tries.
  void Store() {
    TestClient owner = TestClient::Connected(&host, id());
    SVR2_CHECK(owner.Call(BackupOf(kSecret, kPin, kMaxTries)).has_value());
    SVR2_CHECK(owner.Call(ExposeOf(kSecret)).has_value());
    Close(owner);
    tries = kMaxTries;
  }

  // Whether a fresh client is served, with the row as it must be, no lock is held and nothing
  // leaked.
  void CheckServes() {
    ASSERT_FALSE(leaked);
    ASSERT_FALSE(host.stopped().has_value());
    ASSERT_FALSE(CorePeer::Locked(&host.core()));
    host.SetUnixMs(1'800'000'000'000);
    host.Tick();
    std::optional<TestClient> owner = TestClient::Open(&host, id());
    ASSERT_TRUE(owner.has_value());
    ASSERT_TRUE(owner->Handshake());
    const auto row = owner->Call(TriesOf());
    ASSERT_TRUE(row.has_value());
    ASSERT_EQ(row->tries().tries(), tries);
    if (tries > 0) {
      const auto restored = owner->Call(RestoreOf(kPin));
      ASSERT_TRUE(restored.has_value());
      ASSERT_EQ(restored->restore().data(), kSecret);
    }
    Close(*owner);
    ASSERT_EQ(ReplicaPeer::waiting(CorePeer::replica(&host.core())), 0u);
  }

  void Close(const TestClient& client) {
    proto::HostToEnclaveMessage message;
    message.add_items()->mutable_client_close()->set_client_id(client.id());
    SVR2_CHECK(host.Input(message).ok());
    host.ForgetInbox(client.id());
  }

  static std::string id() { return "watched backupid"; }

  TestHost host;
  bool leaked = false;
  uint32_t tries = 0;  // 0: the guesses ran out and the row is gone.

 private:
  const std::string kSecret = "the watched secret must never be seen, anywhere";
  const std::string kPin = "the watched PIN-derived value ..";
};

}  // namespace svr2::core

#endif  // SVR2_CORE_FUZZ_TESTING_H_
