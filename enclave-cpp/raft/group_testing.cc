// SPDX-License-Identifier: Apache-2.0
//
// Several replicas and the network between them.

#include "raft/group_testing.h"

#include <algorithm>

#include "util/check.h"

namespace svr2::raft {

Options GroupOf(uint8_t voters, uint32_t super_majority) {
  Options options;
  options.group = GroupConfig{voters, kMaxMembers, super_majority};
  return options;
}

Position FirstState(const Membership& membership) {
  const util::Bytes payload = membership.Encode();
  return Position{1, 0, ChainHash(TestGroupKey(), EntryKind::kMembership, 1, 0, payload)};
}

uint8_t NumberOf(const PeerId& id) { return id[0]; }

bool TestNetwork::Take(Sent* sent) {
  for (auto next = queue_.begin(); next != queue_.end();) {
    const Link link{next->from, next->to};
    if (cut_.count(link) > 0) {
      next = queue_.erase(next);
    } else if (held_.count(link) > 0) {
      ++next;
    } else {
      *sent = std::move(*next);
      queue_.erase(next);
      return true;
    }
  }
  return false;
}

size_t TestNetwork::Drop(uint8_t from, uint8_t to) {
  const size_t before = queue_.size();
  const auto on_link = [from, to](const Sent& sent) { return sent.from == from && sent.to == to; };
  queue_.erase(std::remove_if(queue_.begin(), queue_.end(), on_link), queue_.end());
  return before - queue_.size();
}

TestGroup::TestGroup(const Options& options, uint8_t voters) : TestGroup(options, voters, voters) {}

TestGroup::TestGroup(const Options& options, uint8_t members, uint8_t voters)
    : options_(options), membership_(TestMembership(members, voters)) {
  for (uint8_t number = 1; number <= members; ++number) AddJoiner(number);
}

RandomSource TestGroup::random(uint8_t number) {
  // Shared by the copies of a replica: a rolled-back one draws other numbers than before.
  auto next = std::make_shared<uint64_t>(number);
  return [next]() -> Result<uint64_t> {
    // SplitMix64 (Steele and others, 2014).
    uint64_t mixed = *next += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  };
}

void TestGroup::AddJoiner(uint8_t number) {
  Result<Raft> raft = Raft::Join(options_, TestPeer(number), FirstState(membership_), membership_,
                                 1, random(number));
  SVR2_CHECK(raft.ok());
  replicas_.insert_or_assign(number, *raft);
}

void TestGroup::AddJoinerFrom(uint8_t number, uint8_t source) {
  const Raft& from = replicas_.at(source);
  SVR2_CHECK(from.membership_index() <= from.applied_index());
  Result<Raft> raft = Raft::Join(options_, TestPeer(number), from.applied(), from.membership(),
                                 from.membership_index(), random(number));
  SVR2_CHECK(raft.ok());
  replicas_.insert_or_assign(number, *raft);
}

void TestGroup::RollBack(uint8_t number, const Raft& memory) {
  replicas_.insert_or_assign(number, memory);
}

Output TestGroup::Take(uint8_t number) {
  Raft& raft = replicas_.at(number);
  Output output = raft.TakeOutput();
  for (Addressed& message : output.messages) {
    util::SecretBytes bytes;
    EncodeMessage(message.message, &bytes);
    SVR2_CHECK(bytes.size() == EncodedMessageBytes(message.message));
    Result<Message> decoded = DecodeMessage(util::View(bytes));
    SVR2_CHECK(decoded.ok());
    net_.Send(number, NumberOf(message.to), std::move(*decoded));
  }
  if (on_output) on_output(number, output);
  if (output.first_committed <= output.last_committed) raft.AppliedTo(output.last_committed);
  return output;
}

void TestGroup::TakeAll() {
  std::vector<uint8_t> numbers;
  for (const auto& replica : replicas_) numbers.push_back(replica.first);
  for (const uint8_t number : numbers) Take(number);
}

bool TestGroup::DeliverOne() {
  Delivered one;
  for (;;) {
    if (!net_.Take(&one.sent)) return false;
    if (Has(one.sent.to)) break;  // Otherwise it crashed.
  }
  one.status = replicas_.at(one.sent.to).Step(TestPeer(one.sent.from), one.sent.message);
  if (on_delivery) on_delivery(one);
  const uint8_t to = one.sent.to;
  delivered.push_back(std::move(one));
  Take(to);
  return true;
}

void TestGroup::Run(size_t limit) {
  TakeAll();
  while (limit > 0 && DeliverOne()) --limit;
}

void TestGroup::Tick(uint32_t ticks) {
  for (uint32_t i = 0; i < ticks; ++i) {
    TickOnly();
    Run();
  }
}

void TestGroup::TickOnly(uint32_t ticks) {
  for (uint32_t i = 0; i < ticks; ++i) {
    for (auto& replica : replicas_) replica.second.Tick();
  }
}

void TestGroup::Isolate(uint8_t number) {
  for (const auto& replica : replicas_) {
    if (replica.first == number) continue;
    net_.Cut(number, replica.first);
    net_.Cut(replica.first, number);
  }
}

void TestGroup::Heal() {
  for (auto& a : replicas_) {
    for (auto& b : replicas_) {
      if (a.first < b.first && (net_.IsCut(a.first, b.first) || net_.IsCut(b.first, a.first))) {
        Connect(a.first, b.first);
      }
    }
  }
  net_.MendAll();
}

void TestGroup::ConnectOnly(const std::set<uint8_t>& members) {
  net_.queue().clear();
  net_.MendAll();
  for (const auto& a : replicas_) {
    for (const auto& b : replicas_) {
      if (members.count(a.first) == 0 || members.count(b.first) == 0) net_.Cut(a.first, b.first);
    }
  }
}

void TestGroup::Connect(uint8_t a, uint8_t b) {
  net_.Drop(a, b);
  net_.Drop(b, a);
  net_.Mend(a, b);
  net_.Mend(b, a);
  if (Has(a)) replicas_.at(a).PeerConnected(TestPeer(b));
  if (Has(b)) replicas_.at(b).PeerConnected(TestPeer(a));
}

void TestGroup::Elect(uint8_t number, size_t limit) {
  for (auto& replica : replicas_) {
    if (replica.first != number) RaftTesting::ForgetLeader(&replica.second);
  }
  RaftTesting::Campaign(&replicas_.at(number));
  Run(limit);
}

Position TestGroup::Propose(uint8_t leader, const std::string& text) {
  const Result<Position> position = replicas_.at(leader).Propose(EntryKind::kData, Text(text));
  SVR2_CHECK(position.ok());
  return *position;
}

}  // namespace svr2::raft
