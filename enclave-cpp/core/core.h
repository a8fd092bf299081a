// SPDX-License-Identifier: Apache-2.0
//
// One enclave: ties sessions, consensus and the database together behind two calls. Deterministic:
// the same configuration, inputs and random bytes give the same outputs; time comes in as tick
// items. The host is the adversary: whatever it hands in is answered with an error at worst.
// Source: design.md §3 and §4.
//
// Locks, each taken while none of a later line is held:
//   replica's (consensus and database), session table's shards, each client session's, each peer
//     session's, the server key's, the joiner's, the links'
//   leaves, taken under any of them: the integrity tree's, the peer table's, each outbox's, the
//     open transactions'
// No two of the first line are ever held together, and none while the host is called.

#ifndef SVR2_CORE_CORE_H_
#define SVR2_CORE_CORE_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attestation/policy.h"
#include "client/session.h"
#include "client/session_table.h"
#include "core/joiner.h"
#include "core/output_batch.h"
#include "core/peer_transactions.h"
#include "core/replica.h"
#include "core/request_batch.h"
#include "core/settings.h"
#include "crypto/x25519.h"
#include "env/env.h"
#include "integrity/tree.h"
#include "metrics/registry.h"
#include "peers/frame.h"
#include "peers/peer.h"
#include "peers/table.h"
#include "raft/types.h"
#include "svr2/boundary.pb.h"
#include "svr2/peer_message.pb.h"
#include "util/bytes.h"
#include "util/mutex.h"
#include "util/status.h"

namespace svr2::core {

// A kind of change as the host or a peer asks for it; nothing for anything else.
std::optional<raft::ChangeKind> ToChangeKind(proto::MembershipChangeKind kind);

// A peer's id of 32 bytes; nothing for anything else.
std::optional<raft::PeerId> ToPeerId(const std::string& bytes);

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
  void Finish(Call* call);
  void PeerFailed(const OutputBatch::PeerFailure& failure, Call* call);
  // Handles an item; false when memory ran out over it.
  bool TryItem(const proto::HostItem& item, Call* call);
  bool TryStep(Call* call);
  void HandleItem(const proto::HostItem& item, Call* call);
  void HandleTick(const proto::Tick& tick, Call* call);
  void HandleRequest(const proto::HostRequest& request, Call* call);
  void HandleReply(const proto::HostReply& reply, Call* call);

  // core/client_requests.cc: what clients send, and the answers to it.
  void HandleClientInput(const proto::ClientInput& input, Call* call);
  void HandleClientClose(const proto::ClientClose& close);
  void HandleClientMessage(const std::shared_ptr<client::Session>& session, util::ByteView data,
                           Call* call);
  Status AddRequest(const std::shared_ptr<client::Session>& session, util::ByteView ciphertext,
                    Call* call) SVR2_REQUIRES(session->mutex());
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
  void FillPeers(const Snapshot& snapshot, proto::StatusReply* out);
  // Makes new evidence when there is none or it is old enough; called at each tick.
  void RefreshServerKey(Call* call);
  // Makes new evidence whatever the age of the old.
  void RenewServerKey(Call* call);
  Status MakeServerKey(uint64_t now_seconds, uint64_t now_tick);
  Status CheckHeapForSession();

  // core/group_requests.cc: the host's transactions on the group.
  bool HandleGroupRequest(const proto::HostRequest& request, Call* call);
  void ChangeMembership(uint64_t id, const proto::ChangeMembershipRequest& request, Call* call);
  void RaiseMinimums(uint64_t id, const proto::RaiseMinimumsRequest& request, Call* call);
  Result<raft::Position> RaiseMinimumsAsLeader(const proto::RaiseMinimumsRequest& request,
                                               Call* call);
  void AskLeader(const std::optional<raft::PeerId>& leader, proto::PeerRequest request, uint64_t id,
                 Call* call);
  void WatchCommit(const raft::Position& position, uint64_t id,
                   proto::HostRequest::RequestCase kind, Call* call);
  void RelinquishLeadership(uint64_t id, Call* call);
  void EndCommand(const GroupCommandEnd& end, Call* call);
  void ResetPeer(uint64_t id, const proto::ResetPeerRequest& request, Call* call);
  void PingPeer(uint64_t id, const proto::PingPeerRequest& request, Call* call);
  void ReportHash(uint64_t id, Call* call);

