// SPDX-License-Identifier: Apache-2.0
//
// A core with a fake outside, and clients that speak to it as real ones do: evidence, Noise
// handshake, encrypted requests. For tests, benchmarks and mutated inputs; never in an enclave.

#ifndef SVR2_CORE_CORE_TESTING_H_
#define SVR2_CORE_CORE_TESTING_H_

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/session.h"
#include "core/core.h"
#include "env/fake_env.h"
#include "noise/cipher_state.h"
#include "noise/handshake.h"
#include "svr2/boundary.pb.h"
#include "svr2/client.pb.h"
#include "util/mutex.h"

namespace svr2::core {

// A group of one on a simulated platform, small limits left at their defaults.
proto::EnclaveConfig TestConfig();

// What a client was sent, in order.
struct ClientInbox {
  std::deque<std::string> items;
  std::optional<proto::CloseReason> fin;
  Error fin_error = proto::OK;
};

// One core and all that came out of it. For one thread at a time, but see SortOnOutput.
class TestHost {
 public:
  explicit TestHost(const proto::EnclaveConfig& config = TestConfig(), uint64_t seed = 1);

  env::FakeEnv& env() { return env_; }
  Core& core() { return *core_; }
  // The handshake that clients are offered: NKhfs or NK.
  bool client_pq() const { return client_pq_; }

  // From now on output is sorted before Env::Output returns, so that Input, Ask and clients' calls
  // may come from many threads at once (each client from one). The rest stays for one thread.
  void SortOnOutput();
  // Sorts one output message, for handlers of a test's own.
  void Collect(const std::string& output) { Sort(output); }
  // Sees each output message before it is sorted.
  void WatchOutput(std::function<void(const std::string&)> watch) { watch_ = std::move(watch); }

  // Hands one message in and sorts what comes out.
  Status Input(const proto::HostToEnclaveMessage& message);
  Status InputBytes(const std::string& bytes);

  // One tick; the clock goes on by 100 ms.
  void Tick(int ticks = 1);
  // Sets the clock that the next ticks tell.
  void SetUnixMs(uint64_t unix_ms) { unix_ms_ = unix_ms; }
  uint64_t unix_ms() const { return unix_ms_; }

  // Sends a request under a new id, which it returns; the reply may come later, in replies().
  uint64_t Begin(proto::HostRequest request);
  // A transaction: sends the request under a new id and returns its reply.
  proto::EnclaveReply Ask(proto::HostRequest request);
  // A tick, then create-group, which must succeed.
  proto::RaftGroupConfig Found();

  proto::StatusReply GetStatus();
  uint64_t GetCounter(proto::Counter counter);
  uint64_t GetErrorCount(Error error);

  // References stay valid until ForgetInbox.
  ClientInbox& inbox(uint64_t client_id);
  void ForgetInbox(uint64_t client_id);
  void ForgetInboxes();
  // The next item for a client, if any.
  std::optional<std::string> TakeItem(uint64_t client_id);
  std::map<uint64_t, proto::EnclaveReply>& replies() { return replies_; }
  // What was to be carried to other enclaves, and what the host was asked, since the last call.
  std::deque<proto::PeerOutput> TakePeerOutput();
  std::vector<proto::EnclaveRequest> TakeRequests();
  const std::vector<proto::LogLine>& log() const { return log_; }
  const std::optional<Error>& stopped() const { return stopped_; }

 private:
  void Sort(const std::string& output);

  env::FakeEnv env_;
  const bool client_pq_;
  std::function<void(const std::string&)> watch_;
  std::unique_ptr<Core> core_;
  uint64_t unix_ms_ = 1'800'000'000'000;
  std::atomic<uint64_t> next_transaction_{1};
  util::Mutex mutex_;  // Guards what follows while several threads call in.
  std::map<uint64_t, proto::EnclaveReply> replies_;
  std::map<uint64_t, ClientInbox> inboxes_;
  std::deque<proto::PeerOutput> peer_output_;
  std::vector<proto::EnclaveRequest> requests_;
  std::vector<proto::LogLine> log_;
  std::optional<Error> stopped_;
};

// A client's side of one session.
class TestClient {
 public:
  // Opens a session for the backup id (16 bytes) and checks the evidence's shape.
  static std::optional<TestClient> Open(TestHost* host, const std::string& backup_id);

  // Handshake; false when the session ended instead.
  bool Handshake();
  // The first handshake message, and what to do with the answer: for tests that go between. NKhfs
  // or NK, as the host offers; with the argument, as the argument says.
  std::string HandshakeMessage() { return HandshakeMessage(host_->client_pq()); }
  std::string HandshakeMessage(bool post_quantum);
  bool FinishHandshake(const std::string& answer);

  // One request and its response; nullopt when the session ended instead.
  std::optional<proto::Response> Call(const proto::Request& request);
  std::string Encrypt(const std::string& plaintext);
  std::optional<std::string> Decrypt(const std::string& ciphertext);
  // Hands one item in, as is.
  Status Send(const std::string& item);

  // Open and handshake, which must both succeed.
  static TestClient Connected(TestHost* host, const std::string& backup_id);

  uint64_t id() const { return id_; }
  ClientInbox& inbox() { return host_->inbox(id_); }
  const std::string& evidence() const { return evidence_; }

 private:
  TestClient(TestHost* host, uint64_t id) : host_(host), id_(id) {}

  TestHost* host_;
  uint64_t id_;
  std::string evidence_;
  crypto::PublicKey server_key_{};
  std::unique_ptr<noise::HandshakeState> handshake_;
  noise::CipherState send_;
  noise::CipherState receive_;
};

// Requests, with a PIN and data of the right sizes made from short texts.
std::string BackupIdOf(uint64_t n);
std::string PinOf(const std::string& text);
proto::Request BackupOf(const std::string& data, const std::string& pin, uint32_t max_tries);
proto::Request ExposeOf(const std::string& data);
proto::Request RestoreOf(const std::string& pin);
proto::Request DeleteOf();
proto::Request TriesOf();

}  // namespace svr2::core

#endif  // SVR2_CORE_CORE_TESTING_H_
