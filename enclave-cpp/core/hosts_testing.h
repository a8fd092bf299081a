// SPDX-License-Identifier: Apache-2.0
//
// Several cores in one process with hosts that carry their messages as real ones do: in order,
// without loss, or else with a reset. Links can be cut and hosts stopped. One thread. Never linked
// into an enclave.

#ifndef SVR2_CORE_HOSTS_TESTING_H_
#define SVR2_CORE_HOSTS_TESTING_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/core_testing.h"

namespace svr2::core {

// A group of three to five voters with short timeouts.
proto::EnclaveConfig GroupTestConfig();

class TestGroup {
 public:
  explicit TestGroup(const proto::EnclaveConfig& config = GroupTestConfig(), uint64_t seed = 1)
      : config_(config), seed_(seed) {}

  // A core without a group; its number.
  size_t AddHost();
  size_t AddHost(const proto::EnclaveConfig& config);
  // The first host founds, the others join, until all vote (SVR2_CHECK).
  void Form(size_t hosts);
  // A new host joins through the hosts given (all others when none are); its number.
  size_t Join(std::vector<size_t> sources = {});
  void AskToJoin(size_t host, std::vector<size_t> sources);

  size_t size() const { return hosts_.size(); }
  TestHost& host(size_t i) { return *hosts_[i]; }
  std::string id(size_t i) const { return ids_[i]; }
  // The enclave is gone, and with it all that it knew; links to it are cut.
  void Kill(size_t i);
  bool alive(size_t i) const { return hosts_[i] != nullptr && !hosts_[i]->stopped().has_value(); }
  // Its host hands nothing in and takes nothing out, but loses nothing either.
  void Pause(size_t i, bool paused);

  // Messages from one to the other are lost from now on, as a broken connection loses them: both
  // hosts tell their enclaves.
  void Cut(size_t from, size_t to);
  void CutBoth(size_t a, size_t b);
  void Heal();
  // Sees each message before it is delivered; false drops it without a word, as only a hostile host
  // does.
  void Filter(std::function<bool(size_t from, size_t to, std::string* data)> filter) {
    filter_ = std::move(filter);
  }

  // Carries messages until none is left.
  void Settle();
  // One tick everywhere and all that follows from it.
  void Tick(int ticks = 1);
  // Ticks until the condition holds; false after `most` ticks.
  bool TickUntil(const std::function<bool()>& condition, int most = 1000);

  // The one that leads by its own account; the highest term wins.
  std::optional<size_t> Leader();
  size_t FollowerOf(size_t leader);
  size_t Voters(size_t i);
  // A request of the host whose reply comes later; carried until it is there or `most` ticks
  // passed.
  std::optional<proto::EnclaveReply> Ask(size_t i, proto::HostRequest request, int most = 200);

  // A client's request through host `i`, carried until it is answered: nullopt when its session
  // ended instead, or after `most` ticks.
  std::optional<proto::Response> Call(size_t i, TestClient* client, const proto::Request& request,
                                      int most = 200);

  // Messages carried between enclaves so far.
  uint64_t messages() const { return messages_; }
  uint64_t message_bytes() const { return message_bytes_; }

 private:
  size_t IndexOf(const std::string& id) const;
  bool Usable(size_t i) const;
  bool Collect();
  void TellReset(size_t host, size_t peer);
  void AnswerRequests(size_t i);

  struct Carried {
    size_t from;
    size_t to;
    std::string data;
  };

  const proto::EnclaveConfig config_;
  const uint64_t seed_;
  std::vector<std::unique_ptr<TestHost>> hosts_;
  std::vector<std::string> ids_;
  std::set<std::pair<size_t, size_t>> cut_;
  std::set<size_t> paused_;
  std::deque<Carried> carried_;
  std::function<bool(size_t, size_t, std::string*)> filter_;
  uint64_t messages_ = 0;
  uint64_t message_bytes_ = 0;
};

}  // namespace svr2::core

#endif  // SVR2_CORE_HOSTS_TESTING_H_
