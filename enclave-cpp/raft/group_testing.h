// SPDX-License-Identifier: Apache-2.0
//
// Several replicas of one group and the network between them, in one thread: for tests, scripts and
// benchmarks of consensus alone. Messages go through their byte form. Never linked into an enclave.

#ifndef SVR2_RAFT_GROUP_TESTING_H_
#define SVR2_RAFT_GROUP_TESTING_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "raft/message_codec.h"
#include "raft/raft_testing.h"

namespace svr2::raft {

// min `voters`, max as many as there may be.
Options GroupOf(uint8_t voters, uint32_t super_majority = 0);

// What every replica of a TestGroup has loaded: one membership entry at index 1, of term 0.
Position FirstState(const Membership& membership);

struct Sent {
  uint8_t from = 0;
  uint8_t to = 0;
  Message message;
};

// Messages between replicas, in the order in which they were sent; a link keeps its order.
class TestNetwork {
 public:
  void Send(uint8_t from, uint8_t to, Message message) {
    queue_.push_back(Sent{from, to, std::move(message)});
  }
  // The first that may be delivered, or none.
  bool Take(Sent* sent);
  // Takes everything on a link away.
  size_t Drop(uint8_t from, uint8_t to);
  // Messages on the link stay on it until released.
  void Hold(uint8_t from, uint8_t to) { held_.insert({from, to}); }
  void Release(uint8_t from, uint8_t to) { held_.erase({from, to}); }
  bool IsHeld(uint8_t from, uint8_t to) const { return held_.count({from, to}) > 0; }
  // Messages on the link are lost.
  void Cut(uint8_t from, uint8_t to) { cut_.insert({from, to}); }
  void Mend(uint8_t from, uint8_t to) { cut_.erase({from, to}); }
  void MendAll() { cut_.clear(); }
  bool IsCut(uint8_t from, uint8_t to) const { return cut_.count({from, to}) > 0; }

  std::deque<Sent>& queue() { return queue_; }

 private:
  using Link = std::pair<uint8_t, uint8_t>;

  std::deque<Sent> queue_;
  std::set<Link> held_;
  std::set<Link> cut_;
};

class TestGroup {
 public:
  // Replicas 1 to `voters`, all voting, none leading.
  TestGroup(const Options& options, uint8_t voters);
  // Replicas 1 to `members`, of which the first `voters` vote.
  TestGroup(const Options& options, uint8_t members, uint8_t voters);

  Raft& operator[](uint8_t number) { return replicas_.at(number); }
  bool Has(uint8_t number) const { return replicas_.count(number) > 0; }
  TestNetwork& net() { return net_; }
  std::map<uint8_t, Raft>& replicas() { return replicas_; }

  // Another replica that has loaded the first state and is no member.
  void AddJoiner(uint8_t number);
  // One that has loaded what `source` has applied.
  void AddJoinerFrom(uint8_t number, uint8_t source);
  void Crash(uint8_t number) { replicas_.erase(number); }
  // Replica `number` gets an older memory.
  void RollBack(uint8_t number, const Raft& memory);

  // Takes a replica's output: its messages go to the network, its entries are applied.
  Output Take(uint8_t number);
  void TakeAll();
  // Delivers one message, if there is one, and takes what it brought about.
  bool DeliverOne();
  // Takes outputs and delivers until nothing moves, or `limit` messages were delivered.
  void Run(size_t limit = 10000);
  // One tick everywhere, then Run.
  void Tick(uint32_t ticks = 1);
  // One tick everywhere, nothing delivered.
  void TickOnly(uint32_t ticks = 1);

  // Cut from all others, both ways; and back, with new sessions.
  void Isolate(uint8_t number);
  void Heal();
  // Only these hear each other; what was on the way anywhere is lost. No new sessions.
  void ConnectOnly(const std::set<uint8_t>& members);
  // A new session between two: what was on the way is lost.
  void Connect(uint8_t a, uint8_t b);

  // Lets `number` win an election as if its time had come and nobody heard a leader.
  void Elect(uint8_t number, size_t limit = 10000);
  Position Propose(uint8_t leader, const std::string& text);

  // Everything delivered so far, and what Step said.
  struct Delivered {
    Sent sent;
    Status status;
  };
  std::vector<Delivered> delivered;
  // Called after each delivery and for each output; may be empty.
  std::function<void(const Delivered&)> on_delivery;
  std::function<void(uint8_t, const Output&)> on_output;

  // Of all replicas' random numbers; never rolled back.
  RandomSource random(uint8_t number);

 private:
  Options options_;
  Membership membership_;
  std::map<uint8_t, Raft> replicas_;
  TestNetwork net_;
};

uint8_t NumberOf(const PeerId& id);

}  // namespace svr2::raft

#endif  // SVR2_RAFT_GROUP_TESTING_H_