  // core/peer_items.cc: what other enclaves send.
  void HandlePeerInput(const proto::PeerInput& input, Call* call);
  void HandlePeerReset(const proto::PeerReset& reset, Call* call);
  Status ReceiveFrom(const std::shared_ptr<peers::Peer>& peer, util::ByteView data,
                     peers::Received* received, Call* call);
  void AfterReceive(const std::shared_ptr<peers::Peer>& peer, Status status,
                    peers::Received* received, Call* call);
  Status Connect(const raft::PeerId& id, Call* call);
  void ResetSession(const std::shared_ptr<peers::Peer>& peer, Error error, Call* call);
  void PeerUp(const std::shared_ptr<peers::Peer>& peer, Call* call);
  void PeerDown(const std::shared_ptr<peers::Peer>& peer, Error error, Call* call);
  void LogPeerRefused(Error error, Call* call);
  void StopFor(Error reason, Call* call);
  // Who asked what, and in which session: an answer goes nowhere else.
  struct Asker {
    std::shared_ptr<peers::Peer> peer;
    uint64_t request = 0;
    uint64_t epoch = 0;
  };
  void HandleFrame(const std::shared_ptr<peers::Peer>& peer, const peers::Received& received,
                   Call* call);
  void GatherMessage(const std::shared_ptr<peers::Peer>& peer, const peers::Received& received,
                     util::ByteView encoded, Call* call);
  void StepMessages(Call* call);
  Status TakeRequest(const std::shared_ptr<peers::Peer>& peer, const peers::Received& received,
                     const peers::FrameItem& item, Call* call);
  Status TakeReply(const std::shared_ptr<peers::Peer>& peer, const peers::FrameItem& item,
                   Call* call);
  void HandlePeerRequest(const Asker& asker, const proto::PeerRequest& request,
                         util::ByteView attachment, Call* call);
  void HandlePeerReply(const std::shared_ptr<peers::Peer>& peer, const PeerTransactions::Open& open,
                       const proto::PeerReply& reply, util::ByteView attachment, Call* call);
  void AnswerChange(const Asker& asker, const proto::ChangeMembershipRequest& request, Call* call);
  Status Ask(const raft::PeerId& id, proto::PeerRequest request, util::SecretBytes attachment,
             uint64_t reference, Call* call);
  void Answer(const Asker& asker, proto::PeerReply reply, util::SecretBytes attachment, Call* call);
  void AnswerError(const Asker& asker, Error error, Call* call);
  static proto::PeerReply::ReplyCase ReplyCaseFor(PeerTransactions::Kind kind);
  void ForwardAnswered(const PeerTransactions::Open& open, const proto::PeerReply& reply,
                       Call* call);
  void CommandAppended(const PeerTransactions::Open& open, const proto::PeerReply& reply,
                       const proto::LogPosition& appended, proto::HostRequest::RequestCase kind,
                       Call* call);
  void FailTransaction(const PeerTransactions::Open& open, Error error, Call* call);
  void SendForward(Forward forward, Call* call);

  // core/connections.cc: sessions, evidence and clocks between enclaves.
  peers::Surroundings surroundings() { return peers::Surroundings{env_, tree_.get()}; }
  std::shared_ptr<peers::Peer> FindPeer(const raft::PeerId& id);
  bool IsConnected(const raft::PeerId& id);
  proto::RaftGroupConfig OwnConfig();
  attestation::Expectation PeerExpectation(const raft::PeerId& peer);
  uint64_t JudgeSeconds();
  std::string EvidenceNames();
  void RefreshPeerEvidence(Call* call);
  std::shared_ptr<const env::Evidence> PeerEvidence(Call* call);
  void TickPeers(Call* call);
  bool EvidenceTooOld(peers::Peer& peer, uint64_t now_seconds);
  void ConnectMembers(const std::vector<raft::Member>& members, uint64_t now, Call* call);
  void SendTimestamp(const std::shared_ptr<peers::Peer>& peer, uint64_t now, Call* call);
  void TakeTimestamp(const Asker& asker, const proto::Timestamp& timestamp, Call* call);
  void ForgetPeers(const std::vector<raft::Member>& members, uint64_t now, Call* call);

