// SPDX-License-Identifier: Apache-2.0
//
// One enclave: ties sessions, consensus and the database together behind two calls. Deterministic:
// the same configuration, inputs and random bytes give the same outputs; time comes in as tick
// items. The host is the adversary: whatever it hands in is answered with an error at worst.
// Source: design.md §3 and §4.
//
// Locks, each taken while none of a later line is held:
//   replica's (consensus and database), session table's shards, each session's, the server key's
//   the integrity tree's (a leaf, taken under any of them)
// No two of the first line are ever held together, and none while the host is called.

#ifndef SVR2_CORE_CORE_H_
#define SVR2_CORE_CORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "client/session.h"
#include "client/session_table.h"
#include "core/output_batch.h"
#include "core/replica.h"
#include "core/request_batch.h"
#include "core/settings.h"
#include "crypto/x25519.h"
#include "env/env.h"
#include "integrity/tree.h"
#include "metrics/registry.h"
#include "raft/types.h"
#include "svr2/boundary.pb.h"
#include "util/bytes.h"
#include "util/mutex.h"
#include "util/status.h"

namespace svr2::core {

// Largest HostToEnclaveMessage, in bytes, and most items in one (proto/…/boundary.proto).
inline constexpr size_t kMaxInputBytes = size_t{8} << 20;
inline constexpr int kMaxInputItems = 4096;

// Thread-safe: Input may be called from any number of threads at once.
class Core {
 public:
  // A replica with a fresh key that belongs to no group yet. `config` is a serialized
  // EnclaveConfig; `env` outlives the Core. What is wrong with a configuration goes to the host as
  // a log line. Fails with ERROR_CORE_BAD_CONFIG, ERROR_RAFT_BAD_GROUP_CONFIG, ERROR_PLATFORM_…,
  // ERROR_CRYPTO_UNAVAILABLE, ERROR_RANDOM_FAILED.
  static Result<std::unique_ptr<Core>> Create(env::Env* env, util::ByteView config);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  const raft::PeerId& peer_id() const { return peer_keys_.public_key; }

  // Handles one HostToEnclaveMessage, in the order of its items; a bad item is answered or counted
  // and does not spoil the others. Output leaves through Env::Output before this returns, unless
  // another thread is just sending to the same client. Fails, with nothing done, with
  // ERROR_CORE_STOPPED, ERROR_CORE_MESSAGE_TOO_LARGE, ERROR_CORE_MALFORMED_MESSAGE or
  // ERROR_CORE_TOO_MANY_ITEMS; with ERROR_OUT_OF_MEMORY some items may have been handled.
  Status Input(util::ByteView message);

 private:
  friend class CorePeer;  // Tests reach the memory through it, to roll it back.

  // State of one call of Input.
  struct Call;

  Core(env::Env* env, const Settings& settings, crypto::KeyPair peer_keys,
       std::unique_ptr<integrity::Tree> tree);

  Status HandleMessage(util::ByteView message);
  // Handles an item; false when memory ran out over it.
  bool TryItem(const proto::HostItem& item, Call* call);
  void HandleItem(const proto::HostItem& item, Call* call);
  void HandleTick(const proto::Tick& tick, Call* call);
  void HandleRequest(const proto::HostRequest& request, Call* call);
  void HandleReply(const proto::HostReply& reply);

  // core/client_requests.cc: what clients send, and the answers to it.
  void HandleClientInput(const proto::ClientInput& input, Call* call);
  void HandleClientClose(const proto::ClientClose& close);
  void HandleClientMessage(const std::shared_ptr<client::Session>& session, util::ByteView data,
                           Call* call);
  Status AddRequest(const std::shared_ptr<client::Session>& session,
                    const util::SecretBytes& plaintext, Call* call);
  void SubmitRequests(Call* call);
  void Deliver(Outcome* outcome, Call* call);
  void DeliverOne(const Completion& completion, Call* call);
  void DeliverToSession(const Completion& completion, Call* call);
  void DeliverToHost(const Completion& completion, Call* call);
  // Ends a session from our side: `fin` and why go to the client, the session is forgotten.
  void CloseSession(const std::shared_ptr<client::Session>& session, proto::CloseReason fin,
                    Error error, Call* call);
  void ExpireSessions(Call* call);

  // core/host_requests.cc: the host's transactions.
  void OpenClient(uint64_t id, const proto::NewClientRequest& request, Call* call);
  void DeleteBackup(uint64_t id, const proto::DeleteBackupRequest& request, Call* call);
  void CreateGroup(uint64_t id, Call* call);
  void ReportStatus(uint64_t id, Call* call);
  void ReportMetrics(uint64_t id, Call* call);
  void SetLogLevel(uint64_t id, const proto::SetLogLevelRequest& request, Call* call);
  void ReportEvidence(uint64_t id, Call* call);
  proto::EnclaveReply* AddReply(uint64_t id, Error error, Call* call);
  // The key and evidence for new sessions, or why there is none.
  Result<std::shared_ptr<const client::ServerKey>> UsableServerKey();
  // Makes new evidence when there is none or it is old enough; called at each tick.
  void RefreshServerKey(Call* call);
  Status MakeServerKey(uint64_t now_seconds, uint64_t now_tick);
  Status CheckHeapForSession();

  void StopForGood(Error reason, Call* call);
  void WipeAfterStop(Error reason);
  void FinishStop(Error reason);
  bool Logs(proto::LogLevel level) const {
    return static_cast<int>(level) <= log_level_.load(std::memory_order_relaxed);
  }
  void Log(proto::LogLevel level, std::string text, Call* call);
  // Warns that a limit refuses clients: at most once in kTicksBetweenLimitWarnings.
  void WarnOfLimit(Error error, Call* call);
  void UpdateGauges(const Snapshot& snapshot);

  env::Env* const env_;
  const Settings settings_;
  const crypto::KeyPair peer_keys_;
  const std::unique_ptr<integrity::Tree> tree_;
  metrics::Registry metrics_;
  Replica replica_;
  client::SessionTable sessions_;

  std::atomic<bool> stopped_{false};
  std::atomic<bool> stop_said_{false};
  std::atomic<int> log_level_;
  std::atomic<uint64_t> now_tick_{0};
  std::atomic<uint64_t> next_limit_warning_tick_{0};
  std::atomic<uint64_t> next_request_{1};

  util::Mutex server_key_mutex_;
  std::shared_ptr<const client::ServerKey> server_key_ SVR2_GUARDED_BY(server_key_mutex_);
  // One thread at a time makes evidence; others go on with what there is.
  std::atomic<bool> refreshing_{false};
  std::atomic<bool> evidence_failed_{false};
  // Whether the evidence that clients were shown is young enough; judged at each tick.
  std::atomic<bool> evidence_fresh_{false};
};

}  // namespace svr2::core

#endif  // SVR2_CORE_CORE_H_
