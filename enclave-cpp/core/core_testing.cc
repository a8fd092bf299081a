// SPDX-License-Identifier: Apache-2.0

#include "core/core_testing.h"

#include <utility>

#include "attestation/claims.h"
#include "env/simulated_evidence.h"
#include "noise/handshake.h"
#include "noise/pattern.h"
#include "noise/transport.h"
#include "util/endian.h"

namespace svr2::core {

proto::EnclaveConfig TestConfig() {
  proto::EnclaveConfig config;
  config.mutable_group()->set_min_voting_replicas(1);
  config.mutable_group()->set_max_voting_replicas(1);
  config.mutable_group()->set_attestation_timeout(604800);
  config.mutable_group()->set_simulated(true);
  return config;
}

TestHost::TestHost(const proto::EnclaveConfig& config, uint64_t seed)
    : env_(seed), client_pq_(!config.has_client_pq() || config.client_pq()) {
  Result<std::unique_ptr<Core>> core = Core::Create(&env_, config.SerializeAsString());
  for (const std::string& output : env_.TakeOutput()) Sort(output);
  SVR2_CHECK(core.ok());
  core_ = std::move(*core);
}

void TestHost::SortOnOutput() {
  env_.SetOutputHandler([this](util::ByteView output) {
    Sort(output.ToString());
    return Status::Ok();
  });
}

Status TestHost::Input(const proto::HostToEnclaveMessage& message) {
  return InputBytes(message.SerializeAsString());
}

Status TestHost::InputBytes(const std::string& bytes) {
  const Status status = core_->Input(bytes);
  for (const std::string& output : env_.TakeOutput()) Sort(output);
  return status;
}

void TestHost::Sort(const std::string& output) {
  proto::EnclaveToHostMessage message;
  if (watch_) watch_(output);
  SVR2_CHECK(message.ParseFromString(output));
  util::MutexLock lock(&mutex_);
  for (const proto::EnclaveItem& item : message.items()) {
    switch (item.item_case()) {
      case proto::EnclaveItem::kReply:
        replies_[item.reply().id()] = item.reply();
        break;
      case proto::EnclaveItem::kClient: {
        ClientInbox& inbox = inboxes_[item.client().client_id()];
        // Nothing follows the end of a session but "no such session", which may come before it,
        // too.
        SVR2_CHECK(!inbox.fin.has_value() || inbox.fin_error == proto::ERROR_CLIENT_UNKNOWN ||
                   item.client().error() == proto::ERROR_CLIENT_UNKNOWN);
        if (!item.client().data().empty()) inbox.items.push_back(item.client().data());
        if (item.client().fin() != proto::CLOSE_REASON_UNSET) {
          inbox.fin = item.client().fin();
          inbox.fin_error = item.client().error();
        }
        break;
      }
      case proto::EnclaveItem::kLog:
        log_.push_back(item.log());
        break;
      case proto::EnclaveItem::kStopped:
        stopped_ = item.stopped().error();
        break;
      case proto::EnclaveItem::kRequest:
        requests_.push_back(item.request());
        break;
      case proto::EnclaveItem::kPeer:
        peer_output_.push_back(item.peer());
        break;
      case proto::EnclaveItem::ITEM_NOT_SET:
        SVR2_CHECK(false);
    }
  }
}

std::deque<proto::PeerOutput> TestHost::TakePeerOutput() {
  util::MutexLock lock(&mutex_);
  return std::exchange(peer_output_, {});
}

std::vector<proto::EnclaveRequest> TestHost::TakeRequests() {
  util::MutexLock lock(&mutex_);
  return std::exchange(requests_, {});
}

ClientInbox& TestHost::inbox(uint64_t client_id) {
  util::MutexLock lock(&mutex_);
  return inboxes_[client_id];
}

void TestHost::ForgetInbox(uint64_t client_id) {
  util::MutexLock lock(&mutex_);
  inboxes_.erase(client_id);
}

void TestHost::ForgetInboxes() {
  util::MutexLock lock(&mutex_);
  inboxes_.clear();
}

std::optional<std::string> TestHost::TakeItem(uint64_t client_id) {
  util::MutexLock lock(&mutex_);
  std::deque<std::string>& items = inboxes_[client_id].items;
  if (items.empty()) return std::nullopt;
  std::string item = std::move(items.front());
  items.pop_front();
  return item;
}

void TestHost::Tick(int ticks) {
  for (int i = 0; i < ticks; ++i) {
    proto::HostToEnclaveMessage message;
    message.add_items()->mutable_tick()->set_unix_time_ms(unix_ms_);
    unix_ms_ += 100;
    if (!Input(message).ok()) return;
  }
}

uint64_t TestHost::Begin(proto::HostRequest request) {
  const uint64_t id = next_transaction_++;
  request.set_id(id);
  proto::HostToEnclaveMessage message;
  *message.add_items()->mutable_request() = std::move(request);
  (void)Input(message);  // A refusal shows in that no reply comes.
  return id;
}

proto::EnclaveReply TestHost::Ask(proto::HostRequest request) {
  const uint64_t id = next_transaction_++;
  request.set_id(id);
  proto::HostToEnclaveMessage message;
  *message.add_items()->mutable_request() = std::move(request);
  const Status status = Input(message);
  proto::EnclaveReply reply;
  util::MutexLock lock(&mutex_);
  const auto found = replies_.find(id);
  if (found == replies_.end()) {
    reply.set_error(status.error());
    return reply;
  }
  reply = found->second;
  replies_.erase(found);
  return reply;
}

proto::RaftGroupConfig TestHost::Found() {
  Tick();
  proto::HostRequest request;
  request.mutable_create_group();
  const proto::EnclaveReply reply = Ask(std::move(request));
  SVR2_CHECK(reply.error() == proto::OK);
  return reply.create_group().group();
}

proto::StatusReply TestHost::GetStatus() {
  proto::HostRequest request;
  request.mutable_status();
  return Ask(std::move(request)).status();
}

uint64_t TestHost::GetCounter(proto::Counter counter) {
  proto::HostRequest request;
  request.mutable_metrics();
  const proto::EnclaveReply reply = Ask(std::move(request));
  for (const proto::CounterValue& value : reply.metrics().counters()) {
    if (value.counter() == counter) return value.value();
  }
  return 0;
}

uint64_t TestHost::GetErrorCount(Error error) {
  proto::HostRequest request;
  request.mutable_metrics();
  const proto::EnclaveReply reply = Ask(std::move(request));
  for (const proto::ErrorCount& count : reply.metrics().errors()) {
    if (count.error() == error) return count.count();
  }
  return 0;
}

std::optional<TestClient> TestClient::Open(TestHost* host, const std::string& backup_id) {
  proto::HostRequest request;
  request.mutable_new_client()->set_backup_id(backup_id);
  const proto::EnclaveReply reply = host->Ask(std::move(request));
  if (reply.error() != proto::OK) return std::nullopt;
  TestClient client(host, reply.new_client().client_id());
  proto::ClientHandshakeStart start;
  SVR2_CHECK(start.ParseFromString(reply.new_client().handshake_start()));
  client.evidence_ = start.evidence();
  Result<env::VerifiedEvidence> verified =
      env::ParseSimulatedEvidence(start.evidence(), start.endorsement());
  SVR2_CHECK(verified.ok());
  Result<attestation::Claims> claims = attestation::DecodeClaims(verified->custom_claims);
  SVR2_CHECK(claims.ok());
  client.server_key_ = claims->pk;
  return client;
}

std::string TestClient::HandshakeMessage(bool post_quantum) {
  noise::HandshakeOptions options;
  options.role = noise::Role::kInitiator;
  options.remote_static = &server_key_;
  Result<noise::HandshakeState> state = noise::HandshakeState::Start(
      post_quantum ? &noise::kPatternNkHfs : &noise::kPatternNk, options);
  SVR2_CHECK(state.ok());
  handshake_ = std::make_unique<noise::HandshakeState>(std::move(*state));
  std::string message;
  SVR2_CHECK(handshake_->WriteMessage(&host_->env(), util::ByteView(), &message).ok());
  return message;
}

bool TestClient::FinishHandshake(const std::string& answer) {
  std::string payload;
  if (!handshake_->ReadMessage(answer, &payload).ok() || !payload.empty()) return false;
  Result<noise::Session> session = handshake_->Split();
  SVR2_CHECK(session.ok());
  send_ = std::move(session->send);
  receive_ = std::move(session->receive);
  handshake_.reset();
  return true;
}

bool TestClient::Handshake() {
  SVR2_CHECK(Send(HandshakeMessage()).ok());
  const std::optional<std::string> answer = host_->TakeItem(id_);
  return answer.has_value() && FinishHandshake(*answer);
}

TestClient TestClient::Connected(TestHost* host, const std::string& backup_id) {
  std::optional<TestClient> client = Open(host, backup_id);
  SVR2_CHECK(client.has_value());
  SVR2_CHECK(client->Handshake());
  return std::move(*client);
}

Status TestClient::Send(const std::string& item) {
  proto::HostToEnclaveMessage message;
  proto::ClientInput* input = message.add_items()->mutable_client();
  input->set_client_id(id_);
  input->set_data(item);
  return host_->Input(message);
}

std::string TestClient::Encrypt(const std::string& plaintext) {
  std::string out(noise::TransportCiphertextBytes(plaintext.size()), '\0');
  SVR2_CHECK(noise::TransportEncrypt(&send_, plaintext, reinterpret_cast<uint8_t*>(&out[0])).ok());
  return out;
}

std::optional<std::string> TestClient::Decrypt(const std::string& ciphertext) {
  Result<size_t> size = noise::TransportPlaintextBytes(ciphertext.size());
  if (!size.ok()) return std::nullopt;
  std::string out(*size + 1, '\0');
  if (!noise::TransportDecrypt(&receive_, ciphertext, reinterpret_cast<uint8_t*>(&out[0])).ok()) {
    return std::nullopt;
  }
  out.resize(*size);
  return out;
}

std::optional<proto::Response> TestClient::Call(const proto::Request& request) {
  if (!Send(Encrypt(request.SerializeAsString())).ok()) return std::nullopt;
  const std::optional<std::string> item = host_->TakeItem(id_);
  if (!item.has_value()) return std::nullopt;
  const std::optional<std::string> plaintext = Decrypt(*item);
  SVR2_CHECK(plaintext.has_value());
  proto::Response response;
  SVR2_CHECK(response.ParseFromString(*plaintext));
  return response;
}

std::string BackupIdOf(uint64_t n) {
  std::string id(16, '\0');
  util::StoreBigEndian64(reinterpret_cast<uint8_t*>(&id[8]), n);
  return id;
}

std::string PinOf(const std::string& text) {
  std::string pin = text;
  pin.resize(32, '.');
  return pin;
}

proto::Request BackupOf(const std::string& data, const std::string& pin, uint32_t max_tries) {
  proto::Request request;
  request.mutable_backup()->set_data(data);
  request.mutable_backup()->set_pin(PinOf(pin));
  request.mutable_backup()->set_max_tries(max_tries);
  return request;
}

proto::Request ExposeOf(const std::string& data) {
  proto::Request request;
  request.mutable_expose()->set_data(data);
  return request;
}

proto::Request RestoreOf(const std::string& pin) {
  proto::Request request;
  request.mutable_restore()->set_pin(PinOf(pin));
  return request;
}

proto::Request DeleteOf() {
  proto::Request request;
  request.mutable_delete_();
  return request;
}

proto::Request TriesOf() {
  proto::Request request;
  request.mutable_tries();
  return request;
}

}  // namespace svr2::core