  // core/joining.cc: both sides of joining.
  void JoinGroup(uint64_t id, const proto::JoinGroupRequest& request, Call* call);
  void TickJoiner(Call* call);
  template <typename Event>
  void TellJoiner(Call* call, Event event);
  void PerformJoin(const JoinAction& action, Call* call);
  void JoinerConnected(const raft::PeerId& peer, Call* call);
  void JoinerRefused(const raft::PeerId& peer, Error error, Call* call);
  void JoinerLost(const raft::PeerId& peer, Error error, Call* call);
  void LogJoinFailure(Call* call);
  void AskForJoin(const raft::PeerId& peer, proto::PeerRequest request, Call* call);
  void JoinRequestFailed(const raft::PeerId& peer, PeerTransactions::Kind kind, Error error,
                         Call* call);
  void AskRoute(const raft::PeerId& peer, Call* call);
  Status TakeGroup(const raft::PeerId& source, const proto::GroupAnswer& answer,
                   util::ByteView group_key);
  void GroupAnswered(const raft::PeerId& source, const proto::PeerReply& reply,
                     util::ByteView attachment, Call* call);
  void StreamStarted(const raft::PeerId& source, Call* call);
  void DigestAnswered(const raft::PeerId& voter, const proto::PeerReply& reply, Call* call);
  void TakePush(const Asker& asker, const proto::StatePush& push, util::ByteView attachment,
                Call* call);
  void AnswerGroup(const Asker& asker, Call* call);
  void AnswerDigest(const Asker& asker, uint64_t index, Call* call);
  void PumpStreams(Call* call);

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
  peers::Table peers_;
  Replica replica_;
  client::SessionTable sessions_;

  std::atomic<bool> stopped_{false};
  std::atomic<bool> stop_said_{false};
  std::atomic<int> log_level_;
  std::atomic<uint64_t> now_tick_{0};
  std::atomic<uint64_t> next_limit_warning_tick_{0};
  std::atomic<uint64_t> own_unix_ms_{0};
  std::atomic<uint64_t> next_peer_warning_tick_{0};
  // For messages that need none.
  const env::Evidence no_evidence_{};
  const attestation::Expectation no_expectation_{};

  PeerTransactions transactions_;

  util::Mutex join_mutex_;
  Joiner joiner_ SVR2_GUARDED_BY(join_mutex_);
  // Transactions that the host has not yet answered.
  std::map<uint64_t, raft::PeerId> route_requests_ SVR2_GUARDED_BY(join_mutex_);
  uint64_t next_route_request_ SVR2_GUARDED_BY(join_mutex_) = 1;

  // What is due between this enclave and a peer.
  struct Link {
    uint64_t next_attempt_tick = 0;
    uint64_t next_timestamp_tick = 0;
    uint64_t evidence_version = 0;  // Of our evidence that it was sent last.
  };
  util::Mutex links_mutex_;
  std::map<raft::PeerId, Link> links_ SVR2_GUARDED_BY(links_mutex_);
  std::shared_ptr<const env::Evidence> peer_evidence_ SVR2_GUARDED_BY(links_mutex_);
  // What it names (EvidenceNames).
  std::string peer_evidence_names_ SVR2_GUARDED_BY(links_mutex_);
  uint64_t peer_evidence_tick_ SVR2_GUARDED_BY(links_mutex_) = 0;
  uint64_t peer_evidence_version_ SVR2_GUARDED_BY(links_mutex_) = 0;

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
