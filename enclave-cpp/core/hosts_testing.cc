// SPDX-License-Identifier: Apache-2.0

#include "core/hosts_testing.h"

#include <algorithm>

namespace svr2::core {

proto::EnclaveConfig GroupTestConfig() {
  proto::EnclaveConfig config = TestConfig();
  config.mutable_group()->set_min_voting_replicas(3);
  config.mutable_group()->set_max_voting_replicas(5);
  config.set_replica_voting_timeout_ticks(60);
  config.set_replica_membership_timeout_ticks(200);
  return config;
}

size_t TestGroup::AddHost() { return AddHost(config_); }

size_t TestGroup::AddHost(const proto::EnclaveConfig& config) {
  hosts_.push_back(std::make_unique<TestHost>(config, seed_ * 1000 + hosts_.size()));
  const raft::PeerId& id = hosts_.back()->core().peer_id();
  ids_.emplace_back(id.begin(), id.end());
  return hosts_.size() - 1;
}

void TestGroup::Form(size_t hosts) {
  AddHost();
  host(0).Found();
  for (size_t i = 1; i < hosts; ++i) {
    const size_t joined = Join({0});
    SVR2_CHECK(TickUntil([&] { return host(joined).GetStatus().voting(); }));
  }
  SVR2_CHECK(TickUntil([&] {
    for (size_t i = 0; i < hosts; ++i) {
      if (!host(i).GetStatus().serving()) return false;
    }
    return true;
  }));
}

size_t TestGroup::Join(std::vector<size_t> sources) {
  const size_t joiner = AddHost();
  if (sources.empty()) {
    for (size_t i = 0; i < joiner; ++i) {
      if (alive(i)) sources.push_back(i);
    }
  }
  AskToJoin(joiner, std::move(sources));
  return joiner;
}

void TestGroup::AskToJoin(size_t joiner, std::vector<size_t> sources) {
  host(joiner).Tick();
  proto::HostRequest request;
  for (const size_t source : sources) request.mutable_join_group()->add_peer_ids(id(source));
  SVR2_CHECK(host(joiner).Ask(std::move(request)).error() == proto::OK);
}

void TestGroup::Kill(size_t i) {
  hosts_[i].reset();
  carried_.erase(
      std::remove_if(carried_.begin(), carried_.end(),
                     [i](const Carried& message) { return message.from == i || message.to == i; }),
      carried_.end());
  for (size_t other = 0; other < hosts_.size(); ++other) {
    if (Usable(other)) TellReset(other, i);
  }
}

void TestGroup::Pause(size_t i, bool paused) {
  if (paused) {
    paused_.insert(i);
  } else {
    paused_.erase(i);
  }
}

void TestGroup::Cut(size_t from, size_t to) { cut_.emplace(from, to); }

void TestGroup::CutBoth(size_t a, size_t b) {
  Cut(a, b);
  Cut(b, a);
}

void TestGroup::Heal() { cut_.clear(); }

size_t TestGroup::IndexOf(const std::string& id) const {
  return static_cast<size_t>(std::find(ids_.begin(), ids_.end(), id) - ids_.begin());
}

bool TestGroup::Usable(size_t i) const {
  return i < hosts_.size() && hosts_[i] != nullptr && paused_.count(i) == 0;
}

void TestGroup::TellReset(size_t host_index, size_t peer) {
  proto::HostToEnclaveMessage message;
  message.add_items()->mutable_peer_reset()->set_peer_id(id(peer));
  (void)host(host_index).Input(message);  // Perhaps stopped.
}

void TestGroup::AnswerRequests(size_t i) {
  for (const proto::EnclaveRequest& request : host(i).TakeRequests()) {
    proto::HostToEnclaveMessage message;
    proto::HostReply* reply = message.add_items()->mutable_reply();
    reply->set_id(request.id());
    const size_t peer = IndexOf(request.route_to_peer().peer_id());
    reply->mutable_route_to_peer()->set_reachable(peer < hosts_.size() && hosts_[peer] != nullptr &&
                                                  cut_.count({i, peer}) == 0);
    (void)host(i).Input(message);
  }
}

bool TestGroup::Collect() {
  bool any = false;
  for (size_t i = 0; i < hosts_.size(); ++i) {
    if (!Usable(i)) continue;
    AnswerRequests(i);
    for (proto::PeerOutput& output : host(i).TakePeerOutput()) {
      const size_t to = IndexOf(output.peer_id());
      carried_.push_back(Carried{i, to, std::move(*output.mutable_data())});
      any = true;
    }
  }
  return any;
}

void TestGroup::Settle() {
  Collect();
  std::deque<Carried> kept;
  while (!carried_.empty()) {
    Carried message = std::move(carried_.front());
    carried_.pop_front();
    if (message.to < hosts_.size() && paused_.count(message.to) > 0) {
      kept.push_back(std::move(message));
      continue;
    }
    if (!Usable(message.to) || cut_.count({message.from, message.to}) > 0) {
      // Both hosts see that the connection is broken.
      if (Usable(message.from) && message.to < hosts_.size()) TellReset(message.from, message.to);
      if (Usable(message.to)) TellReset(message.to, message.from);
    } else if (filter_ == nullptr || filter_(message.from, message.to, &message.data)) {
      ++messages_;
      message_bytes_ += message.data.size();
      proto::HostToEnclaveMessage in;
      in.add_items()->mutable_peer()->set_peer_id(id(message.from));
      in.mutable_items(0)->mutable_peer()->set_data(std::move(message.data));
      (void)host(message.to).Input(in);  // Perhaps stopped.
    }
    Collect();
  }
  carried_ = std::move(kept);
}

void TestGroup::Tick(int ticks) {
  for (int i = 0; i < ticks; ++i) {
    for (size_t j = 0; j < hosts_.size(); ++j) {
      if (Usable(j) && alive(j)) host(j).Tick();
    }
    Settle();
  }
}

bool TestGroup::TickUntil(const std::function<bool()>& condition, int most) {
  for (int i = 0; i < most; ++i) {
    if (condition()) return true;
    Tick();
  }
  return condition();
}

std::optional<size_t> TestGroup::Leader() {
  std::optional<size_t> leader;
  uint64_t term = 0;
  for (size_t i = 0; i < hosts_.size(); ++i) {
    if (!Usable(i) || !alive(i)) continue;
    const proto::StatusReply status = host(i).GetStatus();
    if (status.role() != proto::RAFT_ROLE_LEADER || status.term() < term) continue;
    leader = i;
    term = status.term();
  }
  return leader;
}

size_t TestGroup::FollowerOf(size_t leader) {
  for (size_t i = 0; i < hosts_.size(); ++i) {
    if (i != leader && Usable(i) && alive(i) && host(i).GetStatus().voting()) return i;
  }
  SVR2_CHECK(false);
}

size_t TestGroup::Voters(size_t i) {
  size_t voters = 0;
  const proto::StatusReply status = host(i).GetStatus();
  for (const proto::MemberStatus& member : status.members()) voters += member.voting() ? 1u : 0u;
  return voters;
}

std::optional<proto::EnclaveReply> TestGroup::Ask(size_t i, proto::HostRequest request, int most) {
  const uint64_t id = host(i).Begin(std::move(request));
  Settle();
  if (!TickUntil([&] { return host(i).replies().count(id) > 0; }, most)) return std::nullopt;
  proto::EnclaveReply reply = host(i).replies()[id];
  host(i).replies().erase(id);
  return reply;
}

std::optional<proto::Response> TestGroup::Call(size_t i, TestClient* client,
                                               const proto::Request& request, int most) {
  if (!client->Send(client->Encrypt(request.SerializeAsString())).ok()) return std::nullopt;
  Settle();
  const auto over = [&] {
    const ClientInbox& inbox = host(i).inbox(client->id());
    return !inbox.items.empty() || inbox.fin.has_value();
  };
  if (!TickUntil(over, most)) return std::nullopt;
  const std::optional<std::string> item = host(i).TakeItem(client->id());
  if (!item.has_value()) return std::nullopt;
  const std::optional<std::string> plaintext = client->Decrypt(*item);
  SVR2_CHECK(plaintext.has_value());
  proto::Response response;
  SVR2_CHECK(response.ParseFromString(*plaintext));
  return response;
}

}  // namespace svr2::core
